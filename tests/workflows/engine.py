"""The real engine, driven from tests: where it is, one run of a workflow, what it did."""

import csv
import hashlib
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import zarr

PROJECT = Path(__file__).parents[2]
PREPROC = PROJECT / "workflows" / "preproc" / "preproc_rawtiles.nf"
RECONST = PROJECT / "workflows" / "reconst_3d" / "soct_3d_reconst.nf"
ENGINE = os.environ.get("LINUMPY_ENGINE", "")
LIMIT_S = 1800  # a run takes half a minute on an idle machine
QUICK = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"  # a short run is mostly the start of Java
VOLUME = "3d_volume.ome.zarr"
needs_engine = pytest.mark.skipif(
    not (ENGINE and Path(ENGINE).exists() and shutil.which("java")),
    reason="NO WORKFLOW WAS RUN: no engine or no Java; `make test-nextflow` brings and uses one",
)


@dataclass(frozen=True)
class Ran:
    """One run of a workflow."""

    code: int
    said: str
    tasks: dict[str, str]
    """task as the engine names it, ``process_slice (z03)`` → status: COMPLETED, CACHED, FAILED"""

    @property
    def done(self) -> set[str]:
        """Tasks that were executed, not found in the cache."""
        return {name for name, status in self.tasks.items() if status != "CACHED"}


def launch(workflow: Path, folder: Path, *argv: object, **env: str) -> subprocess.Popen[str]:
    """Start a workflow in ``folder``, where the engine keeps its work and its cache."""
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    home = os.environ.get("NXF_HOME", str(folder / "home"))
    return subprocess.Popen(
        [ENGINE, "run", str(workflow), *map(str, argv), "-with-trace", "trace.txt"],
        cwd=folder,
        env={
            **os.environ,
            "PATH": path,
            "NXF_HOME": home,
            "NXF_ANSI_LOG": "false",
            "NXF_OPTS": QUICK,
            **env,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def run(workflow: Path, folder: Path, *argv: object, **env: str) -> Ran:
    """Run a workflow to its end; `LIMIT_S` at most."""
    (folder / "trace.txt").unlink(missing_ok=True)
    with launch(workflow, folder, *argv, **env) as process:
        try:
            said, _ = process.communicate(timeout=LIMIT_S)
        finally:
            process.kill()
    return Ran(process.returncode, said, read_trace(folder / "trace.txt"))


def reconstruct(raw: Path, out: Path, *argv: object) -> None:
    """Run the local driver as a user does."""
    command = Path(sys.executable).with_name("linum_reconstruct.py")
    done = subprocess.run(
        [command, *map(str, (raw, out, *argv))], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def read_trace(path: Path) -> dict[str, str]:
    """Return the status of every task in a trace; the last attempt of a task counts."""
    if not path.exists():
        return {}
    with path.open() as lines:
        return {row["name"]: row["status"] for row in csv.DictReader(lines, delimiter="\t")}


def hash_levels(volume: Path) -> dict[str, str]:
    """Return a digest of all voxels of every pyramid level."""
    arrays = dict(zarr.open_group(volume, mode="r").arrays())
    return {
        name: f"{array.shape} {hashlib.sha256(array[...].tobytes()).hexdigest()}"
        for name, array in sorted(arrays.items())
    }


def wait_for(folder: Path, command: str) -> int:
    """Return the process id of the first such command that works below ``folder``."""
    end = time.monotonic() + LIMIT_S
    while time.monotonic() < end:
        for place in Path("/proc").glob("[0-9]*"):
            try:
                line = (place / "cmdline").read_bytes().split(b"\0")
                where = (place / "cwd").resolve()
            except OSError:
                continue
            is_ours = any(word.endswith(command.encode()) for word in line[1:2])
            if is_ours and where.is_relative_to(folder):
                return int(place.name)
        time.sleep(0.02)
    raise AssertionError(f"{command} never ran")
