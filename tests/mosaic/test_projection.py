"""The picture of a mosaic: place, coverage, depth, flat field, any array namespace."""

import array_api_strict
import numpy as np
import pytest

from linumpy.errors import BadValue
from linumpy.mosaic.projection import Canvas, pixel_size_mm, slab_means

SPACING = (0.01, 0.05, 0.05)


def picture(tiles, *, pixel_mm=0.05, n_slabs=1, depth_mm=1.0):
    canvas = Canvas(pixel_mm, n_slabs=n_slabs, depth_mm=depth_mm)
    for corner, volume in tiles:
        canvas.add(np.asarray(volume, np.float32), corner, SPACING)
    return canvas.finish()


def test_tiles_lie_where_the_stage_put_them():
    "One bright pixel per tile, at (2, 3) and at 8 + 1, 10 + 4."
    first, second = np.zeros((2, 4, 10, 10))
    first[:, 2, 3] = 1
    second[:, 1, 4] = 2
    found = picture([((0, 0), first), ((0.4, 0.5), second)])
    assert found.planes.shape == (1, 18, 20)
    assert np.argwhere(found.average > 0.5).tolist() == [[2, 3], [9, 14]]
    assert not found.cover[:8, 10:].any(), "the corner without a tile is not covered"
    assert found.cover[:10, :10].all()


def test_a_coarse_pixel_is_an_average():
    "A plane of 1 and a step of 2.5 pixels stay what they are."
    found = picture([((0.02, 0.03), np.ones((4, 20, 20)))], pixel_mm=0.125)
    np.testing.assert_allclose(found.average[found.cover], 1, rtol=1e-5)


def test_order_of_tiles_does_not_matter():
    "The same picture bit by bit is not promised, the same values are."
    rng = np.random.default_rng(0)
    tiles = [((0.4 * i, 0.3 * i), rng.random((4, 10, 10))) for i in range(3)]
    np.testing.assert_allclose(picture(tiles).planes, picture(tiles[::-1]).planes, rtol=1e-5)


def test_vignetting_is_taken_out():
    "Tiles of one tissue that darken to 70 % at their rim come out even within 4 %."
    rng = np.random.default_rng(1)
    n, step = 40, 30
    tissue = 100 + 10 * rng.random((n + 2 * step, n + 2 * step))
    u = np.linspace(-1, 1, n)
    shade = np.exp(-0.18 * (u[:, None] ** 2 + u**2))
    tiles = [
        (
            (row * step * 0.05, col * step * 0.05),
            (tissue[row * step :, col * step :][:n, :n] * shade)[None],
        )
        for row in range(3)
        for col in range(3)
    ]
    found = picture(tiles).average[4:-4, 4:-4]
    truth = tissue[4:-4, 4:-4]
    ratio = found / truth / np.median(found / truth)
    assert np.percentile(np.abs(ratio - 1), 95) < 0.04


def test_one_tile_has_no_overlap_and_keeps_its_brightness():
    "Nothing is known of the flat field, so nothing is corrected."
    tile = np.random.default_rng(2).random((3, 12, 12))
    np.testing.assert_allclose(picture([((0, 0), tile)]).average, tile.mean(axis=0), rtol=1e-5)


def test_slabs_share_the_depth():
    "Planes 0–1 and 2–3 of a stack of six; 0 slabs means one per plane."
    volume = np.arange(6.0).reshape(6, 1, 1)
    assert slab_means(volume, 2, n_planes=4).ravel().tolist() == [0.5, 2.5]
    assert slab_means(volume, 0, n_planes=6).shape[0] == 6
    assert slab_means(volume, 9, n_planes=99).shape[0] == 6


def test_looks_are_every_other_plane():
    "Two pictures of the same slabs, and their mean; a shallow tile shows the same twice."
    volume = np.arange(8, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    for n_planes, looks, means in (
        (8, [[1, 5], [2, 6]], [1.5, 5.5]),
        (3, [[0.5, 2]] * 2, [0.5, 2]),
    ):
        canvas = Canvas(0.05, n_slabs=2, depth_mm=0.01 * n_planes, n_looks=2)
        canvas.add(volume[:n_planes], (0.0, 0.0), (0.01, 0.05, 0.05))
        found = canvas.finish()
        np.testing.assert_allclose(found.looks[:, :, 0, 0], looks)
        np.testing.assert_allclose(found.planes[:, 0, 0], means)


def test_a_kernel_that_only_numpy_runs_fails_here():
    "The strict namespace gives NumPy's numbers."
    volume = np.random.default_rng(0).random((6, 5, 4)).astype(np.float32)
    strict = slab_means(array_api_strict.asarray(volume), 3, n_planes=6)
    np.testing.assert_allclose(strict, slab_means(volume, 3, n_planes=6), rtol=1e-6)


def test_nothing_to_see_is_an_error():
    "A canvas without tiles has no picture."
    with pytest.raises(BadValue, match="at least one tile"):
        Canvas(0.05, n_slabs=1, depth_mm=1).finish()


def test_pixel_size_bounds_the_picture():
    "51.2 mm are 512 pixels of 0.1 mm; a small mosaic keeps its sampling."
    assert pixel_size_mm([(51.2, 10.0)], 0.003) == pytest.approx(0.1)
    assert pixel_size_mm([(3.0, 3.0)], 0.05) == 0.05
