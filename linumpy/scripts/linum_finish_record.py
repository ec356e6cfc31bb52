"""Close the record of a run: every slice has one fate, and the fates add up."""

import logging
from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Close the record of a run: every slice has one fate, and the fates add up."""

    record: Source
    """slice_config.csv of the last stage that stamps"""
    acquisition: Source
    """acquisition.json: which slices were seen"""
    output_file: Product
    """slice_config_final.csv"""


def run(p: Params, job: Job) -> None:
    """Count the fates, write the record, say the sum."""
    from linumpy.io import acquisition, history, roll_call, slice_config

    scan = acquisition.read(p.acquisition)
    rows = slice_config.read(p.record)
    counts = roll_call.final_count(rows, [*scan.extents], scan.never_acquired)
    history.write_record(p.output_file, rows, before=p.record, author=job)
    fates = " + ".join(f"{n} {name}" for name, n in counts.items())
    log.info("slices  %s = %d", fates, sum(counts.values()))


COMMAND = Command(Params, run)
main = COMMAND.main
