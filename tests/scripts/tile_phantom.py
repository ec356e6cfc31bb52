"""A slice of known anatomy, imaged as overlapping tiles with faults that a test plants."""

from dataclasses import dataclass, field

import numpy as np
from scipy.ndimage import gaussian_filter, map_coordinates

from linumpy.core.spacing import Spacing
from linumpy.io.omezarr import Level, create


@dataclass(frozen=True)
class Plant:
    """What a phantom suffers; the defaults are a perfect rig on anatomy without speckle."""

    grid: tuple[int, int] = (3, 3)
    tile: tuple[int, int, int] = (40, 64, 64)
    native_um: tuple[float, float, float] = (5.0, 5.0, 5.0)
    overlap: float = 0.2
    seed: int = 0
    looks: float = 0.0
    shared: float = 0.2
    jitter_px: float = 0.0
    vignette: float = 0.0
    surface_vox: float = 6.0
    tilt: tuple[float, float] = (0.0, 0.0)
    decay_per_um: float = 0.0
    focus_um: float = 0.0
    lateral_decay_per_um: float = 0.0
    anatomy: str = "texture"
    missing: tuple[tuple[int, int], ...] = ()
    water: float = 2.0
    agarose: float = 6.0
    gain: float = 150.0
    scales_px: tuple[float, ...] = (2.0, 6.0, 16.0)
    truth: dict = field(default_factory=dict, compare=False)


def write_mosaic(path, plant, slice_id="03"):  # noqa: PLR0915  a script, read from top to bottom
    """Write the mosaic grid; returns what the anatomy is: a function of (y, x) in native pixels."""
    rng = np.random.default_rng(plant.seed)
    rows, columns = plant.grid
    nz, ny, nx = plant.tile
    step = (round(ny * (1 - plant.overlap)), round(nx * (1 - plant.overlap)))
    margin = 24
    size = (step[0] * rows + ny + 2 * margin, step[1] * columns + nx + 2 * margin)
    anatomy = _anatomy(rng, size, plant)
    looks = 20 * plant.looks  # the part that tiles share does not change with depth
    shared = rng.gamma(looks, 1 / looks, size) if looks else None
    mosaic = np.zeros((nz, rows * ny, columns * nx), np.float32)
    yy, xx = np.meshgrid(np.arange(ny), np.arange(nx), indexing="ij")
    v, u = (2 * (yy + 0.5) / ny - 1), (2 * (xx + 0.5) / nx - 1)
    field_of_view = 1 - plant.vignette * (v**2 + u**2) / 2
    tiles, true = [], {}
    for row in range(rows):
        for column in range(columns):
            jitter = rng.uniform(-plant.jitter_px, plant.jitter_px, 2)
            if (row, column) in plant.missing:
                continue
            stage = np.array([row * step[0], column * step[1]], float)
            y, x = yy + stage[0] + jitter[0], xx + stage[1] + jitter[1]
            at = (y + margin, x + margin)
            tissue = map_coordinates(anatomy, at, order=3, mode="nearest")
            if shared is not None:
                own = rng.gamma(plant.looks, 1 / plant.looks, (nz, ny, nx))
                common = map_coordinates(shared, at, order=1, mode="nearest")
                tissue = tissue * (plant.shared * common + (1 - plant.shared) * own)
            signal = plant.gain * np.maximum(tissue, 0) + plant.agarose
            depth = (np.arange(nz) + 0.5)[:, None, None]
            surface = plant.surface_vox + plant.tilt[0] * y + plant.tilt[1] * x
            under = np.clip(depth + 0.5 - surface, 0, 1)
            depth_um = np.maximum(depth - surface, 0) * plant.native_um[0]
            decay = plant.decay_per_um + plant.lateral_decay_per_um * (x - nx * columns / 2) / nx
            along = np.exp(-decay * depth_um)
            if plant.focus_um:
                along = along / (1 + ((depth_um - 60) / plant.focus_um) ** 2)
            block = plant.water + under * along * signal * field_of_view
            mosaic[:, row * ny : row * ny + ny, column * nx : column * nx + nx] = block
            tiles.append(
                {
                    "row": row,
                    "col": column,
                    "y_mm": stage[0] * plant.native_um[1] / 1000,
                    "x_mm": stage[1] * plant.native_um[2] / 1000,
                    "file": f"z{slice_id}/tile_x{column:02d}_y{row:02d}_z{slice_id}",
                }
            )
            true[row, column] = (stage[0] + jitter[0], stage[1] + jitter[1])
    attributes = {
        "kind": "mosaic_grid",
        "slice_id": slice_id,
        "tile_shape": [nz, ny, nx],
        "grid": [rows, columns],
        "tiles": tiles,
        "slicing_interval_mm": 0.2,
    }
    level = Level(mosaic.shape, Spacing.from_um(*plant.native_um), plant.tile)
    with create(path, [level], attributes=attributes) as new:
        new.array[...] = mosaic

    def at(y_px, x_px):
        grid = np.meshgrid(np.asarray(y_px) + margin, np.asarray(x_px) + margin, indexing="ij")
        return map_coordinates(anatomy, grid, order=3, mode="nearest")

    return true, at


def _anatomy(rng, size, plant):
    if plant.anatomy == "flat":
        return np.ones(size)
    texture = np.zeros(size)
    for scale in plant.scales_px:
        noise = gaussian_filter(rng.standard_normal(size), scale)
        texture += noise / noise.std()
    tissue = np.exp(0.3 * texture / np.sqrt(len(plant.scales_px)) * 1.5)
    if plant.anatomy == "texture":
        return tissue
    y, x = np.meshgrid(*(np.linspace(-1, 1, n) for n in size), indexing="ij")
    inside = (y / 0.75) ** 2 + (x / 0.8) ** 2 < 1
    return tissue * gaussian_filter(inside.astype(float), 1.5)
