"""Masked planes and moving them: sense, border, no ringing."""

import numpy as np
import pytest

from linumpy.core.rigid import Rigid2D
from linumpy.registration.planes import MaskedPlane, Motion, move_plane


def dot(y: int, x: int, n: int = 41) -> np.ndarray:
    plane = np.zeros((n, n), np.float32)
    plane[y, x] = 1
    return plane


def test_translation_moves_content():
    "dx = +3 moves content three columns right, dy = −2 two rows up."
    moved = move_plane(dot(20, 10), Motion(0, 3, -2))
    assert np.argwhere(moved).tolist() == [[18, 13]]


def test_rotation_goes_from_x_towards_y():
    "A quarter turn takes what is right of the centre to below it."
    moved = move_plane(dot(20, 30), Motion(90))
    assert np.unravel_index(np.argmax(moved), moved.shape) == (30, 20)


def test_rotation_comes_before_translation():
    "The translation is not turned."
    moved = move_plane(dot(20, 30), Motion(90, 5, 0))
    assert np.unravel_index(np.argmax(moved), moved.shape) == (30, 25)


def test_the_rim_is_not_darkened_and_outside_is_zero():
    "Half-covered pixels keep their brightness; the others are exactly 0."
    plane = np.zeros((40, 40), np.float32)
    plane[10:30, 10:30] = 2
    moved = move_plane(plane, Motion(7, 1.3, 0.4))
    assert set(np.unique(moved.round(4))) == {0.0, 2.0}
    assert abs(int((moved > 0).sum()) - 400) < 20


def test_microns_and_pixels():
    "A motion in µm comes back from pixels."
    rigid = Rigid2D(1.5, 20, -5)
    assert Motion.from_rigid(rigid, 10) == Motion(1.5, 2, -0.5)
    assert Motion.from_rigid(rigid, 10).to_rigid(10) == rigid


def test_standardised_over_the_mask_alone():
    "Background and NaN do not count."
    plane = np.full((8, 8), np.nan, np.float32)
    plane[2:6, 2:6] = np.arange(16).reshape(4, 4) + 1
    plane[7] = 0
    masked = MaskedPlane.of(plane)
    inside = masked.mask > 0
    assert inside.sum() == 16
    assert masked.values[inside].mean() == pytest.approx(0, abs=1e-6)
    assert masked.values[inside].std() == pytest.approx(1, abs=1e-6)
    assert not masked.values[~inside].any()


def test_halving_keeps_the_mean_and_drops_the_rim():
    "A pixel of the half level counts when two of its four do."
    values = np.zeros((3, 4), np.float32)
    values[:, :3] = 2
    half = MaskedPlane(values, (values > 0).astype(np.float32)).halve()
    assert half.values.tolist() == [[2, 2], [2, 0]]
    assert half.mask.tolist() == [[1, 1], [1, 0]]
