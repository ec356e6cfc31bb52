"""The field comes from overlaps, not from anatomy."""

import numpy as np
import pytest

from linumpy.preproc.illumination import (
    FlatField,
    OverlapBrightness,
    estimate_flat_field,
    pixel_axis,
)

NO_CELLS = (np.zeros((1, 8, 8)), np.zeros((1, 8, 8), bool))


def vignette(places, strength=0.4):
    return 1 - strength * (places[:, 0] ** 2 + places[:, 1] ** 2) / 2


def overlaps(rng, n=2000, noise=0.02, overlap=0.2, strength=0.4):
    along, across = rng.uniform(-1, 1, n), rng.uniform(1 - 2 * overlap, 1, n)
    first = np.stack([along, across], axis=1)
    second = first - np.array([0, 2 * (1 - overlap)])
    swap = rng.random(n) < 0.5
    first[swap], second[swap] = first[swap][:, ::-1], second[swap][:, ::-1]
    ratio = np.log(vignette(first, strength) / vignette(second, strength))
    return OverlapBrightness(first, second, ratio + noise * rng.standard_normal(n))


def test_overlaps_alone_give_the_field():
    "No tile means at all: the vignette comes back within 3 %, its seams within 0.2 %."
    rng = np.random.default_rng(0)
    field = estimate_flat_field(overlaps(rng), *NO_CELLS).on_grid(40, 50)
    v, u = np.meshgrid(pixel_axis(40), pixel_axis(50), indexing="ij")
    true = vignette(np.stack([v.ravel(), u.ravel()], axis=1)).reshape(40, 50)
    ratio = field / true
    assert np.abs(ratio / ratio.mean() - 1).max() < 0.03
    seams = np.log(ratio[:, 40:].mean() / ratio[:, :10].mean())
    assert abs(seams) < 0.002


def test_an_even_field_stays_even_in_spite_of_anatomy():
    "Anatomy that differs over the tiles does not become a field."
    rng = np.random.default_rng(1)
    anatomy = np.exp(0.4 * rng.standard_normal((9, 8, 8)).cumsum(axis=1) / 3)
    found = estimate_flat_field(overlaps(rng, strength=0.0), anatomy, np.ones((9, 8, 8), bool))
    assert np.abs(found.on_grid(30, 30) - 1).max() < 0.05


def test_torn_overlaps_do_not_count():
    "A fifth of the ratios is far off: the seam that remains is below 1 %."
    rng = np.random.default_rng(2)
    seen = overlaps(rng)
    seen.ratio[:400] += rng.normal(0, 1, 400)
    clean = overlaps(rng, noise=0.0)
    found = estimate_flat_field(seen, *NO_CELLS)
    rest = clean.ratio - np.log(sample(found, clean.first) / sample(found, clean.second))
    assert np.median(np.abs(rest)) < 0.01


def sample(field, places, n=201):
    grid = field.on_grid(n, n)
    index = np.clip(((places + 1) / 2 * n).astype(int), 0, n - 1)
    return grid[index[:, 0], index[:, 1]]


def test_nothing_to_measure_is_an_even_field():
    "Without overlaps and tissue the field is 1."
    empty = OverlapBrightness(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0))
    assert estimate_flat_field(empty, *NO_CELLS) == FlatField()
    np.testing.assert_array_equal(FlatField().on_grid(3, 4), 1)


def test_the_field_is_bounded():
    "However wild the terms, no place is divided by less than a fifth."
    field = FlatField(coefficients=(50.0,) * 27).on_grid(20, 20)
    assert field.min() >= np.float32(np.exp(-1.6)) * 0.999
    assert field.max() <= np.float32(np.exp(1.6)) * 1.001
    assert pixel_axis(2) == pytest.approx([-0.5, 0.5])
