"""Two neighbouring slices: which planes match, and how the moving slice lies on the fixed one.

The top of the moving slice lies one cut interval below the top of the fixed one, so plane m of
moving shows what plane interval / r + m of fixed shows. Several such plane pairs are averaged to
beat speckle. No files here: planes come through a function that reads them.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.errors import BadFile, BadValue
from linumpy.registration.bands import even_out
from linumpy.registration.phase import phase_shift
from linumpy.registration.planes import MaskedPlane, Motion, Plane, centre_of
from linumpy.registration.refine import Bounds, RigidFit, refine_rigid

InitialAlignment = Literal["none", "com", "gradient", "both"]
Volume = NDArray[np.float32]

SLAB_PLANES = 8
"""Plane pairs that are averaged: speckle falls by √8, more reaches into the dark depth."""
NEAREST_PLANES = 3
"""Planes averaged on each side when the slices do not overlap in depth."""
BLOCK_PLANES = 8
"""Planes read at once, from a multiple of it on: as many as a chunk of a slice on the canvas."""
DEPTH_SIDE_PX = 384
"""Planes are halved to this size before depths are compared: the anatomy is enough."""
DEPTH_FINE_PX, DEPTH_BROAD_PX = 1.0, 6.0
"""Band in which depths are compared: the finest anatomy changes fastest from plane to plane."""
AGREE_SIDE_PX, AGREE_FINE_PX, AGREE_BROAD_PX = 256, 1.5, 12.0
"""Size and band in which the agreement of a pair is measured: neither speckle nor the outline of
the brain counts (of unrelated slices the outline alone correlates to 0.6, the band to 0.4)."""
ERROR_AT_06_PX = 0.75
"""Confidence 1 / (1 + e / 0.75 px): 0.6 at half a pixel, 0.3 at 1.75 px (stacking's limits)."""
LEAST_OVERLAP = 0.3
AT_BOUND = 0.25
"""Confidence of a motion that ended on its bound: the true one lies beyond."""


@dataclass(frozen=True, slots=True)
class PlaneSource:
    """A slice that is read some planes at a time.

    ``read(start, stop)`` returns an array of shape (stop − start, y, x), float32, 0 outside data.
    ``may_be_dark``: planes of zeros are no error; a second contrast may show nothing there.
    """

    name: str
    n_planes: int
    read: Callable[[int, int], Volume]
    may_be_dark: bool = False

    def blocks(self, start: int, stop: int) -> Iterator[Plane]:
        """Yield the planes from ``start`` up to ``stop``; holds `BLOCK_PLANES` of them."""
        while start < stop:
            end = min(start - start % BLOCK_PLANES + BLOCK_PLANES, stop)
            block = self.read(start, end)
            # a view that the caller holds would keep the whole block while the next one is read
            yield from (plane.copy() for plane in block)
            del block
            start = end


@dataclass(frozen=True, slots=True)
class Settings:
    """How a pair is registered; depths in planes, lengths in pixels."""

    interval_planes: float
    search_planes: int
    moving_z: int = 0
    initial_alignment: InitialAlignment = "both"
    bounds: Bounds = Bounds()  # noqa: RUF009  frozen


@dataclass(frozen=True, slots=True)
class DepthMatch:
    """Which plane of fixed matches plane ``moving_z`` of moving.

    ``expected_z`` is where the cut interval puts it, ``fixed_z`` the best whole plane.
    ``offset_planes`` is the measured place minus the expected one, to a fraction of a plane:
    positive when the match lies deeper in fixed. It is None when the slices do not overlap in
    depth, or the best plane is the last one searched. ``correlation`` is that of the fine detail
    of the plane pairs, by which the match was chosen.
    """

    fixed_z: int
    moving_z: int
    n_planes: int
    expected_z: float
    offset_planes: float | None
    correlation: float
    is_overlapping: bool
    is_at_edge: bool = False

    @property
    def drift_planes(self) -> float:
        """Distance between the best whole plane and the expected one."""
        return abs(self.fixed_z - round(self.expected_z)) if self.is_overlapping else 0.0


@dataclass(frozen=True, slots=True)
class PairFit:
    """What was found about a pair of slices.

    ``correlation`` is that of the matched planes after the motion, in a band of widths that
    holds anatomy. The planes are the averages that were registered.
    """

    motion: Motion
    confidence: float
    correlation: float
    depth: DepthMatch
    fit: RigidFit
    fixed_plane: Plane
    moving_plane: Plane


def register_pair(fixed: PlaneSource, moving: PlaneSource, settings: Settings) -> PairFit:
    """Find the matching depth and the rigid motion that lays ``moving`` on ``fixed``.

    Parameters
    ----------
    fixed, moving : PlaneSource
        Neighbouring slices on one canvas; plane 0 is the surface. Held: `BLOCK_PLANES` planes,
        and small copies of the planes that are searched.
    settings : Settings

    Returns
    -------
    PairFit
        Confidence 0 and no motion when the planes have nothing to compare.

    Raises
    ------
    BadFile
        If all planes read of a slice are empty.
    BadValue
        If the canvases differ.
    """
    depth = _expect(fixed, moving, settings)
    fit, planes = _register(fixed, moving, depth, settings, start=None)
    matched = _match_depth(fixed, moving, depth, settings, fit.motion)
    if matched.fixed_z != depth.fixed_z:
        fit, planes = _register(fixed, moving, matched, settings, start=fit.motion)
    return PairFit(
        motion=fit.motion,
        confidence=confidence_of(fit, settings.bounds),
        correlation=_agreement(*planes, fit.motion),
        depth=matched,
        fit=fit,
        fixed_plane=planes[0],
        moving_plane=planes[1],
    )


def confidence_of(fit: RigidFit, bounds: Bounds) -> float:
    """Return how far a motion can be trusted, from its estimated error.

    c = 1 / (1 + e / 0.75 px), with e the estimated root mean square error of a point; lower where
    the planes hardly overlap or anticorrelate, and at most 0.25 on a bound.
    """
    if not fit.is_found or fit.ncc <= 0:
        return 0.0
    confidence = min(1.0, fit.overlap / LEAST_OVERLAP) / (1 + fit.error_px / ERROR_AT_06_PX)
    is_bound = fit.motion.translation_px > 0.999 * bounds.translation_px or (
        bounds.rotation_deg > 0 and abs(fit.motion.rotation_deg) > 0.999 * bounds.rotation_deg
    )
    return min(confidence, AT_BOUND) if is_bound else confidence


def formula_confidence(
    correlation: float, translation_px: float, rotation_deg: float, bounds: Bounds
) -> float:
    """Return the field's formula, for the diagnostics: it rewards small motions, right or wrong.

    clip(0.5 max(0, ρ) + 0.3 (1 − min(t / T, 1)) + 0.2 (1 − min(θ / Θ, 1)), 0, 1), T and Θ the
    bounds, at least 1.

    Examples
    --------
    >>> round(formula_confidence(0.8, 20, 1, Bounds(5, 200)), 2)
    0.83
    """
    near = 1 - min(translation_px / max(bounds.translation_px, 1), 1)
    level = 1 - min(abs(rotation_deg) / max(bounds.rotation_deg, 1), 1)
    return float(np.clip(0.5 * max(0.0, correlation) + 0.3 * near + 0.2 * level, 0, 1))


def start_motions(
    fixed: Plane, moving: Plane, *, method: InitialAlignment, max_translation_px: float
) -> list[Motion]:
    """Return the translations from which refinement starts.

    ``none``: no motion. ``com``: centres of mass upon each other. ``gradient``: the translation
    that lays the edges upon each other. ``both``: all three, and the best one wins.
    """
    if method == "none":
        return [Motion()]
    if method == "com":
        return [_by_mass(fixed, moving)]
    by_edges = _by_edges(fixed, moving, max_translation_px)
    return [by_edges] if method == "gradient" else [Motion(), _by_mass(fixed, moving), by_edges]


def _by_mass(fixed: Plane, moving: Plane) -> Motion:
    def middle(plane: Plane) -> NDArray[np.float64]:
        has_data = np.isfinite(plane) & (plane != 0)
        # What is dimmer than the mean is the medium around the tissue: it fills the canvas.
        mean = float(plane[has_data].mean()) if has_data.any() else 0.0
        weight = np.where(has_data, np.maximum(plane - mean, 0), 0).astype(np.float64)
        total = weight.sum() or 1.0
        rows, columns = weight.sum(axis=1), weight.sum(axis=0)
        return np.array([rows @ np.arange(rows.size), columns @ np.arange(columns.size)]) / total

    dy, dx = middle(fixed) - middle(moving)
    return Motion(0.0, float(dx), float(dy))


def _by_edges(fixed: Plane, moving: Plane, max_translation_px: float) -> Motion:
    def edges(plane: Plane) -> tuple[Plane, NDArray[np.bool_]]:
        band = even_out(plane, "").band(1.0, 8.0)
        strength = np.hypot(ndimage.sobel(band.values, 0), ndimage.sobel(band.values, 1))
        return strength.astype(np.float32), band.mask > 0

    (fixed_edges, fixed_mask), (moving_edges, moving_mask) = edges(fixed), edges(moving)
    found = phase_shift(
        fixed_edges,
        moving_edges,
        max_shift_px=max_translation_px,
        fixed_mask=fixed_mask,
        moving_mask=moving_mask,
    )
    return Motion(0.0, found.dx_px, found.dy_px)


def _expect(fixed: PlaneSource, moving: PlaneSource, settings: Settings) -> DepthMatch:
    """Return the match that the cut interval predicts, or the nearest planes."""
    moving_z = min(settings.moving_z, moving.n_planes - 1)
    expected = settings.interval_planes + moving_z
    fixed_z = round(expected)
    if fixed_z <= fixed.n_planes - 1:
        n = min(SLAB_PLANES, fixed.n_planes - fixed_z, moving.n_planes - moving_z)
        return DepthMatch(fixed_z, moving_z, n, expected, None, 0.0, is_overlapping=True)
    n = min(NEAREST_PLANES, fixed.n_planes, moving.n_planes - moving_z)
    last = fixed.n_planes - n
    return DepthMatch(last, moving_z, n, expected, None, 0.0, is_overlapping=False)


def _register(
    fixed: PlaneSource,
    moving: PlaneSource,
    depth: DepthMatch,
    settings: Settings,
    *,
    start: Motion | None,
) -> tuple[RigidFit, tuple[Plane, Plane]]:
    fixed_plane = mean_plane(fixed, depth.fixed_z, depth.n_planes)
    moving_plane = mean_plane(moving, depth.moving_z, depth.n_planes)
    if fixed_plane.shape != moving_plane.shape:
        raise BadValue(
            f"{fixed.name} has planes of {fixed_plane.shape}, {moving.name} of "
            f"{moving_plane.shape} pixels (y, x); one canvas is needed",
            hint="bring the slices to common space first",
        )
    starts: Sequence[Motion] = [start] if start is not None else []
    if not starts:
        starts = start_motions(
            fixed_plane,
            moving_plane,
            method=settings.initial_alignment,
            max_translation_px=settings.bounds.translation_px,
        )
    fit = refine_rigid(fixed_plane, moving_plane, starts=starts, bounds=settings.bounds)
    return fit, (fixed_plane, moving_plane)


def mean_plane(source: PlaneSource, start: int, n: int) -> Plane:
    """Average the planes that hold data, pixel by pixel."""
    total: NDArray[np.float64] | None = None
    count: NDArray[np.float64] | None = None
    for plane in source.blocks(start, start + n):
        has_data = np.isfinite(plane) & (plane != 0)
        if total is None or count is None:
            total, count = np.zeros(plane.shape), np.zeros(plane.shape)
        total += np.where(has_data, plane, 0)
        count += has_data
    if total is None or count is None or not (source.may_be_dark or count.any()):
        raise BadFile(
            f"{source.name}: planes {start} to {start + n - 1} hold no data",
            hint="look at this slice; make it again, or set use=false for it",
        )
    return np.where(count > 0, total / np.maximum(count, 1), 0).astype(np.float32)


def _match_depth(
    fixed: PlaneSource,
    moving: PlaneSource,
    depth: DepthMatch,
    settings: Settings,
    motion: Motion,
) -> DepthMatch:
    """Slide the slab of moving along the depth of fixed and take the best correlation."""
    reach = settings.search_planes if depth.is_overlapping else 0
    n = depth.n_planes
    low = max(0, depth.fixed_z - reach)
    high = min(fixed.n_planes - (n + 1) // 2, depth.fixed_z + reach)
    stop = min(fixed.n_planes, high + n)
    here = [_detail(plane) for plane in fixed.blocks(low, stop)]
    there = [_detail(plane, motion) for plane in moving.blocks(depth.moving_z, depth.moving_z + n)]
    # Near the bottom of fixed fewer pairs fit: at least half of them must.
    counts = [min(n, stop - z) for z in range(low, high + 1)]
    scores = np.array([_correlate(here[i : i + m], there[:m]) for i, m in enumerate(counts)])
    best = int(np.argmax(scores))
    is_edge = high > low and best in {0, high - low} and (low + best) != depth.fixed_z
    offset = None
    if depth.is_overlapping and 0 < best < high - low:
        offset = low + best + _parabola(scores[best - 1 : best + 2]) - depth.expected_z
    return replace(
        depth,
        fixed_z=low + best,
        n_planes=min(depth.n_planes, fixed.n_planes - low - best),
        offset_planes=offset,
        correlation=float(scores[best]),
        is_at_edge=is_edge,
    )


def _agreement(fixed: Plane, moving: Plane, motion: Motion) -> float:
    """Return the correlation of two planes after the motion, in a band that holds anatomy."""
    pair = [
        _shrink(plane, step, AGREE_SIDE_PX).band(AGREE_FINE_PX, AGREE_BROAD_PX)
        for plane, step in ((fixed, None), (moving, motion))
    ]
    return _correlate(pair[:1], pair[1:])


def _detail(plane: Plane, motion: Motion | None = None) -> MaskedPlane:
    return _shrink(plane, motion, DEPTH_SIDE_PX).band(DEPTH_FINE_PX, DEPTH_BROAD_PX)


def _shrink(plane: Plane, motion: Motion | None, side_px: int) -> MaskedPlane:
    """Return a plane of at most ``side_px``, its content moved."""
    small, scale = even_out(plane, ""), 1
    while max(small.values.shape) > side_px:
        small, scale = small.halve(), 2 * scale
    if motion is not None:
        local = Motion(motion.rotation_deg, motion.dx_px / scale, motion.dy_px / scale)
        cy, cx = ((c - (scale - 1) / 2) / scale for c in centre_of(plane.shape))
        matrix, offset = local.pull((cy, cx))
        values = ndimage.affine_transform(small.values, matrix, offset, order=1)
        mask = ndimage.affine_transform(small.mask, matrix, offset, order=1)
        keep = (mask > 0.999).astype(np.float32)  # noqa: PLR2004
        small = MaskedPlane(values * keep, keep)
    return small


def _correlate(fixed: Sequence[MaskedPlane], moving: Sequence[MaskedPlane]) -> float:
    """Return the correlation of two slabs, plane by plane, over what both hold."""
    product = of_fixed = of_moving = 0.0
    for one, two in zip(fixed, moving, strict=True):
        both = one.mask * two.mask
        n = float(both.sum()) or 1.0
        f, g = one.values * both, two.values * both
        f_mean, g_mean = float(f.sum()) / n, float(g.sum()) / n
        product += float(np.vdot(f, g)) - n * f_mean * g_mean
        of_fixed += float(np.vdot(f, f)) - n * f_mean**2
        of_moving += float(np.vdot(g, g)) - n * g_mean**2
    scale = np.sqrt(max(of_fixed, 0) * max(of_moving, 0))
    return float(np.clip(product / scale, -1, 1)) if scale > 1e-6 else 0.0  # noqa: PLR2004


def _parabola(scores: NDArray[np.float64]) -> float:
    """Return the place of the maximum through three scores around the middle one."""
    left, middle, right = (float(score) for score in scores)
    bend = left - 2 * middle + right
    return float(np.clip((left - right) / (2 * bend), -0.5, 0.5)) if bend < 0 else 0.0
