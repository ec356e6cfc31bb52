"""Tile positions of one slice: the stage's word, refined by what overlaps say.

Positions are (y, x) of a tile's first pixel edge, in native pixels of the mosaic's frame.
No pixels here: pairs are measured in `mosaic.overlap`, tiles are blended in `mosaic.blend`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu

from linumpy.mosaic.overlap import PairShift

Place = tuple[int, int]
"""(row, column) of a tile in the grid."""
Floats = NDArray[np.float64]
KNOWN_PX = 0.3
"""A step between two tiles is known when its standard error along any direction is below this."""
_ROUNDS = 10
_BELIEVED = 0.5
_NO_MATCH = 3.0
"""Log odds of "none of the candidates", beside a candidate whose evidence is 0 at no prior cost."""
_PAIR_FLOOR_PX = 0.02
_MIN_STAGE_PX = 0.05
_MEDIAN_OF_SQUARE = 0.455  # of a standard normal variable
_PATCH = 8
_HALO = 3
"""Covariances are computed in patches of the grid with a rim: what lies further says nothing."""


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
    tiles whose place to most others no overlap tells: their place rests on the stage. ``rejected``
    are pairs that contradict the rest.
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
    Minimise Σ_pairs q (c₂ − c₁ − δ)ᵀ W (c₂ − c₁ − δ) + Σ_tiles c²/τ² over the corrections c.
    δ and W belong to the pair's candidates, q is the probability of each: its evidence, times how
    well it agrees with what all other pairs and the stage predict for this pair; "none of them" is
    one of the choices. Predictions become sharper from round to round, so what sure pairs know
    decides for the others. τ, the error of the stage, comes from the pairs: with a truthful stage
    it is small and noise of the overlaps does not move tiles. Equal τ for all tiles makes the mean
    of c zero in every connected group, so refinement does not move the slice.
    """
    order = sorted(places)
    index = {place: i for i, place in enumerate(order)}
    usable = [pair for pair in pairs if pair.shift.candidates]
    if not usable:
        zero = dict.fromkeys(order, (0.0, 0.0))
        return Refined(zero, frozenset(order), (), (0.0, 0.0), 0.0)
    graph = _Graph.of(order, index, usable)
    tau = np.full(2, max(max_correction_px / 2, _MIN_STAGE_PX))
    state = _State.start(graph, tau)
    for _ in range(_ROUNDS):
        state = state.next(graph, _stage_sigma(graph, state, max_correction_px))
    is_told = state.belief.sum(axis=1) > _BELIEVED
    correction = np.clip(state.correction, -max_correction_px, max_correction_px)
    residual = _residual(graph, state)[is_told]
    return Refined(
        correction_px={
            p: (float(correction[i, 0]), float(correction[i, 1])) for p, i in index.items()
        },
        flagged=frozenset(order[i] for i in _outside_main_group(graph, state)),
        rejected=tuple(
            (pair.first, pair.second)
            for pair, ok in zip(usable, is_told, strict=True)
            if not ok and pair.shift.is_conclusive
        ),
        stage_sigma_px=(float(state.tau[0]), float(state.tau[1])),
        rms_residual_px=float(np.sqrt(np.mean(residual**2))) if len(residual) else 0.0,
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


@dataclass(frozen=True, slots=True)
class _Graph:
    """Pairs as arrays: ends (p, 2); candidates (p, k, …), those that a pair lacks without evidence.

    ``patches`` are groups of tiles, each with the pairs inside whose covariance it gives.
    """

    n: int
    ends: NDArray[np.intp]
    delta: Floats
    information: Floats
    evidence: Floats
    patches: tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]

    @classmethod
    def of(
        cls, order: Sequence[Place], index: Mapping[Place, int], pairs: Sequence[Pair]
    ) -> "_Graph":
        most = max(len(pair.shift.candidates) for pair in pairs)
        delta = np.zeros((len(pairs), most, 2))
        information = np.zeros((len(pairs), most, 2, 2))
        evidence = np.full((len(pairs), most), -np.inf)
        for p, pair in enumerate(pairs):
            for k, one in enumerate(pair.shift.candidates):
                delta[p, k] = one.dy_px, one.dx_px
                information[p, k] = _with_floor(one.information)
                evidence[p, k] = one.evidence
        ends = np.array([(index[p.first], index[p.second]) for p in pairs], dtype=np.intp)
        return cls(len(order), ends, delta, information, evidence, _patches(order, ends))


@dataclass(frozen=True, slots=True)
class _State:
    """What is believed: probability of each candidate (p, k), corrections, error of the stage.

    ``spread`` (p, 2, 2) is the covariance of c₂ − c₁ of each pair.
    """

    belief: Floats
    correction: Floats
    spread: Floats
    tau: Floats

    @classmethod
    def start(cls, graph: _Graph, tau: Floats) -> "_State":
        nothing = np.zeros_like(graph.evidence)
        spread = np.broadcast_to(2 * np.diag(tau**2), (len(graph.ends), 2, 2))
        return cls(nothing, np.zeros((graph.n, 2)), spread, tau)

    def next(self, graph: _Graph, tau: Floats) -> "_State":
        """Weigh candidates by what the rest predicts, then solve for positions."""
        belief = _weigh(graph, self)
        weight, pull = _pooled(graph, belief)
        normal = _normal(graph, weight, tau)
        right = np.zeros((graph.n, 2))
        np.subtract.at(right, graph.ends[:, 0], pull)
        np.add.at(right, graph.ends[:, 1], pull)
        correction = splu(normal).solve(right.ravel()).reshape(-1, 2)
        return _State(belief, correction, _spreads(graph, normal), tau)


def _pooled(graph: _Graph, belief: Floats) -> tuple[Floats, Floats]:
    """Return Σ_k q W and Σ_k q W δ of each pair."""
    weight = np.einsum("pk,pkij->pij", belief, graph.information)
    pull = np.einsum("pk,pkij,pkj->pi", belief, graph.information, graph.delta)
    return weight, pull


def _weigh(graph: _Graph, state: _State) -> Floats:
    """Return the probability of each candidate, given what all other pairs say.

    With the prediction N(m, S) of a pair's step that leaves the pair itself out, a candidate
    weighs exp(evidence) |I + S W|^(−1/2) exp(−½ dᵀ W (I + S W)⁻¹ d), d = δ − m: where S is wide,
    many places could have matched by chance.
    """
    weight, pull = _pooled(graph, state.belief)
    step = state.correction[graph.ends[:, 1]] - state.correction[graph.ends[:, 0]]
    known = np.linalg.inv(state.spread)
    # What the pair itself said is taken out again; rounding must not make the rest negative.
    values, vectors = np.linalg.eigh(known - weight)
    least = 1 / (2 * np.max(state.tau) ** 2)
    rest = np.einsum("pij,pj,pkj->pik", vectors, np.maximum(values, least), vectors)
    cavity = np.linalg.inv(rest)
    mean = np.einsum("pij,pj->pi", cavity, np.einsum("pij,pj->pi", known, step) - pull)
    off = graph.delta - mean[:, None]
    scale = np.eye(2) + np.einsum("pij,pkjl->pkil", cavity, graph.information)
    solved = np.linalg.solve(scale, off[..., None])[..., 0]
    chi2 = np.einsum("pki,pkij,pkj->pk", off, graph.information, solved)
    log = graph.evidence - 0.5 * np.log(np.linalg.det(scale)) - 0.5 * chi2
    highest = np.maximum(log.max(axis=1), _NO_MATCH)[:, None]
    share = np.exp(log - highest)
    found: Floats = share / (share.sum(axis=1, keepdims=True) + np.exp(_NO_MATCH - highest))
    return found


def _normal(graph: _Graph, weight: Floats, tau: Floats) -> sparse.csc_array:
    """Return the matrix of the normal equations; unknowns (tile 0 y, tile 0 x, tile 1 y, …)."""
    i, j = graph.ends.T
    own = np.arange(graph.n)
    prior = np.broadcast_to(np.diag(1 / tau**2), (graph.n, 2, 2))
    blocks = np.concatenate([prior, weight, weight, -weight, -weight])
    rows = np.concatenate([own, i, j, i, j])
    columns = np.concatenate([own, i, j, j, i])
    at = np.arange(2)
    full_rows = np.broadcast_to(2 * rows[:, None, None] + at[:, None], blocks.shape)
    full_columns = np.broadcast_to(2 * columns[:, None, None] + at, blocks.shape)
    size = (2 * graph.n, 2 * graph.n)
    return sparse.csc_array((blocks.ravel(), (full_rows.ravel(), full_columns.ravel())), shape=size)


def _patches(
    order: Sequence[Place], ends: NDArray[np.intp]
) -> tuple[tuple[NDArray[np.intp], NDArray[np.intp]], ...]:
    place = np.array(order)
    low = place.min(axis=0)
    patch = (place - low) // _PATCH
    found = []
    for row, column in sorted({(int(r), int(c)) for r, c in patch}):
        start = low + _PATCH * np.array([row, column])
        near = ((place >= start - _HALO) & (place < start + _PATCH + _HALO)).all(axis=1)
        inside = (patch == (row, column)).all(axis=1)
        found.append((np.flatnonzero(near), np.flatnonzero(inside[ends[:, 0]])))
    return tuple(found)


def _spreads(graph: _Graph, normal: sparse.csc_array) -> Floats:
    """Return the covariance of c₂ − c₁ of each pair."""
    spread = np.empty((len(graph.ends), 2, 2))
    for tiles, pairs in graph.patches:
        unknowns = (2 * tiles[:, None] + np.arange(2)).ravel()
        inverse = np.linalg.inv(normal[unknowns][:, unknowns].toarray())
        blocks = inverse.reshape(len(tiles), 2, len(tiles), 2).transpose(0, 2, 1, 3)
        i, j = np.searchsorted(tiles, graph.ends[pairs].T)
        spread[pairs] = blocks[i, i] + blocks[j, j] - blocks[i, j] - blocks[j, i]
    return spread


def _outside_main_group(graph: _Graph, state: _State) -> list[int]:
    """Return the tiles that no chain of known steps joins to the largest group.

    What counts is what overlaps say: the stage's own word is left out, but for a bound.
    """
    weight, _ = _pooled(graph, state.belief)
    loose = _normal(graph, weight, np.full(2, 100 * KNOWN_PX))
    error = np.sqrt(np.linalg.eigvalsh(_spreads(graph, loose))[:, 1])
    joined = graph.ends[error < KNOWN_PX]
    links = sparse.coo_array((np.ones(len(joined)), joined.T), shape=(graph.n, graph.n))
    _, group = csgraph.connected_components(links, directed=False)
    sizes = np.bincount(group)
    if sizes.max() == 1:
        return list(range(graph.n))
    return [int(i) for i in np.flatnonzero(group != np.argmax(sizes))]


def _residual(graph: _Graph, state: _State) -> Floats:
    step = state.correction[graph.ends[:, 1]] - state.correction[graph.ends[:, 0]]
    best = np.argmax(state.belief, axis=1)
    return np.asarray(step - graph.delta[np.arange(len(best)), best])


def _stage_sigma(graph: _Graph, state: _State, max_correction_px: float) -> Floats:
    """Estimate the stage's error per axis: δ² has the mean 2 τ² + σ² of its pair."""
    best = np.argmax(state.belief, axis=1)
    rows = np.arange(len(best))
    sure = state.belief[rows, best] > _BELIEVED
    if not sure.any():
        return state.tau
    delta = graph.delta[rows, best][sure]
    weight = graph.information[rows, best][sure]
    variance = np.stack([1 / np.maximum(weight[:, i, i], 1e-6) for i in range(2)], axis=1)
    told = np.minimum(variance, max_correction_px**2)
    square = np.median(delta**2, axis=0) / _MEDIAN_OF_SQUARE
    tau2 = (square - np.median(told, axis=0)) / 2
    # The mean sees a few large errors (backlash of some columns) that the median does not.
    mean2 = np.mean(delta**2 - told, axis=0) / 2
    best_guess: Floats = np.sqrt(np.maximum(np.maximum(tau2, mean2), _MIN_STAGE_PX**2))
    return np.minimum(best_guess, max(max_correction_px, _MIN_STAGE_PX))


def _with_floor(information: Floats) -> Floats:
    """Bound what a pair may claim to know: no overlap is better than ``_PAIR_FLOOR_PX``."""
    values, vectors = np.linalg.eigh(information)
    values = np.maximum(values, 0)
    values = values / (1 + values * _PAIR_FLOOR_PX**2)
    bounded: Floats = (vectors * values) @ vectors.T
    return bounded
