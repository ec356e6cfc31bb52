"""How the commands ask the overlaps which way the tiles lie: slices and tiles that show most."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
from numpy.typing import NDArray

from linumpy.core import tile_orientation
from linumpy.core.acquisition import Acquisition, RawSlice, Tile
from linumpy.core.geometry import RigGeometry
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, LinumpyError
from linumpy.io.glance import glance, project
from linumpy.io.tiles import PixelSequence
from linumpy.mosaic import grid, orientation
from linumpy.mosaic.orientation import AXES, Verdict
from linumpy.preproc import xyzcorr
from linumpy.report.preview import PreviewSlice

log = logging.getLogger(__name__)

MOST_CANDIDATES = 9
"""Slices that are looked at to find the one with the most tissue, spread over the acquisition."""
MOST_TILES = 20
"""Tiles of a slice that are read whole, neighbours that both show much."""
LOOK_LINES, LOOK_SCANS = 32, 4
PICTURE_PX, TILE_PX = 480, (8, 64)
"""Pixels that a side of a slice, and the least and most that a side of a tile, is worth."""
PICTURE_BYTES, LEAST_SCANS = 12e9, 4
"""What a picture of all slices may read: B-scans of a tile become fewer, down to so many."""
FINE_PX = 256
"""Sides of tiles that are at least twice as long are averaged down towards this."""


@dataclass(frozen=True, slots=True)
class Examined:
    """What was found, on which slices, and which stage signs the headers contradict."""

    verdict: Verdict
    slice_ids: tuple[SliceId, ...]
    rig: RigGeometry
    contradicted: tuple[str, ...]

    @property
    def is_wrong(self) -> bool:
        """Whether another orientation fits clearly better."""
        return bool(self.verdict.better)


Planes = Mapping[tuple[int, int], NDArray[np.float32] | None]
"""Coarse plane (A-line, B-scan) of every tile by (x, y); None where it cannot be read."""
Tissue = Mapping[tuple[int, int], float]
"""What each readable tile shows."""


def sampling_of(acquisition: Acquisition) -> tuple[int, int]:
    """Return the lines and the B-scans of a tile that a picture of all slices is worth."""
    side = max(max(raw.grid) for raw in acquisition.slices.values())
    lines = int(np.clip(PICTURE_PX // side, *TILE_PX))
    n_tiles = sum(len(raw.tiles) for raw in acquisition.slices.values())
    affordable = int(PICTURE_BYTES / n_tiles / acquisition.first_info.frame_bytes)
    return lines, min(lines, max(affordable, LEAST_SCANS))


def look_at(raw: RawSlice, *, lines: int, scans: int, workers: int) -> Planes:
    """Return a coarse plane of every tile by (x, y), None for one that cannot be read."""
    with ThreadPoolExecutor(workers) as pool:
        planes = list(pool.map(partial(_glance, lines=lines, scans=scans), raw.tiles))
    return {(t.x, t.y): plane for t, plane in zip(raw.tiles, planes, strict=True)}


def tissue_of(planes: Planes) -> Tissue:
    """Return how much each readable tile shows: the spread of its brightness."""
    return {at: float(plane.std()) for at, plane in planes.items() if plane is not None}


def by_tissue(acquisition: Acquisition, *, workers: int) -> list[tuple[RawSlice, Tissue]]:
    """Return some slices with what their tiles show, those with the most tissue first."""
    ids = acquisition.ids
    count = min(len(ids), MOST_CANDIDATES)
    chosen = [ids[int((i + 0.5) * len(ids) / count)] for i in range(count)]
    look = partial(look_at, lines=LOOK_LINES, scans=LOOK_SCANS, workers=workers)
    return rank(acquisition, {one: tissue_of(look(acquisition.slices[one])) for one in chosen})


def rank(
    acquisition: Acquisition, tissue: Mapping[SliceId, Tissue]
) -> list[tuple[RawSlice, Tissue]]:
    """Return the slices with what their tiles show, those with the most tissue first."""
    ids = sorted(tissue, key=lambda one: (-sum(tissue[one].values()), one))
    return [(acquisition.slices[one], tissue[one]) for one in ids]


def examine(
    acquisition: Acquisition,
    rig: RigGeometry,
    slices: Sequence[tuple[RawSlice, Tissue]],
    *,
    workers: int,
    at_least: int = 1,
) -> Examined:
    """Compare the orientations on the first slices of a list, until there are overlaps enough."""
    used: list[SliceId] = []

    def fits() -> Iterator[orientation.Fits]:
        for raw, tissue in slices[: orientation.MOST_SLICES]:
            planes = _planes(raw, rig, tissue, workers=workers)
            if planes:
                used.append(raw.slice_id)
                yield orientation.compare(planes, _sampling_mm(raw))

    verdict = orientation.judge_in_turn(fits(), rig.orientation, at_least=at_least)
    return Examined(verdict, tuple(used), rig, _contradicted(acquisition, rig))


def say(examined: Examined) -> str:
    """Return the result as one line."""
    verdict = examined.verdict
    if not examined.slice_ids or not any(verdict.n_pairs.values()):
        return "tile orientation: too few neighbouring tiles to compare"
    found = _strength(verdict, verdict.in_force)
    where = f"{sum(verdict.n_pairs.values())} overlaps of slice {', '.join(examined.slice_ids)}"
    if verdict.better:
        best = verdict.better[0]
        return (
            f"tile orientation: {where} fit {best} ({_strength(verdict, best)}), "
            f"not {verdict.in_force} ({found}), which is in force"
        )
    if verdict.is_seen:
        return f"tile orientation: {verdict.in_force}; {where} agree ({found}; chance gives 0)"
    return (
        f"tile orientation: {where} do not tell ({verdict.in_force} in force: {found}; "
        "chance gives 0)"
    )


def refuse(examined: Examined) -> BadValue:
    """Return the error that names what would fit."""
    return BadValue(
        say(examined),
        hint=f"{remedy(examined)}; linum_reconstruct.py RAW OUT --check --picture shows it, "
        "--force_orientation goes on as it is",
    )


def remedy(examined: Examined) -> str:
    """Return the flag that makes the overlaps agree."""
    verdict, rig = examined.verdict, examined.rig
    best = verdict.better[0]
    flipped = [axis for axis in AXES if _is_mirrored(verdict.in_force, best, axis)]
    flag = f"give --tile_orientation {best}"
    if best == tile_orientation.LEGACY:
        flag = f"give --legacy_orientation (short for --tile_orientation {best})"
    if tile_orientation.is_turned(best) != tile_orientation.is_turned(verdict.in_force):
        return flag
    if flipped and set(flipped) <= set(examined.contradicted):
        names = " and ".join(f"--stage_sign_{axis}" for axis in flipped)
        return f"leave out {names}: the stage positions say the opposite"
    signs = {"x": rig.stage_sign.x, "y": rig.stage_sign.y}
    other = " ".join(f"--stage_sign_{axis} {-signs[axis]}" for axis in flipped)
    image = "its mirror image" if len(flipped) == 1 else "the same, turned by 180°"
    return f"{flag}, or {other} ({image}: overlaps do not tell which, the rig does)"


def both_ways(
    ranked: Sequence[tuple[RawSlice, Tissue]],
    examined: Examined,
    seen: Mapping[SliceId, Planes],
    lay: Callable[[RawSlice, RigGeometry, Planes], PreviewSlice],
) -> dict[str, tuple[PreviewSlice, tuple[float, float]]]:
    """Return one slice as it is laid and as it would fit, where these differ.

    One with much tissue, not with the most: damage shows as contrast, too. Each stands with the
    (y, x) of its tiles; ``lay`` makes a slice of the picture.
    """
    if not examined.is_wrong:
        return {}
    rig, raw = examined.rig, ranked[len(ranked) // 3][0]
    found = {}
    for text, lies in (("in force", rig.orientation), ("would fit", examined.verdict.better[0])):
        fov = grid.tile_fov_mm(raw.tiles[0].info, lies)
        other = replace(rig, orientation=lies, fov_mm=fov)
        name = f"slice {raw.slice_id}, {text}: tiles {lies}"
        found[name] = (lay(raw, other, seen[raw.slice_id]), (fov.y, fov.x))
    return found


def to_json(examined: Examined) -> dict[str, object]:
    """Return the numbers behind the result."""
    verdict = examined.verdict
    return {
        "slice_ids": list(examined.slice_ids),
        "n_overlaps": dict(verdict.n_pairs),
        "in_force": verdict.in_force,
        "stage_sign": {"x": examined.rig.stage_sign.x, "y": examined.rig.stage_sign.y},
        "fits_better": list(verdict.better),
        "agrees": verdict.is_seen,
        "strengths": {
            one: {axis: round(value, 3) for axis, value in fit.items()}
            for one, fit in verdict.strengths.items()
        },
    }


def _glance(tile: Tile, *, lines: int, scans: int) -> NDArray[np.float32] | None:
    try:
        return glance(tile, lines=lines, scans=scans)
    except LinumpyError as error:
        log.info("%s", error)
        return None


def _planes(
    raw: RawSlice,
    rig: RigGeometry,
    tissue: Tissue,
    *,
    workers: int,
) -> list[orientation.TilePlane]:
    """Return the tiles that show most, galvo return taken out, averaged down."""
    best = _best_tiles(tissue)
    placed = [one for one in grid.place_tiles(raw, rig) if (one.tile.x, one.tile.y) in best]
    shift_px = _galvo_shift([one.tile for one in placed])
    with ThreadPoolExecutor(workers) as pool:
        planes = list(pool.map(partial(_project, shift_px=shift_px), [p.tile for p in placed]))
    return [
        orientation.TilePlane(plane, one.row, one.column, one.y_mm, one.x_mm)
        for one, plane in zip(placed, planes, strict=True)
        if plane is not None
    ]


def _best_tiles(tissue: Tissue) -> set[tuple[int, int]]:
    """Return the tiles of the neighbours that both show most, about `MOST_TILES`."""
    pairs = [
        (one, other)
        for one in tissue
        for other in ((one[0] + 1, one[1]), (one[0], one[1] + 1))
        if other in tissue
    ]
    best: set[tuple[int, int]] = set()
    for pair in sorted(pairs, key=lambda pair: (-min(tissue[at] for at in pair), pair)):
        if len(best) >= MOST_TILES:
            break
        best.update(pair)
    return best


def _galvo_shift(tiles: Sequence[Tile]) -> int:
    """Return the roll that puts the galvo return of a slice to the end; 0 where none is seen."""
    if not tiles or tiles[0].info.n_extra == 0:
        return 0
    try:
        return xyzcorr.detect_galvo_for_slice(PixelSequence(tiles), tiles[0].info.n_extra)[0]
    except LinumpyError as error:
        log.info("%s", error)
        return 0


def _project(tile: Tile, *, shift_px: int) -> NDArray[np.float32] | None:
    try:
        plane = np.roll(project(tile), shift_px, axis=0)[: tile.info.nx]
    except LinumpyError as error:
        log.info("%s", error)
        return None
    factor = _factor(tile.info.nx, tile.info.ny)
    a, b = (n // factor for n in plane.shape)
    blocks = plane[: a * factor, : b * factor].reshape(a, factor, b, factor)
    mean: NDArray[np.float32] = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean


def _sampling_mm(raw: RawSlice) -> tuple[float, float]:
    """Return the sampling of averaged tiles between A-lines and between B-scans."""
    info = raw.tiles[0].info
    factor = _factor(info.nx, info.ny)
    return info.x_um * factor / 1000, info.y_um * factor / 1000


def _factor(nx: int, ny: int) -> int:
    return max(1, max(nx, ny) // FINE_PX)


def _contradicted(acquisition: Acquisition, rig: RigGeometry) -> tuple[str, ...]:
    """Return the axes whose sign in force is not the one that the stage positions show."""
    if rig.overlap_fraction is not None:
        return ()
    shown = grid.shown_signs(acquisition, rig)
    return tuple(
        axis
        for axis, mine, seen in (
            ("x", rig.stage_sign.x, shown[0]),
            ("y", rig.stage_sign.y, shown[1]),
        )
        if seen is not None and seen != mine
    )


def _is_mirrored(
    one: tile_orientation.TileOrientation, other: tile_orientation.TileOrientation, axis: str
) -> bool:
    words = ("left", "right") if axis == "x" else ("up", "down")
    mine, its = (next(w for w in name.split("_") if w in words) for name in (one, other))
    return mine != its


def _strength(verdict: Verdict, one: tile_orientation.TileOrientation) -> str:
    values = [
        f"{axis} {verdict.strengths[one][axis]:.1f}" for axis in AXES if verdict.n_pairs[axis]
    ]
    return ", ".join(values)
