"""Interface: the depth of the cut surface under every cell of a mosaic."""

import math

import numpy as np
from numpy.typing import NDArray

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import quantile
from linumpy.mosaic.measure import Plan, cell_points, measure_mosaic
from linumpy.preproc.interface import fit_surface, surface_depths, water_level
from linumpy.synth import Faults, Rig, Scene, plan, render
from linumpy.synth.noise import Coordinate
from linumpy.synth.surface import surface_um

N_CELLS = 8
Places = dict[tuple[int, int], NDArray[np.float32]]


def trial(seed: int) -> Trial:
    """Draw a slice whose surface leans and bends; compare the surface found with it."""
    rng = np.random.default_rng([seed, 703])
    rig, coverage, contrast = _draw_rig(rng)
    extent = rig.extent_for(int(rng.integers(2, 4)), int(rng.integers(1, 3)))
    tissue_scene = draw_scene(
        rng,
        (rig.image_depth_um / 1000, extent[1], extent[0]),
        finest_um=rig.lateral_um * float(rng.uniform(3, 8)),
        coverage=coverage,
        contrast=contrast,
    )
    scene = _embed(tissue_scene, float(rng.uniform(0, 0.1)))
    truth = plan(scene, rig, Faults(), seed)
    (one,) = truth.slices.values()
    (rendered,) = render(scene, truth)
    tiles: Places = {}
    wanted, tissue = {}, {}
    stage = {}
    for tile in rendered.tiles:
        place = (tile.row, tile.column)
        tiles[place] = np.ascontiguousarray(tile.pixels.transpose(0, 2, 1))
        origin = one.tile_truths[tile.column, tile.row].origin_mm
        x, y = (
            o + (np.arange(n) + 0.5) * p
            for o, n, p in zip(origin, rig.tile_px, rig.pixel_mm, strict=True)
        )
        shape = (len(y), len(x))
        positions = (np.broadcast_to(x, shape), np.broadcast_to(y[:, None], shape))
        surface = surface_um(rig, one.water_um, truth.centre_mm, positions) / rig.axial_um
        wanted[place] = _cell_means(surface)
        seen = tissue_scene.at(np.full(shape, 0.02), positions[1], positions[0])
        tissue[place] = _cell_means((seen > 0.1).astype(np.float32))
        stage[place] = (origin[1] / rig.pixel_mm[1], origin[0] / rig.pixel_mm[0])
    found = find_surface(tiles, stage)
    errors = np.concatenate([np.abs(found[p] - wanted[p])[tissue[p] > 0.5] for p in sorted(tiles)])
    return Trial(
        seed=seed,
        drawn={
            "axial_um": rig.axial_um,
            "lateral_um": rig.lateral_um,
            "tilt_voxels": math.hypot(*rig.tilt_deg)
            * math.pi
            / 180
            * 1000
            * max(extent)
            / rig.axial_um,
            "curvature_um": rig.field_curvature_um,
            "coverage": float(np.mean([t.mean() for t in tissue.values()])),
            "contrast": contrast,
            "looks": rig.looks,
            "water_um": rig.water_um,
            "brightness_over_noise": rig.brightness / rig.noise,
            "tile_px": float(rig.tile_px[0]),
        },
        found={"error_vox": tuple(float(e) for e in errors)},
    )


def find_surface(
    tiles: Places, stage: dict[tuple[int, int], tuple[float, float]]
) -> dict[tuple[int, int], NDArray[np.float64]]:
    """Return the depth at the cells of each tile, as linum_process_slice.py finds it."""
    _, ny, nx = next(iter(tiles.values())).shape
    low = np.min(list(stage.values()), axis=0)
    corners = {p: (c[0] - low[0], c[1] - low[1]) for p, c in stage.items()}
    summaries, _ = measure_mosaic(
        lambda place: tiles[place],
        corners,
        Plan(n_cells=N_CELLS, patch_px=(1, 1), overview_px=(2, 2), margin_px=0),
        find_water=water_level,
        workers=1,
        progress=lambda _: None,
    )
    y, x = np.meshgrid(cell_points(N_CELLS, ny), cell_points(N_CELLS, nx), indexing="ij")
    profiles = np.concatenate([s.cells.reshape(len(s.cells), -1) for s in summaries], axis=1)
    at = np.array([corners[s.place] for s in summaries])
    y_px, x_px = (at[:, :1] + y.ravel()).ravel(), (at[:, 1:] + x.ravel()).ravel()
    v, u = np.tile(y.ravel() * 2 / ny - 1, len(at)), np.tile(x.ravel() * 2 / nx - 1, len(at))
    surface = fit_surface(surface_depths(profiles), y_px, x_px, v, u)
    depth = surface.at(y_px, x_px, v, u).reshape(len(at), N_CELLS, N_CELLS)
    return {s.place: depth[i] for i, s in enumerate(summaries)}


def _draw_rig(rng: np.random.Generator) -> tuple[Rig, float, float]:
    axial = float(np.exp(rng.uniform(np.log(1.4), np.log(8))))
    lateral = float(np.exp(rng.uniform(np.log(3), np.log(50))))
    tile = round(float(np.exp(rng.uniform(np.log(40), np.log(64)))))
    overlap = float(rng.uniform(0.05, 0.3))
    water = float(rng.uniform(20, 120))
    extent_um = 3 * tile * lateral
    # The surface stays below the first samples: it leans by at most three quarters of the water.
    lean = float(rng.uniform(0, 0.75 * water)) / extent_um
    angle = float(rng.uniform(0, 2 * np.pi))
    tilt = np.rad2deg(np.arctan(lean * np.array([np.cos(angle), np.sin(angle)])))
    rig = Rig(
        lateral_um=lateral,
        axial_um=axial,
        tile_px=(tile, tile),
        n_extra=0,
        overlap=overlap,
        ids=(0,),
        image_depth_um=float(rng.uniform(200, 400)) + water,
        water_um=water,
        water_jitter_um=0.0,
        margin_mm=0.0,
        jitter_um=lateral,
        brightness=float(np.exp(rng.uniform(np.log(40), np.log(400)))),
        looks=float(np.exp(rng.uniform(0, np.log(16)))),
        noise=float(rng.uniform(1, 12)),
        vignetting=float(rng.uniform(0, 0.3)),
        focus_um=float(rng.uniform(30, 150)),
        attenuation_per_mm=float(rng.uniform(0.5, 4)),
        attenuation_contrast=float(rng.uniform(0, 1)),
        tilt_deg=(float(tilt[0]), float(tilt[1])),
        field_curvature_um=float(rng.choice([0.0, rng.uniform(-0.1, 0.1) * water])),
    )
    return rig, float(rng.uniform(0.4, 1)), float(rng.uniform(0.4, 1))


def _embed(tissue: Scene, agarose: float) -> Scene:
    """Return the anatomy in a block of agarose, which is cut with it."""

    def sampler(z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        return np.maximum(tissue.at(z, y, x), np.float32(agarose))

    return Scene(sampler, tissue.size_mm, tissue.name)


def _cell_means(values: NDArray[np.float32]) -> NDArray[np.float64]:
    ny, nx = values.shape
    rows = np.minimum((np.arange(ny) + 0.5) * N_CELLS // ny, N_CELLS - 1).astype(int)
    columns = np.minimum((np.arange(nx) + 0.5) * N_CELLS // nx, N_CELLS - 1).astype(int)
    cell = (rows[:, None] * N_CELLS + columns).ravel()
    sums = np.bincount(cell, values.ravel(), N_CELLS**2)
    means: NDArray[np.float64] = sums / np.maximum(np.bincount(cell, minlength=N_CELLS**2), 1)
    return means.reshape(N_CELLS, N_CELLS)


MEASURE = Measure(
    name="interface",
    how="""
Slices of 2 × 1 to 3 × 2 tiles from the simulator: tissue in agarose of any brightness, a surface
that leans by up to three quarters of the water above it, curvature of focus, attenuation that
follows the tissue, signal to noise from 3 to 400. Measured is the depth found under every cell of
a tile (an eighth of its side) that is mostly tissue, against the planted surface there, in axial
voxels. The crop begins at that depth.
""",
    trial=trial,
    targets=(
        Target(
            label="depth error, median",
            statistic=quantile("error_vox", 0.5),
            needs=("error_vox",),
            sense="at most",
            bound=1.0,
            unit="voxel",
        ),
        Target(
            label="depth error, p95",
            statistic=quantile("error_vox", 0.95),
            needs=("error_vox",),
            sense="at most",
            bound=3.0,
            unit="voxel",
        ),
    ),
    quick=30,
    full=120,
    worst_by="error_vox",
)
