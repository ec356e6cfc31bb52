"""Every slice has one fate, and the fates add up."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core import fate as fates
from linumpy.core.slice_id import SliceId
from linumpy.errors import Defect
from tests.strategies import law, rows


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"use": True}, "measured"),
        ({"use": True, "interpolated": True}, "measured"),
        ({"use": True, "notes": "failed: x: y"}, "measured"),
        ({"use": True, "auto_excluded": True}, "excluded"),
        ({"use": False, "auto_excluded": True}, "excluded"),
        ({"use": False, "interpolated": True, "notes": "failed: x: y"}, "interpolated"),
        ({"use": False, "interpolated": True, "notes": "not_acquired"}, "interpolated"),
        ({"use": False, "notes": "failed: mosaic: truncated"}, "failed"),
        ({"use": False, "notes": "thin; failed: mosaic: truncated"}, "failed"),
        ({"use": False, "notes": "failed: a: b", "interpolation_failed": True}, "failed"),
        ({"use": False, "notes": "it failed: not a mark"}, "excluded"),
        ({"use": False, "notes": "not_acquired"}, "gap"),
        ({"use": False, "notes": "a; not_acquired; b"}, "gap"),
        ({"use": False, "interpolation_failed": True}, "gap"),
        ({"use": False, "notes": "calibration_slice"}, "excluded"),
        ({"use": False, "notes": None}, "excluded"),
    ],
)
def test_the_first_that_holds(row, expected):
    "measured, interpolated, failed, gap, excluded: in this order."
    assert fates.fate(row) == expected


def test_auto_excluded_slices_that_are_stacked_are_measured():
    "--auto_excluded motor_only puts their own voxels into the stack."
    row = {"use": True, "auto_excluded": True}
    assert fates.fate(row, stacks_auto_excluded=True) == "measured"
    assert fates.fate(row | {"use": False}, stacks_auto_excluded=True) == "excluded"


RECORD = {
    SliceId(0): {"use": True},
    SliceId(1): {"use": False, "notes": "not_acquired"},
    SliceId(2): {"use": False},
}


def test_the_sum():
    "Every slice seen or missing between two seen ones is counted once."
    found = fates.check_sum(RECORD, seen=["00", "02"], never_acquired=["01"])
    assert found == {"measured": 1, "interpolated": 0, "failed": 0, "gap": 1, "excluded": 1}


def test_a_slice_that_disappeared_is_named():
    "Lost rows and rows of slices that do not exist are ours to explain."
    with pytest.raises(Defect, match="slices 03, 100 without a row"):
        fates.check_sum(RECORD, seen=["00", "02", "100", "03"], never_acquired=["01"])
    with pytest.raises(Defect, match="slices 01 that no raw tile explains"):
        fates.check_sum(RECORD, seen=["00", "02"], never_acquired=[])


@law
@given(rows(), st.booleans())
def test_fates_add_up(drawn, stacks):
    "Whatever a record says, each slice has exactly one fate."
    found = fates.check_sum(drawn, list(drawn), [], stacks_auto_excluded=stacks)
    assert sum(found.values()) == len(drawn)
    assert tuple(found) == fates.FATES


def test_the_note_of_a_failure_is_one_part():
    "Its own separators cannot be taken for those of the notes."
    note = fates.failure_note("mosaic", "tile 3:\n truncated; copy it")
    assert note == "failed: mosaic: tile 3: truncated, copy it"
    assert fates.fate({"use": False, "notes": f"thin; {note}"}) == "failed"
