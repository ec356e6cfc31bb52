"""Run a workflow for one brain of a samplesheet, and say how it ended."""

from dataclasses import dataclass
from pathlib import Path

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Run a workflow for one brain of a samplesheet, and say how it ended.

    Ends well also when the brain's run did not: its exit code and message stand in OUTCOME, so that
    the other brains go on.
    """

    brain: Source
    """<subject>.brain.json, the parameters of the run"""
    outcome: Product
    """<subject>.outcome.json"""
    script: Path
    """the workflow's main script"""
    launch_dir: Path
    """folder where the run starts, which keeps its log and its cache"""
    work_dir: str
    """folder for the work of its tasks; may be a bucket"""
    engine_args: str = ""
    """what else the engine is given: -resume -profile slurm -c site.config"""


def run(p: Params, job: Job) -> None:
    """Start the engine, wait, write the outcome."""
    del job
    from linumpy.pipeline import brain_run  # noqa: PLC0415  --help stays light

    brain_run.run(p)


COMMAND = Command(Params, run)
main = COMMAND.main
