"""Mosaics of one slice whose tiles lie at known places: anatomy, speckle, field, stage.

Tiles are drawn as a microscope would see them, and share nothing with what is measured on them.
Depth comes in a few thick planes: each stands for many voxels, whose speckle is averaged.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from accuracy.anatomy import draw_scene
from linumpy.synth.noise import BandNoise

Plane = NDArray[np.float32]
Place = tuple[int, int]
Point = tuple[float, float]
SHARED_SPECKLE = 0.2
"""Correlation of the speckle that two tiles show at one point."""
N_PLANES = 3
_GRAIN_PX = 0.5
_RIM_PX = 24
_COHERENCE_UM = 5.0
_TISSUE = 0.12  # reflectivity above which a point counts as tissue


@dataclass(frozen=True, slots=True)
class Mosaic:
    """Tiles (nz, ny, nx) by (row, column), and the truth about them.

    ``stage_px`` and ``true_px`` are first pixel edges (y, x). ``field`` is the illumination of a
    tile, ``tissue`` says where a tile shows tissue, ``clean`` is the projection without speckle
    and field.
    """

    tiles: Mapping[Place, Plane]
    stage_px: Mapping[Place, Point]
    true_px: Mapping[Place, Point]
    field: NDArray[np.float64]
    tissue: Mapping[Place, NDArray[np.bool_]]
    clean: Mapping[Place, Plane]
    drawn: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Setup:
    """What is drawn before a voxel is."""

    tile_px: int
    grid: tuple[int, int]
    overlap: float
    lateral_um: float
    axial_um: float
    depth_um: float
    looks: float
    contrast: float
    coverage: float
    jitter_px: float
    backlash_px: float
    vignetting: float

    @property
    def step_px(self) -> float:
        return self.tile_px * (1 - self.overlap)

    @property
    def looks_per_plane(self) -> float:
        return self.looks * self.depth_um / max(self.axial_um, _COHERENCE_UM) / N_PLANES


def draw_mosaic(seed: int) -> Mosaic:
    """Draw a mosaic of 2 × 2 to 5 × 5 tiles."""
    rng = np.random.default_rng([seed, 701])
    setup = _draw_setup(rng)
    stage, true = _draw_places(rng, setup)
    canvas = _draw_canvas(rng, setup)
    field = _draw_field(rng, setup)
    shared = _speckle(rng, canvas.shape, SHARED_SPECKLE * setup.looks_per_plane)
    decay = np.exp(-rng.uniform(0.3, 1.5) * np.linspace(0, 1, N_PLANES))[:, None, None]
    noise = rng.uniform(0.002, 0.02)
    seen = [(_spline(canvas), _spline(shared))]
    tiles, tissue, clean = {}, {}, {}
    for place, corner in true.items():
        anatomy, own_shared = (_cut(part, corner, setup.tile_px) for part in seen[0])
        signal = np.maximum(anatomy, 0.005) * decay
        own = _speckle(rng, signal.shape, (1 - SHARED_SPECKLE) * setup.looks_per_plane)
        speckle = np.maximum(SHARED_SPECKLE * own_shared + (1 - SHARED_SPECKLE) * own, 0)
        floor = noise * (1 + rng.standard_normal(signal.shape) / np.sqrt(setup.looks_per_plane))
        tiles[place] = (1000 * (signal * speckle * field + np.abs(floor))).astype(np.float32)
        clean[place] = signal.mean(axis=0).astype(np.float32)
        tissue[place] = anatomy.mean(axis=0) > _TISSUE
    return Mosaic(tiles, stage, true, field, tissue, clean, _drawn(setup))


def overlap_of(mosaic: Mosaic, first: Place, second: Place) -> tuple[float, float]:
    """Return the true width of an overlap, px, and the share of it that is tissue."""
    slices = shared_part(mosaic, first, second)
    if slices is None:
        return 0.0, 0.0
    part = mosaic.tissue[first][slices[0]]
    return float(min(part.shape)), float(part.mean())


def shared_part(
    mosaic: Mosaic, first: Place, second: Place
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    """Return which part of each tile shows what the other shows, to a whole pixel."""
    shape = mosaic.field.shape
    step = np.rint(np.subtract(mosaic.true_px[second], mosaic.true_px[first])).astype(int)
    low, high = np.maximum(step, 0), np.minimum(shape, shape + step)
    if (high <= low).any():
        return None
    here = (slice(low[0], high[0]), slice(low[1], high[1]))
    there = (slice(low[0] - step[0], high[0] - step[0]), slice(low[1] - step[1], high[1] - step[1]))
    return here, there


def _draw_setup(rng: np.random.Generator) -> _Setup:
    tile = round(float(np.exp(rng.uniform(np.log(40), np.log(400)))))
    most = 2 if tile > 200 else 3 if tile > 100 else 5
    rows, columns = (int(n) for n in rng.integers(2, most + 1, 2))
    return _Setup(
        tile_px=tile,
        grid=(rows, columns),
        overlap=float(rng.uniform(0.05, 0.30)),
        lateral_um=float(np.exp(rng.uniform(np.log(3), np.log(50)))),
        axial_um=float(rng.uniform(1.4, 8)),
        depth_um=float(rng.uniform(200, 600)),
        looks=float(np.exp(rng.uniform(0, np.log(16)))),
        contrast=float(rng.uniform(0.4, 1.0)),
        coverage=float(rng.uniform(0.5, 1.0)),
        jitter_px=float(rng.uniform(0, 8)),
        backlash_px=float(rng.choice([0.0, rng.uniform(0, 6)])),
        vignetting=float(rng.uniform(0, 0.25)),
    )


def _draw_places(
    rng: np.random.Generator, setup: _Setup
) -> tuple[dict[Place, Point], dict[Place, Point]]:
    """Return stage and true places: jitter up to ``jitter_px`` per axis, rows moved by backlash."""
    stage, true = {}, {}
    rows, columns = setup.grid
    for row in range(rows):
        for column in range(columns):
            place = (row * setup.step_px + _RIM_PX, column * setup.step_px + _RIM_PX)
            dy, dx = rng.uniform(-setup.jitter_px, setup.jitter_px, 2)
            dx += setup.backlash_px * (0.5 if row % 2 else -0.5)
            stage[row, column] = place
            true[row, column] = (place[0] + float(dy), place[1] + float(dx))
    return stage, true


def _draw_canvas(rng: np.random.Generator, setup: _Setup) -> Plane:
    """Return reflectivity, shape (N_PLANES, height, width), one native pixel per pixel."""
    shape = [int((n - 1) * setup.step_px + setup.tile_px) + 2 * _RIM_PX for n in setup.grid]
    pixel = setup.lateral_um / 1000
    depth = setup.depth_um / 1000
    scene = draw_scene(
        rng,
        (2 * depth, shape[0] * pixel, shape[1] * pixel),
        finest_um=setup.lateral_um * float(rng.uniform(3, 8)),
        coverage=setup.coverage,
        contrast=setup.contrast,
    )
    z = depth * (0.5 + (np.arange(N_PLANES) + 0.5) / N_PLANES)
    y, x = (np.asarray((np.arange(n) + 0.5) * pixel, np.float64) for n in shape)
    voxels = scene.on_axes(z, y, x)
    voxels *= _texture(rng, (z, y, x), setup)
    return np.asarray(np.maximum(voxels, np.float32(rng.uniform(0.02, 0.08))), np.float32)


def _texture(
    rng: np.random.Generator, axes: tuple[NDArray[np.float64], ...], setup: _Setup
) -> Plane:
    """Return what multiplies an anatomy: fine structure of 4 to 20 pixels.

    Tissue has structure down to the beam's width; an anatomy that is stretched over many tiles
    has none left there, and without any nobody could place a tile.
    """
    z, y, x = np.ix_(*axes)
    log = np.zeros((z.size, y.size, x.size), np.float32)
    for wave_px in (4.0, 9.0, 20.0):
        noise = BandNoise(wave_px * setup.lateral_um / 1000, rng)
        log += np.float32(setup.contrast * rng.uniform(0.05, 0.15)) * noise(z, y, x)
    return np.asarray(np.exp(log), np.float32)


def _draw_field(rng: np.random.Generator, setup: _Setup) -> NDArray[np.float64]:
    """Return the illumination of a tile: an off-centre, elliptic loss and a tilt."""
    axis = (np.arange(setup.tile_px) + 0.5) * 2 / setup.tile_px - 1
    cy, cx = rng.uniform(-0.2, 0.2, 2)
    ay, ax = rng.uniform(0.8, 1.2, 2)
    r2 = ay * (axis[:, None] - cy) ** 2 + ax * (axis - cx) ** 2
    kind = rng.integers(3)
    loss = (r2, r2**2 / 2, 2 * (1 - np.exp(-r2)))[kind]
    tilt = rng.uniform(-0.05, 0.05, 2)
    field = np.clip(1 - setup.vignetting * loss, 0.25, None)
    lit: NDArray[np.float64] = field * (1 + tilt[0] * axis[:, None] + tilt[1] * axis)
    return lit


def _speckle(rng: np.random.Generator, shape: tuple[int, ...], looks: float) -> Plane:
    """Return speckle of mean 1 and variance 1 / looks with a grain of about a pixel."""
    raw = rng.standard_gamma(looks, shape, dtype=np.float32) / np.float32(looks) - 1
    for axis in (1, 2):
        raw = ndimage.gaussian_filter1d(raw, _GRAIN_PX, axis=axis, mode="nearest")
    kernel = ndimage.gaussian_filter1d(np.eye(1, 33, 16)[0], _GRAIN_PX)
    return np.asarray(1 + raw / float(np.sum(kernel**2)), dtype=np.float32)


def _spline(canvas: Plane) -> Plane:
    for axis in (1, 2):
        canvas = ndimage.spline_filter1d(canvas, 3, axis=axis, output=np.float32)
    return canvas


def _cut(spline: Plane, corner: Point, n: int) -> Plane:
    """Sample n × n pixels from a first pixel edge on."""
    whole = [int(np.floor(c)) for c in corner]
    part = [c - w for c, w in zip(corner, whole, strict=True)]
    window = spline[:, whole[0] - 4 : whole[0] + n + 5, whole[1] - 4 : whole[1] + n + 5]
    planes = [
        ndimage.affine_transform(
            plane, np.ones(2), [part[0] + 4, part[1] + 4], output_shape=(n, n), prefilter=False
        )
        for plane in window
    ]
    return np.stack(planes)


def _drawn(setup: _Setup) -> dict[str, float]:
    return {
        "tile_px": float(setup.tile_px),
        "overlap_fraction": setup.overlap,
        "overlap_px": setup.overlap * setup.tile_px,
        "lateral_um": setup.lateral_um,
        "axial_um": setup.axial_um,
        "looks": setup.looks,
        "contrast": setup.contrast,
        "coverage": setup.coverage,
        "jitter_px": setup.jitter_px,
        "backlash_px": setup.backlash_px,
        "vignetting": setup.vignetting,
    }
