"""Brightness of the slices against each other: steps taken out, the anatomy's trend kept.

Neighbours show the same tissue where they overlap, so the ratio there is the ratio of their gains
and not of the tissue. Gains are solved together, so that an error does not add up along the stack.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Numbers = NDArray[np.float64]

GAIN_SIGMA = 0.3  # ln gain of a slice, from one slice to any other
# ln(shallow / deep) of the same tissue, the same for all pairs. Attenuation is compensated before:
# of 15 simulated acquisitions none kept more than 0.05. Twice that, for samples unlike those.
DEPTH_SIGMA = 0.1
# ln gain in those acquisitions, and the number of ratios that this counts for
USUAL_SPREAD, N_USUAL = 0.05, 4


@dataclass(frozen=True, slots=True)
class Ratio:
    """ln(intensity of section ``moving`` / of section ``fixed``) for one tissue; indices."""

    fixed: int
    moving: int
    log_ratio: float
    sigma: float


@dataclass(frozen=True, slots=True)
class Brightness:
    """How bright the sections are: divide by the exponentials to correct.

    ``log_gain`` of every section, shape (n,); ``depth_loss``, ln, is what tissue loses from the
    surface of one section to that of the next.
    """

    log_gain: Numbers
    depth_loss: float = 0.0


def solve_gains(n: int, ratios: Sequence[Ratio]) -> Brightness:
    """Solve for the gains of all sections together, and for the loss in depth.

    Parameters
    ----------
    n : int
        Number of sections.
    ratios : sequence of Ratio
        Pairs without a ratio are simply absent.

    Notes
    -----
    ratio = g_moving − g_fixed + c + noise. The constant c is what the same tissue loses with
    depth: all pairs share it, and without it the gains would climb by c at every slice. Minimised:
    Σ ((g_m − g_f + c − r)/σ)² + Σ (g/σ_g)² + (c/σ_c)² (s/σ_g)².

    Ratios cannot tell c from gains that climb evenly. Random gains of spread s climb by chance by
    s √(12/n³) per section, so c is believed as far as it exceeds that; s is taken from the ratios
    themselves. σ_g is wide, so that a slow drift of the source is taken out whole; the last factor
    sets that right for c.

    Examples
    --------
    >>> found = solve_gains(3, [Ratio(0, 1, 0.2, 0.003), Ratio(1, 2, -0.2, 0.003)])
    >>> found.log_gain.round(2).tolist()
    [-0.07, 0.13, -0.07]
    """
    rows = np.zeros((len(ratios) + n + 1, n + 1))
    right = np.zeros(len(rows))
    for row, ratio in enumerate(ratios):
        rows[row, [ratio.fixed, ratio.moving, n]] = (-1.0, 1.0, 1.0)
        rows[row] /= ratio.sigma
        right[row] = ratio.log_ratio / ratio.sigma
    rows[len(ratios) : -1, :n] = np.eye(n) / GAIN_SIGMA
    rows[-1, n] = _spread(ratios) / (GAIN_SIGMA * DEPTH_SIGMA)
    solved = np.linalg.lstsq(rows, right, rcond=None)[0]
    return Brightness(np.asarray(solved[:n], dtype=np.float64), float(solved[n]))


def _spread(ratios: Sequence[Ratio]) -> float:
    """Return the spread of the gains that the ratios show; a ratio is of two of them."""
    steps = np.array([ratio.log_ratio for ratio in ratios])
    off = float(np.square(steps - steps.mean()).sum()) / 2 if steps.size else 0.0
    return math.sqrt((N_USUAL * USUAL_SPREAD**2 + off) / (N_USUAL + max(len(steps) - 1, 0)))


def smooth_gains(levels: Numbers, sigma: float) -> Brightness:
    """Take the gain of every section against the smooth course of all.

    Parameters
    ----------
    levels : array, shape (n,), float64
        A percentile of each section; 0 where a section has too little tissue.
    sigma : float
        Width of the smoothing, sections.

    Notes
    -----
    s = G(level · 1[level > 0]) / G(1[level > 0]); gain = level / s. What changes over more than
    ``sigma`` sections is taken for anatomy and stays.
    """
    known = levels > 0
    total = ndimage.gaussian_filter1d(np.where(known, levels, 0.0), sigma, mode="nearest")
    weight = ndimage.gaussian_filter1d(known.astype(np.float64), sigma, mode="nearest")
    smooth = total / np.maximum(weight, 1e-12)
    safe = known & (smooth > 0)
    gains: Numbers = np.zeros(len(levels))
    gains[safe] = np.log(levels[safe] / smooth[safe])
    return Brightness(gains)


def plane_factors(
    shares: Sequence[Mapping[int, float]],
    starts: Sequence[int],
    brightness: Brightness,
    *,
    strength: float,
    bounds: tuple[float, float],
) -> NDArray[np.float32]:
    """Return the factor of every plane of the volume.

    Parameters
    ----------
    shares : sequence of mapping
        For every plane, section → its weight there; empty where nothing was measured.
    starts : sequence of int
        First plane of every section.
    brightness : Brightness
    strength : float
        1 takes the steps out whole, 0 not at all.
    bounds : tuple of float
        Smallest and largest factor.

    Notes
    -----
    Section k at depth d (in section intervals) is exp(g_k − c (d − ½)) as bright as it should be;
    a blended plane shows Σ w of that, so its factor is 1 / Σ w exp(…): exact where all measured.
    """
    steps = np.diff(np.asarray(starts))
    interval = float(np.median(steps)) if len(steps) else 1.0
    factors = np.ones(len(shares))
    for z, plane in enumerate(shares):
        total = sum(plane.values())
        if total > 0:
            mixed = sum(
                weight * _level(brightness, i, (z - starts[i]) / interval)
                for i, weight in plane.items()
            )
            factors[z] = 1 + strength * (np.clip(total / mixed, *bounds) - 1)
    return factors.astype(np.float32)


def _level(brightness: Brightness, i: int, depth: float) -> float:
    # Beyond its own section a slice is only seen in gaps: the loss is not extrapolated there.
    inside = min(max(depth, 0.0), 1.5)
    return float(np.exp(brightness.log_gain[i] - brightness.depth_loss * (inside - 0.5)))
