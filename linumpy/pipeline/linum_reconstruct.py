"""Reconstruct a brain volume from a folder of raw tiles, on one machine."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from linumpy.cli.command import Command, Ids, Millimetres, Source, SourceFlag
from linumpy.cli.fields import MoreRaw
from linumpy.cli.runtime import Job
from linumpy.errors import BadValue
from linumpy.pipeline.graph import run_parameters


@dataclass(frozen=True, kw_only=True)
class Run:
    """Reconstruct a brain volume from a folder of raw tiles, on one machine.

    Running the same command again does only what is missing. Memory: one tile or chunk per worker.
    """

    raw: Source
    """folder of raw tiles (flat or nested)"""
    out: Annotated[Path | None, tyro.conf.Positional] = None
    """folder for everything that is made; created, or continued when it holds a run; with --clean
    it may stand alone"""
    more_raw: MoreRaw = ()
    subject: str | None = None
    """name of the brain, for the report, the volume and exports; default: RAW's folder, or the one
    above where that is just called raw, tiles or data"""
    slices: Ids = ()
    """reconstruct only these slices, as a quick look in an OUT of its own: 03-05,07"""
    slice_config: SourceFlag = None
    """slice_config.csv to start from; default: OUT/slice_config.csv, made and then yours to edit"""
    keep: Ids = ()
    """slices that no automatic test may exclude"""
    leave_gap: Ids = ()
    """excluded slices whose slot stays empty instead of being interpolated"""
    slicing_interval_mm: Millimetres | None = None
    """cut interval, mm; default: from the stage's z, else metadata.json"""
    auto_assess_quality: bool = False
    """score every slice and exclude those of low quality"""
    detect_rehoming: bool = True
    """find and correct stage glitches and re-homing"""
    interpolate_missing_slices: bool = True
    """fill single missing slices where registration allows"""
    auto_exclude_enabled: bool = True
    """leave out clusters of slices that do not register"""
    atlas: str | None = None
    """atlas to align to: a file, or a name for brainglobe-atlasapi; needs --input_orientation"""
    input_orientation: str | None = None
    """where the axes z, y, x of the volume point: three letters such as PIR; needs --atlas"""
    picture: bool = False
    """with --check: draw every slice as the stage places it, OUT/preview.png, and nothing else"""
    verify: bool = False
    """read every input and product again instead of trusting unchanged time stamps"""
    clean: bool = False
    """OUT --clean: remove what can be made again, keep the volume, the record and the report"""


ID_PARAMETERS = ("slices", "keep", "leave_gap", "exclude")
"""Parameters of a run that name slices."""


def check_atlas(atlas: object, input_orientation: object) -> None:
    """Refuse one of the two without the other.

    Raises
    ------
    BadValue
        If only one of them is given.
    """
    if (atlas is None) != (input_orientation is None):
        raise BadValue(
            "--atlas and --input_orientation belong together; one of them was given",
            hint="give both, or neither",
        )


def run(p: Any, job: Job) -> None:
    """Run every stage that is not yet done; see `linumpy.pipeline.driver`."""
    from linumpy.pipeline import driver  # noqa: PLC0415  --help stays light

    driver.reconstruct(p, job)


def _command() -> Command[Any]:
    from linumpy.pipeline.steps import STEPS  # noqa: PLC0415

    return Command(run_parameters(Run, STEPS), run, stamps=("use", "notes"), is_driver=True)


COMMAND = _command()
main = COMMAND.main
