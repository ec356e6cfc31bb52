"""Slices placed by hand stand in the record; a file that cannot be right is refused."""

import logging

import pytest

from linumpy.cli import runtime
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, UnknownSlice
from linumpy.io import history, manual, slice_config
from linumpy.scripts.linum_note_manual_transforms import COMMAND, Params

HEADER = "slice_id,dx_um,dy_um,rotation_deg,note\n"


def note(folder, text):
    "Write the file, run the command on a record of slices 00 to 04, 01 left out."
    rows = {SliceId(n): slice_config.new_row(n, use=n != 1) for n in range(5)}
    slice_config.write(folder / "in.csv", rows)
    (folder / "by_hand.csv").write_text(text, encoding="utf-8")
    params = Params(
        manual_transforms=folder / "by_hand.csv",
        slice_config_in=folder / "in.csv",
        slice_config_out=folder / "out" / "slice_config.csv",
    )
    COMMAND.run(params, runtime.make_job(COMMAND, params))
    return slice_config.read(params.slice_config_out)


def test_the_note_says_numbers_and_why(tmp_path):
    "In notes and history, on these slices alone; the file is kept as it was read."
    rows = note(tmp_path, f"{HEADER}3,60,-20,1.5,by eye; the midline\n04,0,0,0,\n")
    assert rows["03"]["notes"] == (
        "manual_transform (dx 60 µm, dy -20 µm, 1.5°): by eye, the midline"
    )
    assert rows["04"]["notes"] == "manual_transform (dx 0 µm, dy 0 µm, 0°)"
    assert not any(rows[key]["notes"] for key in ("00", "01", "02"))
    changes = [c for c in history.read(tmp_path / "out" / "slice_config.csv") if c.slice == "03"]
    assert (changes[-1].command, changes[-1].column) == (COMMAND.name, "notes")
    kept = manual.read(tmp_path / "out" / "manual_transforms.csv")
    assert kept == manual.read(tmp_path / "by_hand.csv")


def test_rows_that_move_nothing_are_said(tmp_path, caplog):
    "The first slice has none before it, 01 is left out."
    caplog.set_level(logging.WARNING)
    note(tmp_path, f"{HEADER}00,1,0,0,\n01,1,0,0,\n")
    assert "z00 is the first slice" in caplog.text
    assert "z01 is not used" in caplog.text


def test_a_slice_that_is_not_in_the_run(tmp_path):
    with pytest.raises(UnknownSlice, match=r"by_hand\.csv: slice_id 07, 09: no such slice") as told:
        note(tmp_path, f"{HEADER}03,1,0,0,\n7,1,0,0,\n09,1,0,0,\n")
    assert "00, 01, 02, 03, 04" in told.value.hint


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("03,x,0,0,\n", r"by_hand\.csv line 2.*dx_um.*'x'.*number"),
        ("03,1,0,,\n", r"line 2.*rotation_deg"),
        ("03,1,inf,0,\n", r"line 2.*dy_um.*inf"),
        ("-3,1,0,0,\n", r"line 2.*slice_id"),
        ("03,1,0,0,\n04,1,0\n", r"line 3"),
        ("03,1,0,0,\n3.0,1,0,0,\n", r"line 3.*slice_id.*03.*already"),
    ],
)
def test_a_cell_that_cannot_be_right_is_named(tmp_path, text, words):
    "File, line, column, what stands there."
    with pytest.raises((BadFile, BadValue), match=words):
        note(tmp_path, HEADER + text)


@pytest.mark.parametrize(
    ("text", "words"),
    [("", "empty"), ("slice_id,dx_um,dy_um,note\n", "rotation_deg"), ("a,b\n1,2\n", "slice_id")],
)
def test_a_table_that_is_none_of_ours_is_named(tmp_path, text, words):
    with pytest.raises(BadFile, match=rf"by_hand\.csv.*{words}"):
        note(tmp_path, text)
