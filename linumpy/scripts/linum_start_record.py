"""Give every slice that was acquired a row: the record with which a reconstruction starts."""

import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, Ids, Millimetres, Product, Source, SourceFlag
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.core.geometry import Scan
    from linumpy.io.slice_config import Rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Give every slice that was acquired a row: the record with which a reconstruction starts.

    The user's cells stand as they are. A slice with data and without a row is left out
    (not_in_config), so is one that --slices does not name (not_selected), and an id without raw
    tiles (not_acquired).
    """

    acquisition: Source
    """acquisition.json: which slices have raw tiles"""
    output_file: Product
    """the record to start with"""
    record: SourceFlag = None
    """slice_config.csv as the user wants it; default: every slice is used"""
    generated: SourceFlag = None
    """slice_config.csv as preproc made it; default: what the history beside RECORD says"""
    slices: Ids = ()
    """reconstruct only these slices: 03-05,07"""
    keep: Ids = ()
    """slices that no automatic test may exclude; here it is only checked that they exist"""
    leave_gap: Ids = ()
    """excluded slices whose slot stays empty; here it is only checked that they exist"""
    slicing_interval_mm: Millimetres | None = None
    """cut interval, mm; here it is only checked that one is known"""


def run(p: Params, job: Job) -> None:
    """Read, lay the user's cells over what was generated, leave out what is not asked for."""
    from linumpy.io import acquisition, history, interval, roll_call, slice_config

    scan = acquisition.read(p.acquisition)
    roll_call.check_known(
        {"slices": p.slices, "keep": p.keep, "leave_gap": p.leave_gap},
        acquired=tuple(scan.extents),
        never_acquired=scan.never_acquired,
        where=p.acquisition,
    )
    # an acquisition whose cut interval nobody knows is refused before hours of work
    interval.choose_mm(scan.slicing_interval_mm, p.slicing_interval_mm, where=p.acquisition)
    generated = _generated(p, scan)
    with tempfile.TemporaryDirectory() as folder:
        edited, before = generated, p.record or p.generated
        if p.record is not None and p.generated is not None:
            cells = roll_call.given_cells(p.record, generated)
            edited = roll_call.lay_edits(generated, written=None, edited=cells)
            # what preproc stamped is carried on, what the user changed stands as `user`
            before = Path(folder) / "slice_config.csv"
            person = history.Person(version=job.version)
            history.write_record(before, edited, before=p.generated, author=person)
        elif p.record is not None:
            given = slice_config.read(p.record)
            edited = roll_call.lay_edits(generated, written=generated, edited=given)
        rows = _asked_for(p, scan, edited)
        history.write_record(p.output_file, rows, before=before, author=job)


def _asked_for(p: Params, scan: "Scan", rows: "Rows") -> "Rows":
    """Leave out what has no raw tiles and what --slices does not name."""
    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import EmptySelection
    from linumpy.io import roll_call, selection

    rows = roll_call.leave_out_absent(rows, scan.extents)
    if p.slices:
        wanted = set(parse_ids(p.slices))
        rows = roll_call.leave_out_unselected(rows, [s for s in scan.extents if s not in wanted])
    if not selection.used(rows):
        raise EmptySelection(
            f"{p.record or p.acquisition}: no slice has use=true",
            hint="set use=true for at least one slice that has raw tiles",
        )
    return rows


def _generated(p: Params, scan: "Scan") -> "Rows":
    """Return the rows before the user's edits, one for every slice that was acquired."""
    from linumpy.io import history, slice_config

    rows: Rows = {}
    if p.generated is not None:
        rows = slice_config.read(p.generated)
    elif p.record is not None:
        rows = history.replay(history.read(p.record)) or slice_config.read(p.record)
    missing = [s for s in sorted({*scan.extents, *scan.never_acquired}) if s not in rows]
    return {**rows, **{s: slice_config.new_row(s, use=True) for s in missing}}


COMMAND = Command(Params, run, stamps=("slice_id", "use", "notes"))
main = COMMAND.main
