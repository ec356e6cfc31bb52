"""``shifts_xy.csv``: the pairwise displacements between consecutive slices.

One row per transition; how they add up to positions is in `stack.shifts`.
"""

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io import atomic, columns, table
from linumpy.io.columns import Column, Value
from linumpy.io.table import Problem, Table

COLUMNS = (
    Column("fixed_id", "id", "Slice that stays where it is.", is_required=True),
    Column("moving_id", "id", "The next slice that is present.", is_required=True),
    Column("x_shift", "number", "Shift along x, native pixels.", is_required=True),
    Column("y_shift", "number", "Shift along y, native pixels.", is_required=True),
    Column("x_shift_mm", "number", "Shift along x (to larger columns), mm.", is_required=True),
    Column("y_shift_mm", "number", "Shift along y (to larger rows), mm.", is_required=True),
    Column("reliable", "optional_boolean", "1: can be trusted; 0: check; empty: not said."),
)
CANONICAL_COLUMNS = tuple(column.name for column in COLUMNS)
_FLAGS = {"0.0": "0", "1.0": "1"}  # what a table of floats makes of a flag


def read(path: str | Path) -> tuple[Shift, ...]:
    """Return the transitions of a file, in its order.

    Ids may look like floats ("0.0"), ``reliable`` may be absent, further columns are ignored.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile, BadValue
        For the first thing that cannot be right; the message names file, line and column.
    """
    shifts, wrong = parse(path)
    if wrong:
        raise wrong[0].error(Path(path))
    return shifts


def parse(path: str | Path) -> tuple[tuple[Shift, ...], list[Problem]]:
    """Return the transitions, and everything that is wrong with the file instead of them."""
    found, wrong = table.scan(path, CANONICAL_COLUMNS)
    if not found.columns:
        return (), wrong
    found = _with_plain_flags(found)
    values, bad_cells = columns.parse_table(found, COLUMNS)
    wrong = [*wrong, *bad_cells]
    if not wrong:
        shifts = tuple(_shift(values, i) for i in range(len(found.records)))
        wrong = _check_pairs(shifts, found)
    if wrong:
        return (), sorted(wrong, key=lambda one: one.line)
    return shifts, []


def write(path: str | Path, shifts: Iterable[Shift]) -> None:
    """Write the transitions whole or not at all, in their order.

    Raises
    ------
    BadValue
        If a number is not finite.
    OSError
        Whatever the disk says; what stood at ``path`` still stands.
    """
    shifts = tuple(shifts)
    texts = {
        "fixed_id": [str(shift.fixed.number) for shift in shifts],
        "moving_id": [str(shift.moving.number) for shift in shifts],
        "x_shift": [_number(shift.x_px) for shift in shifts],
        "y_shift": [_number(shift.y_px) for shift in shifts],
        "x_shift_mm": [_number(shift.x_mm) for shift in shifts],
        "y_shift_mm": [_number(shift.y_mm) for shift in shifts],
        "reliable": [_flag(shift.reliable) for shift in shifts],
    }
    atomic.write_bytes(path, table.to_bytes(texts))


def _number(value: float) -> str:
    return columns.format_value(COLUMNS[2], value).removesuffix(".0")


def _flag(is_reliable: bool | None) -> str:
    return "" if is_reliable is None else str(int(is_reliable))


def _with_plain_flags(found: Table) -> Table:
    if "reliable" not in found.columns:
        return found
    i = found.columns.index("reliable")
    records = [
        (*cells[:i], _FLAGS.get(cells[i].strip(), cells[i]), *cells[i + 1 :])
        for cells in found.records
    ]
    return dataclasses.replace(found, records=records)


def _shift(values: dict[str, list[Value]], i: int) -> Shift:
    reliable = values["reliable"][i] if "reliable" in values else None
    x_px, y_px, x_mm, y_mm = (float(values[name][i] or 0.0) for name in CANONICAL_COLUMNS[2:6])
    return Shift(
        fixed=SliceId(values["fixed_id"][i]),
        moving=SliceId(values["moving_id"][i]),
        x_px=x_px,
        y_px=y_px,
        x_mm=x_mm,
        y_mm=y_mm,
        reliable=None if reliable is None else bool(reliable),
    )


def _check_pairs(shifts: tuple[Shift, ...], found: Table) -> list[Problem]:
    """Return the transitions that run backwards or whose moving slice has one already."""
    wrong = []
    arrival: dict[SliceId, int] = {}
    for shift, line in zip(shifts, found.lines, strict=True):
        if shift.moving <= shift.fixed:
            what = f"does not follow fixed_id {shift.fixed}"
            hint = "the moving slice is the later one"
            wrong.append(Problem(line, "moving_id", shift.moving, what, hint, BadFile))
        earlier = arrival.setdefault(shift.moving, line)
        if earlier != line:
            what = f"already has a shift on line {earlier}"
            wrong.append(Problem(line, "moving_id", shift.moving, what, "keep one of the rows"))
    return wrong
