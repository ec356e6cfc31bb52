"""A run is stopped where the tiles lie otherwise, and nowhere else."""

import json

import pytest

from linumpy.core import tile_orientation
from linumpy.scripts import linum_estimate_xy_shift_from_metadata as estimate
from linumpy.scripts.linum_check_orientation import COMMAND
from linumpy.synth import Faults, Rig, plan
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition
from tests.lying import rewrite

RIG = Rig(
    lateral_um=25, axial_um=10, tile_px=(48, 40), n_extra=8, ids=(0, 1), image_depth_um=120,
    stage_sign_x=-1,
)  # fmt: skip


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Two slices of 3 × 3 tiles, one with mistimed sweeps."""
    scene = make_scene("brain", RIG, (3, 3), 4)
    truth = plan(scene, RIG, Faults(galvo={1: (21, 0.5)}), 4)
    return write_acquisition(tmp_path_factory.mktemp("lying") / "raw", scene, truth).raw


@pytest.fixture
def call(capsys, tmp_path):
    def run(raw, *flags, force=()):
        said = ""
        for command, argv in (
            (estimate.COMMAND, (raw, tmp_path / "shifts_xy.csv", *flags)),
            (COMMAND, (raw, tmp_path / "acquisition.json", tmp_path / "o.json", *force)),
        ):
            with pytest.raises(SystemExit) as end:
                command.main([str(arg) for arg in (*argv, "--overwrite")])
            said += capsys.readouterr().err
        path = tmp_path / "o.json"
        return end.value.code, said, json.loads(path.read_text()) if path.exists() else None

    return run


def test_a_correct_acquisition_goes_on(call, raw):
    "The numbers stand in the product."
    code, _, found = call(raw)
    assert code == 0
    assert (found["in_force"], found["fits_better"], found["agrees"]) == ("right_down", [], True)
    assert set(found["strengths"]) == set(tile_orientation.ALL)
    assert found["stage_sign"] == {"x": -1, "y": 1}


@pytest.mark.filterwarnings("ignore:tiles are:linumpy.errors.Suspicious")
@pytest.mark.parametrize("lies", ["left_down", "down_right", "up_left"])
def test_tiles_that_lie_otherwise_stop_the_run(call, raw, tmp_path, lies):
    "The flag is named; with the flag the run goes on."
    other = rewrite(raw, tmp_path / "raw", lies)
    code, said, found = call(other)
    assert (code, found) == (2, None)
    flag = f"--tile_orientation {lies}"
    assert ("--legacy_orientation" if lies == "up_left" else flag) in said
    assert flag in said
    assert call(other, *flag.split())[0] == 0


def test_force_goes_on(call, raw, caplog):
    "A warning says what was seen."
    code, _, found = call(raw, "--tile_orientation", "right_up", force=["--force_orientation"])
    assert code == 0
    assert found["fits_better"][0] == "right_down"


def test_a_wrong_sign_is_said(call, raw):
    "The sign that was given is named, since the headers know better."
    code, said, _ = call(raw, "--stage_sign_x", 1)
    assert code == 2
    assert "leave out --stage_sign_x: the stage positions say the opposite" in said


def test_unreadable_tiles_are_passed_over(call, raw, tmp_path):
    "A truncated tile is the business of the stage that needs it."
    other = rewrite(raw, tmp_path / "raw", "right_down")
    for path in sorted(other.rglob("image_*.bin"))[:2]:
        path.write_bytes(path.read_bytes()[:-4])
    assert call(other)[0] == 0
