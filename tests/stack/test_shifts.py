"""Positions are sums over all transitions, whoever is selected."""

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, BrokenChain, MissingShift
from linumpy.stack.shifts import build_cumulative_shifts
from tests.strategies import chains, law

STEPS = [(10, 5), (8, 3), (12, 7), (5, 2), (9, 4)]
CUMULATED = [(0, 0), (10, 5), (18, 8), (30, 15), (35, 17), (44, 21)]


def chain(steps, ids=None):
    ids = ids or range(len(steps) + 1)
    return tuple(
        Shift(SliceId(fixed), SliceId(moving), 0.0, 0.0, float(x), float(y))
        for fixed, moving, (x, y) in zip(ids, list(ids)[1:], steps, strict=False)
    )


def test_the_pages_example():
    "Excluding slices does not move the others."
    assert build_cumulative_shifts(chain(STEPS), range(6)) == dict(enumerate(CUMULATED))
    assert build_cumulative_shifts(chain(STEPS), [0, 2, 4]) == {
        0: (0, 0), 2: (18, 8), 4: (35, 17),
    }  # fmt: skip


@pytest.mark.parametrize("key", [2, "2", "02", 2.0, np.int64(2), SliceId(2)])
def test_keys_come_back_as_they_are_passed(key):
    "A caller looks its own ids up."
    (found,) = build_cumulative_shifts(chain(STEPS), [key])
    assert found is key


def test_pixels_of_a_resolution():
    "mm divided by mm per pixel."
    assert build_cumulative_shifts(chain([(0.25, -0.5)]), [1], 0.01) == {1: (25.0, -50.0)}
    for bad in (0, -1, float("nan")):
        with pytest.raises(BadValue, match="resolution is"):
            build_cumulative_shifts(chain(STEPS), [1], bad)


class Frame:
    """Columns by name, as a DataFrame has them; ids became floats."""

    def __getitem__(self, name):
        columns = {
            "fixed_id": np.array([0.0, 2.0]),
            "moving_id": np.array([2.0, 105.0]),
            "x_shift_mm": np.array([1.0, 2.0]),
            "y_shift_mm": np.array([0.5, -1.0]),
        }
        return columns[name]


@pytest.mark.parametrize(
    "table", [Frame(), {name: list(Frame()[name]) for name in
                        ("fixed_id", "moving_id", "x_shift_mm", "y_shift_mm")}],
)  # fmt: skip
def test_anything_with_the_columns_will_do(table):
    "A DataFrame works, and pandas is not imported."
    assert build_cumulative_shifts(table, [0, 2, 105]) == {
        0: (0.0, 0.0), 2: (1.0, 0.5), 105: (3.0, -0.5),
    }  # fmt: skip


def test_a_missing_link_is_an_error_that_names_the_pair():
    "A hole in the chain is never taken for no shift."
    holed = chain(STEPS)[:2] + chain(STEPS)[3:]
    with pytest.raises(BrokenChain, match="there is no shift 02 → 03"):
        build_cumulative_shifts(holed, [0])


@pytest.mark.parametrize(
    ("key", "position", "says"),
    [
        (3, (8.0, 4.0), "slice 03 is not in the shifts file; it is placed like slice 02"),
        (9, (18.0, 7.0), "slice 09 .* like slice 05"),
        (0, (0.0, 0.0), "slice 00 .* like the first slice"),
    ],
)
def test_a_slice_without_shifts_warns_and_lies_where_its_predecessor_does(key, position, says):
    "The feature page's warning."
    shifts = chain([(8, 4), (10, 3)], ids=[1, 2, 5])
    with pytest.warns(MissingShift, match=says):
        assert build_cumulative_shifts(shifts, [key]) == {key: position}


def test_contradictions_and_numbers_that_are_none_are_refused():
    "Two answers are none."
    twice = (*chain([(1, 1)]), *chain([(2, 1)]))
    with pytest.raises(BadValue, match="the shift 00 → 01 is both"):
        build_cumulative_shifts(twice, [0])
    with pytest.raises(BadValue, match=r"is \(nan, 1\.0\)"):
        build_cumulative_shifts(chain([(float("nan"), 1)]), [0])


@law
@given(chains(), st.data())
def test_positions_do_not_depend_on_the_selection(drawn, data):
    "Selecting fewer slices, or rows in another order, moves none."
    ids = [drawn[0].fixed, *(shift.moving for shift in drawn)]
    everything = build_cumulative_shifts(drawn, ids)
    some = data.draw(st.lists(st.sampled_from(ids), unique=True))
    shuffled = tuple(data.draw(st.permutations(drawn)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert build_cumulative_shifts(shuffled, some) == {key: everything[key] for key in some}
    for shift in drawn:
        x, y = everything[shift.fixed]
        assert everything[shift.moving] == (x + shift.x_mm, y + shift.y_mm)
