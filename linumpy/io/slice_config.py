"""``slice_config.csv``, the single source of truth for what happens to every slice.

Rows are an ordered mapping from `SliceId` to a dict of typed values: booleans are ``bool``
(``rehoming_reliable`` may be ``None``), scores ``float | None``, everything else ``str``.

Concurrency: the file is never written by two at a time, by construction and not by locks. Each
stage reads one file and writes another; stages that fan out write one fragment per slice
(``slice_z{NN}_manifest.csv``) and a single consumer merges them. Every function here that takes
rows is pure: rows in, new rows out. `write` is atomic: a reader sees the old file or the new one.

Who changed what is in `io.history`, the fate of a slice in `core.fate`, the shifts in `io.shifts`.
"""

import contextlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeVar

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile, UnknownSlice
from linumpy.io import atomic, columns, table
from linumpy.io.columns import Column, Value
from linumpy.io.table import Problem, Table

Row = dict[str, Value]
Rows = dict[SliceId, Row]
RowsLike = Mapping[SliceId, Mapping[str, Value]]
Stamps = Mapping[str, object]
K = TypeVar("K")  # an id in any form

COLUMNS = (
    Column("slice_id", "id", "Two-digit slice identifier; the key.", is_required=True),
    Column("use", "boolean", "Whether to include this slice.", is_required=True),
    Column("quality_score", "score", "Weighted quality score from 0 to 1."),
    Column("galvo_confidence", "score", "Confidence that the galvo return is misplaced, 0 to 1."),
    Column("galvo_fix", "boolean", "Whether the galvo shift is applied when the mosaic is made."),
    Column("rehomed", "boolean", "The transition to this slice was corrected."),
    Column("rehoming_reliable", "optional_boolean", "The corrected shift can be trusted."),
    Column("auto_excluded", "boolean", "The slice is in a cluster of noisy registrations."),
    Column("auto_exclude_reason", "text", "Why it was excluded automatically."),
    Column("interpolated", "boolean", "The slot is filled from the two neighbours."),
    Column("interpolation_failed", "boolean", "Interpolation refused; the slot stays a gap."),
    Column("interpolation_method_used", "text", "Method that filled the slot."),
    Column("interpolation_fallback_reason", "text", "Why interpolation refused."),
    Column("notes", "text", "Free text; stages append with '; '."),
)
CANONICAL_COLUMNS = tuple(column.name for column in COLUMNS)
FRAGMENTS = "slice_z*_manifest.csv"
NOTE_SEPARATOR = "; "
KEY = COLUMNS[0]

_BY_NAME = {column.name: column for column in COLUMNS}
log = logging.getLogger(__name__)


def read(path: str | Path) -> Rows:
    """Return the rows of a record in the order of the file.

    Every row has all canonical columns, missing ones with their default, and behind them the
    extra columns of the file as text.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile, BadValue
        For the first thing that cannot be right; the message names file, line, column and the
        text found. `problems` lists all.
    """
    rows, wrong = parse(path)
    if wrong:
        raise wrong[0].error(Path(path))
    return rows


def read_cells(path: str | Path) -> Rows:
    """Return only the cells that stand in a record: no default for what is missing or empty.

    What a person wrote, ``galvo_fix=false`` too, can be told from what was left open.

    Raises
    ------
    MissingFile, BadFile, BadValue
        As `read`.
    """
    rows = read(path)
    found, _ = table.scan(path, CANONICAL_COLUMNS)
    return {
        key: {
            name: row[name] for name, text in zip(found.columns, cells, strict=True) if text.strip()
        }
        for (key, row), cells in zip(rows.items(), found.records, strict=True)
    }


def problems(path: str | Path) -> list[Problem]:
    """Return everything that is wrong with a record, in the order of lines."""
    return parse(path)[1]


def parse(path: str | Path) -> tuple[Rows, list[Problem]]:
    """Return what can be read of a record and everything that is wrong with it."""
    found, wrong = table.scan(path, CANONICAL_COLUMNS)
    if not found.columns:
        return {}, wrong
    values, bad_cells = columns.parse_table(found, COLUMNS)
    ids = values.get("slice_id", [])
    wrong = sorted([*wrong, *bad_cells, *_duplicates(found, ids)], key=lambda one: one.line)
    if wrong:
        return {}, wrong
    return _rows(ids, values, _ordered(found.columns)), []


def write(path: str | Path, rows: RowsLike) -> None:
    """Write a record whole or not at all: canonical columns first, extra ones behind them.

    The order of rows is kept, booleans are ``true`` and ``false``; the same rows give the same
    bytes. A column that a row lacks is written as its default.

    Raises
    ------
    BadValue
        If a value does not fit its column, a row has no ``use``, or two keys are one id.
    OSError
        Whatever the disk says; what stood at ``path`` still stands, whole.
    """
    atomic.write_bytes(path, to_bytes(rows))


def to_bytes(rows: RowsLike) -> bytes:
    """Return the bytes that `write` writes; raises what it raises for rows that cannot be."""
    ids = [SliceId(key) for key in rows]
    if len(set(ids)) < len(ids):
        raise BadValue("two rows have the same slice id", hint="keep one of them")
    names = _ordered(dict.fromkeys(chain.from_iterable(rows.values())))
    # an id goes without saying, a row without use is refused
    blank = {name: _column(name).default for name in names} | {"use": ""}
    cells = list(chain.from_iterable({**blank, **row}.values() for row in rows.values()))
    texts: dict[str, Sequence[str]] = {KEY.name: ids}  # the first of the names
    for i, name in enumerate(names[1:], start=1):
        texts[name] = _texts(_column(name), ids, cells[i :: len(names)])
    _check_keys(ids, rows)
    return table.to_bytes(texts)


def stamp(rows: RowsLike, slice_id: object, values: Stamps, *, append_notes: bool = False) -> Rows:
    """Return the rows with ``values`` in the row of one slice; other columns are left alone.

    Parameters
    ----------
    rows : mapping
        Left as it is.
    slice_id : str or int
        In any form: 7, "7", "07".
    values : mapping
        Column to value. A column outside the schema becomes an extra column of text.
    append_notes : bool
        Join ``notes`` to the notes that stand there, with "; ", each note once.

    Raises
    ------
    UnknownSlice
        If the record has no such slice.
    BadValue
        If a value does not fit its column.

    Examples
    --------
    >>> rows = {SliceId("03"): {"use": True, "notes": "a"}}
    >>> stamp(rows, 3, {"notes": "b"}, append_notes=True)["03"]["notes"]
    'a; b'
    """
    return stamp_many(rows, {slice_id: values}, append_notes=append_notes)


def stamp_many(rows: RowsLike, updates: Mapping[K, Stamps], *, append_notes: bool = False) -> Rows:
    """Return the rows with several slices stamped; see `stamp`."""
    stamped = _copy(rows)
    for key, values in updates.items():
        slice_id = SliceId(key)
        row = stamped.get(slice_id)
        if row is None:
            raise UnknownSlice(
                f"slice {slice_id} is not in the record",
                hint=f"it holds {', '.join(stamped) or 'no slice'}",
            )
        _update(slice_id, row, values, append_notes=append_notes)
    return stamped


def merge_fragments(rows: RowsLike, source: str | Path | Iterable[str | Path]) -> Rows:
    """Return the rows with the fragments of a fan-out stage stamped into them.

    Parameters
    ----------
    rows : mapping
        Left as it is.
    source : path or iterable of paths
        A folder (every ``slice_z*_manifest.csv`` in it), one file, or files. Their order does
        not matter. Without any fragment the rows come back equal.

    Returns
    -------
    dict
        Notes are joined. A slice that the record lacks gets a row with ``use=false``.

    Raises
    ------
    MissingFile
        If the source does not exist.
    BadFile, BadValue
        If a fragment cannot be right, or two give one cell different values.
    """
    merged = _copy(rows)
    for slice_id, values in sorted(_collect(_fragment_paths(source)).items()):
        notes = sorted(str(note) for note in values.pop("notes", {}))
        stamps: dict[str, object] = {name: next(iter(given)) for name, given in values.items()}
        if slice_id not in merged:
            log.info("slice %s: only a fragment names it; added with use=false", slice_id)
            merged[slice_id] = new_row(slice_id, use=False)
            stamps["use"] = False
        _update(slice_id, merged[slice_id], stamps, append_notes=False)
        for note in notes:
            _update(slice_id, merged[slice_id], {"notes": note}, append_notes=True)
    return merged


def filter_slices_to_use(rows: RowsLike) -> Rows:
    """Return the rows of the slices to work on: ``use`` and not ``auto_excluded``."""
    skipped = force_skip_slices(rows)
    return {key: row for key, row in skipped.items() if row["use"]}


def force_skip_slices(rows: RowsLike) -> Rows:
    """Return the rows with ``use=false`` where the stacker must skip: also where auto-excluded."""
    return {
        key: dict(row) | {"use": bool(row["use"]) and not row.get("auto_excluded", False)}
        for key, row in rows.items()
    }


def new_row(slice_id: object, *, use: bool, notes: str = "") -> Row:
    """Return a row that no stage has stamped yet."""
    row = {column.name: column.default for column in COLUMNS}
    return row | {"slice_id": str(SliceId(slice_id)), "use": use, "notes": notes}


def join_notes(old: str, new: str) -> str:
    """Return ``new`` appended to ``old`` with "; "; what already stands there is not repeated.

    Examples
    --------
    >>> join_notes("a; b", "b; c")
    'a; b; c'
    """
    there = old.split(NOTE_SEPARATOR)
    fresh = [part for part in dict.fromkeys(new.split(NOTE_SEPARATOR)) if part not in there]
    return NOTE_SEPARATOR.join(part for part in (old, *fresh) if part)


def _rows(ids: list[Value], values: dict[str, list[Value]], names: Sequence[str]) -> Rows:
    """Return typed rows; columns that the file lacks hold their default."""
    # A plain str keeps a row out of the garbage collector's sight: half the time of 10⁵ rows.
    values = values | {"slice_id": [str(slice_id) for slice_id in ids]}
    cells = [values.get(name) or [_column(name).default] * len(ids) for name in names]
    rows = map(dict, map(partial(zip, names), zip(*cells, strict=True)))
    return dict(zip(map(SliceId, ids), rows, strict=True))


def _copy(rows: RowsLike) -> Rows:
    return {key: dict(row) for key, row in rows.items()}


def _update(slice_id: SliceId, row: Row, values: Stamps, *, append_notes: bool) -> None:
    """Put checked values into a row of our own copy."""
    for name, value in values.items():
        checked = _check_cell(slice_id, name, value)
        if name == "notes" and append_notes:
            checked = join_notes(str(row.get("notes", "")), str(checked))
        row[name] = checked


def _check_cell(slice_id: SliceId, name: str, value: object) -> Value:
    try:
        checked = columns.check(_column(name), value)
    except BadValue as error:
        found = table.quote(str(value))
        raise BadValue(
            f"slice {slice_id}: {name}={found} {error.message}", hint=error.hint
        ) from error
    if name == "slice_id" and checked != slice_id:
        raise BadValue(
            f"slice {slice_id}: slice_id={value!r} is another slice", hint="an id never changes"
        )
    return checked


def _column(name: str) -> Column:
    """Return the column of a name; an extra column holds text."""
    column = _BY_NAME.get(name)
    if column is not None:
        return column
    if not name.strip() or name != name.strip() or name.casefold() in _BY_NAME:
        raise BadValue(
            f"{name!r} cannot be a column", hint="write the name without blanks, in lower case"
        )
    return Column(name, "text", "")


def _texts(column: Column, ids: list[SliceId], values: Sequence[Value]) -> list[str]:
    """Return the cells of a column; where one is refused, the error names its slice."""
    with contextlib.suppress(BadValue):
        return columns.format_column(column, values)
    # again, cell by cell: the first one that is refused names its slice
    cells = zip(ids, values, strict=True)
    return [str(_check_cell(slice_id, column.name, value)) for slice_id, value in cells]


def _check_keys(ids: list[SliceId], rows: RowsLike) -> None:
    for slice_id, row in zip(ids, rows.values(), strict=True):
        if row.get("slice_id", slice_id) != slice_id:
            _check_cell(slice_id, "slice_id", row["slice_id"])


def _ordered(names: Iterable[str]) -> tuple[str, ...]:
    return CANONICAL_COLUMNS + tuple(name for name in names if name not in _BY_NAME)


def _duplicates(found: Table, ids: list[Value]) -> list[Problem]:
    if len(set(ids)) == len(ids):
        return []
    first: dict[Value, int] = {}
    wrong = []
    position = found.columns.index("slice_id")
    for slice_id, line, cells in zip(ids, found.lines, found.records, strict=False):
        earlier = first.setdefault(slice_id, line)
        if earlier != line and slice_id:
            what = f"is slice {slice_id}, which already stands on line {earlier}"
            hint = "keep one of the two rows"
            wrong.append(Problem(line, "slice_id", cells[position], what, hint))
    return wrong


def _fragment_paths(source: str | Path | Iterable[str | Path]) -> list[Path]:
    if not isinstance(source, str | Path):
        return [Path(path) for path in source]
    source = Path(source)
    if source.is_dir():
        return sorted(source.glob(FRAGMENTS))
    if not source.exists():
        raise MissingFile(f"{source} does not exist", hint="give the folder of the fragments")
    return [source]


def _collect(paths: Iterable[Path]) -> dict[SliceId, dict[str, dict[Value, Path]]]:
    """Return slice → column → value → the file that gives it; only notes may have several."""
    given: dict[SliceId, dict[str, dict[Value, Path]]] = {}
    for path in paths:
        for slice_id, values in _read_fragment(path).items():
            cells = given.setdefault(slice_id, {})
            for name, value in values.items():
                known = cells.setdefault(name, {})
                if known and name != "notes" and value not in known:
                    other, where = next(iter(known.items()))
                    raise BadFile(
                        f"{path}: slice {slice_id} has {name}={columns.as_text(value)!r}, "
                        f"but {where} says {columns.as_text(other)!r}",
                        hint="one stage stamps a column once; remove the fragment that is stale",
                    )
                known.setdefault(value, path)
    return given


def _read_fragment(path: Path) -> Rows:
    """Return the rows of a fragment with only the columns that it has."""
    found, wrong = table.scan(path, CANONICAL_COLUMNS)
    schema = [KEY, *(column for column in COLUMNS[1:] if column.name in found.columns)]
    values, bad_cells = columns.parse_table(found, schema) if found.columns else ({}, [])
    ids = values.pop("slice_id", [])
    wrong = sorted([*wrong, *bad_cells, *_duplicates(found, ids)], key=lambda one: one.line)
    if wrong:
        raise wrong[0].error(path)
    return {
        SliceId(slice_id): dict(zip(values, row, strict=True))
        for slice_id, *row in zip(ids, *values.values(), strict=True)
    }
