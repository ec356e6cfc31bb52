"""What linum_process_slice.py writes beside the slice: diagnostics, metrics, tiles, pictures."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image
from numpy.typing import NDArray

from linumpy.io import atomic, diagnostics, tile_table
from linumpy.mosaic import stitch
from linumpy.mosaic.stitch import Place
from linumpy.scripts import process_slice_placement
from linumpy.scripts.process_slice_steps import Found


def write_products(
    path: Path, found: Found, preview: NDArray[np.float32], parameters: Mapping[str, object]
) -> None:
    """Write diagnostics, metrics, table of tiles and preview beside the slice."""
    stem = path.parent / f"slice_z{found.grid.slice_id}"
    details = _details(found)
    atomic.write_json(
        f"{stem}_process.json",
        diagnostics.to_json({"slice_id": found.grid.slice_id, "parameters": parameters, **details}),
    )
    atomic.write_bytes(
        process_slice_placement.mask_path(Path(f"{stem}_process.json")),
        process_slice_placement.draw_mask(found.mask),
    )
    diagnostics.write_metrics(f"{stem}_process_metrics.json", _metrics(found, path))
    tile_table.write(f"{stem}_tiles.csv", _tile_rows(found))
    bright = float(np.percentile(preview[preview > 0], 99.5)) if (preview > 0).any() else 1.0
    png = io.BytesIO()
    image.imsave(png, preview, cmap="gray", vmin=0, vmax=bright, format="png")
    atomic.write_bytes(f"{stem}_process_preview.png", png.getvalue())


def write_steps(folder: Path, found: Found) -> None:
    """Write what each step found as arrays, for debugging."""
    _, ny, nx = found.grid.tile_shape
    model = found.model
    steps: dict[str, NDArray[Any]] = {  # Any: arrays of several dtypes
        "flat_field": model.field.on_grid(ny, nx),
        "axial_profile": model.profile,
        "attenuation_slope_per_um": model.slopes.values,
        "agarose_per_plane": model.agarose,
        "overview": found.overview,
        "mask": found.mask,
    }
    with atomic.replacing(folder) as partial:
        partial.mkdir(exist_ok=True)
        for name, values in steps.items():
            np.save(partial / f"slice_z{found.grid.slice_id}_{name}.npy", values)


def _details(found: Found) -> dict[str, object]:
    model, refined = found.model, found.refined
    mosaic = found.grid.volume.attributes
    return {
        "scan": {
            "tile_shape": found.grid.tile_shape,
            "native_um": found.native_um,
            "n_extra": mosaic.get("n_extra", 0),
            "galvo_shift_px": mosaic.get("galvo_shift_px", 0),
            "orientation": mosaic.get("orientation", "right_down"),
        },
        "surface": {
            "depth_vox": model.surface.depth_vox,
            "per_y": model.surface.per_y,
            "per_x": model.surface.per_x,
            "tile_terms": model.surface.tile_terms,
            "spread_vox": model.surface.spread_vox,
            "n_cells": model.surface.n_cells,
        },
        "background": model.background,
        "flat_field": {
            "coefficients": model.field.coefficients,
            "seam_before": model.field.seam_before,
            "seam_after": model.field.seam_after,
        },
        "axial_profile": model.profile,
        "attenuation_slope_per_um": {
            "median": float(np.median(model.slopes.values)),
            "largest": float(np.abs(model.slopes.values).max()),
        },
        "levels": {"agarose": model.levels.agarose, "threshold": model.levels.threshold},
        "agarose_per_plane": model.agarose,
        "divisor": model.divisor,
        "tissue_coverage": float(found.mask.mean()),
        "positions": {
            "stage_sigma_px": refined.stage_sigma_px,
            "rms_residual_px": refined.rms_residual_px,
            "flagged": sorted(refined.flagged),
            "rejected": refined.rejected,
            "pairs": [_pair(pair) for pair in found.pairs],
        },
        "placement": process_slice_placement.describe(
            resolution_um=found.settings.resolution_um,
            position_um=found.settings.position_um,
            n_planes=model.n_planes,
            start_px=found.start_px,
            refined=refined,
        ),
    }


def _pair(pair: stitch.Pair) -> dict[str, object]:
    shift = pair.shift
    return {
        "first": pair.first,
        "second": pair.second,
        "dy_px": shift.dy_px,
        "dx_px": shift.dx_px,
        "ncc": shift.ncc,
        "is_conclusive": shift.is_conclusive,
        "sigma_px": _sigma(shift.information),
    }


def _sigma(information: NDArray[np.float64]) -> list[float | None]:
    """Return the standard deviation (y, x) that a pair claims; None where it knows nothing."""
    return [float(v) ** -0.5 if v > 0 else None for v in np.diag(information)]


def _metrics(found: Found, path: Path) -> diagnostics.Metrics:
    model, refined = found.model, found.refined
    metrics = diagnostics.Metrics("process_slice")
    metrics.info("input_volume", found.grid.volume.path)
    metrics.info("output_volume", path)
    metrics.info("output_shape", (model.n_planes, *found.canvas.shape))
    metrics.info("num_tiles", len(found.start_px))
    metrics.info("total_pairs", len(found.pairs))
    metrics.info("valid_pairs", sum(pair.shift.is_conclusive for pair in found.pairs))
    metrics.info("rejected_pairs", len(refined.rejected))
    metrics.info("flagged_tiles", len(refined.flagged))
    metrics.add("rms_residual", refined.rms_residual_px, unit="px",
                description="of overlaps, after refinement")  # fmt: skip
    metrics.add("seam_before", model.field.seam_before, description="median |log ratio|")
    metrics.add("seam_after", model.field.seam_after, description="median |log ratio|")
    metrics.add("detected_interface_depth", model.surface.depth_vox, unit="px",
                description="depth of the surface at the mosaic's origin")  # fmt: skip
    metrics.add("mask_coverage", float(found.mask.mean()), description="tissue with its margin")
    metrics.info("interface_quality", "ok" if model.surface.n_cells else "not found")
    if not model.surface.n_cells:
        metrics.warn("no water above the tissue was seen; plane 0 is the mosaic's first")
    if refined.flagged and found.settings.margin_px:
        metrics.warn(f"tiles that keep the stage's position: {len(refined.flagged)}")
    return metrics


def _tile_rows(found: Found) -> list[tile_table.TileRow]:
    best: dict[Place, float] = {}
    for pair in found.pairs:
        if pair.shift.is_conclusive:
            for place in (pair.first, pair.second):
                best[place] = max(best.get(place, 0.0), pair.shift.ncc)
    (start_y_um, start_x_um), (_, y_um, x_um) = found.settings.position_um, found.native_um
    rows = []
    for place in sorted(found.start_px):
        (y, x), (dy, dx) = found.start_px[place], found.refined.correction_px[place]
        stage_y, stage_x = found.grid.stage_mm[place]
        row = tile_table.TileRow(
            row=place[0],
            col=place[1],
            stage_x_mm=stage_x,
            stage_y_mm=stage_y,
            placed_x_um=start_x_um + (x + dx) * x_um,
            placed_y_um=start_y_um + (y + dy) * y_um,
            correction_x_px=dx,
            correction_y_px=dy,
            overlap_ncc=best.get(place),
            flagged=place in found.refined.flagged,
            file=found.grid.files[place],
        )
        rows.append(row)
    return rows
