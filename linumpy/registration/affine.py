"""Affine registration of two planes, and fractional powers of its result.

The same Gauss–Newton as `registration.refine`, with six parameters instead of three; it starts
from the rigid result. Used where tissue deforms between two slices: see `stack.interpolate`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, ndimage

from linumpy.registration.bands import BandPair, build_pyramid
from linumpy.registration.planes import Motion, Plane, centre_of
from linumpy.registration.refine import (
    Bounds,
    RigidFit,
    refine_rigid,
    weigh,
)

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]

MAX_STEPS = 30
STOP_PX = 0.003
MIN_PIXELS = 64
MAX_STEP_PX = 2.0
SINGULAR = 1e-10
"""|det(I − M)| below this is a translation: its powers are proportional."""


@dataclass(frozen=True, slots=True)
class Affine2D:
    """Where to look: target point x ↦ source point M (x − c) + c + t, on (y, x), in pixels.

    c is the centre of the plane. ITK's sense, fixed points to moving points: it pulls.
    """

    matrix: Matrix
    translation: Vector

    @property
    def determinant(self) -> float:
        """Change of area; not positive means that the plane was turned over."""
        return float(np.linalg.det(self.matrix))

    @property
    def rotation_deg(self) -> float:
        """By how much the content turns, positive from +X towards +Y: the nearest rotation."""
        m = self.matrix
        return float(np.rad2deg(np.arctan2(m[1, 0] - m[0, 1], m[0, 0] + m[1, 1])))

    def power(self, exponent: float) -> "tuple[Affine2D, float]":
        """Return T^α and the size of the imaginary part that was dropped, relative.

        M^α is the principal power, t_α = (I − M^α)(I − M)⁻¹ t; α t when M is the identity.
        α = 0 and 1 are exact.

        Examples
        --------
        >>> shift = Affine2D(np.eye(2), np.array([0.0, 4.0]))
        >>> shift.power(0.25)[0].translation.tolist()
        [0.0, 1.0]
        """
        eye = np.eye(2)
        if exponent == 0:
            return Affine2D(eye, np.zeros(2)), 0.0
        if exponent == 1:
            return self, 0.0
        raised = linalg.fractional_matrix_power(self.matrix, exponent)
        dropped = float(np.abs(np.imag(raised)).max() / max(float(np.abs(raised).max()), 1e-12))
        matrix = np.asarray(np.real(raised), dtype=np.float64)
        if abs(np.linalg.det(eye - self.matrix)) < SINGULAR:
            return Affine2D(matrix, np.asarray(exponent * self.translation)), dropped
        moved = (eye - matrix) @ np.linalg.solve(eye - self.matrix, self.translation)
        return Affine2D(matrix, np.asarray(moved)), dropped

    def warp(self, plane: Plane) -> Plane:
        """Return the plane as seen through the transform; 0 where no measurement reaches."""
        if np.array_equal(self.matrix, np.eye(2)) and not self.translation.any():
            return plane.copy()
        offset = self._offset(np.array(centre_of(plane.shape)))
        has_data = (plane != 0).astype(np.float32)
        total = ndimage.affine_transform(plane, self.matrix, offset, order=1)
        weight = ndimage.affine_transform(has_data, self.matrix, offset, order=1)
        seen = np.where(weight >= 0.5, total / np.maximum(weight, 0.5), 0)  # noqa: PLR2004
        return np.asarray(seen, dtype=np.float32)

    def _offset(self, centre: Vector) -> Vector:
        return np.asarray(centre + self.translation - self.matrix @ centre)


IDENTITY = Affine2D(np.eye(2), np.zeros(2))


@dataclass(frozen=True, slots=True)
class AffineFit:
    """An affine map that pulls moving onto fixed, and the rigid fit that it started from."""

    affine: Affine2D
    rigid: RigidFit


def refine_affine(fixed: Plane, moving: Plane, *, bounds: Bounds) -> AffineFit | None:
    """Estimate the affine map that pulls ``moving`` onto ``fixed``.

    Parameters
    ----------
    fixed, moving : array, shape (y, x), float32
        One canvas, 0 outside data.
    bounds : Bounds
        Of the rigid start.

    Returns
    -------
    AffineFit or None
        None when the planes have nothing to compare.
    """
    rigid = refine_rigid(fixed, moving, bounds=bounds)
    if not rigid.is_found:
        return None
    found: Affine2D | None = _of_motion(rigid.motion)
    for pair in reversed(build_pyramid(fixed, moving)):
        found = None if found is None else _descend(pair, found)
    return None if found is None else AffineFit(found, rigid)


def _of_motion(motion: Motion) -> Affine2D:
    matrix, offset = motion.pull((0.0, 0.0))
    return Affine2D(matrix, offset)


def _descend(pair: BandPair, start: Affine2D) -> Affine2D | None:
    """Iterate to convergence on one level.

    A step is the map x ↦ x + d + D (x − m) in front of T, m the middle of the overlap.
    """
    matrix, translation = start.matrix.copy(), start.translation / pair.scale
    for _ in range(MAX_STEPS):
        step = _step(pair, Affine2D(matrix, translation))
        if step is None:
            return None
        shift, stretch, middle = step
        translation = translation + matrix @ (shift + stretch @ (pair.centre - middle))
        matrix = np.asarray(matrix @ (np.eye(2) + stretch), dtype=np.float64)
        reach = max(pair.fixed.values.shape) / 2
        if float(np.abs(shift).max()) + float(np.abs(stretch).max()) * reach < STOP_PX:
            break
    return Affine2D(matrix, translation * pair.scale)


def _step(pair: BandPair, affine: Affine2D) -> tuple[Vector, Matrix, Vector] | None:
    """Return (d, D, m) of one Gauss–Newton step, or None where there is nothing to compare."""
    shape = pair.fixed.values.shape
    offset = pair.centre + affine.translation - affine.matrix @ pair.centre
    warped = ndimage.affine_transform(
        pair.spline, affine.matrix, offset, output_shape=shape, order=3, prefilter=False
    )
    inside = ndimage.affine_transform(
        pair.moving.mask, affine.matrix, offset, output_shape=shape, order=1
    )
    both = (pair.fixed.mask > 0) & (inside > 0.999)  # noqa: PLR2004
    if both.sum() < MIN_PIXELS:
        return None
    t, w = pair.fixed.values[both].astype(np.float64), warped[both].astype(np.float64)
    if min(t.std(), w.std()) < 1e-6:  # noqa: PLR2004
        return None
    slopes = [
        (of_fixed[both] / t.std() + np.asarray(of_warped)[both] / w.std()) / 2
        for of_fixed, of_warped in zip(pair.fixed_gradient, np.gradient(warped), strict=True)
    ]
    rows, columns = np.nonzero(both)
    middle = np.array([rows.mean(), columns.mean()])
    lever = max(float(np.hypot(rows.std(), columns.std())), 1.0)
    y, x = (rows - middle[0]) / lever, (columns - middle[1]) / lever
    jacobian = np.stack([g * s for g in slopes for s in (np.ones_like(y), y, x)])
    residual = (t - t.mean()) / t.std() - (w - w.mean()) / w.std()
    weighted = jacobian * weigh(residual.astype(np.float32))
    hessian = weighted @ jacobian.T
    hessian += 1e-3 * np.trace(hessian) / 6 * np.eye(6)
    step = np.linalg.solve(hessian, weighted @ residual)
    step = (step * min(1.0, MAX_STEP_PX / max(float(np.abs(step).max()), 1e-9))).reshape(2, 3)
    return step[:, 0], step[:, 1:] / lever, middle
