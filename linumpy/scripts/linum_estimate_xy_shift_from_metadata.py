"""Read the shifts between slices from the stage positions in the raw headers."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.fields import (
    LegacyOrientation,
    MoreRaw,
    OnDuplicate,
    OverlapFraction,
    StageSignX,
    StageSignY,
    TileOrientation,
)
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.core.geometry import Scan
    from linumpy.core.slice_id import SliceId

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Read the shifts between slices from the stage positions in the raw headers.

    Writes acquisition.json beside the shifts: grids, extents, sampling, the cut interval. Reads no
    pixels; holds the headers of all tiles.
    """

    directory: Source
    """folder of the raw tiles, at any depth"""
    output_file: Product
    """pairwise shifts (shifts_xy.csv)"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    stage_sign_x: StageSignX = None
    stage_sign_y: StageSignY = None
    overlap_fraction: OverlapFraction = 0.2
    tile_orientation: TileOrientation = "right_down"
    legacy_orientation: LegacyOrientation = False


def run(p: Params, job: Job) -> None:
    """Headers → extents → shifts."""
    from linumpy.core.geometry import Scan
    from linumpy.io import acquisition as acquisition_file
    from linumpy.io import shifts, tiles
    from linumpy.io.instrument import read_instrument
    from linumpy.io.interval import stage_z_mm
    from linumpy.mosaic import grid
    from linumpy.scripts.rig_steps import find_rig

    roots = [p.directory, *p.more_raw]
    found = tiles.discover(*roots, on_duplicate=p.on_duplicate)
    job.progress(1, 2)
    rig = find_rig(found, p)
    extents = {
        slice_id: grid.extent(raw_slice, rig, stage_z_mm=stage_z_mm(raw_slice))
        for slice_id, raw_slice in found.slices.items()
    }
    first = next(iter(found.slices.values())).tiles[0].info
    scan = Scan(
        rig=rig,
        extents=extents,
        never_acquired=found.never_acquired,
        n_extra=first.n_extra,
        axial_um=first.axial_um,
        slicing_interval_mm=tiles.slicing_interval_mm(found, roots),
        unfinished=found.unfinished,
        instrument=read_instrument(found),
    )
    shifts.write(p.output_file, grid.pairwise_shifts(extents, rig.lateral_um))
    acquisition_file.write(p.output_file.parent / acquisition_file.FILE_NAME, scan)
    _log(scan, {slice_id: raw.n_missing for slice_id, raw in found.slices.items()})
    job.progress(2, 2)


def _log(scan: "Scan", n_missing: "dict[SliceId, int]") -> None:
    rig = scan.rig
    log.info(
        "%d slices (%s never acquired); stage signs x %+d, y %+d; %s positions; cut interval %s",
        len(scan.extents),
        ", ".join(scan.never_acquired) or "none",
        rig.stage_sign.x,
        rig.stage_sign.y,
        "stage" if rig.overlap_fraction is None else "nominal",
        "unknown" if scan.slicing_interval_mm is None else f"{scan.slicing_interval_mm:g} mm",
    )
    for slice_id, missing in n_missing.items():
        if missing:
            log.info("slice %s: %d tiles are missing and stay zero", slice_id, missing)
    for one in scan.unfinished:
        log.warning("%s", one.said)


COMMAND = Command(Params, run)
main = COMMAND.main
