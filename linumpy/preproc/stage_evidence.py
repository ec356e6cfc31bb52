"""What the images say about the stage's report, transition by transition.

The registration itself is elsewhere (`mosaic.coarse`); its numbers come in as `ImageShift`. What
follows from the verdicts is in `preproc.rehoming`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId

Verdict = Literal["agree", "disagree", "inconclusive"]
Pair = tuple[SliceId, SliceId]
Vectors = NDArray[np.float64]
"""Shape (n, 2) or (2,), mm, columns x, y."""

MIN_BROAD, MIN_DETAIL = 0.5, 0.1
"""Agreement below which a registration says nothing; unlike pictures reach about half of it."""
MIN_LEAD = 0.05
"""How much better than the stage's place the image's must fit before it overrules the stage."""
MIN_FOR_SPREAD = 4
"""Fewer values do not tell how far they scatter."""
_MIN_FOR_MEDIAN = 3  # fewer errors do not tell what they have in common
_EXPECTED_ROWS = 2  # what a registration is worth in general, beside what it is worth here
_MAD_TO_SIGMA = 1.4826


@dataclass(frozen=True, slots=True)
class ImageShift:
    """What a coarse registration of two slices found.

    ``x_mm, y_mm`` mean what they mean in a `Shift`. ``broad`` and ``detail`` say how well the
    pictures agree there (see `mosaic.coarse.Agreement`), ``score_at_stage`` how well at the
    stage's shift (their mean; None where the pictures would hardly overlap). ``sigma_mm`` is the
    accuracy of the registration. ``may_overrule`` is False where a mistimed sweep may have moved
    the content of a picture: such pictures can confirm the stage, not overrule it.
    """

    x_mm: float
    y_mm: float
    broad: float
    detail: float
    score_at_stage: float | None
    sigma_mm: float
    may_overrule: bool = True

    @property
    def lead(self) -> float:
        """How much better the pictures fit here than where the stage says."""
        return (self.broad + self.detail) / 2 - (self.score_at_stage or 0.0)

    @property
    def has_match(self) -> bool:
        """Whether the two pictures show the same tissue at all."""
        return self.broad >= MIN_BROAD and self.detail >= MIN_DETAIL


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What counts as what; the fields are the flags of ``linum_detect_rehoming.py``."""

    max_shift_mm: float = 0.5
    return_fraction: float = 0.4
    tile_fov_mm: tuple[float, ...] = ()
    tile_fov_tolerance: float = 0.05

    @property
    def contradiction_mm(self) -> float:
        """Distance from the stage's shift at which the images contradict it.

        Half of the step that is examined: tissue that moves a little on its own is no fault of
        the stage, and registration places it later.
        """
        return self.max_shift_mm / 2

    @property
    def fov_xy_mm(self) -> tuple[float, float] | None:
        """Tile field of view along x and y, or None when it was not given."""
        if not self.tile_fov_mm:
            return None
        return (self.tile_fov_mm[0], self.tile_fov_mm[-1])


@dataclass(frozen=True, slots=True)
class Run:
    """Rows ``start`` … ``stop - 1`` that match nothing, judged by the slices on both sides.

    ``longest`` is the row of the longest step: the report jumped there, if it jumped.
    """

    start: int
    stop: int
    longest: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the images say of every row.

    ``errors`` is the stage's step less the image's, less what all rows have in common; NaN where
    the images say nothing. An error from which no verdict follows leaves its row unreliable.
    ``sigma_mm`` is how far such errors scatter when nothing is wrong.
    """

    verdicts: tuple[Verdict, ...]
    errors: Vectors
    sigma_mm: float
    runs: tuple[Run, ...]

    @property
    def wrong(self) -> list[int]:
        """Rows where the images contradict the stage."""
        return [i for i, verdict in enumerate(self.verdicts) if verdict == "disagree"]


def weigh(
    shifts: Sequence[Shift], steps: Vectors, found: Mapping[Pair, ImageShift], limits: Limits
) -> Evidence:
    """Judge every row by its images, and runs of rows without any by the slices around them.

    Parameters
    ----------
    shifts : sequence of Shift
    steps : array, shape (n, 2), mm
        The same shifts as numbers, columns x, y.
    found : mapping (fixed, moving) → ImageShift
    limits : Limits
    """
    verdicts: list[Verdict] = ["inconclusive"] * len(shifts)
    errors = np.full_like(steps, np.nan)
    for i, shift in enumerate(shifts):
        image = found.get((shift.fixed, shift.moving))
        if image is not None:
            verdicts[i], errors[i] = _judge(steps[i], image, limits)
    ordinary = errors[[verdict == "agree" for verdict in verdicts]]
    # Anatomy that grows to one side looks like a small motion in every pair.
    common = np.median(ordinary, axis=0) if len(ordinary) >= _MIN_FOR_MEDIAN else np.zeros(2)
    errors = errors - common
    runs = []
    sound = {pair for pair, image in found.items() if image.may_overrule}
    is_silent = [
        verdict == "inconclusive" or (shift.fixed, shift.moving) not in sound
        for verdict, shift in zip(verdicts, shifts, strict=True)
    ]
    for start, stop in _silent_runs(is_silent):
        image = found.get((shifts[start].fixed, shifts[stop - 1].moving))
        if image is None:
            continue
        verdict, error = _judge(steps[start:stop].sum(axis=0), image, limits)
        if verdict == "inconclusive":
            continue
        longest = start + int(np.argmax(np.hypot(*steps[start:stop].T)))
        # A jump that the report does not hold cannot be taken off it: the match was a chance one.
        if verdict == "disagree" and np.hypot(*(steps[longest] - error)) >= np.hypot(
            *steps[longest]
        ):
            continue
        runs.append(Run(start, stop, longest))
        if verdict == "disagree":
            verdicts[longest], errors[longest] = verdict, error - (stop - start) * common
    expected = max((image.sigma_mm for image in found.values()), default=0.0)
    return Evidence(tuple(verdicts), errors, _scatter(ordinary, expected), tuple(runs))


def _judge(step: Vectors, image: ImageShift, limits: Limits) -> tuple[Verdict, Vectors]:
    error: Vectors = step - (image.x_mm, image.y_mm)
    nothing: Vectors = np.full(2, np.nan)
    if not image.has_match:
        return "inconclusive", nothing
    if np.hypot(*error) <= limits.contradiction_mm:
        return "agree", error
    if not image.may_overrule:
        return "inconclusive", error  # decides nothing, and leaves the row to be checked
    return ("disagree", error) if image.lead >= MIN_LEAD else ("inconclusive", nothing)


def _silent_runs(is_silent: Sequence[bool]) -> list[tuple[int, int]]:
    """Return (start, stop) of every run of at least two rows that no sound image says much of."""
    found, start = [], 0
    for stop in range(len(is_silent) + 1):
        if stop < len(is_silent) and is_silent[stop]:
            continue
        if stop - start > 1:
            found.append((start, stop))
        start = stop + 1
    return found


def _scatter(errors: Vectors, expected_mm: float) -> float:
    """Return how far errors scatter: what is expected, until enough rows have shown it.

    The expected variance counts as much as that of a few rows.
    """
    n = len(errors)
    if n < MIN_FOR_SPREAD:
        return expected_mm
    found_mm = float(_MAD_TO_SIGMA * np.median(np.abs(errors - np.median(errors, axis=0))))
    variance = (_EXPECTED_ROWS * expected_mm**2 + n * found_mm**2) / (_EXPECTED_ROWS + n)
    return float(np.sqrt(variance))
