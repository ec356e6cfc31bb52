"""Lay the cells that a person changed in an earlier record over one that was made again."""

import logging
from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Lay the cells that a person changed in an earlier record over one that was made again.

    A person's are the cells of EARLIER that the commands in its history did not write; without a
    history all of them. Each is named in the log and stands in the history as user's.
    """

    generated: Source
    """slice_config.csv as it is made now"""
    earlier: Source
    """slice_config.csv of an earlier run, maybe edited since"""
    output_file: Product
    """the generated record with the person's cells"""


def run(p: Params, job: Job) -> None:
    """Read both, merge by cell, write; without an edit the generated record goes on as it is."""
    from linumpy.io import history, roll_call, slice_config

    fresh = slice_config.read(p.generated)
    recorded = history.read(p.earlier)
    written, edited = None, roll_call.given_cells(p.earlier, fresh)
    if recorded:
        people = (history.USER, history.UNRECORDED)
        written = history.replay(c for c in recorded if c.command not in people)
        edited = slice_config.read(p.earlier)
    merged = roll_call.lay_edits(fresh, written=written, edited=edited)
    if merged == fresh:
        log.info("%s: no cell was edited by hand", p.earlier)
    person = history.Person(version=job.version)
    history.write_record(p.output_file, merged, before=p.generated, author=person)


COMMAND = Command(Params, run)
main = COMMAND.main
