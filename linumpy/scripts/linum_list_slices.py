"""Print the slices that a stage works on, one unit per line."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linumpy.cli.command import Command, Ids, Source, SourceFlag
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from linumpy.core.slice_id import SliceId
    from linumpy.io.slice_config import Rows


@dataclass(frozen=True, kw_only=True)
class Params:
    """Print the slices that a stage works on, one unit per line.

    So that a workflow need not read the record itself. used, interpolated: an id; pairs: the fixed
    id and the moving one; gaps: the id before, the missing one, the id after; acquired: the ids
    with raw tiles, all of them there, that are selected and have not failed, from --acquisition.
    """

    record: Source
    """slice_config.csv"""
    what: Literal["used", "acquired", "pairs", "gaps", "interpolated"] = "used"
    """what is listed"""
    leave_gap: Ids = ()
    """excluded slices whose slot stays empty instead of being interpolated"""
    acquisition: SourceFlag = None
    """acquisition.json, for --what acquired"""


def run(p: Params, job: Job) -> None:  # noqa: ARG001  as every command
    """Read the record, print."""
    from linumpy.io import slice_config

    for unit in _units(p, slice_config.read(p.record)):
        print(*unit)  # noqa: T201  this is what the command is for


def _units(p: Params, rows: "Rows") -> "Iterable[tuple[SliceId, ...]]":
    from linumpy.core.slice_id import parse_ids
    from linumpy.io import selection

    match p.what:
        case "pairs":
            return selection.pairs(rows)
        case "gaps":
            return selection.gaps(rows, left=parse_ids(p.leave_gap))
        case "interpolated":
            return [(slice_id,) for slice_id in selection.interpolated(rows)]
        case "acquired":
            out = {
                *selection.failures(rows),
                *selection.unselected(rows),
                *selection.incomplete(rows),
            }
            return [(slice_id,) for slice_id in _acquired(p) if slice_id not in out]
    return [(slice_id,) for slice_id in selection.used(rows)]


def _acquired(p: Params) -> "Iterable[SliceId]":
    from linumpy.errors import BadValue
    from linumpy.io import acquisition

    if p.acquisition is None:
        raise BadValue("--what acquired needs --acquisition", hint="give acquisition.json")
    return acquisition.read(p.acquisition).extents


COMMAND = Command(Params, run)
main = COMMAND.main
