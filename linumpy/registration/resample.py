"""A volume resampled through an affine map, block by block: one linear interpolation."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.core.spacing import Spacing
from linumpy.registration.atlas import Affine

Voxels = NDArray[np.float32]
Block = tuple[slice, slice, slice]

SUPPORT = 0.5
"""Share of the interpolation weight that must fall on measured voxels."""
_EDGE = 1e-6  # voxels


@dataclass(frozen=True, slots=True)
class Grid:
    """A grid in mm; ``origin_mm`` is the centre of its first voxel."""

    shape: tuple[int, int, int]
    spacing: Spacing
    origin_mm: tuple[float, float, float]

    @property
    def corners_mm(self) -> NDArray[np.float64]:
        """The eight outer corners, shape (8, 3): edges of voxels, not their centres."""
        step, n = np.array(self.spacing.zyx_mm), np.array(self.shape)
        low = np.array(self.origin_mm) - step / 2
        unit = np.array(np.meshgrid([0, 1], [0, 1], [0, 1], indexing="ij")).reshape(3, -1).T
        return np.asarray(low + unit * n * step, dtype=np.float64)


def enclosing_grid(source: Grid, transform: Affine, step_mm: float) -> Grid:
    """Return the grid that holds the mapped volume whole; voxel edges at multiples of the step."""
    corners = transform(source.corners_mm)
    low = np.floor(corners.min(axis=0) / step_mm + _EDGE)
    high = np.ceil(corners.max(axis=0) / step_mm - _EDGE)
    z, y, x = (int(n) for n in high - low)
    oz, oy, ox = (float(v) for v in (low + 0.5) * step_mm)
    return Grid((z, y, x), Spacing(step_mm, step_mm, step_mm), (oz, oy, ox))


def resample_block(
    read: Callable[[Block], Voxels], source: Grid, target: Grid, back: Affine, block: Block
) -> Voxels:
    """Return a block of the target grid.

    Parameters
    ----------
    read : callable
        Block of the source → its voxels, float32.
    source, target : Grid
    back : Affine
        From points of the target to points of the source, mm.
    block : tuple of slice
        Of the target.

    Returns
    -------
    array, shape of the block, float32
        0 where less than half of the weight falls on voxels that were measured (not exactly 0).
        Holds the block and the box of the source that it falls on.
    """
    start = np.array([part.start for part in block])
    size = tuple(part.stop - part.start for part in block)
    target_step, source_step = np.array(target.spacing.zyx_mm), np.array(source.spacing.zyx_mm)
    first = back((np.array(target.origin_mm) + start * target_step)[None])[0]
    place = (first - np.array(source.origin_mm)) / source_step
    matrix = back.matrix * target_step / source_step[:, None]
    box = _box(matrix, place, size, source.shape)
    if box is None:
        return np.zeros(size, dtype=np.float32)
    voxels = np.pad(read(box), 1)  # a rim of zeros: beyond the edge nothing was measured
    offset = place - np.array([part.start for part in box]) + 1
    values = _linear(voxels, matrix, offset, size)
    support = _linear((voxels != 0).astype(np.float32), matrix, offset, size)
    resampled = np.where(support >= SUPPORT, values / np.maximum(support, SUPPORT), 0)
    return resampled.astype(np.float32, copy=False)


def _box(
    matrix: NDArray[np.float64],
    place: NDArray[np.float64],
    size: tuple[int, ...],
    shape: tuple[int, int, int],
) -> Block | None:
    """Return the part of the source under a block, or None."""
    reach = matrix * (np.array(size) - 1)
    low = place + np.minimum(reach, 0).sum(axis=1)
    high = place + np.maximum(reach, 0).sum(axis=1)
    parts = []
    for a, b, n in zip(low, high, shape, strict=True):
        begin, end = max(0, math.floor(a)), min(n, math.ceil(b) + 1)
        if begin >= end:
            return None
        parts.append(slice(begin, end))
    return (parts[0], parts[1], parts[2])


def _linear(
    voxels: Voxels,
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    size: tuple[int, ...],
) -> Voxels:
    found: Voxels = ndimage.affine_transform(
        voxels, matrix, offset=offset, output_shape=size, order=1, mode="constant", prefilter=False
    )
    return found


def middle_planes(voxels: Voxels, guide: Voxels) -> list[Voxels]:
    """Return the planes across each axis through the middle of what ``guide`` holds."""
    planes = []
    for axis in range(3):
        filled = np.flatnonzero(guide.any(axis=tuple(a for a in range(3) if a != axis)))
        middle = filled[len(filled) // 2] if len(filled) else guide.shape[axis] // 2
        planes.append(np.take(voxels, middle, axis=axis))
    return planes
