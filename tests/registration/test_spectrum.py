"""The filter that lets detail count where it stands out of the noise."""

import numpy as np
from scipy.ndimage import gaussian_filter

from linumpy.registration.planes import MaskedPlane
from linumpy.registration.spectrum import N_RINGS, apply_gain, matched_gain


def noisy(rng, anatomy, noise):
    return (anatomy + noise * rng.standard_normal(anatomy.shape)).astype(np.float32)


def test_detail_below_the_noise_does_not_count():
    "Broad anatomy in white noise: coarse rings count, the finest do not."
    rng = np.random.default_rng(0)
    anatomy = gaussian_filter(rng.standard_normal((120, 120)), 3)
    anatomy /= anatomy.std()
    gain = matched_gain(noisy(rng, anatomy, 1.0), noisy(rng, anatomy, 1.0))
    assert gain[:4].max() == 1.0
    assert gain[N_RINGS // 2 :].max() < 0.2


def test_planes_without_noise_keep_all_detail():
    "Where the difference is nothing, fine rings count at least as much as coarse ones."
    rng = np.random.default_rng(1)
    anatomy = rng.standard_normal((90, 100)).astype(np.float32)
    gain = matched_gain(noisy(rng, anatomy, 0.01), noisy(rng, anatomy, 0.01))
    assert gain.min() > 0.5


def test_an_even_gain_changes_nothing_inside():
    "A gain of 1 everywhere gives the plane back, less its rim."
    rng = np.random.default_rng(2)
    plane = MaskedPlane.of(rng.uniform(1, 2, (40, 50)).astype(np.float32))
    found = apply_gain(plane, np.ones(N_RINGS))
    inside = found.mask > 0
    assert 0.5 < inside.mean() < 1
    np.testing.assert_allclose(found.values[inside], plane.values[inside], atol=1e-4)
