"""linum_simulate_acquisition.py: flags, files, layouts."""

import json

import nibabel
import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.io import tiles
from linumpy.scripts.linum_simulate_acquisition import COMMAND

SMALL = ["--preset", "tiny", "--ids", "0-1", "--no-faults", "--grid", "1", "2"]


def simulate(out, *flags):
    with pytest.raises(SystemExit) as end:
        COMMAND.main([str(out), *map(str, flags), "--workers", "1"])
    return end.value.code


def bytes_of(folder):
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith("done.json")
    }


def test_what_it_writes(tmp_path):
    "Raw tiles that the reader takes, a truth file, a truth volume; twice the same bytes."
    assert simulate(tmp_path / "a", *SMALL) == 0
    found = tiles.discover(tmp_path / "a" / "raw")
    assert found.ids == (SliceId(0), SliceId(1))
    assert found.slices[SliceId(0)].grid == (2, 1)
    for tile in found.slices[SliceId(1)].tiles:
        assert tiles.read_tile(tile).shape == (26, 30, 24)
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    assert truth["slices"]["01"]["tiles"] == [1, 2]
    volume = np.load(tmp_path / "a" / "truth_volume.npy")
    assert volume.dtype == np.float16
    assert simulate(tmp_path / "b", *SMALL) == 0
    assert bytes_of(tmp_path / "a") == bytes_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("layout", "folder"),
    [("flat", "tile_x00_y00_z01"), ("software", "slice_z01/tiles/tile_x00_y00_z01")],
)
def test_layouts(tmp_path, layout, folder):
    "Folders are laid out as asked, frames over as many files."
    assert simulate(tmp_path / "a", *SMALL, "--layout", layout, "--n_files", 2) == 0
    names = sorted(path.name for path in (tmp_path / "a" / "raw" / folder).iterdir())
    assert names == ["image_00000.bin", "image_00001.bin", "info.txt"]
    metadata = tmp_path / "a" / "raw" / "slice_z01" / "metadata.json"
    assert metadata.is_file() == (layout == "software")
    found = tiles.discover(tmp_path / "a" / "raw").slices[SliceId(1)].tiles[0]
    assert tiles.read_tile(found).shape == (26, 30, 24)


def test_truth_flag_makes_it_again(tmp_path):
    "--truth gives the bytes of the acquisition that the file came from."
    flags = ["--preset", "tiny", "--ids", "0-2", "--grid", "1", "2"]
    assert simulate(tmp_path / "a", *flags) == 0
    assert simulate(tmp_path / "b", "--truth", tmp_path / "a" / "truth.json") == 0
    assert bytes_of(tmp_path / "a" / "raw") == bytes_of(tmp_path / "b" / "raw")


def test_seed_and_drawn_faults(tmp_path):
    "Another seed is another acquisition; drawn faults stand in the truth file."
    base = ["--preset", "tiny", "--grid", "1", "2", "--random_faults", "3"]
    for name, seed in (("a", 1), ("b", 2)):
        assert simulate(tmp_path / name, *base, "--simulation_seed", seed) == 0
    one, other = (json.loads((tmp_path / n / "truth.json").read_text()) for n in ("a", "b"))
    assert one["faults"] != other["faults"]
    assert sum(len(v) for k, v in one["faults"].items() if isinstance(v, dict)) == 3


def test_faults_by_flag(tmp_path):
    "Fault flags plant, id by id, and stand in the truth file."
    faults = ["--galvo", "1:11:0.4", "--rehome", "1:-1.2:0", "--damage", "0:blur:0.5"]
    faults += ["--missing_tiles", "1:0:1", "--rotation_deg", "1:0.5", "--calibration", "0"]
    assert simulate(tmp_path / "a", *SMALL, *faults) == 0
    slices = json.loads((tmp_path / "a" / "truth.json").read_text())["slices"]
    assert (slices["01"]["galvo_roll"], slices["01"]["reported_error_mm"]) == (11, [-1.2, 0])
    assert (slices["00"]["quality"], slices["00"]["severity"]) == ("blur", 0.5)
    assert slices["01"]["missing_tiles"] == [[0, 1]]
    assert (slices["00"]["nz"], slices["01"]["nz"]) == (52, 26)
    assert not (tmp_path / "a/raw/z01/tile_x00_y01_z01").exists()


@pytest.fixture
def cube():
    rng = np.random.default_rng(0)
    return (rng.random((10, 24, 30)) * 1000).astype(np.int16)


@pytest.mark.parametrize("kind", ["npy", "nii.gz", "ome.zarr"])
def test_volume_of_the_user(tmp_path, cube, kind):
    "One anatomy in three file formats gives the same raw bytes."
    path = tmp_path / f"anatomy.{kind}"
    flags = []
    if kind == "npy":
        np.save(path, cube)
        flags = ["--voxel_um", 50]
    elif kind == "nii.gz":
        image = nibabel.Nifti1Image(cube.transpose(), np.diag([0.05, 0.05, 0.05, 1]))
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
    else:
        write_omezarr(path, cube)
    base = ["--preset", "tiny", "--ids", "0-1", "--no-faults"]
    assert simulate(tmp_path / "a", *base, "--volume", path, *flags) == 0
    np.save(tmp_path / "same.npy", cube)
    assert simulate(tmp_path / "b", *base, "--volume", tmp_path / "same.npy", "--voxel_um", 50) == 0
    assert bytes_of(tmp_path / "a" / "raw") == bytes_of(tmp_path / "b" / "raw")
    truth = json.loads((tmp_path / "a" / "truth.json").read_text())
    assert truth["size_zyx_mm"] == pytest.approx([0.5, 1.2, 1.5])


def write_omezarr(path, cube):
    from linumpy.core.spacing import Spacing
    from linumpy.io import omezarr

    level = omezarr.Level(cube.shape, Spacing(0.05, 0.05, 0.05), cube.shape)
    with omezarr.create(path, [level]) as new:
        new.array[...] = cube.astype(np.float32)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--preset", "nonsense"], "no preset"),
        (["--preset", "tiny", "--galvo", "9:3:0.5"], "slice 9, which is not acquired"),
        (["--preset", "tiny", "--galvo", "1:3"], "ID:int:float"),
        (["--preset", "tiny", "--volume", "VOLUME"], "pass --voxel_um"),
        (["--preset", "tiny", "--volume", "VOLUME", "--voxel_um", "5"], "mm deep"),
        (["--truth", "TRUTH", "--galvo", "1:3:0.5"], "does not go with --truth"),
        (["--truth", "TRUTH"], "not a truth file"),
    ],
)
def test_refusals(tmp_path, cube, capsys, flags, said):
    "A wrong flag ends with 2, its reason, and no output."
    np.save(tmp_path / "v.npy", cube)
    (tmp_path / "t.json").write_text("{}")
    places = {"VOLUME": tmp_path / "v.npy", "TRUTH": tmp_path / "t.json"}
    assert simulate(tmp_path / "a", *(places.get(flag, flag) for flag in flags)) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "a").exists()
