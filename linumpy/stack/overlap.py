"""What two slices say about the tissue that both show: do they agree, and how bright is each."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.stack.blend import Overlap
from linumpy.stack.pose import Voxels, read_posed
from linumpy.stack.volume import Positioned

Numbers = NDArray[np.float64]

MAX_PLANES = 4
"""Planes of the overlap that are compared, evenly spread: more say little more."""
MIN_VOXELS = 200
"""Fewer common voxels say nothing."""
_FLOOR_SIGMA = 0.003


@dataclass(frozen=True, slots=True)
class Agreement:
    """Comparison of a pair in its overlap.

    ``ncc`` is the correlation of the common voxels; ``log_ratio`` = ln(moving / fixed) of their
    mean intensity in tissue, with its standard error. Without an overlap: n_voxels 0.
    """

    ncc: float
    log_ratio: float
    log_ratio_sigma: float
    n_voxels: int


NOTHING = Agreement(0.0, 0.0, math.inf, 0)


def measure_agreement(
    fixed: Positioned,
    moving: Positioned,
    overlap: Overlap,
    windows: Iterable[tuple[slice, slice]],
    *,
    tissue_threshold: float = 0.0,
) -> Agreement:
    """Compare two slices, placed in the stack, plane by plane in their overlap.

    Parameters
    ----------
    fixed, moving : Positioned
        The upper and the lower slice.
    overlap : Overlap
        Of the moving slice.
    windows : iterable of (rows, columns)
        Parts of the canvas, read one after the other.
    tissue_threshold : float
        Intensity above which the mean of the two is tissue; the ratio is of tissue only.

    Notes
    -----
    The ratio is of sums, so speckle does not bias it; tissue is chosen by the mean of both, so the
    choice favours neither. Its error is the spread of the ratio over windows and planes.
    """
    planes = _pick_planes(fixed, moving, overlap)
    if not planes:
        return NOTHING
    moments = np.zeros(6)
    ratios, weights = [], []
    for rows, columns in windows:
        for own, other in planes:
            upper = _plane(fixed, other, rows, columns)
            lower = _plane(moving, own, rows, columns)
            both = (upper != 0) & (lower != 0)
            moments += _moments(upper[both], lower[both])
            tissue = both & ((upper + lower) / 2 > tissue_threshold)
            ratio, weight = _log_ratio(upper[tissue], lower[tissue])
            ratios.append(ratio)
            weights.append(weight)
    n_voxels = int(moments[0])
    if n_voxels < MIN_VOXELS or sum(weights) < MIN_VOXELS:
        return NOTHING
    mean, sigma = _mean_and_error(np.array(ratios), np.array(weights))
    return Agreement(_correlation(moments), mean, sigma, n_voxels)


def _pick_planes(fixed: Positioned, moving: Positioned, overlap: Overlap) -> list[tuple[int, int]]:
    """Return (plane of moving, plane of fixed) pairs at one depth of the stack."""
    first = moving.layer.skip
    picked = np.unique(np.linspace(0, overlap.n_planes - 1, MAX_PLANES).round().astype(int))
    down = moving.layer.start - fixed.layer.start
    pairs = [(first + int(k), first + int(k) + down) for k in picked if overlap.n_planes > 0]
    return [pair for pair in pairs if pair[1] < fixed.layer.n_planes]


def _plane(one: Positioned, plane: int, rows: slice, columns: slice) -> Voxels:
    found: Voxels = read_posed(one.source, one.pose, (slice(plane, plane + 1), rows, columns))[0]
    return found


def _moments(upper: Voxels, lower: Voxels) -> Numbers:
    f, m = upper.astype(np.float64), lower.astype(np.float64)
    return np.array([f.size, f.sum(), m.sum(), f @ f, m @ m, f @ m])


def _correlation(moments: Numbers) -> float:
    n, f, m, ff, mm, fm = (float(value) for value in moments)
    spread = (ff - f * f / n) * (mm - m * m / n)
    return (fm - f * m / n) / math.sqrt(spread) if spread > 0 else 0.0


def _log_ratio(upper: Voxels, lower: Voxels) -> tuple[float, float]:
    f, m = float(upper.sum(dtype=np.float64)), float(lower.sum(dtype=np.float64))
    if f <= 0 or m <= 0:
        return (0.0, 0.0)
    return (math.log(m / f), float(upper.size))


def _mean_and_error(
    ratios: Numbers,
    weights: Numbers,
) -> tuple[float, float]:
    share = weights / weights.sum()
    mean = float(share @ ratios)
    n_effective = 1 / float(share @ share)
    spread = math.sqrt(float(share @ (ratios - mean) ** 2) / max(n_effective - 1, 1))
    return mean, max(spread, _FLOOR_SIGMA)
