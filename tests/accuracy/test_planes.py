"""The comparison itself: planted shifts and depths are found, in noise and behind masks."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, shift

from accuracy.planes import correlation, depth_step, displacement


@pytest.fixture(scope="module")
def anatomy():
    rng = np.random.default_rng(5)
    plane = gaussian_filter(rng.normal(size=(90, 100)), 2.5)
    return (1 + plane / plane.std() * 0.2).astype(np.float32)


@pytest.mark.parametrize("planted", [(0.0, 0.0), (0.3, -0.2), (-2.4, 1.7), (9.0, -6.0)])
def test_a_displacement_is_found(anatomy, planted):
    "Sign: where the content lies, from the anatomy's place; speckle of 80 looks."
    rng = np.random.default_rng(6)
    found = shift(anatomy, planted, order=3, mode="nearest") * rng.gamma(80, 1 / 80, anatomy.shape)
    where = np.zeros(anatomy.shape, bool)
    where[12:-12, 12:-12] = True
    got = displacement(found.astype(np.float32), anatomy, where)
    assert got == pytest.approx(planted, abs=0.1)


def test_a_mask_does_not_pull_towards_zero(anatomy):
    "A hole and a border that stay in place while the content moves."
    where = np.zeros(anatomy.shape, bool)
    where[20:70, 20:75] = True
    where[30:45, 30:50] = False
    found = np.where(where, shift(anatomy, (0.8, 0.6), order=3), 0)
    assert displacement(found, anatomy, where) == pytest.approx((0.8, 0.6), abs=0.03)


def test_what_shows_nothing_has_no_place(anatomy):
    "nan instead of a number that means nothing."
    where = np.ones(anatomy.shape, bool)
    assert np.isnan(correlation(np.zeros_like(anatomy), anatomy, where))
    assert np.isnan(displacement(anatomy, anatomy, where & False)).all()


def test_depth_is_read_between_steps():
    "The part of a step by which planes fit deeper, whatever gain and offset each has."
    rng = np.random.default_rng(7)
    fine = gaussian_filter(rng.normal(size=(9, 40, 40)), (2, 2, 2))
    wanted, slope = fine[3:6], (fine[4:7] - fine[2:5]) / 2
    found = [
        (k + 1) * (w + 0.3 * g) + k for k, (w, g) in enumerate(zip(wanted, slope, strict=True))
    ]
    where = [np.ones((40, 40), bool)] * 3
    assert depth_step(found, list(wanted), list(slope), where) == pytest.approx(0.3, abs=0.02)
    assert np.isnan(depth_step(found, list(wanted * 0), list(slope), where))
