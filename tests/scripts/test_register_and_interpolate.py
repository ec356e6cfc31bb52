"""Both commands on slices on disk: files, statuses, refusals, the record."""

import csv
import json
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "registration"))
from planted import speckle, tissue, view

from linumpy.core.filenames import PAIRWISE_METRICS
from linumpy.core.spacing import Spacing
from linumpy.io import slice_config, transforms
from linumpy.io.diagnostics import read_metrics
from linumpy.io.omezarr import Level, create, open_volume
from linumpy.scripts import linum_interpolate_missing_slice as interpolate
from linumpy.scripts import linum_register_pairwise as register

INTERVAL, DEPTH, N = 5, 8, 80
MOTION = (1.0, 3.0, -2.0)


def save(path: Path, planes: np.ndarray, **attributes: object) -> Path:
    level = Level(planes.shape, Spacing(0.02, 0.02, 0.02), (4, 64, 64))
    about = {"slicing_interval_mm": 0.1, "tissue_threshold": 0.2, **attributes}
    with create(path, [level], attributes=about) as new:
        new.array[:] = planes
    return path


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Slices 03, 04, 05 of one brain, 20 µm voxels, cut every 100 µm; 04 is moved by MOTION."""
    root = tmp_path_factory.mktemp("slices")
    brain = tissue(2, 2 * INTERVAL + DEPTH, N + 40, along_z=3.0)
    for i, motion in enumerate([MOTION, (0, 0, 0), MOTION]):
        cut = brain[i * INTERVAL :][:DEPTH]
        planes = speckle(i, np.stack([view(plane, N, motion) for plane in cut]), 10)
        save(root / f"slice_z{i + 3:02d}_normalize.ome.zarr", planes)
    save(root / "slice_z06_normalize.ome.zarr", np.zeros((DEPTH, N, N), np.float32))
    save(root / "slice_z04_interpolated.ome.zarr", planes)
    return root


def slice_path(folder: Path, slice_id: str, kind: str = "normalize") -> str:
    return str(folder / f"slice_z{slice_id}_{kind}.ome.zarr")


def call(command, *argv: object) -> int:
    with pytest.raises(SystemExit) as end:
        command.main([str(part) for part in argv])
    return int(end.value.code or 0)


def test_register_writes_transform_offsets_and_metrics(folder, tmp_path):
    "The motion stands in the metrics and, the other way round, in the ITK file."
    out, shot = tmp_path / "slice_z04_normalize", tmp_path / "shot.png"
    pair = slice_path(folder, "03"), slice_path(folder, "04")
    assert call(register, *pair, out, "--screenshot", shot) == 0
    found = transforms.read_pairwise(out)
    assert (found.fixed, found.moving) == ("03", "04")
    assert found.motion.rotation_deg == pytest.approx(MOTION[0], abs=0.4)
    assert found.motion.dx_um == pytest.approx(20 * MOTION[1], abs=10)
    assert found.motion.dy_um == pytest.approx(20 * MOTION[2], abs=10)
    assert found.offsets == (INTERVAL, 0)
    assert found.confidence > 0.5
    again = transforms.read_transform(out / "transform.tfm", shape=(N, N), pixel_um=20)
    assert again.dx_um == pytest.approx(found.motion.dx_um)
    metrics = read_metrics(out / PAIRWISE_METRICS)
    assert metrics.number("translation_x") == pytest.approx(found.motion.dx_um / 20)
    assert abs(metrics.number("z_offset_planes")) < 0.5
    assert metrics.flag("bridges_a_gap") is False
    assert shot.read_bytes().startswith(b"\x89PNG")


def test_register_across_a_gap_has_no_confidence(folder, tmp_path):
    "03 → 05 is measured, two intervals apart, and not to be used."
    assert call(register, slice_path(folder, "03"), slice_path(folder, "05"), tmp_path / "r") == 0
    metrics = read_metrics(tmp_path / "r" / PAIRWISE_METRICS)
    assert metrics.number("registration_confidence") == 0
    assert metrics.flag("bridges_a_gap") is True
    assert metrics.overall_status == "error"


def test_register_an_interpolated_slice_has_no_confidence(folder, tmp_path):
    "What was made from the neighbours says nothing about them."
    moving = slice_path(folder, "04", "interpolated")
    assert call(register, slice_path(folder, "03"), moving, tmp_path / "r") == 0
    metrics = read_metrics(tmp_path / "r" / PAIRWISE_METRICS)
    assert metrics.number("registration_confidence") == 0
    assert metrics.flag("moving_is_interpolated") is True
    assert metrics.overall_status == "error"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("05", "06"), "hold no data"),
        (("04", "04"), "two slices"),
        (("03", "04", "--slicing_interval_mm", "0.2"), "cut interval is"),
    ],
)
def test_register_refuses(folder, tmp_path, capsys, argv, message):
    "Empty slices, one slice twice, and intervals that disagree; nothing is written."
    paths = [slice_path(folder, slice_id) for slice_id in argv[:2]]
    assert call(register, *paths, tmp_path / "r", *argv[2:]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "r").exists()


def test_flags_of_registration_have_an_effect(folder, tmp_path):
    "Without rotation it is 0; a bound on the translation holds; the plane that is matched moves."
    pair = slice_path(folder, "03"), slice_path(folder, "04")
    assert call(register, *pair, tmp_path / "a", "--no-enable_rotation") == 0
    assert transforms.read_pairwise(tmp_path / "a").motion.rotation_deg == 0
    assert call(register, *pair, tmp_path / "b", "--max_translation_px", "1") == 0
    motion = transforms.read_pairwise(tmp_path / "b").motion
    assert np.hypot(motion.dx_um, motion.dy_um) <= 20.001
    assert call(register, *pair, tmp_path / "c", "--moving_z_index", "1") == 0
    assert transforms.read_pairwise(tmp_path / "c").offsets == (INTERVAL + 1, 1)


@pytest.mark.parametrize("method", ["zmorph", "average", "weighted"])
def test_interpolate_writes_the_slot(folder, tmp_path, method):
    "Volume on the same canvas, fragment, numbers and picture."
    out = tmp_path / "slice_z04_interpolated.ome.zarr"
    around = slice_path(folder, "03"), slice_path(folder, "05")
    assert call(interpolate, *around, out, "--method", method) == 0
    volume = open_volume(out)
    assert volume.shape == (DEPTH, N, N)
    assert volume.attributes["kind"] == "interpolated"
    assert volume.attributes["slice_id"] == "04"
    (row,) = csv.DictReader((tmp_path / "slice_z04_manifest.csv").read_text().splitlines())
    assert row == {
        "slice_id": "04",
        "interpolated": "true",
        "interpolation_failed": "false",
        "interpolation_method_used": method,
        "interpolation_fallback_reason": "",
    }
    numbers = json.loads((tmp_path / "slice_z04_interpolated_diagnostics.json").read_text())
    assert (numbers["method_used"], numbers["interpolation_failed"]) == (method, False)
    assert (tmp_path / "slice_z04_interpolated_preview.png").exists()


def test_a_refusal_is_recorded_and_no_volume_is_made(folder, tmp_path):
    "Exit code 0, everything but the volume; an older volume does not survive."
    out = tmp_path / "slice_z05_interpolated.ome.zarr"
    save(out, np.ones((DEPTH, N, N), np.float32))
    assert call(interpolate, slice_path(folder, "04"), slice_path(folder, "06"), out, "-f") == 0
    assert not out.exists()
    numbers = json.loads((tmp_path / "slice_z05_interpolated_diagnostics.json").read_text())
    assert numbers["fallback_reason"] == "no_foreground_planes"
    assert numbers["output_path"] is None
    assert (tmp_path / "slice_z05_interpolated_preview.png").exists()
    record, stamped = tmp_path / "slice_config.csv", tmp_path / "out.csv"
    record.write_text("slice_id,use\n04,true\n05,false\n06,true\n")
    argv = ["--finalise", "--slice_config_in", record, "--slice_config_out", stamped]
    assert call(interpolate, *argv, "--fragments", tmp_path) == 0
    row = slice_config.read(stamped)["05"]
    assert (row["use"], row["interpolated"], row["interpolation_failed"]) == (False, False, True)
    assert row["interpolation_fallback_reason"] == "no_foreground_planes"
    assert row["interpolation_method_used"] == ""
    metrics = read_metrics(tmp_path / "slice_interpolation_metrics.json")
    assert metrics.metrics["failed_slice_ids"].value == ["05"]


def test_finalise_without_fragments_keeps_the_record(tmp_path):
    "No gap, no change."
    record, stamped = tmp_path / "slice_config.csv", tmp_path / "out.csv"
    record.write_text("slice_id,use\n04,true\n")
    argv = ["--finalise", "--slice_config_in", record, "--slice_config_out", stamped]
    assert call(interpolate, *argv) == 0
    assert slice_config.read(stamped) == slice_config.read(record)


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("03", "05", "slice_z07_interpolated.ome.zarr"), "does not lie alone"),
        (("03", "04", "slice_z04_interpolated.ome.zarr"), "does not lie alone"),
        (("03", "05", "made.ome.zarr"), "no slice id"),
    ],
)
def test_interpolate_refuses(folder, tmp_path, capsys, argv, message):
    "Only a single slice between two others is interpolated."
    around = [slice_path(folder, slice_id) for slice_id in argv[:2]]
    assert call(interpolate, *around, tmp_path / argv[2]) == 2
    assert message in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_both_modes_say_what_they_need(capsys):
    "Without paths the message names them."
    assert call(interpolate) == 2
    assert "slice_before, slice_after and output" in capsys.readouterr().err
    assert call(interpolate, "--finalise") == 2
    assert "--slice_config_in" in capsys.readouterr().err


def test_the_command_line_of_finalise_parses_back(tmp_path):
    "Positional paths that are not given do not appear."
    record = tmp_path / "c.csv"
    params = interpolate.Params(finalise=True, slice_config_in=record, slice_config_out=record)
    assert interpolate.COMMAND.parse(interpolate.COMMAND.argv(params)) == params
