"""Write run.json of a workflow: what ran, with which parameters, what each stage cost."""

import sys
from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source, SourceFlag
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Write run.json of a workflow: what ran, with which parameters, what each stage cost.

    The same facts as linum_reconstruct.py writes. Reads the workflow's command and parameters as
    JSON from standard input.
    """

    acquisition: Source
    """acquisition.json"""
    output_file: Product
    """run.json"""
    costs: SourceFlag = None
    """folder of the *.done.json that the commands left, at any depth"""
    before: SourceFlag = None
    """run.json of the workflow before this one: its stages and parameters come first"""
    record: SourceFlag = None
    """slice_config_final.csv, whose digest run.json holds"""


def run(p: Params, _job: Job) -> None:
    """Gather, write."""
    from linumpy.pipeline import record_run  # noqa: PLC0415  --help stays light

    told = record_run.gather(
        sys.stdin.read(), scan=p.acquisition, costs=p.costs, before=p.before, record=p.record
    )
    record_run.write(p.output_file, told)


COMMAND = Command(Params, run)
main = COMMAND.main
