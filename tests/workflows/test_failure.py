"""What goes wrong is named or tried again, the rest goes on, and every run ends.

One reconstruction of the tiny acquisition is made whole; the tests compare with it, and with
-resume they change one thing after the other.
"""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import zarr

from linumpy.io import history, selection, slice_config
from linumpy.synth import Faults, Rig, plan
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine, pytest.mark.xdist_group("failure")]
AXIAL, WORK = ("--axial_resolution", "10"), ("--resolution", "50")
CONFIG, FINAL, VOLUME = "slice_config.csv", "slice_config_final.csv", engine.VOLUME


@pytest.fixture(scope="module")
def preproc(tiny_acquisition, tmp_path_factory):
    """Mosaics of the tiny acquisition, made by the workflow."""
    folder = tmp_path_factory.mktemp("preproc")
    ran = engine.run(engine.PREPROC, folder / "w", *_of_raw(tiny_acquisition.raw, folder / "out"))
    assert ran.code == 0, ran.said
    return folder / "out"


@pytest.fixture(scope="module")
def whole(preproc, tmp_path_factory):
    """A reconstruction without any fault; its folder holds ``in``, ``w`` and ``out``."""
    folder = tmp_path_factory.mktemp("whole")
    shutil.copytree(preproc, folder / "in")
    ran = engine.run(engine.RECONST, folder / "w", *_of(folder))
    assert ran.code == 0, ran.said
    return folder


def _of_raw(raw: Path, out: Path) -> tuple[object, ...]:
    return ("--input", raw, "--output", out, *AXIAL)


def _of(folder: Path) -> tuple[object, ...]:
    return ("--input", folder / "in", "--output", folder / "out", *WORK)


def _names(ran: engine.Ran) -> set[str]:
    return {name.partition(" ")[0] for name in ran.done}


def _is_same(result: Path, whole: Path) -> bool:
    made = [(at / FINAL, engine.hash_levels(at / VOLUME)) for at in (result, whole / "out")]
    return made[0][0].read_bytes() == made[1][0].read_bytes() and made[0][1] == made[1][1]


def test_a_truncated_tile_and_then_edits(tiny_acquisition, tmp_path):
    """Preproc names slice and stage; made again, it keeps what a person wrote into the record.

    The failure of the tile, once mended, is not what a person wrote.
    """
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(tiny_acquisition.raw, raw)
    tile = min((raw / "z03").rglob("image_*.bin"))
    pixels = tile.read_bytes()
    tile.write_bytes(pixels[:-100])
    os.utime(tile, (1, 1))  # nobody is writing it
    first = engine.run(engine.PREPROC, tmp_path / "w", *_of_raw(raw, out))
    assert first.code != 0
    assert "slice 03 failed in create_mosaic_grid" in first.said
    rows = slice_config.read(out / CONFIG)
    assert set(selection.failures(rows)) == {"03"}
    tile.write_bytes(pixels)
    mine = {"01": {"use": False, "notes": "torn"}}
    slice_config.write(out / CONFIG, slice_config.stamp_many(rows, mine))
    again = engine.run(engine.PREPROC, tmp_path / "w", *_of_raw(raw, out))
    assert again.code == 0, again.said
    rows = slice_config.read(out / CONFIG)
    assert [(row["use"], row["notes"]) for row in rows.values()] == [
        (True, ""), (False, "torn"), (True, ""), (True, ""),
    ]  # fmt: skip
    by_hand = [c for c in history.read(out / CONFIG) if c.command == history.USER]
    assert {(c.slice, c.column) for c in by_hand} == {("01", "use"), ("01", "notes")}
    third = engine.run(engine.PREPROC, tmp_path / "w", *_of_raw(raw, out), "-resume")
    assert third.code == 0, third.said
    assert "create_mosaic_grid" not in _names(third)
    assert slice_config.read(out / CONFIG) == rows


def test_tiles_that_lie_otherwise_stop_it_before_any_mosaic(tmp_path):
    "The flag is named; --force_orientation is a parameter of the workflow, too."
    rig = Rig(lateral_um=25, axial_um=10, tile_px=(48, 40), ids=(0, 1), image_depth_um=120)
    scene = make_scene("brain", rig, (3, 3), 4)
    raw = write_acquisition(tmp_path / "raw", scene, plan(scene, rig, Faults(), 4)).raw
    wrong = (*_of_raw(raw, tmp_path / "out"), "--tile_orientation", "left_down")
    ran = engine.run(engine.PREPROC, tmp_path / "w", *wrong)
    assert ran.code != 0
    assert "--tile_orientation right_down" in ran.said
    assert "create_mosaic_grid" not in _names(ran)
    forced = engine.run(engine.PREPROC, tmp_path / "w", *wrong, "--force_orientation", "true")
    assert forced.code == 0, forced.said
    assert (tmp_path / "out" / "check_orientation" / "orientation.json").exists()


def test_without_generating_a_record(tiny_acquisition, tmp_path):
    "generate_slice_config = false: every slice is used, none is corrected; flags are relative."
    (tmp_path / "raw").symlink_to(tiny_acquisition.raw)
    argv = ("--input", "raw", "--output", "out", *AXIAL, "--generate_slice_config", "false")
    ran = engine.run(engine.PREPROC, tmp_path, *argv)
    assert ran.code == 0, ran.said
    assert "generate_slice_config" not in _names(ran)
    rows = slice_config.read(tmp_path / "out" / CONFIG)
    assert [(row["use"], row["galvo_fix"]) for row in rows.values()] == [(True, False)] * 4
    assert len(list((tmp_path / "out" / "mosaics").iterdir())) == len(rows)


def test_a_corrupt_chunk(preproc, tmp_path):
    "The slice is named with its stage, the others make a volume, the exit code is not 0."
    shutil.copytree(preproc, tmp_path / "in")
    _corrupt(tmp_path / "in" / "mosaics" / "mosaic_grid_3d_z03.ome.zarr")
    ran = engine.run(engine.RECONST, tmp_path / "w", *_of(tmp_path))
    assert ran.code != 0
    assert "slice 03 failed in process_slice" in ran.said
    assert engine.hash_levels(tmp_path / "out" / VOLUME)
    assert (tmp_path / "out" / "quality_report.html").exists()
    assert selection.used(slice_config.read(tmp_path / "out" / FINAL)) == ["00", "01", "02"]


def test_a_killed_worker_is_tried_again(preproc, whole, tmp_path):
    "A process that the system kills in mid-slice costs one more attempt, not the run."
    shutil.copytree(preproc, tmp_path / "in", copy_function=os.link)
    with engine.launch(engine.RECONST, tmp_path / "w", *_of(tmp_path)) as process:
        os.kill(engine.wait_for(tmp_path / "w", "linum_process_slice.py"), signal.SIGKILL)
        said, _ = process.communicate(timeout=engine.LIMIT_S)
    assert process.returncode == 0, said
    assert "Re-submitted process > process_slice" in said
    assert _is_same(tmp_path / "out", whole)


def test_a_killed_engine_goes_on(preproc, whole, tmp_path):
    "What was done before the kill is not done again; the result is the same."
    shutil.copytree(preproc, tmp_path / "in", copy_function=os.link)
    with engine.launch(engine.RECONST, tmp_path / "w", *_of(tmp_path)) as process:
        engine.wait_for(tmp_path / "w", "linum_register_pairwise.py")
        process.kill()
    ran = engine.run(engine.RECONST, tmp_path / "w", *_of(tmp_path), "-resume")
    assert ran.code == 0, ran.said
    assert {"register_pairwise", "stack"} <= _names(ran)
    assert not {"process_slice", "bring_to_common_space", "detect_rehoming_events"} & _names(ran)
    assert _is_same(tmp_path / "out", whole)


def test_a_full_disk(preproc, whole, tmp_path):
    "The run ends and says so; with more room, -resume completes it with the same result."
    shutil.copytree(preproc, tmp_path / "in", copy_function=os.link)
    argv = (*_of(tmp_path), "--publish_mode", "copy", "-w", tmp_path / "disk")
    with _small_disk(tmp_path / "disk", "440k") as grow:
        ran = engine.run(engine.RECONST, tmp_path / "w", *argv)
        assert ran.code != 0
        assert "No space left on device" in ran.said + (tmp_path / "w/.nextflow.log").read_text()
        grow("200m")
        ran = engine.run(engine.RECONST, tmp_path / "w", *argv, "-resume")
        assert ran.code == 0, ran.said
    assert _is_same(tmp_path / "out", whole)


def test_what_is_refused(preproc, tmp_path):
    "By name, before anything runs."
    for flags, named in (
        (("--input", tmp_path / "nowhere"), "--input"),
        (("--input", preproc, "--resolutoin", "10"), "did you mean --resolution?"),
        (("--input", preproc, "--mode", "median"), "--mode median"),
    ):
        ran = engine.run(engine.RECONST, tmp_path / "w", *flags, "--output", tmp_path / "out")
        assert ran.code != 0
        assert named in ran.said
        assert set(ran.tasks) <= {"check_parameters"}


def test_resume(whole):
    """Nothing, one parameter, one row, one slice that a group of pairs cannot read.

    Last in this file: it changes ``whole``.
    """
    argv = _of(whole)
    before = engine.hash_levels(whole / "out" / VOLUME)
    assert engine.run(engine.RECONST, whole / "w", *argv, "-resume").done == set()

    ran = engine.run(engine.RECONST, whole / "w", *argv, "--strength", "0", "-resume")
    assert ran.code == 0, ran.said
    end = {"tell_volume", "normalize_z_intensity", "record_run", "generate_report", "name_failures"}
    assert _names(ran) == {"check_parameters", *end}
    assert engine.hash_levels(whole / "out" / VOLUME) != before

    config = whole / "in" / CONFIG
    rows = slice_config.read(config)
    slice_config.write(config, slice_config.stamp_many(rows, {"00": {"use": False}}))
    ran = engine.run(engine.RECONST, whole / "w", *argv, "-resume")
    assert ran.code == 0, ran.said
    assert "process_slice" not in _names(ran)
    assert {"start_record", "bring_to_common_space", "stack", *end} - {"name_failures"} <= _names(
        ran
    )

    slice_config.write(config, rows)
    (common,) = {path.resolve().parent for path in _common(whole) if _holds(path, 4)}
    _corrupt(common / "slice_z03_normalize.ome.zarr")
    ran = engine.run(engine.RECONST, whole / "w", *argv, "--max_rotation_deg", "4", "-resume")
    assert ran.code != 0
    assert "slice 03 failed in register_pairwise" in ran.said
    assert "bring_to_common_space" not in _names(ran)
    assert selection.used(slice_config.read(whole / "out" / FINAL)) == ["00", "01", "02"]
    metrics = "pairwise_registration_metrics.json"
    for moving in ("01", "02"):
        assert (whole / f"out/register_pairwise/slice_z{moving}_normalize" / metrics).exists()


def _common(whole: Path) -> Iterator[Path]:
    return (whole / "w" / "work").glob("*/*/bring_to_common_space/done.json")


def _holds(done: Path, n_slices: int) -> bool:
    return len(list(done.parent.glob("*.ome.zarr"))) == n_slices


def _corrupt(volume: Path) -> None:
    """Overwrite the chunks of level 0 with what is no compressed data; links stay whole."""
    name = min(dict(zarr.open_group(volume, mode="r").arrays()))
    chunks = [p for p in (volume / name).rglob("*") if p.is_file() and p.name != "zarr.json"]
    for chunk in chunks:
        size = chunk.stat().st_size
        chunk.unlink()
        chunk.write_bytes(b"\xff" * size)


@contextlib.contextmanager
def _small_disk(folder: Path, size: str) -> Iterator[Callable[[str], None]]:
    """Mount a tmpfs of a given size on a folder; yields a function that changes the size."""
    folder.mkdir()
    argv = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder]
    if subprocess.run(argv, capture_output=True, check=False).returncode != 0:
        pytest.skip("NO FULL DISK WAS TRIED: a small file system cannot be mounted here")
    try:
        yield lambda new: _mount_again(folder, new)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount_again(folder: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)
