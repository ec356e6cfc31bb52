"""Put the raw tiles of one slice side by side in one volume, a chunk per tile."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linumpy.cli.command import (
    Command,
    Count,
    CountOrZero,
    Micrometres,
    Product,
    SourceFlag,
)
from linumpy.cli.fields import (
    GalvoThreshold,
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
    from linumpy.core.slice_id import SliceId
    from linumpy.io.mosaic_grid import Galvo

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Put the raw tiles of one slice side by side in one volume, a chunk per tile.

    Native sampling, overlaps kept, galvo-return A-lines cropped. Holds workers x
    sharding_factor^2 tiles in memory, whatever the size of the mosaic.
    """

    output_zarr: Product
    """mosaic_grid_3d_z{NN}.ome.zarr"""
    from_root_directory: SourceFlag = None
    """folder of raw tiles, at any depth; --slice says which slice"""
    from_tiles_list: tuple[Path, ...] = ()
    """tile folders of one slice, instead of --from_root_directory"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    slice: CountOrZero | None = None
    """id of the slice; may be left out where there is only one"""
    axial_resolution: Micrometres | None = None
    """axial sampling, um in tissue (um in air / refractive index); default: the key of info.txt"""
    fix_galvo_shift: bool = True
    """without --slice_config: look for a misplaced galvo return and roll it to the end"""
    galvo_threshold: GalvoThreshold = 0.6
    slice_config: SourceFlag = None
    """slice_config.csv whose galvo decision is applied as it stands, never made again"""
    galvo_json: SourceFlag = None
    """slice_z{NN}_galvo.json or its folder; default: galvo beside --slice_config"""
    acquisition: SourceFlag = None
    """acquisition.json: stage signs and cut interval; default: from the headers of all slices"""
    stage_sign_x: StageSignX = None
    stage_sign_y: StageSignY = None
    overlap_fraction: OverlapFraction = 0.2
    tile_orientation: TileOrientation = "right_down"
    legacy_orientation: LegacyOrientation = False
    sharding_factor: Count = 1
    """tiles per shard along x and y; more tiles per file need more memory"""


def run(p: Params, job: Job) -> None:
    """Headers → places → galvo decision → volume."""
    from functools import partial

    from linumpy.core.spacing import Spacing
    from linumpy.io import mosaic_grid, sampling
    from linumpy.mosaic import grid
    from linumpy.preproc.xyzcorr import fix_galvo_shift

    raw, rig, interval_mm = _headers(p)
    axial_um = sampling.axial_um(p.axial_resolution, raw.tiles)
    shift_px, galvo = _galvo(p, raw)
    placed = grid.place_tiles(raw, rig)
    plan = mosaic_grid.Plan(
        tile_at={(one.row, one.column): one.tile for one in placed},
        grid=raw.grid,
        spacing=Spacing.from_um(axial_um, rig.lateral_um.y, rig.lateral_um.x),
        orientation=rig.orientation,
        sharding_factor=p.sharding_factor,
    )
    log.info(
        "slice %s: %d x %d tiles, %d missing; galvo shift %d A-lines (%s)",
        raw.slice_id,
        *raw.grid,
        raw.n_missing,
        shift_px,
        galvo,
    )
    correct = partial(fix_galvo_shift, shift=shift_px) if shift_px else None
    mosaic_grid.write(
        p.output_zarr,
        plan,
        attributes={
            **mosaic_grid.describe(plan, raw, rig, slicing_interval_mm=interval_mm),
            "tiles": [
                mosaic_grid.tile_row(one.tile, one.row, one.column, one.x_mm, one.y_mm)
                for one in placed
            ],
            "galvo_shift_px": shift_px,
            "galvo": galvo,
        },
        correct=correct,
        workers=job.workers,
        progress=job.progress,
    )


def _headers(p: Params) -> "tuple[RawSlice, RigGeometry, float | None]":
    """Return the slice, the rig's geometry and the cut interval."""
    from linumpy.core.slice_id import SliceId
    from linumpy.errors import BadValue
    from linumpy.io import acquisition as acquisition_file
    from linumpy.io import tiles
    from linumpy.scripts.rig_steps import find_rig

    roots = [*p.from_tiles_list, *([p.from_root_directory] if p.from_root_directory else [])]
    if not roots or (p.from_root_directory and p.from_tiles_list):
        raise BadValue(
            "give --from_root_directory or --from_tiles_list, one of the two",
            hint="a folder that holds the tiles, or the tile folders themselves",
        )
    roots += p.more_raw
    wanted = None if p.slice is None else SliceId(p.slice)
    if p.acquisition is not None:
        scan = acquisition_file.read(p.acquisition)
        _check_orientation(p, scan.rig)
        only = None if wanted is None else [wanted]
        found = tiles.discover(*roots, only=only, on_duplicate=p.on_duplicate)
        return _chosen(found, wanted), scan.rig, scan.slicing_interval_mm
    found = tiles.discover(*roots, on_duplicate=p.on_duplicate)
    rig = find_rig(found, p)
    return _chosen(found, wanted), rig, tiles.slicing_interval_mm(found, roots)


def _check_orientation(p: Params, rig: "RigGeometry") -> None:
    from linumpy.core.tile_orientation import choose
    from linumpy.errors import BadValue

    given = choose(p.tile_orientation, is_legacy=p.legacy_orientation)
    if given != rig.orientation:
        raise BadValue(
            f"--acquisition {p.acquisition} was made with tiles {rig.orientation}, "
            f"this command would lay them {given}",
            hint=f"give --tile_orientation {rig.orientation} to this command, too",
        )


def _chosen(found: "Acquisition", wanted: "SliceId | None") -> "RawSlice":
    from linumpy.errors import UnknownSlice

    if wanted is None and len(found.ids) == 1:
        return found.slices[found.ids[0]]
    if wanted is None or wanted not in found.slices:
        raise UnknownSlice(
            "several slices, and no --slice" if wanted is None else f"no tile of slice {wanted}",
            hint=f"slices with tiles: {', '.join(found.ids)}",
        )
    return found.slices[wanted]


def _galvo(p: Params, raw: "RawSlice") -> tuple[int, "Galvo"]:
    """Return the roll to apply and what is known: the recorded decision, else an own one."""
    from linumpy.io import tiles
    from linumpy.preproc import xyzcorr

    n_extra = raw.tiles[0].info.n_extra
    if p.slice_config is not None:
        return _recorded(p.slice_config, p.galvo_json, raw.slice_id, n_extra)
    if n_extra == 0:
        return 0, "no_return"
    if not p.fix_galvo_shift:
        return 0, "unexamined"
    shift_px, confidence = xyzcorr.detect_galvo_for_slice(
        tiles.PixelSequence(raw.tiles), n_extra, threshold=p.galvo_threshold
    )
    log.info("slice %s: galvo confidence %.3f, shift %d", raw.slice_id, confidence, shift_px)
    return shift_px, "fixed" if shift_px else _left_alone(confidence)


def _recorded(
    config: Path, evidence: Path | None, slice_id: "SliceId", n_extra: int
) -> tuple[int, "Galvo"]:
    from linumpy.errors import UnknownSlice
    from linumpy.io import galvo_json, slice_config

    row = slice_config.read(config).get(slice_id)
    if row is None:
        raise UnknownSlice(
            f"{config} has no row for slice {slice_id}", hint="add the row, or make the file again"
        )
    if row["galvo_fix"]:
        path = evidence or config.parent / "galvo"
        path = path / galvo_json.file_name(slice_id) if not path.is_file() else path
        return galvo_json.read_shift_px(path, slice_id, n_extra), "fixed"
    if n_extra == 0:
        return 0, "no_return"
    confidence = row["galvo_confidence"]
    return 0, "unexamined" if confidence is None else _left_alone(float(confidence))


def _left_alone(confidence: float) -> "Galvo":
    from linumpy.io.mosaic_grid import DOUBT

    return "doubtful" if confidence >= DOUBT else "clean"


COMMAND = Command(Params, run)
main = COMMAND.main
