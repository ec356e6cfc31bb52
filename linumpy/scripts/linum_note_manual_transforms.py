"""Note in the record which slices are placed by hand, before anything is excluded or stacked."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linumpy.core.slice_id import SliceId
    from linumpy.io.manual import Transform
    from linumpy.io.slice_config import Rows

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Note in the record which slices are placed by hand, before anything is excluded or stacked.

    Beside the record: manual_transforms.csv, the transforms as they were read.
    """

    manual_transforms: Source
    """transforms by hand (slice_id,dx_um,dy_um,rotation_deg,note), as stack/transforms.csv"""
    slice_config_in: Source
    """slice_config.csv to stamp"""
    slice_config_out: Product
    """where the stamped slice_config.csv goes"""


def run(p: Params, job: Job) -> None:
    """Read, check the ids, stamp."""
    from linumpy.io import history, manual, slice_config

    by_hand = manual.read(p.manual_transforms)
    rows = slice_config.read(p.slice_config_in)
    manual.check_ids(p.manual_transforms, by_hand, rows)
    _warn_of_idle(by_hand, rows)
    for slice_id, one in by_hand.items():
        log.info("z%s: %s", slice_id, manual.describe(one))
    notes: dict[str, dict[str, object]] = {
        slice_id: {"notes": manual.describe(one)} for slice_id, one in by_hand.items()
    }
    rows = slice_config.stamp_many(rows, notes, append_notes=True)
    p.slice_config_out.parent.mkdir(parents=True, exist_ok=True)
    manual.write(p.slice_config_out.with_name("manual_transforms.csv"), by_hand)
    history.write_record(p.slice_config_out, rows, before=p.slice_config_in, author=job)


def _warn_of_idle(by_hand: "Mapping[SliceId, Transform]", rows: "Rows") -> None:
    """Say which rows move nothing: a slice that is left out, or has no slice before it."""
    from linumpy.io import selection

    used = selection.used(rows)
    for slice_id in by_hand:
        if slice_id not in used:
            log.warning("z%s is not used: its transform by hand moves nothing", slice_id)
        elif slice_id == used[0]:
            log.warning("z%s is the first slice: there is none before to lay it on", slice_id)


COMMAND = Command(Params, run, stamps=("notes",))
main = COMMAND.main
