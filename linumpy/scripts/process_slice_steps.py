"""The steps of linum_process_slice.py that need several rooms: measure, then write the slice."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linumpy.compute.blocks import ordered_map
from linumpy.compute.device import Device
from linumpy.core.spacing import Spacing
from linumpy.io import omezarr
from linumpy.io.mosaic_tiles import MosaicTiles
from linumpy.mosaic import blend, measure, stitch
from linumpy.mosaic.canvas import Canvas, TileWindow, plan_canvas, split_columns
from linumpy.mosaic.stitch import Place, Refined
from linumpy.preproc import illumination, interface, normalize, slice_model
from linumpy.preproc.slice_model import SliceModel
from linumpy.scripts.process_slice_placement import Placement

log = logging.getLogger(__name__)
Brightness = Literal["normalized", "as_measured"]
CHUNK = (16, 128, 128)
STRIP_CHUNKS = 6
"""Chunks that a strip of columns is wide, and a shard: what is held does not grow with a slice."""
OVERVIEW_VOXELS = 2
_MARGIN_UM = 100.0
_DUST_UM = 150.0
_N_CELLS = 8
_PREVIEW_PX = 512


@dataclass(frozen=True, slots=True)
class Settings:
    """What the command's parameters say, in values; ``placed``: where another contrast was put."""

    resolution_um: float
    depth_um: float
    margin_px: int
    wanted: slice_model.Wanted
    position_um: tuple[float, float]
    workers: int
    progress: Callable[[float, float], None]
    placed: Placement | None = None
    brightness: Brightness = "normalized"


@dataclass(frozen=True, slots=True)
class Found:
    """Everything that the measuring pass found out about a slice."""

    grid: MosaicTiles
    settings: Settings
    start_px: Mapping[Place, tuple[float, float]]
    refined: Refined
    pairs: tuple[stitch.Pair, ...]
    model: SliceModel
    canvas: Canvas
    mask: NDArray[np.bool_]
    overview: NDArray[np.float32]
    overview_start: tuple[int, int]

    @property
    def native_um(self) -> tuple[float, float, float]:
        """Native voxel (z, y, x)."""
        return self.grid.volume.spacing.zyx_um


def measure_slice(
    grid: MosaicTiles, start_px: Mapping[Place, tuple[float, float]], settings: Settings
) -> Found:
    """Read every tile once; return positions, corrections, canvas and mask.

    Raises
    ------
    BadFile
        If a tile cannot be read, or nothing lies under a surface.
    """
    native_um, placed = grid.volume.spacing.zyx_um, settings.placed
    n_tiles = len(start_px)
    summaries, overlaps = measure.measure_mosaic(
        grid.read_tile,
        start_px,
        _plan(native_um, settings),
        find_water=interface.water_level,
        workers=settings.workers,
        progress=lambda done: settings.progress(done, 2 * n_tiles),
    )
    pairs = tuple(overlap.pair for overlap in overlaps)
    refined = (
        placed.refined
        if placed
        else stitch.refine_positions(
            sorted(start_px), pairs, max_correction_px=float(settings.margin_px)
        )
    )
    model = _model(_cells(summaries, start_px, grid.tile_shape), overlaps, native_um, settings)
    position_um = {
        place: (
            settings.position_um[0] + (start_px[place][0] + c[0]) * native_um[1],
            settings.position_um[1] + (start_px[place][1] + c[1]) * native_um[2],
        )
        for place, c in refined.correction_px.items()
    }
    _, ny, nx = grid.tile_shape
    canvas = plan_canvas(
        position_um,
        tile_px=(ny, nx),
        step_um=native_um[1:],
        resolution_um=settings.resolution_um,
    )
    overview, start = _overview(summaries, position_um, model, grid, settings)
    mask = placed.mask if placed else _tissue(overview, model, settings)
    return Found(grid, settings, start_px, refined, pairs, model, canvas, mask, overview, start)


def write_slice(path: Path, found: Found, device: Device) -> NDArray[np.float32]:
    """Read every tile again and write the slice; return a small projection for the preview."""
    model, canvas = found.model, found.canvas
    shape = (model.n_planes, *canvas.shape)
    chunks = tuple(min(c, s) for c, s in zip(CHUNK, shape, strict=True))
    chunk = (chunks[0], chunks[1], chunks[2])
    shards = (
        -(-shape[0] // chunk[0]) * chunk[0],
        chunk[1],
        min(STRIP_CHUNKS, -(-shape[2] // chunk[2])) * chunk[2],
    )
    r_mm = found.settings.resolution_um / 1000
    origin_mm = (0.0, (canvas.rows[0] + 0.5) * r_mm, (canvas.columns[0] + 0.5) * r_mm)
    level = omezarr.Level(shape, Spacing(r_mm, r_mm, r_mm), chunk, shards, origin_mm)
    step = max(1, -(-max(shape[1:]) // _PREVIEW_PX))
    preview = np.zeros([-(-n // step) for n in shape[1:]], np.float32)
    with omezarr.create(path, [level], attributes=_attributes(found)) as new:
        for columns, band in _bands(found, device, chunk[1], shards[2]):
            values = _finished(found, band, columns)
            y, x = band.start - canvas.rows[0], columns[0] - canvas.columns[0]
            where = (slice(y, y + values.shape[1]), slice(x, x + values.shape[2]))
            new.array[:, *where] = values
            first = (-y % step, -x % step)
            seen = values[:, first[0] :: step, first[1] :: step].mean(axis=0)
            y, x = -(-y // step), -(-x // step)
            preview[y : y + seen.shape[0], x : x + seen.shape[1]] = seen
    log.info("%s: %d × %d × %d voxels of %g µm", path.name, *shape, found.settings.resolution_um)
    return preview


def log_decisions(found: Found) -> None:
    """Say in one line each what was found and decided."""
    name, model, refined = f"slice {found.grid.slice_id}", found.model, found.refined
    surface, field = model.surface, model.field
    if surface.n_cells:
        log.info(
            "%s: surface at %.1f voxels, spread %.2f, from %d cells",
            name, surface.depth_vox, surface.spread_vox, surface.n_cells,
        )  # fmt: skip
    else:
        log.info("%s: no water above the tissue; plane 0 is the first of the mosaic", name)
    moved = [float(np.hypot(*c)) for c in refined.correction_px.values()]
    log.info(
        "%s: tile positions corrected by %.2f px (median), %.2f px (largest); "
        "%d of %d tiles keep the stage's, %d overlaps contradict the rest",
        name, np.median(moved), max(moved), len(refined.flagged), len(moved),
        len(refined.rejected),
    )  # fmt: skip
    log.info(
        "%s: seams %.1f %% before the flat-field, %.1f %% after; %d planes; divisor %.4g",
        name, 100 * field.seam_before, 100 * field.seam_after, model.n_planes, model.divisor,
    )  # fmt: skip


def _plan(native_um: tuple[float, float, float], settings: Settings) -> measure.Plan:
    patch = [max(1, round(settings.resolution_um / step)) for step in native_um[1:]]
    overview = [
        max(1, round(OVERVIEW_VOXELS * settings.resolution_um / step)) for step in native_um[1:]
    ]
    placed = settings.placed
    return measure.Plan(
        _N_CELLS,
        (patch[0], patch[1]),
        (overview[0], overview[1]),
        settings.margin_px,
        {(pair.first, pair.second): pair.shift for pair in placed.pairs} if placed else None,
    )


def _cells(
    summaries: Sequence[measure.TileSummary],
    start_px: Mapping[Place, tuple[float, float]],
    tile_shape: tuple[int, int, int],
) -> slice_model.Cells:
    _, ny, nx = tile_shape
    n = _N_CELLS
    y, x = np.meshgrid(measure.cell_points(n, ny), measure.cell_points(n, nx), indexing="ij")
    corners = np.array([start_px[s.place] for s in summaries])
    water = [s.water for s in summaries if s.water > 0]
    return slice_model.Cells(
        profiles=np.concatenate([s.cells.reshape(len(s.cells), -1) for s in summaries], axis=1),
        patches=np.concatenate([s.patches.reshape(len(s.patches), -1) for s in summaries], axis=1),
        y_px=(corners[:, :1] + y.ravel()).ravel(),
        x_px=(corners[:, 1:] + x.ravel()).ravel(),
        v=np.tile(y.ravel() * 2 / ny - 1, len(summaries)),
        u=np.tile(x.ravel() * 2 / nx - 1, len(summaries)),
        grid=(len(summaries), n, n),
        background=float(np.median(water)) if water else 0.0,
    )


def _model(
    cells: slice_model.Cells,
    overlaps: Sequence[measure.PairSummary],
    native_um: tuple[float, float, float],
    settings: Settings,
) -> SliceModel:
    placed = settings.placed
    cut = slice_model.Cut(placed.surface, placed.n_planes) if placed else None
    sampling = slice_model.Sampling(native_um, settings.resolution_um, settings.depth_um)
    if settings.brightness == "as_measured":
        return slice_model.keep_measured(cells, sampling, cut)
    brightness = illumination.OverlapBrightness(
        np.concatenate([o.first for o in overlaps] or [np.zeros((0, 2))]),
        np.concatenate([o.second for o in overlaps] or [np.zeros((0, 2))]),
        np.concatenate([o.ratio for o in overlaps] or [np.zeros(0)]),
    )
    return slice_model.estimate_model(cells, brightness, sampling, settings.wanted, cut)


def _overview(
    summaries: Sequence[measure.TileSummary],
    position_um: Mapping[Place, tuple[float, float]],
    model: SliceModel,
    grid: MosaicTiles,
    settings: Settings,
) -> tuple[NDArray[np.float32], tuple[int, int]]:
    """Stitch the tiles' small projections; return the map and the index of its first pixel."""
    nz, ny, nx = grid.tile_shape
    oy, ox = summaries[0].overview.shape
    _, y_um, x_um = grid.volume.spacing.zyx_um
    canvas = plan_canvas(
        position_um,
        tile_px=(oy, ox),
        step_um=(ny * y_um / oy, nx * x_um / ox),
        resolution_um=OVERVIEW_VOXELS * settings.resolution_um,
    )
    by_place = {summary.place: summary for summary in summaries}
    # A projection is a mean over all depth; below the surface it is as many times brighter.
    share = (nz - min(max(model.surface.depth_vox, 0.0), nz - 1.0)) / nz
    scale = 1 / (model.field.on_grid(oy, ox) * np.float32(share))
    tiles = (
        blend.resample_lateral(
            (by_place[window.place].overview * scale)[None], window, lambda array: array
        )
        for window in canvas.windows
    )
    (band,) = blend.blend(tiles, canvas, n_planes=1, band_rows=canvas.shape[0])
    return band.values[0], (canvas.rows[0], canvas.columns[0])


def _tissue(
    overview: NDArray[np.float32], model: SliceModel, settings: Settings
) -> NDArray[np.bool_]:
    pixel_um = OVERVIEW_VOXELS * settings.resolution_um
    return normalize.tissue_mask(
        overview,
        threshold=model.levels.threshold,
        smooth_px=1.0,
        margin_px=max(2, round(_MARGIN_UM / pixel_um)),
        min_area_px=round((_DUST_UM / pixel_um) ** 2),
    )


def _bands(
    found: Found, device: Device, n_rows: int, n_columns: int
) -> Iterator[tuple[tuple[int, int], blend.Band]]:
    """Yield the slice strip by strip, top to bottom: the columns of a strip, and a band of it."""
    strips = split_columns(found.canvas, n_columns)
    n_tiles, n_windows = len(found.canvas.windows), sum(len(strip.windows) for strip in strips)
    done = 0

    def counted(tiles: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        nonlocal done
        for tile in tiles:
            done += 1
            found.settings.progress(n_tiles * (1 + done / n_windows), 2 * n_tiles)
            yield tile

    for strip in strips:
        tiles = counted(_rendered(found, device, strip.windows))
        for band in blend.blend(tiles, strip, n_planes=found.model.n_planes, band_rows=n_rows):
            yield strip.columns, band


def _rendered(
    found: Found, device: Device, windows: Sequence[TileWindow]
) -> Iterator[NDArray[np.float32]]:
    """Return every tile on its window of the canvas, in order."""
    grid, model = found.grid, found.model
    nz, ny, nx = grid.tile_shape
    kernel = blend.TileKernel(
        model.background, np.float32(1) / model.field.on_grid(ny, nx), device.put, device.get
    )
    v, u = (illumination.pixel_axis(n) for n in (ny, nx))
    y, x = (np.arange(n, dtype=np.float64) + 0.5 for n in (ny, nx))

    def render(window: TileWindow) -> NDArray[np.float32]:
        corner = found.start_px[window.place]
        depth = model.surface.at(
            corner[0] + y[:, None], corner[1] + x[None, :], v[:, None], u[None, :]
        )
        phases = blend.depth_phases(
            depth,
            nz,
            n_planes=model.n_planes,
            step_vox=found.settings.resolution_um / found.native_um[0],
        )
        return kernel(grid.read_tile(window.place), phases, window)

    return ordered_map(render, windows, workers=found.settings.workers)


def _finished(found: Found, band: blend.Band, strip: tuple[int, int]) -> NDArray[np.float32]:
    """Return a band normalised, and exactly 0 where there is no tissue or no data."""
    step = OVERVIEW_VOXELS
    n_rows = band.has_data.shape[0]
    rows = np.arange(band.start, band.start + n_rows)
    columns = np.arange(*strip)
    r = found.settings.resolution_um
    y_px, x_px = (
        ((index.astype(np.float64) + 0.5) * r - start) / step
        for index, start, step in zip(
            (rows, columns), found.settings.position_um, found.native_um[1:], strict=True
        )
    )
    values = found.model.correct(band.values, found.model.slopes.at(y_px, x_px))
    mask = found.mask[
        np.ix_(
            np.clip(rows // step - found.overview_start[0], 0, found.mask.shape[0] - 1),
            np.clip(columns // step - found.overview_start[1], 0, found.mask.shape[1] - 1),
        )
    ]
    values *= mask & band.has_data
    return values


def _attributes(found: Found) -> dict[str, object]:
    model = found.model
    return {
        "kind": "slice",
        "slice_id": str(found.grid.slice_id),
        "position_um": {"x": found.settings.position_um[1], "y": found.settings.position_um[0]},
        "slicing_interval_mm": found.grid.slicing_interval_mm,
        "tissue_threshold": tissue_threshold(model),
        "divisor": model.divisor,
    }


def tissue_threshold(model: SliceModel) -> float:
    """Return the brightness that separates tissue from agarose, on the slice's scale."""
    return max((model.levels.threshold - model.levels.agarose) / model.divisor, 0.0)
