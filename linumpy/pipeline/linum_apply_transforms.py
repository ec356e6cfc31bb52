"""Send a second, co-acquired contrast through the placement of a finished run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from linumpy.cli.command import Command, Source, SourceFlag
from linumpy.cli.fields import MoreRaw, OnDuplicate
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Send a second, co-acquired contrast through the placement of a finished run.

    Nothing is registered or decided again: mistimed sweeps, tile positions, surface, tissue,
    shifts, transforms and filled gaps are those of RUN, so both volumes have one grid. Running the
    same command again does only what is missing. Memory: one tile or chunk per worker.
    """

    run: Source
    """folder of the finished run on the first contrast"""
    raw: Source
    """folder of raw tiles of the second contrast: same tile names, size and sampling"""
    out: Annotated[Path, tyro.conf.Positional]
    """folder for everything that is made; created, or continued when it holds such a run"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    preproc: SourceFlag = None
    """folder that preproc wrote, where it is not RUN (the workflows have two)"""
    brightness: Literal["normalized", "as_measured"] = "normalized"
    """each correction estimated on this contrast, or its values as they are"""
    verify: bool = False
    """read every input and product again instead of trusting unchanged time stamps"""


def run(p: Params, job: Job) -> None:
    """Check that the two belong together, place, compare the grids."""
    from linumpy.pipeline import contrast  # noqa: PLC0415  --help stays light

    contrast.apply(p, job)


COMMAND = Command(Params, run, stamps=("use", "notes"), is_driver=True)
main = COMMAND.main
