"""Coarser copies of a volume: their grids, and their voxels as area-weighted means.

Every level covers the volume from the same corner, so a point has the same physical position on
all of them, also where shapes do not divide. A voxel is the mean of what was measured under it
(exactly 0 is not measured); the last one along an axis may be covered in part.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linumpy.compute.resample import overlap_matrix, resample_axis
from linumpy.compute.walk import Block, Shape, fill
from linumpy.core.spacing import Spacing

Voxels = NDArray[np.float32]
Read = Callable[[Block], Voxels]
Weights = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
"""Of a block, (z, y, x): shape (coarse, fine) each."""

BLOCK_VOXELS = 2**22
"""Voxels of the finer level that are read at a time."""
_SAME = 1e-6  # relative: a target this close to a voxel size is that voxel size


@dataclass(frozen=True, slots=True)
class Grid:
    """The grid of one level; ``origin_mm`` is the centre of its first voxel, (z, y, x)."""

    shape: Shape
    spacing: Spacing
    origin_mm: tuple[float, float, float]


def plan_levels(base: Grid, targets_um: Sequence[float]) -> list[Grid]:
    """Return the grids of a pyramid: the base, then each coarser target, isotropic.

    Parameters
    ----------
    base : Grid
        The finest level; kept as it is.
    targets_um : sequence of float
        Voxel sizes wanted, µm; those not above the base's finest voxel are left out.

    Examples
    --------
    >>> grid = Grid((660, 800, 905), Spacing.from_um(10, 10, 10), (0.0, 0.0, 0.0))
    >>> [level.shape for level in plan_levels(grid, [10, 25, 50, 100])]
    [(660, 800, 905), (264, 320, 362), (132, 160, 181), (66, 80, 91)]
    """
    finest = min(base.spacing.zyx_um)
    wanted = sorted({float(target) for target in targets_um if target > finest * (1 + _SAME)})
    return [base, *(_coarser(base, target) for target in wanted)]


def choose_parent(levels: Sequence[Grid], i: int) -> int:
    """Return the level that level ``i`` is made from: the coarsest that divides it, else the base.

    Averages of whole voxels lose nothing; from the others the base is exact.
    """
    for parent in range(i - 1, 0, -1):
        factors = _factors(levels[parent], levels[i])
        if all(abs(factor - round(factor)) <= _SAME * factor for factor in factors):
            return parent
    return 0


def shrink(read: Read, fine: Grid, coarse: Grid, block: Block) -> Voxels:
    """Return a block of the coarser level from the finer one.

    Parameters
    ----------
    read : callable
        Block of the finer level → its voxels, float32.
    fine, coarse : Grid
        Both start at the same corner.
    block : tuple of slice
        Of the coarser level.

    Returns
    -------
    array, shape of the block, float32
        Reads about `BLOCK_VOXELS` voxels of the finer level at a time.
    """
    voxels: Voxels = _in_parts(read, _mean_of_measured, (fine, coarse), block)
    return voxels


def fill_coarser(
    arrays: Sequence[Any],  # Any: zarr.Array
    grids: Sequence[Grid],
    *,
    workers: int,
    progress: Callable[[float], None] = lambda _share: None,
) -> None:
    """Write every level but the finest, each from a finer one; one writer per shard.

    Parameters
    ----------
    arrays : sequence of array
        Open arrays with ``shards``, finest first; the finest is whole.
    grids : sequence of Grid
        From `plan_levels`.
    workers : int
        Threads.
    progress : callable
        Gets the share that is done, after each level.
    """
    for i, grid in enumerate(grids[1:], start=1):
        parent = choose_parent(grids, i)
        work = partial(shrink, arrays[parent].__getitem__, grids[parent], grid)
        fill(arrays[i], work, arrays[i].shards, workers=workers)
        progress(i / (len(grids) - 1))


def fill_coarser_labels(
    arrays: Sequence[Any],  # Any: zarr.Array
    grids: Sequence[Grid],
    *,
    workers: int,
) -> None:
    """Write every level of a label volume but the finest: the largest label under each voxel.

    So a label is 0 exactly where a level of the volume itself, by `fill_coarser`, is 0. Parameters
    as for `fill_coarser`.
    """
    for i, grid in enumerate(grids[1:], start=1):
        parent = choose_parent(grids, i)
        work = partial(_in_parts, arrays[parent].__getitem__, _largest, (grids[parent], grid))
        fill(arrays[i], work, arrays[i].shards, workers=workers)


def _in_parts(
    read: Callable[[Block], Any],
    reduce: Callable[[Any, Weights], Any],
    grids: tuple[Grid, Grid],
    block: Block,
) -> Any:  # Any: voxels or labels
    """Reduce what lies under a block, some planes at a time: about `BLOCK_VOXELS` are held."""
    fine, coarse = grids
    steps = zip(fine.spacing.zyx_mm, coarse.spacing.zyx_mm, fine.shape, block, strict=True)
    _, rows, columns = (_weights(*step) for step in steps)
    per_plane = _length(rows[0]) * _length(columns[0]) * math.ceil(_factors(fine, coarse)[0])
    n_at_once = max(1, BLOCK_VOXELS // max(per_plane, 1))
    parts = []
    for start in range(block[0].start, block[0].stop, n_at_once):
        part = slice(start, min(start + n_at_once, block[0].stop))
        z = _weights(fine.spacing.z_mm, coarse.spacing.z_mm, fine.shape[0], part)
        parts.append(reduce(read((z[0], rows[0], columns[0])), (z[1], rows[1], columns[1])))
    return np.concatenate(parts)


def _largest(labels: NDArray[np.uint32], weights: Weights) -> NDArray[np.uint32]:
    for axis, shares in enumerate(weights):
        under = shares > 0
        first = under.argmax(axis=1)
        stop = under.shape[1] - under[:, ::-1].argmax(axis=1)
        lines = np.moveaxis(labels, axis, 0)
        parts = [
            lines[low:high].max(axis=0)
            for low, high in zip(first.tolist(), stop.tolist(), strict=True)
        ]
        labels = np.stack(parts, axis=axis)
    return labels


def _mean_of_measured(voxels: Voxels, weights: Weights) -> Voxels:
    total = voxels
    support = (voxels != 0).astype(np.float32)
    for axis in (2, 1, 0):
        total = resample_axis(total, weights[axis], axis)
        support = resample_axis(support, weights[axis], axis)
    mean: Voxels = np.divide(total, support, out=np.zeros_like(total), where=support > 0)
    return mean


def _weights(
    fine_mm: float, coarse_mm: float, n_fine: int, part: slice
) -> tuple[slice, NDArray[np.float32]]:
    """Return which voxels of the finer axis lie under a part of the coarser, and their weights."""
    ratio = coarse_mm / fine_mm
    low = max(0, math.floor(part.start * ratio + _SAME))
    high = min(n_fine, math.ceil(part.stop * ratio - _SAME))
    matrix = overlap_matrix(
        high - low,
        fine_mm,
        part.stop - part.start,
        coarse_mm,
        start_in=low * fine_mm,
        start_out=part.start * coarse_mm,
    )
    return slice(low, high), matrix


def _coarser(base: Grid, target_um: float) -> Grid:
    target_mm = target_um / 1000
    pairs = list(zip(base.shape, base.spacing.zyx_mm, base.origin_mm, strict=True))
    z, y, x = (math.ceil(n * step / target_mm - _SAME) for n, step, _ in pairs)
    oz, oy, ox = (origin + (target_mm - step) / 2 for _, step, origin in pairs)
    return Grid((z, y, x), Spacing(target_mm, target_mm, target_mm), (oz, oy, ox))


def _factors(fine: Grid, coarse: Grid) -> list[float]:
    pairs = zip(coarse.spacing.zyx_mm, fine.spacing.zyx_mm, strict=True)
    return [big / small for big, small in pairs]


def _length(part: slice) -> int:
    return int(part.stop - part.start)
