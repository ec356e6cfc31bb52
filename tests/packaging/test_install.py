"""`pip install .` into an empty environment, without extras, is enough for every command."""

import csv
import os
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import linumpy
from linumpy.pipeline import registry

PROJECT = Path(linumpy.__file__).parents[1]
pytestmark = pytest.mark.story


def run(*argv: object, environment: dict[str, str]) -> str:
    """Run a program; what it said is part of the failure."""
    words = [str(part) for part in argv]
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stderr[-3000:]}"
    return done.stdout


def test_a_plain_install_is_enough(tmp_path):
    "Every command says its help, and a tiny acquisition goes from tiles to volume and report."
    programs = tmp_path / "venv" / "bin"
    keep = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run(sys.executable, "-m", "venv", tmp_path / "venv", environment=keep)
    run(programs / "pip", "install", "--quiet", "--no-compile", PROJECT, environment=keep)

    bare = {"PATH": str(programs), "HOME": str(tmp_path)}  # nothing of ours, nothing of the system
    commands = sorted(registry.commands())
    assert {path.name for path in programs.glob("linum_*")} == set(commands)

    said = run(programs / "linum_reconstruct.py", "--version", environment=bare)
    has_commit = bool(re.search(r"commit [0-9a-f]{40}(-dirty)?$", said, re.MULTILINE))
    assert has_commit == (PROJECT / ".git").exists()  # the build has left it: no git on this PATH

    def help_of(name: str) -> str:
        return run(programs / name, "--help", environment=bare)

    with ThreadPoolExecutor(2) as pool:
        for name, said in zip(commands, pool.map(help_of, commands), strict=True):
            assert f"usage: {name}" in said

    made, out = tmp_path / "made", tmp_path / "out"
    run(programs / "linum_simulate_acquisition.py", made, "--preset", "tiny", environment=bare)
    flags = ("--axial_resolution", 10, "--resolution", 50, "--detect_galvo")
    run(programs / "linum_reconstruct.py", made / "raw", out, *flags, environment=bare)
    assert (out / "3d_volume.ome.zarr" / "zarr.json").exists()
    assert "data:image/" in (out / "quality_report.html").read_text("utf-8")
    with (out / "slice_config_final.csv").open(encoding="utf-8", newline="") as table:
        assert [row["slice_id"] for row in csv.DictReader(table)] == ["00", "01", "02", "03"]
