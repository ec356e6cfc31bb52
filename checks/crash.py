"""`make crash`: kill a run at many moments, run it again, and hold both ends against each other.

Each kill is SIGKILL to the whole process group of ``linum_reconstruct.py`` on a small simulated
acquisition, spread over all stages: half of them at a moment drawn within the stage, half while a
file of it is half-written (crash_hook.py; drawn from all such moments of an undisturbed run). A
run that is to be killed starts from a copy of the finished one as it stood before the stage.
After the second run the record and every voxel must be those of a run that nobody disturbed;
no finished task may be done again, and no more than were in flight. Then files are touched and
damaged.
"""

import argparse
import os
import random
import resource
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

from crash_out import Out
from preset import write_atlas

from linumpy.synth.presets import preset

WORKERS = 2
BIN = Path(sys.executable).parent
NAME = "tiny"
FLAGS = ("--detect_galvo", "--auto_assess_quality", "--exclude", "02", "--workers", str(WORKERS))
WAYS = ("at any moment", "while writing")
POLL_S = 0.005
HOOK = Path(__file__).with_name("crash_hook.py")


@dataclass(frozen=True)
class Bench:
    """The acquisition, its command, and the undisturbed run."""

    command: list[str]
    whole: Out
    scratch: Path
    stages: list[str]
    spans_s: dict[str, float]
    moments: dict[str, list[str]]
    wanted: str

    def run(self, out: Out, **hook: str) -> subprocess.Popen[bytes]:
        """Start the command into ``out``, in a process group of its own."""
        hooks = self.scratch.with_name("hooks")
        paths = [str(hooks), *filter(None, [os.environ.get("PYTHONPATH")])]
        return subprocess.Popen(
            [str(out.path) if part == "OUT" else part for part in self.command],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)} | hook,
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def finish(self, out: Out, **hook: str) -> None:
        """Run to the end; a failure is this script's."""
        process = self.run(out, **hook)
        said = process.communicate()[1]
        if process.returncode != 0:
            print(said.decode()[-3000:])
            sys.exit(f"the run ended with {process.returncode}")


def main() -> int:
    """Run the experiments; 1 when one of them leaves a trace."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=2026)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    started = time.monotonic()
    try:
        bench = prepare(folder)
        wrong = kill_many(bench, given.kills, random.Random(given.seed))
        wrong += touch(bench) + damage(bench)
    finally:
        shutil.rmtree(folder)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(
        f"{(time.monotonic() - started) / 60:.1f} min by the clock, "
        f"{(used.ru_utime + used.ru_stime) / 60:.1f} min of one processor, {len(wrong)} wrong"
    )
    return int(bool(wrong))


def prepare(folder: Path) -> Bench:
    """Simulate the acquisition and make the undisturbed run."""
    chosen, raw = preset(NAME), folder / "raw-and-truth"
    simulate = [BIN / "linum_simulate_acquisition.py", raw, "--preset", NAME]
    subprocess.run(simulate, check=True)
    atlas = write_atlas(raw, chosen.resolution_um)
    command = [str(BIN / "linum_reconstruct.py"), str(raw / "raw"), "OUT"]
    command += [*chosen.reconstruct_flags, *FLAGS]
    command += ["--atlas", str(atlas), "--input_orientation", "PIR"]
    whole, log = Out(folder / "whole"), folder / "moments"
    (folder / "hooks").mkdir()
    shutil.copy(HOOK, folder / "hooks" / "sitecustomize.py")
    bench = Bench(command, whole, folder / "out", [], {}, {}, "")
    bench.finish(whole, CRASH_LOG=str(log))
    spans_s = whole.spans_s()
    moments: dict[str, list[str]] = {stage: [] for stage in spans_s}
    for moment in sorted(set(log.read_text(encoding="utf-8").splitlines())):
        event, _, path = moment.partition(" ")
        if stage := whole.maker(Path(path)):
            moments[stage].append(f"{event} {path.replace(str(whole.path), str(bench.scratch))}")
    print(
        f"undisturbed: {len(whole.tasks('.json'))} tasks in {len(spans_s)} stages, "
        f"{sum(map(len, moments.values()))} moments at which something is half-written"
    )
    wanted = whole.fingerprint()
    return Bench(command, whole, bench.scratch, list(spans_s), spans_s, moments, wanted)


def kill_many(bench: Bench, n_kills: int, rng: random.Random) -> list[str]:
    """Kill runs, evenly over stages and ways; return what was wrong afterwards."""
    hits: Counter[tuple[str, str]] = Counter()
    n_good, n_missed = 0, 0
    wrong: list[str] = []
    while hits.total() < n_kills and n_missed <= n_kills:
        stage, way = next_target(bench.stages, hits)
        shutil.rmtree(bench.scratch, ignore_errors=True)
        out = bench.whole.copy_before(stage, bench.stages, bench.scratch)
        if not disturb(bench, out, stage, way, rng):
            n_missed += 1  # it ended before
            continue
        hit = (out.stage(bench.stages) or stage, WAYS[bool(out.half_written())])
        hits[hit] += 1
        print(f"{hits.total():4d} of {n_kills}: {hit[0]}, {hit[1]}", flush=True)
        found = judge(bench, out)
        n_good += not found
        for what in found:
            wrong.append(f"killed in {hit[0]} ({hit[1]}): {what}")
            print(f"WRONG: {wrong[-1]}")
    print(f"{'killed in':26}{WAYS[0]:>15}{WAYS[1]:>15}")
    for stage in bench.stages:
        print(f"{stage:26}{hits[stage, WAYS[0]]:15}{hits[stage, WAYS[1]]:15}")
    n_writing = sum(n for (_, way), n in hits.items() if way == WAYS[1])
    n = hits.total()
    print(
        f"{n} killed runs, {n_writing} of them while a file was half-written ({n_missed} missed); ",
        end="",
    )
    print(f"{n_good} ended like the undisturbed one, with only unfinished work redone")
    return wrong if n == n_kills else [*wrong, f"only {n} of {n_kills} killed"]


def next_target(stages: list[str], hits: Counter[tuple[str, str]]) -> tuple[str, str]:
    """Return the stage with the fewest kills, and the way that was met more seldom."""
    stage = min(stages, key=lambda one: sum(hits[one, way] for way in WAYS))
    n = {way: sum(hits[one, way] for one in stages) for way in WAYS}
    return stage, min(WAYS, key=lambda one: (hits[stage, one], n[one]))


def disturb(bench: Bench, out: Out, stage: str, way: str, rng: random.Random) -> bool:
    """Start a run and let it be killed in a stage; say whether it was."""
    if way == WAYS[1]:
        process = bench.run(out, CRASH_AT=rng.choice(bench.moments[stage]))
    else:
        process = bench.run(out)
        wait_for(process, lambda: out.stage(bench.stages) == stage)
        time.sleep(rng.random() * bench.spans_s[stage])
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return process.returncode == -signal.SIGKILL


def wait_for(process: subprocess.Popen[bytes], ready: Callable[[], bool]) -> None:
    """Wait until ``ready()`` or the end of the process."""
    while process.poll() is None and not ready():
        time.sleep(POLL_S)


def judge(bench: Bench, out: Out) -> list[str]:
    """Look at what a killed run has left, run again, and return what is not as it should be."""
    wrong = out.broken()
    finished = out.tasks(".json")
    in_flight = out.tasks(".begun") - finished
    bench.finish(out)
    redone = out.tasks_of_last_run()
    if again := redone & finished:
        wrong.append(f"finished, and done again: {sorted(again)}")
    if len(redone & in_flight) > WORKERS:
        wrong.append(f"more redone than were in flight: {sorted(redone & in_flight)}")
    if out.fingerprint() != bench.wanted:
        wrong.append("another record or volume")
    if left := out.half_written():
        wrong.append(f"left behind: {left}")
    return wrong


def touch(bench: Bench) -> list[str]:
    """Give every file a new time stamp, raw data too; nothing may be done again."""
    raw = Path(bench.command[1])
    for path in (*raw.rglob("*"), *bench.whole.path.rglob("*")):
        os.utime(path)
    bench.finish(bench.whole)
    redone = bench.whole.tasks_of_last_run()
    print(f"every file touched: {len(redone)} tasks done again")
    return [f"touched, and done again: {sorted(redone)}"] if redone else []


def damage(bench: Bench) -> list[str]:
    """Spoil one chunk at a time; it must be named, and its slice alone done again."""
    wrong = []
    for stage, unit, spoil in (
        ("create_mosaic_grid", "03", truncate),
        ("process_slice", "01", flip_bit),
        ("process_slice", "03", truncate),
    ):
        out = bench.whole
        chunks = (
            out.path / name
            for name in out.outputs(stage)
            if f"z{unit}_" in name or f"z{unit}." in name
        )
        chunk = max((path for path in chunks if "/c/" in path.as_posix()), key=size)
        spoil(chunk)
        bench.finish(out)
        is_named = f"{chunk} is not what was written" in out.log()
        redone = out.tasks_of_last_run()
        is_healed = out.fingerprint() == bench.wanted
        print(
            f"{spoil.__name__} {chunk.relative_to(out.path)}: "
            f"{'named' if is_named else 'NOT NAMED'}, done again: {', '.join(sorted(redone))}, "
            f"{'healed' if is_healed else 'NOT HEALED'}"
        )
        if not (is_named and is_healed and redone == {f"{stage}/{unit}"}):
            wrong.append(f"damage to {chunk}")
    return wrong


def size(path: Path) -> int:
    """Return the size of a file."""
    return path.stat().st_size


def truncate(path: Path) -> None:
    """Cut a file in half."""
    os.truncate(path, size(path) // 2)


def flip_bit(path: Path) -> None:
    """Change one bit in the middle of a file; its size stays."""
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


if __name__ == "__main__":
    sys.exit(main())
