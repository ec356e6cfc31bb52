"""Cells and bytes, without the meaning of a column."""

import re
from pathlib import Path

import pytest

from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io import table
from linumpy.io.table import Problem


def scanned(tmp_path, content, known=("slice_id", "use")):
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    return table.scan(path, known)


def test_a_problem_says_where_what_and_what_to_do():
    "With the column's name and the text where one cell is meant, without where it is the line."
    cell = Problem(4, "use", "flase", "is not a boolean", "write true or false", BadValue)
    assert cell.message == "line 4: use='flase' is not a boolean"
    error = cell.error(Path("a/r.csv"))
    assert (type(error), str(error)) == (
        BadValue,
        "a/r.csv line 4: use='flase' is not a boolean; write true or false",
    )
    line = Problem(2, "", "x", "2 cells", "give 3")
    assert line.message == "line 2: 2 cells"
    assert type(line.error(Path("r.csv"))) is BadFile


def test_the_parts_of_a_table(tmp_path):
    "Known names in their own case, others as they are; lines count from 1."
    found, problems = scanned(tmp_path, b"\nUSE, Mine ,slice_id\n1,a,7\n\n0,b,8\n")
    assert problems == []
    assert found.path == tmp_path / "t.csv"
    assert found.columns == ("use", "Mine", "slice_id")
    assert found.records == [("1", "a", "7"), ("0", "b", "8")]
    assert (found.header_line, found.lines) == (2, [3, 5])
    assert found.decimal == "."
    assert scanned(tmp_path, b"use;slice_id\n1;7\n")[0].decimal == ","
    assert scanned(tmp_path, b"\nuse;slice_id\n1;7\n")[0].columns == ("use", "slice_id")
    assert scanned(tmp_path, b"use,slice_id\n,7\n")[0].records == [("", "7")]
    assert scanned(tmp_path, b"use;slice_id,x\n")[0].columns == ("use;slice_id", "x")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", Problem(1, "", "", "the file is empty", "its first line names the columns")),
        (
            b"\xff\xfea\x00",
            Problem(1, "", "", "the file is UTF-16, not UTF-8", "save it as 'CSV UTF-8'"),
        ),
        (
            b"\xfe\xff\x00a",
            Problem(1, "", "", "the file is UTF-16, not UTF-8", "save it as 'CSV UTF-8'"),
        ),
        (
            b"\na\nb\n\0\n\0",
            Problem(4, "", "\0", "a NUL byte '\\x00' is not text", "save it as 'CSV UTF-8'"),
        ),
        (
            b"\na\nb\xe9\n\xe9",
            Problem(
                3, "", "b'\\xe9'", "byte 2 is b'\\xe9', which is not UTF-8",
                "save it as 'CSV UTF-8'",
            ),
        ),
        (
            b"\nb\xe9",
            Problem(
                2, "", "b'\\xe9'", "byte 2 is b'\\xe9', which is not UTF-8",
                "save it as 'CSV UTF-8'",
            ),
        ),
        (b"a,\n", Problem(1, "", "", "column 2 has no name", "name it or remove it")),
        (b"a,a\n", Problem(1, "", "a", "column 'a' stands twice", "keep one of them")),
        (
            b"a,b\n1\n",
            Problem(
                2, "", "1", "1 cells where the header names 2 columns: '1'",
                "give every column a cell, and quote a text that holds the separator",
            ),
        ),
        (
            b"a;b\n1;2;3\n",
            Problem(
                2, "", "1;2;3", "3 cells where the header names 2 columns: '1;2;3'",
                "give every column a cell, and quote a text that holds the separator",
            ),
        ),
        (
            b'a\n"b"c\n',
            Problem(
                2, "", "'\"b\"c'",
                "the quotes of the record '\"b\"c' do not match (',' expected after '\"')",
                'write " inside quotes as ""',
            ),
        ),
    ],
)  # fmt: skip
def test_every_fault_of_a_table_in_all_its_parts(tmp_path, content, problem):
    "Line, text, what is wrong and what to do."
    assert scanned(tmp_path, content)[1] == [problem]


def test_a_cell_may_be_as_long_as_the_file(tmp_path):
    "The limit of the csv module is raised, whatever stands there."
    name = "n" * 3 * 10**6
    assert scanned(tmp_path, name.encode())[0].columns == (name,)


def test_what_is_unreadable_leaves_an_empty_table(tmp_path):
    "With the path, so that a caller may name it."
    found, _ = scanned(tmp_path, b"")
    assert found == table.Table(tmp_path / "t.csv", (), [], [], ".", 1)


def test_no_file_and_a_folder_say_what_to_do(tmp_path):
    "The whole message."
    with pytest.raises(MissingFile) as missing:
        table.scan(tmp_path / "t.csv", ())
    assert str(missing.value) == f"{tmp_path / 't.csv'} does not exist; check the path"
    with pytest.raises(BadFile) as folder:
        table.scan(tmp_path, ())
    assert str(folder.value) == f"{tmp_path} is a folder; give a CSV file"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("a", "a"), ("", ""), ("a b", "a b"), ("a,b", '"a,b"'), ('"', '""""'), ("a;b", '"a;b"'),
        ("a\nb", '"a\nb"'), ("a\rb", '"a\rb"'), (" a", '" a"'), ("a ", '"a "'), (" ", '" "'),
        ("\u3000a", '"\u3000a"'), ("=1+1", "=1+1"), ("'", "'"),
    ],
)  # fmt: skip
def test_a_text_has_quotes_where_a_reader_needs_them(text, written):
    "Also where a spreadsheet would strip blanks or split at semicolons; never elsewhere."
    assert table.to_bytes({"k": ["7", "8"], text or "e": [text, "x"]}) == (
        f"k,{written or 'e'}\n7,{written}\n8,x\n".encode()
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a\0b", "a text of the table holds a NUL character; remove it"),
        ("\ud800x", r"a text of the table holds '\ud800', half of a surrogate pair; remove it"),
    ],
)
def test_a_text_that_cannot_be_stored_is_refused(text, says):
    "It would not come back."
    with pytest.raises(BadValue, match=f"^{re.escape(says)}$"):
        table.to_bytes({"k": [text]})


def test_columns_of_unequal_length_are_no_table():
    "A defect of the caller, never a shorter file."
    with pytest.raises(ValueError, match="shorter"):
        table.to_bytes({"a": ["1", "2"], "b": ["1"]})


def test_a_long_text_is_cut_in_messages():
    "60 characters are shown whole; of more, 59 and a sign."
    assert table.quote("x" * 60) == repr("x" * 60)
    assert table.quote("x" * 61) == repr("x" * 59 + "…")
