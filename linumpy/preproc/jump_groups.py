"""Which jumps of the stage's report belong together, and which are whole fields of view."""

from dataclasses import dataclass

import numpy as np

from linumpy.preproc.stage_evidence import MIN_FOR_SPREAD, Evidence, Limits, Vectors

_RETURN_SIGMAS = 5.0  # errors along two axes that cancel leave less than this
_USUAL_SIGMAS = 3.0  # steps that sum to less beside the usual ones have come back
_SOON = 3  # rows from a jump to the one that undoes it: a few slices that stood wrong alike


@dataclass(frozen=True, slots=True)
class Stage:
    """How the stage moves when nothing is wrong: the usual step and its scatter (inf: unknown)."""

    usual: Vectors
    sigma_mm: float

    @classmethod
    def read(cls, steps: Vectors, limits: Limits, wrong: list[int]) -> "Stage":
        """Return what the rows that are neither long nor in ``wrong`` show."""
        ordinary = np.hypot(*steps.T) <= limits.max_shift_mm
        ordinary[wrong] = False
        rows = steps[ordinary]
        if len(rows) < MIN_FOR_SPREAD:
            return cls(np.zeros(2), float("inf"))
        # Not the MAD: a few equal steps would pass for a stage that never wavers.
        return cls(np.median(rows, axis=0), max(float(rows.std(axis=0).max()), 1e-6))

    def came_back(self, steps: Vectors) -> bool:
        """Say whether several steps sum to as many usual ones: the report itself came back."""
        n = len(steps)
        if n < 2 or not np.isfinite(self.sigma_mm):  # noqa: PLR2004
            return False
        rest = np.abs(steps.sum(axis=0) - n * self.usual).max()
        return bool(rest <= _USUAL_SIGMAS * self.sigma_mm * np.sqrt(n))


def group_jumps(images: Evidence, limits: Limits, steps: Vectors, stage: Stage) -> list[list[int]]:
    """Return the wrong rows in groups whose errors cancel, and the others alone.

    Rows that follow each other are tried first, the most first: so a jump that stayed is not
    taken for the way out of a spike that came back by itself, nor the middle of a run for a
    spike. They cancel sharply, or the report came back by itself; else they may leave a motion
    of the tissue. Jumps with good rows between them are one event
    only where one soon undoes the other, as well as the images can tell: a report that stays
    wrong for longer, or by whole fields of view, has lost its place.
    """
    left, found = images.wrong, []
    for is_sharp in (True, False):
        for n in range(len(left), 1, -1):
            start = 0
            while start + n <= len(left):
                group = left[start : start + n]
                follows = group[-1] - group[0] == n - 1
                if follows and (
                    _cancel(group, images, limits, is_sharp=is_sharp)
                    or stage.came_back(steps[group])
                ):
                    found.append(group)
                    left = left[:start] + left[start + n :]
                else:
                    start += 1
    while left:
        cancelling = (
            left[:n]
            for n in range(2, len(left) + 1)
            if max(np.diff(left[:n])) <= _SOON
            and whole_fields(images.errors[left[0]], limits) is None
            and _cancel(left[:n], images, limits, is_sharp=True)
        )
        found.append(next(cancelling, left[:1]))
        left = left[len(found[-1]) :]
    return found


def _cancel(group: list[int], images: Evidence, limits: Limits, *, is_sharp: bool) -> bool:
    """Say whether errors cancel: ``is_sharp`` as well as the images can tell, else roughly."""
    largest = np.hypot(*images.errors[group].T).max()
    rest = np.hypot(*images.errors[group].sum(axis=0))
    near = min(limits.contradiction_mm, limits.return_fraction * largest)
    if is_sharp:
        near = min(near, _RETURN_SIGMAS * images.sigma_mm * np.sqrt(len(group)))
    return bool(rest < near)


def whole_fields(jump: Vectors, limits: Limits) -> Vectors | None:
    """Return the jump as whole fields of view, where it is that on every axis that jumped."""
    if limits.fov_xy_mm is None:
        return None
    n_fov = np.round(jump / limits.fov_xy_mm)
    whole: Vectors = n_fov * limits.fov_xy_mm
    near = np.abs(jump - whole) < limits.tile_fov_tolerance * np.array(limits.fov_xy_mm)
    return whole if bool(n_fov.any()) and bool(near.all()) else None
