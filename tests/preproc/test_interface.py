"""The surface: sub-voxel, robust, over tilt and holes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import gaussian_filter1d

from linumpy.preproc.interface import Surface, fit_surface, surface_depths, water_level


def profiles(depth, *, nz=60, water=2.0, tissue=100.0, decay=0.01, blur=0.0, rng=None):
    under = np.clip(np.arange(nz)[:, None] + 1 - np.atleast_1d(depth), 0, 1)
    below = np.maximum(np.arange(nz)[:, None] - np.atleast_1d(depth), 0)
    found = water + under * tissue * np.exp(-decay * below)
    if blur:
        found = gaussian_filter1d(found, blur, axis=0)
    if rng is not None:
        found = found * rng.gamma(50, 1 / 50, found.shape)
    return found.astype(np.float32)


@given(depth=st.floats(8, 40), tissue=st.floats(20, 1000), blur=st.sampled_from([0.0, 1.0, 2.0]))
@settings(max_examples=60, deadline=None)
def test_depth_is_right_to_half_a_voxel(depth, tissue, blur):
    "Sharp or blurred, bright or dim: the edge is within half a voxel."
    (found,) = surface_depths(profiles(depth, tissue=tissue, blur=blur))
    assert found == pytest.approx(depth, abs=0.5)


def test_speckle_leaves_the_median_within_a_fifth_of_a_voxel():
    "Cells with speckle: median error below 0.2 voxel."
    rng = np.random.default_rng(0)
    depth = rng.uniform(8, 20, 300)
    error = surface_depths(profiles(depth, rng=rng)) - depth
    assert np.abs(np.median(error)) < 0.2
    assert np.percentile(np.abs(error), 95) < 1


def test_a_bright_layer_below_is_not_the_surface():
    "A layer three times as bright as the tissue above it does not win over water → tissue."
    one = profiles(10.0)
    one[30:36] *= 3
    assert surface_depths(one)[0] == pytest.approx(10, abs=0.5)


def test_no_step_is_no_surface():
    "Dark, constant and short profiles have none, and their water is 0."
    for flat in (np.zeros((40, 1)), np.full((40, 1), 9.0), np.ones((3, 1))):
        assert np.isnan(surface_depths(flat.astype(np.float32))).all()
        assert water_level(flat[:, 0].astype(np.float32)) == 0


def test_water_is_the_level_above():
    "The level over the surface is water's."
    assert water_level(profiles(10.0)[:, 0]) == pytest.approx(2.0, abs=0.1)


def cells(rng, n=600):
    y, x = rng.uniform(0, 900, (2, n))
    return y, x, (y % 200) / 100 - 1, (x % 200) / 100 - 1


def test_a_tilted_plane_with_holes():
    "A third of the cells is wrong; the plane and the curvature of focus come back."
    rng = np.random.default_rng(1)
    y, x, v, u = cells(rng)
    true = Surface(12.0, 0.01, -0.006, (0.0, 0.0, 1.5, 0.0, 1.0))
    depth = true.at(y, x, v, u) + 0.2 * rng.standard_normal(len(y))
    depth[:150] += rng.uniform(3, 20, 150)
    depth[150:200] = np.nan
    found = fit_surface(depth, y, x, v, u)
    error = found.at(y, x, v, u) - true.at(y, x, v, u)
    assert np.abs(error).max() < 0.2
    assert found.n_cells == 550


def test_too_few_cells_begin_at_the_top():
    "Without a surface plane 0 is the first plane, and no cell is claimed."
    rng = np.random.default_rng(2)
    y, x, v, u = cells(rng, 10)
    found = fit_surface(np.full(10, np.nan), y, x, v, u)
    assert (found.depth_vox, found.n_cells) == (0.0, 0)
