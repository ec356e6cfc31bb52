"""Estimate one tile transform for all slices of an acquisition."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from linumpy.cli.command import (
    Command,
    Count,
    CountOrZero,
    Ids,
    Product,
    ProductFlag,
    Source,
)
from linumpy.cli.fields import MaxBlendRefinement, SliceConfig
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from linumpy.io.mosaic_tiles import MosaicTiles
    from linumpy.mosaic.transform import Step


@dataclass(frozen=True, kw_only=True)
class Params:
    """Estimate one tile transform for all slices of an acquisition.

    Pools the overlaps of neighbouring tiles over slices and writes the 2×2 matrix that maps
    (row, column) to (y, x), native pixels. Reads the sampled tiles, two at a time for each worker.
    """

    input_dir: Source
    """folder of mosaic grids (mosaic_grid*_z{NN}.ome.zarr)"""
    output_transform: Product
    """where the matrix goes (.npy)"""
    slice_config: SliceConfig = None
    include_slice: Ids = ()
    """use these slices only, of those that slice_config leaves"""
    n_samples: Count = 2048
    """overlaps to measure at most, drawn at random"""
    seed: CountOrZero = 0
    """of the random draw"""
    max_blend_refinement_px: MaxBlendRefinement = 10.0
    diagnostics_json: ProductFlag = None
    """where the numbers behind the matrix go"""


def run(p: Params, job: Job) -> None:
    """Measure overlaps slice by slice, fit, write."""
    import io

    import numpy as np

    from linumpy.io import atomic
    from linumpy.mosaic.transform import fit_tile_transform

    grids = _select(p)
    steps, per_slice, expected = _observe(p, job, grids)
    found = fit_tile_transform(steps, expected)
    content = io.BytesIO()
    np.save(content, found.matrix)
    atomic.write_bytes(p.output_transform, content.getvalue())
    if p.diagnostics_json is None:
        return
    tile = grids[0].tile_shape
    overlap_y, overlap_x = found.overlap_fraction((tile[1], tile[2]))
    atomic.write_json(
        p.diagnostics_json,
        {
            "n_volumes": len(grids),
            "n_pairs_used": found.n_used,
            "tile_shape": list(tile),
            "seed": p.seed,
            "transform": found.matrix.tolist(),
            "displacement_model": {
                "theta_deg": found.theta_deg,
                "phi_deg": found.phi_deg,
                "Ox_fraction": overlap_x,
                "Oy_fraction": overlap_y,
            },
            "rms_residual_px": found.rms_px,
            "fallback": list(found.fallback),
            "per_slice_stats": per_slice,
        },
    )


def _select(p: Params) -> "list[MosaicTiles]":
    """Open the mosaics to use; those with another tile shape than the first are left out."""
    import logging

    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import EmptySelection
    from linumpy.io import slice_config
    from linumpy.io.mosaic_tiles import open_mosaic_tiles

    grids = [
        open_mosaic_tiles(path) for path in sorted(p.input_dir.glob("mosaic_grid*_z*.ome.zarr"))
    ]
    kept = sorted(grids, key=lambda grid: grid.slice_id.number)
    if p.slice_config is not None:
        rows = slice_config.filter_slices_to_use(slice_config.read(p.slice_config))
        kept = [grid for grid in kept if grid.slice_id in rows]
    if p.include_slice:
        wanted = set(parse_ids(p.include_slice))
        kept = [grid for grid in kept if grid.slice_id in wanted]
    if not kept:
        raise EmptySelection(
            f"{p.input_dir}: {len(grids)} mosaics, none is selected",
            hint="check the folder, --slice_config and --include_slice",
        )
    shape = kept[0].tile_shape[1:]
    for grid in kept:
        if grid.tile_shape[1:] != shape:
            logging.getLogger(__name__).warning(
                "slice %s left out: tiles of %s, the first slice has %s",
                grid.slice_id, grid.tile_shape[1:], shape,
            )  # fmt: skip
    return [grid for grid in kept if grid.tile_shape[1:] == shape]


def _observe(
    p: Params, job: Job, grids: "list[MosaicTiles]"
) -> "tuple[list[Step], list[dict[str, object]], NDArray[np.float64]]":
    """Measure the sampled overlaps; return steps, counts per slice, and the stage's mean steps."""
    import numpy as np

    from linumpy.compute.blocks import ordered_map
    from linumpy.mosaic.overlap import register_pair
    from linumpy.mosaic.stitch import neighbours
    from linumpy.mosaic.transform import Step
    from linumpy.preproc.interface import water_level

    pairs = [(grid, a, b) for grid in grids for a, b in neighbours(list(grid.stage_mm))]
    stage = [_stage_step(grid, a, b) for grid, a, b in pairs]
    expected = _expected([b[0] == a[0] for _, a, b in pairs], stage, grids[0].tile_shape[1:])
    rng = np.random.default_rng(p.seed)
    chosen = sorted(rng.permutation(len(pairs))[: p.n_samples].tolist())

    def measure(i: int) -> "Step | None":
        grid, a, b = pairs[i]
        images = []
        for place in (a, b):
            tile = grid.read_tile(place)
            images.append(tile.mean(axis=0) - np.float32(water_level(tile.mean(axis=(1, 2)))))
        margin = round(p.max_blend_refinement_px)
        shift = register_pair(images[0], images[1], step_px=stage[i], margin_px=margin)
        if not shift.is_conclusive:
            return None
        dy, dx = stage[i][0] + shift.dy_px, stage[i][1] + shift.dx_px
        return Step(a[0] == b[0], dy, dx, shift.information)

    steps, counts = [], {grid.slice_id: [0, 0] for grid in grids}
    for done, (i, step) in enumerate(
        zip(chosen, ordered_map(measure, chosen, workers=job.workers), strict=True), start=1
    ):
        counts[pairs[i][0].slice_id][0] += 1
        if step is not None:
            counts[pairs[i][0].slice_id][1] += 1
            steps.append(step)
        job.progress(done, len(chosen))
    per_slice: list[dict[str, object]] = [
        {"slice_id": str(slice_id), "total_pairs": total, "valid_pairs": valid}
        for slice_id, (total, valid) in counts.items()
    ]
    return steps, per_slice, expected


def _stage_step(
    grid: "MosaicTiles", first: tuple[int, int], second: tuple[int, int]
) -> tuple[float, float]:
    _, y_mm, x_mm = grid.volume.spacing.zyx_mm
    (ay, ax), (by, bx) = grid.stage_mm[first], grid.stage_mm[second]
    return ((by - ay) / y_mm, (bx - ax) / x_mm)


def _expected(
    is_horizontal: list[bool], steps: list[tuple[float, float]], tile_px: tuple[int, ...]
) -> "NDArray[np.float64]":
    """Return the median steps of the stage; a direction without neighbours gets 0.8 of a tile."""
    import numpy as np

    matrix = np.diag(np.array(tile_px, dtype=np.float64) * 0.8)
    for column, wanted in ((1, True), (0, False)):
        seen = [step for step, h in zip(steps, is_horizontal, strict=True) if h is wanted]
        if seen:
            matrix[:, column] = np.median(np.array(seen), axis=0)
    return matrix


COMMAND = Command(Params, run)
main = COMMAND.main
