"""Stack the slices into one volume, each at its depth, by stage and registration together."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linumpy.cli.command import (
    Command,
    Count,
    CountOrZero,
    Degrees,
    Fraction,
    Product,
    Source,
    SourceFlag,
)
from linumpy.cli.fields import ManualTransforms, SliceConfig, SlicingInterval
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from linumpy.compute.walk import Block
    from linumpy.core.rigid import Rigid2D
    from linumpy.core.shift import Shift
    from linumpy.core.slice_id import SliceId
    from linumpy.io.omezarr import Volume
    from linumpy.io.slice_config import Rows
    from linumpy.stack.blend import Layer, Overlap
    from linumpy.stack.canvas import Canvas
    from linumpy.stack.outcome import Outcome
    from linumpy.stack.overlap import Agreement
    from linumpy.stack.plan import Measured, Pair
    from linumpy.stack.volume import Positioned

CHUNKS = (32, 128, 128)  # z, y, x
BLOCK_BYTES = 2**24
POOR_TOP_UM = 20.0  # the error of the interface: water may reach this deep
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Stack the slices into one volume, each at its depth, by stage and registration together.

    A slice starts at (id − first id) · interval; missing ids leave their place. Beside OUT_STACK:
    z_matches.csv, stacking_decisions.csv, transforms.csv, stack_metrics.json and
    stack_diagnostics.json. Memory: per worker, blocks of 16 MB of every slice that shows in one.
    """

    in_slices_dir: Source
    """folder of slices on the common canvas (other slices are placed by the shifts)"""
    in_shifts: Source
    """pairwise XY shifts; registration is believed more where they are unreliable or corrected"""
    out_stack: Product
    """the stack, stack.ome.zarr, one level"""
    slice_config: SliceConfig = None
    transforms_dir: SourceFlag = None
    """folder of pairwise registrations, one folder per moving slice; default: stage only"""
    manual_transforms: ManualTransforms = None
    interpolated_dir: SourceFlag = None
    """folder of interpolated slices, slice_z07_interpolated.ome.zarr and the like"""
    slicing_interval_mm: SlicingInterval = None
    auto_excluded: Literal["skip", "motor_only"] = "skip"
    """automatically excluded slices: left out, or stacked where the stage put them"""
    confidence_low: Fraction = 0.3
    """registrations of less confidence do not count"""
    max_rotation_deg: Degrees = 5.0
    """registrations that turn a slice further do not count"""
    moving_z_first_index: CountOrZero | None = None
    """planes at the top of a slice that count only where nothing else does; default: 20 µm"""
    blend_depth: Count | None = None
    """planes over which two slices are blended; default: the whole overlap"""


def run(p: Params, job: Job) -> None:
    """Read what is known, place the slices, write the stack and why it is as it is."""
    from linumpy.io import shifts
    from linumpy.io.slice_folder import find_interval_mm
    from linumpy.stack.blend import find_overlaps, share_planes
    from linumpy.stack.canvas import start_planes
    from linumpy.stack.outcome import Outcome
    from linumpy.stack.plan import make_layers

    rows, measured, filling = _open(p)
    spacing = next(iter(measured.values())).spacing
    steps = shifts.read(p.in_shifts)
    volumes = {**measured, **filling}
    canvas = _canvas(volumes, steps)
    pairs = _judge(p, rows, measured)
    sigmas = _step_sigmas_um(rows, measured, steps)
    corrections = _solve(pairs, measured, filling, sigmas, canvas)
    depths = {slice_id: volumes[slice_id].shape[0] for slice_id in sorted(volumes)}
    interval_mm = find_interval_mm(measured, p.slicing_interval_mm)
    starts = start_planes(depths, interval_mm=interval_mm, resolution_mm=spacing.z_mm)
    skip = p.moving_z_first_index
    skip = round(POOR_TOP_UM / spacing.zyx_um[0]) if skip is None else skip
    layers = make_layers(depths, starts, interpolated=set(filling), skip=skip)
    overlaps = find_overlaps(layers, p.blend_depth)
    placed = _position(volumes, layers, canvas, corrections)
    agreements = _compare(pairs, placed, overlaps, measured, canvas, job)
    shares = share_planes(layers, overlaps, max(layer.end for layer in layers))
    outcome = Outcome(canvas, layers, shares, pairs, corrections, overlaps, agreements)
    like = measured[min(measured)]
    _write_stack(p.out_stack, outcome, placed, measured, job)
    _write_tables(p.out_stack.parent, outcome)
    _write_metrics(p.out_stack.parent, outcome, like)


def _open(p: Params) -> "tuple[Rows | None, dict[SliceId, Volume], dict[SliceId, Volume]]":
    """Return the record, the measured volumes and those that fill gaps."""
    from linumpy.io import slice_config
    from linumpy.io.slice_folder import choose, find_interpolated, find_slices, open_slices

    rows = None if p.slice_config is None else slice_config.read(p.slice_config)
    kept = rows
    if rows is not None and p.auto_excluded == "motor_only":
        kept = {slice_id: {**row, "auto_excluded": False} for slice_id, row in rows.items()}
    used, _ = choose(find_slices(p.in_slices_dir), kept)
    measured = open_slices(used)
    if p.interpolated_dir is None:
        return rows, measured, {}
    fills = {
        slice_id: path
        for slice_id, path in find_interpolated(p.interpolated_dir).items()
        if slice_id not in used and _may_fill(rows, slice_id)
    }
    if fills:
        log.info("interpolated: %s", " ".join(fills))
    return rows, measured, open_slices(fills) if fills else {}


def _may_fill(rows: "Rows | None", slice_id: "SliceId") -> bool:
    """Say whether a slice is unused and interpolated by the record."""
    if rows is None:
        return True
    row = rows.get(slice_id)
    return row is not None and not row["use"] and bool(row["interpolated"])


def _canvas(volumes: "Mapping[SliceId, Volume]", steps: "Sequence[Shift]") -> "Canvas":
    """Return the canvas that the slices share, or place them by the shifts."""
    from linumpy.stack.canvas import Placed, fit_canvas
    from linumpy.stack.placement import place_slices, read_frame

    step_mm = next(iter(volumes.values())).spacing.x_mm
    if all(volume.attributes.get("in_common_space") for volume in volumes.values()):
        origins = {i: Placed(v.origin_mm[1:], v.shape[1:]) for i, v in volumes.items()}
        return fit_canvas(origins, step_mm)
    log.info("the slices are not on a common canvas: placed by the shifts")
    frames = {i: read_frame(v.attributes, v.shape, v.origin_mm) for i, v in volumes.items()}
    return fit_canvas(place_slices(frames, steps, step_mm), step_mm)


def _judge(p: Params, rows: "Rows | None", measured: "Mapping[SliceId, Volume]") -> "list[Pair]":
    """Return every pair of neighbours with its transform, and whether it counts."""
    from itertools import pairwise

    from linumpy.io import manual
    from linumpy.stack.plan import Gates, Measured, judge

    by_hand = manual.read(p.manual_transforms) if p.manual_transforms else {}
    gates = Gates(p.confidence_low, p.max_rotation_deg)
    resolution_um = next(iter(measured.values())).spacing.x_mm * 1000
    pairs: list[Pair] = []
    for fixed, moving in pairwise(measured):
        found: Measured | None = None
        if moving in by_hand:
            found = Measured(by_hand[moving].motion, 1.0, is_manual=True)
        elif p.transforms_dir is not None:
            found = _automated(p.transforms_dir, measured[moving])
        skipped = {i for i in (fixed, moving) if rows and rows[i]["auto_excluded"]}
        pair = judge(
            found, fixed, moving, gates, resolution_um=resolution_um, is_noisy=bool(skipped)
        )
        log.info("z%s → z%s: %s", fixed, moving, pair.reason or "registration counts")
        pairs.append(pair)
    return pairs


def _automated(folder: "Path", volume: "Volume") -> "Measured | None":
    """Return the registration of a moving slice, if there is one."""
    from linumpy.io import transforms
    from linumpy.stack.plan import Measured

    place = folder / volume.path.name.removesuffix(".ome.zarr")
    if not place.is_dir():
        return None
    found = transforms.read_pairwise(place)
    return Measured(found.motion, found.confidence, found.fixed)


def _step_sigmas_um(
    rows: "Rows | None", measured: "Mapping[SliceId, Volume]", steps: "Sequence[Shift]"
) -> "dict[SliceId, float]":
    """Return how far the stage may be off in steps that were corrected or cannot be trusted."""
    from linumpy.stack.plan import arrival_sigmas_um

    repaired = {slice_id for slice_id, row in (rows or {}).items() if row["rehomed"]}
    return arrival_sigmas_um(tuple(measured), steps, repaired)


def _solve(
    pairs: "Sequence[Pair]",
    measured: "Mapping[SliceId, Volume]",
    filling: "Mapping[SliceId, Volume]",
    sigmas_um: "Mapping[SliceId, float]",
    canvas: "Canvas",
) -> "dict[SliceId, Rigid2D]":
    """Return the correction of every slice to where the stage has it."""
    from linumpy.stack.motor import solve_positions
    from linumpy.stack.plan import fill_corrections

    resolution_um = next(iter(measured.values())).spacing.x_mm * 1000
    links = [pair.link for pair in pairs if pair.link is not None]
    # rms distance from the centre over a disc as wide as the canvas
    arm_um = sum(canvas.shape) / 4 / 2**0.5 * resolution_um
    ids = tuple(measured)
    found = solve_positions(ids, links, arm_um=arm_um, step_sigma_um=sigmas_um)
    for slice_id, one in found.items():
        log.info(
            "z%s: corrected by x %.1f µm, y %.1f µm, %.3f°",
            slice_id,
            one.dx_um,
            one.dy_um,
            one.rotation_deg,
        )
    return fill_corrections(found, filling)


def _position(
    volumes: "Mapping[SliceId, Volume]",
    layers: "Sequence[Layer]",
    canvas: "Canvas",
    corrections: "Mapping[SliceId, Rigid2D]",
) -> "dict[SliceId, Positioned]":
    from functools import partial

    from linumpy.io.omezarr import read_block
    from linumpy.stack.pose import Source, make_pose
    from linumpy.stack.volume import Positioned

    placed = {}
    for layer in layers:
        volume = volumes[layer.slice_id]
        pose = make_pose(
            corrections[layer.slice_id],
            offset_px=canvas.offset_px[layer.slice_id],
            canvas_shape=canvas.shape,
            resolution_um=volume.spacing.x_mm * 1000,
        )
        source = Source(volume.shape, partial(read_block, volume))
        placed[layer.slice_id] = Positioned(layer, source, pose)
    return placed


def _compare(
    pairs: "Sequence[Pair]",
    placed: "Mapping[SliceId, Positioned]",
    overlaps: "Mapping[SliceId, Overlap]",
    measured: "Mapping[SliceId, Volume]",
    canvas: "Canvas",
    job: Job,
) -> "dict[SliceId, Agreement]":
    """Return, by moving slice, how it agrees with its predecessor in their overlap."""
    from linumpy.compute.blocks import ordered_map
    from linumpy.compute.walk import blocks
    from linumpy.stack.overlap import measure_agreement

    windows = [(y, x) for _, y, x in blocks((1, *canvas.shape), (1, 1024, 1024))]

    def compare(pair: "Pair") -> "Agreement":
        return measure_agreement(
            placed[pair.fixed],
            placed[pair.moving],
            overlaps[pair.moving],
            windows,
            tissue_threshold=_tissue_threshold(measured[pair.moving]),
        )

    found = {}
    for pair, agreement in zip(
        pairs, ordered_map(compare, pairs, workers=job.workers), strict=True
    ):
        found[pair.moving] = agreement
        job.progress(0.2 * len(found), len(pairs))
    return found


def _tissue_threshold(volume: "Volume") -> float:
    return float(volume.attributes.get("tissue_threshold") or 0.0)


def _write_stack(
    path: "Path",
    outcome: "Outcome",
    placed: "Mapping[SliceId, Positioned]",
    measured: "Mapping[SliceId, Volume]",
    job: Job,
) -> None:
    from linumpy.compute.walk import fill, fit_chunks, n_blocks
    from linumpy.io.labels import create_labels
    from linumpy.io.omezarr import Level, create, sharded
    from linumpy.stack.outcome import describe_planes, describe_slices
    from linumpy.stack.volume import stack_block

    like = measured[min(measured)]
    shape, origin = outcome.shape, (like.origin_mm[0], *outcome.canvas.origin_mm)
    chunks = fit_chunks(shape, CHUNKS)
    shards = sharded(shape, chunks, max_bytes=BLOCK_BYTES)
    total, done = n_blocks(shape, shards), 0
    attributes = {
        "kind": "stack",
        "slicing_interval_mm": like.attributes.get("slicing_interval_mm"),
        "tissue_threshold": _tissue_threshold(like),
        "slices": describe_slices(outcome),
        "tile_frames": {
            str(slice_id): _tile_frame(placed[slice_id], volume)
            for slice_id, volume in measured.items()
            if "position_um" in volume.attributes
        },
        "plane_sources": describe_planes(outcome),
    }

    def progress(n: int) -> None:
        nonlocal done
        done += n
        job.progress(0.2 * total + 0.8 * done, total)

    level = Level(shape, like.spacing, chunks, shards, origin)
    interpolated = [layer.slice_id for layer in outcome.layers if layer.is_interpolated]
    with create(path, [level], attributes=attributes) as new:
        (labels,) = create_labels(new, [level], interpolated)

        def stacked(block: "Block") -> "NDArray[np.float32]":
            found = stack_block(placed, outcome.shares, block)
            if found.labels.any():
                labels[block] = found.labels
            return found.voxels

        fill(
            new.array,
            stacked,
            shards,
            workers=job.workers,
            progress=progress,
        )


def _tile_frame(one: "Positioned", volume: "Volume") -> "dict[str, object]":
    """Return where a voxel (y, x) of the stack lies among the tiles of a slice.

    µm in the frame of slice_zNN_tiles.csv = matrix_um · (y, x) + offset_um, both (y, x).
    """
    import numpy as np

    attributes, step_um = volume.attributes, volume.spacing.x_mm * 1000
    _, y_mm, x_mm = volume.origin_mm
    own = attributes.get("tile_frame_origin_mm", {"y": y_mm, "x": x_mm})
    moved = attributes.get("canvas_offset_px", {"y": 0.0, "x": 0.0})
    origin_um = 1000 * np.array([own["y"], own["x"]])
    offset_um = (one.pose.offset - [moved["y"], moved["x"]]) * step_um + origin_um
    at = attributes["position_um"]
    return {
        "matrix_um": (one.pose.matrix * step_um).tolist(),
        "offset_um": offset_um.tolist(),
        "position_um": [at["y"], at["x"]],
    }


def _write_tables(folder: "Path", outcome: "Outcome") -> None:
    from linumpy.io import manual
    from linumpy.io.atomic import write_json
    from linumpy.io.rows import write_rows
    from linumpy.stack.motor import relative
    from linumpy.stack.outcome import Decision, ZMatch, describe, list_decisions, list_matches

    write_rows(folder / "z_matches.csv", list_matches(outcome), ZMatch)
    write_rows(folder / "stacking_decisions.csv", list_decisions(outcome), Decision)
    write_json(folder / "stack_diagnostics.json", describe(outcome))
    found = outcome.corrections
    manual.write(
        folder / "transforms.csv",
        {
            pair.moving: manual.Transform(
                relative(found[pair.fixed], found[pair.moving]), pair.reason or pair.source
            )
            for pair in outcome.pairs
        },
    )


def _write_metrics(folder: "Path", outcome: "Outcome", like: "Volume") -> None:
    from linumpy.io.diagnostics import Metrics, write_metrics

    pairs = outcome.pairs
    compared = [one.ncc for one in outcome.agreements.values() if one.n_voxels]
    metrics = Metrics("stack_slices")
    metrics.info("num_slices", len(outcome.layers))
    metrics.info("output_shape", outcome.shape)
    metrics.info("resolution", like.spacing.zyx_um, "µm, (z, y, x)")
    metrics.info(
        "z_offsets", [layer.start for layer in outcome.layers], "first plane of each slice"
    )
    metrics.info("num_z_match_pairs", len(compared))
    metrics.info("n_transform_loaded", sum(pair.link is not None for pair in pairs))
    metrics.info("n_transform_missing", sum(pair.measured is None for pair in pairs))
    metrics.info("n_manual_override", sum(pair.source == "manual" for pair in pairs))
    if compared:
        mean = sum(compared) / len(compared)
        metrics.add("mean_z_correlation", mean, threshold="correlation")
        metrics.info("min_z_correlation", min(compared))
        metrics.info("max_z_correlation", max(compared))
    write_metrics(folder / "stack_metrics.json", metrics)


COMMAND = Command(Params, run)
main = COMMAND.main
