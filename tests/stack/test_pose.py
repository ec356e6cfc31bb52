import numpy as np
import pytest

from linumpy.core.rigid import Rigid2D
from linumpy.stack.pose import Source, make_pose, read_posed


def pose_of(motion, shape=(40, 50), offset=(0.0, 0.0)):
    return make_pose(motion, offset_px=offset, canvas_shape=shape, resolution_um=10.0)


def read_all(voxels, pose, canvas=(40, 50)):
    source = Source(voxels.shape, lambda block: voxels[block])
    whole = (slice(0, voxels.shape[0]), slice(0, canvas[0]), slice(0, canvas[1]))
    return read_posed(source, pose, whole)


def test_content_goes_where_the_motion_says():
    "+x is to larger columns, +y to larger rows; 90° turns +X towards +Y."
    spot = np.zeros((1, 41, 41), dtype=np.float32)
    spot[0, 20, 30] = 1  # 10 to the right of the centre
    moved = read_all(spot + 1e-3, pose_of(Rigid2D(90, 20, 50), (41, 41)), (41, 41))
    assert np.unravel_index(moved.argmax(), moved.shape) == (0, 35, 22)


def test_whole_voxels_are_not_interpolated():
    "A slice on the lattice is copied bit for bit; a motion below a tenth of a voxel is left out."
    rng = np.random.default_rng(0)
    voxels = rng.random((2, 12, 9), dtype=np.float32)
    moved = read_all(voxels, pose_of(Rigid2D(0.01, 0.5, -0.4), offset=(5.0, 7.0)))
    np.testing.assert_array_equal(moved[:, 5:17, 7:16], voxels)
    assert np.count_nonzero(moved) == voxels.size


@pytest.mark.parametrize("block", [(slice(0, 40), slice(0, 50)), (slice(13, 29), slice(7, 40))])
def test_blocks_agree_with_the_whole(block):
    "A block is the same piece of the posed plane, whatever its borders."
    voxels = np.random.default_rng(1).random((1, 40, 50), dtype=np.float32)
    pose = pose_of(Rigid2D(3, 14, -22))
    whole = read_all(voxels, pose)
    source = Source(voxels.shape, lambda part: voxels[part])
    part = read_posed(source, pose, (slice(0, 1), *block))
    np.testing.assert_allclose(part, whole[:, block[0], block[1]], atol=1e-6)


def test_background_does_not_bleed():
    "A constant region stays constant up to its rim, and 0 stays 0."
    voxels = np.zeros((1, 40, 50), dtype=np.float32)
    voxels[0, 10:30, 10:40] = 5
    moved = read_all(voxels, pose_of(Rigid2D(2, 3, 4)))
    assert set(np.unique(moved.round(4))) == {0.0, 5.0}
