"""Every file is read right or refused with its place; nothing is silently false or dropped."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.errors import BadFile, BadValue, InputError, MissingFile
from linumpy.io import slice_config
from tests.io.hostile import CASES
from tests.strategies import law, rows


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_hostile_file_is_read_right_or_refused(case, tmp_path):
    "Each case of the table in the docs meets its verdict."
    path = tmp_path / "slice_config.csv"
    path.write_bytes(case.content)
    if not case.says:
        found = slice_config.read(path)
        if case.cell:
            key, column, value = case.cell
            assert found[key][column] == value
        slice_config.write(path, found)
        assert slice_config.read(path) == found
        return
    with pytest.raises(InputError) as caught:
        slice_config.read(path)
    assert case.says in str(caught.value)
    assert path.name in str(caught.value)
    assert caught.value.hint
    assert isinstance(caught.value, ValueError)


def test_a_missing_file_and_a_folder_are_named(tmp_path):
    "The path that was asked for stands in the message."
    with pytest.raises(MissingFile, match=r"nowhere.csv does not exist"):
        slice_config.read(tmp_path / "nowhere.csv")
    with pytest.raises(BadFile, match=f"{tmp_path.name} is a folder"):
        slice_config.read(tmp_path)


def test_all_problems_are_found_at_once(tmp_path):
    "validate names every line that is wrong, in order."
    path = tmp_path / "slice_config.csv"
    path.write_text("slice_id,use,quality_score\n00,maybe,2\n00,true,\n01,true\n-3,,0.5\n")
    found = [(one.line, one.column) for one in slice_config.problems(path)]
    assert found == [
        (2, "use"), (2, "quality_score"), (3, "slice_id"), (4, ""), (5, "slice_id"), (5, "use"),
    ]  # fmt: skip


def capitals(raw):
    header = ",".join(slice_config.CANONICAL_COLUMNS).encode()
    return raw.replace(header, header.upper(), 1)


ODDITIES = {
    "bom": lambda raw: b"\xef\xbb\xbf" + raw,
    "blank lines in front": lambda raw: b"\r\n\n" + raw,
    "blank lines behind": lambda raw: raw + b"\n  \n",
    "no newline at the end": lambda raw: raw.removesuffix(b"\n"),
    "header in capitals": capitals,
    "padded header": lambda raw: raw.replace(b"slice_id,", b" slice_id ,", 1),
}


@pytest.mark.parametrize("name", ODDITIES)
@law
@given(drawn=rows())
def test_an_oddity_changes_no_cell(name, drawn, tmp_path_factory):
    "What spreadsheets and editors do to a file is accepted quietly."
    path = tmp_path_factory.getbasetemp() / "odd.csv"
    path.write_bytes(ODDITIES[name](slice_config.to_bytes(drawn)))
    assert slice_config.read(path) == drawn


FAULTS = {
    "unknown boolean": (b"00,true,", b"00,flase,", BadValue, "use='flase'"),
    "empty use": (b"00,true,", b"00,,", BadValue, "use='' is empty"),
    "score too large": (b"00,true,,", b"00,true,1.5,", BadValue, "quality_score='1.5'"),
    "score not a number": (b"00,true,,", b"00,true,good,", BadValue, "quality_score='good'"),
    "score not finite": (b"00,true,,", b"00,true,inf,", BadValue, "quality_score='inf'"),
    "negative id": (b"00,true,", b"-7,true,", BadValue, "slice_id='-7'"),
    "id no number": (b"00,true,", b"a,true,", BadValue, "slice_id='a'"),
    "ragged row": (b"00,true,", b"00,true,,", BadFile, "cells where the header names"),
    "quote": (b"00,true,", b'00,"true"x,', BadFile, "the quotes of the record"),
    "not UTF-8": (b"00,true,", b"00,\xff,", BadFile, "is not UTF-8"),
    "NUL": (b"00,true,", b"00,\0,", BadFile, "NUL byte"),
}


@pytest.mark.parametrize("name", FAULTS)
@law
@given(drawn=rows(), position=st.integers(0, 6))
def test_a_fault_is_refused_wherever_it_stands(name, drawn, position, tmp_path_factory):
    "One bad cell in any record, on any line, is found and its line named."
    good, bad, kind, says = FAULTS[name]
    target = slice_config.new_row(0, use=True)
    others = [row for key, row in drawn.items() if key != "00"]
    keys = [row["slice_id"] for row in others]
    keys.insert(position, "00")
    by_key = {row["slice_id"]: row for row in others} | {"00": target}
    ordered = {slice_config.SliceId(key): by_key[key] for key in keys}
    raw = slice_config.to_bytes(ordered)
    start = raw.index(b"\n00,true,,,false,") + 1 if b"\n00,true,,,false," in raw else -1
    assert start > 0
    broken = raw[:start] + raw[start:].replace(good, bad, 1)
    path = tmp_path_factory.getbasetemp() / "faulty.csv"
    path.write_bytes(broken)
    with pytest.raises(kind) as caught:
        slice_config.read(path)
    assert says in str(caught.value)
    assert f"{path} line " in str(caught.value)


@pytest.mark.parametrize("column", ["use", "notes", "quality_score"])
@law
@given(drawn=rows(min_size=1))
def test_a_duplicate_id_or_column_is_refused(column, drawn, tmp_path_factory):
    "Two rows for one slice, two columns of one name: neither is chosen silently."
    raw = slice_config.to_bytes(drawn)
    path = tmp_path_factory.getbasetemp() / "twice.csv"
    again = next(iter(drawn)) + ",true" + "," * (len(next(iter(drawn.values()))) - 2) + "\n"
    path.write_bytes(raw + again.encode())
    with pytest.raises(BadFile, match="which already stands on line"):
        slice_config.read(path)
    path.write_bytes(raw.replace(b"rehomed,", f"{column},".encode(), 1))
    with pytest.raises(BadFile, match=f"line 1: column '{column}' stands twice"):
        slice_config.read(path)
