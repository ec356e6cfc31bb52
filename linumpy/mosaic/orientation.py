"""Which way the tiles lie, asked of their overlaps.

Neighbours saw one strip of tissue twice. Laid the right way, the two strips agree; laid otherwise,
strips are compared that saw different tissue. How far strips of different tissue agree by chance,
and by whatever all tiles share (vignetting, stripes, a rolled galvo return), is measured on strips
of tiles that are no neighbours, so it needs no assumption.

A tile that is mirrored along an axis and a stage whose sign is wrong along it are one and the same
to an overlap: the two mosaics are mirror images. Reading tiles is not done here.
"""

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linumpy.core import tile_orientation
from linumpy.core.tile_orientation import TileOrientation
from linumpy.mosaic.overlap import evidence_of_shifts

Axis = Literal["x", "y"]
AXES: tuple[Axis, Axis] = ("x", "y")

MARGIN = 0.03
"""Error of a tile's position that is looked for, in sides of a tile."""
_MIN_MARGIN_PX, _MAX_MARGIN_PX = 3, 10
_MAX_CHANCE = 48
"""Pairs that cannot match, per axis and orientation: enough for a mean and a spread."""
_FEW_CHANCE = 12
_LEAST_CHANCE = 4
"""With fewer pairs to know chance from, the overlaps of an axis say nothing."""
_LEAST_SPREAD = 1.0  # of a log likelihood ratio: less is less than rounding of one sample
STRONG = 5.0
"""A pair counts for no more than this: one strip that fits by chance must not decide."""
MIN_PAIRS = 4
"""Overlaps that must decide between two orientations before anything is said."""
WANTED_PAIRS = 8
"""Along each axis; a caller adds slices, up to `MOST_SLICES`, while there are fewer."""
MOST_SLICES = 3
CLEAR = 5.0
"""Lead that another orientation needs, in units of chance (docs/decisions/0007-orientation.md)."""
_SEEN = 3.0
_NO_WORSE = 1.5
_TELLING, _MAJORITY = 0.5, 0.7


@dataclass(frozen=True, slots=True)
class TilePlane:
    """One tile from above, as it was recorded.

    ``plane`` is the mean over depth, shape (A-lines, B-scans), float32, galvo return cropped.
    ``y_mm``, ``x_mm`` are its centre by the stage, in the frame whose rows and columns rise.
    """

    plane: NDArray[np.float32]
    row: int
    column: int
    y_mm: float
    x_mm: float


Gains = NDArray[np.float64]
"""Evidence of each pair above that of chance, in spreads of chance, at most `STRONG`."""
Fits = Mapping[TileOrientation, Mapping[Axis, Gains]]


NOTHING: Fits = {one: {axis: np.zeros(0) for axis in AXES} for one in tile_orientation.ALL}
"""What a slice without neighbours says."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the overlaps say about the orientation in force.

    Attributes
    ----------
    strengths : mapping
        Orientation → axis → evidence of all pairs together; chance alone gives about 0 ± 1.
    n_pairs : mapping
        Axis → pairs of neighbours that were compared.
    better : tuple of TileOrientation
        Those that fit clearly better than the one in force, the best first; equals that the
        overlaps cannot tell apart (one row of tiles) stand side by side.
    is_seen : bool
        Whether the orientation in force itself fits better than chance.
    """

    in_force: TileOrientation
    strengths: Mapping[TileOrientation, Mapping[Axis, float]]
    n_pairs: Mapping[Axis, int]
    better: tuple[TileOrientation, ...]
    is_seen: bool


def compare(tiles: Sequence[TilePlane], pixel_mm: tuple[float, float]) -> Fits:
    """Measure how well neighbouring tiles agree under each of the eight orientations.

    Parameters
    ----------
    tiles : sequence of TilePlane
        Of one slice.
    pixel_mm : (float, float)
        Sampling between A-lines and between B-scans.

    Returns
    -------
    mapping
        Orientation → axis → gain of every pair; none where a single pair leaves chance unknown.
    """
    evened = _evened([tile.plane for tile in tiles])
    pairs = {axis: _neighbours(tiles, axis) for axis in AXES}
    found = {}
    for orientation in tile_orientation.ALL:
        planes = [tile_orientation.to_zyx(plane, orientation) for plane in evened]
        turned = tile_orientation.is_turned(orientation)
        sampling = pixel_mm if turned else (pixel_mm[1], pixel_mm[0])
        found[orientation] = {
            axis: _fit(tiles, planes, pairs[axis], axis, sampling) for axis in AXES
        }
    return found


def pooled(fits: Sequence[Fits]) -> Fits:
    """Return the pairs of several slices as those of one."""
    return {
        one: {axis: np.concatenate([fit[one][axis] for fit in fits]) for axis in AXES}
        for one in tile_orientation.ALL
    }


def is_decided(verdict: Verdict) -> bool:
    """Say whether another slice is not needed: something fits, and pairs are not few."""
    counts = [n for n in verdict.n_pairs.values() if n]
    is_enough = bool(counts) and min(counts) >= WANTED_PAIRS
    return is_enough and (verdict.is_seen or bool(verdict.better))


def judge_in_turn(fits: Iterable[Fits], in_force: TileOrientation, *, at_least: int = 1) -> Verdict:
    """Pool slices one by one until they decide, `at_least` so many; the rest is never asked."""
    asked: list[Fits] = []
    verdict = judge(NOTHING, in_force)
    for one in fits:
        asked.append(one)
        verdict = judge(pooled(asked), in_force)
        if len(asked) >= at_least and is_decided(verdict):
            break
    return verdict


def judge(fits: Fits, in_force: TileOrientation) -> Verdict:
    """Say whether another orientation fits clearly better than the one in force.

    It does when, along the axes on which the two differ, at least `MIN_PAIRS` overlaps together
    lead by `CLEAR` spreads of chance, most of them prefer it, it stands out of chance along every
    axis by itself, and along no axis it is worse. Anything less says nothing.
    """
    strengths = {one: {axis: _strength(fit[axis]) for axis in AXES} for one, fit in fits.items()}
    better = [one for one in fits if one != in_force and _is_better(fits[one], fits[in_force])]
    total = {one: sum(strengths[one].values()) for one in fits}
    own = [strengths[in_force][axis] for axis in AXES if len(fits[in_force][axis])]
    return Verdict(
        in_force=in_force,
        strengths=strengths,
        n_pairs={axis: len(fits[in_force][axis]) for axis in AXES},
        better=tuple(sorted(better, key=lambda one: (-round(total[one]), _changes(one, in_force)))),
        is_seen=bool(own) and min(own) >= _SEEN,
    )


def _changes(one: TileOrientation, other: TileOrientation) -> int:
    """Return how many of the two directions differ."""
    return sum(a != b for a, b in zip(one.split("_"), other.split("_"), strict=True))


def _strength(gains: Gains) -> float:
    return float(gains.sum() / np.sqrt(len(gains))) if len(gains) else 0.0


def _is_better(other: Mapping[Axis, Gains], own: Mapping[Axis, Gains]) -> bool:
    leads = {axis: other[axis] - own[axis] for axis in AXES if len(own[axis])}
    if not leads or any(_strength(lead) < -_NO_WORSE for lead in leads.values()):
        return False
    if any(_strength(other[axis]) < _SEEN for axis in leads):
        return False
    decides = [lead for lead in leads.values() if _strength(lead) >= _SEEN]
    if not decides:
        return False
    lead = np.concatenate(decides)
    is_clear = len(lead) >= MIN_PAIRS and _strength(lead) >= CLEAR
    telling = lead[np.abs(lead) > _TELLING]
    return is_clear and int((telling > 0).sum()) >= _MAJORITY * len(telling)


def _evened(planes: Sequence[NDArray[np.float32]]) -> list[NDArray[np.float32]]:
    """Divide out what all tiles share: the median of their logarithms."""
    bright = max(1e-6, *(float(np.percentile(plane, 95)) for plane in planes))
    logs = np.stack([np.log(np.maximum(plane, 0) + 0.05 * bright) for plane in planes])
    common = np.median(logs, axis=0) - np.median(logs)
    return [np.exp(log - common).astype(np.float32) for log in logs]


def _neighbours(tiles: Sequence[TilePlane], axis: Axis) -> list[tuple[int, int]]:
    """Return the pairs (first, second) whose second is the next along ``axis``."""
    at = {(tile.row, tile.column): i for i, tile in enumerate(tiles)}
    step = (0, 1) if axis == "x" else (1, 0)
    ahead = [(at.get((t.row + step[0], t.column + step[1])), i) for i, t in enumerate(tiles)]
    return [(i, j) for j, i in ahead if j is not None]


def _fit(
    tiles: Sequence[TilePlane],
    planes: Sequence[NDArray[np.float32]],
    pairs: Sequence[tuple[int, int]],
    axis: Axis,
    sampling_mm: tuple[float, float],
) -> Gains:
    steps = {
        (i, j): (
            (tiles[j].y_mm - tiles[i].y_mm) / sampling_mm[0],
            (tiles[j].x_mm - tiles[i].x_mm) / sampling_mm[1],
        )
        for i, j in pairs
    }
    sides = planes[0].shape
    margin_px = int(np.clip(round(MARGIN * max(sides)), _MIN_MARGIN_PX, _MAX_MARGIN_PX))

    def strongest(
        first: NDArray[np.float32], second: NDArray[np.float32], pair: tuple[int, int]
    ) -> float:
        step = steps[pair]
        return float(
            evidence_of_shifts(first, second, step_px=step, margin_px=margin_px).max(initial=0)
        )

    evidence = np.array([strongest(planes[i], planes[j], (i, j)) for i, j in pairs])
    chance = _chance(planes, pairs, axis, strongest)
    if len(chance) < _LEAST_CHANCE:
        return np.zeros(0)
    gains: Gains = (evidence - chance.mean()) / max(float(chance.std()), _LEAST_SPREAD)
    return np.minimum(gains, STRONG)


def _chance(
    planes: Sequence[NDArray[np.float32]],
    pairs: Sequence[tuple[int, int]],
    axis: Axis,
    strongest: Callable[[NDArray[np.float32], NDArray[np.float32], tuple[int, int]], float],
) -> NDArray[np.float64]:
    """Return the evidence of pairs that cannot match: tiles that are no neighbours.

    Where there are few of them, also neighbours whose strips run against each other.
    """
    others = [(one, other[1]) for one, other in itertools.permutations(pairs, 2)]
    others = others[:: max(1, len(others) // _MAX_CHANCE)]
    found = [strongest(planes[pair[0]], planes[j], pair) for pair, j in others]
    if len(found) < _FEW_CHANCE:
        against = 0 if axis == "x" else 1
        found += [
            strongest(planes[pair[0]], np.flip(planes[other[1]], against), pair)
            for pair, other in itertools.product(pairs, pairs)
        ]
    return np.array(found)
