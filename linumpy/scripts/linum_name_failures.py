"""End with an error that names every slice that failed; without one, end well."""

from dataclasses import dataclass

from linumpy.cli.command import Command, Source
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """End with an error that names every slice that failed; without one, end well.

    The last step of a workflow: everything is made and published, and the exit code says the truth.
    """

    record: Source
    """slice_config_final.csv"""


def run(p: Params, job: Job) -> None:  # noqa: ARG001  as every command
    """Read the record; raise where a slice failed."""
    from linumpy.errors import SliceFailed
    from linumpy.io import selection, slice_config

    failed = selection.failures(slice_config.read(p.record))
    if failed:
        raise SliceFailed(
            "; ".join(f"slice {s} failed in {why}" for s, why in failed.items()),
            hint="the others are in the volume; mend the cause and run the same command again with "
            "-resume, or set use=false for that slice and take out the note",
        )


COMMAND = Command(Params, run)
main = COMMAND.main
