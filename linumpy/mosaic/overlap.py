"""Where two neighbouring tiles really lie to each other, from the strip that both saw.

One pair at a time: texture of a tile, agreement for every shift, the places that stand out, each
to a fraction of a pixel (`mosaic.subpixel`). Which of them is right is decided from all pairs
together, in `mosaic.stitch`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, maximum_filter

from linumpy.mosaic.subpixel import (
    MIN_PIXELS,
    MIN_SIDE_PX,
    area_of_one_sample,
    even_contrast,
    refine_offset,
)

FINE_PX, COARSE_PX = 1.0, 8.0
"""The search compares texture between these Gaussian widths: illumination is coarser."""
MAX_CANDIDATES = 6
SURE = 4.6
"""Log odds at which a pair alone decides: one in a hundred is wrong."""
_DARK_SHARE = 0.1
_SPECKLE_PX = 0.3
"""Smoothing before the logarithm: it keeps single dark pixels from falling to the floor."""
_MERGE_PX = 1.0
_MOVED_PX = 3.0


@dataclass(frozen=True, slots=True)
class Candidate:
    """A step that two tiles may have to each other.

    Attributes
    ----------
    dy_px, dx_px : float
        Residual: the true step minus the expected one. Positive: the second tile lies further
        down or right than expected.
    ncc : float
        Agreement there, 0 to 1.
    information : array, shape (2, 2), 1/px²
        Inverse covariance of (dy, dx).
    evidence : float
        Log likelihood ratio of "the tiles match there" against "they do not".
    """

    dy_px: float
    dx_px: float
    ncc: float
    information: NDArray[np.float64]
    evidence: float


@dataclass(frozen=True, slots=True)
class PairShift:
    """What one overlap says about the step from the first tile to the second.

    ``candidates`` are the steps that stand out, the best first; empty when there is nothing to
    compare. ``is_conclusive`` says whether the pair alone decides for the best.
    """

    candidates: tuple[Candidate, ...]
    is_conclusive: bool

    @property
    def best(self) -> Candidate:
        """The step with the most evidence; no residual and no information without any."""
        return self.candidates[0] if self.candidates else _NOTHING


_NOTHING = Candidate(0.0, 0.0, 0.0, np.zeros((2, 2)), 0.0)
INCONCLUSIVE = PairShift((), is_conclusive=False)


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
    1. Whole pixels: maxima of the normalised cross-correlation of what truly overlaps at each
       trial step (Padfield 2012), so a narrow strip is not pulled to the expected step.
    2. Sub-pixel: maximum likelihood on log brightness over the overlap, with a smooth illumination
       ratio (quadratic) fitted along, so vignetting does not move tiles.
    3. Evidence: −n/2 log(1 − ρ²), n the number of independent pixels (Bartlett 1946): smooth
       texture agrees by chance more easily than fine texture.
    """
    part_a, part_b, base = overlap_strips((first.shape[0], first.shape[1]), step_px, margin_px)
    strips = first[part_a], second[part_b]
    if min(*strips[0].shape, *strips[1].shape) < MIN_SIDE_PX:
        return INCONCLUSIVE
    offsets = tuple(
        np.arange(round(step) - margin_px, round(step) + margin_px + 1) - start
        for step, start in zip(step_px, base, strict=True)
    )
    smooth_a, smooth_b = (even_contrast(_detrended(plane)) for plane in _log_pair(*strips, FINE_PX))
    evidence, n_places = _evidence(smooth_a, smooth_b, offsets)
    fine = _log_pair(*strips, _SPECKLE_PX)
    found: list[Candidate] = []
    for place in _peaks(evidence):
        start = np.array([offsets[0][place[0]], offsets[1][place[1]]], dtype=np.float64)
        fit = refine_offset(*fine, start)
        if fit is None or np.abs(fit.offset_px - start).max() > _MOVED_PX:
            continue
        dy, dx = (float(v) for v in fit.offset_px + base - step_px)
        if max(abs(dy), abs(dx)) > margin_px or any(
            np.hypot(dy - c.dy_px, dx - c.dx_px) < _MERGE_PX for c in found
        ):
            continue
        found.append(Candidate(dy, dx, fit.ncc, fit.information, fit.evidence))
    found.sort(key=lambda c: -c.evidence)
    return PairShift(tuple(found), is_conclusive=_is_sure(found, n_places))


def _is_sure(found: list[Candidate], n_places: float) -> bool:
    """Whether the best stands out of its rivals and of what chance gives in so many places."""
    if not found or found[0].ncc <= 0:
        return False
    against = np.array([np.log(n_places), *(c.evidence for c in found[1:])])
    return found[0].evidence - float(np.logaddexp.reduce(against)) >= SURE


def _evidence(
    a: NDArray[np.float64], b: NDArray[np.float64], offsets: tuple[NDArray[np.int64], ...]
) -> tuple[NDArray[np.float64], float]:
    """Return the evidence at every offset, 0 for ρ ≤ 0, and how many independent offsets it has.

    Unlike ρ itself, it compares offsets whose overlaps are of unlike size.
    """
    ncc, count = _ncc(a, b, offsets)
    area = area_of_one_sample(a, b)
    rho = np.clip(ncc, 0, 0.9999)
    evidence: NDArray[np.float64] = -0.5 * (count / area) * np.log1p(-(rho**2))
    return evidence, max(evidence.size / area, 1.0)


def _peaks(evidence: NDArray[np.float64]) -> Iterator[tuple[int, int]]:
    """Yield the local maxima with the most evidence, the highest first."""
    highest = maximum_filter(evidence, size=3, mode="constant", cval=0.0)
    rows, columns = np.nonzero((evidence >= highest) & (evidence > 0))
    order = np.argsort(-evidence[rows, columns], kind="stable")[:MAX_CANDIDATES]
    yield from ((int(rows[i]), int(columns[i])) for i in order)


def _log_pair(
    a: NDArray[np.float32], b: NDArray[np.float32], smooth_px: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both strips as log brightness, with a floor that keeps the dark quiet."""
    fine_a = gaussian_filter(a.astype(np.float64), smooth_px)
    fine_b = gaussian_filter(b.astype(np.float64), smooth_px)
    bright = max(float(np.percentile(fine_a, 95)), float(np.percentile(fine_b, 95)), 1e-6)
    floor = _DARK_SHARE * bright
    return np.log(np.maximum(fine_a, 0) + floor), np.log(np.maximum(fine_b, 0) + floor)


def _detrended(values: NDArray[np.float64]) -> NDArray[np.float64]:
    return values - gaussian_filter(values, COARSE_PX)


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
    enough = count >= MIN_PIXELS
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
