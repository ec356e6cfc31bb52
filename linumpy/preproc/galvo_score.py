"""The feature page's three terms for a band in an A-line profile, and their weights. Nothing else.

``score = 0.5 contrast + 0.3 sharpness + 0.2 anomaly``; how the band is found, and whether it is
believed, is the work of `linumpy.preproc.galvo_jumps` and `linumpy.preproc.xyzcorr`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTRAST, SHARPNESS, ANOMALY = 0.50, 0.30, 0.20
"""Weights, Σ = 1: contrast dominates, it holds for bright and for dark returns."""

FULL_CONTRAST = 0.15  # a relative difference of 15 % scores 1
FULL_SHARPNESS = 3.0  # an edge of 3 × the third quartile of gradients scores 1
Z_LOW, Z_SPAN = 1.5, 3.0  # z-scores from 1.5 to 4.5 score from 0 to 1
_EDGE_REACH = 5  # samples on each side of a border in which its edge is sought
_MIN_REGION = 5  # shorter regions say nothing
_FLAT = 1e-10


@dataclass(frozen=True, slots=True)
class GalvoTerms:
    """The three terms, each in [0, 1]."""

    contrast: float
    sharpness: float
    anomaly: float

    @property
    def score(self) -> float:
        """The page's artifact score, in [0, 1]."""
        return CONTRAST * self.contrast + SHARPNESS * self.sharpness + ANOMALY * self.anomaly


def score_band(profile: NDArray[np.float64], start: int, n_pixel_return: int) -> GalvoTerms:
    """Score a band [start, start + n) of a cyclic A-line profile (domain facts 3.1.3, stage 3).

    ``contrast = min(1, |I − R| / I / 0.15)``,
    ``sharpness = min(1, edge / (3 P₇₅|∇q|))``,
    ``anomaly = clip((|I − R| / std(q) − 1.5) / 3, 0, 1)``;
    R is the mean in the band, I the mean of its surroundings, each as long as the band.

    Parameters
    ----------
    profile : array, shape (n_alines,)
        Mean intensity per A-line.
    start : int
        First A-line of the band.
    n_pixel_return : int
        Length of the band; it may wrap around the end.

    Returns
    -------
    GalvoTerms
        All 0 for a flat profile, and where band or surroundings are shorter than 5 A-lines.
    """
    smooth = _median5(profile)
    n = n_pixel_return
    # The record is cyclic, so is the band: with it in the middle there are no edges to care for.
    centred = np.roll(smooth, len(smooth) // 2 - n // 2 - start)
    first = len(smooth) // 2 - n // 2
    last = first + n
    room = min(first, len(smooth) - last)
    if smooth.std() < _FLAT or n < _MIN_REGION or room < _MIN_REGION:
        return GalvoTerms(0.0, 0.0, 0.0)
    before = centred[max(0, first - n) : first]
    after = centred[last : last + n]
    gradient = np.abs(np.diff(centred))
    return terms_of(
        outside=(float(before.mean()) + float(after.mean())) / 2,
        inside=float(centred[first:last].mean()),
        edge=max(_edge(gradient, first), _edge(gradient, last)),
        typical_gradient=float(np.percentile(gradient, 75)),
        deviation=float(smooth.std()),
    )


def terms_of(
    *, outside: float, inside: float, edge: float, typical_gradient: float, deviation: float
) -> GalvoTerms:
    """Return the terms for measured numbers.

    Brighter and darker bands score alike: the difference is absolute.

    Examples
    --------
    >>> for inside in (80, 120):
    ...     terms = terms_of(outside=100, inside=inside, edge=12, typical_gradient=2, deviation=8)
    ...     print(round(terms.score, 3))
    0.867
    0.867
    """
    difference = abs(outside - inside)
    return GalvoTerms(
        contrast=_clip(difference / max(abs(outside), _FLAT) / FULL_CONTRAST),
        sharpness=_clip(edge / max(FULL_SHARPNESS * typical_gradient, _FLAT)),
        anomaly=_clip((difference / max(deviation, _FLAT) - Z_LOW) / Z_SPAN),
    )


def _edge(gradient: NDArray[np.float64], border: int) -> float:
    """Return the steepest step near a border; ``gradient[k]`` lies between k and k + 1."""
    return float(gradient[max(0, border - 1 - _EDGE_REACH) : border + _EDGE_REACH].max())


def _median5(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Median over a cyclic window of 5."""
    neighbours = [np.roll(profile, step) for step in range(-2, 3)]
    return np.median(neighbours, axis=0)


def _clip(value: float) -> float:
    return min(1.0, max(0.0, value))
