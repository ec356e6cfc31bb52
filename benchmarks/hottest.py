"""The five hottest functions of a command: ``python benchmarks/hottest.py linum_x.py ARGS``.

One worker, so that the work is done in the thread that is profiled; what zarr decodes in its own
thread shows as waiting for a lock. Products are replaced.
"""

import contextlib
import cProfile
import pstats
import sys
from pathlib import Path

from linumpy.cli import machine
from linumpy.pipeline.registry import commands

N_SHOWN = 5


def main() -> None:
    """Run the command, print its hottest functions by their own time."""
    name, *argv = sys.argv[1:]
    machine.cap_threads()
    command = commands()[Path(name).name]
    profile = cProfile.Profile()
    profile.enable()
    with contextlib.suppress(SystemExit):
        command.main([*argv, "--workers", "1", "--overwrite"])
    profile.disable()
    # Any: the attributes of pstats.Stats have no types
    entries = vars(pstats.Stats(profile))["stats"].items()
    hottest = sorted(entries, key=lambda entry: entry[1][2], reverse=True)[:N_SHOWN]
    total = sum(entry[1][2] for entry in entries)
    for (path, line, function), (_, n_calls, own_s, *_) in hottest:
        where = f"{Path(path).parent.name}/{Path(path).name}:{line} " if line else ""
        print(f"    {own_s:7.2f} s {100 * own_s / total:4.0f} % {n_calls:8} x  {where}{function}")


if __name__ == "__main__":
    main()
