"""`make bench`: what a whole run costs, beside a floor measured in the same run.

The floor is reading all raw bytes and writing them again, durably. Memory is the resident set of
the whole process tree, sampled; written bytes are those of the files under OUT.
"""

import argparse
import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

CHUNK = 2**24


@dataclass(frozen=True)
class Size:
    """How large the acquisition is, in multiples of the preset's."""

    slices: int
    columns: int
    rows: int

    @property
    def label(self) -> str:
        """As it is printed."""
        return f"{self.slices} slices of {self.columns} x {self.rows} tiles"


@dataclass(frozen=True)
class Cost:
    """What one run cost."""

    raw_bytes: int
    floor_s: float
    seconds: float
    peak_bytes: int
    written_bytes: int
    stages: list[dict[str, Any]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=6)
    parser.add_argument("--columns", type=int, default=4)
    parser.add_argument("--rows", type=int, default=4)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--scaling", action="store_true", help="also 4 × slices and 4 × tiles")
    parser.add_argument("--keep", type=Path, help="folder that keeps the raw data")
    given = parser.parse_args()
    base = Size(given.slices, given.columns, given.rows)
    sizes = [base]
    if given.scaling:
        sizes += [
            Size(4 * base.slices, base.columns, base.rows),
            Size(base.slices, 2 * base.columns, 2 * base.rows),
        ]
    first: Cost | None = None
    for size in sizes:
        folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            cost = measure(size, folder, given.workers)
        finally:
            if given.keep is None:
                shutil.rmtree(folder)
        say(size, cost, first)
        first = first or cost
    return 0


def measure(size: Size, folder: Path, workers: int) -> Cost:
    """Simulate, copy (the floor), reconstruct."""
    data = folder / f"{size.slices}-{size.columns}-{size.rows}"
    if not (data / "truth.json").exists():
        run(
            "linum_simulate_acquisition.py", data, "--preset", "bench",
            "--ids", f"0-{size.slices - 1}", "--grid", size.columns, size.rows,
        )  # fmt: skip
    raw = data / "raw"
    raw_bytes = sum(p.stat().st_size for p in raw.rglob("*.bin"))
    floor_s = copy_all(raw, folder / "floor")
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    watch = Watch()
    started = time.perf_counter()
    run(
        "linum_reconstruct.py", raw, out, "--workers", workers,
        "--axial_resolution", 3.5, "--resolution", 10, "--detect_galvo", "--auto_assess_quality",
        watch=watch,
    )  # fmt: skip
    seconds = time.perf_counter() - started
    written = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    stages = json.loads((out / "run.json").read_text(encoding="utf-8"))["stages"]
    shutil.rmtree(out)
    return Cost(raw_bytes, floor_s, seconds, watch.peak, written, stages)


def copy_all(raw: Path, to: Path) -> float:
    """Read and write the raw bytes, file by file, and return the seconds."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True)
    started = time.perf_counter()
    for i, path in enumerate(sorted(raw.rglob("*.bin"))):
        with path.open("rb") as source, (to / f"{i}.bin").open("wb") as target:
            while block := source.read(CHUNK):
                target.write(block)
    seconds = time.perf_counter() - started
    shutil.rmtree(to)
    return seconds


class Watch:
    """Samples the memory of a process and all that it started."""

    def __init__(self) -> None:
        self.peak = 0

    def follow(self, pid: int) -> None:
        """Sample until the process ends."""
        root = psutil.Process(pid)
        while root.is_running() and root.status() != psutil.STATUS_ZOMBIE:
            total = 0
            with contextlib.suppress(psutil.Error):
                for process in [root, *root.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        # proportional: pages that processes share count once
                        total += process.memory_full_info().pss
            self.peak = max(self.peak, total)
            time.sleep(0.1)


def run(*command: object, watch: Watch | None = None) -> None:
    """Run a command of ours; its failure is the benchmark's."""
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    if watch is not None:
        threading.Thread(target=watch.follow, args=(process.pid,), daemon=True).start()
    _, said = process.communicate()
    if process.returncode != 0:
        print(said[-3000:])
        sys.exit(process.returncode)


def say(size: Size, cost: Cost, first: Cost | None) -> None:
    gb = cost.raw_bytes / 1e9
    print(f"\n{size.label}: {gb:.2f} GB raw")
    print(f"  floor (read and write the same bytes) {cost.floor_s:8.1f} s")
    print(f"  whole run   {cost.seconds:8.1f} s = {cost.seconds / cost.floor_s:.1f} x floor")
    print(f"  peak memory {cost.peak_bytes / 1e9:8.2f} GB (whole process tree)")
    print(f"  written     {cost.written_bytes / 1e9:8.2f} GB")
    if first is not None:
        per_byte = (cost.seconds / cost.raw_bytes) / (first.seconds / first.raw_bytes)
        print(f"  peak x {cost.peak_bytes / first.peak_bytes:.2f}, time per byte x {per_byte:.2f}")
    print(f"  {'stage':28}{'tasks':>6}{'s':>9}{'s/floor':>9}{'peak MB':>9}{'MB written':>12}")
    by_stage: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in cost.stages:
        by_stage[entry["stage"]].append(entry)
    for stage, entries in by_stage.items():
        seconds = sum(entry["seconds"] for entry in entries)
        print(
            f"  {stage:28}{len(entries):6}{seconds:9.1f}{seconds / cost.floor_s:9.2f}"
            f"{max(e['peak_bytes'] for e in entries) / 1e6:9.0f}"
            f"{sum(e['bytes_written'] for e in entries) / 1e6:12.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
