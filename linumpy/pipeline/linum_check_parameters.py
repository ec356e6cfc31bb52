"""Check the parameters of a workflow before anything runs."""

import sys
from dataclasses import dataclass
from typing import Annotated, Literal

import tyro

from linumpy.cli.command import Command
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Check the parameters of a workflow before anything runs.

    Reads them as JSON from standard input; refuses by name what is unknown or out of its bounds.
    """

    workflow: Annotated[Literal["preproc", "reconst_3d"], tyro.conf.Positional]
    """which workflow"""


def run(p: Params, job: Job) -> None:  # noqa: ARG001  as every command
    """Read, compare with the commands' own parameters."""
    from linumpy.pipeline import check  # noqa: PLC0415  --help stays light

    check.check_parameters(p.workflow, sys.stdin.read())


COMMAND = Command(Params, run)
main = COMMAND.main
