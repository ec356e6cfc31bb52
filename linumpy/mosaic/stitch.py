"""Tile positions of one slice: the stage's word, refined by what overlaps say.

Positions are (y, x) of a tile's first pixel edge, in native pixels of the mosaic's frame.
No pixels here: pairs are measured in `mosaic.overlap`, tiles are blended in `mosaic.blend`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.mosaic.overlap import PairShift

Place = tuple[int, int]
"""(row, column) of a tile in the grid."""
_ROUNDS = 8
_OUTLIER_SIGMAS = 3.0
_LEAST_TRUST = 0.1
_PAIR_FLOOR_PX = 0.02
_MIN_STAGE_PX = 0.05
_MEDIAN_OF_SQUARE = 0.455  # of a standard normal variable


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbours: the second is right of or below the first."""

    first: Place
    second: Place
    shift: PairShift


@dataclass(frozen=True, slots=True)
class Refined:
    """Corrected positions and what they rest on.

    ``correction_px`` maps a tile to (dy, dx), whose mean over the slice is 0. ``flagged`` holds
    tiles that keep the stage's position: none of their overlaps tells. ``rejected`` are pairs that
    contradict the rest.
    """

    correction_px: Mapping[Place, tuple[float, float]]
    flagged: frozenset[Place]
    rejected: tuple[tuple[Place, Place], ...]
    stage_sigma_px: tuple[float, float]
    rms_residual_px: float


def neighbours(places: Sequence[Place]) -> list[tuple[Place, Place]]:
    """Return the pairs of tiles that share an edge of the grid, first above or left of second.

    Examples
    --------
    >>> neighbours([(0, 0), (0, 1), (1, 1)])
    [((0, 0), (0, 1)), ((0, 1), (1, 1))]
    """
    known = set(places)
    pairs = []
    for row, column in sorted(known):
        pairs += [
            ((row, column), second)
            for second in ((row, column + 1), (row + 1, column))
            if second in known
        ]
    return pairs


def refine_positions(
    places: Sequence[Place], pairs: Sequence[Pair], *, max_correction_px: float
) -> Refined:
    """Find the corrections that agree best with all overlaps and with the stage.

    Parameters
    ----------
    places : sequence of (row, column)
        Every tile of the slice.
    pairs : sequence of Pair
        Measured residuals: (true step) − (step by the stage).
    max_correction_px : float
        A tile is never moved further; a pair that asks for more was not looked for.

    Returns
    -------
    Refined

    Notes
    -----
    Minimise Σ_pairs (c₂ − c₁ − δ)ᵀ W (c₂ − c₁ − δ) + Σ_tiles c²/τ² over the corrections c.
    W is a pair's inverse covariance, down-weighted where it contradicts the rest (Geman-McClure).
    τ, the error of the stage, comes from the pairs: with a truthful stage it is small and noise
    of the overlaps does not move tiles. Equal τ for all tiles makes the mean of c zero in every
    connected group, so refinement does not move the slice. In this form a residual is relative to
    the positions in use, and a grid of one row is no special case.
    """
    index = {place: i for i, place in enumerate(sorted(places))}
    usable = [pair for pair in pairs if pair.shift.is_conclusive]
    zero = dict.fromkeys(index, (0.0, 0.0))
    if not usable:
        return Refined(zero, frozenset(index), (), (0.0, 0.0), 0.0)
    ends = np.array([(index[p.first], index[p.second]) for p in usable])
    delta = np.array([(p.shift.dy_px, p.shift.dx_px) for p in usable])
    weight = np.stack([_with_floor(p.shift.information) for p in usable])
    tau = _stage_sigma(delta, weight)
    trust = np.ones(len(usable))
    for _ in range(_ROUNDS):
        correction = _solve(len(index), ends, delta, weight * trust[:, None, None], tau)
        residual = correction[ends[:, 1]] - correction[ends[:, 0]] - delta
        chi2 = np.einsum("pi,pij,pj->p", residual, weight, residual)
        spread = max(1.0, float(np.median(chi2)) / 1.386)
        trust = (1 + chi2 / (spread * _OUTLIER_SIGMAS**2)) ** -2.0
    kept = trust > _LEAST_TRUST
    correction = np.clip(correction, -max_correction_px, max_correction_px)
    told = [pair for pair, ok in zip(usable, kept, strict=True) if ok]
    seen = {place for pair in told for place in (pair.first, pair.second)}
    return Refined(
        correction_px={
            p: (float(correction[i, 0]), float(correction[i, 1])) for p, i in index.items()
        },
        flagged=frozenset(set(index) - seen),
        rejected=tuple(
            (pair.first, pair.second) for pair, ok in zip(usable, kept, strict=True) if not ok
        ),
        stage_sigma_px=(float(tau[0]), float(tau[1])),
        rms_residual_px=float(np.sqrt(np.mean(residual[kept] ** 2))) if told else 0.0,
    )


def positions_from_transform(
    places: Sequence[Place],
    transform: NDArray[np.float64],
    stage_px: Mapping[Place, Place | tuple[float, float]],
) -> dict[Place, tuple[float, float]]:
    """Return positions of a regular grid, placed so that its mean is the stage's mean.

    Parameters
    ----------
    places : sequence of (row, column)
    transform : array, shape (2, 2), px
        Maps (row, column) to (y, x).
    stage_px : mapping
        Position of each tile by the stage, (y, x), px.
    """
    grid = np.array(places, dtype=np.float64) @ np.asarray(transform, dtype=np.float64).T
    stage = np.array([stage_px[place] for place in places], dtype=np.float64)
    placed = grid + (stage - grid).mean(axis=0)
    return {p: (float(y), float(x)) for p, (y, x) in zip(places, placed, strict=True)}


def _with_floor(information: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bound what a pair may claim to know: no overlap is better than ``_PAIR_FLOOR_PX``."""
    values, vectors = np.linalg.eigh(information)
    values = np.maximum(values, 0)
    values = values / (1 + values * _PAIR_FLOOR_PX**2)
    bounded: NDArray[np.float64] = (vectors * values) @ vectors.T
    return bounded


def _stage_sigma(delta: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Estimate the stage's error per axis: δ² has the mean 2 τ² + σ² of its pair."""
    variance = np.stack([1 / np.maximum(weight[:, i, i], 1e-6) for i in range(2)], axis=1)
    square = np.median(delta**2, axis=0) / _MEDIAN_OF_SQUARE
    tau2 = (square - np.median(variance, axis=0)) / 2
    # The mean sees a few large errors (backlash of some columns) that the median does not.
    mean2 = (np.mean(delta**2, axis=0) - np.mean(variance, axis=0)) / 2
    best: NDArray[np.float64] = np.sqrt(np.maximum(np.maximum(tau2, mean2), _MIN_STAGE_PX**2))
    return best


def _solve(
    n: int,
    ends: NDArray[np.int64],
    delta: NDArray[np.float64],
    weight: NDArray[np.float64],
    tau: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Solve the normal equations; unknowns in the order (tile 0 y, tile 0 x, tile 1 y, …)."""
    normal = np.diag(np.tile(1 / tau**2, n))
    right = np.zeros(2 * n)
    for (i, j), d, w in zip(ends, delta, weight, strict=True):
        a, b = slice(2 * i, 2 * i + 2), slice(2 * j, 2 * j + 2)
        normal[a, a] += w
        normal[b, b] += w
        normal[a, b] -= w
        normal[b, a] -= w
        right[a] -= w @ d
        right[b] += w @ d
    solved = np.linalg.solve(normal, right).reshape(n, 2)
    return np.asarray(solved, dtype=np.float64)
