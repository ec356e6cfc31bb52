"""Record the slices that a stage could not process."""

import logging
from dataclasses import dataclass
from typing import Literal

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.fields import Fragments
from linumpy.cli.runtime import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Record the slices that a stage could not process.

    Merges what commands wrote under --record_failure: use=false and the note failed: …
    Without fragments the record stays as it is.
    """

    record: Source
    """slice_config.csv"""
    output_file: Product
    """the record with the failures"""
    fragments: Fragments = None
    over: Literal["slice", "gap"] = "slice"
    """what the stage works on: a slice that is left out anyway cannot fail, its gap can"""


def run(p: Params, job: Job) -> None:
    """Read, merge, write."""
    from linumpy.io import history, selection, slice_config

    rows = slice_config.read(p.record)
    found = slice_config.merge_fragments({}, p.fragments) if p.fragments else {}
    failed: dict[object, dict[str, object]] = {}
    for slice_id, row in found.items():
        if p.over == "slice" and not rows[slice_id]["use"]:
            log.warning("z%s has use=false, so the run goes on without it", slice_id)
        else:
            failed[slice_id] = {"use": False, "notes": row["notes"]}
    rows = slice_config.stamp_many(rows, failed, append_notes=True)
    for slice_id, why in selection.failures(rows).items():
        log.error("z%s failed: %s", slice_id, why)
    history.write_record(p.output_file, rows, before=p.record, author=job)


COMMAND = Command(Params, run, stamps=("use", "notes"))
main = COMMAND.main
