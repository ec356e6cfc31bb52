"""Which way tiles lie: eight names, one array and its indices."""

from typing import get_args

import numpy as np
import pytest

from linumpy.cli import fields
from linumpy.core import tile_orientation as lie
from linumpy.errors import BadValue

RAW = np.arange(2 * 4 * 3, dtype=np.float32).reshape(2, 4, 3)  # depth, A-line, B-scan


def test_the_command_line_knows_the_same_eight():
    "cli may not import core, so the names stand twice."
    assert get_args(get_args(fields.TileOrientation)[0]) == lie.ALL
    assert len(set(lie.ALL)) == 8


def test_standard_and_legacy():
    "Domain facts 1.5: out[d, i, j] = in[d, N1 - 1 - j, N2 - 1 - i]."
    zyx, turned = lie.to_zyx(RAW), lie.to_zyx(RAW, lie.LEGACY)
    assert zyx.shape == (2, 3, 4)
    assert turned.shape == (2, 4, 3)
    assert zyx[1, 2, 3] == RAW[1, 3, 2]
    for i in range(4):
        for j in range(3):
            np.testing.assert_array_equal(turned[:, i, j], zyx[:, 3 - 1 - j, 4 - 1 - i])


@pytest.mark.parametrize("orientation", lie.ALL)
def test_a_name_says_where_lines_advance(orientation):
    "The first word is the A-lines' direction, the second that of the B-scans."
    step = {"right": (0, 1), "left": (0, -1), "down": (1, 0), "up": (-1, 0)}
    shape = lie.to_zyx(RAW, orientation).shape[1:]
    here = lie.from_raw(orientation, 1, 1, shape)
    for word, (a, b) in zip(orientation.split("_"), [(2, 1), (1, 2)], strict=True):
        there = lie.from_raw(orientation, a, b, shape)
        assert (there[0] - here[0], there[1] - here[1]) == step[word]


@pytest.mark.parametrize("orientation", lie.ALL)
def test_indices_follow_the_pixels(orientation):
    "Every pixel is found again, both ways."
    turned = lie.to_zyx(RAW, orientation)
    shape = turned.shape[1:]
    for a, b in np.ndindex(4, 3):
        row, column = lie.from_raw(orientation, a, b, shape)
        np.testing.assert_array_equal(turned[:, row, column], RAW[:, a, b])
        assert lie.to_raw(orientation, row, column, shape) == (a, b)


@pytest.mark.parametrize("orientation", lie.ALL)
@pytest.mark.parametrize("axis", ["x", "y"])
def test_mirrored(orientation, axis):
    "Along x the columns are reversed, along y the rows."
    flipped = lie.to_zyx(RAW, orientation)[:, :, ::-1]
    if axis == "y":
        flipped = lie.to_zyx(RAW, orientation)[:, ::-1]
    np.testing.assert_array_equal(lie.to_zyx(RAW, lie.mirrored(orientation, axis)), flipped)


def test_legacy_is_short_for_one():
    "Both may be given where they agree."
    assert lie.choose("left_up", is_legacy=False) == "left_up"
    assert lie.choose("right_down", is_legacy=True) == "up_left"
    assert lie.choose("up_left", is_legacy=True) == "up_left"
    with pytest.raises(BadValue, match="up_left; left_up was given as well"):
        lie.choose("left_up", is_legacy=True)
