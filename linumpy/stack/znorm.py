"""Brightness of the slices against each other: steps taken out, the anatomy's trend kept.

Neighbours show the same tissue where they overlap, so the ratio there is the ratio of their gains
and not of the tissue. Gains are solved together, so that an error does not add up along the stack.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Numbers = NDArray[np.float64]

GAIN_SIGMA = 0.3  # ln gain of a slice, from one slice to any other
DEPTH_SIGMA = 0.05  # ln(shallow / deep) of the same tissue, the same for all pairs


@dataclass(frozen=True, slots=True)
class Ratio:
    """ln(intensity of section ``moving`` / of section ``fixed``) for one tissue; indices."""

    fixed: int
    moving: int
    log_ratio: float
    sigma: float


def solve_gains(n: int, ratios: Sequence[Ratio]) -> Numbers:
    """Return ln gain of every section; divide by its exponential to correct.

    Parameters
    ----------
    n : int
        Number of sections.
    ratios : sequence of Ratio
        Pairs without a ratio are simply absent.

    Returns
    -------
    array, shape (n,), float64

    Notes
    -----
    ratio = g_moving − g_fixed + c + noise. The constant c is what the same tissue loses with
    depth: all pairs share it, and without it the gains would climb by c at every slice. Minimised:
    Σ ((g_m − g_f + c − r)/σ)² + Σ (g/σ_g)² + (c/σ_c)².

    Examples
    --------
    >>> solve_gains(3, [Ratio(0, 1, 0.2, 0.003), Ratio(1, 2, -0.2, 0.003)]).round(2).tolist()
    [-0.07, 0.13, -0.07]
    """
    rows = np.zeros((len(ratios) + n + 1, n + 1))
    right = np.zeros(len(rows))
    for row, ratio in enumerate(ratios):
        rows[row, [ratio.fixed, ratio.moving, n]] = (-1.0, 1.0, 1.0)
        rows[row] /= ratio.sigma
        right[row] = ratio.log_ratio / ratio.sigma
    rows[len(ratios) : -1, :n] = np.eye(n) / GAIN_SIGMA
    rows[-1, n] = 1 / DEPTH_SIGMA
    solved = np.linalg.lstsq(rows, right, rcond=None)[0]
    return np.asarray(solved[:n], dtype=np.float64)


def smooth_gains(levels: Numbers, sigma: float) -> Numbers:
    """Return ln gain of every section against the smooth course of all.

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
    return gains


def plane_factors(
    shares: Sequence[Mapping[int, float]],
    gains: Numbers,
    *,
    strength: float,
    bounds: tuple[float, float],
) -> NDArray[np.float32]:
    """Return the factor of every plane of the volume.

    Parameters
    ----------
    shares : sequence of mapping
        For every plane, section → its weight there; empty where nothing was measured.
    gains : array
        ln gain of every section.
    strength : float
        1 takes the gains out whole, 0 not at all.
    bounds : tuple of float
        Smallest and largest factor.

    Notes
    -----
    A blended plane shows Σ w g · tissue, so its factor is 1 / Σ w g: exact where both slices
    measured.
    """
    factors = np.ones(len(shares))
    for z, plane in enumerate(shares):
        total = sum(plane.values())
        if total > 0:
            mixed = sum(weight * np.exp(gains[i]) for i, weight in plane.items()) / total
            factors[z] = 1 + strength * (np.clip(1 / mixed, *bounds) - 1)
    return factors.astype(np.float32)
