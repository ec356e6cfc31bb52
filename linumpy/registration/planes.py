"""Planes with their mask, and moving them rigidly: the ground that all registration stands on.

A plane is an array (y, x); the centre of the first pixel is (0, 0). Outside data is exactly 0.
"""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.core.rigid import Rigid2D
from linumpy.errors import BadValue

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]
Order = Literal[1, 3]


@dataclass(frozen=True, slots=True)
class Motion:
    """A rigid motion in pixels: where the content of the moving plane goes.

    Rotation about the centre of the plane, positive from +X towards +Y, then the translation:
    x' = c + R (x − c) + t, R = [[cos θ, −sin θ], [sin θ, cos θ]] on (x, y).
    """

    rotation_deg: float = 0.0
    dx_px: float = 0.0
    dy_px: float = 0.0

    @property
    def translation_px(self) -> float:
        """Length of the translation."""
        return float(np.hypot(self.dx_px, self.dy_px))

    @classmethod
    def from_rigid(cls, rigid: Rigid2D, pixel_um: float) -> Self:
        """Return a motion in µm as pixels of ``pixel_um``."""
        return cls(rigid.rotation_deg, rigid.dx_um / pixel_um, rigid.dy_um / pixel_um)

    def to_rigid(self, pixel_um: float) -> Rigid2D:
        """Return the motion in µm."""
        return Rigid2D(self.rotation_deg, self.dx_px * pixel_um, self.dy_px * pixel_um)

    def pull(self, centre_yx: tuple[float, float]) -> tuple[Matrix, Matrix]:
        """Return (A, b) on (y, x) with source = A · target + b: what resampling needs."""
        angle = np.deg2rad(self.rotation_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        matrix = np.array([[cos, -sin], [sin, cos]])
        centre = np.array(centre_yx)
        return matrix, centre - matrix @ (centre + np.array([self.dy_px, self.dx_px]))


@dataclass(frozen=True, slots=True)
class MaskedPlane:
    """A plane and where it holds data; ``values`` is 0 where ``mask`` is 0.

    ``mask`` is float32 of 0 and 1: it is multiplied and transformed more often than tested.
    """

    values: Plane
    mask: Plane

    @classmethod
    def of(cls, plane: Plane, mask: Mask | None = None, *, name: str = "") -> Self:
        """Standardise a plane over its mask: mean 0, standard deviation 1, outside 0.

        Parameters
        ----------
        plane : array, shape (y, x), float32
        mask : array of bool, shape (y, x), optional
            Default: where the plane is finite and not exactly 0.
        name : str
            For the message.

        Raises
        ------
        BadValue
            If the plane is not two-dimensional or the mask has another shape.
        """
        if plane.ndim != 2:  # noqa: PLR2004
            raise BadValue(f"{name} plane has shape {plane.shape}; (y, x) is needed")
        if mask is not None and mask.shape != plane.shape:
            raise BadValue(f"{name} mask has shape {mask.shape}, its plane {plane.shape}")
        has_data = np.isfinite(plane) & ((plane != 0) if mask is None else mask)
        values = np.where(has_data, plane, 0).astype(np.float32)
        n = int(has_data.sum())
        if n == 0:
            return cls(values, has_data.astype(np.float32))
        # float32 sums of squares lose everything on bright planes: centre and scale once, here.
        values = np.where(has_data, values - values.sum(dtype=np.float64) / n, 0)
        spread = float(np.sqrt(np.square(values).sum(dtype=np.float64) / n)) or 1.0
        return cls((values / spread).astype(np.float32), has_data.astype(np.float32))

    def halve(self) -> Self:
        """Average 2 × 2 pixels that hold data; a pixel counts when two of its four do."""
        total, count = _sum_blocks(self.values), _sum_blocks(self.mask)
        keep = count >= 2  # noqa: PLR2004
        values = np.where(keep, total / np.maximum(count, 1), 0)
        return type(self)(values.astype(np.float32), keep.astype(np.float32))

    def smooth(self, sigma_px: float) -> Self:
        """Smooth what holds data without letting the background in."""
        return type(self)(self._smooth(sigma_px)[0], self.mask)

    def band(self, fine_px: float, broad_px: float) -> Self:
        """Keep detail between two widths: noise below and shading above are taken out.

        The mask loses the rim where less than nine tenths of the fine kernel lie on data.
        """
        fine, weight = self._smooth(fine_px)
        core = self.mask * (weight > 0.9)  # noqa: PLR2004
        detail = fine - self._smooth(broad_px)[0]
        return type(self)((detail * core).astype(np.float32), core.astype(np.float32))

    def _smooth(self, sigma_px: float) -> tuple[Plane, Plane]:
        """Return the smoothed values, and the share of the kernel that lies on data."""
        total: Plane = ndimage.gaussian_filter(self.values, sigma_px, mode="constant")
        weight: Plane = ndimage.gaussian_filter(self.mask, sigma_px, mode="constant")
        values = np.where(self.mask > 0, total / np.maximum(weight, 1e-3), 0)
        return values.astype(np.float32), weight


def centre_of(shape: tuple[int, ...]) -> tuple[float, float]:
    """Return the centre (y, x) of a plane, between the middle pixels when the count is even."""
    return (shape[-2] - 1) / 2, (shape[-1] - 1) / 2


def move_plane(plane: Plane, motion: Motion, *, order: Order = 1) -> Plane:
    """Return the plane with its content moved; 0 where no measurement reaches.

    Parameters
    ----------
    plane : array, shape (y, x), float32
        0 outside data.
    motion : Motion
        Where the content goes.
    order : int
        Of the spline; 1 neither rings nor leaves the range of the data.

    Notes
    -----
    Next to the border of the data the weights are renormalised, so that the background does not
    darken the rim; a pixel keeps data when at least half of its weight comes from data.
    """
    matrix, offset = motion.pull(centre_of(plane.shape))
    if np.array_equal(matrix, np.eye(2)) and not np.any(offset % 1):
        return _roll_in(plane, -offset.astype(int))
    has_data = (plane != 0).astype(np.float32)
    total = ndimage.affine_transform(plane, matrix, offset, order=order, mode="constant")
    weight = ndimage.affine_transform(has_data, matrix, offset, order=1, mode="constant")
    if order > 1:
        return np.where(weight >= 0.999, total, 0).astype(np.float32)  # noqa: PLR2004
    moved: Plane = np.where(weight >= 0.5, total / np.maximum(weight, 0.5), 0)  # noqa: PLR2004
    return moved.astype(np.float32)


def _roll_in(plane: Plane, step_yx: NDArray[np.int64]) -> Plane:
    moved = np.zeros_like(plane)
    (ty, sy), (tx, sx) = (
        overlap(n, n, int(step)) for n, step in zip(plane.shape, step_yx, strict=True)
    )
    moved[ty, tx] = plane[sy, sx]
    return moved


def overlap(n_fixed: int, n_moving: int, shift: int) -> tuple[slice, slice]:
    """Return which part of two lines overlaps when the moving one goes by ``shift``.

    Examples
    --------
    >>> overlap(10, 10, 3)
    (slice(3, 10, None), slice(0, 7, None))
    """
    start, stop = max(0, shift), min(n_fixed, n_moving + shift)
    stop = max(start, stop)
    return slice(start, stop), slice(start - shift, stop - shift)


def _sum_blocks(plane: Plane) -> Plane:
    rows, columns = plane.shape
    even = np.pad(plane, ((0, rows % 2), (0, columns % 2))) if rows % 2 or columns % 2 else plane
    # a sum over axes of length 2 takes ten times as long
    beside = even[:, ::2] + even[:, 1::2]
    blocks: Plane = beside[::2] + beside[1::2]
    return blocks
