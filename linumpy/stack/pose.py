"""Moving the planes of a slice onto the canvas: one interpolation, or none.

Linear, because on speckled planes it is nearer to the anatomy than a cubic kernel (measured:
docs/stacking.md). What was not measured (exactly 0) takes no part in an average.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.core.rigid import Rigid2D

Voxels = NDArray[np.float32]
Read = Callable[[tuple[slice, slice, slice]], Voxels]

NEGLIGIBLE_PX = 0.1
"""A motion that moves no voxel of the canvas further is left out: interpolating costs more."""
SUPPORT = 0.5
"""Share of the interpolation weight that must fall on measured voxels."""


@dataclass(frozen=True, slots=True)
class Source:
    """A slice that is read by blocks; ``shape`` is (z, y, x)."""

    shape: tuple[int, int, int]
    read: Read


@dataclass(frozen=True, slots=True)
class Pose:
    """Where a canvas voxel is found in a slice: source (y, x) = matrix · canvas (y, x) + offset."""

    matrix: NDArray[np.float64]
    offset: NDArray[np.float64]

    @property
    def whole_px(self) -> tuple[int, int] | None:
        """The offset, when the slice moves by whole voxels without turning; else None."""
        rounded = np.rint(self.offset)
        if np.array_equal(self.matrix, np.eye(2)) and np.array_equal(rounded, self.offset):
            return (int(rounded[0]), int(rounded[1]))
        return None


def make_pose(
    correction: Rigid2D,
    *,
    offset_px: tuple[float, float],
    canvas_shape: tuple[int, int],
    resolution_um: float,
) -> Pose:
    """Return the pose of a slice that lies at ``offset_px`` and is moved by ``correction``.

    Parameters
    ----------
    correction : Rigid2D
        Where the content goes on the canvas, about its centre.
    offset_px : tuple of float
        Canvas (y, x) of the slice's first voxel, before the correction.
    canvas_shape : tuple of int
        (y, x), voxels.
    resolution_um : float
        Voxel size.

    Notes
    -----
    Content at p goes to R (p − c) + c + t; so canvas voxel p shows R⁻¹ (p − c − t) + c.
    """
    angle = math.radians(correction.rotation_deg)
    centre = (np.array(canvas_shape, dtype=np.float64) - 1) / 2
    move = np.array([correction.dy_um, correction.dx_um]) / resolution_um
    place = np.array(offset_px, dtype=np.float64)
    if np.hypot(*move) + abs(angle) * np.hypot(*centre) <= NEGLIGIBLE_PX:
        return Pose(np.eye(2), -place)
    cos, sin = math.cos(angle), math.sin(angle)
    back = np.array([[cos, -sin], [sin, cos]])  # R⁻¹ in (y, x): +X turns towards +Y
    return Pose(back, centre - back @ (centre + move) - place)


def read_posed(source: Source, pose: Pose, block: tuple[slice, slice, slice]) -> Voxels:
    """Read planes of a slice as they lie on the canvas.

    Parameters
    ----------
    source : Source
    pose : Pose
    block : tuple of slice
        Planes of the slice (z), rows and columns of the canvas (y, x).

    Returns
    -------
    array, shape of the block, float32
        0 where nothing was measured. Holds the block and the window of the slice under it.
    """
    z, rows, columns = block
    size = (z.stop - z.start, rows.stop - rows.start, columns.stop - columns.start)
    posed = np.zeros(size, dtype=np.float32)
    whole = pose.whole_px
    start = np.array([rows.start, columns.start], dtype=np.float64)
    local = pose.matrix @ start + pose.offset  # source place of the block's first voxel
    window = _window(pose.matrix, local, posed.shape[1:], source.shape[1:])
    if window is None:
        return posed
    found = source.read((z, *window))
    corner = np.array([window[0].start, window[1].start])
    if whole is not None:
        y, x = (int(v) for v in corner - np.rint(local).astype(int))
        posed[:, y : y + found.shape[1], x : x + found.shape[2]] = found
        return posed
    for i, plane in enumerate(found):
        posed[i] = _turn(plane, pose.matrix, local - corner, (posed.shape[1], posed.shape[2]))
    return posed


def _window(
    matrix: NDArray[np.float64],
    local: NDArray[np.float64],
    size: tuple[int, ...],
    shape: tuple[int, ...],
) -> tuple[slice, slice] | None:
    """Return the part of the slice that lies under the block, or None."""
    corners = np.array([(0, 0), (0, size[1] - 1), (size[0] - 1, 0), (size[0] - 1, size[1] - 1)])
    places = corners @ matrix.T + local
    low = np.maximum(np.floor(places.min(axis=0)).astype(int), 0)
    high = np.minimum(np.ceil(places.max(axis=0)).astype(int) + 1, shape)
    if np.any(low >= high):
        return None
    return slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1]))


def _turn(
    plane: Voxels, matrix: NDArray[np.float64], offset: NDArray[np.float64], size: tuple[int, int]
) -> Voxels:
    # The frame of zeros lets a voxel beyond the edge count as not measured.
    framed = np.pad(plane, 1)
    measured = (framed != 0).astype(np.float32)
    values = _linear(framed, matrix, offset + 1, size)
    support = _linear(measured, matrix, offset + 1, size)
    turned: Voxels = np.where(support >= SUPPORT, values / np.maximum(support, SUPPORT), 0)
    return turned.astype(np.float32, copy=False)


def _linear(
    plane: Voxels, matrix: NDArray[np.float64], offset: NDArray[np.float64], size: tuple[int, int]
) -> Voxels:
    moved: Voxels = ndimage.affine_transform(
        plane, matrix, offset=offset, output_shape=size, order=1, mode="constant", prefilter=False
    )
    return moved
