"""One row per slice, from whatever says which slices there are."""

import json
import logging

import numpy as np
import pytest

from linumpy.core.acquisition import TileInfo
from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.io import history, omezarr, slice_config, tiles
from linumpy.scripts.linum_generate_slice_config import COMMAND

NX, NY, NZ, N_EXTRA = 24, 20, 6, 8


@pytest.fixture
def call(capsys):
    """Run a command line; return the exit code and what it said."""

    def run(*argv):
        with pytest.raises(SystemExit) as end:
            COMMAND.main(list(map(str, argv)))
        return end.value.code, capsys.readouterr().err

    return run


@pytest.fixture
def shifts_file(tmp_path):
    path = tmp_path / "preproc" / "shifts_xy.csv"
    path.parent.mkdir()
    path.write_text(
        "fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n"
        "0.0,1.0,10,5,0.01,0.005\n1,2,8,3,0.008,0.003\n2,5,12,7,0.012,0.007\n5,100,0,0,0,0\n"
    )
    return path


def write_acquisition(path, ids, never, depths):
    extent = {"grid": [1, 1], "n_tiles": 1, "stage_z_mm": 0.0}
    extent |= {"origin_mm": {"x": 0.0, "y": 0.0}, "far_mm": {"x": 1.0, "y": 1.0}}
    content = {
        "slice_ids": ids, "never_acquired": never, "stage_sign": {"x": 1, "y": 1},
        "tile_fov_mm": {"x": 1.0, "y": 1.0}, "tile_step_mm": {"x": 0.8, "y": 0.8},
        "lateral_um": {"x": 50.0, "y": 50.0}, "orientation": "right_down",
        "overlap_fraction": None, "n_extra": 12, "axial_um": None, "slicing_interval_mm": 0.2,
        "slices": {key: extent | {"nz": depth} for key, depth in zip(ids, depths, strict=True)},
    }  # fmt: skip
    path.write_text(json.dumps(content))


def write_tiles(root, slices, *, n_extra=N_EXTRA, roll=0, seed=0):
    """Two textured tiles per slice, their galvo return a dark band, rolled."""
    rng = np.random.default_rng(seed)
    for slice_id, nz in slices.items():
        for x in range(2):
            info = TileInfo(NX, NY, nz, n_extra, 1, 1200.0, 1000.0, 0.9 * x, 0.0, 0.2 * slice_id)
            pixels = rng.gamma(4.0, 25.0, (nz, NX + n_extra, NY)).astype(np.float32)
            pixels[:, NX:] *= 0.2
            pixels = np.roll(pixels, roll, axis=1)
            folder = root / f"z{slice_id:02d}" / f"tile_x{x:02d}_y00_z{slice_id:02d}"
            tiles.write_tile(folder, pixels, info)


def uses(path):
    return {key: (row["use"], row["notes"]) for key, row in slice_config.read(path).items()}


def test_from_shifts(call, shifts_file, tmp_path):
    "The page's command; the first slice is the calibration slice."
    out = tmp_path / "slice_config.csv"
    assert call(shifts_file, out, "--from_shifts")[0] == 0
    assert uses(out) == {
        "00": (False, "calibration_slice"),
        "01": (True, ""), "02": (True, ""), "05": (True, ""), "100": (True, ""),
    }  # fmt: skip
    assert {one.command for one in history.read(out)} == {"linum_generate_slice_config.py"}
    code, said = call(shifts_file, out, "--from_shifts")
    assert code == 2
    assert "pass --overwrite" in said


@pytest.mark.parametrize("ids", [["2", "5"], ["02,05"], ["2-2,5"]])
def test_exclude(call, shifts_file, tmp_path, ids):
    "In every form of an id; with its note."
    out = tmp_path / "slice_config.csv"
    assert call(shifts_file, out, "--from_shifts", "--exclude", *ids, "--exclude_first", 0)[0] == 0
    assert [key for key, (use, _) in uses(out).items() if not use] == ["02", "05"]
    assert uses(out)["02"][1] == "excluded_by_user"


def test_exclude_and_calibration_meet(call, shifts_file, tmp_path):
    "Both notes stand; the N lowest ids count, whoever excluded them."
    out = tmp_path / "slice_config.csv"
    call(shifts_file, out, "--from_shifts", "--exclude", 0, "--exclude_first", 2)
    assert uses(out)["00"] == (False, "calibration_slice; excluded_by_user")
    assert uses(out)["01"] == (False, "calibration_slice")
    assert uses(out)["02"] == (True, "")


def test_an_unknown_id_to_exclude_is_named(call, shifts_file, tmp_path):
    "A typing error does not go unnoticed."
    code, said = call(shifts_file, tmp_path / "o.csv", "--from_shifts", "--exclude", 3)
    assert code == 2
    assert "--exclude 03: no such slice" in said


def test_an_acquisition_beside_the_shifts(call, shifts_file, tmp_path, caplog):
    "It tells of slices that were never acquired, and how deep the others are."
    caplog.set_level(logging.INFO)
    ids = ["00", "01", "02", "05", "100"]
    write_acquisition(shifts_file.with_name("acquisition.json"), ids, ["03", "04"], [9, 4, 4, 4, 9])
    out = tmp_path / "slice_config.csv"
    flags = ("--exclude_first", 0, "--detect_calibration")
    assert call(shifts_file, out, "--from_shifts", *flags)[0] == 0
    assert uses(out) == {
        "00": (False, "calibration_slice"), "01": (True, ""), "02": (True, ""),
        "03": (False, "not_acquired"), "04": (False, "not_acquired"),
        "05": (True, ""), "100": (True, ""),
    }  # fmt: skip
    assert "12 galvo-return A-lines per sweep are not examined: --detect_galvo" in caplog.text


def test_a_first_slice_that_is_kept_is_said(call, shifts_file, tmp_path, caplog):
    "With the flag that leaves it out."
    caplog.set_level(logging.INFO)
    call(shifts_file, tmp_path / "o.csv", "--from_shifts", "--exclude_first", 0)
    assert "slice 00, the first, is kept; --exclude_first 1 leaves it out" in caplog.text


def test_the_thickness_ratio(call, tmp_path):
    "Thicker means deeper than the ratio times the median."
    root = tmp_path / "raw"
    write_tiles(root, {2: 9, 3: 6, 5: 6})
    flags = ("--from_tiles", "--exclude_first", 0, "--detect_calibration")
    for ratio, is_kept in ((1.4, False), (1.5, True)):
        out = tmp_path / f"r{ratio}.csv"
        assert call(root, out, *flags, "--calibration_thickness_ratio", ratio)[0] == 0
        assert uses(out)["02"][0] is is_kept


def test_from_tiles(call, tmp_path):
    "Ids between two seen ones without a tile get a row."
    root = tmp_path / "raw"
    write_tiles(root, {2: NZ, 4: NZ})
    assert call(root, tmp_path / "o.csv", "--from_tiles")[0] == 0
    assert uses(tmp_path / "o.csv") == {
        "02": (False, "calibration_slice"), "03": (False, "not_acquired"), "04": (True, ""),
    }  # fmt: skip


def test_from_mosaics(call, tmp_path):
    "The last z<digits> of a volume's name is its id; depth is its planes."
    for name, depth in (("mosaic_grid_3d_z01", 9), ("sub-z7_z02", 4), ("x_z100_fixed", 4)):
        level = omezarr.Level((depth, 4, 4), Spacing(0.01, 0.01, 0.01), (depth, 4, 4))
        with omezarr.create(tmp_path / "m" / f"{name}.ome.zarr", [level]) as new:
            new.array[...] = np.zeros((depth, 4, 4), np.float32)
    (tmp_path / "m" / "shifts_xy.csv").write_text("ignored")
    out = tmp_path / "o.csv"
    assert call(tmp_path / "m", out, "--exclude_first", 0, "--detect_calibration")[0] == 0
    assert uses(out) == {
        "01": (False, "calibration_slice"), "02": (True, ""), "100": (True, ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("flags", "says"),
    [
        (["--from_tiles", "--from_shifts"], "exclude each other"),
        (["--detect_galvo"], "--detect_galvo looks at raw tiles"),
        ([], "no *z<digits>*.ome.zarr found"),
        (["--from_tiles"], "no tile found"),
        (["--from_shifts"], "is a folder"),
        (["--galvo_threshold", 1.5], "--galvo_threshold 1.5"),
    ],
)
def test_refusals(call, tmp_path, flags, says):
    "Exit code 2, and nothing is written."
    (tmp_path / "empty").mkdir()
    code, said = call(tmp_path / "empty", tmp_path / "o.csv", *flags)
    assert code == 2
    assert says in said
    assert not (tmp_path / "o.csv").exists()


def test_thickness_needs_depths(call, shifts_file, tmp_path):
    "A shifts file alone does not say how deep slices are."
    code, said = call(shifts_file, tmp_path / "o.csv", "--from_shifts", "--detect_calibration")
    assert code == 2
    assert "--detect_calibration needs the depth of the slices" in said


def test_two_volumes_of_one_slice(call, tmp_path):
    "Neither is chosen silently."
    for name in ("a_z01", "b_z1"):
        (tmp_path / "m" / f"{name}.ome.zarr").mkdir(parents=True)
    code, said = call(tmp_path / "m", tmp_path / "o.csv")
    assert code == 2
    assert "are both slice 01" in said


def test_galvo_is_stamped_with_its_evidence(call, tmp_path):
    "The confidence decides at the threshold; the roll is in the JSON beside."
    root, out = tmp_path / "raw", tmp_path / "slice_config.csv"
    write_tiles(root, {0: NZ, 1: NZ})
    write_tiles(root, {2: NZ}, roll=13, seed=1)
    assert call(root, out, "--from_tiles", "--detect_galvo")[0] == 0
    rows = slice_config.read(out)
    assert [row["galvo_fix"] for row in rows.values()] == [False, False, True]
    assert rows["02"]["galvo_confidence"] >= 0.6
    evidence = json.loads((tmp_path / "galvo" / "slice_z02_galvo.json").read_text())
    n = NX + N_EXTRA
    assert evidence["shift_px"] == n - 13
    assert evidence["n_extra"] == N_EXTRA
    again = tmp_path / "again.csv"
    flags = ("--galvo_threshold", 1.0, "--galvo_dir", tmp_path / "g", "--workers", 2)
    assert call(root, again, "--from_tiles", "--detect_galvo", *flags)[0] == 0
    assert slice_config.read(again)["02"]["galvo_fix"] is False
    one, two = (tmp_path / name / "slice_z02_galvo.json" for name in ("galvo", "g"))
    assert one.read_bytes() == two.read_bytes()


def test_galvo_with_a_shifts_file(call, shifts_file, tmp_path):
    "The page's command with --tiles_dir; slices without tiles say so."
    root, out = tmp_path / "raw", tmp_path / "slice_config.csv"
    write_tiles(root, {1: NZ, 2: NZ})
    flags = ("--from_shifts", "--detect_galvo", "--tiles_dir", root)
    assert call(shifts_file, out, *flags)[0] == 0
    rows = slice_config.read(out)
    assert rows["01"]["galvo_confidence"] is not None
    assert rows["05"]["galvo_confidence"] is None
    assert rows["05"]["notes"] == "no_tiles"
    assert rows["05"]["use"] is True


def test_a_folder_with_other_files_is_not_replaced(call, tmp_path):
    "galvo beside the output may be the user's."
    write_tiles(tmp_path / "raw", {1: NZ, 2: NZ})
    (tmp_path / "galvo").mkdir()
    (tmp_path / "galvo" / "notes.txt").write_text("precious")
    code, said = call(tmp_path / "raw", tmp_path / "o.csv", "--from_tiles", "--detect_galvo")
    assert code == 2
    assert "galvo holds other files (notes.txt)" in said
    assert (tmp_path / "galvo" / "notes.txt").exists()


def test_a_rig_without_galvo_return(call, tmp_path):
    "Nothing to look for."
    write_tiles(tmp_path / "raw", {1: NZ, 2: NZ}, n_extra=0)
    assert call(tmp_path / "raw", tmp_path / "o.csv", "--from_tiles", "--detect_galvo")[0] == 0
    assert uses(tmp_path / "o.csv")["02"] == (True, "no_extra_alines")


def test_an_unreadable_slice_is_recorded_as_failed(call, tmp_path):
    "The others go on."
    root, out = tmp_path / "raw", tmp_path / "slice_config.csv"
    write_tiles(root, {1: NZ, 2: NZ, 3: NZ})
    for image in (root / "z02").rglob("image_*.bin"):
        image.write_bytes(image.read_bytes()[:100])
    assert call(root, out, "--from_tiles", "--detect_galvo")[0] == 0
    rows = slice_config.read(out)
    assert rows["02"]["use"] is False
    assert rows["02"]["notes"].startswith(
        "failed: generate_slice_config: tile_x00_y00_z02/image_00000.bin is truncated"
    )
    assert rows["03"]["use"] is True
    assert rows[SliceId(3)]["galvo_confidence"] is not None
