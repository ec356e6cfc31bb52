"""Draw every slice of a raw acquisition, coarse, its tiles where the stage put them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.fields import (
    ForceOrientation,
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
    from linumpy.core.acquisition import Acquisition, RawSlice
    from linumpy.core.geometry import RigGeometry
    from linumpy.report.preview import PreviewSlice
    from linumpy.scripts.orientation_steps import Planes


@dataclass(frozen=True, kw_only=True)
class Params:
    """Draw every slice of a raw acquisition, coarse, its tiles where the stage put them.

    Missing tiles are hatched. It also asks the overlaps of the slices with the most tissue which
    way the tiles lie, and names the flag when another orientation fits clearly better. Reads a few
    B-scans of every tile, about 12 GB of a large acquisition, and twenty tiles of two slices whole;
    holds the coarse tiles, and a tile per worker.
    """

    directory: Source
    """folder of the raw tiles, at any depth"""
    out_png: Product
    """the picture"""
    subject: str | None = None
    """name of the brain, for the title; default: from the folder's name"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    stage_sign_x: StageSignX = None
    stage_sign_y: StageSignY = None
    overlap_fraction: OverlapFraction = 0.2
    tile_orientation: TileOrientation = "right_down"
    legacy_orientation: LegacyOrientation = False
    force_orientation: ForceOrientation = False


def run(p: Params, job: Job) -> None:
    """Headers → coarse tiles → orientation → picture; then say what was found."""
    import logging

    from linumpy.core.subject import subject_of
    from linumpy.io import atomic, tiles
    from linumpy.report import preview
    from linumpy.scripts import orientation_steps as steps
    from linumpy.scripts.rig_steps import find_rig

    found = tiles.discover(p.directory, *p.more_raw, on_duplicate=p.on_duplicate)
    rig = find_rig(found, p)
    seen = {}
    lines, scans = steps.sampling_of(found)
    for done, (slice_id, raw) in enumerate(found.slices.items(), 1):
        seen[slice_id] = steps.look_at(raw, lines=lines, scans=scans, workers=job.workers)
        job.progress(done, len(found.slices) + 1)
    ranked = steps.rank(found, {key: steps.tissue_of(planes) for key, planes in seen.items()})
    examined = steps.examine(found, rig, ranked, workers=job.workers, at_least=2)
    picture = preview.Preview(
        title=f"{subject_of(p.directory, p.subject)}: {_count(found)}",
        finding=steps.say(examined),
        is_wrong=examined.is_wrong,
        fov_mm=(rig.fov_mm.y, rig.fov_mm.x),
        slices=tuple(
            _slice(found.slices[one], rig, seen[one]) if one in seen else preview.PreviewSlice(one)
            for one in sorted([*seen, *found.never_acquired])
        ),
        otherwise=steps.both_ways(ranked, examined, seen, _slice),
    )
    atomic.write_bytes(p.out_png, preview.to_png(picture))
    if examined.is_wrong and not p.force_orientation:
        raise steps.refuse(examined)
    logging.getLogger(__name__).info(steps.say(examined))


def _count(found: "Acquisition") -> str:
    n_tiles = sum(len(raw.tiles) for raw in found.slices.values())
    missing = sum(raw.n_missing for raw in found.slices.values())
    return (
        f"{len(found.slices)} slices, {n_tiles} tiles, {missing} missing, as the stage places them"
    )


def _slice(raw: "RawSlice", rig: "RigGeometry", planes: "Planes") -> "PreviewSlice":
    from linumpy.core import tile_orientation
    from linumpy.mosaic import grid
    from linumpy.report.preview import PreviewSlice, PreviewTile

    origin = grid.extent(raw, rig, stage_z_mm=None).origin_mm
    placed = []
    for one in grid.place_tiles(raw, rig):
        plane = planes[one.tile.x, one.tile.y]
        lying = None if plane is None else tile_orientation.to_zyx(plane, rig.orientation)
        placed.append(PreviewTile(lying, origin.y + one.y_mm, origin.x + one.x_mm))
    vacant = [(origin.y + y, origin.x + x) for y, x in grid.vacant_mm(raw, rig)]
    return PreviewSlice(raw.slice_id, tuple(placed), tuple(vacant))


COMMAND = Command(Params, run)
main = COMMAND.main
