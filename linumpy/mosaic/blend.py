"""The output pass: tiles straight onto the slice's lattice, feathered, written once.

Every tile is read once, resampled along z, y and x by three small matrices whose phase is its
sub-pixel position, and added to a band of output rows; rows that no later tile touches leave the
band finished. Holds the tiles in flight and a band as high as a tile, at the working resolution;
of a wide slice, one strip of columns at a time.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from linumpy.compute.resample import resample_axis, resampling_matrix
from linumpy.mosaic.canvas import Canvas, TileWindow

_PHASES = 8
"""Depth offsets are rounded to 1 / 8 of the larger of input and output voxel."""


@dataclass(frozen=True, slots=True)
class Band:
    """Finished output rows from ``start``: (n_planes, rows, width), and where there are data."""

    start: int
    values: NDArray[np.float32]
    has_data: NDArray[np.bool_]


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
    narrow = resample_axis(planes, put(window.x.matrix()), 2)
    return resample_axis(narrow, put(window.y.matrix()), 1)


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
