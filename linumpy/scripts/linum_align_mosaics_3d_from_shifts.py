"""Bring the slices onto one common canvas, by the stage's shifts."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linumpy.cli.command import Command, Count, Fraction, Pixels, Product, Source
from linumpy.cli.fields import SliceConfig
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from linumpy.core.shift import Shift
    from linumpy.core.slice_id import SliceId
    from linumpy.io.omezarr import Volume
    from linumpy.stack.canvas import Canvas
    from linumpy.stack.placement import CheckedStep, SliceFrame
    from linumpy.stack.pose import Source as SliceSource
    from linumpy.stack.unreliable import Plane

METRICS = "common_space_alignment_metrics.json"
SHIFTS = "shifts_xy_common.csv"
CHUNKS = (8, 128, 128)  # z, y, x; registration reads whole planes, eight at a time
BLOCK_BYTES = 2**24
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Bring the slices onto one common canvas, by the stage's shifts.

    Slices are matched to the shifts by id; a slice lies at the sum of all shifts that lead to it,
    excluded slices included. Memory: blocks of at most 16 MB, two per worker, whatever the slice.
    """

    in_mosaics_dir: Source
    """folder of slice volumes, *.ome.zarr with z<number> in the name"""
    in_shifts: Source
    """pairwise XY shifts (shifts_xy.csv or shifts_xy_clean.csv)"""
    out_directory: Product
    """folder for the slices on the common canvas, under their own names"""
    slice_config: SliceConfig = None
    """slice_config.csv: slices with use=false are left out; default: all are used"""
    excluded_slice_mode: Literal["keep", "local_median", "median", "zero"] = "keep"
    """shifts that touch an excluded slice: kept, replaced by a median of the others, or zero"""
    excluded_slice_window: Count = 2
    """shifts on either side that local_median looks at"""
    refine_unreliable: bool = False
    """check the shifts that the file calls unreliable (reliable=0) against the images"""
    refine_max_discrepancy_px: Pixels = 0.0
    """with refine_unreliable: the shift stays where the images are further off, voxels; 0: never"""
    refine_min_correlation: Fraction = 0.3
    """with refine_unreliable: the shift stays where the images correlate less than this"""


def run(p: Params, job: Job) -> None:
    """Read, place, write."""
    from linumpy.io import shifts, slice_config
    from linumpy.io.atomic import replacing
    from linumpy.io.slice_folder import choose, find_slices, open_slices
    from linumpy.stack.canvas import fit_canvas
    from linumpy.stack.excluded import treat_excluded
    from linumpy.stack.placement import place_slices, read_frame

    rows = None if p.slice_config is None else slice_config.read(p.slice_config)
    used, left_out = choose(find_slices(p.in_mosaics_dir), rows)
    volumes = open_slices(used)
    step_mm = next(iter(volumes.values())).spacing.x_mm
    steps: Sequence[Shift] = shifts.read(p.in_shifts)
    steps = treat_excluded(steps, left_out, p.excluded_slice_mode, window=p.excluded_slice_window)
    frames = {
        slice_id: read_frame(volume.attributes, volume.shape, volume.origin_mm)
        for slice_id, volume in volumes.items()
    }
    checked: list[CheckedStep] = []
    if p.refine_unreliable:
        steps, checked = _refine(p, volumes, frames, steps)
    canvas = fit_canvas(place_slices(frames, steps, step_mm), step_mm)
    log.info("canvas %d × %d voxels (y, x) of %g µm", *canvas.shape, step_mm * 1000)
    with replacing(p.out_directory) as folder:
        folder.mkdir()
        for done, (slice_id, volume) in enumerate(volumes.items()):
            job.progress(done, len(volumes))
            _write_slice(folder / volume.path.name, volume, canvas, slice_id, job.workers)
        shifts.write(folder / SHIFTS, steps)
        _write_metrics(folder / METRICS, p, volumes, left_out, checked)


def _refine(
    p: Params,
    volumes: "Mapping[SliceId, Volume]",
    frames: "Mapping[SliceId, SliceFrame]",
    steps: "Sequence[Shift]",
) -> "tuple[Sequence[Shift], list[CheckedStep]]":
    from linumpy.io.slice_folder import find_interval_mm
    from linumpy.stack.placement import refine_unreliable
    from linumpy.stack.unreliable import Limits, matching_planes

    spacing = next(iter(volumes.values())).spacing
    interval_mm = find_interval_mm(volumes, None)

    def planes(fixed: "SliceId", moving: "SliceId") -> "tuple[Plane, Plane]":
        n_between = round((moving.number - fixed.number) * interval_mm / spacing.z_mm)
        return matching_planes(_source(volumes[fixed]), _source(volumes[moving]), n_between)

    limits = Limits(p.refine_max_discrepancy_px, p.refine_min_correlation)
    refined, checked = refine_unreliable(frames, steps, spacing.x_mm, planes=planes, limits=limits)
    for step in checked:
        log.info(
            "z%s → z%s: %s, %.1f px from the stage (%s)",
            step.fixed,
            step.moving,
            "corrected by the images" if step.verdict.is_accepted else "kept the stage's shift",
            step.verdict.discrepancy_px,
            step.verdict.reason,
        )
    return refined, checked


def _source(volume: "Volume") -> "SliceSource":
    from functools import partial

    from linumpy.io.omezarr import read_block
    from linumpy.stack.pose import Source

    return Source(volume.shape, partial(read_block, volume))


def _write_slice(
    path: "Path", volume: "Volume", canvas: "Canvas", slice_id: "SliceId", workers: int
) -> None:
    from linumpy.compute.walk import fill, fit_chunks
    from linumpy.core.rigid import Rigid2D
    from linumpy.io.omezarr import Level, create, sharded
    from linumpy.stack.pose import make_pose, read_posed

    offset = canvas.offset_px[slice_id]
    shape = (volume.shape[0], *canvas.shape)
    pose = make_pose(
        Rigid2D(),
        offset_px=offset,
        canvas_shape=canvas.shape,
        resolution_um=volume.spacing.x_mm * 1000,
    )
    if pose.whole_px is None:
        log.info("z%s: placed between voxels (y %.2f, x %.2f), interpolated", slice_id, *offset)
    chunks = fit_chunks(shape, CHUNKS)
    shards = sharded(shape, chunks, max_bytes=BLOCK_BYTES)
    level = Level(shape, volume.spacing, chunks, shards, (volume.origin_mm[0], *canvas.origin_mm))
    own_y_mm, own_x_mm = volume.origin_mm[1:]
    placed = {
        "canvas_offset_px": {"y": offset[0], "x": offset[1]},
        "tile_frame_origin_mm": {"y": own_y_mm, "x": own_x_mm},
        "in_common_space": True,
    }
    source = _source(volume)
    with create(path, [level], attributes={**volume.attributes, **placed}) as new:
        fill(new.array, lambda block: read_posed(source, pose, block), shards, workers=workers)


def _write_metrics(
    path: "Path",
    p: Params,
    volumes: "Mapping[SliceId, Volume]",
    left_out: "Sequence[SliceId]",
    checked: "Sequence[CheckedStep]",
) -> None:
    from linumpy.io.diagnostics import Metrics, write_metrics

    accepted = [step.verdict.discrepancy_px for step in checked if step.verdict.is_accepted]
    metrics = Metrics("common_space_alignment")
    metrics.info("output_dir", p.out_directory)
    metrics.info("n_selected_slices", len(volumes))
    metrics.info("n_excluded_slices", len(left_out))
    metrics.info("n_unreliable", len(checked))
    metrics.info("n_refined_image_based", len(accepted))
    metrics.info("n_refined_rejected", len(checked) - len(accepted))
    if accepted:
        mean = sum(accepted) / len(accepted)
        metrics.add("mean_refine_discrepancy_px", mean, unit="pixels")
        metrics.add("max_refine_discrepancy_px", max(accepted), unit="pixels")
    metrics.info(
        "checked_steps",
        [
            {
                "fixed_id": step.fixed,
                "moving_id": step.moving,
                "dx_px": step.verdict.dx_px,
                "dy_px": step.verdict.dy_px,
                "ncc": step.verdict.ncc,
                "accepted": step.verdict.is_accepted,
                "reason": step.verdict.reason,
            }
            for step in checked
        ],
        "what the images said about each unreliable step, beyond the stage",
    )
    write_metrics(path, metrics)


COMMAND = Command(Params, run)
main = COMMAND.main
