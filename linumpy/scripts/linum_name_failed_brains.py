"""End with an error that names every brain whose run failed; without one, end well."""

from dataclasses import dataclass

from linumpy.cli.command import Command, Source
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """End with an error that names every brain whose run failed; without one, end well.

    The last step of a run over a samplesheet: the page is published, the exit code says the truth.
    """

    overview: Source
    """overview.json, the rows of the page"""


def run(p: Params, job: Job) -> None:
    """Read the rows; raise where a brain failed."""
    del job
    from typing import Any

    from linumpy.errors import SliceFailed
    from linumpy.io.diagnostics import read_json

    rows: Any = read_json(p.overview)["brains"]
    failed = [f"{row['subject']} ({row['says']})" for row in rows if row["state"] == "failed"]
    if failed:
        raise SliceFailed(
            f"{len(failed)} of {len(rows)} brains failed: {'; '.join(failed)}",
            hint="the others are complete; mend the cause and run the same command again with "
            "-resume",
        )


COMMAND = Command(Params, run)
main = COMMAND.main
