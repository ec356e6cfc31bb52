"""What a cell of a record means: ids, booleans, scores, numbers, text; parsing and formatting.

A `Column` says which of them it holds. Errors raised here name no file: the caller adds the place.
"""

import contextlib
import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from typing import Literal, TypeVar

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue
from linumpy.io.table import Problem, Table, quote

Value = bool | float | None | str
K = TypeVar("K")
T = TypeVar("T")
Kind = Literal["id", "boolean", "optional_boolean", "score", "number", "text"]

TRUE, FALSE = ("true", "1", "yes"), ("false", "0", "no")
SCORE_DECIMALS = 3  # at least; more where the score needs them to read back equal
_BOOLEANS = dict.fromkeys(TRUE, True) | dict.fromkeys(FALSE, False)
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_ALLOWED_BOOLEANS = f"({', '.join(TRUE)}, {', '.join(FALSE)})"


@dataclass(frozen=True, slots=True)
class Column:
    """One column: its name, what its cells hold, what it means.

    A required column must be in the file and have no empty cell.
    """

    name: str
    kind: Kind
    description: str
    is_required: bool = False

    @property
    def default(self) -> Value:
        """The value of a cell that is missing."""
        return _DEFAULTS[self.kind]


def parse(column: Column, text: str) -> Value:
    """Return the value of a cell.

    Raises
    ------
    BadValue
        If the text is not allowed; the message says what is, the hint what to write.
    """
    if column.kind == "text":
        return text
    text = text.strip()
    if not text:
        if column.is_required:
            raise BadValue(f"is empty, {_NEEDS[column.kind]} is needed", hint=_WRITE[column.kind])
        return column.default
    return _PARSERS[column.kind](text)


def check(column: Column, value: object) -> Value:
    """Return a value as the column holds it; text is parsed, a NumPy scalar unpacked.

    Raises
    ------
    BadValue
        If the column cannot hold it.
    """
    if type(value) not in _PLAIN:
        item = getattr(value, "item", None)
        value = item() if callable(item) else value
    if column.kind == "text":
        return as_text(value)
    if column.kind in ("boolean", "optional_boolean"):
        return _check_boolean(column, value)
    if column.kind == "id":
        return str(parse(column, str(value)))
    if isinstance(value, str):
        return parse(column, value)
    return _check_number(column, value)


def format_value(column: Column, value: object) -> str:
    """Return the text of a value in a file; see `check` for what is refused."""
    checked = check(column, value)
    if column.kind == "score" and isinstance(checked, float):
        return format_score(checked)
    return as_text(checked)


def format_column(column: Column, values: Sequence[object]) -> list[str]:
    """Return the texts of a whole column; each distinct value is formatted once."""
    if not set(map(type, values)) <= _EXACT[column.kind]:
        values = [check(column, value) for value in values]  # 1, 1.0 and True are one dict key
    if column.kind == "text":
        return list(map(str, values))
    texts = {value: format_value(column, value) for value in dict.fromkeys(values)}
    return _looked_up(texts, values)


def format_score(score: float) -> str:
    """Return the shortest decimal text that reads back equal, with three decimals at least.

    Examples
    --------
    >>> format_score(0.0), format_score(0.812), format_score(0.123456), format_score(1e-05)
    ('0.000', '0.812', '0.123456', '0.00001')
    """
    text = repr(score)
    if "e" in text:
        text = format(Decimal(text), "f")
    return text.ljust(len("0.") + SCORE_DECIMALS, "0")


def as_text(value: object) -> str:
    """Return any plain value as a cell: booleans in lower case, nothing as the empty text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else str(value)


def parse_column(
    column: Column, cells: Sequence[str], table: Table
) -> tuple[list[Value], list[Problem]]:
    """Return the values of a whole column, and where they are not allowed.

    ``cells[i]`` stands on ``table.lines[i]``. A value that is refused reads as the default.
    """
    if column.kind == "text":
        return list(cells), []
    if column.kind == "id":  # each is another text: without the dict below
        with contextlib.suppress(ValueError):
            return list(map(SliceId, cells)), []
    has_comma = table.decimal == "," and column.kind in _NUMBERS
    good: dict[str, Value] = {}
    refused: dict[str, BadValue] = {}
    for text in set(cells):
        try:
            good[text] = parse(column, text.replace(",", ".") if has_comma else text)
        except BadValue as error:
            good[text] = column.default
            refused[text] = error
    problems = [
        Problem(line, column.name, text, refused[text].message, refused[text].hint, BadValue)
        for line, text in zip(table.lines, cells, strict=True)
        if text in refused
    ]
    return _looked_up(good, cells), problems


def parse_table(
    table: Table, schema: Sequence[Column]
) -> tuple[dict[str, list[Value]], list[Problem]]:
    """Return the values of every column that the table has, and the problems of its cells.

    Columns outside the schema are text. A required column that is missing is a problem.
    """
    by_name = {column.name: column for column in schema}
    cells = list(chain.from_iterable(table.records))
    n_columns = len(table.columns)
    values: dict[str, list[Value]] = {}
    problems = []
    for i, name in enumerate(table.columns):
        column = by_name.get(name) or Column(name, "text", "")
        values[name], wrong = parse_column(column, cells[i::n_columns], table)
        problems += wrong
    for column in schema:
        if column.is_required and column.name not in table.columns:
            found = ", ".join(table.columns)
            what = f"there is no column {column.name!r}; the header names {quote(found)}"
            hint = f"add a column {column.name}"
            problems.append(Problem(table.header_line, "", found, what, hint, BadFile))
    return values, problems


def _looked_up(known: Mapping[K, T], keys: Sequence[K]) -> list[T]:
    """Return the value of every key; most columns hold one value in all rows."""
    if len(known) == 1:
        return [*known.values()] * len(keys)
    return list(map(known.__getitem__, keys))


def _parse_boolean(text: str) -> bool:
    try:
        return _BOOLEANS[text.lower()]
    except KeyError:
        raise BadValue(f"is not a boolean {_ALLOWED_BOOLEANS}", hint=_WRITE["boolean"]) from None


def _parse_number(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise BadValue("is not a number", hint=_WRITE["number"])
    return _finite(float(text))


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise BadValue("is not a finite number", hint=_WRITE["number"])
    return value + 0.0  # -0.0 becomes 0.0: one zero, one text


def _parse_score(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise BadValue("is not a number from 0 to 1", hint=_WRITE["score"])
    return _in_range(float(text))


def _in_range(value: float) -> float:
    if not 0.0 <= value <= 1.0:
        raise BadValue("is outside 0 to 1", hint=_WRITE["score"])
    return value + 0.0


def _parse_id(text: str) -> SliceId:
    try:
        return SliceId(text)
    except ValueError as error:  # also a number of more digits than Python converts
        raise BadValue("is not a slice id (a whole number from 0 up)", hint=_WRITE["id"]) from error


def _check_boolean(column: Column, value: object) -> Value:
    if isinstance(value, bool):
        return value
    if value is None:
        if column.kind == "optional_boolean":
            return None
        raise BadValue(f"is not a boolean {_ALLOWED_BOOLEANS}", hint=_WRITE["boolean"])
    return parse(column, str(value))


def _check_number(column: Column, value: object) -> Value:
    if value is None and not column.is_required:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadValue("is not a number", hint=_WRITE[column.kind])
    return (_in_range if column.kind == "score" else _finite)(float(value))


_NUMBERS = ("score", "number")
_PLAIN = frozenset({str, bool, float, int, type(None)})
_EXACT: Mapping[Kind, frozenset[type]] = {
    "id": frozenset({SliceId, str}),
    "boolean": frozenset({bool}),
    "optional_boolean": frozenset({bool, type(None)}),
    "score": frozenset({float, type(None)}),
    "number": frozenset({float, type(None)}),
    "text": frozenset({str}),
}
_DEFAULTS: Mapping[Kind, Value] = {
    "id": "",
    "boolean": False,
    "optional_boolean": None,
    "score": None,
    "number": None,
    "text": "",
}
_NEEDS: Mapping[Kind, str] = {
    "id": "a slice id",
    "boolean": "a boolean",
    "number": "a number",
}
_WRITE: Mapping[Kind, str] = {
    "id": "write it as in 07 or 100",
    "boolean": "write true or false",
    "score": "write it as in 0.812",
    "number": "write it as in 0.25",
}
_PARSERS: Mapping[Kind, Callable[[str], Value]] = {
    "id": _parse_id,
    "boolean": _parse_boolean,
    "optional_boolean": _parse_boolean,
    "score": _parse_score,
    "number": _parse_number,
}
