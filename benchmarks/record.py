"""Time and peak memory of the record at 100 000 slices: read, stamp every slice, write."""

import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from linumpy.io import slice_config

N_SLICES = 100_000
LIMIT_S, LIMIT_MB = 1.5, 300


def main() -> int:
    """Prepare a file, measure in a fresh process, compare with the limits."""
    if len(sys.argv) > 1:
        measure(Path(sys.argv[1]))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slice_config.csv"
        ids = [slice_config.SliceId(number) for number in range(N_SLICES)]
        rows = {key: slice_config.new_row(key, use=True, notes=f"slice {key}") for key in ids}
        slice_config.write(path, rows)
        command = [sys.executable, __file__, str(path)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, wall_s, megabytes = map(float, done.stdout.split())
    print(f"{N_SLICES} slices: read + stamp + write {seconds:.2f} s of CPU (limit {LIMIT_S} s)")
    print(f"by the clock {wall_s:.2f} s; peak memory {megabytes:.0f} MB (limit {LIMIT_MB} MB)")
    return int(seconds > LIMIT_S or megabytes > LIMIT_MB)


def measure(path: Path) -> None:
    """Print seconds of CPU (one thread), seconds by the clock, megabytes."""
    started, started_cpu = time.perf_counter(), time.process_time()
    rows = slice_config.read(path)
    updates = {key: {"rehomed": True, "quality_score": 0.5} for key in rows}
    slice_config.write(path.with_name("next.csv"), slice_config.stamp_many(rows, updates))
    seconds, wall_s = time.process_time() - started_cpu, time.perf_counter() - started
    print(seconds, wall_s, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000)


if __name__ == "__main__":
    sys.exit(main())
