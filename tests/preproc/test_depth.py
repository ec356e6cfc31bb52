"""Axial profile and attenuation: what is shared, what is regional, and anatomy left alone."""

import numpy as np
import pytest

from linumpy.preproc.attenuation import (
    MAX_GAIN,
    attenuation_gain,
    residual_slopes,
    smooth_slopes,
)
from linumpy.preproc.axial import MAX_GAIN as MAX_AXIAL_GAIN
from linumpy.preproc.axial import align_to_surface, axial_gain, estimate_axial_profile


def test_planes_are_averages_from_the_surface_down():
    "Plane k is the mean over its own interval, whatever the phase; uncovered planes are NaN."
    profile = np.arange(20, dtype=np.float32)[:, None].repeat(2, axis=1)
    planes = align_to_surface(profile, np.array([3.25, 6.0]), n_planes=6, step_vox=2.5)
    low = np.array([3.25, 6.0]) + 2.5 * np.arange(6)[:, None]
    centre = low + 1.25 - 0.5
    covered = low + 2.5 <= 20
    np.testing.assert_allclose(planes[covered], centre[covered], atol=0.06)
    assert np.isnan(planes[~covered]).all()


def shared_profile(n):
    k = np.arange(n)
    return np.exp(-0.06 * k) / (1 + ((k - 4) / 9) ** 2)


def test_the_shared_profile_is_found_beside_anatomy():
    "Bright and dark cells, some changing with depth: the profile is right within 3 %."
    rng = np.random.default_rng(0)
    n, cells = 20, 500
    slopes = 0.02 * rng.standard_normal(cells)
    planes = np.exp(rng.normal(0, 0.5, cells)) * shared_profile(n)[:, None]
    planes = planes * np.exp(slopes * np.arange(n)[:, None]) * rng.gamma(80, 1 / 80, (n, cells))
    found = estimate_axial_profile(planes, plane_um=10)
    true = shared_profile(n) / shared_profile(n).max()
    np.testing.assert_allclose(found, true, rtol=0.06)


def test_too_few_cells_change_nothing():
    "Five cells are anatomy, not a profile."
    np.testing.assert_array_equal(estimate_axial_profile(np.ones((6, 5)), plane_um=10), 1)


def test_gain_is_bounded():
    "Where almost nothing comes back, noise is not blown up."
    assert axial_gain(np.array([1.0, 0.5, 1e-5])).tolist() == [1, 2, MAX_AXIAL_GAIN]


def region(rng, n=800):
    y, x = rng.uniform(0, 500, (2, n))
    return y, x, 1e-3 * (x - 250) / 250


def test_a_regional_slope_is_found_to_its_border():
    "A slope that changes from side to side comes back, at the border too."
    rng = np.random.default_rng(1)
    y, x, true = region(rng)
    found = smooth_slopes(true + 2e-4 * rng.standard_normal(len(x)), y, x, sigma_px=(80, 80))
    error = found.at_points(y, x) - true
    assert np.sqrt(np.mean(error**2)) < 1e-3 / 3


def test_slopes_without_a_region_are_left():
    "Slopes that scatter from cell to cell are anatomy: the map is a tenth of them at most."
    rng = np.random.default_rng(2)
    y, x, _ = region(rng)
    scattered = 1e-3 * rng.standard_normal(len(x))
    found = smooth_slopes(scattered, y, x, sigma_px=(80, 80))
    assert np.abs(found.at_points(y, x)).max() < 2e-4


def test_slope_of_cells_is_relative_to_the_profile():
    "The planted slope comes back; cells with a dark plane say nothing."
    profile = shared_profile(10)
    planes = profile[:, None] * np.exp(-0.002 * 10 * np.arange(10))[:, None] * np.ones((1, 3))
    planes[4, 2] = -1
    slopes = residual_slopes(planes, profile, plane_um=10)
    assert slopes[:2] == pytest.approx([-0.002, -0.002])
    assert np.isnan(slopes[2])
    assert np.isnan(residual_slopes(planes[:2], profile[:2], plane_um=10)).all()


def test_attenuation_gain_removes_the_slope_and_is_bounded():
    "Strength 1 undoes exp(slope · depth), 0 does nothing, and no gain exceeds its bound."
    depth = np.array([-100.0, 0.0, 100.0])
    slope = np.array([[-0.002, 0.1]], np.float32)
    gain = attenuation_gain(slope, depth, strength=1.0)
    np.testing.assert_allclose(gain[:, 0, 0], np.exp(0.002 * depth), rtol=1e-5)
    assert gain.max() == pytest.approx(MAX_GAIN)
    np.testing.assert_array_equal(attenuation_gain(slope, depth, strength=0.0), 1)


def test_the_map_agrees_on_grids_and_points():
    "Both ways to read the map give the same numbers, constant beyond its border."
    rng = np.random.default_rng(3)
    y, x, true = region(rng)
    found = smooth_slopes(true, y, x, sigma_px=(80, 60))
    grid = found.at(np.array([-900.0, 33.0]), np.array([100.0, 9000.0]))
    points = found.at_points(np.array([-900.0, 33.0]), np.array([100.0, 9000.0]))
    np.testing.assert_allclose(np.diag(grid), points, rtol=1e-5)
