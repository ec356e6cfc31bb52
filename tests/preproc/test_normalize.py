"""Levels, divisor and mask, and what happens when there is nothing."""

import numpy as np
import pytest

from linumpy.preproc.normalize import (
    agarose_per_plane,
    estimate_divisor,
    find_levels,
    tissue_mask,
)


def test_agarose_and_tissue_are_split():
    "Even agarose and varied tissue: the threshold lies between them, nearer to agarose."
    rng = np.random.default_rng(0)
    agarose, tissue = rng.normal(6, 0.4, 300), np.exp(rng.normal(4.8, 0.4, 500))
    levels = find_levels(np.concatenate([agarose, tissue]))
    assert levels.agarose == pytest.approx(6, rel=0.1)
    assert agarose.max() < levels.threshold < np.percentile(tissue, 1)


def test_all_tissue_has_no_agarose():
    "Varied tissue alone is not cut in two."
    rng = np.random.default_rng(1)
    tissue = np.exp(rng.normal(4.8, 0.5, 800))
    levels = find_levels(tissue)
    assert levels.agarose == 0
    assert levels.threshold < np.percentile(tissue, 0.5)


@pytest.mark.parametrize("brightness", [np.zeros(0), np.zeros(50), np.full(50, 3.0)])
def test_degenerate_slices_have_levels(brightness):
    "Nothing, darkness and one constant value give finite levels."
    levels = find_levels(brightness)
    assert np.isfinite([levels.agarose, levels.threshold]).all()


def test_an_empty_agarose_mask_is_zero():
    "No agarose: nothing is subtracted, and nothing is NaN."
    level = agarose_per_plane(np.full((4, 50), 6.0), np.zeros(50, bool))
    np.testing.assert_array_equal(level, 0)
    level = agarose_per_plane(np.full((4, 50), 6.0), np.ones(50, bool))
    np.testing.assert_array_equal(level, 6)


def test_one_saturated_plane_does_not_dim_the_slice():
    "The divisor follows the planes, not the hottest one."
    samples = np.random.default_rng(2).uniform(0, 100, (20, 2000))
    plain = estimate_divisor(samples, percentile=99.9)
    samples[3] *= 50
    assert estimate_divisor(samples, percentile=99.9) == pytest.approx(plain, rel=0.02)
    assert estimate_divisor(np.full((3, 5), np.nan), percentile=99.9) == 1


def test_the_mask_keeps_edges_and_holes_and_drops_dust():
    "Tissue grows by the margin, its ventricle is filled, a speck of dust is not tissue."
    overview = np.full((60, 60), 6.0, np.float32)
    overview[15:45, 15:45] = 100
    overview[28:32, 28:32] = 5
    overview[4, 4] = 300
    mask = tissue_mask(overview, threshold=20, smooth_px=0.5, margin_px=3, min_area_px=20)
    assert mask[12:48, 20:40].all()
    assert mask[30, 30]
    assert not mask[:8, :8].any()
    assert not mask[:9].any()


def test_no_tissue_is_an_empty_mask():
    "Nothing above the threshold: nothing is kept."
    assert not tissue_mask(
        np.zeros((9, 9), np.float32), threshold=1, smooth_px=1, margin_px=2, min_area_px=4
    ).any()
