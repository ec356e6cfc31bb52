"""Where two neighbouring tiles really lie to each other, from the strip that both saw.

One pair at a time: texture of a tile, agreement for every shift, sub-pixel peak, and how well the
strip can know it along each axis. What all pairs say together is in `mosaic.stitch`.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates, maximum_filter

FINE_PX, COARSE_PX = 1.0, 8.0
"""Texture is between these Gaussian widths: illumination is coarser, speckle finer."""
_INDEPENDENT_PX = 4 * np.pi * FINE_PX**2
"""Pixels that one independent sample takes after smoothing by FINE_PX (Gaussian noise area)."""
_MIN_SAMPLES = 12.0
SIGNIFICANT_Z = 5.0
"""Peak agreement in units of its chance spread; chance reaches 3 among the shifts tried."""
_RIVAL_SHARE = 0.8
_MIN_SIDE_PX = 4
_DARK_SHARE = 0.1
_NEWTON_STEPS = 15
_CONVERGED_PX = 2e-3
_BORDER_PX = 2
_QUADRATIC = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))


@dataclass(frozen=True, slots=True)
class PairShift:
    """What one overlap says about the step from the first tile to the second.

    Attributes
    ----------
    dy_px, dx_px : float
        Residual: the true step minus the expected one. Positive: the second tile lies further
        down or right than expected.
    ncc : float
        Agreement at the peak, 0 to 1.
    information : array, shape (2, 2), 1/px²
        Inverse covariance of (dy, dx); zeros when the overlap does not tell.
    is_conclusive : bool
        Whether the peak stands out of chance and of its rivals.
    """

    dy_px: float
    dx_px: float
    ncc: float
    information: NDArray[np.float64]
    is_conclusive: bool


INCONCLUSIVE = PairShift(0.0, 0.0, 0.0, np.zeros((2, 2)), is_conclusive=False)


def overlap_strips(
    shape: tuple[int, int], step_px: tuple[float, float], margin_px: int
) -> tuple[tuple[slice, slice], tuple[slice, slice], tuple[int, int]]:
    """Return which part of each tile to compare, and the step that the parts are aligned for.

    Parameters
    ----------
    shape : (int, int)
        (ny, nx) of both tiles.
    step_px : (float, float)
        Expected step (y, x) from the first tile to the second.
    margin_px : int
        How far the true step may be from the expected one; the parts reach that much further.

    Returns
    -------
    first, second : pair of slices
    base_px : (int, int)
        Step at which pixel (0, 0) of the first part meets pixel (0, 0) of the second.
    """
    first, second, base = [], [], []
    for n, step in zip(shape, step_px, strict=True):
        whole = round(step)
        low = min(max(whole - margin_px, 0), n)
        high = min(n, n + whole + margin_px)
        first.append(slice(low, high))
        start = max(0, -whole - margin_px)
        second.append(slice(start, min(n, n - whole + margin_px)))
        base.append(low - start)
    return (first[0], first[1]), (second[0], second[1]), (base[0], base[1])


def register_pair(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    *,
    step_px: tuple[float, float],
    margin_px: int,
) -> PairShift:
    """Measure the step between two tiles from their projections.

    Parameters
    ----------
    first, second : array, shape (ny, nx), float32
        Mean over depth of the two tiles, background removed.
    step_px : (float, float)
        Expected step (y, x) from the first tile to the second, px.
    margin_px : int
        Largest residual looked for, px.

    Returns
    -------
    PairShift

    Notes
    -----
    1. Whole pixels: the peak of the normalised cross-correlation of what truly overlaps at each
       trial step (Padfield 2012), so a narrow strip is not pulled to the expected step.
    2. Sub-pixel: least squares on log brightness over the overlap, with a smooth illumination
       ratio (quadratic) fitted along, so vignetting does not move tiles.
    """
    found = _search(first, second, step_px, margin_px)
    if found is None:
        return INCONCLUSIVE
    a, b, base, offsets, evidence = found
    row, column = (int(i) for i in np.unravel_index(int(np.argmax(evidence)), evidence.shape))
    if evidence[row, column] <= 0:
        return INCONCLUSIVE
    start = np.array([offsets[0][row], offsets[1][column]], dtype=np.float64)
    fit = _refine(a, b, start)
    residual = None if fit is None else fit.offset_px + base - step_px
    if fit is None or residual is None or np.abs(residual).max() > margin_px:
        return INCONCLUSIVE
    is_conclusive = fit.z >= SIGNIFICANT_Z and not _has_rival(evidence, row, column)
    return PairShift(
        float(residual[0]), float(residual[1]), fit.ncc, fit.information, is_conclusive
    )


def evidence_of_shifts(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    *,
    step_px: tuple[float, float],
    margin_px: int,
) -> NDArray[np.float64]:
    """Return how strongly two tiles agree at every residual shift up to ``margin_px``.

    Parameters as `register_pair`.

    Returns
    -------
    array, shape (2 margin_px + 1, 2 margin_px + 1)
        Log likelihood ratio of "these match" against "these do not", 0 where they do not; all 0
        where too little overlaps.
    """
    found = _search(first, second, step_px, margin_px)
    side = 2 * margin_px + 1
    return np.zeros((side, side)) if found is None else found.evidence


class _Search(NamedTuple):
    """Both strips as log brightness, the step they are aligned for, evidence at every offset."""

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    base: tuple[int, int]
    offsets: tuple[NDArray[np.int64], NDArray[np.int64]]
    evidence: NDArray[np.float64]


def _search(
    first: NDArray[np.float32],
    second: NDArray[np.float32],
    step_px: tuple[float, float],
    margin_px: int,
) -> _Search | None:
    """Compare two tiles at every whole shift; None where the strips are too narrow."""
    part_a, part_b, base = overlap_strips((first.shape[0], first.shape[1]), step_px, margin_px)
    strips = first[part_a], second[part_b]
    if min(*strips[0].shape, *strips[1].shape) < _MIN_SIDE_PX:
        return None
    a, b = _log_pair(*strips)
    rows, columns = (
        np.arange(round(step) - margin_px, round(step) + margin_px + 1) - start
        for step, start in zip(step_px, base, strict=True)
    )
    evidence = _evidence(*_ncc(_detrended(a), _detrended(b), (rows, columns)))
    return _Search(a, b, base, (rows, columns), evidence)


def _evidence(ncc: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log likelihood ratio −n log(1 − ρ²) of "these match" against "these do not", 0 for ρ ≤ 0.

    Unlike ρ itself, it compares offsets whose overlaps are of unlike size.
    """
    rho = np.clip(ncc, 0, 0.9999)
    ratio: NDArray[np.float64] = -(count / _INDEPENDENT_PX) * np.log1p(-(rho**2))
    return ratio


def _has_rival(evidence: NDArray[np.float64], row: int, column: int) -> bool:
    """Whether another local maximum is nearly as strong; a shoulder of the peak is none."""
    highest = maximum_filter(evidence, size=5, mode="constant", cval=np.inf)
    is_peak = evidence >= highest
    is_peak[max(0, row - 2) : row + 3, max(0, column - 2) : column + 3] = False
    if not is_peak.any():
        return False
    return bool(evidence[is_peak].max() > _RIVAL_SHARE * evidence[row, column])


@dataclass(frozen=True, slots=True)
class _Fit:
    offset_px: NDArray[np.float64]
    ncc: float
    z: float
    information: NDArray[np.float64]


def _log_pair(
    a: NDArray[np.float32], b: NDArray[np.float32]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both strips as smooth log brightness, with a floor that keeps the dark quiet."""
    fine_a = gaussian_filter(a.astype(np.float64), FINE_PX)
    fine_b = gaussian_filter(b.astype(np.float64), FINE_PX)
    bright = max(float(np.percentile(fine_a, 95)), float(np.percentile(fine_b, 95)), 1e-6)
    floor = _DARK_SHARE * bright
    return np.log(np.maximum(fine_a, 0) + floor), np.log(np.maximum(fine_b, 0) + floor)


def _detrended(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - gaussian_filter(values, COARSE_PX)


def _refine(
    a: NDArray[np.float64], b: NDArray[np.float64], offset: NDArray[np.float64]
) -> _Fit | None:
    """Gauss-Newton on a(p + offset) = b(p) + quadratic(p); None where too little overlaps.

    The gradient is the mean of both images', whose noise is uncorrelated with the residual's to
    first order: the solution is not pulled to whole pixels or to zero. Information: the gradients'
    cross product a × b, to which the noise of either does not add.
    """
    for _ in range(_NEWTON_STEPS):
        fields = _common_fields(a, b, offset)
        if fields is None:
            return None
        moved, still, grad_a, grad_b = fields
        gradient = (grad_a + grad_b) / 2
        normal = gradient @ gradient.T
        step = np.linalg.pinv(normal, rcond=1e-4, hermitian=True) @ (gradient @ (still - moved))
        offset = offset + np.clip(step, -1.5, 1.5)
        if np.abs(step).max() < _CONVERGED_PX:
            break
    size = float(np.sqrt((moved @ moved) * (still @ still)))
    ncc = float(moved @ still) / max(size, 1e-30)
    samples = max(len(moved) / _INDEPENDENT_PX - 6, 0)
    noise = float(np.mean((still - moved) ** 2)) * _INDEPENDENT_PX
    values, vectors = np.linalg.eigh((grad_a @ grad_b.T + grad_b @ grad_a.T) / 2)
    information = (vectors * np.maximum(values, 0)) @ vectors.T / max(noise, 1e-12)
    z = float(np.arctanh(np.clip(ncc, 0, 0.9999)) * np.sqrt(samples))
    return _Fit(offset, ncc, z, information)


def _common_fields(
    a: NDArray[np.float64], b: NDArray[np.float64], offset: NDArray[np.float64]
) -> tuple[NDArray[np.float64], ...] | None:
    """Return a moved onto b, b, and their gradients (2, n), less their best quadratic in (y, x)."""
    low = np.maximum(0, np.ceil(-offset)).astype(int) + _BORDER_PX
    high = (
        np.minimum(b.shape, np.floor(np.array(a.shape) - 1 - offset) + 1).astype(int) - _BORDER_PX
    )
    if (high - low).min() < _MIN_SIDE_PX or np.prod(high - low) < _MIN_SAMPLES * _INDEPENDENT_PX:
        return None
    y, x = (np.arange(i, j) for i, j in zip(low, high, strict=True))
    moved = np.asarray(
        map_coordinates(a, np.meshgrid(y + offset[0], x + offset[1], indexing="ij"), order=3,
                        mode="nearest")
    )  # fmt: skip
    still = b[low[0] : high[0], low[1] : high[1]]
    flats = [moved, still, *np.gradient(moved), *np.gradient(still)]
    u, v = (np.linspace(-1, 1, len(axis)) for axis in (y, x))
    terms = [np.outer(u**i, v**j).ravel() for i, j in _QUADRATIC]
    basis, _ = np.linalg.qr(np.stack(terms, axis=1))
    rows = np.stack([flat.ravel() for flat in flats])
    rows = rows - (rows @ basis) @ basis.T
    return rows[0], rows[1], rows[2:4], rows[4:6]


def _ncc(
    a: NDArray[np.float64],
    b: NDArray[np.float64],
    offsets: tuple[NDArray[np.int64], ...],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """NCC of a(p + o) with b(p) over their overlap, for every offset o; and the pixels in it."""
    shape = tuple(
        fft.next_fast_len(na + nb - 1, real=True) for na, nb in zip(a.shape, b.shape, strict=True)
    )

    def spectrum(values: NDArray[np.float64]) -> NDArray[np.complex128]:
        found: NDArray[np.complex128] = fft.rfft2(values, shape)
        return found

    ones_a, ones_b = spectrum(np.ones_like(a)), spectrum(np.ones_like(b))
    fa, fa2, fb, fb2 = spectrum(a), spectrum(a**2), spectrum(b), spectrum(b**2)
    where = np.ix_(offsets[0] % shape[0], offsets[1] % shape[1])

    def correlate(x: NDArray[np.complex128], y: NDArray[np.complex128]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = fft.irfft2(x * np.conj(y), shape)[where]
        return found

    count = np.rint(correlate(ones_a, ones_b))
    enough = count >= _MIN_SAMPLES * _INDEPENDENT_PX
    n = np.maximum(count, 1)
    sum_a, sum_b = correlate(fa, ones_b), correlate(ones_a, fb)
    var_a = np.maximum(correlate(fa2, ones_b) - sum_a**2 / n, 0)
    var_b = np.maximum(correlate(ones_a, fb2) - sum_b**2 / n, 0)
    scale = np.sqrt(var_a * var_b)
    usable = enough & (scale > 1e-9 * max(float(scale.max()), 1e-30))
    score = np.full(count.shape, -1.0)
    covariance = correlate(fa, fb) - sum_a * sum_b / n
    score[usable] = np.clip(covariance[usable] / scale[usable], -1, 1)
    return score, count
