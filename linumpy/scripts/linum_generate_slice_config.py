"""Make slice_config.csv: one row per slice of an acquisition."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linumpy.cli.command import (
    Command,
    Ids,
    Product,
    ProductFlag,
    Source,
    SourceFlag,
)
from linumpy.cli.fields import (
    CalibrationRatio,
    DetectCalibration,
    ExcludeFirst,
    GalvoThreshold,
    Keep,
    MoreRaw,
    OnDuplicate,
)
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.core.acquisition import Acquisition
    from linumpy.core.slice_id import SliceId
    from linumpy.io.inventory import Inventory
    from linumpy.io.slice_config import Rows

log = logging.getLogger(__name__)
STAGE = "generate_slice_config"
EXCLUDED_BY_USER = "excluded_by_user"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Make slice_config.csv: one row per slice of an acquisition.

    With --detect_galvo it samples a few tiles of each slice; each worker holds one of them.
    """

    input: Source
    """folder of mosaics (*z<digits>*.ome.zarr); raw tiles or a shifts file with the flags below"""
    output_file: Product
    """slice_config.csv"""
    from_tiles: bool = False
    """the input is a folder of raw tiles"""
    from_shifts: bool = False
    """the input is shifts_xy.csv; an acquisition.json beside it is read too"""
    exclude: Ids = ()
    """slices to leave out: 2 5, 02,05, 03-05 (use=false, note excluded_by_user)"""
    exclude_first: ExcludeFirst = 1
    detect_calibration: DetectCalibration = False
    calibration_thickness_ratio: CalibrationRatio = 1.5
    keep: Keep = ()
    detect_galvo: bool = False
    """look for a misplaced galvo return in the raw tiles; stamps galvo_confidence, galvo_fix"""
    tiles_dir: SourceFlag = None
    """folder of the raw tiles, when the input is not that folder"""
    more_raw: MoreRaw = ()
    on_duplicate: OnDuplicate = None
    galvo_threshold: GalvoThreshold = 0.6
    galvo_dir: ProductFlag = None
    """folder for slice_z{NN}_galvo.json; default: galvo beside the output"""


def run(p: Params, job: Job) -> None:
    """Find the slices, decide which are used, write the record."""
    from linumpy.io import history

    _check(p)
    acquisition = _acquisition(p)
    found = _inventory(p, acquisition)
    rows = _rows(p, found)
    if p.detect_galvo and acquisition is not None:
        rows = _stamp_galvo(rows, acquisition, p, job)
    elif found.n_extra:
        log.info(
            "%d galvo-return A-lines per sweep are not examined: --detect_galvo", found.n_extra
        )
    history.write_record(p.output_file, rows, before=None, author=job)


def _check(p: Params) -> None:
    from linumpy.errors import BadValue

    if p.from_tiles and p.from_shifts:
        raise BadValue(
            "--from_tiles and --from_shifts exclude each other", hint="say what the input is"
        )
    if p.detect_galvo and not p.from_tiles and p.tiles_dir is None:
        raise BadValue(
            "--detect_galvo looks at raw tiles, and none are given",
            hint="pass --tiles_dir with the folder of the raw tiles",
        )
    if p.more_raw and not p.from_tiles and p.tiles_dir is None:
        raise BadValue(
            "--more_raw adds to a folder of raw tiles, and none is given",
            hint="pass --tiles_dir with the first folder of the raw tiles",
        )


def _acquisition(p: Params) -> "Acquisition | None":
    from linumpy.io import tiles

    folder = p.tiles_dir or (p.input if p.from_tiles else None)
    if folder is None:
        return None
    return tiles.discover(folder, *p.more_raw, on_duplicate=p.on_duplicate)


def _inventory(p: Params, acquisition: "Acquisition | None") -> "Inventory":
    from linumpy.io import inventory

    if p.from_shifts:
        found = inventory.in_shifts(p.input)
    elif not p.from_tiles:
        found = inventory.in_mosaics(p.input)
    else:
        found = inventory.Inventory(())
    return found if acquisition is None else found.joined(inventory.in_tiles(acquisition))


def _rows(p: Params, found: "Inventory") -> "Rows":
    """Return one row per slice; who is left out has the reason in its notes."""
    from linumpy.core.fate import NOT_ACQUIRED
    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import UnknownSlice
    from linumpy.io import slice_config
    from linumpy.quality import calibration

    ids = sorted({*found.ids, *found.never_acquired})
    excluded = parse_ids(p.exclude)
    unknown = sorted(set(excluded) - set(ids))
    if unknown:
        raise UnknownSlice(
            f"--exclude {', '.join(unknown)}: no such slice in {p.input}",
            hint=f"it holds {', '.join(ids)}",
        )
    kept = set(parse_ids(p.keep))
    calibrates = _calibration(p, found)
    # half a tile is nothing that a person can want to keep
    parts = {one.slice_id: one for one in reversed(found.unfinished) if one.note}
    must_go = {key for key, one in parts.items() if key not in kept or one.is_written}
    rows = {key: slice_config.new_row(key, use=True) for key in ids}
    spared = {key: calibration.NOTE for key in calibrates if key in kept}
    spared |= {key: one.note for key, one in parts.items() if key not in must_go}
    rows = slice_config.stamp_many(
        rows, {key: {"notes": f"kept_by_user (would be {note})"} for key, note in spared.items()}
    )
    for keys, note in (
        (found.never_acquired, NOT_ACQUIRED),
        ([key for key in calibrates if key not in kept], calibration.NOTE),
        (excluded, EXCLUDED_BY_USER),
        *(([key], parts[key].note) for key in sorted(must_go)),
    ):
        updates = {key: {"use": False, "notes": note} for key in keys}
        rows = slice_config.stamp_many(rows, updates, append_notes=True)
        log.info("%s: %s", note, ", ".join(keys) or "none")
    return rows


def _calibration(p: Params, found: "Inventory") -> tuple["SliceId", ...]:
    from linumpy.errors import BadValue
    from linumpy.quality import calibration

    chosen = set(calibration.first_slices(found.ids, p.exclude_first))
    if p.detect_calibration:
        if not found.depth_px:
            raise BadValue(
                f"--detect_calibration needs the depth of the slices, which {p.input} does not say",
                hint="pass --tiles_dir, or keep acquisition.json beside the shifts file",
            )
        ratio = p.calibration_thickness_ratio
        chosen |= {*calibration.thick_slices(found.depth_px, ratio=ratio)}
    first = found.ids[0]
    if first not in chosen:
        log.info("slice %s, the first, is kept; --exclude_first 1 leaves it out", first)
    return tuple(sorted(chosen))


def _stamp_galvo(rows: "Rows", acquisition: "Acquisition", p: Params, job: Job) -> "Rows":
    """Decide for every slice; a slice that cannot be read is recorded as failed."""
    from concurrent.futures import ThreadPoolExecutor
    from functools import partial

    from linumpy.io import atomic, galvo_json, slice_config

    folder = _galvo_folder(p)
    examine = partial(_examine, acquisition=acquisition, threshold=p.galvo_threshold)
    updates = {}
    with atomic.replacing(folder) as partial_folder, ThreadPoolExecutor(job.workers) as pool:
        partial_folder.mkdir()
        for done, (key, (stamps, evidence)) in enumerate(
            zip(rows, pool.map(examine, rows), strict=True), start=1
        ):
            # a slice that is left out anyway cannot fail
            updates[key] = stamps if rows[key]["use"] or "use" not in stamps else {}
            if evidence:
                galvo_json.write(partial_folder / galvo_json.file_name(key), key, evidence)
            log.info("slice %s: galvo %s", key, stamps)
            job.progress(done, len(rows))
    return slice_config.stamp_many(rows, updates, append_notes=True)


def _galvo_folder(p: Params) -> Path:
    """Return where the evidence goes; the folder is replaced, so it must hold nothing else."""
    from linumpy.errors import OutputExists

    folder = p.galvo_dir or p.output_file.parent / "galvo"
    others = [path.name for path in folder.glob("*") if not path.match("slice_z*_galvo.json")]
    if others:
        raise OutputExists(
            f"{folder} holds other files ({', '.join(sorted(others)[:3])})",
            hint="pass --galvo_dir with another folder",
        )
    return folder


def _examine(
    key: "SliceId", *, acquisition: "Acquisition", threshold: float
) -> tuple[dict[str, object], dict[str, object]]:
    """Return what to stamp on one slice, and the evidence for it (empty where there is none)."""
    from linumpy.core.fate import failure_note
    from linumpy.errors import InputError
    from linumpy.io import columns, tiles
    from linumpy.preproc import xyzcorr

    raw = acquisition.slices.get(key)
    if raw is None:
        return ({"notes": ""} if key in acquisition.never_acquired else {"notes": "no_tiles"}), {}
    n_extra = raw.tiles[0].info.n_extra
    if n_extra == 0:
        return {"notes": "no_extra_alines"}, {}
    try:
        found = xyzcorr.measure_galvo(tiles.PixelSequence(raw.tiles), n_extra)
    except (InputError, OSError) as error:
        log.warning("slice %s: %s", key, error)
        reason = getattr(error, "message", str(error)).removeprefix(f"slice {key}: ")
        # the record says the same wherever the raw tiles lie
        reason = reason.replace(f"{raw.tiles[0].folder.parent}/", "")
        return {"use": False, "notes": failure_note(STAGE, reason)}, {}
    confidence = round(found.confidence, columns.SCORE_DECIMALS)
    stamps: dict[str, object] = {
        "galvo_confidence": confidence,
        "galvo_fix": confidence >= threshold,
    }
    names = [raw.tiles[i].folder.name for i in found.tiles]
    return stamps, {**found.to_json(), "tile_names": names}


COMMAND = Command(Params, run, stamps=("slice_id", "use", "galvo_confidence", "galvo_fix", "notes"))
main = COMMAND.main
