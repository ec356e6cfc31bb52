"""Displacement between two pictures: sign, range, precision, and when it says nothing."""

import numpy as np
import pytest
from scipy import ndimage

from linumpy.mosaic.coarse import agreement_at, displacement, moved


def scene(seed=0, n=140):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    inside = 1 / (1 + np.exp((np.hypot(y, 1.3 * x) - 0.7) * 30))
    field = ndimage.gaussian_filter(rng.normal(size=(n, n)), 3)
    return (inside * (1 + 0.4 * field / field.std()).clip(0.1)).astype(np.float32)


def covered(plane):
    return plane, np.ones(plane.shape, bool)


def window(plane, y, x, n=100):
    return covered(plane[y : y + n, x : x + n].copy())


@pytest.mark.parametrize("shift", [(0, 0), (7, -12), (-20, 15)])
def test_sign_and_size(shift):
    "Content at p in moving lies at p + shift in fixed."
    plane = scene()
    fixed, moving = window(plane, 20, 20), window(plane, 20 + shift[0], 20 + shift[1])
    found = displacement(fixed, moving)
    assert (found.y_px, found.x_px) == pytest.approx(shift, abs=0.1)
    assert found.agreement.broad > 0.99


def test_fractions_of_a_pixel():
    "A shift of (0.3, -0.4) px is found within 0.1 px, under speckle within 0.3 px."
    plane = scene()
    rng = np.random.default_rng(1)
    moving = ndimage.shift(plane, (-0.3, 0.4), order=3).clip(0).astype(np.float32)
    found = displacement(covered(plane), covered(moving))
    assert (found.y_px, found.x_px) == pytest.approx((0.3, -0.4), abs=0.1)
    noisy = [(p * rng.gamma(20, 1 / 20, p.shape)).astype(np.float32) for p in (plane, moving)]
    found = displacement(*map(covered, noisy))
    assert (found.y_px, found.x_px) == pytest.approx((0.3, -0.4), abs=0.3)


def test_large_pictures_and_unlike_shapes():
    "A picture of 300 px, reduced for the search, is placed to the pixel."
    plane = ndimage.zoom(scene(), 2.5, order=1)
    fixed, moving = covered(plane[:, :280]), covered(plane[18:, 31:])
    found = displacement(fixed, moving)
    assert (found.y_px, found.x_px) == pytest.approx((18, 31), abs=0.2)


def test_what_is_not_covered_does_not_count():
    "Bright garbage outside the cover does not pull."
    plane = scene()
    fixed, moving = window(plane, 20, 20), window(plane, 25, 20)
    for picture in (fixed, moving):
        picture[1][:30, :30] = False
        picture[0][:30, :30] = 50
    found = displacement(fixed, moving)
    assert (found.y_px, found.x_px) == pytest.approx((5, 0), abs=0.2)


def test_unlike_pictures_agree_little():
    "Another brain does not reach half of the agreement in detail."
    same = displacement(covered(scene(0)), covered(scene(0)))
    other = displacement(covered(scene(0)), covered(scene(9)))
    assert same.agreement.score > 0.99
    assert other.agreement.detail < 0.3


def test_no_contrast_is_no_displacement():
    "Empty pictures give zero and say that they agree on nothing."
    empty = covered(np.zeros((30, 30), np.float32))
    found = displacement(empty, empty)
    assert (found.y_px, found.x_px, found.agreement.score) == (0, 0, 0)


def test_agreement_at_a_given_place():
    "Full at the true place, less elsewhere, unknown where too little overlaps."
    plane = scene()
    fixed, moving = window(plane, 20, 20), window(plane, 30, 20)
    there = agreement_at(fixed, moving, (10, 0))
    elsewhere = agreement_at(fixed, moving, (-10, 0))
    assert there is not None
    assert elsewhere is not None
    assert there.score > 0.99 > elsewhere.score + 0.2
    assert agreement_at(fixed, moving, (90, 0)) is None


def test_moved_puts_content_at_the_displacement():
    "A dot at (2, 3) moved by (4, 1) stands at (6, 4) of the new canvas."
    dot = np.zeros((8, 8), np.float32)
    dot[2, 3] = 1
    found = moved(dot, (4, 1), (10, 9))
    assert found.shape == (10, 9)
    assert np.argwhere(found).tolist() == [[6, 4]]
