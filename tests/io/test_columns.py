"""What a cell means, without a file."""

import re
from pathlib import Path

import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue
from linumpy.io import columns
from linumpy.io.columns import Column
from linumpy.io.table import Problem, Table

X = Column("x", "number", "")
SCORE = Column("s", "score", "")


def test_text_is_kept_character_for_character():
    "Blanks included."
    assert columns.parse(Column("notes", "text", ""), " a ") == " a "


@pytest.mark.parametrize(
    ("score", "text"),
    [
        (0.0, "0.000"),
        (1.0, "1.000"),
        (0.1 + 0.2, "0.30000000000000004"),
        (5e-5, "0.00005"),
        (1e-7, "0.0000001"),
    ],
)
def test_a_score_is_short_and_reads_back(score, text):
    "Three decimals at least, never in scientific form."
    assert columns.format_score(score) == text
    assert float(text) == score


def test_a_required_cell_may_not_be_empty():
    "The message says what is needed."
    with pytest.raises(BadValue, match="is empty, a number is needed"):
        columns.parse(Column("x_shift", "number", "", is_required=True), " ")


def exactly(message, hint):
    return f"^{re.escape(f'{message}; {hint}')}$"


BOOLEANS = "is not a boolean (true, 1, yes, false, 0, no)"


@pytest.mark.parametrize(
    ("kind", "text", "says", "hint"),
    [
        ("boolean", "x", BOOLEANS, "write true or false"),
        ("optional_boolean", "x", BOOLEANS, "write true or false"),
        ("score", "x", "is not a number from 0 to 1", "write it as in 0.812"),
        ("score", "1.5", "is outside 0 to 1", "write it as in 0.812"),
        ("number", "x", "is not a number", "write it as in 0.25"),
        ("number", "1e999", "is not a finite number", "write it as in 0.25"),
        ("id", "x", "is not a slice id (a whole number from 0 up)", "write it as in 07 or 100"),
    ],
)
def test_a_text_that_is_refused_says_what_is_allowed(kind, text, says, hint):
    "And what to write."
    with pytest.raises(BadValue, match=exactly(says, hint)):
        columns.parse(Column("c", kind, ""), text)


@pytest.mark.parametrize(
    ("column", "value", "says", "hint"),
    [
        (X, True, "is not a number", "write it as in 0.25"),
        (X, [], "is not a number", "write it as in 0.25"),
        (X, np.inf, "is not a finite number", "write it as in 0.25"),
        (X, "", "is empty, a number is needed", "write it as in 0.25"),
        (X, None, "is not a number", "write it as in 0.25"),
        (SCORE, True, "is not a number", "write it as in 0.812"),
        (SCORE, 1.5, "is outside 0 to 1", "write it as in 0.812"),
        (Column("b", "boolean", ""), None, BOOLEANS, "write true or false"),
        (Column("b", "boolean", ""), "", "is empty, a boolean is needed", "write true or false"),
        (Column("i", "id", ""), "", "is empty, a slice id is needed", "write it as in 07 or 100"),
    ],
)
def test_a_value_that_is_refused_says_what_is_allowed(column, value, says, hint):
    "As a text is."
    needed = Column(column.name, column.kind, "", is_required=True)
    with pytest.raises(BadValue, match=exactly(says, hint)):
        columns.check(needed, value)


@pytest.mark.parametrize(
    ("text", "number"), [("-1.5e3", -1500.0), (" +2 ", 2.0), ("1e3", 1000.0), ("-.5", -0.5)]
)
def test_a_number_may_have_any_sign_and_size(text, number):
    "Unlike a score."
    assert columns.parse(X, text) == columns.check(X, number) == number


@pytest.mark.parametrize("zero", ["-0", "-0.0"])
@pytest.mark.parametrize("column", [X, SCORE])
def test_there_is_one_zero(column, zero):
    "Else two files of equal rows would differ."
    assert str(columns.parse(column, zero)) == str(columns.check(column, -0.0)) == "0.0"


@pytest.mark.parametrize(
    ("column", "given", "kept"),
    [
        (SCORE, np.float32(0.25), 0.25), (SCORE, np.int64(1), 1.0), (X, np.float64(-2), -2.0),
        (SCORE, "0.5", 0.5), (X, None, None), (Column("t", "text", ""), np.int64(3), "3"),
        (Column("b", "boolean", ""), np.bool_(True), True), (Column("t", "text", ""), None, ""),
        (Column("i", "id", ""), 7, "07"), (Column("t", "text", ""), np.bool_(True), "true"),
    ],
)  # fmt: skip
def test_a_value_is_kept_as_the_plain_type(column, given, kept):
    "NumPy scalars are unpacked."
    found = columns.check(column, given)
    assert (found, type(found)) == (kept, type(kept))


@pytest.mark.parametrize(
    ("kind", "values", "texts"),
    [
        ("boolean", [True, False], ["true", "false"]),
        ("boolean", [1, True, 0, "no"], ["true", "true", "false", "false"]),
        ("optional_boolean", [None, True], ["", "true"]),
        ("score", [1, True and 1.0, None, "0.5"], ["1.000", "1.000", "", "0.500"]),
        ("number", [1, 2.5, None], ["1.0", "2.5", ""]),
        ("text", ["a", None, 3], ["a", "", "3"]),
        ("id", [SliceId(7), "8", 9], ["07", "08", "09"]),
    ],
)
def test_a_whole_column_is_written_as_its_cells(kind, values, texts):
    "Values of mixed types too; 1, 1.0 and True stay apart."
    column = Column("c", kind, "")
    assert columns.format_column(column, values) == texts
    assert [columns.format_value(column, value) for value in values] == texts


def table_of(*cells, decimal=".", names=("c",)):
    rows = list(zip(*[iter(cells)] * len(names), strict=True))
    return Table(Path("t.csv"), names, rows, list(range(5, 5 + len(rows))), decimal, 4)


@pytest.mark.parametrize(
    ("kind", "default", "good", "value"),
    [
        ("boolean", False, "yes", True), ("optional_boolean", None, "no", False),
        ("score", None, "0.5", 0.5), ("number", None, "-3", -3.0), ("id", "", "7", "07"),
    ],
)  # fmt: skip
def test_a_cell_that_is_refused_reads_as_the_default(kind, default, good, value):
    "Each such line is a problem; the other cells are read."
    column = Column("c", kind, "")
    values, problems = columns.parse_column(column, ["?", good, "?"], table_of("?", good, "?"))
    assert values == [default, value, default]
    assert [(one.line, one.column, one.found, one.kind) for one in problems] == [
        (5, "c", "?", BadValue),
        (7, "c", "?", BadValue),
    ]
    assert problems[0].hint == problems[1].hint != ""
    assert columns.parse_column(column, [good], table_of(good)) == ([value], [])


def test_a_decimal_comma_is_read_in_numbers_of_semicolon_files_only():
    "An id or a text keeps its comma."
    found = table_of("0,5", "a,b", decimal=",", names=("s", "t"))
    assert columns.parse_table(found, [SCORE]) == ({"s": [0.5], "t": ["a,b"]}, [])
    _, wrong = columns.parse_table(
        table_of("7,0", decimal=",", names=("i",)), [Column("i", "id", "")]
    )
    assert [one.found for one in wrong] == ["7,0"]
    _, wrong = columns.parse_table(table_of("0,5", names=("s",)), [SCORE])
    assert [one.found for one in wrong] == ["0,5"]


def test_a_column_that_is_needed_and_missing_is_a_problem_of_the_header():
    "One that is not needed is no problem."
    found = table_of("a", "b", names=("t", "u"))
    assert columns.parse_table(found, [SCORE, Column("k", "id", "", is_required=True)]) == (
        {"t": ["a"], "u": ["b"]},
        [
            Problem(
                4, "", "t, u", "there is no column 'k'; the header names 't, u'",
                "add a column k", BadFile,
            )
        ],
    )  # fmt: skip
