"""Register a slice to the one cut before it: depth, rotation and translation."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from linumpy.cli.command import (
    Command,
    CountOrZero,
    Degrees,
    Millimetres,
    Pixels,
    Product,
    ProductFlag,
    Source,
)
from linumpy.cli.fields import SlicingInterval
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.core.slice_id import SliceId
    from linumpy.io.diagnostics import Metrics
    from linumpy.io.omezarr import Volume
    from linumpy.registration.pairwise import PairFit, Settings

log = logging.getLogger(__name__)
PARAMETERS = (
    "search_range_mm",
    "enable_rotation",
    "max_rotation_deg",
    "max_translation_px",
    "initial_alignment",
    "moving_z_index",
)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Register a slice to the one cut before it: depth, rotation and translation.

    Both lie on one canvas. Writes transform.tfm, offsets.txt and
    pairwise_registration_metrics.json. Memory: 8 planes, and small copies of those searched.
    """

    in_fixed: Source
    """slice cut first (lower id)"""
    in_moving: Source
    """slice cut next; its content is what the motion moves"""
    out_directory: Product
    """folder for the transform, the matching planes and the metrics"""
    slicing_interval_mm: SlicingInterval = None
    search_range_mm: Millimetres = 0.1
    """how far the matching depth may lie from where the cut interval puts it, mm"""
    moving_z_index: CountOrZero = 0
    """first plane of the moving slice that is matched"""
    enable_rotation: bool = True
    """estimate a rotation, too"""
    max_rotation_deg: Degrees = 5.0
    """largest rotation, degrees"""
    max_translation_px: Pixels = 200.0
    """largest translation, pixels of the slices"""
    initial_alignment: Literal["none", "com", "gradient", "both"] = "both"
    """where to start: no motion, centres of mass, edges, or the best of the three"""
    screenshot: ProductFlag = None
    """picture of both planes before and after"""


def run(p: Params, job: Job) -> None:
    """Open both slices, register them, write what was found."""
    from linumpy.core.filenames import PAIRWISE_METRICS
    from linumpy.io import transforms
    from linumpy.io.atomic import replacing
    from linumpy.io.diagnostics import write_metrics
    from linumpy.io.slice_folder import open_slices
    from linumpy.registration.pairwise import register_pair
    from linumpy.scripts.slice_planes import plane_source

    ids = _ids(p)
    fixed, moving = open_slices(dict(zip(ids, (p.in_fixed, p.in_moving), strict=True))).values()
    settings = _settings(p, fixed, ids)
    found = register_pair(plane_source(fixed), plane_source(moving), settings)
    job.progress(1, 2)
    metrics = _measure(p, (fixed, moving), settings, found)
    pixel_um = fixed.spacing.zyx_um[1]
    motion = found.motion.to_rigid(pixel_um)
    with replacing(p.out_directory) as folder:
        folder.mkdir()
        shape = fixed.shape[1:]
        transforms.write_transform(
            folder / transforms.TRANSFORM, motion, shape=shape, pixel_um=pixel_um
        )
        transforms.write_offsets(
            folder / transforms.OFFSETS, found.depth.fixed_z, found.depth.moving_z
        )
        write_metrics(folder / PAIRWISE_METRICS, metrics)
    if p.screenshot is not None:
        _draw(p.screenshot, found)
    log.info(
        "z%s → z%s: %.3f°, x %.2f px, y %.2f px, plane %d on %d, confidence %.2f",
        *ids,
        found.motion.rotation_deg,
        found.motion.dx_px,
        found.motion.dy_px,
        found.depth.moving_z,
        found.depth.fixed_z,
        metrics.number("registration_confidence") or 0.0,
    )
    job.progress(2, 2)


def _ids(p: Params) -> "tuple[SliceId, SliceId]":
    """Return the ids in the names of the volumes."""
    from linumpy.errors import BadValue
    from linumpy.io.transforms import id_of

    fixed, moving = id_of(p.in_fixed), id_of(p.in_moving)
    if fixed is None or moving is None or fixed == moving:
        raise BadValue(
            f"in_fixed {p.in_fixed.name} is slice {fixed}, in_moving {p.in_moving.name} is slice "
            f"{moving}; two slices with z and a number in their names are needed",
            hint="name the volumes like slice_z07_normalize.ome.zarr",
        )
    return fixed, moving


def _settings(p: Params, fixed: "Volume", ids: "tuple[SliceId, SliceId]") -> "Settings":
    from linumpy.io.slice_folder import find_interval_mm
    from linumpy.registration.pairwise import Settings
    from linumpy.registration.refine import Bounds

    plane_mm = fixed.spacing.z_mm
    interval_mm = find_interval_mm({ids[0]: fixed}, p.slicing_interval_mm)
    n_cuts = ids[1].number - ids[0].number
    return Settings(
        interval_planes=n_cuts * interval_mm / plane_mm,
        search_planes=max(1, round(p.search_range_mm / plane_mm)),
        moving_z=p.moving_z_index,
        initial_alignment=p.initial_alignment,
        bounds=Bounds(p.max_rotation_deg if p.enable_rotation else 0.0, p.max_translation_px),
    )


def _measure(
    p: Params, volumes: "tuple[Volume, Volume]", settings: "Settings", found: "PairFit"
) -> "Metrics":
    """Return the metrics of the pair; names and limits as in the field's files."""
    from linumpy.io.diagnostics import Metrics

    metrics = Metrics("pairwise_registration")
    metrics.info("fixed_volume", volumes[0].path)
    metrics.info("moving_volume", volumes[1].path)
    metrics.info("best_z_offset", found.depth.fixed_z, "plane of fixed that matches")
    for name in PARAMETERS:
        metrics.info(name, getattr(p, name))
    metrics.info("slicing_interval_planes", settings.interval_planes)
    _add_motion(metrics, found, volumes[0].spacing.zyx_um[1])
    _add_depth(metrics, found)
    _add_confidence(metrics, volumes, settings, found)
    return metrics


def _add_motion(metrics: "Metrics", found: "PairFit", pixel_um: float) -> None:
    motion, rigid = found.motion, found.motion.to_rigid(pixel_um)
    add = metrics.add
    add("registration_error", -found.fit.ncc, description="minus the correlation of the detail")
    sense = "where the content of moving goes"
    add("translation_x", motion.dx_px, unit="pixels", description=f"{sense}, + to larger columns")
    add("translation_y", motion.dy_px, unit="pixels", description=f"{sense}, + to larger rows")
    add("translation_x_um", rigid.dx_um, unit="µm")
    add("translation_y_um", rigid.dy_um, unit="µm")
    add("translation_magnitude", motion.translation_px, unit="pixels")
    add(
        "rotation",
        motion.rotation_deg,
        unit="degrees",
        description="from +X towards +Y, about the centre of the canvas, before the translation",
        threshold="rotation_degrees",
    )
    add("estimated_error_px", found.fit.error_px, unit="pixels", description="rms of a point")
    add("estimated_rotation_error", found.fit.rotation_error_deg, unit="degrees")
    add("overlap", found.fit.overlap, description="share of the smaller slice that overlaps")


def _add_depth(metrics: "Metrics", found: "PairFit") -> None:
    depth = found.depth
    metrics.add("z_drift", depth.drift_planes, unit="voxels", description="|best − expected|")
    metrics.info(
        "z_offset_planes",
        depth.offset_planes,
        "measured minus expected depth of the match, to a fraction of a plane; + is deeper",
    )
    metrics.info("z_detail_correlation", depth.correlation, "by which the depth was chosen")
    metrics.info("z_planes", depth.n_planes, "plane pairs averaged")
    metrics.info("moving_z", depth.moving_z)
    metrics.info("overlaps_in_depth", depth.is_overlapping)
    metrics.add("z_correlation", found.correlation, threshold="correlation")
    if depth.is_at_edge:
        metrics.warn("the best depth is the last one searched: raise --search_range_mm")


def _add_confidence(
    metrics: "Metrics", volumes: "tuple[Volume, Volume]", settings: "Settings", found: "PairFit"
) -> None:
    """Add the confidence: measured, and 0 where the pair says nothing about the motion."""
    from linumpy.io.slice_folder import INTERPOLATED
    from linumpy.io.transforms import id_of
    from linumpy.registration.pairwise import formula_confidence

    made_up = [
        INTERPOLATED in volume.path.name or volume.attributes.get("kind") == "interpolated"
        for volume in volumes
    ]
    metrics.info("fixed_is_interpolated", made_up[0])
    metrics.info("moving_is_interpolated", made_up[1])
    fixed, moving = (id_of(volume.path) for volume in volumes)
    is_gap = fixed is not None and moving is not None and moving.number - fixed.number != 1
    metrics.info("bridges_a_gap", is_gap)
    metrics.info("measured_confidence", found.confidence)
    motion = found.motion
    formula = formula_confidence(
        found.correlation, motion.translation_px, motion.rotation_deg, settings.bounds
    )
    metrics.info("formula_confidence", formula, "0.5 correlation + 0.3 shift + 0.2 rotation")
    if any(made_up):
        metrics.fail("an interpolated slice was registered: the motion means nothing")
    if is_gap:
        metrics.fail(f"slices {fixed} and {moving} are not neighbours: the motion is not used")
    if not found.fit.is_found:
        metrics.fail("the planes have nothing to compare")
    confidence = 0.0 if any(made_up) or is_gap else found.confidence
    metrics.add("registration_confidence", confidence)


def _draw(path: Path, found: "PairFit") -> None:
    from linumpy.io.atomic import write_bytes
    from linumpy.registration.planes import move_plane
    from linumpy.report.panels import Panel, overlay, to_png

    fixed, moving = found.fixed_plane, found.moving_plane
    moved = move_plane(moving, found.motion)
    panels = [
        Panel(f"fixed, plane {found.depth.fixed_z}", fixed),
        Panel(f"moving, plane {found.depth.moving_z}", moving),
        Panel("before: red fixed, green moving", overlay(fixed, moving)),
        Panel("after", overlay(fixed, moved)),
    ]
    write_bytes(path, to_png(panels))


COMMAND = Command(Params, run)
main = COMMAND.main
