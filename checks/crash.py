"""`make crash`: kill a run at many moments, run it again, and hold both ends against each other.

Each kill is SIGKILL to the whole process group of ``linum_reconstruct.py`` on a small simulated
acquisition: half of them at a moment drawn within a stage, half while a half-written file exists.
After the second run the record and every voxel must be those of a run that nobody disturbed, and
no step that was finished may be done again.
"""

import argparse
import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from linumpy.synth.presets import preset

WORKERS = 2
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Kill:
    """One experiment: in which stage, how far into it, and whether to wait for a partial file."""

    stage: str
    fraction: float
    while_writing: bool


def main() -> int:
    """Run the experiments; 1 when one of them leaves a trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    try:
        return experiment(folder, given.kills, random.Random(given.seed))
    finally:
        shutil.rmtree(folder)


def experiment(folder: Path, n_kills: int, rng: random.Random) -> int:
    """Make the undisturbed run, then kill as many others."""
    simulated, whole = folder / "simulated", folder / "whole"
    simulate = [BIN / "linum_simulate_acquisition.py", simulated, "--preset", "tiny"]
    subprocess.run(simulate, check=True)
    raw = simulated / "raw"
    flags = [*preset("tiny").reconstruct_flags, "--detect_galvo"]
    reconstruct = str(BIN / "linum_reconstruct.py")
    command = [reconstruct, str(raw), "OUT", "--workers", str(WORKERS), *flags]
    finish(command, whole)
    wanted = fingerprint(whole)
    spans = stage_spans(whole / "linumpy.log")
    stages = list(spans)
    tally: Counter[str] = Counter()
    wrong = 0
    for i in range(n_kills):
        # over all stages first, then over all stages in the other way of killing
        kill = Kill(stages[i % len(stages)], rng.random(), (i + i // len(stages)) % 2 == 1)
        out = folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        hit = disturb(command, out, kill, spans)
        finished = finished_tasks(out)
        finish(command, out)
        redone = finished & tasks_of_last_run(out)
        same = fingerprint(out) == wanted
        tally[f"{kill.stage}: {hit}"] += 1
        if redone or not same:
            wrong += 1
            print(f"WRONG: {kill}: same result {same}; done again: {sorted(redone) or 'nothing'}")
    for what, n in sorted(tally.items()):
        print(f"{n:4d}  {what}")
    print(f"{n_kills - wrong} of {n_kills} killed runs ended like the undisturbed one")
    return 1 if wrong else 0


def disturb(
    command: list[str], out: Path, kill: Kill, spans: dict[str, tuple[float, float]]
) -> str:
    """Start a run and kill it; return how it was hit."""
    process = subprocess.Popen(
        with_out(command, out),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    begin, end = spans[kill.stage]
    wait_for(process, lambda: stage_began(out / "linumpy.log", kill.stage))
    time.sleep(kill.fraction * max(0.0, end - begin))
    hit = "in the stage"
    if kill.while_writing:
        wait_for(process, lambda: is_writing(out))
        hit = "while writing"
    if process.poll() is not None:
        hit = "after the end"
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return hit


def is_writing(out: Path) -> bool:
    """Say whether a file or folder below ``out`` is half-written right now."""
    try:
        return next(out.rglob(".*.partial"), None) is not None
    except OSError:  # a folder went while it was listed
        return False


def wait_for(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Wait until ``ready()`` or the end of the process."""
    while process.poll() is None and not ready():
        time.sleep(0.002)


def finish(command: list[str], out: Path) -> None:
    """Run to the end; a failure is this script's."""
    done = subprocess.run(with_out(command, out), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        print(done.stderr[-3000:])
        sys.exit(f"the run ended with {done.returncode}")


def with_out(command: list[str], out: Path) -> list[str]:
    """Fill in the output folder."""
    return [str(out) if part == "OUT" else part for part in command]


def fingerprint(out: Path) -> str:
    """Digest of the final record and of every file of the volume."""
    total = hashlib.sha256((out / "slice_config_final.csv").read_bytes())
    for path in sorted((out / "3d_volume.ome.zarr").rglob("*")):
        if path.is_file():
            total.update(path.relative_to(out).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def stage_spans(log: Path) -> dict[str, tuple[float, float]]:
    """Return seconds of begin and end of each stage that did something, from the log."""
    lines = log.read_text(encoding="utf-8").splitlines()
    spans: dict[str, tuple[float, float]] = {}
    for line in lines:
        if found := re.search(r"INFO (\w+): \d+ of \d+ done now, ([\d.]+) s", line):
            spans[found[1]] = (0.0, float(found[2]))
    return spans


def stage_began(log: Path, stage: str) -> bool:
    """Say whether the log names the begin of a stage."""
    return log.exists() and f"INFO {stage}: begins" in log.read_text(encoding="utf-8")


def finished_tasks(out: Path) -> set[str]:
    """Return the tasks that have a record of being finished, as "stage/unit"."""
    done = out / ".linumpy" / "done"
    return {path.relative_to(done).with_suffix("").as_posix() for path in done.rglob("*.json")}


def tasks_of_last_run(out: Path) -> set[str]:
    """Return the tasks that the last run has done, as "stage/unit"."""
    stages = json.loads((out / "run.json").read_text(encoding="utf-8"))["stages"]
    return {f"{t['stage']}/{t['slice'] or 'all'}" for t in stages if t["status"] != "current"}


if __name__ == "__main__":
    sys.exit(main())
