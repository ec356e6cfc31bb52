"""A slice that fails is named and the others go on; a run that was killed goes on where it was."""

import os
import signal
import time

import pytest

from linumpy.io import selection, slice_config
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine]
AXIAL, WORK = ("--axial_resolution", "10"), ("--resolution", "50")
FINAL, VOLUME = "slice_config_final.csv", "3d_volume.ome.zarr"


@pytest.fixture(scope="module")
def preproc(tiny_acquisition, tmp_path_factory):
    """Mosaics of the tiny acquisition, made by the workflow."""
    folder = tmp_path_factory.mktemp("preproc")
    paths = ("--input", tiny_acquisition.raw, "--output", folder / "out")
    ran = engine.run(engine.PREPROC, folder / "w", *paths, *AXIAL)
    assert ran.code == 0, ran.said
    return folder / "out"


def test_a_truncated_tile(tiny_acquisition, tmp_path):
    "Both workflows end non-zero and name slice and stage; there is a volume without the slice."
    import shutil

    raw, out, result = tmp_path / "raw", tmp_path / "out", tmp_path / "result"
    shutil.copytree(tiny_acquisition.raw, raw)
    tile = min((raw / "z03").rglob("image_*.bin"))
    tile.write_bytes(tile.read_bytes()[:-100])
    first = engine.run(engine.PREPROC, tmp_path / "w1", "--input", raw, "--output", out, *AXIAL)
    assert first.code != 0
    assert "slice 03 failed in create_mosaic_grid" in first.said
    assert set(selection.failures(slice_config.read(out / "slice_config.csv"))) == {"03"}
    second = engine.run(engine.RECONST, tmp_path / "w2", "--input", out, "--output", result, *WORK)
    assert second.code != 0
    assert "slice 03 failed in create_mosaic_grid" in second.said
    assert engine.hash_levels(result / VOLUME)
    assert (result / "quality_report.html").exists()
    assert selection.used(slice_config.read(result / FINAL)) == ["00", "01", "02"]


def test_resume(preproc, tmp_path):
    "The same again does nothing; one parameter of a stage does that stage and what follows."
    result = tmp_path / "result"
    argv = ("--input", preproc, "--output", result, *WORK)
    assert engine.run(engine.RECONST, tmp_path / "w", *argv).code == 0
    before = engine.hash_levels(result / VOLUME)
    assert engine.run(engine.RECONST, tmp_path / "w", *argv, "-resume").done == set()
    ran = engine.run(engine.RECONST, tmp_path / "w", *argv, "--strength", "0", "-resume")
    assert ran.code == 0, ran.said
    assert {name.partition(" ")[0] for name in ran.done} == {
        "check_parameters",
        "normalize_z_intensity",
        "generate_report",
        "name_failures",
    }
    assert engine.hash_levels(result / VOLUME) != before


def test_a_killed_worker_is_tried_again(preproc, tmp_path):
    "A process that the system kills in mid-slice costs one more attempt, not the run."
    result, folder = tmp_path / "result", tmp_path / "w"
    argv = ("--input", preproc, "--output", result, *WORK)
    with engine.launch(engine.RECONST, folder, *argv) as process:
        os.kill(_wait_for(str(folder), "linum_process_slice.py"), signal.SIGKILL)
        said, _ = process.communicate(timeout=engine.LIMIT_S)
    assert process.returncode == 0, said
    assert "Re-submitted process > process_slice" in said
    assert (result / VOLUME).exists()


def _wait_for(folder: str, command: str) -> int:
    """Return the process id of the first such command that works below ``folder``."""
    from pathlib import Path

    end = time.monotonic() + 120
    while time.monotonic() < end:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                line = (place / "cmdline").read_bytes().split(b"\0")
                where = (place / "cwd").resolve()
            except OSError:
                continue
            is_ours = any(word.endswith(command.encode()) for word in line[1:2])
            if is_ours and str(where).startswith(folder):
                return int(place.name)
        time.sleep(0.02)
    raise AssertionError(f"{command} never ran")
