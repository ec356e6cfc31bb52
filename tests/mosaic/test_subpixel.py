"""The last fraction of a pixel, and how well it is known."""

import numpy as np
from scipy.ndimage import gaussian_filter, shift

from linumpy.mosaic.subpixel import area_of_one_sample, even_contrast, refine_offset


def strips(rng, *, noise, offset=(0.3, -0.4), size=(24, 70)):
    anatomy = gaussian_filter(rng.standard_normal((size[0] + 20, size[1] + 20)), 1.5)
    anatomy /= anatomy.std()
    moved = shift(anatomy, offset, order=3)
    parts = [plane[10:-10, 10:-10] for plane in (moved, anatomy)]
    return [part + noise * rng.standard_normal(part.shape) for part in parts]


def test_errors_are_as_large_as_they_are_said_to_be():
    "Over many draws the squared error, in units of its covariance, has the mean of two numbers."
    rng = np.random.default_rng(0)
    chi2 = []
    for _ in range(40):
        fit = refine_offset(*strips(rng, noise=0.7), np.zeros(2))
        error = fit.offset_px - (0.3, -0.4)
        chi2.append(error @ fit.information @ error)
    assert 1.0 < np.mean(chi2) < 4.0


def test_illumination_does_not_move_the_result():
    "A smooth ratio between the strips is fitted along."
    a, b = strips(np.random.default_rng(1), noise=0.1)
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in a.shape), indexing="ij")
    fit = refine_offset(a, b + 3 * x - 2 * y**2, np.zeros(2))
    np.testing.assert_allclose(fit.offset_px, (0.3, -0.4), atol=0.05)


def test_a_match_has_more_evidence_than_noise():
    "Common texture is evidence; two unrelated strips have next to none."
    rng = np.random.default_rng(2)
    match = refine_offset(*strips(rng, noise=0.5), np.zeros(2))
    other = refine_offset(strips(rng, noise=0.5)[0], strips(rng, noise=0.5)[1], np.zeros(2))
    assert match.evidence > 30
    assert other is None or other.evidence < 8


def test_too_little_overlap_is_none():
    "Strips that hardly meet are not compared."
    a, b = strips(np.random.default_rng(3), noise=0.1)
    assert refine_offset(a, b, np.array([21.0, 0.0])) is None


def test_smooth_texture_has_fewer_samples():
    "The area of one sample grows with the width of the texture."
    rng = np.random.default_rng(4)
    fine, broad = (gaussian_filter(rng.standard_normal((60, 60)), s) for s in (0.7, 2.5))
    assert 3 * area_of_one_sample(fine, fine) < area_of_one_sample(broad, broad)


def test_an_edge_does_not_outweigh_texture():
    "After evening out, a line thirty times as high as the texture is far less than that."
    rng = np.random.default_rng(5)
    plane = rng.standard_normal((40, 40))
    plane[20] += 30
    even = even_contrast(plane)
    assert np.abs(even[20]).max() < 15 * even[:10].std()
