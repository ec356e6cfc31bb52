"""Rigid registration of two planes to a fraction of a pixel, with its own estimate of the error.

Gauss–Newton on band-passed planes over a pyramid, with the mean gradient of both planes
(Benhimane & Malis 2004), so that noise in either does not pull the result. Why this and not
SimpleITK: ``docs/decisions/0005-registration-engine.md``. Where to start from when the
translation is large: `registration.phase`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.registration.bands import BandPair, band_pairs, even_levels, matched_pair
from linumpy.registration.planes import Motion, Plane

Vector = NDArray[np.float64]
Matrix = NDArray[np.float64]

STEP_DEG = 1.5
"""Distance of the rotations tried on the coarsest level: 1 px at its rim."""
MAX_STEPS = 15
STOP_PX = 0.003
MIN_PIXELS = 64
ROBUST = 6.0
"""Residuals beyond this many robust standard deviations lose weight: tears, bubbles."""
BLOCK_PX = 16
"""Side of the blocks whose scores count as independent; wider than the grain of the noise."""
LEAST_ERROR_PX = 1e-4
CONTRADICTION = 16.0
"""Squared distance of two levels' results, in standard errors, beyond which one is wrong."""
NO_INFORMATION_PX = 1e3
"""Stands for an error that cannot be estimated."""


@dataclass(frozen=True, slots=True)
class RigidFit:
    """What a rigid registration found.

    ``error_px`` is the estimated root mean square error of a point of the overlap, in pixels;
    ``rotation_error_deg`` that of the rotation. ``ncc`` is the correlation of the band-passed
    planes on their overlap, ``overlap`` the share of the smaller mask. ``is_found`` is False when
    there was nothing to compare; the motion is then the start. ``covariance`` is that of (dx, dy)
    in pixels and the rotation in radians, of the best level; None where it cannot be estimated.
    """

    motion: Motion
    ncc: float
    overlap: float
    error_px: float
    rotation_error_deg: float
    is_found: bool
    covariance: Matrix | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Limits of the motion; 0 degrees leaves a translation."""

    rotation_deg: float = 5.0
    translation_px: float = 200.0

    def clip(self, motion: Motion) -> Motion:
        """Return the motion within the bounds; the translation keeps its direction."""
        length = motion.translation_px
        share = min(1.0, self.translation_px / length) if length else 1.0
        return Motion(
            float(np.clip(motion.rotation_deg, -self.rotation_deg, self.rotation_deg)),
            motion.dx_px * share,
            motion.dy_px * share,
        )


@dataclass(frozen=True, slots=True)
class _System:
    """Linearised comparison at one motion: columns are (dx, dy, turn × radius), in pixels."""

    jacobian: NDArray[np.float32]
    cross: Matrix
    residual: NDArray[np.float32]
    pixels: NDArray[np.int64]
    lever_px: float
    centre_off: Vector
    ncc: float


def refine_rigid(
    fixed: Plane,
    moving: Plane,
    *,
    starts: Iterable[Motion] = (Motion(),),
    bounds: Bounds | None = None,
) -> RigidFit:
    """Estimate the rigid motion that lays ``moving`` on ``fixed``.

    Parameters
    ----------
    fixed, moving : array, shape (y, x), float32
        The same canvas; 0 (or NaN) outside data.
    starts : iterable of Motion
        Each is tried on the coarsest level, with several rotations; the best goes on.
    bounds : Bounds, optional
        Largest rotation and translation.

    Returns
    -------
    RigidFit

    Notes
    -----
    With template T, warped plane W, mean gradient g and motion p, a step solves
    (Σ w g gᵀ) δ = Σ w g (T − W). The error is the sandwich H⁻¹ Γ H⁻¹ with Γ = Σ_b u_b u_bᵀ over
    blocks, u_b = Σ_{i∈b} w g (T − W), and H = Σ w ∇T ∇Wᵀ: only detail that both planes share
    counts as information, so noise makes the error larger, as it must.
    """
    limits = bounds or Bounds()
    levels = even_levels(fixed, moving)
    pyramid = band_pairs(levels, fixed.shape)
    tried = [
        _descend(pyramid[-1], start, limits) for start in _spread(starts, limits, len(pyramid) > 1)
    ]
    best = max(tried, key=_merit)
    candidates = []
    for pair in reversed(pyramid):
        best = _descend(pair, best.motion, limits)
        candidates.append(best)
    found = _combine(candidates)
    if found.is_found:
        matched = matched_pair(*levels[pyramid[0].scale], pyramid[0], found.motion)
        last = _descend(matched, found.motion, limits)
        if last.error_px < found.error_px:
            found = last
    return replace(found, motion=limits.clip(found.motion))


def _spread(starts: Iterable[Motion], bounds: Bounds, is_coarse: bool) -> list[Motion]:
    """Return the starts with the rotations that are tried around each."""
    n = int(np.ceil(bounds.rotation_deg / STEP_DEG)) if is_coarse else 0
    turns = np.linspace(-bounds.rotation_deg, bounds.rotation_deg, 2 * n + 1) if n else [0.0]
    return [
        replace(start, rotation_deg=start.rotation_deg + float(turn))
        for start in starts
        for turn in turns
    ]


def _merit(fit: RigidFit) -> float:
    """Information of the match, as in `phase`: overlap counts as well as correlation."""
    rho = min(max(fit.ncc, 0.0), 1 - 1e-6)
    return -fit.overlap * float(np.log1p(-rho * rho))


def _descend(pair: BandPair, start: Motion, bounds: Bounds) -> RigidFit:
    """Iterate to convergence on one level; motions are in pixels of the planes."""
    motion = bounds.clip(start)
    system = _linearise(pair, motion)
    for _ in range(MAX_STEPS):
        if system is None:
            return _nothing(start)
        delta = _solve(system, with_rotation=bounds.rotation_deg > 0)
        motion = bounds.clip(_compose(motion, delta, system, pair.scale))
        system = _linearise(pair, motion)
        if float(np.hypot(*delta[:2])) + abs(delta[2]) < STOP_PX:
            break
    return _nothing(start) if system is None else _judge(pair, system, motion, bounds)


def _linearise(pair: BandPair, motion: Motion) -> _System | None:
    """Warp the moving plane and collect gradient and residual where both hold data."""
    local = Motion(motion.rotation_deg, motion.dx_px / pair.scale, motion.dy_px / pair.scale)
    cy, cx = pair.centre
    matrix, offset = local.pull((cy, cx))
    shape = pair.fixed.values.shape
    warped = ndimage.affine_transform(
        pair.spline, matrix, offset, output_shape=shape, order=3, prefilter=False
    )
    inside = ndimage.affine_transform(
        pair.moving.mask, matrix, offset, output_shape=shape, order=1, mode="constant"
    )
    both = (pair.fixed.mask > 0) & (inside > 0.999)  # noqa: PLR2004
    both[[0, -1]] = both[:, [0, -1]] = False
    pixels = np.flatnonzero(both)
    if pixels.size < MIN_PIXELS:
        return None
    wy, wx = (part.ravel()[pixels] for part in np.gradient(warped))
    ty, tx = (part.ravel()[pixels] for part in pair.fixed_gradient)
    t, w = pair.fixed.values.ravel()[pixels], warped.ravel()[pixels]
    t_scale, w_scale = float(t.std()), float(w.std())
    if min(t_scale, w_scale) < 1e-6:  # noqa: PLR2004
        return None
    t, w = (t - t.mean()) / t_scale, (w - w.mean()) / w_scale
    rows, columns = np.divmod(pixels, shape[1])
    middle = np.array([rows.mean(), columns.mean()])
    y, x = rows - middle[0], columns - middle[1]
    lever = float(np.sqrt(np.mean(x * x + y * y)))

    def columns_of(gx: Plane, gy: Plane, scale: float) -> NDArray[np.float32]:
        gx, gy = gx / scale, gy / scale
        # The content of W moves with p, so dW/dp has the sign opposite to its gradient.
        return np.asarray([-gx, -gy, (y * gx - x * gy) / lever], dtype=np.float32)

    of_fixed, of_moving = columns_of(tx, ty, t_scale), columns_of(wx, wy, w_scale)
    cross = of_fixed.astype(np.float64) @ of_moving.astype(np.float64).T
    return _System(
        jacobian=np.asarray((of_fixed + of_moving) / 2, dtype=np.float32),
        cross=(cross + cross.T) / 2,
        residual=(t - w).astype(np.float32),
        pixels=pixels,
        lever_px=lever,
        centre_off=middle - pair.centre - (local.dy_px, local.dx_px),
        ncc=float(np.mean(t.astype(np.float64) * w)),
    )


def weigh(residual: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return robust weights: 1 for small residuals, falling for outliers (Cauchy)."""
    spread = 1.4826 * float(np.median(np.abs(residual - np.median(residual)))) + 1e-6
    return np.asarray(1 / (1 + np.square(residual / (ROBUST * spread))), dtype=np.float32)


def _solve(system: _System, *, with_rotation: bool) -> Vector:
    """Return the step (dx, dy, turn × lever) in pixels of the level."""
    n = 3 if with_rotation else 2
    g = system.jacobian[:n]
    weighted = (g * weigh(system.residual)).astype(np.float64)
    hessian: Matrix = weighted @ g.T.astype(np.float64)
    # A plane with one ridge has no information along it: the step there must stay finite.
    hessian = np.asarray(hessian + 1e-4 * np.trace(hessian) / n * np.eye(n), dtype=np.float64)
    step = np.linalg.solve(hessian, weighted @ system.residual)
    step = np.asarray(step * min(1.0, 2.0 / max(float(np.abs(step).max()), 1e-9)))
    full = np.zeros(3)
    full[:n] = step
    return full


def _compose(motion: Motion, delta: Vector, system: _System, scale: int) -> Motion:
    """Add a step about the middle of the overlap to a motion about the centre of the plane."""
    turn = delta[2] / system.lever_px
    oy, ox = system.centre_off
    # Turning about another point than the centre is the same turn and a translation.
    dx, dy = delta[0] + turn * oy, delta[1] - turn * ox
    return Motion(
        motion.rotation_deg + float(np.rad2deg(turn)),
        motion.dx_px + float(dx) * scale,
        motion.dy_px + float(dy) * scale,
    )


def _judge(pair: BandPair, system: _System, motion: Motion, bounds: Bounds) -> RigidFit:
    """Estimate the error of a converged motion."""
    n = 3 if bounds.rotation_deg > 0 else 2
    weight = weigh(system.residual)
    scores = system.jacobian[:n] * (weight * system.residual)
    gamma = _sum_over_blocks(scores, system.pixels, pair.fixed.values.shape[1])
    hessian = system.cross[:n, :n] * float(weight.mean())
    about_centre: Matrix | None = None
    error, turn_error = NO_INFORMATION_PX, 180.0
    eigenvalues = np.linalg.eigvalsh(hessian)
    if eigenvalues[0] > 1e-3 * eigenvalues[-1] > 0:
        inverse = np.linalg.inv(hessian)
        # A hair of error also for identical planes: their levels must stay comparable.
        covariance = inverse @ gamma @ inverse + LEAST_ERROR_PX**2 * np.eye(n)
        error = min(float(np.sqrt(np.trace(covariance))) * pair.scale, NO_INFORMATION_PX)
        turn = float(np.sqrt(covariance[2, 2])) / system.lever_px if n > 2 else 0.0  # noqa: PLR2004
        turn_error = min(float(np.rad2deg(turn)), 180.0)
        about_centre = _about_centre(covariance, system, pair.scale)
    smaller = min(float(pair.fixed.mask.sum()), float(pair.moving.mask.sum()))
    share = min(system.pixels.size / max(smaller, 1.0), 1.0)
    return RigidFit(
        motion, system.ncc, share, error, turn_error, is_found=True, covariance=about_centre
    )


def _about_centre(covariance: Matrix, system: _System, scale: int) -> Matrix:
    """Return the covariance of (dx, dy) in pixels and of the rotation in radians."""
    oy, ox = system.centre_off
    n = len(covariance)
    change = np.eye(n)
    if n > 2:  # noqa: PLR2004
        change[:, 2] = np.array([oy, -ox, 1.0]) / system.lever_px
    unit = np.diag([scale, scale, 1.0][:n])
    change = unit @ change
    return np.asarray(change @ covariance @ change.T)


def _combine(fits: Sequence[RigidFit]) -> RigidFit:
    """Return the mean of what the levels found, each weighed by its information.

    Levels see other widths of detail, so they err apart. One that contradicts the best one is
    left out. The error stays that of the best level: how far levels err together is not known.
    """
    best = min(fits, key=lambda fit: (not fit.is_found, fit.error_px))
    if best.covariance is None:
        return best
    n = len(best.covariance)
    information, total = np.zeros((n, n)), np.zeros(n)
    for fit in fits:
        if fit.covariance is None:
            continue
        off = _vector(fit.motion, n) - _vector(best.motion, n)
        if off @ np.linalg.solve(fit.covariance + best.covariance, off) > CONTRADICTION:
            continue
        inverse = np.linalg.inv(fit.covariance)
        information += inverse
        total += inverse @ _vector(fit.motion, n)
    mean = [*np.linalg.solve(information, total).tolist(), 0.0]
    return replace(best, motion=Motion(float(np.rad2deg(mean[2])), mean[0], mean[1]))


def _vector(motion: Motion, n: int) -> Vector:
    """Return the first n of (dx, dy) in pixels and the rotation in radians."""
    return np.array([motion.dx_px, motion.dy_px, np.deg2rad(motion.rotation_deg)])[:n]


def _sum_over_blocks(scores: NDArray[np.float32], pixels: NDArray[np.int64], width: int) -> Matrix:
    """Return Σ u uᵀ over blocks of the plane, u the sum of the scores in a block."""
    rows, columns = pixels // width, pixels % width
    block = (rows // BLOCK_PX) * (width // BLOCK_PX + 1) + columns // BLOCK_PX
    sums = np.asarray([np.bincount(block, weights=score) for score in scores])
    gamma: Matrix = sums @ sums.T
    return gamma


def _nothing(start: Motion) -> RigidFit:
    return RigidFit(start, 0.0, 0.0, NO_INFORMATION_PX, 180.0, is_found=False)
