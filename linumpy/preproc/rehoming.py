"""Transitions where the stage's report is wrong: what happened, and the shift that holds instead.

Values in, values out. Three kinds of fault: a *spike* (the report jumps and returns, so a slice or
a run of slices stands in the wrong place), a *tile offset* (a step by a whole number of tile
fields of view) and a *rehoming* (any other step that stays). All are judged on the original
values. What the images say is measured elsewhere (`mosaic.coarse`) and comes in as numbers; where
they are conclusive they decide, else the stage's own pattern does.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue

Kind = Literal["spike", "tile_offset", "rehoming"]
Verdict = Literal["agree", "disagree", "inconclusive"]
Pair = tuple[SliceId, SliceId]
Vectors = NDArray[np.float64]  # (n, 2), mm, columns x, y

MIN_BROAD, MIN_DETAIL = 0.5, 0.1
"""Agreement below which a registration says nothing; unlike pictures reach about half of it."""
MIN_LEAD = 0.05
"""How much better than the stage's place the image's must fit before it overrules the stage."""
_SIGMAS = 3.0  # an axis is corrected where its error stands out by this much
_DECIMALS = 6  # of a corrected shift, mm: the stage reports no finer
_MAD_TO_SIGMA = 1.4826
_MIN_FOR_MEDIAN = 3  # fewer errors do not tell what they have in common
_MIN_FOR_SPREAD = 4  # fewer values do not tell how far they scatter
_NEAR = (-2, -1, 1, 2)  # rows whose median replaces a spike, without images


@dataclass(frozen=True, slots=True)
class ImageShift:
    """What a coarse registration of two slices found.

    ``x_mm, y_mm`` mean what they mean in a `Shift`. ``broad`` and ``detail`` say how well the
    pictures agree there (see `mosaic.coarse.Agreement`), ``score_at_stage`` how well at the
    stage's shift (their mean; None where the pictures would hardly overlap). ``sigma_mm`` is the
    accuracy of the registration.
    """

    x_mm: float
    y_mm: float
    broad: float
    detail: float
    score_at_stage: float | None
    sigma_mm: float

    @property
    def lead(self) -> float:
        """How much better the pictures fit here than where the stage says."""
        return (self.broad + self.detail) / 2 - (self.score_at_stage or 0.0)

    @property
    def has_match(self) -> bool:
        """Whether the two pictures show the same tissue at all."""
        return self.broad >= MIN_BROAD and self.detail >= MIN_DETAIL


@dataclass(frozen=True, slots=True)
class Event:
    """One corrected transition; ``index`` is its row in the shifts, from 0."""

    index: int
    fixed: SliceId
    moving: SliceId
    kind: Kind
    original_mm: tuple[float, float]
    corrected_mm: tuple[float, float]
    is_from_images: bool


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


def correct(
    shifts: Sequence[Shift],
    *,
    limits: Limits | None = None,
    image_shifts: Mapping[Pair, ImageShift] | None = None,
) -> tuple[tuple[Shift, ...], tuple[Event, ...]]:
    """Find transitions where the stage's report is wrong, and replace their shifts.

    Parameters
    ----------
    shifts : sequence of Shift
        In the order of ids. ``reliable=False`` says that the grid changed.
    limits : Limits, optional
    image_shifts : mapping (fixed, moving) → ImageShift, optional
        Of consecutive slices; also of slices further apart, to bridge one that matches nothing.

    Returns
    -------
    shifts : tuple of Shift
        ``reliable`` = length within ``max_shift_mm``, and the grid did not change, and the images
        do not contradict.
    events : tuple of Event
        The corrected transitions, in order.

    Raises
    ------
    BadValue
        If more than two tile fields of view are given.

    Notes
    -----
    Without images: N × field of view is taken off an axis where N = round(d / F) ≠ 0 and
    |d − N F| < τ F. Row i is a spike when ‖s_i‖ > M and ‖s_i + s_{i±1}‖ < f ‖s_i‖, or when it is in
    a run of such rows that sums to less than f times its largest; spikes become the median of the
    ordinary rows around them. With images: the error e_i = s_i − image_i, less its median, is the
    jump of the stage's report; errors that cancel are taken off so that their sum stays exactly.

    Examples
    --------
    >>> ids = [SliceId(n) for n in range(5)]
    >>> steps = [0.01, 0.9, -0.88, 0.02]
    >>> rows = [Shift(a, b, 100 * d, 0, d, 0) for a, b, d in zip(ids, ids[1:], steps)]
    >>> fixed, events = correct(rows)
    >>> [round(row.x_mm, 3) for row in fixed], [event.moving for event in events]
    ([0.01, 0.015, 0.015, 0.02], ['02', '03'])
    """
    limits = limits or Limits()
    if len(limits.tile_fov_mm) > 2:  # noqa: PLR2004
        raise BadValue(
            f"{len(limits.tile_fov_mm)} tile fields of view were given", hint="give one, or x and y"
        )
    steps = np.array([(s.x_mm, s.y_mm) for s in shifts], dtype=np.float64).reshape(-1, 2)
    images = _Images.read(shifts, steps, image_shifts or {}, limits)
    corrected, kinds = _from_stage(steps, limits, images.verdicts)
    _overrule_by_images(corrected, kinds, steps, images, limits)
    px_per_mm = _px_per_mm(shifts)
    fixed = tuple(
        _replaced(shift, step, px_per_mm, is_reliable=_is_reliable(i, shift, step, images, limits))
        for i, (shift, step) in enumerate(zip(shifts, corrected, strict=True))
    )
    return fixed, _events(shifts, fixed, kinds, images)


def common_step_mm(shifts: Sequence[Shift], *, max_shift_mm: float) -> float | None:
    """Return the step that large shifts are multiples of, or None; a hint at ``tile_fov_mm``.

    Parameters
    ----------
    shifts : sequence of Shift
    max_shift_mm : float
        Components longer than this count; at least two must agree within 5 %.
    """
    large = sorted(
        abs(d) for shift in shifts for d in (shift.x_mm, shift.y_mm) if abs(d) > max_shift_mm
    )
    if len(large) < 2:  # noqa: PLR2004
        return None
    step = large[0]
    multiples = [d for d in large if abs(d / step - round(d / step)) < 0.05]  # noqa: PLR2004
    if len(multiples) < len(large) or len(multiples) < 2:  # noqa: PLR2004
        return None
    return float(np.median([d / round(d / step) for d in multiples]))


@dataclass(frozen=True, slots=True)
class _Images:
    """What the images say of every row: verdict, and the stage's error (NaN: nothing)."""

    verdicts: list[Verdict]
    errors: Vectors
    sigma_mm: float

    @classmethod
    def read(
        cls,
        shifts: Sequence[Shift],
        steps: Vectors,
        found: Mapping[Pair, ImageShift],
        limits: Limits,
    ) -> "_Images":
        verdicts: list[Verdict] = ["inconclusive"] * len(shifts)
        errors = np.full_like(steps, np.nan)
        for i, shift in enumerate(shifts):
            image = found.get((shift.fixed, shift.moving))
            if image is not None:
                verdicts[i], errors[i] = _judge(steps[i], image, limits)
        ordinary = errors[[v == "agree" for v in verdicts]]
        if len(ordinary) >= _MIN_FOR_MEDIAN:
            # Anatomy that grows to one side looks like a small motion in every pair.
            errors = errors - np.median(ordinary, axis=0)
        _bridge(verdicts, errors, shifts, steps, found, limits)
        floor = max((image.sigma_mm for image in found.values()), default=0.0)
        return cls(verdicts, errors, max(_spread(ordinary), floor))


def _judge(step: Vectors, image: ImageShift, limits: Limits) -> tuple[Verdict, Vectors]:
    error: Vectors = step - (image.x_mm, image.y_mm)
    nothing: Vectors = np.full(2, np.nan)
    if not image.has_match:
        return "inconclusive", nothing
    if np.hypot(*error) <= limits.contradiction_mm:
        return "agree", error
    return ("disagree", error) if image.lead >= MIN_LEAD else ("inconclusive", nothing)


def _bridge(
    verdicts: list[Verdict],
    errors: Vectors,
    shifts: Sequence[Shift],
    steps: Vectors,
    found: Mapping[Pair, ImageShift],
    limits: Limits,
) -> None:
    """Judge a run of inconclusive rows by the slices on both sides of it.

    An error of the whole run is put on its longest step: that is where the report jumped.
    """
    start = 0
    while start < len(shifts):
        stop = start
        while stop < len(shifts) and verdicts[stop] == "inconclusive":
            stop += 1
        if stop - start > 1:
            image = found.get((shifts[start].fixed, shifts[stop - 1].moving))
            if image is not None:
                verdict, error = _judge(steps[start:stop].sum(axis=0), image, limits)
                if verdict == "disagree":
                    longest = start + int(np.argmax(np.hypot(*steps[start:stop].T)))
                    verdicts[longest], errors[longest] = verdict, error
        start = max(stop, start + 1)


def _spread(errors: Vectors) -> float:
    if len(errors) < _MIN_FOR_SPREAD:
        return 0.0
    return float(_MAD_TO_SIGMA * np.median(np.abs(errors - np.median(errors, axis=0))))


def _from_stage(
    steps: Vectors, limits: Limits, verdicts: list[Verdict]
) -> tuple[Vectors, list[Kind | None]]:
    """Correct by the stage's own pattern; rows that the images confirm are left alone."""
    is_large = np.hypot(*steps.T) > limits.max_shift_mm
    corrected = steps.copy()
    kinds: list[Kind | None] = [None] * len(steps)
    for i, step in enumerate(steps):
        residue = _without_tile_offset(step, limits)
        if verdicts[i] != "agree" and not np.array_equal(residue, step):
            corrected[i], kinds[i] = residue, "tile_offset"
    for i in map(int, np.flatnonzero(_find_spikes(steps, is_large, limits.return_fraction))):
        is_solved = kinds[i] is not None and np.hypot(*corrected[i]) <= limits.max_shift_mm
        if verdicts[i] != "agree" and not is_solved:
            corrected[i], kinds[i] = _ordinary(steps, is_large, i), "spike"
    return corrected, kinds


def _without_tile_offset(step: Vectors, limits: Limits) -> Vectors:
    residue: Vectors = step.copy()
    if limits.fov_xy_mm is None:
        return residue
    for axis, fov in enumerate(limits.fov_xy_mm):
        n = round(step[axis] / fov)
        if n and abs(step[axis] - n * fov) < limits.tile_fov_tolerance * fov:
            residue[axis] = step[axis] - n * fov
    return residue


def _find_spikes(steps: Vectors, is_large: NDArray[np.bool_], fraction: float) -> NDArray[np.bool_]:
    """Return which rows are part of a jump that returns; reads the original values only."""
    size = np.hypot(*steps.T)
    spikes = np.zeros(len(steps), dtype=bool)
    for i in map(int, np.flatnonzero(is_large)):
        for j in (i - 1, i + 1):
            if 0 <= j < len(steps) and np.hypot(*(steps[i] + steps[j])) < fraction * size[i]:
                spikes[i] = True
    start = 0
    while start < len(steps):  # a run of large rows that returns as a whole
        stop = start
        while stop < len(steps) and is_large[stop]:
            stop += 1
        whole = steps[start:stop]
        if len(whole) > 1 and np.hypot(*whole.sum(axis=0)) < fraction * size[start:stop].max():
            spikes[start:stop] = True
        start = max(stop, start + 1)
    return spikes


def _ordinary(steps: Vectors, is_large: NDArray[np.bool_], i: int) -> Vectors:
    """Return the median of the ordinary rows near row ``i``, else of all, else zero."""
    near = [i + d for d in _NEAR if 0 <= i + d < len(steps) and not is_large[i + d]]
    rows = steps[near] if near else steps[~is_large]
    middle: Vectors = np.median(rows, axis=0) if len(rows) else np.zeros(2)
    return middle


def _overrule_by_images(
    corrected: Vectors,
    kinds: list[Kind | None],
    steps: Vectors,
    images: _Images,
    limits: Limits,
) -> None:
    """Put the corrections that the images ask for into our own copy of the shifts."""
    wrong = [i for i, verdict in enumerate(images.verdicts) if verdict == "disagree"]
    stage = _Stage.read(steps, limits, wrong)
    while wrong:
        group = _returning(wrong, images.errors, limits)
        wrong = wrong[len(group) :]
        jumps = [_jump(steps[i], images.errors[i], stage, images.sigma_mm) for i in group]
        if len(group) > 1:
            # What was taken off must sum to zero: the report is right again afterwards.
            jumps = list(np.array(jumps) - np.mean(jumps, axis=0))
            names: list[Kind] = ["spike"] * len(group)
        else:
            snapped = _snapped(jumps[0], limits)
            names = ["rehoming" if snapped is None else "tile_offset"]
            if kinds[group[0]] == "spike":  # its partner row shows nothing to the images
                names = ["spike"]
            jumps = jumps if snapped is None else [snapped]
        for i, jump, name in zip(group, jumps, names, strict=True):
            corrected[i], kinds[i] = steps[i] - jump, name


@dataclass(frozen=True, slots=True)
class _Stage:
    """How the stage moves when nothing is wrong: the usual step and its scatter (inf: unknown)."""

    usual: Vectors
    sigma_mm: float

    @classmethod
    def read(cls, steps: Vectors, limits: Limits, wrong: list[int]) -> "_Stage":
        ordinary = np.hypot(*steps.T) <= limits.max_shift_mm
        ordinary[wrong] = False
        rows = steps[ordinary]
        if len(rows) < _MIN_FOR_SPREAD:
            return cls(np.zeros(2), float("inf"))
        # Not the MAD: a few equal steps would pass for a stage that never wavers.
        return cls(np.median(rows, axis=0), max(float(rows.std(axis=0).max()), 1e-6))


def _jump(step: Vectors, error: Vectors, stage: _Stage, sigma_mm: float) -> Vectors:
    """Return the error of the stage's report, weighed from the images and from its usual step.

    Two estimates, error ± sigma_mm and step − usual ± sigma of the stage, weighed by their
    inverse variances. An axis whose error does not stand out keeps the stage's value.
    """
    weight = stage.sigma_mm**-2 / (stage.sigma_mm**-2 + max(sigma_mm, 1e-6) ** -2)
    jump: Vectors = weight * (step - stage.usual) + (1 - weight) * error
    return np.where(np.abs(error) > _SIGMAS * sigma_mm, jump, 0.0)


def _returning(wrong: list[int], errors: Vectors, limits: Limits) -> list[int]:
    """Return the first rows of ``wrong`` whose errors cancel, or only the first row."""
    for n in range(2, len(wrong) + 1):
        group = wrong[:n]
        largest = np.hypot(*errors[group].T).max()
        rest = np.hypot(*errors[group].sum(axis=0))
        if rest < min(limits.contradiction_mm, limits.return_fraction * largest):
            return group
    return wrong[:1]


def _snapped(jump: Vectors, limits: Limits) -> Vectors | None:
    """Return the jump as whole fields of view, where it is that on every axis that jumped."""
    if limits.fov_xy_mm is None:
        return None
    n_fov = np.round(jump / limits.fov_xy_mm)
    whole: Vectors = n_fov * limits.fov_xy_mm
    near = np.abs(jump - whole) < limits.tile_fov_tolerance * np.array(limits.fov_xy_mm)
    return whole if bool(n_fov.any()) and bool(near.all()) else None


def _is_reliable(i: int, shift: Shift, step: Vectors, images: _Images, limits: Limits) -> bool:
    original = (shift.x_mm, shift.y_mm)
    still_wrong = images.errors[i] + (step - original)  # NaN, where the images say nothing
    contradicted = bool(np.hypot(*still_wrong) > limits.contradiction_mm)
    within = bool(np.hypot(*step) <= limits.max_shift_mm)
    return within and shift.reliable is not False and not contradicted


def _replaced(
    shift: Shift, step: Vectors, px_per_mm: tuple[float, float], *, is_reliable: bool
) -> Shift:
    x_mm, y_mm = (
        old if new == old else round(float(new), _DECIMALS)
        for old, new in zip((shift.x_mm, shift.y_mm), step, strict=True)
    )
    x_px = shift.x_px if x_mm == shift.x_mm else x_mm * px_per_mm[0]
    y_px = shift.y_px if y_mm == shift.y_mm else y_mm * px_per_mm[1]
    return replace(shift, x_px=x_px, y_px=y_px, x_mm=x_mm, y_mm=y_mm, reliable=is_reliable)


def _px_per_mm(shifts: Sequence[Shift]) -> tuple[float, float]:
    """Return pixels per mm along x and y, as the pairs of values in the shifts imply them."""
    x = [shift.x_px / shift.x_mm for shift in shifts if shift.x_mm]
    y = [shift.y_px / shift.y_mm for shift in shifts if shift.y_mm]
    both = x + y
    return (
        float(np.median(x or both or [0.0])),
        float(np.median(y or both or [0.0])),
    )


def _events(
    shifts: Sequence[Shift],
    fixed: Sequence[Shift],
    kinds: Sequence[Kind | None],
    images: _Images,
) -> tuple[Event, ...]:
    return tuple(
        Event(
            index=i,
            fixed=old.fixed,
            moving=old.moving,
            kind=kind,
            original_mm=(old.x_mm, old.y_mm),
            corrected_mm=(new.x_mm, new.y_mm),
            is_from_images=images.verdicts[i] == "disagree",
        )
        for i, (old, new, kind) in enumerate(zip(shifts, fixed, kinds, strict=True))
        if kind is not None
    )
