"""`make sweep`: twelve simulated acquisitions, one set of defaults, every row against its truth.

The acquisitions are in `linumpy.synth.presets`, with seeds fixed before any threshold.
"""

import argparse
import shutil
import sys
import tempfile
from pathlib import Path

from planted import table
from preset import run_preset

from linumpy.synth.presets import SWEEP


def main() -> int:
    """Run all or the named ones; print the table, name each wrong row; 1 when there is one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", default=list(SWEEP), help="presets; default: all")
    parser.add_argument("--keep", type=Path, help="folder that keeps data and results")
    given = parser.parse_args()
    folder = given.keep or Path(tempfile.mkdtemp(prefix="sweep-"))
    bad = []
    for name in given.names:
        outcome = run_preset(name, folder / name, quiet=True)
        print(f"\n{name}: {outcome.preset.what} ({outcome.seconds:.0f} s)")
        print(table(outcome.rows))
        for what in outcome.wrong:
            print(f"WRONG: {what}")
        bad += [f"{name} {what}" for what in outcome.wrong]
        bad += [
            f"{name} z{row.slice_id}: {'; '.join(row.wrong)}" for row in outcome.rows if row.wrong
        ]
        if given.keep is None:
            shutil.rmtree(folder / name, ignore_errors=True)
    print(f"\n{len(given.names)} acquisitions, {len(bad)} wrong rows")
    print("\n".join(bad))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
