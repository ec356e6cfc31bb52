"""`make demo`: simulate an acquisition with planted faults, reconstruct it, compare."""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from planted import Reference, check_gaps, compare, load_truth, table

from linumpy.pipeline.steps import STEPS

FOLDER = Path("demo")


def main() -> int:
    """Print planted against found, fault by fault; 1 when they differ or a stage did not run."""
    raw, out = FOLDER / "raw", FOLDER / "out"
    started = time.monotonic()
    if not (raw / "truth.json").exists():
        run("linum_simulate_acquisition.py", str(raw), "--preset", "demo")
    truth = load_truth(raw / "truth.json")
    run("linum_reconstruct.py", str(raw), str(out), *truth["reconstruct"])
    reference = Reference(
        np.load(raw / "truth_volume.npy").astype(np.float32), truth["truth_volume"]["voxel_um"]
    )
    rows = compare(truth, out, reference)
    check_gaps(rows, out)
    print(f"\nplanted against found, {time.monotonic() - started:.0f} s, ", end="")
    print(f"peak {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6:.2f} GB a process")
    print(table(rows))
    missing = stages_not_run(out)
    for stage in missing:
        print(f"WRONG: stage {stage} did not run")
    print(f"\nvolume  {out / '3d_volume.ome.zarr'}")
    print(f"report  {out / 'quality_report.html'}")
    print(f"record  {out / 'slice_config_final.csv'}")
    return 1 if missing or any(row.wrong for row in rows) else 0


def stages_not_run(out: Path) -> list[str]:
    """Return the stages of the graph that left no record of having run."""
    ran = {entry["stage"] for entry in json.loads((out / "run.json").read_text())["stages"]}
    return [step.stage for step in STEPS if step.stage not in ran]


def run(*command: str) -> None:
    """Run a command of ours; its failure is the demo's."""
    print("$", " ".join(command), flush=True)
    if (code := subprocess.run(command, check=False).returncode) != 0:
        sys.exit(code)


if __name__ == "__main__":
    sys.exit(main())
