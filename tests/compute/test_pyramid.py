import numpy as np
import pytest

from linumpy.compute import pyramid
from linumpy.compute.pyramid import Grid, choose_parent, plan_levels, shrink
from linumpy.core.spacing import Spacing


def grid(shape, um=(10.0, 10.0, 10.0)):
    return Grid(shape, Spacing.from_um(*um), (0.0, 0.0, 0.0))


def whole(level):
    return tuple(slice(0, n) for n in level.shape)


def test_worked_levels():
    "Base 10 µm, targets 10/25/50/100: the shapes of the worked example."
    levels = plan_levels(grid((660, 800, 900)), [10, 25, 50, 100])
    assert [level.shape for level in levels] == [
        (660, 800, 900),
        (264, 320, 360),
        (132, 160, 180),
        (66, 80, 90),
    ]
    assert [choose_parent(levels, i) for i in (1, 2, 3)] == [0, 1, 2]


def test_anisotropic_base_and_targets_below_it():
    "Targets not above the base are left out; coarser ones are isotropic."
    levels = plan_levels(grid((100, 10, 10), (1.5, 10, 10)), [1, 25])
    assert [level.shape for level in levels] == [(100, 10, 10), (6, 4, 4)]


@pytest.mark.parametrize("n_at_once", [2**22, 1])
def test_a_ramp_keeps_its_place(monkeypatch, n_at_once):
    "Means of a ramp are its values at the coarse centres, to 0.04 of a coarse voxel."
    monkeypatch.setattr(pyramid, "BLOCK_VOXELS", n_at_once)
    fine = grid((23, 31, 17))
    (_, coarse) = plan_levels(fine, [25])
    z, y, x = np.meshgrid(*map(np.arange, fine.shape), indexing="ij")
    ramp = (100 + 3 * z - 2 * y + x).astype(np.float32)
    found = shrink(ramp.__getitem__, fine, coarse, whole(coarse))
    zc, yc, xc = (
        (np.array(coarse.origin_mm[a]) + coarse.spacing.zyx_mm[a] * np.arange(n)) / 0.01
        for a, n in enumerate(coarse.shape)
    )
    expected = 100 + 3 * zc[:, None, None] - 2 * yc[None, :, None] + xc[None, None, :]
    inner = (slice(None, -1),) * 3
    np.testing.assert_allclose(found[inner], expected[inner], atol=0.1 * (3 + 2 + 1))
    assert found[-1, -1, -1] == pytest.approx(100 + 3 * 22 - 2 * 30 + 15.8, abs=2)


def test_what_was_not_measured_takes_no_part():
    "A voxel half over zeros shows the mean of the measured half; zeros alone stay 0."
    fine = grid((4, 4, 8), (50, 50, 50))
    (_, coarse) = plan_levels(fine, [100])
    voxels = np.zeros(fine.shape, dtype=np.float32)
    voxels[:, :, :3] = 7
    found = shrink(voxels.__getitem__, fine, coarse, whole(coarse))
    np.testing.assert_allclose(found[0, 0], [7, 7, 0, 0])


def test_blocks_agree_with_the_whole():
    "Any block of a level is the same piece of it."
    fine = grid((20, 33, 27))
    (_, coarse) = plan_levels(fine, [25])
    voxels = np.random.default_rng(0).random(fine.shape, dtype=np.float32)
    everything = shrink(voxels.__getitem__, fine, coarse, whole(coarse))
    block = (slice(2, 7), slice(3, 9), slice(1, 11))
    part = shrink(voxels.__getitem__, fine, coarse, block)
    np.testing.assert_allclose(part, everything[block], rtol=1e-5)


@pytest.mark.parametrize("write", [pyramid.fill_coarser, pyramid.fill_coarser_labels])
def test_a_level_is_made_some_planes_at_a_time(monkeypatch, write):
    "What is held does not grow with a block; how much it is changes values by rounding at most."
    rng = np.random.default_rng(0)
    fine = rng.integers(0, 9, (40, 25, 30)).astype(
        "uint32" if write is pyramid.fill_coarser_labels else "float32"
    )
    grids = plan_levels(Grid(fine.shape, Spacing.from_um(10, 10, 10), (0.0, 0.0, 0.0)), [25])

    class Level(np.ndarray):
        shards = grids[1].shape
        largest = 0

        def __getitem__(self, block):
            part = np.asarray(self)[block]
            Level.largest = max(Level.largest, part.size)
            return part

    made = []
    for n_voxels in (2**22, 25 * 30 * 6):
        Level.largest = 0
        monkeypatch.setattr(pyramid, "BLOCK_VOXELS", n_voxels)
        coarse = np.zeros(grids[1].shape, fine.dtype).view(Level)
        write([fine.view(Level), coarse], grids, workers=1)
        assert Level.largest <= n_voxels
        made.append(np.asarray(coarse))
    np.testing.assert_allclose(*made, rtol=1e-6)
    assert made[0].any()
