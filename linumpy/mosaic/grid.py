"""From stage positions to the layout of tiles: signs, extents, shifts between slices.

Everything happens in the frame u = s · stage, s = ±1 per axis, in which positions rise with the
tile index: +x to larger columns, +y to larger rows. Stage positions are tile centres; the origin
of a mosaic is its pixel edge at index 0. No pixels here; refining the layout by image content is
the work of `linumpy.mosaic.overlap`.
"""

import itertools
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from linumpy.core.acquisition import Acquisition, RawSlice, Tile, TileInfo
from linumpy.core.geometry import XY, RigGeometry, SliceExtent, StageSign
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.core.tile_orientation import STANDARD, TileOrientation, is_turned
from linumpy.errors import BadFile, Suspicious, UnknownStageSign

_STILL = 1e-3  # a stage that moves less than this fraction of the field of view per tile stands
_SAME = 1e-6  # relative difference below which two lateral samplings are one
_DUST = 9  # decimals of mm: removes the rounding of binary fractions, a picometre is left


@dataclass(frozen=True, slots=True)
class PlacedTile:
    """One tile: its place in the grid, and its first pixel edge from the mosaic's origin, mm."""

    tile: Tile
    row: int
    column: int
    x_mm: float
    y_mm: float


def find_geometry(
    acquisition: Acquisition,
    *,
    sign_x: int | None = None,
    sign_y: int | None = None,
    overlap_fraction: float = 0.2,
    orientation: TileOrientation = STANDARD,
) -> RigGeometry:
    """Return the signs of the stage, the field of view and the tile step of an acquisition.

    Parameters
    ----------
    acquisition : Acquisition
        All its slices: the slope of stage position against tile index is taken over all of them.
    sign_x, sign_y : {1, -1}, optional
        Used instead of the slope.
    overlap_fraction : float
        Used only where no tile has a stage position; positions are then nominal.
    orientation : TileOrientation
        Which way the tiles lie.

    Raises
    ------
    BadFile
        If slices differ in lateral sampling, only some have stage positions, a slice runs against
        the others, or positions do not change with the index.

    Warns
    -----
    UnknownStageSign
        Along an axis with one tile the sign is +1, unless it is given.
    Suspicious
        If neighbouring tiles do not overlap.
    """
    first = _check_uniform(acquisition)
    fov = tile_fov_mm(first.info, orientation)
    if first.info.stage_x_mm is None:
        step = XY(fov.x * (1 - overlap_fraction), fov.y * (1 - overlap_fraction))
        return RigGeometry(
            stage_sign=StageSign(),
            fov_mm=fov,
            lateral_um=lateral_um(first.info, orientation),
            step_x_mm=step.x,
            step_y_mm=step.y,
            orientation=orientation,
            overlap_fraction=overlap_fraction,
        )
    slope_x = _slope(acquisition, "x", fov.x)
    slope_y = _slope(acquisition, "y", fov.y)
    return RigGeometry(
        stage_sign=StageSign(_sign("x", slope_x, sign_x), _sign("y", slope_y, sign_y)),
        fov_mm=fov,
        lateral_um=lateral_um(first.info, orientation),
        step_x_mm=_step("x", slope_x, fov.x),
        step_y_mm=_step("y", slope_y, fov.y),
        orientation=orientation,
    )


def shown_signs(acquisition: Acquisition, rig: RigGeometry) -> tuple[int | None, int | None]:
    """Return the signs (x, y) that the stage positions themselves show; None with one tile."""
    slopes = _slope(acquisition, "x", rig.fov_mm.x), _slope(acquisition, "y", rig.fov_mm.y)
    x, y = (None if slope is None else 1 if slope > 0 else -1 for slope in slopes)
    return x, y


def tile_fov_mm(info: TileInfo, orientation: TileOrientation) -> XY:
    """Return the field of view of a tile along X and Y, mm."""
    along = XY(info.width_um / 1000, info.height_um / 1000)
    return XY(along.y, along.x) if is_turned(orientation) else along


def lateral_um(info: TileInfo, orientation: TileOrientation) -> XY:
    """Return the pixel size along X and Y, µm."""
    along = XY(info.x_um, info.y_um)
    return XY(along.y, along.x) if is_turned(orientation) else along


def extent(raw_slice: RawSlice, rig: RigGeometry, *, stage_z_mm: float | None) -> SliceExtent:
    """Return where the mosaic of a slice begins and ends (domain: first and last pixel edge)."""
    x_mm = [_centre_mm(tile, "x", rig) for tile in raw_slice.tiles]
    y_mm = [_centre_mm(tile, "y", rig) for tile in raw_slice.tiles]
    half = XY(rig.fov_mm.x / 2, rig.fov_mm.y / 2)
    return SliceExtent(
        origin_mm=XY(round(min(x_mm) - half.x, _DUST), round(min(y_mm) - half.y, _DUST)),
        far_mm=XY(round(max(x_mm) + half.x, _DUST), round(max(y_mm) + half.y, _DUST)),
        grid=raw_slice.grid,
        n_tiles=len(raw_slice.tiles),
        nz=raw_slice.tiles[0].info.nz,
        stage_z_mm=stage_z_mm,
    )


def place_tiles(raw_slice: RawSlice, rig: RigGeometry) -> tuple[PlacedTile, ...]:
    """Return the tiles of a slice with their places; indices count from the smallest.

    ``x_mm``, ``y_mm`` are never negative: the origin is the smallest edge.
    """
    origin = extent(raw_slice, rig, stage_z_mm=None).origin_mm
    first_row = min(tile.y for tile in raw_slice.tiles)
    first_column = min(tile.x for tile in raw_slice.tiles)
    return tuple(
        PlacedTile(
            tile=tile,
            row=tile.y - first_row,
            column=tile.x - first_column,
            x_mm=_from_origin(_centre_mm(tile, "x", rig) - rig.fov_mm.x / 2, origin.x),
            y_mm=_from_origin(_centre_mm(tile, "y", rig) - rig.fov_mm.y / 2, origin.y),
        )
        for tile in raw_slice.tiles
    )


def vacant_mm(raw_slice: RawSlice, rig: RigGeometry) -> list[tuple[float, float]]:
    """Return the first edges (y, x) of the places without a tile, from the mosaic's origin, mm.

    A place lies where the tiles of its row and of its column lie on the mean; where there is none,
    a whole number of steps from the others.
    """
    placed = place_tiles(raw_slice, rig)
    rows = _lines([(one.row, one.y_mm) for one in placed], raw_slice.grid[0], rig.step_y_mm)
    columns = _lines([(one.column, one.x_mm) for one in placed], raw_slice.grid[1], rig.step_x_mm)
    there = {(one.row, one.column) for one in placed}
    places = itertools.product(range(raw_slice.grid[0]), range(raw_slice.grid[1]))
    return [(rows[row], columns[column]) for row, column in places if (row, column) not in there]


def _lines(found: list[tuple[int, float]], n: int, step_mm: float | None) -> list[float]:
    """Return where each row, or column, lies; one without a tile beside the nearest that has."""
    by_index: dict[int, list[float]] = {}
    for index, edge in found:
        by_index.setdefault(index, []).append(edge)
    means = {index: sum(edges) / len(edges) for index, edges in by_index.items()}
    nearest = [min(means, key=lambda known: abs(known - index)) for index in range(n)]
    return [means[k] + (index - k) * (step_mm or 0.0) for index, k in enumerate(nearest)]


def pairwise_shifts(extents: Mapping[SliceId, SliceExtent], lateral: XY) -> tuple[Shift, ...]:
    """Return the shift of every slice against the one before it.

    ``shift = origin(moving) − origin(fixed)``: the content of the moving slice goes that far to
    larger columns and rows. A grid that grew or shrank does not change this, the stage is believed
    (decisions 6), but makes the transition worth checking: ``reliable`` is False.

    Parameters
    ----------
    extents : mapping
        In the order of ids.
    lateral : XY
        Pixel size, µm.

    Examples
    --------
    >>> one = SliceExtent(XY(0.625, 0), XY(2.575, 1), grid=(1, 3), n_tiles=3, nz=4)
    >>> two = SliceExtent(XY(0.025, 0), XY(2.575, 1), grid=(1, 4), n_tiles=4, nz=4)
    >>> shift, = pairwise_shifts({SliceId(0): one, SliceId(2): two}, XY(10, 10))
    >>> (shift.fixed, shift.moving, shift.x_mm, shift.x_px, shift.reliable)
    ('00', '02', -0.6, -60.0, False)
    """
    return tuple(
        _shift(fixed, moving, extents, lateral) for fixed, moving in itertools.pairwise(extents)
    )


def _shift(
    fixed: SliceId, moving: SliceId, extents: Mapping[SliceId, SliceExtent], lateral: XY
) -> Shift:
    before, after = extents[fixed], extents[moving]
    x_mm = round(after.origin_mm.x - before.origin_mm.x, _DUST)
    y_mm = round(after.origin_mm.y - before.origin_mm.y, _DUST)
    return Shift(
        fixed=fixed,
        moving=moving,
        x_px=round(x_mm * 1000 / lateral.x, _DUST),
        y_px=round(y_mm * 1000 / lateral.y, _DUST),
        x_mm=x_mm,
        y_mm=y_mm,
        reliable=before.grid == after.grid,
    )


def _centre_mm(tile: Tile, axis: str, rig: RigGeometry) -> float:
    """Return the centre of a tile in the frame u."""
    if rig.overlap_fraction is not None:
        fov = rig.fov_mm.x if axis == "x" else rig.fov_mm.y
        index = tile.x if axis == "x" else tile.y
        return fov * ((1 - rig.overlap_fraction) * index + 0.5)
    sign = rig.stage_sign.x if axis == "x" else rig.stage_sign.y
    return sign * _stage_mm(tile, axis)


def _stage_mm(tile: Tile, axis: str) -> float:
    position = tile.info.stage_x_mm if axis == "x" else tile.info.stage_y_mm
    if position is None:
        raise BadFile(
            f"slice {tile.slice_id}: {tile.folder / 'info.txt'} has no stage_{axis}_pos_mm",
            hint="all tiles need their stage position, or none",
        )
    return position


def _from_origin(edge_mm: float, origin_mm: float) -> float:
    return max(0.0, round(edge_mm - origin_mm, _DUST))


def _check_uniform(acquisition: Acquisition) -> Tile:
    """Return the first tile; all slices share its lateral sampling, galvo lines and stage keys."""
    first = next(iter(acquisition.slices.values())).tiles[0]
    for raw_slice in acquisition.slices.values():
        tile = raw_slice.tiles[0]
        one, other = first.info, tile.info
        for name in ("nx", "ny", "n_extra"):
            if getattr(one, name) != getattr(other, name):
                raise _differ(first, tile, name)
        for name in ("width_um", "height_um"):
            if abs(getattr(one, name) - getattr(other, name)) > _SAME * getattr(one, name):
                raise _differ(first, tile, name)
        if (one.stage_x_mm is None) != (other.stage_x_mm is None):
            raise _differ(first, tile, "stage_x_mm")
    return first


def _differ(first: Tile, tile: Tile, name: str) -> BadFile:
    return BadFile(
        f"slices {first.slice_id} and {tile.slice_id} differ in {name}: "
        f"{getattr(first.info, name)} in {first.folder / 'info.txt'}, "
        f"{getattr(tile.info, name)} in {tile.folder / 'info.txt'}",
        hint="one acquisition has one lateral sampling; move the other one's slices away",
    )


def _slope(acquisition: Acquisition, axis: str, fov_mm: float) -> float | None:
    """Return mm of stage per tile index over all slices, None where no slice has two tiles."""
    found = [
        (slice_id, *_moments(raw_slice.tiles, axis))
        for slice_id, raw_slice in acquisition.slices.items()
    ]
    spread = sum(second for _id, _first, second in found)
    if spread == 0:
        return None
    slope = sum(first for _id, first, _second in found) / spread
    if abs(slope) < _STILL * fov_mm:
        raise BadFile(
            f"stage_{axis}_pos_mm changes by {slope:g} mm per tile, the field of view is "
            f"{fov_mm:g} mm",
            hint="the headers of this acquisition cannot place its tiles; correct them, or remove "
            "the stage keys to use nominal positions",
        )
    against = [slice_id for slice_id, first, _second in found if first * slope < 0]
    if against:
        raise BadFile(
            f"stage_{axis}_pos_mm of slice {', '.join(against)} runs against that of the others "
            f"({slope:g} mm per tile)",
            hint="correct the tile numbers or the stage positions of that slice, or leave it out",
        )
    return slope


def _moments(tiles: Iterable[Tile], axis: str) -> tuple[float, float]:
    """Return Σ(i − ī)(p − p̄) and Σ(i − ī)² over the tiles of one slice.

    Centred per slice: a glitch that moves a whole slice must not tilt the slope.
    """
    pairs = [(tile.x if axis == "x" else tile.y, _stage_mm(tile, axis)) for tile in tiles]
    mean_i = sum(i for i, _p in pairs) / len(pairs)
    mean_p = sum(p for _i, p in pairs) / len(pairs)
    first = sum((i - mean_i) * (p - mean_p) for i, p in pairs)
    return first, sum((i - mean_i) ** 2 for i, _p in pairs)


def _sign(axis: str, slope: float | None, given: int | None) -> int:
    if given is not None:
        return given
    if slope is not None:
        return 1 if slope > 0 else -1
    warnings.warn(
        f"one tile along {axis}: the sign of the stage is unknown and taken as +1; "
        f"--stage_sign_{axis} sets it",
        UnknownStageSign,
        stacklevel=3,
    )
    return 1


def _step(axis: str, slope: float | None, fov_mm: float) -> float | None:
    if slope is None:
        return None
    if abs(slope) > fov_mm:
        warnings.warn(
            f"tiles are {abs(slope):g} mm apart along {axis} and {fov_mm:g} mm wide: "
            "they do not overlap",
            Suspicious,
            stacklevel=3,
        )
    return round(abs(slope), _DUST)
