"""`make sample`: the shared real-anatomy acquisition, reconstructed and held against its truth.

Without any ../shared it prints NOT RUN; with one that lacks the acquisition it fails.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from planted import Reference, check_gaps, compare, load_truth, table

SHARED = Path(__file__).resolve().parents[2] / "shared"
SAMPLE = SHARED / "acquisitions" / "allen-coronal-9"
FLAGS = ["--axial_resolution", "8", "--resolution", "50", "--auto_assess_quality", "--detect_galvo"]


def main() -> int:
    """Run, compare, print; 0 when every row is right."""
    if not SHARED.is_dir():
        print("NOT RUN: there is no ../shared with the sample acquisition")
        return 0
    if not (SAMPLE / "truth.json").exists():
        print(f"FAILED: {SHARED} lacks acquisitions/allen-coronal-9")
        return 1
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp()) / "out"
    started = time.monotonic()
    done = subprocess.run(
        ["linum_reconstruct.py", str(SAMPLE / "raw"), str(out), *FLAGS], check=False
    )
    print(f"exit code {done.returncode}, {time.monotonic() - started:.1f} s")
    if done.returncode != 0:
        return 1
    reference = Reference(np.load(SAMPLE / "truth_volume.npy").astype(np.float32), 50.0)
    rows = compare(load_truth(SAMPLE / "truth.json"), SAMPLE / "raw", out, reference)
    check_gaps(rows, out)
    print(table(rows))
    wrong = [row.slice_id for row in rows if row.wrong]
    print(
        f"{len(rows) - len(wrong)} of {len(rows)} slices right"
        + (f"; wrong: {wrong}" if wrong else "")
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
