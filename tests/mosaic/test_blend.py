"""Tiles on the lattice: phases, weights, bands; one result in every namespace."""

import array_api_strict as strict
import numpy as np
import pytest

from linumpy.mosaic.blend import (
    TileKernel,
    blend,
    depth_phases,
    resample_depth,
    resample_lateral,
)
from linumpy.mosaic.canvas import axis_window, plan_canvas, split_columns


def identity(array):
    return array


@pytest.mark.parametrize("position", [0.0, 3.3, -17.9, 1234.56])
@pytest.mark.parametrize("step", [4.0, 10.0, 25.0])
def test_a_ramp_keeps_its_place(position, step):
    "Brightness that grows with position reads its own position in every voxel."
    n = 30
    window = axis_window(n, step, position, resolution_um=10.0, overlap_um=30.0)
    ramp = position + (np.arange(n) + 0.5) * step
    centres = (window.start + np.arange(len(window.feather)) + 0.5) * 10.0
    inner = (centres > position + step + 10) & (centres < position + (n - 1) * step - 10)
    assert np.abs(window.matrix() @ ramp - centres)[inner].max() < 0.1 * step
    assert ((window.matrix().sum(axis=1) > 0) == (window.feather > 0)).all()
    assert window.feather.max() == pytest.approx(1.0)


def test_bands_are_the_whole_canvas_once():
    "Bands begin at multiples, cover every row once, and equal blending in one piece."
    rng = np.random.default_rng(0)
    places = {(r, c): (r * 83.0 + rng.uniform(-4, 4), c * 77.0) for r in range(3) for c in range(2)}
    canvas = plan_canvas(places, tile_px=(24, 22), step_um=(4.0, 4.0), resolution_um=5.0)
    tiles = [
        rng.random((3, len(w.y.feather), len(w.x.feather)), np.float32) for w in canvas.windows
    ]
    bands = list(blend(iter(tiles), canvas, n_planes=3, band_rows=8))
    (whole,) = blend(iter(tiles), canvas, n_planes=3, band_rows=10_000)
    assert [band.start for band in bands] == list(range(canvas.rows[0], canvas.rows[1], 8))
    joined = np.concatenate([band.values for band in bands], axis=1)
    np.testing.assert_array_equal(joined, whole.values)
    assert joined.shape[1:] == canvas.shape


@pytest.mark.parametrize("width", [7, 16, 1000])
def test_strips_are_the_whole_canvas_once(width):
    "Strips of columns equal blending in one piece; each reads only the tiles that reach into it."
    rng = np.random.default_rng(1)
    places = {(r, c): (r * 83.0, c * 77.0 + rng.uniform(-4, 4)) for r in range(2) for c in range(3)}
    canvas = plan_canvas(places, tile_px=(24, 22), step_um=(4.0, 4.0), resolution_um=5.0)
    tiles = {
        w.place: rng.random((3, len(w.y.feather), len(w.x.feather)), np.float32)
        for w in canvas.windows
    }
    first = {w.place: w.x.start for w in canvas.windows}

    def cut(window):
        low = window.x.start - first[window.place]
        return tiles[window.place][:, :, low : low + len(window.x.feather)]

    (whole,) = blend((tiles[w.place] for w in canvas.windows), canvas, n_planes=3, band_rows=1000)
    strips = split_columns(canvas, width)
    parts = [
        next(blend(map(cut, strip.windows), strip, n_planes=3, band_rows=1000)) for strip in strips
    ]
    np.testing.assert_array_equal(np.concatenate([p.values for p in parts], axis=2), whole.values)
    assert all(strip.shape[1] <= width for strip in strips)
    assert width == 1000 or any(len(strip.windows) < len(canvas.windows) for strip in strips)


def test_equal_tiles_blend_to_themselves():
    "Where tiles agree the result is their value, seams included; elsewhere exactly 0."
    places = {(0, 0): (0.0, 0.0), (0, 1): (0.0, 61.7)}
    canvas = plan_canvas(places, tile_px=(10, 20), step_um=(4.0, 4.0), resolution_um=4.0)
    ones = [
        resample_lateral(np.full((2, 10, 20), 7, np.float32), w, identity) for w in canvas.windows
    ]
    (band,) = blend(ones, canvas, n_planes=2, band_rows=100)
    np.testing.assert_allclose(band.values[:, band.has_data], 7, rtol=1e-5)
    assert (band.values[:, ~band.has_data] == 0).all()


def phantom_tile(surface, nz=30):
    depth = np.arange(nz)[:, None, None] + 0.5 - surface
    return np.where(depth > 0, 100 + depth, 0).astype(np.float32)


def test_planes_begin_at_the_surface_of_every_column():
    "Under a tilted surface every column reads its own depth, within an eighth of a voxel."
    surface = 4 + 0.21 * np.arange(12)[:, None] + 0.1 * np.arange(9)
    phases = depth_phases(surface, 30, n_planes=8, step_vox=2.5)
    planes = resample_depth(phantom_tile(surface), phases, identity)
    wanted = 100 + 2.5 * (np.arange(1, 8) + 0.5)
    assert len(phases.matrices) > 4
    assert np.abs(planes[1:] - wanted[:, None, None]).max() < 2.5 / 8 + 0.2


def test_a_plane_that_is_not_covered_is_zero():
    "Below the last voxel there is nothing, and no background is taken from it."
    surface = np.full((4, 4), 8.0)
    phases = depth_phases(surface, 30, n_planes=12, step_vox=2.0)
    kernel = TileKernel(5.0, np.ones((4, 4), np.float32), identity, identity)
    places = {(0, 0): (0.0, 0.0)}
    canvas = plan_canvas(places, tile_px=(4, 4), step_um=(4.0, 4.0), resolution_um=4.0)
    planes = kernel(phantom_tile(surface), phases, canvas.windows[0])
    assert (planes[:11] > 0).all()
    assert (planes[11] == 0).all()


def test_every_namespace_gives_the_same_tile():
    "The kernel of the output pass runs on the strict array API and agrees with numpy."
    surface = 3 + 0.3 * np.arange(10)[:, None] + np.zeros(8)
    phases = depth_phases(surface, 30, n_planes=6, step_vox=2.0)
    tile = phantom_tile(surface)
    field = np.linspace(0.8, 1.2, 80, dtype=np.float32).reshape(10, 8)
    places = {(0, 0): (1.3, -2.2)}
    canvas = plan_canvas(places, tile_px=(10, 8), step_um=(4.0, 4.0), resolution_um=10.0)
    with_numpy = TileKernel(2.0, field, identity, identity)
    with_strict = TileKernel(2.0, field, strict.asarray, np.asarray)
    np.testing.assert_allclose(
        with_strict(tile, phases, canvas.windows[0]),
        with_numpy(tile, phases, canvas.windows[0]),
        rtol=1e-5,
    )
