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
from linumpy.preproc.jump_groups import Stage, group_jumps, whole_fields
from linumpy.preproc.stage_evidence import (
    Evidence,
    ImageShift,
    Limits,
    Pair,
    Vectors,
    Verdict,
    weigh,
)

Kind = Literal["spike", "tile_offset", "rehoming"]

_SIGMAS = 3.0  # an axis is corrected where its error stands out by this much
_OUTLIER_SIGMAS = 5.0  # two estimates of one jump that differ by more: one of them is wrong
_DECIMALS = 6  # of a corrected shift, mm: the stage reports no finer
_NEAR = (-2, -1, 1, 2)  # rows whose median replaces a spike, without images


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
    ordinary rows around them, and share what their sum, where it is an ordinary one, differs. With
    images: the error e_i = s_i − image_i, less its median, is the jump of the stage's report;
    errors that cancel are taken off so that their sum stays exactly.

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
    images = weigh(shifts, steps, image_shifts or {}, limits)
    corrected, kinds = _from_stage(steps, limits, images.verdicts)
    _overrule_by_images(corrected, kinds, steps, images, limits)
    _settle_runs(corrected, kinds, steps, images)
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


def _from_stage(
    steps: Vectors, limits: Limits, verdicts: Sequence[Verdict]
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
    _keep_sums(corrected, kinds, steps, Stage.read(steps, limits, []))
    return corrected, kinds


def _keep_sums(
    corrected: Vectors, kinds: Sequence[Kind | None], steps: Vectors, stage: Stage
) -> None:
    """Give the rows of each spike the sum that the report gives them, where it is an ordinary one.

    Behind a spike the report is right again: medians alone would leave an error there for good.
    """
    start = 0
    while start < len(steps):
        stop = start
        while stop < len(steps) and kinds[stop] == "spike":
            stop += 1
        n = stop - start
        if n > 1:
            excess = steps[start:stop].sum(axis=0) - corrected[start:stop].sum(axis=0)
            # inf, where the stage's scatter is unknown: then nothing is known to be ordinary
            usual = _SIGMAS * stage.sigma_mm * np.sqrt(n)
            if np.isfinite(usual) and np.abs(excess).max() <= usual:
                corrected[start:stop] += excess / n
        start = max(stop, start + 1)


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
    images: Evidence,
    limits: Limits,
) -> None:
    """Put the corrections that the images ask for into our own copy of the shifts."""
    stage = Stage.read(steps, limits, images.wrong)
    for group in group_jumps(images, limits, steps, stage):
        errors = images.errors[group]
        if stage.came_back(steps[group]):
            errors = _near_usual(steps[group], errors, stage, images.sigma_mm)
        jumps = [
            _jump(step, error, stage, images.sigma_mm)
            for step, error in zip(steps[group], errors, strict=True)
        ]
        if len(group) > 1:
            # What was taken off must sum to zero: the report is right again afterwards.
            jumps = list(np.array(jumps) - np.mean(jumps, axis=0))
            names: list[Kind] = ["spike"] * len(group)
        else:
            snapped = whole_fields(jumps[0], limits)
            names = ["rehoming" if snapped is None else "tile_offset"]
            if _has_silent_partner(group[0], kinds, images):
                names = ["spike"]
            jumps = jumps if snapped is None else [snapped]
        for i, jump, name in zip(group, jumps, names, strict=True):
            corrected[i], kinds[i] = steps[i] - jump, name


def _settle_runs(
    corrected: Vectors, kinds: list[Kind | None], steps: Vectors, images: Evidence
) -> None:
    """Give runs that were judged across a slice without a match the sum that was found there.

    The pattern may have changed rows of the run one by one; they share what is to be had equally.
    """
    for run in images.runs:
        rows = range(run.start, run.stop)
        changed = [i for i in rows if kinds[i] is not None]
        if not changed:
            continue
        whole = steps[run.start : run.stop].sum(axis=0)
        if images.verdicts[run.longest] == "disagree":
            whole -= steps[run.longest] - corrected[run.longest]
        kept = corrected[[i for i in rows if i not in changed]].sum(axis=0)
        for i in changed:
            corrected[i], kinds[i] = (whole - kept) / len(changed), kinds[run.longest] or "spike"


def _jump(step: Vectors, error: Vectors, stage: Stage, sigma_mm: float) -> Vectors:
    """Return the error of the stage's report, weighed from the images and from its usual step.

    Two estimates, error ± sigma_mm and step − usual ± sigma of the stage, weighed by their
    inverse variances. An axis whose error does not stand out keeps the stage's value.
    """
    weight = stage.sigma_mm**-2 / (stage.sigma_mm**-2 + max(sigma_mm, 1e-6) ** -2)
    jump: Vectors = weight * (step - stage.usual) + (1 - weight) * error
    return np.where(np.abs(error) > _SIGMAS * sigma_mm, jump, 0.0)


def _near_usual(steps: Vectors, errors: Vectors, stage: Stage, sigma_mm: float) -> Vectors:
    """Return the errors of a spike no further from the stage's pattern than both estimates allow.

    The report says by itself that it came back. Images that ask for steps unlike any other of the
    stage's are misregistered: anatomy that fades out, a slice without contrast.
    """
    pattern = steps - stage.usual
    reach = _OUTLIER_SIGMAS * np.hypot(sigma_mm, stage.sigma_mm)
    near: Vectors = pattern + np.clip(errors - pattern, -reach, reach)
    return near


def _has_silent_partner(i: int, kinds: Sequence[Kind | None], images: Evidence) -> bool:
    """Say whether the stage's pattern has row ``i`` in a spike whose other row no image sees."""
    return kinds[i] == "spike" and any(
        0 <= j < len(kinds) and kinds[j] == "spike" and images.verdicts[j] == "inconclusive"
        for j in (i - 1, i + 1)
    )


def _is_reliable(i: int, shift: Shift, step: Vectors, images: Evidence, limits: Limits) -> bool:
    original = (shift.x_mm, shift.y_mm)
    still_wrong = images.errors[i] + (step - original)  # NaN, where the images say nothing
    # A run's sum is what the images found; its single rows they did not see.
    in_run = any(run.start <= i < run.stop for run in images.runs)
    contradicted = not in_run and bool(np.hypot(*still_wrong) > limits.contradiction_mm)
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
    images: Evidence,
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
