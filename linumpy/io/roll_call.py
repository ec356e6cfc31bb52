"""Every slice that was seen has a row: what a run does to the record before its first stage."""

import logging
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path

from linumpy.core import fate
from linumpy.core.slice_id import SliceId, parse_ids
from linumpy.errors import UnknownSlice
from linumpy.io import history, slice_config, table
from linumpy.io.selection import NOT_IN_CONFIG, NOT_SELECTED
from linumpy.io.slice_config import Rows

log = logging.getLogger(__name__)


def check_known(
    flags: Mapping[str, Iterable[str]],
    *,
    acquired: Collection[SliceId],
    never_acquired: Collection[SliceId],
    where: str | Path,
) -> None:
    """Refuse a flag that names a slice which does not exist.

    Parameters
    ----------
    flags : mapping
        Flag → ids in any form.
    acquired, never_acquired : collection of SliceId
        What there is; ``where`` is what was read.

    Raises
    ------
    UnknownSlice
        Names the flag and the ids.
    BadValue
        If a text is no id.
    """
    known = {*acquired, *never_acquired}
    for name, texts in flags.items():
        unknown = sorted(set(parse_ids(texts)) - known)
        if unknown:
            raise UnknownSlice(
                f"--{name} {', '.join(unknown)}: no such slice in {where}",
                hint=f"it holds {', '.join(acquired)}",
            )


def lay_edits(fresh: Rows, *, written: Rows | None, edited: Rows) -> Rows:
    """Lay what the user changed over what was generated.

    A slice with data whose row the user took out is left out (note ``not_in_config``).

    Parameters
    ----------
    fresh : mapping
        The rows as they are made now, one for every slice.
    written : mapping or None
        What was written last time; None: the whole edited file is the user's.
    edited : mapping
        What stands in the user's file; only its cells without
        ``written`` (`given_cells`).
    """
    known = fresh if written is None else written
    rows = history.keep_edits(fresh, written=written, edited=edited)
    gone = [s for s in known if s not in edited and s in rows and is_acquired(rows, s)]
    for slice_id in gone:
        log.warning("z%s has data but no row in the config: left out", slice_id)
    return slice_config.stamp_many(rows, _notes(gone, NOT_IN_CONFIG), append_notes=True)


def given_cells(path: str | Path, fresh: Rows) -> Rows:
    """Return the cells of a file that a person gives, to be laid over ``fresh`` by `lay_edits`.

    Every cell that stands there is the person's, but one: ``galvo_fix=false`` in a file whose
    column ``galvo_confidence`` is empty throughout was written where nobody had looked. It is no
    decision, and a detection that has looked since decides. Without that column false is false.
    """
    cells = slice_config.read_cells(path)
    found, _ = table.scan(path, slice_config.CANONICAL_COLUMNS)
    is_examined = any("galvo_confidence" in row for row in cells.values())
    if is_examined or "galvo_confidence" not in found.columns:
        return cells
    overtaken = [
        key
        for key, row in cells.items()
        if row.get("galvo_fix") is False and fresh.get(key, {}).get("galvo_confidence") is not None
    ]
    if overtaken:
        log.warning(
            "%s: its sweeps were never looked at (galvo_confidence is empty), so its "
            "galvo_fix=false is no decision; the detection decides for %s",
            path,
            ", ".join(overtaken),
        )
    return {
        key: {name: cell for name, cell in row.items() if name != "galvo_fix" or cell is not False}
        for key, row in cells.items()
    }


def leave_out_absent(rows: Rows, seen: Iterable[str]) -> Rows:
    """Leave out every row whose slice has no raw tile: it was never acquired."""
    known = set(seen)
    absent = [s for s in rows if s not in known]
    for slice_id in absent:
        if rows[slice_id]["use"]:
            log.warning("z%s stands in the config and has no raw tiles: left out", slice_id)
    return slice_config.stamp_many(rows, _notes(absent, fate.NOT_ACQUIRED), append_notes=True)


def leave_out_unselected(rows: Rows, unselected: Iterable[SliceId]) -> Rows:
    """Leave out what ``--slices`` does not name."""
    return slice_config.stamp_many(rows, _notes(unselected, NOT_SELECTED), append_notes=True)


def final_count(
    rows: Rows, seen: Iterable[SliceId], never_acquired: Iterable[SliceId]
) -> dict[fate.Fate, int]:
    """Return how many slices met which fate, once it is sure that none disappeared.

    Raises
    ------
    Defect
        If a slice that was seen has no row, or the fates do not add up.
    """
    # a row that the user wrote for a slice without tiles counts as not acquired
    absent = {s for s in rows if not is_acquired(rows, s)} | {*never_acquired}
    return fate.check_sum(rows, seen, absent)


def is_acquired(rows: Mapping[SliceId, Mapping[str, object]], slice_id: SliceId) -> bool:
    """Say whether a slice has raw tiles, by its row."""
    return fate.NOT_ACQUIRED not in fate.notes_of(rows[slice_id])


def _notes(ids: Iterable[SliceId], note: str) -> dict[SliceId, dict[str, object]]:
    return {slice_id: {"use": False, "notes": note} for slice_id in ids}
