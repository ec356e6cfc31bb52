"""shifts_xy.csv: read as it is found in the field, written one way."""

import pytest
from hypothesis import given

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, InputError, MissingFile
from linumpy.io import shifts
from tests.strategies import chains, law

HEAD = "fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm"
PAGE = f"{HEAD}\n0,1,10,5,0.01,0.005\n1,2,8,3,0.008,0.003\n2,3,12,7,0.012,0.007\n"


def read_text(tmp_path, text):
    path = tmp_path / "shifts_xy.csv"
    path.write_text(text)
    return shifts.read(path)


def test_the_pages_file(tmp_path):
    "Six columns, no reliable: not said."
    found = read_text(tmp_path, PAGE)
    assert found[1] == Shift(SliceId(1), SliceId(2), 8.0, 3.0, 0.008, 0.003, None)
    assert len(found) == 3


def test_what_older_tools_wrote_is_read(tmp_path):
    "Float ids, float flags, other columns, any order of columns, ids with holes."
    found = read_text(
        tmp_path,
        "reliable,comment," + HEAD + "\n1.0,x,0.0,2.0,10,5,0.01,5e-3\n0,,2,105,1,1,-.5,1.\n"
        ",,105,106,1,1,1,1\ntrue,,106,107,1,1,1,1\n",
    )
    assert [(shift.fixed, shift.moving) for shift in found][:2] == [("00", "02"), ("02", "105")]
    assert [shift.reliable for shift in found] == [True, False, None, True]
    assert (found[0].y_mm, found[1].x_mm) == (0.005, -0.5)


def test_written_with_its_seventh_column(tmp_path):
    "Ids as whole numbers, numbers as short as they are exact."
    shifts.write(
        tmp_path / "s.csv", [Shift(SliceId(2), SliceId(105), 10.0, -0.1, 0.25, 0.0, False)]
    )
    assert (tmp_path / "s.csv").read_text() == f"{HEAD},reliable\n2,105,10,-0.1,0.25,0,0\n"


@law
@given(chains())
def test_round_trip(tmp_path_factory, drawn):
    "read(write(shifts)) = shifts."
    path = tmp_path_factory.getbasetemp() / "shifts_round_trip.csv"
    shifts.write(path, drawn)
    assert shifts.read(path) == drawn


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the file is empty"),
        ("fixed_id,moving_id\n0,1\n", "line 1: there is no column 'x_shift'"),
        (f"{HEAD}\n0,x,1,1,1,1\n", "line 2: moving_id='x' is not a slice id"),
        (f"{HEAD}\n0,1,1,1,nan,1\n", "line 2: x_shift_mm='nan' is not a number"),
        (f"{HEAD}\n0,1,1,1,1e999,1\n", "line 2: x_shift_mm='1e999' is not a finite number"),
        (f"{HEAD}\n0,1,1,1,,1\n", "line 2: x_shift_mm='' is empty, a number is needed"),
        (f"{HEAD}\n1,0,1,1,1,1\n", "line 2: moving_id='00' does not follow fixed_id 01"),
        (f"{HEAD}\n1,1,1,1,1,1\n", "line 2: moving_id='01' does not follow fixed_id 01"),
        (f"{HEAD}\n0,1,1,1,1,1\n0,1,2,2,2,2\n", "line 3: moving_id='01' already has a shift"),
        (f"{HEAD}\n0,1,1,1,1\n", "line 2: 5 cells where the header names 6 columns"),
        (f"{HEAD},reliable\n0,1,1,1,1,1,2\n", "line 2: reliable='2' is not a boolean"),
    ],
)
def test_a_file_that_cannot_be_right_is_refused(tmp_path, text, says):
    "File, line, column, what was found."
    with pytest.raises(InputError, match=rf"shifts_xy.csv .*{says}"):
        read_text(tmp_path, text)


def test_missing_file_and_numbers_that_are_none(tmp_path):
    "A NaN never reaches a file."
    with pytest.raises(MissingFile, match=r"gone\.csv does not exist"):
        shifts.read(tmp_path / "gone.csv")
    bad = Shift(SliceId(0), SliceId(1), float("nan"), 0.0, 0.0, 0.0)
    with pytest.raises(BadValue, match="not a finite number"):
        shifts.write(tmp_path / "s.csv", [bad])
    assert not (tmp_path / "s.csv").exists()


def test_a_file_without_transitions(tmp_path):
    "An acquisition of one slice has none."
    assert read_text(tmp_path, HEAD + "\n") == ()
    with pytest.raises(BadFile, match="is a folder"):
        shifts.read(tmp_path)
