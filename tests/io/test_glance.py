"""A tile from above: whole, or from a few B-scans that are all that is read."""

import numpy as np
import pytest

from linumpy.core.acquisition import TileInfo
from linumpy.errors import BadFile
from linumpy.io import tiles
from linumpy.io.glance import glance, project

INFO = TileInfo(12, 10, 3, 4, 2, 120.0, 100.0)


@pytest.fixture
def written(tmp_path):
    def write(n_files=3, *, bad=False):
        pixels = np.random.default_rng(2).random((3, 16, 20)).astype(np.float32)
        tiles.write_tile(tmp_path / "tile_x00_y00_z00", pixels, INFO, n_files=n_files)
        if bad:
            path = max(tmp_path.rglob("image_*.bin"))
            path.write_bytes(path.read_bytes()[:-4] + np.float32(np.nan).tobytes())
        return tiles.discover(tmp_path).slices["00"].tiles[0], pixels

    return write


@pytest.mark.parametrize("n_files", [1, 3, 20])
def test_a_glance_is_the_mean_of_the_lines_it_stands_for(written, n_files):
    "Sweeps evenly spread, of repeats the first, galvo return cropped, whatever file they are in."
    tile, pixels = written(n_files)
    seen = glance(tile, lines=4, scans=2)
    assert seen.shape == (4, 2)
    profile = pixels.mean(axis=0)
    for column, scan in enumerate((2, 7)):
        expected = profile[:12, 2 * scan].reshape(4, 3).mean(axis=1)
        np.testing.assert_allclose(seen[:, column], expected, rtol=1e-5)


def test_a_small_tile_is_seen_whole(written):
    "No more lines than there are."
    tile, pixels = written()
    np.testing.assert_allclose(
        glance(tile, lines=99, scans=99), pixels[:, :12, ::2].mean(axis=0), rtol=1e-5
    )


def test_a_projection_keeps_the_return_and_averages_repeats(written):
    "As `read_tile`, over depth."
    tile, pixels = written()
    expected = pixels.reshape(3, 16, 10, 2).mean(axis=(0, 3))
    np.testing.assert_allclose(project(tile), expected, rtol=1e-5)


def test_values_that_are_not_finite_are_refused(written):
    "The folder is named."
    tile, _ = written(1, bad=True)
    with pytest.raises(BadFile, match="tile_x00_y00_z00 holds NaN"):
        project(tile)
