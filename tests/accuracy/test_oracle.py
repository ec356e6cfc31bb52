"""Truth alone places tiles: the ceiling is really one."""

import numpy as np
import pytest

from accuracy.compare import compare, look
from accuracy.lattice import FINER, MARGIN, Lattice, Reconstruction, planes_at
from linumpy.synth import Faults, Rig, brain, plan, render

STEP_MM = 0.05


@pytest.fixture(scope="module")
def views():
    rig = Rig(
        lateral_um=50, axial_um=10, tile_px=(24, 24), ids=(0, 1), margin_mm=0.1, stage_sign_x=-1
    )
    width, height = rig.extent_for(2, 2)
    scene = brain((0.8, height, width), seed=3, finest_um=80)
    faults = Faults(
        galvo={1: (11, 0.4)},
        rehome={1: (1.2, 0.0)},
        rotation_deg={1: 0.8},
        hidden_shift_um={1: (60.0, -40.0)},
    )
    truth = plan(scene, rig, faults, seed=5)
    shape = (8, round(height / STEP_MM), round(width / STEP_MM))
    lattice = Lattice((0.0, 0.01, -0.02), STEP_MM, shape)
    run = Reconstruction(np.zeros(shape, np.float32), lattice, (0, 1), ())
    tiles = {
        one.truth.number: [((t.column, t.row), t.pixels) for t in one.tiles]
        for one in render(scene, truth)
    }
    return look(run, scene, truth, lambda one: tiles[one.number])


def test_the_oracle_is_sharp(views):
    "Rolls, wrong reports, rotation and motion are all undone."
    ideal = compare(views)[1]
    assert len(ideal.planes) == 8
    assert max(ideal.error) < 0.15
    assert np.median(ideal.ncc) > 0.95


def test_a_run_that_is_the_anatomy_has_no_error(views):
    "And voxels where nobody measured are counted."
    perfect = Reconstruction(views.anatomy, views.run.lattice, (0, 1), ())
    found = compare(
        type(views)(perfect, views.anatomy_fine, views.oracle, views.measured, views.truth)
    )
    assert max(found[0].error) < 0.01
    assert min(found[0].ncc) > 0.999
    assert max(found[0].spacing) < 0.05


def test_invented_voxels_are_counted(views):
    "Beyond two voxels of what was measured, unless the slice is marked as interpolated."
    voxels = views.anatomy.copy()
    measured = views.measured.copy()
    measured[:, :, :10] = False
    voxels[:] = np.where(measured, voxels, 0)
    voxels[3, 5, 3] = 0.5
    for interpolated, wanted in (((), 1), ((0,), 0)):
        run = Reconstruction(voxels, views.run.lattice, (1,), interpolated)
        one = type(views)(run, views.anatomy_fine, views.oracle, measured, views.truth)
        assert sum(compare(one)[0].unsourced) == wanted


def test_depth_steps_are_half_voxels():
    "planes_at averages the samples that a plane spans."
    fine = np.arange(6 + 2 * FINER * MARGIN, dtype=np.float32)[:, None, None] - FINER * MARGIN
    assert planes_at(fine)[:, 0, 0].tolist() == [0.5, 2.5, 4.5]
    assert planes_at(fine, 1)[:, 0, 0].tolist() == [1.5, 3.5, 5.5]
