"""Where a voxel comes from: the raw pixel that the simulator put there, and back."""

import json

import numpy as np
import pytest

from linumpy.io import labels, omezarr
from linumpy.scripts import linum_locate
from linumpy.synth import plan
from linumpy.synth.presets import make_scene
from linumpy.synth.surface import surface_um
from tests.stories.runs import FAULTS, RIG

pytestmark = pytest.mark.story
VOXEL_UM = 25


@pytest.fixture(scope="module")
def truth():
    """The truth that the run's raw tiles were made from."""
    return plan(make_scene("brain", RIG, (3, 2), 11), RIG, FAULTS, 11)


@pytest.fixture
def ask(whole_run, capsys):
    """Call the command about the run; what it answers."""

    def call(*argv, code=0):
        with pytest.raises(SystemExit) as end:
            linum_locate.COMMAND.main([str(whole_run), *map(str, argv), "--json"])
        assert end.value.code == code
        out = capsys.readouterr()
        return json.loads(out.out) if code == 0 else out.err

    return call


def some_voxels(whole_run, n):
    "Voxels of measured tissue, spread over all slices."
    found = labels.open_labels(whole_run / "3d_volume.ome.zarr")
    values = found.array[:]
    filled = [int(i) + 1 for i in found.attributes["interpolated_ids"]]
    rng = np.random.default_rng(5)
    for value in np.setdiff1d(np.unique(values), [0, *filled]):
        places = np.argwhere(values == value)
        yield from rng.choice(places, n, axis=0).tolist()


def true_mm(truth, found):
    "Return where the simulator had the raw pixel (z, y, x), mm."
    one = next(t for i, t in truth.slices.items() if str(i) == found["slice"])
    a_line = (found["a_line"] + one.galvo_roll) % (RIG.tile_px[0] + RIG.n_extra)
    x0, y0 = one.tile_truths[found["tile_x"], found["tile_y"]].origin_mm
    step_x, step_y = RIG.pixel_mm
    x, y = x0 + (a_line + 0.5) * step_x, y0 + (found["b_scan"] + 0.5) * step_y
    nx, ny = RIG.tile_px
    grid = np.meshgrid(x0 + (np.arange(nx) + 0.5) * step_x, y0 + (np.arange(ny) + 0.5) * step_y)
    cut_um = surface_um(RIG, one.water_um, truth.centre_mm, tuple(grid))[found["b_scan"], a_line]
    below_um = (found["depth_sample"] + 0.5) * RIG.axial_um - float(cut_um)
    return one.z_mm + below_um / 1000, y, x


def test_a_voxel_leads_to_the_raw_pixel_that_was_planted_there(whole_run, truth, ask):
    """In slices with a rolled sweep and a stage glitch too.

    What is left is where tiles were placed: the stage hides steps of 20 µm, and a tile without
    information in its overlaps keeps them.
    """
    volume = omezarr.open_volume(whole_run / "3d_volume.ome.zarr")
    first = truth.slices[min(truth.slices)]
    used = int(volume.attributes["slices"][0]["slice_id"])
    seen, errors = set(), []
    for voxel in some_voxels(whole_run, 3):
        found = ask(*voxel)
        seen.add(found["slice"])
        assert found["tile"] == f"z{found['slice']}/tile_x{found['tile_x']:02d}_y" + (
            f"{found['tile_y']:02d}_z{found['slice']}"
        )
        z, y, x = found["position_mm"]
        wanted = (
            truth.rig.z_mm(used) + z + VOXEL_UM / 2000,
            first.origin_mm[1] + y,
            first.origin_mm[0] + x,
        )
        errors.append(np.subtract(true_mm(truth, found), wanted) * 1000 / VOXEL_UM)
    assert {"01", "05"} <= seen
    assert np.median(np.abs(errors), axis=0).max() <= 1.5 * RIG.unreported_jitter_um / VOXEL_UM
    assert np.abs(errors).max() <= 4 * RIG.unreported_jitter_um / VOXEL_UM
    assert np.abs(errors)[:, 0].max() <= 0.5  # depth


def test_the_way_back_leads_to_the_same_voxel(whole_run, ask):
    "The raw pixel of a voxel lies in that voxel: to half a voxel and half a pixel."
    for voxel in some_voxels(whole_run, 2):
        there = ask(*voxel)
        back = ask(
            "--tile", there["tile"], "--a_line", there["a_line"], "--b_scan", there["b_scan"],
            "--depth", there["depth_sample"],
        )  # fmt: skip
        assert back["slice"] == there["slice"]
        assert np.abs(np.subtract(back["voxel"], voxel)).max() <= 1


def test_a_position_in_mm_is_the_voxel_there(whole_run, ask):
    (voxel, *_) = some_voxels(whole_run, 1)
    there = ask(*voxel)
    assert ask(*there["position_mm"], "--in_mm") == there


def test_what_no_tile_shows_is_said(whole_run, ask):
    "No data, an interpolated slice, water, the mirror's way back, a place outside."
    found = labels.open_labels(whole_run / "3d_volume.ome.zarr")
    values = found.array[:]
    assert ask(*np.argwhere(values == 0)[0])["slice"] is None
    filled = int(found.attributes["interpolated_ids"][0]) + 1
    assert "interpolated" in ask(*np.argwhere(values == filled)[0])["says"]
    assert "water" in ask("--tile", "tile_x00_y00_z02", "--a_line", 5, "--b_scan", 5)["says"]
    last = RIG.tile_px[0] + RIG.n_extra - 1
    assert "while the mirror went back" in ask(
        "--tile", "tile_x00_y00_z02", "--a_line", last, code=2
    )
    assert "outside the volume" in ask(9999, 0, 0, code=2)
    assert "no slice in the volume has this tile" in ask("--tile", "tile_x09_y09_z02", code=2)
    assert "one of the two" in ask(code=2)
