"""Check a samplesheet before anything runs, and write the parameters of every brain."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Check a samplesheet before anything runs, and write the parameters of every brain.

    Reads the workflow's own parameters as JSON from standard input; a row says what differs. What
    is wrong is named with its line and column.
    """

    workflow: Annotated[Literal["preproc", "reconst_3d"], tyro.conf.Positional]
    """which workflow"""
    samplesheet: Source
    """CSV: subject, raw or input, and any parameter of the workflows as a column"""
    out_directory: Product
    """folder of <subject>.brain.json, the parameters of each brain's run"""
    launch_dir: Path
    """relative paths are below this folder"""
    see_paths: bool = True
    """refuse paths that do not exist; not in a container, which sees none"""


def run(p: Params, job: Job) -> None:
    """Read, check, write a file per brain."""
    del job
    from linumpy.io import atomic  # noqa: PLC0415  --help stays light
    from linumpy.pipeline import samplesheet  # noqa: PLC0415

    brains = samplesheet.read(
        p.samplesheet,
        p.workflow,
        json.loads(sys.stdin.read()),
        launch_dir=p.launch_dir.absolute(),
        sees_paths=p.see_paths,
    )
    with atomic.replacing(p.out_directory) as folder:
        folder.mkdir()
        for brain in brains:
            atomic.write_json(folder / f"{brain.subject}.brain.json", dict(brain.params))


COMMAND = Command(Params, run)
main = COMMAND.main
