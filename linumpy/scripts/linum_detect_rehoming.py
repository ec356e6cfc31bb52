"""Find slice transitions where the stage's report is wrong, and correct their shifts."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from annotated_types import Gt

from linumpy.cli.command import (
    Command,
    Fraction,
    Millimetres,
    Product,
    ProductFlag,
    Source,
    SourceFlag,
)
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linumpy.core.shift import Shift
    from linumpy.core.slice_id import SliceId
    from linumpy.io.mosaic_tiles import MosaicTiles
    from linumpy.preproc.rehoming import Event
    from linumpy.preproc.stage_evidence import Limits
    from linumpy.scripts.rehoming_steps import Pictures

NO_SHIFT = "no_shift"
DISTRUSTED = {
    "unexamined": "--detect_galvo looks for mistimed sweeps",
    "doubtful": "look at the galvo evidence and set galvo_fix",
}
"""Galvo states of a mosaic (`linumpy.io.mosaic_grid.Galvo`) whose picture is not trusted, advice.

A roll moves all content along the A-lines, by up to a tile: to a picture that is a stage's fault.
"""
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Find slice transitions where the stage's report is wrong, and correct their shifts.

    With --mosaics the tissue itself decides where it can. Memory: one tile per worker and
    the pictures of six slices, of at most 512 px; all others wait in a temporary file.
    """

    in_shifts: Source
    """pairwise XY shifts (shifts_xy.csv)"""
    out_shifts: Product
    """corrected shifts (shifts_xy_clean.csv)"""
    max_shift_mm: Millimetres = 0.5
    """a longer step is examined and is not reliable, mm"""
    return_fraction: Fraction = 0.4
    """a step is a spike when it and the next one sum to less than this share of it, 0 to 1"""
    tile_fov_mm: tuple[Annotated[float, Gt(0)], ...] = ()
    """field of view of a tile, mm, one number or x and y: steps by a multiple of it are removed"""
    tile_fov_tolerance: Fraction = 0.05
    """how far from a multiple a step may be, as a share of the field of view"""
    acquisition: SourceFlag = None
    """acquisition.json: the field of view, where --tile_fov_mm is not given"""
    mosaics: SourceFlag = None
    """folder of mosaic grids: whether the tissue moved with the stage is looked at"""
    diagnostics: Path | None = None
    """folder for rehoming_report.json and rehoming_plot.png; default: beside OUT_SHIFTS"""
    slice_config_in: SourceFlag = None
    """slice_config.csv to stamp"""
    slice_config_out: ProductFlag = None
    """where the stamped slice_config.csv goes"""


def run(p: Params, job: Job) -> None:
    """Read the shifts, look at the tissue, correct, report, stamp."""
    from linumpy.io import shifts
    from linumpy.preproc.rehoming import correct
    from linumpy.preproc.stage_evidence import Limits
    from linumpy.scripts.rehoming_steps import Pictures

    _check(p)
    tile_fov_mm = _tile_fov_mm(p)
    limits = Limits(
        max_shift_mm=p.max_shift_mm,
        return_fraction=p.return_fraction,
        tile_fov_mm=tile_fov_mm,
        tile_fov_tolerance=p.tile_fov_tolerance,
    )
    rows = shifts.read(p.in_shifts)
    pictures = Pictures() if p.mosaics is None else _look(p.mosaics, rows, job)
    fixed, events = correct(rows, limits=limits, image_shifts=pictures.shifts)
    for event in events:
        log.info(
            "z%s → z%s: %s, (%.3f, %.3f) mm becomes (%.3f, %.3f) mm, decided by %s",
            *(event.fixed, event.moving, event.kind, *event.original_mm, *event.corrected_mm),
            "the images" if event.is_from_images else "the stage's pattern",
        )
    log.info("%d of %d transitions corrected", len(events), len(rows))
    _write_report(p, limits, rows, fixed, events, pictures)
    _stamp(p, fixed, events, job)
    shifts.write(p.out_shifts, fixed)


def _tile_fov_mm(p: Params) -> tuple[float, ...]:
    """Return the field of view of a tile, x and y, as given or as the headers said."""
    from linumpy.io import acquisition

    if p.tile_fov_mm or p.acquisition is None:
        return p.tile_fov_mm
    fov_mm = acquisition.read(p.acquisition).rig.fov_mm
    return (fov_mm.x, fov_mm.y)


def _check(p: Params) -> None:
    from linumpy.errors import BadValue

    if (p.slice_config_in is None) != (p.slice_config_out is None):
        raise BadValue(
            "--slice_config_in and --slice_config_out belong together", hint="give both, or neither"
        )


def _look(folder: Path, rows: "Sequence[Shift]", job: Job) -> "Pictures":
    """Register the pictures of neighbouring slices; also across slices that match nothing."""
    from linumpy.compute.device import CPU
    from linumpy.io.slice_folder import find_slices
    from linumpy.scripts.mosaic_views import Looking, look, open_all, register
    from linumpy.scripts.rehoming_steps import Pictures, bridges, measure

    paths = find_slices(folder)
    known = {key for row in rows for key in (row.fixed, row.moving)}
    opened, failed = open_all({key: path for key, path in paths.items() if key in known})
    views, unread = look(opened, Looking(device=CPU, workers=job.workers), job.progress)
    for key, reason in {**failed, **unread}.items():
        log.warning("z%s: no picture: %s", key, reason)
    distrusted = _distrusted(opened)
    position = _positions(rows)
    pairs = [(r.fixed, r.moving) for r in rows if r.fixed in views and r.moving in views]
    images = measure(views, register(views, pairs, workers=job.workers), position, distrusted)
    sound = {key for key in views if key not in distrusted}
    across = [pair for pair in bridges(rows, images) if sound.issuperset(pair)]
    bridged = measure(views, register(views, across, workers=job.workers), position)
    return Pictures({**images, **bridged}, distrusted)


def _distrusted(opened: "Mapping[SliceId, MosaicTiles]") -> "dict[SliceId, str]":
    """Return the slices whose sweep may be mistimed: their content may lie a roll away."""
    found = {
        key: state
        for key, mosaic in opened.items()
        if (state := mosaic.volume.attributes.get("galvo")) in DISTRUSTED
    }
    for state, advice in DISTRUSTED.items():
        ids = [key for key, said in found.items() if said == state]
        if ids:
            log.warning(
                "galvo %s: %s; their pictures do not overrule the stage (%s)",
                *(state, ", ".join(ids), advice),
            )
    return found


def _positions(rows: "Sequence[Shift]") -> "dict[SliceId, tuple[float, float]]":
    """Return where the stage says that each slice lies, (x, y) mm; each chain from its own zero."""
    found: dict[SliceId, tuple[float, float]] = {}
    for row in rows:
        x, y = found.setdefault(row.fixed, (0.0, 0.0))
        found[row.moving] = (x + row.x_mm, y + row.y_mm)
    return found


def _write_report(
    p: Params,
    limits: "Limits",
    rows: "Sequence[Shift]",
    fixed: "Sequence[Shift]",
    events: "Sequence[Event]",
    pictures: "Pictures",
) -> None:
    from linumpy.io import atomic, diagnostics
    from linumpy.preproc.rehoming import common_step_mm
    from linumpy.scripts.rehoming_steps import plot, report, undecided

    folder = p.diagnostics or p.out_shifts.parent
    folder.mkdir(parents=True, exist_ok=True)
    common = None if limits.tile_fov_mm else common_step_mm(rows, max_shift_mm=p.max_shift_mm)
    if common is not None:
        log.warning("long steps are multiples of %.3f mm; if so, pass --tile_fov_mm", common)
    content = report(rows, fixed, events, pictures, limits)
    content["common_step_mm"] = common
    atomic.write_json(folder / "rehoming_report.json", diagnostics.to_json(content))
    atomic.write_bytes(folder / "rehoming_plot.png", plot(rows, fixed, events))
    metrics = diagnostics.Metrics("rehoming_detection")
    metrics.info("output_shifts", p.out_shifts)
    metrics.info("n_total_transitions", len(rows))
    kinds = [event.kind for event in events]
    metrics.info("n_tile_corrected", kinds.count("tile_offset"))
    metrics.info("n_spike_corrected", kinds.count("spike"))
    metrics.info("n_rehoming_corrected", kinds.count("rehoming"))
    metrics.info("n_unreliable", sum(not row.reliable for row in fixed))
    changes = [
        max(abs(a - b) for a, b in zip(event.original_mm, event.corrected_mm, strict=True))
        for event in events
    ]
    metrics.add("max_correction_mm", max(changes, default=0.0), unit="mm")
    metrics.info("n_pictures_not_trusted", len(pictures.distrusted))
    for text in undecided(fixed, pictures, limits):
        log.warning(text)
        metrics.warn(text)
    diagnostics.write_metrics(folder / "rehoming_detection_metrics.json", metrics)


def _stamp(p: Params, fixed: "Sequence[Shift]", events: "Sequence[Event]", job: Job) -> None:
    from linumpy.io import history, slice_config

    if p.slice_config_in is None or p.slice_config_out is None:
        return
    rows = slice_config.read(p.slice_config_in)
    rehomed = {event.moving for event in events}
    absent = [row.moving for row in fixed if row.moving not in rows]
    if absent:
        log.warning("in the shifts but not in the config: %s", ", ".join(absent))
    updates: dict[object, dict[str, object]] = {
        row.moving: {"rehomed": row.moving in rehomed, "rehoming_reliable": bool(row.reliable)}
        for row in fixed
        if row.moving in rows
    }
    known = {key for row in fixed for key in (row.fixed, row.moving)}
    unplaced = [key for key, row in rows.items() if row["use"] and key not in known]
    if fixed and unplaced:
        log.warning("not in the shifts, placed like their predecessor: %s", ", ".join(unplaced))
        rows = slice_config.stamp_many(
            rows, {key: {"notes": NO_SHIFT} for key in unplaced}, append_notes=True
        )
    rows = slice_config.stamp_many(rows, updates)
    p.slice_config_out.parent.mkdir(parents=True, exist_ok=True)
    history.write_record(p.slice_config_out, rows, before=p.slice_config_in, author=job)


COMMAND = Command(Params, run, stamps=("rehomed", "rehoming_reliable", "notes"))
main = COMMAND.main
