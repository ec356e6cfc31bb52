"""One overlap: sign, sub-pixel accuracy, and knowing when it does not know."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from linumpy.mosaic.overlap import overlap_strips, register_pair


def scene(seed, size=(180, 220), scales=(2.5, 8.0)):
    rng = np.random.default_rng(seed)
    layers = [gaussian_filter(rng.standard_normal(size), scale) for scale in scales]
    texture = sum(layer / layer.std() for layer in layers)
    return np.exp(0.3 * texture)


def tile_at(anatomy, y, x, rng, *, n=80, noise=0.05, vignette=0.3):
    grid = np.meshgrid(np.arange(n) + y + 20, np.arange(n) + x + 20, indexing="ij")
    v, u = (2 * (np.arange(n) + 0.5) / n - 1 for _ in "yx")
    field = 1 - vignette * (v[:, None] ** 2 + u[None, :] ** 2) / 2
    own = 1 + noise * rng.standard_normal((n, n))
    return (100 * map_coordinates(anatomy, grid, order=3) * field * own).astype(np.float32)


@pytest.mark.parametrize("residual", [(0.0, 0.0), (3.3, -2.7), (-6.4, 5.2)])
@pytest.mark.parametrize("step", [(0.0, 64.0), (64.0, 0.6)])
def test_the_residual_is_true_minus_expected(residual, step):
    "Known displacements come back with their sign, to 0.2 px, in spite of vignetting and noise."
    rng = np.random.default_rng(1)
    anatomy = scene(2)
    first = tile_at(anatomy, 0, 0, rng)
    second = tile_at(anatomy, step[0] + residual[0], step[1] + residual[1], rng)
    found = register_pair(first, second, step_px=step, margin_px=10)
    assert found.is_conclusive
    assert (found.dy_px, found.dx_px) == pytest.approx(residual, abs=0.2)


def test_three_pixels_further_is_plus_three():
    "True step 83 against the expected 80: the residual is +3, and adding it closes the seam (V1)."
    rng = np.random.default_rng(0)
    anatomy = scene(5, size=(140, 260))
    first, second = (tile_at(anatomy, 0, x, rng, n=100, vignette=0) for x in (0, 83))
    found = register_pair(first, second, step_px=(0, 80), margin_px=6)
    assert found.dx_px == pytest.approx(3, abs=0.05)
    step = round(80 + found.dx_px)
    closed = np.abs(first[:, step:] - second[:, : 100 - step]).mean()
    left_open = np.abs(first[:, 80:] - second[:, :20]).mean()
    assert closed < 0.4 * left_open


def test_noise_alone_is_inconclusive():
    "Two tiles without common structure say nothing."
    rng = np.random.default_rng(4)
    first, second = (rng.gamma(30, 1 / 30, (80, 80)).astype(np.float32) for _ in range(2))
    assert not register_pair(first, second, step_px=(0, 64), margin_px=8).is_conclusive


def test_an_edge_says_nothing_along_itself():
    "Stripes along x give a position in y, and next to no information in x."
    rng = np.random.default_rng(3)
    anatomy = np.repeat(scene(8)[:, :1], 220, axis=1)
    first, second = (tile_at(anatomy, y, x, rng, vignette=0) for y, x in ((0, 0), (2.0, 64)))
    found = register_pair(first, second, step_px=(0, 64), margin_px=8)
    assert found.information[0, 0] > 30 * max(found.information[1, 1], 1e-9)


def test_tiles_that_do_not_overlap_are_inconclusive():
    "A step as large as the tile leaves nothing to compare."
    flat = np.ones((40, 40), np.float32)
    assert not register_pair(flat, flat, step_px=(0, 60), margin_px=5).is_conclusive


def test_strips_are_aligned_for_their_base():
    "Pixel (0, 0) of both strips is the same point when the step is the base."
    first, second, base = overlap_strips((40, 50), (1.4, 39.6), 5)
    assert base == (first[0].start - second[0].start, first[1].start - second[1].start)
    assert first[1] == slice(35, 50)
    assert second[1] == slice(0, 15)
