"""Take brightness steps between slices out of a stack, and write the final volume."""

import logging
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Literal

from annotated_types import Ge, Gt, Interval

from linumpy.cli.command import Command, Count, Fraction, Product, Source, SourceFlag
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linumpy.compute.walk import Block
    from linumpy.io.omezarr import Level, NewVolume, Volume
    from linumpy.stack.sections import Sections
    from linumpy.stack.znorm import Brightness

WINDOW = (1.0, 99.5)  # percentiles of tissue that the display runs between
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Take brightness steps between slices out of a stack, and write the final volume.

    The anatomy's own trend stays; values are never clipped. Writes the pyramid of the final
    volume: the base, then every coarser resolution asked for. Beside OUT_ZARR's name:
    _z_normalization.json. Memory: blocks of 16 MB, a few per worker.
    """

    in_zarr: Source
    """stack.ome.zarr"""
    out_zarr: Product
    """the final volume, 3d_volume.ome.zarr"""
    mode: Literal["overlap", "percentile"] = "overlap"
    """overlap: slices compared where both show the same tissue, else across their seam;
    percentile: each section against the smooth course of all"""
    n_serial_slices: Count | None = None
    """sections of even depth in a volume that does not say its slices"""
    strength: Fraction = 1.0
    """how much of a step is taken out"""
    min_scale: Annotated[float, Interval(gt=0, le=1)] = 0.5
    """smallest factor for a plane"""
    max_scale: Annotated[float, Ge(1)] = 2.0
    """largest factor for a plane"""
    percentile: Annotated[float, Interval(gt=0, le=100)] = 80.0
    """with mode percentile: the brightness of a section is this percentile of its tissue"""
    smooth_sigma: Annotated[float, Gt(0)] = 10.0
    """with mode percentile: what changes over more sections than this is anatomy"""
    tissue_threshold: Annotated[float, Ge(0)] | None = None
    """intensity above which a voxel is tissue; default: as the stack says, else above 0"""
    pyramid_resolutions: tuple[float, ...] = (10.0, 25.0, 50.0, 100.0)
    """voxel sizes of the coarser levels, µm; those not above the stack's own are left out"""
    derived_from: SourceFlag = None
    """derived_from.json of a second contrast: the run that placed it, kept with the volume"""
    provenance: SourceFlag = None
    """run.json, or what else says how the volume was made: it stands in the volume's attributes"""


def run(p: Params, job: Job) -> None:
    """Find the factors, write the levels, say what was done."""
    from linumpy.compute.pyramid import Grid, fill_coarser, fill_coarser_labels, plan_levels
    from linumpy.io import provenance
    from linumpy.io.atomic import write_json
    from linumpy.io.diagnostics import read_json, to_json
    from linumpy.io.labels import has_labels
    from linumpy.io.levels import make_level
    from linumpy.io.omezarr import create, open_volume
    from linumpy.stack.znorm import plane_factors

    stack = open_volume(p.in_zarr)
    threshold = p.tissue_threshold
    if threshold is None:
        threshold = float(stack.attributes.get("tissue_threshold") or 0.0)
    sections = _sections(p, stack)
    found = _brightness(p, stack, sections, threshold)
    factors = plane_factors(
        sections.shares,
        sections.starts,
        found,
        strength=p.strength,
        bounds=(p.min_scale, p.max_scale),
    )
    grids = plan_levels(Grid(stack.shape, stack.spacing, stack.origin_mm), p.pyramid_resolutions)
    attributes = {**stack.attributes, "kind": "volume", "z_normalization": p.mode}
    if p.derived_from is not None:
        attributes["derived_from"] = read_json(p.derived_from)
    if p.provenance is not None:
        attributes[provenance.KEY] = provenance.read(p.provenance)
    levels = [make_level(grid.shape, grid.spacing, grid.origin_mm) for grid in grids]
    with create(p.out_zarr, levels, attributes=attributes) as new:
        counts = _write_base(new, stack, factors, threshold, job)
        _set_window(new, counts)
        fill_coarser(
            new.levels,
            grids,
            workers=job.workers,
            progress=lambda share: job.progress(0.8 + 0.2 * share, 1),
        )
        if has_labels(stack.path):
            fill_coarser_labels(_copy_labels(new, stack, levels, job), grids, workers=job.workers)
    write_json(
        p.out_zarr.with_name(p.out_zarr.name.removesuffix(".ome.zarr") + "_z_normalization.json"),
        to_json(
            {
                "mode": p.mode,
                "depth_loss": found.depth_loss,
                "log_gain": dict(zip(sections.names, found.log_gain, strict=True)),
                "plane_factors": factors,
            }
        ),
    )


def _sections(p: Params, stack: "Volume") -> "Sections":
    from linumpy.errors import BadValue
    from linumpy.stack.sections import even_sections, read_sections

    if p.n_serial_slices is not None:
        if p.n_serial_slices > stack.shape[0]:
            raise BadValue(
                f"n_serial_slices is {p.n_serial_slices}, the volume has {stack.shape[0]} planes",
                hint="a section needs one plane at least",
            )
        return even_sections(stack.shape[0], p.n_serial_slices)
    sections = read_sections(stack.attributes, stack.shape[0])
    if sections is None:
        raise BadValue(
            f"{stack.path} does not say where its slices are", hint="pass --n_serial_slices"
        )
    return sections


def _brightness(p: Params, stack: "Volume", sections: "Sections", threshold: float) -> "Brightness":
    from functools import partial

    from linumpy.compute.walk import blocks
    from linumpy.io.omezarr import read_block
    from linumpy.stack.sections import seam_ratios, section_levels
    from linumpy.stack.znorm import smooth_gains, solve_gains

    read = partial(read_block, stack)
    if p.mode == "percentile":
        levels = section_levels(
            sections,
            read,
            blocks(stack.shape, (32, 512, 512)),
            percentile=p.percentile,
            tissue_threshold=threshold,
        )
        found = smooth_gains(levels, p.smooth_sigma)
    else:
        windows = [(y, x) for _, y, x in blocks(stack.shape, (stack.shape[0], 1024, 1024))]
        seams = seam_ratios(sections, read, windows, tissue_threshold=threshold)
        log.info("%d overlaps measured, %d seams compared", len(sections.ratios), len(seams))
        found = solve_gains(len(sections.names), [*sections.ratios, *seams])
    log.info("loss in depth: × %.3f per section", math.exp(-found.depth_loss))
    for name, gain in zip(sections.names, found.log_gain, strict=True):
        log.info("section %s: gain × %.3f", name, math.exp(gain))
    return found


def _write_base(
    new: "NewVolume", stack: "Volume", factors: "NDArray[np.float32]", threshold: float, job: Job
) -> "NDArray[np.int64]":
    """Write level 0 and return the histogram of its tissue."""
    from threading import Lock

    from linumpy.compute.walk import fill, n_blocks
    from linumpy.io.omezarr import read_block
    from linumpy.stack.sections import log_histogram, n_log_bins

    counts, lock = log_histogram(factors[:0], n_log_bins()), Lock()
    total, done = n_blocks(stack.shape, new.array.shards), 0

    def scaled(block: "Block") -> "NDArray[np.float32]":
        voxels: NDArray[np.float32] = read_block(stack, block)
        voxels *= factors[block[0], None, None]
        # plane by plane: the logarithms of a whole block are several times its size
        found = sum(log_histogram(plane[plane > threshold], n_log_bins()) for plane in voxels)
        with lock:
            counts[:] += found
        return voxels

    def progress(n: int) -> None:
        nonlocal done
        done += n
        job.progress(0.8 * done, total)

    fill(new.array, scaled, new.array.shards, workers=job.workers, progress=progress)
    return counts


def _copy_labels(new: "NewVolume", stack: "Volume", levels: "list[Level]", job: Job) -> "list[Any]":
    """Copy which slice each voxel shows to the finest level; return the arrays of all levels."""
    from functools import partial

    from linumpy.compute.walk import fill
    from linumpy.core.slice_id import parse_ids
    from linumpy.io.labels import create_labels, open_labels
    from linumpy.io.omezarr import read_stored

    labels = open_labels(stack.path)
    arrays = create_labels(new, levels, parse_ids(labels.attributes["interpolated_ids"]))
    fill(arrays[0], partial(read_stored, labels), arrays[0].shards, workers=job.workers)
    return arrays


def _set_window(new: "NewVolume", counts: "NDArray[np.int64]") -> None:
    from linumpy.io.omezarr import Window
    from linumpy.stack.sections import log_percentile

    if not counts.any():
        log.warning("no voxel is tissue: the display window is left at its default")
        return
    low, high = (log_percentile(counts, percentile) for percentile in WINDOW)
    new.set_window(Window(low, high, 0.0, max(1.0, log_percentile(counts, 100.0))))


COMMAND = Command(Params, run)
main = COMMAND.main
