"""The steps of linum_assess_slice_quality.py that need several rooms."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.mosaic.coarse import Displacement, moved
from linumpy.quality import neighbours
from linumpy.quality.damage import (
    Finding,
    Surroundings,
    compare_surroundings,
    find_damage,
    worst,
)
from linumpy.quality.score import NOTHING, Ceiling, Score, score
from linumpy.scripts.mosaic_views import View, register

log = logging.getLogger(__name__)
Pair = tuple[SliceId, SliceId]
_ODD_DETAIL = 0.6  # weight of the detail term of likeness: it scatters more than the broad one


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found about one slice; ``failure`` is the reason why nothing could be."""

    score: Score = NOTHING
    findings: tuple[Finding, ...] = ()
    depth_mm: float | None = None
    is_calibration: bool = False
    failure: str = ""

    @property
    def quality_score(self) -> float:
        """What the record holds: 0 for a calibration slice."""
        return 0.0 if self.is_calibration else self.score.overall

    @property
    def worst(self) -> Finding | None:
        """The most severe finding."""
        return worst(self.findings)

    @property
    def is_damaged(self) -> bool:
        """Whether a finding is at its limit or beyond."""
        return self.worst is not None and self.worst.severity >= 1


def assess(
    views: Mapping[SliceId, View], references: Sequence[SliceId], *, workers: int
) -> dict[SliceId, Verdict]:
    """Test and score every slice.

    Parameters
    ----------
    views : mapping
        Of every slice that could be read.
    references : sequence of SliceId
        Slices that may say what is usual and be neighbours: no calibration slice, nothing that the
        user left out.
    workers : int
        Threads for the registrations.
    """
    traits = {key: view.traits for key, view in views.items() if view.traits is not None}
    alone = find_damage(traits, references)
    sound = [key for key in references if not _is_damaged(alone[key])]
    near = {key: _near(key, sound) for key in views}
    shifts = register(views, _pairs(near), workers=workers)
    beside = compare_surroundings(
        {key: _surroundings(key, near[key], views, shifts) for key in views}, sound
    )
    verdicts = {key: Verdict(findings=_by_severity(alone[key] + beside[key])) for key in views}
    good = [key for key in sound if not verdicts[key].is_damaged]
    around = {key: _adjacent(key, good) for key in views}
    wanted = [_ordered(key, other) for key, both in around.items() for other in both if other]
    shifts |= register(views, set(wanted) - set(shifts), workers=workers)
    ceiling = _ceiling(views[key] for key in good)  # one at a time: their pictures lie on disk
    return {
        key: replace(verdict, score=_score(key, around[key], views, shifts, ceiling))
        for key, verdict in verdicts.items()
    }


def exclusion(verdict: Verdict, min_quality: float) -> str:
    """Return why a slice is left out, or nothing.

    Examples
    --------
    >>> exclusion(Verdict(score=Score(0.1, None, 0.1, 0.1)), 0.3)
    'low_quality (quality_score<0.3)'
    """
    if min_quality <= 0:
        return ""
    if verdict.quality_score < min_quality:
        return f"low_quality (quality_score<{min_quality:g})"
    return f"low_quality ({verdict.worst})" if verdict.is_damaged else ""


def describe(slice_id: SliceId, verdict: Verdict, view: View | None) -> dict[str, object]:
    """Return the numbers behind a decision, for ``slice_z{NN}_quality.json``."""
    return {
        "slice_id": slice_id,
        "failure": verdict.failure,
        "is_calibration": verdict.is_calibration,
        "quality_score": verdict.quality_score,
        "score": {
            **asdict(verdict.score),
            "ssim": verdict.score.ssim,
            "plain": verdict.score.plain,
        },
        "depth_mm": verdict.depth_mm,
        "severity": None if verdict.worst is None else verdict.worst.severity,
        "tests": [{**asdict(f), "severity": f.severity} for f in verdict.findings],
        "traits": None if view is None or view.traits is None else asdict(view.traits),
    }


def _is_damaged(findings: Sequence[Finding]) -> bool:
    found = worst(findings)
    return found is not None and found.severity >= 1


def _by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: -finding.severity))


def _near(key: SliceId, sound: Sequence[SliceId]) -> list[SliceId]:
    """Return a slice with up to two sound ones on each side, in order."""
    before = [other for other in sound if other < key][-2:]
    after = [other for other in sound if other > key][:2]
    return [*before, key, *after]


def _adjacent(key: SliceId, good: Sequence[SliceId]) -> tuple[SliceId | None, SliceId | None]:
    """Return the previous and the next good slice."""
    before = [other for other in good if other < key]
    after = [other for other in good if other > key]
    return (before[-1] if before else None, after[0] if after else None)


def _pairs(near: Mapping[SliceId, Sequence[SliceId]]) -> list[Pair]:
    return [
        (group[i], group[j])
        for group in near.values()
        for i in range(len(group))
        for j in range(i + 1, min(i + 3, len(group)))
    ]


def _ordered(one: SliceId, other: SliceId) -> Pair:
    return (one, other) if one < other else (other, one)


def _surroundings(
    key: SliceId,
    group: Sequence[SliceId],
    views: Mapping[SliceId, View],
    shifts: Mapping[Pair, Displacement],
) -> Surroundings:
    place, n = group.index(key), len(group)

    def broad(i: int, j: int) -> float:
        return shifts[group[i], group[j]].agreement.broad

    def detail(i: int, j: int) -> float:
        return shifts[group[i], group[j]].agreement.detail

    odd = max(neighbours.oddity(place, n, broad), _ODD_DETAIL * neighbours.oddity(place, n, detail))
    missing = 0.0
    held_against = neighbours.references(place, n)
    if len(held_against) == 2:  # noqa: PLR2004
        before, after = (_brought(key, group[i], views, shifts) for i in held_against)
        missing = neighbours.missing_share(
            *_same_depth(views[key].projection.planes, before, after)
        )
    return Surroundings(missing, odd, is_between=0 < place < n - 1)


def _brought(
    key: SliceId,
    other: SliceId,
    views: Mapping[SliceId, View],
    shifts: Mapping[Pair, Displacement],
) -> NDArray[np.float32]:
    """Return the planes of another slice, brought over those of slice ``key``."""
    shift = shifts[_ordered(key, other)]
    sign = 1 if other > key else -1  # a displacement brings the later slice onto the earlier
    by = (sign * shift.y_px, sign * shift.x_px)
    shape = views[key].projection.cover.shape
    planes = views[other].projection.planes
    return np.stack([moved(plane, by, (shape[0], shape[1])) for plane in planes])


def _same_depth(*stacks: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Return the planes that all stacks have; a slice that is less deep has fewer."""
    n = min(len(stack) for stack in stacks)
    return tuple(stack[:n] for stack in stacks)


def _ceiling(good: Iterable[View]) -> Ceiling:
    """Return what good slices would reach without any difference but speckle.

    Of the acquisition, never of one slice: a noisy slice must not be excused by its noise.
    """
    found = [view.ceiling for view in good if view.ceiling is not None]
    if not found:
        return Ceiling()
    return Ceiling(
        ssim=float(np.median([one.ssim for one in found])),
        edge=float(np.median([one.edge for one in found])),
    )


def _score(
    key: SliceId,
    around: tuple[SliceId | None, SliceId | None],
    views: Mapping[SliceId, View],
    shifts: Mapping[Pair, Displacement],
    ceiling: Ceiling,
) -> Score:
    own = views[key].projection.planes
    others = [None if other is None else _brought(key, other, views, shifts) for other in around]
    n = min(len(stack) for stack in (own, *others) if stack is not None)
    before, after = (None if stack is None else stack[:n] for stack in others)
    return score(own[:n], before, after, ceiling)
