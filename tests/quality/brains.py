"""Brains and damage for the quality tests: made here, sharing no code with what is measured.

A slice is a stack of tiles ``(y_px, x_px, volume)``; damage acts on the tissue map, on the tiles
or on the detector, in several variants per kind, each with a severity from 0 to 1.
"""

from dataclasses import dataclass, replace

import numpy as np
from scipy import ndimage

KINDS = ("motion", "blur", "dropout", "noise", "saturation", "bad_cut", "empty")


@dataclass(frozen=True)
class Rig:
    tile: int = 40
    grid: tuple = (3, 4)
    nz: int = 16
    overlap: float = 0.2
    looks: float = 2.0
    floor: float = 0.02
    gain: float = 100.0
    vignette: float = 0.3
    drift_px: float = 2.0
    water: int = 2
    coverage: float = 0.85

    @property
    def step(self):
        return round(self.tile * (1 - self.overlap))

    @property
    def shape(self):
        return tuple((n - 1) * self.step + self.tile for n in self.grid)


@dataclass(frozen=True)
class Slice:
    tiles: dict  # (row, col) -> (nz, ny, nx) float32
    rig: Rig
    stage: tuple = (0.0, 0.0)  # origin of the mosaic in the tissue, px (y, x)

    def mosaic(self):
        rows, cols = self.rig.grid
        return np.block([[self.tiles[r, c] for c in range(cols)] for r in range(rows)])


def anatomy(rng, rig, n_slices, kind):
    """Tissue maps (n_slices, 4 depths, Y, X) that change smoothly from slice to slice."""
    pad = 12
    y, x = (n + 2 * pad for n in rig.shape)
    n = 4 * n_slices
    field = _field(rng, (n + 16, y, x), (9, 5, 5))[8:-8]
    yy, xx = np.mgrid[-1 : 1 : y * 1j, -1 : 1 : x * 1j]
    wave = _field(rng, (n + 60, y, x), (26, 18, 18))[30:-30] * 0.08
    radius = rig.coverage * (1 - 0.25 * np.linspace(-1, 1, n)[:, None, None] ** 2)
    r = np.sqrt(yy**2 + xx**2) / radius + wave
    inside = 1 / (1 + np.exp((r - 1) * 40))
    if kind == "regions":
        tissue = (
            0.45 + 0.25 * np.tanh(3 * field) + 0.08 * _field(rng, (n + 16, y, x), (4, 2, 2))[8:-8]
        )
    elif kind == "layers":
        tissue = 0.5 + 0.3 * np.sin(14 * r + 1.5 * field) * np.cos(5 * xx + field)
    else:  # fibres
        fibre = np.abs(_field(rng, (n + 16, y, x), (6, 2, 9))[8:-8])
        tissue = 0.75 - 0.22 * fibre + 0.08 * field
    return (np.clip(tissue, 0.05, 1.2) * inside).reshape(n_slices, 4, y, x).astype(np.float32)


def acquire(rng, rig, maps, *, damage=None, severity=0.0, variant=0, speckle_seed=0):
    """Image one slice: ``maps`` (4, Y, X) → `Slice`."""
    pad = 12
    maps = np.array(maps)
    stage = (float(rng.normal(0, rig.drift_px)), float(rng.normal(0, rig.drift_px)))
    hurt = np.random.default_rng(rng.integers(2**31))
    surface = np.full(maps.shape[1:], rig.water, dtype=np.float32)
    surface += ndimage.gaussian_filter(hurt.normal(size=surface.shape), 30) * 8
    gain = rig.gain * float(np.exp(rng.normal(0, 0.08)))
    if damage == "empty":
        maps *= (1 - severity) if variant % 2 else 0
    if damage == "blur" and variant % 3 == 0:
        maps = ndimage.gaussian_filter(maps, (0, 12 * severity, 12 * severity))
    if damage == "bad_cut":
        maps, surface = _bad_cut(hurt, maps, surface, severity, variant, rig)
    out = {}
    speckle = np.random.default_rng(speckle_seed)
    for row in range(rig.grid[0]):
        for col in range(rig.grid[1]):
            y0 = pad + row * rig.step + stage[0]
            x0 = pad + col * rig.step + stage[1]
            out[row, col] = _tile(
                (speckle, hurt), rig, (maps, surface), (y0, x0),
                gain=gain, damage=damage, severity=severity, variant=variant,
            )  # fmt: skip
    if damage == "saturation":
        out = _saturate(out, severity, variant)
    if damage == "dropout":
        out = _drop(hurt, out, severity, variant)
    return Slice(out, rig, stage)


def _tile(draws, rig, scene, corner, *, gain, damage, severity, variant):
    speckle, hurt = draws
    maps, surface = scene
    t = rig.tile
    yy, xx = np.mgrid[0:t, 0:t].astype(float)
    yy, xx = yy + corner[0], xx + corner[1]
    if damage == "motion":
        yy, xx = _moved(hurt, yy, xx, severity, variant)
    refl = np.stack([ndimage.map_coordinates(m, [yy, xx], order=1, mode="nearest") for m in maps])
    top = ndimage.map_coordinates(surface, [yy, xx], order=1, mode="nearest")
    z = np.arange(rig.nz)[:, None, None]
    depth = z - top
    which = np.clip((z * 4) // rig.nz, 0, 3)
    volume = np.take_along_axis(refl, np.broadcast_to(which, (rig.nz, t, t)), 0)
    volume = volume * np.exp(-1.2 * np.clip(depth, 0, None) / rig.nz) * np.clip(depth + 1, 0, 1)
    u = np.linspace(-1, 1, t)
    volume *= 1 - rig.vignette * (u[:, None] ** 2 + u**2) / 2
    volume = volume + rig.floor
    volume = volume * speckle.gamma(rig.looks, 1 / rig.looks, size=volume.shape)
    if damage == "blur" and variant % 3:
        s = 8 * severity**1.5
        volume = ndimage.gaussian_filter(volume, (0 if variant % 3 == 1 else s / 2, s, s))
    if damage == "noise":
        sigma = 1.5 * severity**1.5
        extra = hurt.normal(0, sigma, volume.shape)
        volume = volume + (np.abs(extra) if variant % 2 else extra)
        if variant % 3 == 2:
            volume = np.clip(volume, 0, None)
    return (gain * volume).astype(np.float32)


def _moved(hurt, yy, xx, severity, variant):
    t = len(yy)
    amplitude = 16 * severity
    kind = variant % 4
    if kind == 0:
        offset = hurt.normal(0, amplitude, t)
    elif kind == 1:
        offset = np.cumsum(hurt.normal(0, amplitude / 2.5, t))
    elif kind == 2:
        offset = (
            amplitude
            * 1.4
            * np.sin(np.arange(t) * 2 * np.pi / hurt.uniform(5, 12) + hurt.uniform(0, 6))
        )
    else:
        offset = np.repeat(hurt.normal(0, amplitude * 1.2, t // 6 + 1), 6)[:t]
    if hurt.integers(2) if variant % 8 < 4 else variant % 2:
        return yy, xx + offset[:, None]
    return yy + offset[None, :], xx


def _bad_cut(hurt, maps, surface, severity, variant, rig):
    y, x = surface.shape
    angle = hurt.uniform(0, 2 * np.pi)
    yy, xx = np.mgrid[-1 : 1 : y * 1j, -1 : 1 : x * 1j]
    along = yy * np.sin(angle) + xx * np.cos(angle)
    cut = np.quantile(along, 1 - 0.75 * severity)
    if variant % 3 == 0:  # a piece is missing
        return maps * (along < cut), surface
    if variant % 3 == 1:  # the knife skipped: the surface dives
        return maps, surface + np.clip((along - cut) * 3, 0, 1) * rig.nz
    wave = ndimage.gaussian_filter(hurt.normal(size=surface.shape), 8)
    hole = wave > np.quantile(wave, 1 - 0.75 * severity)  # torn
    return maps * ~hole, surface


def _saturate(tiles, severity, variant):
    level = np.quantile(np.stack(list(tiles.values())), 0.97)
    factor = 1 + 30 * severity**2
    if variant % 2:
        return {k: np.minimum(v, level / factor) for k, v in tiles.items()}
    return {k: np.minimum(v * factor, level) for k, v in tiles.items()}


def _drop(hurt, tiles, severity, variant):
    out = {}
    for key, volume in tiles.items():
        v = volume.copy()
        kind = variant % 4
        if kind == 0:
            v[:, hurt.random(v.shape[1]) < 0.8 * severity, :] *= 0.02
        elif kind == 1:
            v[:, :, hurt.random(v.shape[2]) < 0.8 * severity] = 0
        elif kind == 2:
            v = v * (0.05 if hurt.random() < 0.8 * severity else 1.0)
        else:
            start = hurt.integers(v.shape[1])
            n = int(1.2 * severity * v.shape[1])
            v = np.roll(v, -start, 1)
            v[:, :n] *= 0.05
            v = np.roll(v, start, 1)
        out[key] = v.astype(np.float32)
    return out


def _field(rng, shape, sigma):
    f = ndimage.gaussian_filter(rng.standard_normal(shape, dtype=np.float32), sigma, mode="wrap")
    return f / f.std()


def ncc(a, b):
    a, b = a.ravel() - a.mean(), b.ravel() - b.mean()
    norm = np.sqrt((a @ a) * (b @ b))
    return float(a @ b / norm) if norm > 0 else 0.0


def truth_ncc(hurt, good):
    """NCC with the undamaged slice: the lower of voxels (averaged 2x2x2) and depth averages."""
    a, b = hurt.mosaic(), good.mosaic()
    return ncc(a, b), ncc(a.mean(0), b.mean(0))


def random_rig(rng):
    tile = int(rng.choice([32, 40, 56, 80]))
    grid = {32: (4, 5), 40: (3, 4), 56: (3, 3), 80: (2, 3)}[tile]
    return replace(
        Rig(),
        tile=tile,
        grid=grid,
        nz=int(rng.integers(12, 24)),
        overlap=float(rng.uniform(0.1, 0.3)),
        looks=float(rng.choice([1, 2, 4, 12])),
        floor=float(rng.uniform(0.005, 0.05)),
        gain=float(10 ** rng.uniform(0, 3)),
        vignette=float(rng.uniform(0, 0.5)),
        coverage=float(rng.uniform(0.55, 1.0)),
    )
