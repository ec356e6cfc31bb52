"""Shifts and acquisition.json from raw headers."""

import json

import numpy as np
import pytest

from linumpy.core.acquisition import TileInfo
from linumpy.errors import UnknownStageSign
from linumpy.io import acquisition, shifts, tiles
from linumpy.scripts.linum_estimate_xy_shift_from_metadata import COMMAND


@pytest.fixture
def call(capsys):
    def run(*argv):
        with pytest.raises(SystemExit) as ended:
            COMMAND.main([str(arg) for arg in argv])
        return ended.value.code, capsys.readouterr().err

    return run


def write_slice(root, number, *, origin=(0.0, 0.0), sign=1, columns=2, **changes):
    """Two rows of tiles, 0.4 mm wide and 0.32 apart; content begins at ``origin``."""
    for x in range(columns):
        for y in range(2):
            stage = [sign * (o + 0.32 * i + 0.2) for o, i in zip(origin, (x, y), strict=True)]
            values = {
                "nx": 8, "ny": 8, "nz": 3, "n_extra": 2, "n_repeat": 1,
                "width_um": 400.0, "height_um": 400.0, "stage_x_mm": stage[0],
                "stage_y_mm": stage[1], "stage_z_mm": 0.2 * number,
            }  # fmt: skip
            info = TileInfo(**{**values, **changes})
            name = f"tile_x{x:02d}_y{y:02d}_z{number:02d}"
            pixels = np.ones((info.nz, info.nx + info.n_extra, info.ny), np.float32)
            tiles.write_tile(root / f"z{number:02d}" / name, pixels, info)


@pytest.mark.parametrize("sign", [1, -1])
def test_shifts_of_both_kinds_of_rig(call, tmp_path, sign):
    "The stage's sense is read from the headers, the shifts say where content goes."
    root, out = tmp_path / "raw", tmp_path / "out" / "shifts_xy.csv"
    out.parent.mkdir()
    write_slice(root, 0, origin=(1.0, 1.0), sign=sign)
    write_slice(root, 2, origin=(1.05, 0.9), sign=sign)
    write_slice(root, 105, origin=(1.05, 0.9), sign=sign, columns=3)
    assert call(root, out)[0] == 0
    one, two = shifts.read(out)
    assert (one.fixed, one.moving, two.moving) == ("00", "02", "105")
    assert (one.x_mm, one.y_mm) == pytest.approx((0.05, -0.1))
    assert (one.x_px, one.y_px) == pytest.approx((1.0, -2.0))
    assert (one.reliable, two.reliable) == (True, False)
    scan = acquisition.read(out.parent / "acquisition.json")
    assert (scan.rig.stage_sign.x, scan.rig.stage_sign.y) == (sign, sign)
    assert scan.extents[one.fixed].origin_mm.x == pytest.approx(1.0)
    assert scan.extents[two.moving].grid == (2, 3)
    assert (scan.slicing_interval_mm, scan.n_extra, scan.axial_um) == (0.2, 2, None)
    assert len(scan.never_acquired) == 103


def test_acquisition_file_round_trip(call, tmp_path):
    "What is read is written again to the same bytes."
    root, out = tmp_path / "raw", tmp_path / "shifts_xy.csv"
    write_slice(root, 3, axial_um=3.5)
    write_slice(root, 4, axial_um=3.5)
    assert call(root, out)[0] == 0
    path = tmp_path / "acquisition.json"
    acquisition.write(tmp_path / "again.json", acquisition.read(path))
    assert (tmp_path / "again.json").read_bytes() == path.read_bytes()
    found = json.loads(path.read_text())
    assert found["tile_fov_mm"] == {"x": 0.4, "y": 0.4}
    assert found["tile_step_mm"] == {"x": 0.32, "y": 0.32}
    assert found["lateral_um"] == {"x": 50.0, "y": 50.0}
    assert found["axial_um"] == 3.5
    assert set(found["slices"]["03"]) == {
        "grid", "n_tiles", "origin_mm", "far_mm", "stage_z_mm", "nz"
    }  # fmt: skip


def test_one_slice(call, tmp_path):
    "A shifts file without a row, and the acquisition all the same."
    root, out = tmp_path / "raw", tmp_path / "shifts_xy.csv"
    write_slice(root, 7)
    assert call(root, out)[0] == 0
    assert shifts.read(out) == ()
    assert acquisition.read(tmp_path / "acquisition.json").slicing_interval_mm is None


def test_nominal_positions(call, tmp_path):
    "Without stage keys, from the tile index and the overlap."
    root, out = tmp_path / "raw", tmp_path / "shifts_xy.csv"
    for number in (0, 1):
        write_slice(root, number, stage_x_mm=None, stage_y_mm=None)
    assert call(root, out, "--overlap_fraction", 0.1)[0] == 0
    scan = acquisition.read(tmp_path / "acquisition.json")
    assert scan.rig.overlap_fraction == 0.1
    assert scan.rig.step_x_mm == pytest.approx(0.36)
    assert shifts.read(out)[0].x_mm == 0


def test_one_column(call, tmp_path):
    "The sign cannot be seen; the flag gives it without a warning."
    root, out = tmp_path / "raw", tmp_path / "shifts_xy.csv"
    write_slice(root, 0, columns=1)
    with pytest.warns(UnknownStageSign, match="--stage_sign_x"):
        call(root, out)
    assert call(root, out, "--stage_sign_x", -1, "-f")[0] == 0
    assert acquisition.read(tmp_path / "acquisition.json").rig.stage_sign.x == -1


def test_bad_input(call, tmp_path):
    "One error with file and hint, exit code 2, nothing written."
    root, out = tmp_path / "raw", tmp_path / "shifts_xy.csv"
    assert call(root, out)[0] == 2
    root.mkdir()
    code, said = call(root, out)
    assert (code, "no tile found" in said) == (2, True)
    write_slice(root, 0)
    broken = root / "z00" / "tile_x01_y00_z00" / "info.txt"
    broken.write_text(broken.read_text().replace("nx: 8\n", ""))
    code, said = call(root, out)
    assert code == 2
    assert "tile_x01_y00_z00/info.txt: no key nx" in said
    assert "hint: " in said
    assert not out.exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [("{", "not JSON"), ("{}", "no key 'stage_sign'"), ("[]", "not an acquisition file")],
)
def test_an_acquisition_file_that_cannot_be_right(tmp_path, text, message):
    "The file and what is missing are named."
    path = tmp_path / "acquisition.json"
    path.write_text(text)
    with pytest.raises(acquisition.BadFile, match=message):
        acquisition.read(path)
    with pytest.raises(acquisition.MissingFile, match=r"nowhere\.json: no such file"):
        acquisition.read(tmp_path / "nowhere.json")
