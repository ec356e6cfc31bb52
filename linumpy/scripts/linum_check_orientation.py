"""Ask the overlaps of one slice whether the tiles lie as the parameters say; stop where not."""

import logging
from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.fields import ForceOrientation, MoreRaw, OnDuplicate
from linumpy.cli.runtime import Job

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Ask the overlaps of one slice whether the tiles lie as the parameters say; stop where not.

    The slice with the most tissue of nine is taken, where it does not tell up to two more. It stops
    only where another orientation fits clearly better: overlaps that do not tell stop nothing.
    Holds a tile per worker, and twenty pictures of tiles.
    """

    directory: Source
    """folder of the raw tiles, at any depth"""
    acquisition: Source
    """acquisition.json: the orientation and the stage signs in force"""
    out_json: Product
    """orientation.json: how well each of the eight orientations fits"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    force_orientation: ForceOrientation = False


def run(p: Params, job: Job) -> None:
    """Raw tiles → agreement under each orientation → go on, or stop."""
    from linumpy.io import acquisition as acquisition_file
    from linumpy.io import atomic, tiles
    from linumpy.scripts import orientation_steps as steps

    found = tiles.discover(p.directory, *p.more_raw, on_duplicate=p.on_duplicate)
    rig = acquisition_file.read(p.acquisition).rig
    slices = steps.by_tissue(found, workers=job.workers)
    job.progress(1, 2)
    examined = steps.examine(found, rig, slices, workers=job.workers)
    if examined.is_wrong and not p.force_orientation:
        raise steps.refuse(examined)
    log.log(logging.WARNING if examined.is_wrong else logging.INFO, steps.say(examined))
    atomic.write_json(p.out_json, steps.to_json(examined))
    job.progress(2, 2)


COMMAND = Command(Params, run)
main = COMMAND.main
