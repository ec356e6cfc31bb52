"""Which slices a record asks for: to process, to pair, to interpolate; which of them failed."""

from collections.abc import Collection
from itertools import pairwise

from linumpy.core import fate
from linumpy.core.acquisition import INCOMPLETE
from linumpy.core.slice_id import SliceId
from linumpy.io import slice_config
from linumpy.io.slice_config import RowsLike

NOT_IN_CONFIG = "not_in_config"
NOT_SELECTED = "not_selected"
_UNASKED = {NOT_IN_CONFIG, NOT_SELECTED}


def used(rows: RowsLike) -> list[SliceId]:
    """Return the slices that go on to the next stage, in order."""
    return sorted(slice_config.filter_slices_to_use(rows))


def interpolated(rows: RowsLike) -> list[SliceId]:
    """Return the slices whose slot an interpolated volume fills, in order."""
    return sorted(SliceId(s) for s, row in rows.items() if row["interpolated"])


def failures(rows: RowsLike) -> dict[SliceId, str]:
    """Return the slices that failed, each with ``<stage>: <reason>``."""
    return {SliceId(slice_id): why for slice_id, row in rows.items() for why in fate.failures(row)}


def unselected(rows: RowsLike) -> list[SliceId]:
    """Return the slices that ``--slices`` left out."""
    return [SliceId(s) for s, row in rows.items() if NOT_SELECTED in fate.notes_of(row)]


def incomplete(rows: RowsLike) -> list[SliceId]:
    """Return the slices that are left out because their tiles are not all there yet."""
    return [
        SliceId(slice_id)
        for slice_id, row in rows.items()
        if not row["use"] and any(note.startswith(INCOMPLETE) for note in fate.notes_of(row))
    ]


def gaps(
    rows: RowsLike, *, left: Collection[SliceId] = ()
) -> list[tuple[SliceId, SliceId, SliceId]]:
    """Return (before, missing, after) for every single slice between two used ones.

    A slice that the user left out of the config or of the selection is not asked for.

    Parameters
    ----------
    rows : mapping
        The record.
    left : collection of SliceId
        Slices whose slot stays empty (``--leave_gap``).
    """
    found = []
    for before, after in pairwise(used(rows)):
        missing = SliceId(before.number + 1)
        if after.number - before.number != 2 or missing in left:  # noqa: PLR2004
            continue
        notes = fate.notes_of(rows[missing]) if missing in rows else ()
        if not _UNASKED & set(notes):
            found.append((before, missing, after))
    return found


def pairs(rows: RowsLike) -> list[tuple[SliceId, SliceId]]:
    """Return (fixed, moving) for every two used slices with neighbouring ids."""
    return [
        (fixed, moving)
        for fixed, moving in pairwise(used(rows))
        if moving.number - fixed.number == 1
    ]
