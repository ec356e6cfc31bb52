"""Which slices are for calibration: the first ones by request, or those thicker than the others."""

import statistics
from collections.abc import Iterable, Mapping

from linumpy.core.slice_id import SliceId

NOTE = "calibration_slice"
N_CANDIDATES = 3
"""Only the lowest ids can be calibration slices: a thick slice in the middle is another matter."""


def first_slices(ids: Iterable[SliceId], n: int) -> tuple[SliceId, ...]:
    """Return the ``n`` lowest ids of an acquisition, whoever excluded them before.

    Examples
    --------
    >>> first_slices([SliceId(5), SliceId(2), SliceId(0)], 2)
    ('00', '02')
    """
    return tuple(sorted(ids)[:n])


def thick_slices(depth_by_slice: Mapping[SliceId, float], *, ratio: float) -> tuple[SliceId, ...]:
    """Return the ids among the three lowest that are deeper than ``ratio`` × the median.

    Parameters
    ----------
    depth_by_slice : mapping
        Imaged depth of every slice of the acquisition, in one unit.
    ratio : float
        1.5 as a rule.

    Examples
    --------
    >>> thick_slices({SliceId(i): depth for i, depth in enumerate([82, 41, 41, 41])}, ratio=1.5)
    ('00',)
    """
    if not depth_by_slice:
        return ()
    median = statistics.median(depth_by_slice.values())
    candidates = sorted(depth_by_slice)[:N_CANDIDATES]
    return tuple(key for key in candidates if depth_by_slice[key] > ratio * median)
