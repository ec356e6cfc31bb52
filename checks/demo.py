"""`make demo`: simulate an acquisition with planted faults, reconstruct it, compare."""

import json
import resource
import sys
import time
from pathlib import Path

from planted import table
from preset import run_preset, simulate, write_atlas

from linumpy.pipeline.steps import STEPS
from linumpy.synth.presets import preset

FOLDER = Path("demo")
BY_HAND = """slice_id,dx_um,dy_um,rotation_deg,note
07,0,0,0,across the gap the stage is right
"""
"""A transform by hand of a pair that is not registered; the stage tells all that was planted."""


def main() -> int:
    """Print planted against found, fault by fault; 1 when they differ or a stage did not run."""
    started = time.monotonic()
    simulate("demo", FOLDER)
    atlas = write_atlas(FOLDER, preset("demo").resolution_um)
    by_hand = FOLDER / "by_hand.csv"
    by_hand.write_text(BY_HAND, encoding="utf-8")
    more = (
        "--atlas",
        str(atlas),
        "--input_orientation",
        "PIR",
        "--manual_transforms",
        str(by_hand),
    )
    outcome = run_preset("demo", FOLDER, more=more)
    out = FOLDER / "out"
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1e6
    print(f"\nplanted against found ({time.monotonic() - started:.0f} s, {peak:.2f} GB a process)")
    print(table(outcome.rows))
    wrong = [*outcome.wrong, *(f"stage {stage} did not run" for stage in stages_not_run(out))]
    for what in wrong:
        print(f"WRONG: {what}")
    print(f"\nvolume  {out / '3d_volume.ome.zarr'}")
    print(f"report  {out / 'quality_report.html'}")
    print(f"record  {out / 'slice_config_final.csv'}")
    return 1 if wrong or any(row.wrong for row in outcome.rows) else 0


def stages_not_run(out: Path) -> list[str]:
    """Return the stages of the graph that left no record of having run."""
    ran = {entry["stage"] for entry in json.loads((out / "run.json").read_text())["stages"]}
    return [step.stage for step in STEPS if step.stage not in ran]


if __name__ == "__main__":
    sys.exit(main())
