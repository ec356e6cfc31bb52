"""`make crash`: kill the writer of a record at every system call, and fail every one that can fail.

strace does both. Needed: the right to trace a child process. ``make test`` runs a portable shim of
the same idea (tests/io/test_atomic.py).
"""

import errno
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from linumpy.io import slice_config

FAULTS = ("ENOSPC", "EIO", "EDQUOT", "EACCES")
MAY_FAIL = {"openat", "write", "fsync", "rename", "chmod", "fchmod", "fchmodat", "close", "mkdir"}
START, END = "/linumpy-write-starts", "/linumpy-write-ends"
N_TRIES = 5  # memory calls before the write may differ by one between runs
N_ROWS = 200
CHILD = f"""
import os, sys
from linumpy.io import slice_config
ids = [slice_config.SliceId(number) for number in range({N_ROWS})]
rows = lambda use: {{key: slice_config.new_row(key, use=use) for key in ids}}
folder = sys.argv[1]
slice_config.write(folder + "/warm.csv", rows(True))
os.unlink(folder + "/warm.csv")
slice_config.write(folder + "/slice_config.csv", rows(True))
new = rows(False)
os.access({START!r}, 0)
try:
    slice_config.write(folder + "/slice_config.csv", new)
except OSError as error:
    sys.exit(error.errno)
os.access({END!r}, 0)
"""


@dataclass(frozen=True)
class Call:
    """One system call of the write: which one of its name since the process started."""

    name: str
    number: int
    is_injected: bool = False


def main() -> int:
    """Print calls found and calls killed; 1 when they differ or a reader saw something else."""
    if shutil.which("strace") is None:
        print("NOT RUN: strace is not installed")
        return 0
    calls = window(trace())
    print(f"calls found: {len(calls)} ({', '.join(call.name for call in calls)})")
    wrong: list[str] = []
    killed = sum(kill(i, wrong) for i in range(len(calls)))
    print(f"calls killed: {killed}")
    can_fail = [i for i, call in enumerate(calls) if call.name in MAY_FAIL]
    failed = sum(fail(i, fault, wrong) for i in can_fail for fault in FAULTS)
    print(f"calls failed: {failed} of {len(can_fail) * len(FAULTS)} ({', '.join(FAULTS)})")
    print("\n".join(wrong) or "after each: the complete old or the complete new record")
    return int(bool(wrong) or killed != len(calls) or failed != len(can_fail) * len(FAULTS))


def trace(folder: str | None = None, *inject: str) -> list[str]:
    """Run the writer under strace and return the lines of its log."""
    with tempfile.TemporaryDirectory() as scratch:
        log = Path(scratch) / "log"
        command = ["strace", "-qq", "-o", str(log), *inject, sys.executable, "-c", CHILD]
        command.append(folder or scratch)
        environment = os.environ | {"PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
        subprocess.run(command, env=environment, check=False, stderr=subprocess.DEVNULL)
        return log.read_text(errors="replace").splitlines()


def window(lines: list[str]) -> list[Call]:
    """Return the calls between the two marks (to the end of the log when it broke off)."""
    seen: Counter[str] = Counter()
    found, is_inside = [], False
    for line in lines:
        name = re.match(r"(\w+)\(", line)
        if name is None:
            continue
        seen[name[1]] += 1
        if START in line or END in line:
            is_inside = START in line
        elif is_inside:
            found.append(Call(name[1], seen[name[1]], "(INJECTED)" in line))
    return found


def kill(i: int, wrong: list[str]) -> bool:
    """Kill the writer at call ``i`` of the window; say whether it was hit there."""
    for _ in range(N_TRIES):
        call = window(trace())[i]
        with tempfile.TemporaryDirectory() as folder:
            inject = f"inject={call.name}:signal=SIGKILL:when={call.number}"
            hit = window(trace(folder, "-e", inject))
            if len(hit) != i + 1 or hit[-1].name != call.name:
                continue
            judge(f"killed at call {i + 1} ({call.name})", Path(folder), wrong, clean=False)
            return True
    return False


def fail(i: int, fault: str, wrong: list[str]) -> bool:
    """Let call ``i`` return an error; say whether the writer reported it."""
    for _ in range(N_TRIES):
        call = window(trace())[i]
        with tempfile.TemporaryDirectory() as folder:
            inject = f"inject={call.name}:error={fault}:when={call.number}"
            lines = trace(folder, "-e", inject)
            found = window(lines)
            if len(found) <= i or not found[i].is_injected:
                continue  # an earlier call of that name was hit: more of them than last time
            # pathlib answers a failing mkdir by asking whether the folder is there: no error then
            expected = (
                {0, getattr(errno, fault)} if call.name == "mkdir" else {getattr(errno, fault)}
            )
            status = re.search(r"exit_group\((\d+)\)", lines[-1])
            what = f"{fault} at call {i + 1} ({call.name})"
            if status is None or int(status[1]) not in expected:
                wrong.append(f"{what}: {lines[-1]}")
            judge(what, Path(folder), wrong, clean=True)
            return True
    return False


def judge(what: str, folder: Path, wrong: list[str], *, clean: bool) -> None:
    """Read as a reader would, and look for what is left over."""
    try:
        rows = slice_config.read(folder / "slice_config.csv")
    except (OSError, ValueError) as error:
        wrong.append(f"{what}: {error}")
        return
    if len(rows) != N_ROWS or len({row["use"] for row in rows.values()}) != 1:
        wrong.append(f"{what}: a mixture of old and new")
    left = [path.name for path in folder.iterdir() if path.name != "slice_config.csv"]
    taken = [name for name in left if not (name.startswith(".") and name.endswith(".partial"))]
    if taken or (clean and left):
        wrong.append(f"{what}: {', '.join(left)} left behind")


if __name__ == "__main__":
    sys.exit(main())
