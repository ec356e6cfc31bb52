"""Lay the volume into an atlas: same axes as the atlas, in its frame."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from pathlib import Path

    from linumpy.core.orientation import Orientation
    from linumpy.io.atlas import Template
    from linumpy.io.omezarr import Volume
    from linumpy.registration.atlas import AtlasFit
    from linumpy.registration.resample import Grid

TOO_COARSE = 1.5  # a level coarser than this × the atlas's voxel is not used to register
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Lay the volume into an atlas: same axes as the atlas, in its frame.

    The orientation of the volume is given, never guessed: mirror images look alike. Beside
    OUTPUT_ZARR: _transform.tfm, _transform.json and _preview.png; look at the preview before the
    result is trusted. Memory: the atlas and one coarse level, then blocks of 16 MB per worker.
    """

    input_zarr: Source
    """the final volume in stage axes, 3d_volume.ome.zarr"""
    output_zarr: Product
    """the volume in the atlas's frame, axes (S, A, R) as (z, y, x)"""
    input_orientation: str
    """which way the volume's axes z, y, x run, three letters of R/L A/P S/I, as in PIR"""
    atlas: str
    """template: .nii(.gz), .tif, .ome.zarr, a BrainGlobe atlas folder, or a BrainGlobe name"""
    atlas_orientation: str | None = None
    """which way the template's axes run, for .tif and .ome.zarr"""
    atlas_spacing_um: tuple[float, ...] | None = None
    """voxel size of the template, one number or one per axis, where its file does not say it"""
    transform: Literal["rigid", "similarity", "affine"] = "rigid"
    """what may be fitted: 6, 7 or 12 parameters"""
    pyramid_resolutions: tuple[float, ...] = (10.0, 25.0, 50.0, 100.0)
    """voxel sizes of the coarser levels, µm; those not above the volume's own are left out"""


def run(p: Params, job: Job) -> None:
    """Fit on a coarse level, write the volume and what shows the fit."""
    from linumpy.core.orientation import Orientation
    from linumpy.io.atlas import read_template
    from linumpy.io.omezarr import open_volume, read_block
    from linumpy.registration.atlas import Image, fit_to_atlas

    orientation = Orientation.parse(p.input_orientation)
    template = read_template(
        p.atlas, orientation=p.atlas_orientation, spacing_um=p.atlas_spacing_um
    )
    coarse = _coarse_level(p.input_zarr, template)
    log.info("registering %s (%g µm) to %s", coarse.path.name, coarse.spacing.zyx_um[2], p.atlas)
    fit = fit_to_atlas(
        Image(read_block(coarse), coarse.spacing, coarse.origin_mm),
        Image(template.array, template.spacing, template.origin_mm),
        orientation,
        kind=p.transform,
    )
    log.info("mutual information %.3f at the start, %.3f at the end", fit.start_score, fit.score)
    job.progress(0.3, 1)
    _write_volume(p, open_volume(p.input_zarr), fit, job)
    _write_transform(p, fit, orientation)
    _write_preview(p, coarse, template, fit, orientation)


def _beside(p: Params, suffix: str) -> "Path":
    return p.output_zarr.with_name(p.output_zarr.name.removesuffix(".ome.zarr") + suffix)


def _coarse_level(path: "Path", template: "Template") -> "Volume":
    """Return the coarsest level that is not much coarser than the template."""
    from linumpy.io.omezarr import n_levels, open_volume

    step_mm = TOO_COARSE * min(template.spacing.zyx_mm)
    levels = [open_volume(path, level=i) for i in range(n_levels(path))]
    fine = [level for level in levels if max(level.spacing.zyx_mm) <= step_mm]
    return (fine or levels[:1])[-1]


def _grid(volume: "Volume") -> "Grid":
    from linumpy.registration.resample import Grid

    return Grid(volume.shape, volume.spacing, volume.origin_mm)


def _write_volume(p: Params, volume: "Volume", fit: "AtlasFit", job: Job) -> None:
    from functools import partial

    from linumpy.compute import pyramid
    from linumpy.compute.walk import fill, n_blocks
    from linumpy.io import provenance
    from linumpy.io.levels import make_level, read_window
    from linumpy.io.omezarr import create, read_block
    from linumpy.registration.resample import enclosing_grid, resample_block

    source = _grid(volume)
    target = enclosing_grid(source, fit.transform, min(volume.spacing.zyx_mm))
    base = pyramid.Grid(target.shape, target.spacing, target.origin_mm)
    grids = pyramid.plan_levels(base, p.pyramid_resolutions)
    levels = [make_level(grid.shape, grid.spacing, grid.origin_mm) for grid in grids]
    attributes = {
        "kind": "volume_ras",
        "axes": ["S", "A", "R"],
        "input_orientation": p.input_orientation,
        "atlas": p.atlas,
        **({provenance.KEY: told} if (told := provenance.of_volume(volume.attributes)) else {}),
    }
    work = partial(
        resample_block, partial(read_block, volume), source, target, fit.transform.inverse
    )
    with create(p.output_zarr, levels, attributes=attributes) as new:
        total, done = n_blocks(target.shape, new.array.shards), 0

        def progress(n: int) -> None:
            nonlocal done
            done += n
            job.progress(0.3 + 0.5 * done / total, 1)

        fill(new.array, work, new.array.shards, workers=job.workers, progress=progress)
        pyramid.fill_coarser(new.levels, grids, workers=job.workers)
        window = read_window(volume.path)
        if window is not None:
            new.set_window(window)


def _write_transform(p: Params, fit: "AtlasFit", orientation: "Orientation") -> None:
    """Write the map both ways that people need: ours as JSON, and what ITK resamples with."""
    from linumpy.io.atlas import to_tfm
    from linumpy.io.atomic import write_json, write_text
    from linumpy.io.diagnostics import to_json

    back = fit.transform.inverse
    write_json(
        _beside(p, "_transform.json"),
        to_json(
            {
                "maps": "input (z, y, x) mm -> output (S, A, R) mm",
                "matrix": fit.transform.matrix,
                "offset_mm": fit.transform.offset,
                "input_orientation": orientation.code,
                "atlas": p.atlas,
                "transform": p.transform,
                "mutual_information": fit.score,
                "mutual_information_at_start": fit.start_score,
            }
        ),
    )
    # ITK counts x first and maps points of the output to points of the input.
    write_text(_beside(p, "_transform.tfm"), to_tfm(back.matrix[::-1, ::-1], back.offset[::-1]))


def _write_preview(
    p: Params, coarse: "Volume", template: "Template", fit: "AtlasFit", orientation: "Orientation"
) -> None:
    from linumpy.io.atomic import write_bytes
    from linumpy.io.omezarr import read_block
    from linumpy.registration.resample import Grid, middle_planes, resample_block
    from linumpy.report.atlas_preview import PreviewRow, draw_preview

    voxels = read_block(coarse)
    atlas = Grid(template.array.shape, template.spacing, template.origin_mm)
    z, y, x = (slice(0, n) for n in atlas.shape)
    laid = resample_block(
        lambda block: voxels[block], _grid(coarse), atlas, fit.transform.inverse, (z, y, x)
    )
    steps, own = template.spacing.zyx_mm, coarse.spacing.zyx_mm
    low, high = orientation.opposite, orientation.code
    write_bytes(
        _beside(p, "_preview.png"),
        draw_preview(
            [
                PreviewRow("input", middle_planes(voxels, voxels), low, high, own),
                PreviewRow("aligned", middle_planes(laid, laid), "IPL", "SAR", steps),
                PreviewRow("atlas", middle_planes(template.array, laid), "IPL", "SAR", steps),
            ]
        ),
    )


COMMAND = Command(Params, run)
main = COMMAND.main
