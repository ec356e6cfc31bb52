"""The output pass: tiles straight onto the slice's lattice, feathered, written once.

Every tile is read once, resampled along z, y and x by three small matrices whose phase is its
sub-pixel position, and added to a band of output rows; rows that no later tile touches leave the
band finished. Holds the tiles in flight and a band as high as a tile, at the working resolution;
of a wide slice, one strip of columns at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from linumpy.compute.resample import resample_axis, resampling_matrix
from linumpy.mosaic.stitch import Place

_COVERED = 0.5
_LEAST_WEIGHT = 1e-3
_PHASES = 8
"""Depth offsets are rounded to 1 / 8 of the larger of input and output voxel."""


@dataclass(frozen=True, slots=True)
class AxisWindow:
    """One axis of a tile on the output lattice.

    ``start`` is the first output index; ``matrix`` (n_out, n_in) resamples, its rows sum to 1 or
    0; ``feather`` (n_out,) is the weight in blending, 0 where the row is 0.
    """

    start: int
    matrix: NDArray[np.float32]
    feather: NDArray[np.float32]

    @property
    def stop(self) -> int:
        """One past the last output index."""
        return self.start + len(self.feather)


@dataclass(frozen=True, slots=True)
class TileWindow:
    """A tile on the output lattice, along y and x."""

    place: Place
    y: AxisWindow
    x: AxisWindow


@dataclass(frozen=True, slots=True)
class Canvas:
    """All tiles on the lattice of a slice: index k covers [k, k + 1) · ``resolution_um``.

    ``rows`` and ``columns`` are the indices [first, stop) that any tile touches.
    """

    resolution_um: float
    rows: tuple[int, int]
    columns: tuple[int, int]
    windows: tuple[TileWindow, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in voxels."""
        return (self.rows[1] - self.rows[0], self.columns[1] - self.columns[0])


@dataclass(frozen=True, slots=True)
class Band:
    """Finished output rows from ``start``: (n_planes, rows, width), and where there are data."""

    start: int
    values: NDArray[np.float32]
    has_data: NDArray[np.bool_]


def axis_window(
    n: int, step_um: float, position_um: float, *, resolution_um: float, overlap_um: float
) -> AxisWindow:
    """Return how one axis of a tile falls on the lattice whose edges are multiples of a voxel.

    Parameters
    ----------
    n : int
        Native pixels.
    step_um, position_um : float
        Native sampling, and the first pixel's edge in the lattice's frame.
    resolution_um : float
        Voxel of the lattice.
    overlap_um : float
        Width over which the weight rises from the tile's border to 1.

    Notes
    -----
    The weight is sin² of the distance to the nearer border, taken at output centres and applied
    after resampling: it moves no content. It never quite vanishes, so a border that only one tile
    covers is kept.
    """
    slack = 1e-6
    start = int(np.floor(position_um / resolution_um + slack))
    stop = int(np.ceil((position_um + n * step_um) / resolution_um - slack))
    n_out = max(1, stop - start)
    matrix = resampling_matrix(
        n,
        step_um,
        n_out,
        resolution_um,
        start_in=position_um - start * resolution_um,
    )
    covered = matrix.sum(axis=1)
    good = covered >= _COVERED
    matrix = np.where(good[:, None], matrix / np.maximum(covered, 1e-6)[:, None], 0)
    centre = (start + np.arange(n_out) + 0.5) * resolution_um - position_um
    distance = np.minimum(centre, n * step_um - centre)
    ramp = np.sin(np.pi / 2 * np.clip(distance / max(overlap_um, 1e-6), 0, 1)) ** 2
    feather = np.where(good, np.maximum(ramp, _LEAST_WEIGHT), 0)
    return AxisWindow(start, matrix.astype(np.float32), feather.astype(np.float32))


def plan_canvas(
    position_um: Mapping[Place, tuple[float, float]],
    *,
    tile_px: tuple[int, int],
    step_um: tuple[float, float],
    resolution_um: float,
) -> Canvas:
    """Return where every tile falls on the lattice, in the order of the grid.

    Parameters
    ----------
    position_um : mapping
        First pixel edge (y, x) of each tile in the lattice's frame.
    tile_px : (int, int)
        Pixels of a tile along (y, x).
    step_um : (float, float)
        Native sampling along (y, x).
    resolution_um : float
        Voxel of the lattice.

    Notes
    -----
    The feather is as wide as the median overlap along its axis, at least two pixels.
    """
    places = sorted(position_um)
    overlap = [
        _median_overlap_um(places, position_um, axis, tile_px[axis] * step_um[axis], step_um[axis])
        for axis in (0, 1)
    ]
    windows = []
    for place in places:
        y, x = (
            axis_window(
                tile_px[axis],
                step_um[axis],
                position_um[place][axis],
                resolution_um=resolution_um,
                overlap_um=overlap[axis],
            )
            for axis in (0, 1)
        )
        windows.append(TileWindow(place, y, x))
    return Canvas(
        resolution_um=resolution_um,
        rows=(min(w.y.start for w in windows), max(w.y.stop for w in windows)),
        columns=(min(w.x.start for w in windows), max(w.x.stop for w in windows)),
        windows=tuple(windows),
    )


def split_columns(canvas: Canvas, width: int) -> list[Canvas]:
    """Return a canvas in strips of ``width`` columns; a tile that reaches into two is in both.

    Examples
    --------
    >>> window = axis_window(8, 10.0, 0.0, resolution_um=10.0, overlap_um=20.0)
    >>> whole = Canvas(10.0, (0, 8), (0, 8), (TileWindow((0, 0), window, window),))
    >>> [strip.columns for strip in split_columns(whole, 5)]
    [(0, 5), (5, 8)]
    """
    first, last = canvas.columns
    strips = []
    for low in range(first, last, width):
        high = min(low + width, last)
        windows = tuple(
            TileWindow(w.place, w.y, _clip(w.x, low, high))
            for w in canvas.windows
            if w.x.start < high and w.x.stop > low
        )
        strips.append(Canvas(canvas.resolution_um, canvas.rows, (low, high), windows))
    return strips


def _clip(axis: AxisWindow, low: int, high: int) -> AxisWindow:
    start, stop = max(axis.start, low), min(axis.stop, high)
    part = slice(start - axis.start, stop - axis.start)
    return AxisWindow(start, axis.matrix[part], axis.feather[part])


@dataclass(frozen=True, slots=True)
class DepthPhases:
    """Columns of a tile grouped by where the surface lies under them.

    ``order`` sorts the columns (ny · nx) by group, ``counts`` are the sizes, ``matrices`` one
    (n_planes, nz) per group; planes that the data do not cover are rows of 0.
    """

    order: NDArray[np.intp]
    counts: tuple[int, ...]
    matrices: tuple[NDArray[np.float32], ...]

    def coverage(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """Return 1 where a plane is covered and 0 where not, (n_planes, ny, nx) or (…, 1, 1)."""
        shares = [np.sign(matrix.sum(axis=1)) for matrix in self.matrices]
        if all(np.array_equal(shares[0], share) for share in shares):
            alike: NDArray[np.float32] = shares[0][:, None, None]
            return alike
        covered = np.empty((len(shares[0]), len(self.order)), np.float32)
        covered[:, self.order] = np.repeat(np.stack(shares, axis=1), self.counts, axis=1)
        return covered.reshape(-1, *shape)


def depth_phases(
    surface_vox: NDArray[np.float64], nz: int, *, n_planes: int, step_vox: float
) -> DepthPhases:
    """Return how to resample along depth so that plane 0 begins at the surface everywhere.

    Parameters
    ----------
    surface_vox : array, shape (ny, nx)
        Depth of the surface, native voxels.
    nz : int
    n_planes : int
    step_vox : float
        Output plane in native voxels.
    """
    quantum = max(1.0, step_vox) / _PHASES
    phase = np.rint(surface_vox.ravel() / quantum).astype(np.int64)
    groups, inverse, counts = np.unique(phase, return_inverse=True, return_counts=True)
    matrices = []
    for group in groups:
        matrix = resampling_matrix(nz, 1.0, n_planes, step_vox, start_out=float(group * quantum))
        # A plane half a phase beyond the data is still covered: the phase was rounded.
        whole = matrix.sum(axis=1) >= 1 - 1.5 * quantum / max(1.0, step_vox)
        share = np.maximum(matrix.sum(axis=1), 1e-6)
        matrices.append(np.where(whole[:, None], matrix / share[:, None], 0).astype(np.float32))
    order = np.argsort(inverse, kind="stable")
    return DepthPhases(order, tuple(int(count) for count in counts), tuple(matrices))


def resample_depth(tile: Any, phases: DepthPhases, put: Callable[[NDArray[Any]], Any]) -> Any:
    """Resample a tile along depth, group by group.

    Parameters
    ----------
    tile : array of any namespace, shape (nz, ny, nx), float32
    phases : DepthPhases
    put : callable
        numpy array → array of the tile's namespace.

    Returns
    -------
    array of the tile's namespace, shape (n_planes, ny, nx)
    """
    xp = array_namespace(tile)
    nz, ny, nx = tile.shape
    columns = xp.reshape(tile, (nz, ny * nx))
    if len(phases.matrices) == 1:
        return xp.reshape(_depth_matmul(phases.matrices[0], columns, put), (-1, ny, nx))
    parts, start = [], 0
    for matrix, count in zip(phases.matrices, phases.counts, strict=True):
        group = xp.take(columns, put(phases.order[start : start + count]), axis=1)
        parts.append(_depth_matmul(matrix, group, put))
        start += count
    back = np.empty_like(phases.order)
    back[phases.order] = np.arange(len(back))
    joined = xp.take(xp.concat(parts, axis=1), put(back), axis=1)
    return xp.reshape(joined, (-1, ny, nx))


def _depth_matmul(
    matrix: NDArray[np.float32],
    columns: Any,  # Any: array of any namespace
    put: Callable[[NDArray[Any]], Any],  # Any: as above
) -> Any:
    """Multiply by the part of the matrix that is not 0: water above and what is cropped below."""
    used = np.flatnonzero(matrix.any(axis=0))
    low, high = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, 1)
    return put(np.ascontiguousarray(matrix[:, low:high])) @ columns[low:high, :]


def resample_lateral(planes: Any, window: TileWindow, put: Callable[[NDArray[Any]], Any]) -> Any:
    """Resample (n_planes, ny, nx) onto the tile's window of the lattice."""
    narrow = resample_axis(planes, put(window.x.matrix), 2)
    return resample_axis(narrow, put(window.y.matrix), 1)


@dataclass(frozen=True, slots=True)
class TileKernel:
    """What one tile becomes on the lattice: background and field removed, resampled.

    ``inverse_field`` has shape (ny, nx); ``put`` and ``get`` are the way to the device and back.
    """

    background: float
    inverse_field: NDArray[np.float32]
    put: Callable[[NDArray[Any]], Any]  # Any: an array of the device's namespace
    get: Callable[[Any], NDArray[np.float32]]  # Any: as above

    def __call__(
        self, tile: NDArray[np.float32], phases: DepthPhases, window: TileWindow
    ) -> NDArray[np.float32]:
        """Return the tile on its window, shape (n_planes, h, w)."""
        planes = resample_depth(self.put(tile), phases, self.put)
        # A plane that the data do not cover is 0 and has no background to lose.
        covered = self.put(phases.coverage(tile.shape[1:]))
        planes = (planes - self.background * covered) * self.put(self.inverse_field)[None, :, :]
        return self.get(resample_lateral(planes, window, self.put))


def blend(
    tiles: Iterable[NDArray[np.float32]],
    canvas: Canvas,
    *,
    n_planes: int,
    band_rows: int,
) -> Iterator[Band]:
    """Average resampled tiles by their weights; yield bands of finished rows, top to bottom.

    Parameters
    ----------
    tiles : iterable of array, shape (n_planes, h, w)
        In the order of the canvas's windows.
    canvas : Canvas
    n_planes : int
    band_rows : int
        Bands begin at multiples of this, counted from the first row: a writer owns whole shards.
    """
    windows, rows, columns = canvas.windows, canvas.rows, canvas.columns
    width = columns[1] - columns[0]
    total = np.zeros((n_planes, 0, width), np.float32)
    weight = np.zeros((0, width), np.float32)
    done = rows[0]
    first_row_after = _suffix_minimum([window.y.start for window in windows])
    for i, (window, values) in enumerate(zip(windows, tiles, strict=True)):
        grow = window.y.stop - done - total.shape[1]
        if grow > 0:
            total = np.pad(total, ((0, 0), (0, grow), (0, 0)))
            weight = np.pad(weight, ((0, grow), (0, 0)))
        at = (
            slice(window.y.start - done, window.y.stop - done),
            slice(window.x.start - columns[0], window.x.stop - columns[0]),
        )
        share = np.outer(window.y.feather, window.x.feather)
        total[:, at[0], at[1]] += values * share
        weight[at] += share
        last = i + 1 == len(windows)
        safe = rows[1] if last else min(first_row_after[i + 1], rows[1])
        n_ready = safe - done if last else (safe - done) // band_rows * band_rows
        if n_ready <= 0:
            continue
        yield from _split(total[:, :n_ready], weight[:n_ready], done, band_rows)
        total, weight = total[:, n_ready:].copy(), weight[n_ready:].copy()
        done += n_ready


def _split(
    total: NDArray[np.float32], weight: NDArray[np.float32], start: int, band_rows: int
) -> Iterator[Band]:
    for low in range(0, len(weight), band_rows):
        part = weight[low : low + band_rows]
        has_data = part > 0
        divisor = np.where(has_data, part, 1).astype(np.float32)
        values = (total[:, low : low + band_rows] / divisor).astype(np.float32, copy=False)
        yield Band(start + low, values, has_data)


def _suffix_minimum(values: Sequence[int]) -> list[int]:
    found: list[int] = [int(v) for v in np.minimum.accumulate(list(values)[::-1])]
    return found[::-1]


def _median_overlap_um(
    places: Sequence[Place],
    position_um: Mapping[Place, tuple[float, float]],
    axis: int,
    size_um: float,
    step_um: float,
) -> float:
    known = set(places)
    overlaps = []
    for place in places:
        after = (place[0] + 1, place[1]) if axis == 0 else (place[0], place[1] + 1)
        if after in known:
            overlaps.append(size_um - (position_um[after][axis] - position_um[place][axis]))
    return max(float(np.median(overlaps)) if overlaps else 0.0, 2 * step_um)
