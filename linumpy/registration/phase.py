"""Translation between two planes, from no idea at all down to a fraction of a pixel.

Masked normalised cross-correlation (Padfield 2012, doi:10.1109/TIP.2011.2181402) on a coarse
level, then a local search down the pyramid. Background, gain and partial overlap do not bias it,
as they do plain phase correlation. Rotation is not estimated here: see `registration.refine`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

from linumpy.registration.planes import Mask, MaskedPlane, Plane, overlap

Where = tuple[slice, slice]

COARSE_PX = 256
"""The whole search range is covered on the level whose longer side is at most this."""
MIN_SIDE_PX = 16
"""A level is not halved further when its shorter side would fall below this."""
MIN_OVERLAP = 0.25
"""A shift is a candidate when this share of the smaller mask overlaps: less fits by chance."""
MIN_OVERLAP_PX = 16
SIGMA_PX = 1.0
"""Smoothing before the sub-pixel fit: a parabola is biased on peaks one pixel wide."""
MAX_WALK_PX = 4
"""Steps of the local search on each finer level; one would do without rounding."""


@dataclass(frozen=True, slots=True)
class PhaseShift:
    """Where the content of ``moving`` must go to lie on ``fixed``, in pixels.

    ``fixed[y + dy_px, x + dx_px]`` shows what ``moving[y, x]`` shows: positive ``dx_px`` moves
    the content to larger columns, positive ``dy_px`` to larger rows.

    ``ncc`` is the correlation of the overlap at that shift, ``overlap`` the share of the smaller
    mask that overlaps, ``confidence`` in [0, 1] how far this shift stands out among all others.
    """

    dy_px: float
    dx_px: float
    ncc: float
    overlap: float
    confidence: float


NOTHING = PhaseShift(0.0, 0.0, ncc=0.0, overlap=0.0, confidence=0.0)
"""The answer where there is no texture to compare."""


def phase_shift(
    fixed: Plane,
    moving: Plane,
    *,
    max_shift_px: float | None = None,
    fixed_mask: Mask | None = None,
    moving_mask: Mask | None = None,
) -> PhaseShift:
    """Estimate the translation that lays ``moving`` on ``fixed``.

    Parameters
    ----------
    fixed, moving : array, shape (y, x), float32
        Pixel (0, 0) of both is the same place; shapes may differ.
    max_shift_px : float, optional
        Bound on the magnitude of dy and of dx; default: whatever leaves enough overlap.
    fixed_mask, moving_mask : array of bool, shape of the plane, optional
        True where there is data; default: where the plane is finite and not exactly 0.

    Returns
    -------
    PhaseShift
        `NOTHING` when either plane has no texture or no shift leaves enough overlap.

    Raises
    ------
    BadValue
        If a plane is not two-dimensional or a mask has another shape.

    Notes
    -----
    Among shifts s, the one with the most information is taken, I(s) = −n(s) log(1 − ρ(s)²) where
    ρ(s) > 0, with n(s) the number of overlapping pixels and ρ(s) their correlation: a small
    overlap needs a much better match than a large one. With I₂ the best beyond the main peak,
    confidence = ρ · (1 − I₂ / I).
    """
    pyramid = _build_pyramid(
        MaskedPlane.of(fixed, fixed_mask, name="fixed"),
        MaskedPlane.of(moving, moving_mask, name="moving"),
    )
    scale = 2 ** (len(pyramid) - 1)
    limit = None if max_shift_px is None else max_shift_px / scale
    found = _search_whole(*pyramid[-1], limit=limit)
    if found is None:
        return NOTHING
    dy, dx, distinct = found
    for level in range(len(pyramid) - 2, -1, -1):
        bound = None if max_shift_px is None else max_shift_px / 2**level
        dy, dx = _walk(*pyramid[level], (2 * dy, 2 * dx), bound)
    return _fit_peak(*pyramid[0], (dy, dx), distinct, max_shift_px)


def ncc_at(
    fixed: Plane, moving: Plane, shift_px: tuple[int, int], *, min_overlap: float = MIN_OVERLAP
) -> float:
    """Return the correlation of two planes at a whole-pixel shift (dy, dx) of ``moving``.

    Only pixels that are finite and not exactly 0 in both count; 0.0 when too few do.
    """
    rho, share = _correlate_at(
        MaskedPlane.of(fixed, name="fixed"), MaskedPlane.of(moving, name="moving"), shift_px
    )
    return rho if share >= min_overlap else 0.0


def _build_pyramid(
    fixed: MaskedPlane, moving: MaskedPlane
) -> list[tuple[MaskedPlane, MaskedPlane]]:
    levels = [(fixed, moving)]
    while True:
        sides = [side for level in levels[-1] for side in level.values.shape]
        if max(sides) <= COARSE_PX or min(sides) < 2 * MIN_SIDE_PX:
            return levels
        levels.append((levels[-1][0].halve(), levels[-1][1].halve()))


def _search_whole(
    fixed: MaskedPlane, moving: MaskedPlane, *, limit: float | None
) -> tuple[int, int, float] | None:
    """Return (dy, dx, 1 − I₂/I) of the most informative shift of all, or None."""
    rho, n = _correlate_everywhere(fixed, moving)
    least = max(MIN_OVERLAP * min(fixed.mask.sum(), moving.mask.sum()), MIN_OVERLAP_PX)
    rows, columns = _signed(rho.shape[0]), _signed(rho.shape[1])
    allowed = n >= least
    if limit is not None:
        reach = np.ceil(limit)
        allowed &= (np.abs(rows) <= reach)[:, None] & (np.abs(columns) <= reach)
    rho = np.where(allowed, np.clip(rho, 0, 1 - 1e-6), 0)
    information = -n * np.log1p(-np.square(rho))
    best = int(np.argmax(information))
    iy, ix = divmod(best, rho.shape[1])
    peak = float(information[iy, ix])
    if peak <= 0:
        return None
    rival = _best_rival(information, (iy, ix))
    return int(rows[iy]), int(columns[ix]), 1 - rival / peak


def _best_rival(information: NDArray[np.float64], peak: tuple[int, int]) -> float:
    """Return the highest local maximum that does not belong to the main peak."""
    is_top = information == ndimage.maximum_filter(information, size=5, mode="wrap")
    is_top[peak] = False
    return float(information[is_top].max(initial=0.0))


def _signed(n: int) -> NDArray[np.int64]:
    """Return the shift that each place of a cyclic correlation of length ``n`` stands for."""
    place = np.arange(n)
    return np.where(place > n // 2, place - n, place)


def _correlate_everywhere(
    fixed: MaskedPlane, moving: MaskedPlane
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return ρ and the number of overlapping pixels at every shift (cyclic layout)."""
    shape = [
        fft.next_fast_len(a + b, real=True)
        for a, b in zip(fixed.values.shape, moving.values.shape, strict=True)
    ]

    def transform(plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        spectrum: NDArray[np.complex128] = fft.rfft2(plane, shape)
        return spectrum

    f, mf = fixed.values.astype(np.float64), fixed.mask.astype(np.float64)
    g, mg = moving.values.astype(np.float64), moving.mask.astype(np.float64)
    F, MF, FF = transform(f), transform(mf), transform(f * f)
    G, MG, GG = (np.conj(transform(plane)) for plane in (g, mg, g * g))

    def back(spectrum: NDArray[np.complex128]) -> NDArray[np.float64]:
        plane: NDArray[np.float64] = fft.irfft2(spectrum, shape)
        return plane

    n = np.maximum(np.round(back(MF * MG)), 0)
    sum_f, sum_g = back(F * MG), back(MF * G)
    safe = np.maximum(n, 1)
    covariance = back(F * G) - sum_f * sum_g / safe
    variance_f = back(FF * MG) - sum_f**2 / safe
    variance_g = back(MF * GG) - sum_g**2 / safe
    # Both planes have unit variance; below this it is rounding of the transforms.
    floor = 1e-6 * safe
    has_texture = (variance_f > floor) & (variance_g > floor)
    product = np.where(has_texture, variance_f * variance_g, 1)
    return np.where(has_texture, covariance / np.sqrt(product), 0), n


def _correlate_at(
    fixed: MaskedPlane, moving: MaskedPlane, shift: tuple[int, int]
) -> tuple[float, float]:
    """Return ρ and the overlapping share of the smaller mask at one shift."""
    rows, columns = (
        overlap(*sides, step)
        for sides, step in zip(
            zip(fixed.values.shape, moving.values.shape, strict=True), shift, strict=True
        )
    )
    in_fixed: Where = (rows[0], columns[0])
    in_moving: Where = (rows[1], columns[1])
    weight = fixed.mask[in_fixed] * moving.mask[in_moving]
    n = float(weight.sum(dtype=np.float64))
    smaller = min(float(fixed.mask.sum()), float(moving.mask.sum()))
    if n < 2:  # noqa: PLR2004
        return 0.0, 0.0
    f, g = fixed.values[in_fixed] * weight, moving.values[in_moving] * weight
    f_mean, g_mean = f.sum(dtype=np.float64) / n, g.sum(dtype=np.float64) / n
    covariance = float(np.vdot(f, g)) - n * f_mean * g_mean
    variance = (float(np.vdot(f, f)) - n * f_mean**2) * (float(np.vdot(g, g)) - n * g_mean**2)
    rho = covariance / np.sqrt(variance) if variance > (1e-6 * n) ** 2 else 0.0
    return float(np.clip(rho, -1, 1)), n / smaller


def _walk(
    fixed: MaskedPlane, moving: MaskedPlane, start: tuple[int, int], bound: float | None
) -> tuple[int, int]:
    """Climb to the nearest whole-pixel maximum of ρ."""
    known: dict[tuple[int, int], float] = {}

    def score(shift: tuple[int, int]) -> float:
        if bound is not None and max(abs(shift[0]), abs(shift[1])) > np.ceil(bound):
            return -1.0
        if shift not in known:
            known[shift] = _correlate_at(fixed, moving, shift)[0]
        return known[shift]

    here = start
    for _ in range(MAX_WALK_PX):
        near = [(here[0] + dy, here[1] + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        best = max(near, key=score)
        if score(best) <= score(here):
            break
        here = best
    return here


def _fit_peak(
    fixed: MaskedPlane,
    moving: MaskedPlane,
    start: tuple[int, int],
    distinct: float,
    max_shift_px: float | None,
) -> PhaseShift:
    """Fit a quadric to ρ on 3 × 3 shifts around the maximum of the smoothed planes."""
    smooth_fixed, smooth_moving = fixed.smooth(SIGMA_PX), moving.smooth(SIGMA_PX)
    dy, dx = _walk(smooth_fixed, smooth_moving, start, max_shift_px)
    scores = np.array(
        [
            [_correlate_at(smooth_fixed, smooth_moving, (dy + i, dx + j))[0] for j in (-1, 0, 1)]
            for i in (-1, 0, 1)
        ]
    )
    sub_y, sub_x = _quadric_peak(scores)
    ncc, share = _correlate_at(fixed, moving, (dy, dx))
    y, x = dy + sub_y, dx + sub_x
    if max_shift_px is not None:
        y, x = (float(np.clip(v, -max_shift_px, max_shift_px)) for v in (y, x))
    confidence = float(np.clip(max(scores[1, 1], 0.0) * distinct, 0, 1))
    return PhaseShift(y, x, ncc=ncc, overlap=min(share, 1.0), confidence=confidence)


def _quadric_peak(scores: NDArray[np.float64]) -> tuple[float, float]:
    """Return the offset (y, x) of the maximum of the least-squares quadric, within one pixel."""
    i, j = np.mgrid[-1:2, -1:2].reshape(2, -1).astype(np.float64)
    terms = np.stack([np.ones(9), i, j, i * i, j * j, i * j], axis=1)
    _, a, b, c, d, e = np.linalg.lstsq(terms, scores.ravel(), rcond=None)[0]
    hessian = np.array([[2 * c, e], [e, 2 * d]])
    if c >= 0 or d >= 0 or np.linalg.det(hessian) <= 0:
        return 0.0, 0.0
    y, x = np.linalg.solve(hessian, [-a, -b])
    return float(np.clip(y, -1, 1)), float(np.clip(x, -1, 1))
