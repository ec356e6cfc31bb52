"""The numbers of one slice: what raises them, and what leaves them alone."""

from dataclasses import astuple

import array_api_strict
import numpy as np
import pytest
from scipy import ndimage

from linumpy.quality.traits import Meter, measure_tile

SIDE = 48


def texture(seed=0, sigma=2.0):
    rng = np.random.default_rng(seed)
    plane = ndimage.gaussian_filter(rng.normal(size=(SIDE, SIDE)), sigma)
    return (100 * (1.5 + 0.4 * plane / plane.std()).clip(0.2)).astype(np.float32)


def volume(plane, seed=1, nz=8):
    rng = np.random.default_rng(seed)
    depth = np.r_[0.01, 0.01, np.linspace(1, 0.3, nz - 2)][:, None, None]
    return (plane * depth * rng.gamma(8, 1 / 8, (nz, *plane.shape))).astype(np.float32)


def traits(*volumes, step=None):
    meter = Meter()
    for i, one in enumerate(volumes):
        meter.add((0, i), (0.0, i * (step or SIDE)), measure_tile(one))
    return meter.finish()


def flat(found):
    return np.hstack([np.ravel(part) for part in astuple(found)])


def test_gain_changes_only_the_signal():
    "A slice that is ten times as bright has the same traits, its signal is log 10 higher."
    plane = volume(texture())
    one, ten = traits(plane), traits(10 * plane)
    assert ten.signal == pytest.approx(one.signal + np.log(10), abs=1e-4)
    np.testing.assert_allclose(flat(ten)[:-1], flat(one)[:-1], atol=0.02)


def test_lines_that_jump_are_anisotropic():
    "Rows displaced at random raise the anisotropy; columns displaced lower it."
    rng = np.random.default_rng(3)
    plane = texture()
    jumping = np.stack([np.roll(row, round(rng.normal(0, 6))) for row in plane])
    still, rows, columns = (traits(volume(p)) for p in (plane, jumping, jumping.T))
    assert abs(still.anisotropy[0]) < 0.4
    assert rows.anisotropy[0] > 0.7
    assert columns.anisotropy[0] < -0.7


def test_blur_lowers_the_texture_of_small_scales_most():
    "A blur of 2 px takes more from the first scale than from the third."
    sharp = volume(texture())
    blurred = ndimage.gaussian_filter(sharp, (0, 2, 2))
    loss = np.subtract(traits(sharp).texture, traits(blurred).texture)
    assert loss[0] > loss[2] > 0
    assert loss[0] > 3


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_noise_is_the_share_of_the_variance(share):
    "Noise of a known share of the variance is measured within 0.1."
    clean = volume(texture())
    sigma = np.sqrt(clean.var() * share / (1 - share))
    noisy = clean + np.random.default_rng(5).normal(0, sigma, clean.shape).astype(np.float32)
    assert traits(clean).noise < 0.01
    assert traits(noisy).noise == pytest.approx(share, abs=0.1)


def test_lost_lines_are_their_share():
    "A quarter of the lines set to zero is a dropout of a quarter, along either axis."
    plane = volume(texture())
    plane[:, ::4, :] = 0
    assert traits(plane).dropout == pytest.approx(0.25, abs=0.05)
    assert traits(plane.transpose(0, 2, 1).copy()).dropout == pytest.approx(0.25, abs=0.05)
    assert traits(volume(texture())).dropout < 0.02


def test_clipping_piles_up():
    "Values clipped at their median pile up; an unclipped slice has next to none at the top."
    plane = volume(texture())
    clipped = np.minimum(plane, np.quantile(plane, 0.6))
    assert traits(plane).pile_up < 0.1
    assert traits(clipped).pile_up > 0.6


def test_overlaps_that_show_the_same_correlate():
    "Two tiles of one texture agree in their overlap, also three pixels off; unlike ones do not."
    wide = ndimage.gaussian_filter(np.random.default_rng(0).normal(size=(SIDE, 100)), 2)
    wide = (100 * (2 + wide / wide.std())).astype(np.float32)
    left, right, off = (volume(wide[:, x : x + SIDE], seed=x) for x in (0, 36, 38))
    assert traits(left, right, step=36).overlap > 0.9
    assert traits(left, off, step=36).overlap > 0.9
    assert traits(left, volume(texture(9)), step=36).overlap < 0.7
    assert np.isnan(traits(left, right, step=SIDE).overlap)


def test_scales_follow_the_tile():
    "A tile of 48 px has blocks of 1, 2, 4 and 8 px; a tile of 6 px has one scale."
    assert len(traits(volume(texture())).texture) == 4
    assert len(traits(volume(texture()[:6, :6])).texture) == 1


def test_a_dark_or_constant_tile_has_finite_traits():
    "Zeros and constants give numbers, except for the overlap, which nothing can say."
    for value in (0.0, 7.0):
        found = traits(np.full((4, 16, 16), value, np.float32))
        assert np.isfinite(flat(found)[np.r_[:-4, -3:0]]).all()


def test_a_kernel_that_only_numpy_runs_fails_here():
    "The strict namespace gives NumPy's numbers."
    plane = volume(texture())
    ours = measure_tile(plane)
    strict = measure_tile(array_api_strict.asarray(plane))
    np.testing.assert_allclose(strict.average, ours.average, rtol=1e-6)
    assert strict.quietest == pytest.approx(ours.quietest, rel=1e-5)
    assert strict.energy == pytest.approx(ours.energy, rel=1e-5)
    np.testing.assert_array_equal(strict.histogram, ours.histogram)
