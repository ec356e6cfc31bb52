"""`make bench`: what a whole run costs, beside a floor measured in the same run.

The floor is reading all raw bytes and writing them again. Memory is that of the whole process
tree, sampled ten times a second, pages that processes share counted once; written bytes are those
of the files under OUT. Each aim is printed with what was measured; under a missed one stand the
five hottest functions of the stage that took longest. A missed aim does not fail the benchmark.
"""

import argparse
import contextlib
import datetime
import json
import re
import resource
import shlex
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
BEGINS = re.compile(r"^(\S+ \S+) INFO (\w+): begins", re.MULTILINE)
HOTTEST = Path(__file__).with_name("hottest.py")


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


DEFAULT = Size(6, 4, 4)
"""The size that the aims in seconds and bytes are for: 2.4 GB."""


@dataclass(frozen=True)
class Cost:
    """What one run cost."""

    raw_bytes: int
    floor_s: float
    seconds: float
    cpu_s: float
    peak_bytes: int
    written_bytes: int
    stages: list[dict[str, Any]]
    tree_bytes: dict[str, int]
    profile: str

    @property
    def per_byte_s(self) -> float:
        """Seconds for each raw byte."""
        return self.seconds / self.raw_bytes


@dataclass(frozen=True)
class Aim:
    """A limit and what was measured."""

    what: str
    found: float
    limit: float
    unit: str

    @property
    def is_met(self) -> bool:
        """Whether the limit holds."""
        return self.found <= self.limit

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "MISSED"
        return f"{self.what}: {self.found:.2f} {self.unit}, aim {self.limit:g}: {verdict}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=DEFAULT.slices)
    parser.add_argument("--columns", type=int, default=DEFAULT.columns)
    parser.add_argument("--rows", type=int, default=DEFAULT.rows)
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
    missed: list[Aim] = []
    for size in sizes:
        folder = given.keep or Path(tempfile.mkdtemp(prefix="bench-"))
        try:
            cost = measure(size, folder, given.workers)
        finally:
            if given.keep is None:
                shutil.rmtree(folder)
        say(size, cost)
        aims = list_aims(size, cost, first)
        print(*(f"  {aim}" for aim in aims), sep="\n")
        if any(not aim.is_met for aim in aims):
            print(cost.profile)
        missed += [aim for aim in aims if not aim.is_met]
        first = first or cost
    print(f"\n{len(missed)} aims missed", *(f"  {aim}" for aim in missed), sep="\n")
    return 0


def list_aims(size: Size, cost: Cost, first: Cost | None) -> list[Aim]:
    """Return the aims for this size: of the default one, and against the first one measured."""
    aims = []
    if size == DEFAULT:
        mosaic_s = sum(e["seconds"] for e in cost.stages if e["stage"] == "create_mosaic_grid")
        aims += [
            Aim("whole run", cost.seconds, 60, "s"),
            Aim("peak memory of the whole process tree", cost.peak_bytes / 1e9, 1, "GB"),
            Aim("written", cost.written_bytes / 1e9, 3, "GB"),
            Aim("mosaic stage", mosaic_s / cost.floor_s, 3, "x floor"),
        ]
    if first is not None:
        aims += [
            Aim(
                "peak memory against the first size", cost.peak_bytes / first.peak_bytes, 1.15, "x"
            ),
            Aim(
                "time per byte against the first size", cost.per_byte_s / first.per_byte_s, 1.2, "x"
            ),
        ]
    return aims


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
    started, started_cpu = time.perf_counter(), children_cpu_s()
    run(
        "linum_reconstruct.py", raw, out, "--workers", workers,
        "--axial_resolution", 3.5, "--resolution", 10, "--detect_galvo", "--auto_assess_quality",
        watch=watch,
    )  # fmt: skip
    seconds, cpu_s = time.perf_counter() - started, children_cpu_s() - started_cpu
    written = sum(p.stat().st_size for p in out.rglob("*") if p.is_file())
    stages = json.loads((out / "run.json").read_text(encoding="utf-8"))["stages"]
    tree = watch.by_stage((out / "linumpy.log").read_text(encoding="utf-8"))
    hot = profile(out, stages)
    shutil.rmtree(out)
    peak = max(tree.values(), default=0)
    return Cost(raw_bytes, floor_s, seconds, cpu_s, peak, written, stages, tree, hot)


def profile(out: Path, stages: list[dict[str, Any]]) -> str:
    """Do one task of the stage that took longest again, under the profiler."""
    seconds: dict[str, float] = defaultdict(float)
    for entry in stages:
        seconds[entry["stage"]] += entry["seconds"]
    stage = max(seconds, key=lambda name: seconds[name])
    done = min((out / ".linumpy" / "done" / stage).glob("*.json"))
    command = shlex.split(json.loads(done.read_text(encoding="utf-8"))["command"])
    ran = subprocess.run(
        [sys.executable, str(HOTTEST), *command], check=True, capture_output=True, text=True
    )
    return f"  hottest in {stage}, one task, one thread:\n{ran.stdout}"


def children_cpu_s() -> float:
    """Return the processor seconds of all that has been run so far, workers included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
        self.samples: list[tuple[float, int]] = []

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
            self.samples.append((time.time(), total))
            time.sleep(0.1)

    def by_stage(self, log: str) -> dict[str, int]:
        """Return the peak within each stage, by when the log says that it began."""
        begins = [
            (datetime.datetime.strptime(at, "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp(), stage)
            for at, stage in BEGINS.findall(log)
        ]
        peaks: dict[str, int] = defaultdict(int)
        for at, total in self.samples:
            stage = next((name for begun, name in reversed(begins) if begun <= at), "start")
            peaks[stage] = max(peaks[stage], total)
        return dict(peaks)


def run(*command: object, watch: Watch | None = None) -> None:
    """Run a command of ours; its failure is the benchmark's."""
    process = subprocess.Popen([str(part) for part in command], stderr=subprocess.PIPE, text=True)
    if watch is not None:
        threading.Thread(target=watch.follow, args=(process.pid,), daemon=True).start()
    _, said = process.communicate()
    if process.returncode != 0:
        print(said[-3000:])
        sys.exit(process.returncode)


def say(size: Size, cost: Cost) -> None:
    gb = cost.raw_bytes / 1e9
    print(f"\n{size.label}: {gb:.2f} GB raw")
    print(f"  floor (read and write the same bytes) {cost.floor_s:8.1f} s")
    print(f"  whole run   {cost.seconds:8.1f} s = {cost.seconds / cost.floor_s:.1f} x floor")
    where = max(cost.tree_bytes, key=lambda stage: cost.tree_bytes[stage])
    print(f"  processor   {cost.cpu_s:8.1f} s, {1e9 * cost.cpu_s / cost.raw_bytes:.1f} s per GB")
    print(f"  peak memory {cost.peak_bytes / 1e9:8.2f} GB (whole process tree, in {where})")
    print(f"  written     {cost.written_bytes / 1e9:8.2f} GB")
    print(
        f"  {'stage':28}{'tasks':>6}{'s':>9}{'s/floor':>9}{'peak MB':>9}{'tree MB':>9}"
        f"{'MB written':>12}"
    )
    by_stage: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in cost.stages:
        by_stage[entry["stage"]].append(entry)
    for stage, entries in by_stage.items():
        seconds = sum(entry["seconds"] for entry in entries)
        print(
            f"  {stage:28}{len(entries):6}{seconds:9.1f}{seconds / cost.floor_s:9.2f}"
            f"{max(e['peak_bytes'] for e in entries) / 1e6:9.0f}"
            f"{cost.tree_bytes.get(stage, 0) / 1e6:9.0f}"
            f"{sum(e['bytes_written'] for e in entries) / 1e6:12.0f}"
        )


if __name__ == "__main__":
    sys.exit(main())
