"""A slice beside its neighbours: what is missing, and who is the odd one out."""

import numpy as np
import pytest

from linumpy.quality.neighbours import missing_share, oddity, references

WHOLE = np.ones((4, 40, 40), np.float32)


def test_the_missing_part_is_its_share():
    "A third of the tissue gone is a third missing; nothing gone is nothing missing."
    torn = WHOLE.copy()
    torn[:, :, :13] = 0
    assert missing_share(torn, WHOLE, WHOLE) == pytest.approx(13 / 40, abs=0.03)
    assert missing_share(WHOLE, WHOLE, WHOLE) == 0


def test_what_one_neighbour_lacks_too_is_not_missing():
    "Only tissue on both sides is expected."
    torn = WHOLE.copy()
    torn[:, :, :13] = 0
    assert missing_share(torn, torn, WHOLE) == 0
    assert missing_share(torn, 0 * WHOLE, 0 * WHOLE) == 0


def test_a_deep_slab_counts_alone_and_the_shallowest_does_not():
    "A surface that lies deeper is no damage; a hole further down is."
    deeper, hole = WHOLE.copy(), WHOLE.copy()
    deeper[0] = 0
    hole[2] = 0
    assert missing_share(deeper, WHOLE, WHOLE) == pytest.approx(0.25)
    assert missing_share(hole, WHOLE, WHOLE) == 1


def test_the_odd_one_is_the_one_unlike_its_neighbours():
    "Slice 2 agrees with nobody; the others agree among themselves."

    def likeness(i, j):
        return 0.1 if 2 in (i, j) else 0.9

    found = [oddity(i, 5, likeness) for i in range(5)]
    assert found[2] == pytest.approx(0.8)
    assert max(found[:2] + found[3:]) <= 0


def test_a_slice_alone_is_not_odd():
    "One or two slices say nothing."
    assert oddity(0, 1, lambda _i, _j: 0.0) == 0
    assert oddity(0, 2, lambda _i, _j: 0.0) == 0


def test_references_are_the_nearest_on_each_side():
    "Inside one on each side, at an end the two that follow."
    assert list(references(2, 5)) == [1, 3]
    assert list(references(0, 5)) == [1, 2]
    assert list(references(0, 2)) == [1]
