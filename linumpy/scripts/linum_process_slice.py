"""Turn a mosaic grid into a corrected, stitched and normalised slice, in one pass."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from annotated_types import Interval

from linumpy.cli.command import (
    Command,
    Fraction,
    Micrometres,
    Millimetres,
    Product,
    ProductFlag,
    Source,
    SourceFlag,
)
from linumpy.cli.fields import MaxBlendRefinement, UseGpu
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.io.mosaic_tiles import MosaicTiles

Percent = Annotated[float, Interval(gt=50, le=100)]


@dataclass(frozen=True, kw_only=True)
class Params:
    """Turn a mosaic grid into a corrected, stitched and normalised slice, in one pass.

    Reads every tile twice (to measure, to write). Memory: 2 tiles per worker, a row of tiles at the
    working resolution over at most 768 columns, and small summaries of every tile.
    """

    in_mosaic: Source
    """mosaic grid (mosaic_grid_3d_z{NN}.ome.zarr)"""
    out_slice: Product
    """normalised slice (slice_z{NN}_normalize.ome.zarr)"""
    shifts: SourceFlag = None
    """shifts between slices (shifts_xy_clean.csv): puts the voxels on the common lattice"""
    resolution: Micrometres = 10.0
    """working voxel, isotropic, µm"""
    crop_interface_out_depth: Micrometres = 600.0
    """depth kept under the tissue surface, µm"""
    clip_percentile_upper: Percent = 99.9
    """percentile of tissue that becomes 1"""
    slicing_interval_mm: Millimetres | None = None
    """cut interval, mm; default: what the mosaic says"""
    input_transform: SourceFlag = None
    """tile positions from a 2×2 transform (linum_estimate_global_transform.py), not the stage"""
    placement: SourceFlag = None
    """what the stage wrote of another contrast of these tiles: it is placed as that one was"""
    refine_positions: bool = True
    """refine tile positions by what overlaps show"""
    max_blend_refinement_px: MaxBlendRefinement = 10.0
    flat_field: bool = True
    """correct the illumination that all tiles share"""
    axial_profile: bool = True
    """correct the depth profile that all tissue shares: focus and mean attenuation"""
    attenuation: bool = True
    """correct what a neighbourhood attenuates beyond the shared profile"""
    attenuation_strength: Fraction = 1.0
    """share of that attenuation that is corrected"""
    brightness: Literal["normalized", "as_measured"] = "normalized"
    """corrected and brought to 0 … 1, or what the tiles hold, only placed and blended"""
    keep_intermediate: ProductFlag = None
    """folder for what each step found, for debugging"""
    use_gpu: UseGpu = True


def run(p: Params, job: Job) -> None:
    """Measure the mosaic, estimate the corrections, write the slice."""
    from linumpy.compute import device
    from linumpy.errors import BadFile
    from linumpy.io.mosaic_tiles import open_mosaic_tiles
    from linumpy.preproc.slice_model import Wanted
    from linumpy.scripts import process_slice_placement as placement
    from linumpy.scripts import process_slice_products as products
    from linumpy.scripts import process_slice_steps as steps

    grid = open_mosaic_tiles(p.in_mosaic, slicing_interval_mm=p.slicing_interval_mm)
    placed = None if p.placement is None else placement.read(p.placement)
    if placed is not None:
        placement.check_fits(placed, grid, resolution_um=p.resolution)
    settings = steps.Settings(
        resolution_um=p.resolution,
        depth_um=p.crop_interface_out_depth,
        margin_px=round(p.max_blend_refinement_px) if p.refine_positions else 0,
        wanted=Wanted(
            flat_field=p.flat_field,
            axial_profile=p.axial_profile,
            attenuation_strength=p.attenuation_strength if p.attenuation else 0.0,
            clip_percentile=p.clip_percentile_upper,
        ),
        position_um=placed.position_um if placed else _position_um(p, grid),
        workers=job.workers,
        progress=job.progress,
        placed=placed,
        brightness=p.brightness,
    )
    try:
        start_px = placed.start_px if placed else _start_px(p, grid)
        found = steps.measure_slice(grid, start_px, settings)
    except BadFile as error:
        raise BadFile(f"slice {grid.slice_id}: {error.message}", hint=error.hint) from error
    steps.log_decisions(found)
    preview = steps.write_slice(p.out_slice, found, device.pick(use_gpu=p.use_gpu))
    products.write_products(p.out_slice, found, preview, job.parameters)
    if p.keep_intermediate is not None:
        products.write_steps(p.keep_intermediate, found)


def _position_um(p: Params, grid: "MosaicTiles") -> tuple[float, float]:
    """Where the mosaic's origin lies (y, x): the sum of the shifts that lead to the slice."""
    from linumpy.io import shifts
    from linumpy.stack.shifts import build_cumulative_shifts

    if p.shifts is None:
        return (0.0, 0.0)
    placed = build_cumulative_shifts(shifts.read(p.shifts), [grid.slice_id])
    x_mm, y_mm = placed[grid.slice_id]
    return (1000 * y_mm, 1000 * x_mm)


def _start_px(p: Params, grid: "MosaicTiles") -> dict[tuple[int, int], tuple[float, float]]:
    """Tile positions before refinement (y, x), native pixels: the stage's, or the transform's."""
    from linumpy.io.mosaic_tiles import read_transform
    from linumpy.mosaic.stitch import positions_from_transform

    _, y_um, x_um = grid.volume.spacing.zyx_um
    stage = {
        place: (1000 * y_mm / y_um, 1000 * x_mm / x_um)
        for place, (y_mm, x_mm) in sorted(grid.stage_mm.items())
    }
    if p.input_transform is None:
        return stage
    return positions_from_transform(list(stage), read_transform(p.input_transform), stage)


COMMAND = Command(Params, run)
main = COMMAND.main
