"""An id is a value with one normal form."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId, parse_ids
from linumpy.errors import BadValue
from tests.strategies import law


@pytest.mark.parametrize(
    ("given_form", "normal"),
    [("7", "07"), (7, "07"), ("7.0", "07"), (" 07 ", "07"), (7.0, "07"), ("0", "00"),
     ("100", "100"), ("007", "07"), ("7.", "07")],
)  # fmt: skip
def test_one_normal_form(given_form, normal):
    "Two digits at least."
    assert SliceId(given_form) == normal


@pytest.mark.parametrize("bad", ["", "-1", "z07", "7.5", "1e2", "٣", "²", True, None, "7,0", "0x1"])
def test_what_is_no_id(bad):
    "Negative, fractional, not a number, digits of other scripts."
    with pytest.raises(BadValue, match="is not a slice id"):
        SliceId(bad)


@law
@given(st.lists(st.integers(0, 10**6)))
def test_order_is_numeric(numbers):
    "z100 comes after z20."
    assert [key.number for key in sorted(map(SliceId, numbers))] == sorted(numbers)


def test_comparisons_and_pickling():
    "It survives the way to a worker and back."
    assert SliceId(20) < SliceId(100) <= SliceId(100) >= SliceId(20)
    assert SliceId(100) > SliceId(20)
    again = pickle.loads(pickle.dumps(SliceId(7)))
    assert again == "07"
    assert type(again) is SliceId


@pytest.mark.parametrize(
    ("texts", "ids"),
    [
        (["2", "5"], ["02", "05"]),
        (["02,05"], ["02", "05"]),
        (["03-05,07"], ["03", "04", "05", "07"]),
        (["7", "3 - 4", "98-101", "4"], ["03", "04", "07", "98", "99", "100", "101"]),
        ([2, 5], ["02", "05"]),
        ([""], []),
    ],
)
def test_ids_of_a_flag(texts, ids):
    "Ids, lists and ranges, mixed."
    assert list(parse_ids(texts)) == ids


def test_a_falling_range():
    "The message says how to write it."
    with pytest.raises(BadValue, match="'5-3' is a falling range; write 03-05"):
        parse_ids(["5-3"])
