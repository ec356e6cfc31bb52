"""--check: what a run finds and needs, from the headers alone."""

import re
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from linumpy.pipeline import driver
from linumpy.synth import Faults, Rig, plan
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition
from tests.stories.driver_runs import Run

COMMAND = [sys.executable, str(Path(sys.executable).parent / "linum_reconstruct.py")]
SMALL = Rig(lateral_um=25, axial_um=6, tile_px=(64, 64), n_extra=12, ids=(0, 1, 2, 3))
LARGE = Rig(
    lateral_um=10, axial_um=4, tile_px=(160, 160), n_extra=20, image_depth_um=321, ids=(0, 1)
)


def snapshot(folder):
    """Return name, size and times of everything below a folder."""
    return {p: (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*")}


def test_check_reads_headers_and_writes_nothing(fresh, capsys, monkeypatch):
    "Pixels may be anything; nothing is started, nothing appears."
    for path in fresh.raw.rglob("image_*.bin"):
        path.write_bytes(b"")
    monkeypatch.setattr(driver, "Pool", None)
    before = snapshot(fresh.raw.parent)
    assert fresh.go("--check") == 0
    assert snapshot(fresh.raw.parent) == before
    said = capsys.readouterr().out
    for line in (
        r"slice 03 +2 x 2 tiles of 24 x 24 x 26, 50 x 50 µm, n_extra 6",
        r"never acquired none",
        r"cut interval +200 µm",
        r"axial sampling 10 µm",
        r"disk +[\d.]+ GB needed in \d+ files, [\d.]+ GB free",
        r"memory +[\d.]+ GB needed, [\d.]+ GB allowed",
        r"resolution=50",
        r"confidence_low=",
        r"--detect_galvo",
    ):
        assert re.search(line, said), line


def test_check_of_a_finished_run_changes_nothing(run):
    "Neither the log nor a time stamp."
    before = snapshot(run.out)
    assert run.go("--check") == 0
    assert snapshot(run.out) == before


def test_check_refuses_what_a_run_refuses(fresh, capsys):
    "Bad input is found by --check too."
    (fresh.tile("01").parent / "info.txt").write_text("")
    assert fresh.go("--check") == 2
    assert "info.txt" in capsys.readouterr().err


def peak_of_tree(process):
    """Wait for a process; return the largest memory of it and its children, each page once."""
    peak = 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        total = 0
        try:
            for one in (watched, *watched.children(recursive=True)):
                total += one.memory_full_info().pss
        except psutil.Error:
            continue
        peak = max(peak, total)
        time.sleep(0.03)
    return peak


@pytest.mark.story
@pytest.mark.skipif(sys.platform != "linux", reason="shared pages are counted by Linux only")
@pytest.mark.parametrize(("rig", "resolution_um"), [(SMALL, 25), (LARGE, 10)])
def test_what_is_needed_is_told_within_half(tmp_path, rig, resolution_um):
    "Disk, files and memory: told ÷ measured between 1/1.5 and 1.5, at two sizes."
    scene = make_scene("brain", rig, (2, 2), 3)
    write_acquisition(tmp_path / "raw", scene, plan(scene, rig, Faults(), 3))
    run = Run(tmp_path / "raw", tmp_path / "out")
    flags = ("--axial_resolution", rig.axial_um, "--resolution", resolution_um, "--workers", 2)
    command = [*COMMAND, *map(str, (run.raw, run.out, *flags))]
    said = subprocess.run([*command, "--check"], capture_output=True, text=True, check=True).stdout
    told = dict(re.findall(r"^(disk|memory) +([\d.]+) GB needed", said, re.MULTILINE))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        peak = peak_of_tree(process)
    assert process.returncode == 0
    files = [p for p in run.out.rglob("*") if p.is_file()]
    held = sum(p.stat().st_size for p in files)
    n_files = int(re.search(r"GB needed in (\d+) files", said)[1])
    assert 1 / 1.5 < n_files / len(files) < 1.5
    assert 1 / 1.5 < float(told["disk"]) * 1e9 / held < 1.5
    assert 1 / 1.5 < float(told["memory"]) * 1e9 / peak < 1.5
