"""Where each slice lies: pairwise shifts summed along the chain. No image is looked at."""

import math
import warnings
from bisect import bisect_right
from collections.abc import Hashable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Protocol, TypeVar

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, BrokenChain, MissingShift

K = TypeVar("K", bound=Hashable)
Step = tuple[float, float]
_COLUMNS = ("fixed_id", "moving_id", "x_shift_mm", "y_shift_mm")


class Columns(Protocol):
    """Anything with columns by name: a DataFrame, a dict of lists."""

    def __getitem__(self, name: str, /) -> Iterable[object]:
        """Return one column."""
        ...


def build_cumulative_shifts(
    shifts: Sequence[Shift] | Columns,
    selected_slice_ids: Iterable[K],
    resolution: float | None = None,
) -> dict[K, Step]:
    """Sum the shifts over all transitions, then keep the chosen slices.

    Excluded slices count: the step from 1 to 3 is the sum of 1→2 and 2→3.

    Parameters
    ----------
    shifts : sequence of Shift, or a table with columns
        As `io.shifts.read` gives them, or anything with the columns fixed_id, moving_id,
        x_shift_mm and y_shift_mm.
    selected_slice_ids : iterable
        Ids in any form; they come back as keys as they are.
    resolution : float, optional
        mm per pixel; the positions are then in pixels.

    Returns
    -------
    dict
        id → (dx, dy), mm; +x to larger columns, +y to larger rows. The lowest id of the file is
        at (0, 0).

    Raises
    ------
    BrokenChain
        If two consecutive ids of the file have no shift between them; names the pair.
    BadValue
        If a shift is not finite, a pair has two, or the resolution is not positive.

    Warns
    -----
    MissingShift
        A chosen slice occurs nowhere in the file; it takes the position of the nearest lower id
        that does (the lowest one where there is none).

    Examples
    --------
    >>> steps = {"fixed_id": [0, 1], "moving_id": [1, 2],
    ...          "x_shift_mm": [10, 8], "y_shift_mm": [5, 3]}
    >>> build_cumulative_shifts(steps, [0, 2])
    {0: (0.0, 0.0), 2: (18.0, 8.0)}
    """
    if resolution is not None and not (math.isfinite(resolution) and resolution > 0):
        raise BadValue(f"resolution is {resolution} mm", hint="give a positive number of mm")
    positions = _positions(_steps(shifts))
    unit_mm = 1.0 if resolution is None else resolution
    ids = {key: SliceId(key) for key in selected_slice_ids}
    if not positions and len(ids) == 1:  # an acquisition of one slice has no transition
        positions = dict.fromkeys(ids.values(), (0.0, 0.0))
    selected = {key: _position(slice_id, positions) for key, slice_id in ids.items()}
    return {key: (x_mm / unit_mm, y_mm / unit_mm) for key, (x_mm, y_mm) in selected.items()}


def _steps(shifts: Sequence[Shift] | Columns) -> dict[tuple[SliceId, SliceId], Step]:
    """Return (fixed, moving) → (dx, dy) in mm."""
    steps: dict[tuple[SliceId, SliceId], Step] = {}
    for fixed, moving, x, y in _rows(shifts):
        pair = (SliceId(fixed), SliceId(moving))
        step = (float(str(x)), float(str(y)))
        if not all(map(math.isfinite, step)):
            raise BadValue(
                f"the shift {pair[0]} → {pair[1]} is {step}", hint="a shift is two finite numbers"
            )
        if steps.setdefault(pair, step) != step:
            raise BadValue(
                f"the shift {pair[0]} → {pair[1]} is both {steps[pair]} and {step}",
                hint="keep one of them",
            )
    return steps


def _rows(shifts: Sequence[Shift] | Columns) -> Iterable[tuple[object, ...]]:
    if isinstance(shifts, Mapping) or not isinstance(shifts, Sequence):
        return zip(*(shifts[name] for name in _COLUMNS), strict=True)
    return ((shift.fixed, shift.moving, shift.x_mm, shift.y_mm) for shift in shifts)


def _positions(steps: Mapping[tuple[SliceId, SliceId], Step]) -> dict[SliceId, Step]:
    """Return the position of every id of the file, ids ascending."""
    ids = sorted({slice_id for pair in steps for slice_id in pair})
    positions = dict.fromkeys(ids[:1], (0.0, 0.0))
    for fixed, moving in pairwise(ids):
        step = steps.get((fixed, moving))
        if step is None:
            raise BrokenChain(
                f"there is no shift {fixed} → {moving}",
                hint="the shifts file needs one row per pair of consecutive slices",
            )
        x_mm, y_mm = positions[fixed]
        positions[moving] = (x_mm + step[0], y_mm + step[1])
    return positions


def _position(slice_id: SliceId, positions: Mapping[SliceId, Step]) -> Step:
    if slice_id in positions:
        return positions[slice_id]
    ids = list(positions)
    i = bisect_right([known.number for known in ids], slice_id.number) - 1
    lower = f"slice {ids[i]}" if i >= 0 else "the first slice"
    warnings.warn(
        f"slice {slice_id} is not in the shifts file; it is placed like {lower}",
        MissingShift,
        stacklevel=4,
    )
    return positions[ids[i]] if i >= 0 else (0.0, 0.0)
