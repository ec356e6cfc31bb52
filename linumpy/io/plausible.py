"""What the columns of a record say about each other: worth a look, never an error."""

from collections.abc import Callable, Mapping

from linumpy.core.slice_id import SliceId
from linumpy.io.columns import Value
from linumpy.io.slice_config import RowsLike

GALVO_THRESHOLD = 0.6  # default of --galvo_threshold; another one may have been used
Row = Mapping[str, Value]


def _galvo(row: Row) -> bool:
    confidence = row["galvo_confidence"]
    if not isinstance(confidence, float):
        return bool(row["galvo_fix"])
    return row["galvo_fix"] is not (confidence >= GALVO_THRESHOLD)


_DOUBTS: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    (f"galvo_fix does not fit galvo_confidence at the default threshold {GALVO_THRESHOLD}", _galvo),
    ("interpolated, though use is true", lambda row: bool(row["use"] and row["interpolated"])),
    (
        "interpolated and interpolation_failed at once",
        lambda row: bool(row["interpolated"] and row["interpolation_failed"]),
    ),
    (
        "interpolated without interpolation_method_used",
        lambda row: bool(row["interpolated"] and not row["interpolation_method_used"]),
    ),
    (
        "interpolation_failed without interpolation_fallback_reason",
        lambda row: bool(row["interpolation_failed"] and not row["interpolation_fallback_reason"]),
    ),
    (
        "auto_excluded without auto_exclude_reason",
        lambda row: bool(row["auto_excluded"] and not row["auto_exclude_reason"]),
    ),
    (
        "rehomed without rehoming_reliable",
        lambda row: bool(row["rehomed"]) and row["rehoming_reliable"] is None,
    ),
    (
        "left out without a note that says why",
        lambda row: not (row["use"] or row["notes"] or row["interpolation_failed"]),
    ),
)


def doubts(rows: RowsLike) -> list[tuple[SliceId, str]]:
    """Return (slice, what is odd about its row), in the order of rows.

    Examples
    --------
    >>> from linumpy.io.slice_config import new_row
    >>> doubts({SliceId(7): new_row(7, use=False)})
    [('07', 'left out without a note that says why')]
    """
    return [(key, what) for key, row in rows.items() for what, is_odd in _DOUBTS if is_odd(row)]
