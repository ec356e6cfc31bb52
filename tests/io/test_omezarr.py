"""Blocks of a volume are those of the array, however the file is cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.spacing import Spacing
from linumpy.io.omezarr import Level, create, open_volume, read_block

SHAPE = (6, 23, 17)
VALUES = np.random.default_rng(0).random(SHAPE, np.float32)


@pytest.fixture(scope="module", params=[None, (4, 16, 16)], ids=["chunks", "shards"])
def volume(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("volume") / "v.ome.zarr"
    level = Level(SHAPE, Spacing(0.01, 0.01, 0.01), (2, 8, 8), request.param)
    with create(path, [level]) as new:
        new.array[...] = VALUES
    return open_volume(path)


def ends(n):
    return st.tuples(st.integers(0, n), st.integers(0, n)).map(lambda pair: slice(*sorted(pair)))


@given(block=st.tuples(*(ends(n) for n in SHAPE)), n_axes=st.integers(1, 3))
def test_a_block_is_that_of_the_array(volume, block, n_axes):
    "Read row of chunks by row of chunks, or in one: the same voxels, fewer axes too."
    found = read_block(volume, block[:n_axes])
    np.testing.assert_array_equal(found, VALUES[block[:n_axes]])
    assert found.dtype == np.float32


def test_without_a_block_it_is_the_whole(volume):
    "No block means all of it."
    np.testing.assert_array_equal(read_block(volume), VALUES)
