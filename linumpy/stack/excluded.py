"""What the steps to and from an excluded slice count for.

The stage moved through an excluded slice all the same, so the rule is to keep its steps
(`decisions` of the project: the position of a slice is the sum over all transitions). The other
modes are for stages whose position at a bad slice is itself wrong.
"""

import statistics
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Literal

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId

Mode = Literal["keep", "local_median", "median", "zero"]


def treat_excluded(
    shifts: Sequence[Shift],
    excluded: Collection[SliceId],
    mode: Mode = "keep",
    *,
    window: int = 2,
) -> tuple[Shift, ...]:
    """Return the steps, those that touch an excluded slice replaced as ``mode`` says.

    Parameters
    ----------
    shifts : sequence of Shift
        In the order of the file.
    excluded : collection of SliceId
    mode : {"keep", "local_median", "median", "zero"}
        Keep the step; the median of the unaffected steps within ``window`` rows; of all of them;
        or no step at all. Where no step is unaffected the step is kept.
    window : int
        Rows to each side, for ``local_median``.

    Notes
    -----
    With any mode but ``keep`` a genuine displacement across the excluded slice is lost.

    Examples
    --------
    >>> ids = [SliceId(n) for n in range(4)]
    >>> steps = [Shift(ids[i], ids[i + 1], 0, 0, x, 0) for i, x in enumerate((1.0, 9.0, 9.0))]
    >>> [step.x_mm for step in treat_excluded(steps, {ids[3]}, "median")]
    [1.0, 9.0, 5.0]
    """
    if mode == "keep":
        return tuple(shifts)
    affected = [bool({shift.fixed, shift.moving} & set(excluded)) for shift in shifts]
    good = [i for i, is_affected in enumerate(affected) if not is_affected]
    treated = []
    for i, shift in enumerate(shifts):
        near = [k for k in good if abs(k - i) <= window] if mode == "local_median" else []
        pool = [shifts[k] for k in near or good]
        if not affected[i] or (mode != "zero" and not pool):
            treated.append(shift)
        elif mode == "zero":
            treated.append(replace(shift, x_px=0.0, y_px=0.0, x_mm=0.0, y_mm=0.0))
        else:
            treated.append(_median_of(shift, pool))
    return tuple(treated)


def _median_of(shift: Shift, pool: Sequence[Shift]) -> Shift:
    return replace(
        shift,
        x_px=statistics.median(one.x_px for one in pool),
        y_px=statistics.median(one.y_px for one in pool),
        x_mm=statistics.median(one.x_mm for one in pool),
        y_mm=statistics.median(one.y_mm for one in pool),
    )
