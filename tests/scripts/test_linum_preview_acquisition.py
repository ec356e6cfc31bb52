"""The picture of an acquisition, and what it says about the tiles."""

import shutil

import pytest

from linumpy.io import tiles
from linumpy.scripts import orientation_steps
from linumpy.scripts.linum_preview_acquisition import COMMAND
from linumpy.synth import Faults, Rig, plan
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition

RIG = Rig(lateral_um=25, axial_um=10, tile_px=(48, 40), ids=(0, 1, 3), image_depth_um=120)


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """Three slices of 3 × 3 tiles, 02 never acquired."""
    scene = make_scene("brain", RIG, (3, 3), 4)
    folder = tmp_path_factory.mktemp("preview") / "raw"
    return write_acquisition(folder, scene, plan(scene, RIG, Faults(), 4)).raw


@pytest.fixture
def call(capsys):
    def run(*argv):
        with pytest.raises(SystemExit) as end:
            COMMAND.main([str(arg) for arg in argv])
        return end.value.code, capsys.readouterr().err

    return run


def test_a_picture_is_made(call, raw, tmp_path):
    "Of an acquisition with a missing tile and one that is cut off."
    other = tmp_path / "raw"
    shutil.copytree(raw, other)
    shutil.rmtree(next(other.rglob("tile_x01_y01_z00")))
    path = next(next(other.rglob("tile_x00_y00_z01")).glob("image_*.bin"))
    path.write_bytes(path.read_bytes()[:-4])
    code, _ = call(other, tmp_path / "p.png")
    assert code == 0
    assert (tmp_path / "p.png").read_bytes().startswith(b"\x89PNG")


def test_a_wrong_orientation_is_drawn_and_named(call, raw, tmp_path):
    "The picture is there, the exit code is that of the run; forced it is 0."
    path = tmp_path / "p.png"
    code, said = call(raw, path, "--tile_orientation", "left_down")
    assert code == 2
    assert "--tile_orientation right_down" in said
    assert path.exists()
    flags = ("--tile_orientation", "left_down", "--force_orientation", "--overwrite")
    assert call(raw, path, *flags)[0] == 0


def test_large_acquisitions_are_read_in_part(raw, monkeypatch):
    "B-scans become fewer as there are more bytes, lines as there are more tiles; never too few."
    found = tiles.discover(raw)
    assert orientation_steps.sampling_of(found) == (64, 64)
    monkeypatch.setattr(orientation_steps, "PICTURE_BYTES", 27 * 10 * found.first_info.frame_bytes)
    assert orientation_steps.sampling_of(found) == (64, 10)
    monkeypatch.setattr(orientation_steps, "PICTURE_BYTES", 1)
    assert orientation_steps.sampling_of(found) == (64, orientation_steps.LEAST_SCANS)


def test_tiles_are_chosen_by_pairs():
    "A bright tile without a neighbour has no overlap."
    tissue = {(0, 0): 9.0, (5, 5): 99.0, (1, 0): 3.0}
    assert orientation_steps._best_tiles(tissue) == {(0, 0), (1, 0)}
