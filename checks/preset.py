"""Simulate a named acquisition, reconstruct it, compare: what the demo and the sweep share."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from planted import Reference, Row, check_gaps, compare, load_truth

from linumpy.synth.presets import Preset, preset

FLAGS = ("--auto_assess_quality", "--detect_galvo")


@dataclass(frozen=True)
class Outcome:
    """One acquisition: its rows, what else is wrong, and how long it took."""

    preset: Preset
    rows: list[Row]
    wrong: list[str]
    seconds: float


def run_preset(
    name: str, folder: Path, *, more: Sequence[str] = (), quiet: bool = False
) -> Outcome:
    """Make the raw data in ``folder`` when they are not there, reconstruct, compare."""
    chosen = preset(name)
    simulate(name, folder, quiet=quiet)
    out = folder / "out"
    flags = (*chosen.reconstruct_flags, *FLAGS, *more)
    started = time.monotonic()
    code = run("linum_reconstruct.py", str(folder / "raw"), str(out), *flags, quiet=quiet)
    seconds = time.monotonic() - started
    if code != 0:
        return Outcome(chosen, [], [f"exit code {code}"], seconds)
    truth = load_truth(folder / "truth.json")
    reference = Reference(
        np.load(folder / "truth_volume.npy").astype(np.float32), chosen.resolution_um
    )
    rows = compare(truth, folder / "raw", out, reference)
    check_gaps(rows, out)
    return Outcome(chosen, rows, check_axial(chosen, rows, out), seconds)


def simulate(name: str, folder: Path, *, quiet: bool = False) -> None:
    """Make the raw data and the truth of a preset, unless they are there."""
    if not (folder / "truth.json").exists():
        code = run("linum_simulate_acquisition.py", str(folder), "--preset", name, quiet=quiet)
        if code != 0:
            sys.exit(code)


def check_axial(chosen: Preset, rows: list[Row], out: Path) -> list[str]:
    """Expect that a wrong axial sampling is told with its factor, and a right one not doubted."""
    found = json.loads((out / "quality_report.json").read_text(encoding="utf-8"))["implied_axial"]
    said = bool(found and found["is_off"])
    true_um, said_um = chosen.rig.axial_um, chosen.said_axial_um or chosen.rig.axial_um
    if said_um == true_um:
        return ["the right axial sampling is doubted"] if said else []
    for row in rows:  # depths are wrong with it, and are not held against the slices
        row.wrong = [w for w in row.wrong if "plane" not in w and "NCC" not in w]
    if not said:
        return [f"the wrong axial sampling ({said_um:g} for {true_um:g} µm) is not told"]
    off = found["factor"] * said_um / true_um - 1
    return [f"the axial factor is off by {off:+.0%}"] if abs(off) > 0.1 else []


def run(*command: str, quiet: bool = False) -> int:
    """Run a command of ours and return its exit code; what it said is shown where it failed."""
    if not quiet:
        print("$", " ".join(command), flush=True)
    done = subprocess.run(command, check=False, capture_output=quiet, text=True)
    if quiet and done.returncode:
        print(done.stderr[-2000:], file=sys.stderr)
    return done.returncode


def write_atlas(folder: Path, voxel_um: float) -> Path:
    """Write the anatomy in ``folder`` as an atlas: NIfTI, axes to the right, anterior, superior.

    The simulated brain is cut from front to back (P), its rows run down (I), its columns to the
    right (R).
    """
    path = folder / "atlas.nii.gz"
    if not path.exists():
        anatomy = np.load(folder / "truth_volume.npy").astype(np.float32)
        ras = anatomy.transpose(2, 0, 1)[:, ::-1, ::-1]
        image = nibabel.Nifti1Image(ras, np.diag([voxel_um / 1000] * 3 + [1]))
        image.header.set_xyzt_units("mm")
        nibabel.save(image, path)
    return path
