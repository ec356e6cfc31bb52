"""Who changed which cell of a record, when, from what to what.

Beside every record that a command writes lies ``<stem>_history.jsonl``: one JSON object per
changed cell, oldest first. A command copies the history of the record that it read and appends
its own changes, so the file beside the last record tells the whole story. There is one writer per
stage, hence never a merge.
"""

import json
import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Protocol

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, Defect
from linumpy.io import atomic, slice_config
from linumpy.io.columns import Value, as_text
from linumpy.io.slice_config import CANONICAL_COLUMNS, Rows, RowsLike

ANY_COLUMN = "*"
USER = "user"
UNRECORDED = "unrecorded"
_CELL = (str, bool, int, float, type(None))
_FIELDS: Mapping[str, type | tuple[type, ...]] = {
    "time": str,
    "command": str,
    "version": str,
    "parameters": dict,
    "column": str,
    "old": _CELL,
    "new": _CELL,
}
log = logging.getLogger(__name__)


class Author(Protocol):
    """Who writes: a command's job, or a person."""

    @property
    def name(self) -> str:
        """As typed, ``linum_detect_rehoming.py``, or ``user``."""
        ...

    @property
    def version(self) -> str:
        """Version of the software."""
        ...

    @property
    def parameters(self) -> Mapping[str, object]:
        """What it was called with, as JSON values."""
        ...

    @property
    def stamps(self) -> tuple[str, ...]:
        """The columns that it may change; ``*`` stands for all."""
        ...


@dataclass(frozen=True, slots=True)
class Person:
    """A person who edited the record by hand; may change every column."""

    name: str = USER
    version: str = ""
    parameters: Mapping[str, object] = field(default_factory=dict)
    stamps: tuple[str, ...] = (ANY_COLUMN,)


@dataclass(frozen=True, slots=True)
class Change:
    """One changed cell.

    ``old`` is None where the row or the extra column is new, ``new`` where it went. The change of
    ``slice_id`` from or to None is the row coming or going.
    """

    time: str
    command: str
    version: str
    parameters: Mapping[str, object]
    slice: SliceId
    column: str
    old: Value
    new: Value

    @property
    def revision(self) -> tuple[str, str, str]:
        """What all changes of one write have in common."""
        return (self.time, self.command, self.version)


def path_beside(record: str | Path) -> Path:
    """Return where the history of a record lies.

    Examples
    --------
    >>> path_beside("out/slice_config.csv").name
    'slice_config_history.jsonl'
    """
    record = Path(record)
    return record.with_name(f"{record.stem}_history.jsonl")


def write_record(
    path: str | Path, rows: RowsLike, *, before: str | Path | RowsLike | None, author: Author
) -> None:
    """Write a record and its history.

    A cell of ``before`` that its history does not explain was changed by hand and is recorded as
    ``user`` (``unrecorded`` where there is no history at all). The history is written before the
    record: a run that is killed between the two is repeated, and writes the same history again
    from the one it read.

    Parameters
    ----------
    path : path
        Where the record goes; its history goes beside it.
    rows : mapping
        The new rows.
    before : path or mapping or None
        The record that was read: its rows, or the file, whose history is then carried over.
    author : Author
        Who changes it.

    Raises
    ------
    Defect
        If a command changed a column outside ``author.stamps``, or dropped a row.
    MissingFile, BadFile, BadValue
        If ``before`` cannot be read or a value does not fit its column.
    OSError
        Whatever the disk says.
    """
    earlier: list[Change] = []
    if isinstance(before, str | Path):
        old: RowsLike = slice_config.read(before)
        earlier = [*read(before), *hand_edits(before)]
    else:
        old = before or {}
    changes = compare(old, rows, author=author)
    _check_allowed(changes, author)
    content = slice_config.to_bytes(rows)
    atomic.write_text(path_beside(path), "".join(map(_to_line, [*earlier, *changes])))
    atomic.write_bytes(path, content)


def compare(old: RowsLike, new: RowsLike, *, author: Author) -> list[Change]:
    """Return what changed from one record to another, slice by slice, column by column.

    A new row is the change of ``slice_id``, of ``use`` and of whatever is not a default.
    """
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    parameters = dict(author.parameters)
    keys = [*new, *(key for key in old if key not in new)]
    return [
        Change(now, author.name, author.version, parameters, SliceId(key), *cell)
        for key in keys
        if old.get(key) != new.get(key)
        for cell in _cells(key, old.get(key), new.get(key))
    ]


def read(record: str | Path) -> tuple[Change, ...]:
    """Return the history that lies beside a record, oldest first; empty where there is none.

    Raises
    ------
    BadFile
        If a line cannot be right; names it.
    """
    path = path_beside(record)
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return ()
    return tuple(_from_line(path, i, line) for i, line in enumerate(lines, start=1) if line)


def hand_edits(record: str | Path) -> list[Change]:
    """Return the cells of a record that its history does not explain, as changes by a person."""
    recorded = read(record)
    author = Person() if recorded else Person(UNRECORDED)
    return compare(replay(recorded), slice_config.read(record), author=author)


def revisions(changes: Iterable[Change]) -> list[list[Change]]:
    """Return the changes grouped by write, oldest first; the first revision is number 1."""
    return [list(group) for _, group in groupby(changes, key=lambda change: change.revision)]


def replay(changes: Iterable[Change]) -> Rows:
    """Return the rows that a history, given from its start, leads to."""
    rows: Rows = {}
    for change in changes:
        _set(rows, change.slice, change.column, change.new)
    return rows


def undo(rows: RowsLike, changes: Iterable[Change]) -> Rows:
    """Return the rows as they were before ``changes``, which are given oldest first."""
    restored = {key: dict(row) for key, row in rows.items()}
    for change in reversed(list(changes)):
        _set(restored, change.slice, change.column, change.old)
    return restored


def keep_edits(fresh: RowsLike, *, written: RowsLike | None, edited: RowsLike) -> Rows:
    """Return rows that were made again, with a person's edits of the earlier file kept.

    A three-way merge by cell: where ``edited`` differs from ``written``, it wins over ``fresh``.

    Parameters
    ----------
    fresh : mapping
        The rows as they are made now.
    written : mapping or None
        What the run wrote last time. None: ``edited`` is the person's as a whole, each of its
        cells wins; give the cells that stand in the file (`slice_config.read_cells`).
    edited : mapping
        What stands in the file now. Rows that a person added stay; removing one changes nothing,
        since every slice has a row: ``use=false`` leaves it out.
    """
    given = edited if written is None else _edits(written, edited)
    merged: Rows = {key: dict(row) for key, row in fresh.items()}
    for key, cells in given.items():
        for column, new in cells.items():
            row = merged.setdefault(key, slice_config.new_row(key, use=False))
            if row.get(column) != new:
                log.info("slice %s: %s=%s is kept, edited by hand", key, column, as_text(new))
            row[column] = new
    return merged


def _edits(written: RowsLike, edited: RowsLike) -> Rows:
    """Return the cells that a person changed, added rows whole."""
    return {
        key: {column: new for column, _old, new in _cells(key, written.get(key), row)}
        for key, row in edited.items()
    }


def _set(rows: Rows, slice_id: SliceId, column: str, value: Value) -> None:
    """Put a cell, make a row or remove one, as a change says."""
    if column == "slice_id":
        if value is None:
            rows.pop(slice_id, None)
        else:
            rows[slice_id] = slice_config.new_row(slice_id, use=False)
        return
    row = rows.setdefault(slice_id, slice_config.new_row(slice_id, use=False))
    if value is None and column not in CANONICAL_COLUMNS:
        row.pop(column, None)
    else:
        row[column] = value


def _cells(
    key: str, old: Mapping[str, Value] | None, new: Mapping[str, Value] | None
) -> list[tuple[str, Value, Value]]:
    """Return (column, old, new) of every cell that differs."""
    blank = slice_config.new_row(key, use=False)
    if old is None or new is None:
        there = blank | dict(new or old or {})
        lone = [name for name in there if there[name] != blank.get(name, "") or name == "use"]
        if old is None:
            return [("slice_id", None, key), *((name, None, there[name]) for name in lone)]
        return [*((name, there[name], None) for name in lone), ("slice_id", key, None)]
    before, after = blank | dict(old), blank | dict(new)
    return [
        (name, before.get(name), after.get(name, ""))
        for name in before | after
        if before.get(name, "") != after.get(name, "")
    ]


def _check_allowed(changes: Iterable[Change], author: Author) -> None:
    """Refuse what no command may do: to change a column it does not declare, to drop a row."""
    if ANY_COLUMN in author.stamps:
        return
    for change in changes:
        if change.column == "slice_id" and change.new is None:
            raise Defect(
                f"{author.name} drops slice {change.slice} from the record",
                hint="please report this",
            )
        if change.column not in author.stamps:
            raise Defect(
                f"{author.name} changes {change.column} of slice {change.slice}, "
                f"but declares only {', '.join(author.stamps) or 'no column'}",
                hint="please report this",
            )


def _to_line(change: Change) -> str:
    fields = {name: getattr(change, name) for name in Change.__dataclass_fields__}
    return json.dumps(fields, ensure_ascii=False, allow_nan=False) + "\n"


def _from_line(path: Path, number: int, line: bytes) -> Change:
    try:
        fields = json.loads(line)
        _check_fields(fields)
        return Change(**{**fields, "slice": SliceId(fields["slice"])})
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise BadFile(
            f"{path} line {number}: this is no change of a cell ({error})",
            hint="restore the file from a copy, or remove the line",
        ) from error


def _check_fields(fields: dict[str, object]) -> None:
    """Refuse a value that we never write: it would fail far from here.

    Raises
    ------
    TypeError
        Names the first such field.
    """
    for name, kinds in _FIELDS.items():
        value = fields[name]
        is_finite = not isinstance(value, float) or math.isfinite(value)
        if not isinstance(value, kinds) or not is_finite:
            raise TypeError(f"{name}={value!r}")
