"""`make sample`: the shared real-anatomy acquisition, reconstructed and held against its truth.

Then its twin: the same anatomy in the same geometry, simulated by our own simulator. A sign error
that simulator and reconstruction share would show as two volumes that differ.
Without any ../shared it prints NOT RUN; with one that lacks the acquisition it fails.
"""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from planted import Reference, check_gaps, compare, load_truth, table
from preset import run
from twin import Grid, plane_nccs

SHARED = Path(__file__).resolve().parents[2] / "shared"
SAMPLE = SHARED / "acquisitions" / "allen-coronal-9"
FLAGS = ("--axial_resolution", "8", "--resolution", "50", "--auto_assess_quality", "--detect_galvo")
VOXEL_UM = 50.0
LOWEST_NCC = 0.9


def main() -> int:
    """Run both, compare, print; 0 when every row and every plane is right."""
    if not SHARED.is_dir():
        print("NOT RUN: there is no ../shared with the sample acquisition")
        return 0
    if not (SAMPLE / "truth.json").exists():
        print(f"FAILED: {SHARED} lacks acquisitions/allen-coronal-9")
        return 1
    if len(sys.argv) > 1:
        return check(Path(sys.argv[1]))
    with tempfile.TemporaryDirectory() as folder:
        return check(Path(folder))


def check(folder: Path) -> int:
    """Reconstruct the sample and its twin below ``folder``; 0 when both are right."""
    out = folder / "out"
    if reconstruct(SAMPLE / "raw", out) != 0:
        return 1
    wrong = check_truth(out)
    return max(wrong, check_twin(out, folder / "twin"))


def reconstruct(raw: Path, out: Path) -> int:
    """Run the command of the README on a folder of raw tiles; say how it ended."""
    started = time.monotonic()
    code = run("linum_reconstruct.py", str(raw), str(out), *FLAGS)
    print(f"exit code {code}, {time.monotonic() - started:.1f} s")
    return code


def check_truth(out: Path) -> int:
    """Print one row per slice, planted against found."""
    reference = Reference(np.load(SAMPLE / "truth_volume.npy").astype(np.float32), VOXEL_UM)
    rows = compare(load_truth(SAMPLE / "truth.json"), SAMPLE / "raw", out, reference)
    check_gaps(rows, out)
    print(table(rows))
    wrong = [row.slice_id for row in rows if row.wrong]
    print(
        f"{len(rows) - len(wrong)} of {len(rows)} slices right"
        + (f"; wrong: {wrong}" if wrong else "")
    )
    return 1 if wrong else 0


def check_twin(out: Path, folder: Path) -> int:
    """Simulate the sample's anatomy in its geometry: its volume must be the same, by planes."""
    like = ("--truth", str(SAMPLE / "truth.json"))
    anatomy = ("--volume", str(SAMPLE / "truth_volume.npy"), "--voxel_um", f"{VOXEL_UM:g}")
    if run("linum_simulate_acquisition.py", str(folder), *like, *anatomy) != 0:
        return 1
    if reconstruct(folder / "raw", folder / "out") != 0:
        return 1
    found, wanted = (Grid.open(run_ / "3d_volume.ome.zarr") for run_ in (folder / "out", out))
    try:
        nccs = plane_nccs(wanted, found)
    except ValueError as error:
        print(f"WRONG: the twin is not on the sample's grid: {error}")
        return 1
    lowest = int(np.argmin(nccs))
    print(f"twin: {len(nccs)} planes, lowest NCC {nccs[lowest]:.3f} (plane {lowest})")
    low = [k for k, ncc in enumerate(nccs) if ncc < LOWEST_NCC]
    if low:
        print(f"WRONG: planes {low} differ from the sample's (NCC < {LOWEST_NCC})")
    return 1 if low else 0


if __name__ == "__main__":
    sys.exit(main())
