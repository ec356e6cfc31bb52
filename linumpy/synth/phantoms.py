"""Anatomies unlike a brain: vessels with spots, and folded layers.

What works on `linumpy.synth.brain` alone has learnt that brain. These two have no symmetry, no
ventricles and other statistics.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.synth.noise import BandNoise, Coordinate
from linumpy.synth.scene import Scene

Field = NDArray[np.float32]


def vessels(size_mm: tuple[float, float, float], seed: int, *, finest_um: float = 40.0) -> Scene:
    """Return a block of even tissue crossed by dark and bright tubes, with bright spots.

    Parameters as in `linumpy.synth.brain.brain`.
    """
    rng = np.random.default_rng([seed, 2])
    width = size_mm[2]
    tubes = (width / 4, width / 9, width / 20)
    sampler = _Vessels(
        outline=_Outline(size_mm, BandNoise(width / 2, rng)),
        pairs=tuple((BandNoise(w, rng), BandNoise(w, rng)) for w in tubes),
        spots=BandNoise(width / 40, rng),
        cloud=BandNoise(width / 6, rng),
        grain=BandNoise(finest_um / 1000, rng),
    )
    return Scene(sampler, size_mm, "vessels")


def layers(size_mm: tuple[float, float, float], seed: int, *, finest_um: float = 40.0) -> Scene:
    """Return a block of folded layers of many brightnesses, cut by a slanting fault.

    Parameters as in `linumpy.synth.brain.brain`.
    """
    rng = np.random.default_rng([seed, 3])
    width = size_mm[2]
    sampler = _Layers(
        outline=_Outline(size_mm, BandNoise(width / 2, rng)),
        folds=(BandNoise(width / 2, rng), BandNoise(width / 6, rng)),
        brightness=rng.uniform(0.25, 1.05, 64).astype(np.float32),
        cloud=BandNoise(width / 12, rng),
        grain=BandNoise(finest_um / 1000, rng),
    )
    return Scene(sampler, size_mm, "layers")


@dataclass(frozen=True)
class _Outline:
    """A rounded block, bent by noise; tissue covers most of the extent."""

    size_mm: tuple[float, float, float]
    bend: BandNoise

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> Field:
        _, size_y, size_x = self.size_mm
        u, v = 2 * x / size_x - 1, 2 * y / size_y - 1
        radius = (np.abs(u / 0.92) ** 4 + np.abs(v / 0.9) ** 4) ** 0.25
        inside = np.asarray(1 - radius, dtype=np.float32) + 0.05 * self.bend(z, y, x)
        return _ramp(inside, 0.0, 0.02)


@dataclass(frozen=True)
class _Vessels:
    outline: _Outline
    pairs: tuple[tuple[BandNoise, BandNoise], ...]
    spots: BandNoise
    cloud: BandNoise
    grain: BandNoise

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> Field:
        value = 0.55 + 0.07 * self.cloud(z, y, x)
        for number, (one, other) in enumerate(self.pairs):
            # Two random fields vanish together along curves: around those lies a tube.
            near = 1 - _ramp(np.hypot(one(z, y, x), other(z, y, x)), 0.12, 0.22)
            bright = np.float32(1.05 if number % 2 else 0.06)
            value += near * (bright - value)
        value += 0.5 * _ramp(self.spots(z, y, x), 1.6, 2.2)
        value *= np.exp(np.float32(0.08) * self.grain(z, y, x))
        return np.asarray(np.clip(value, 0, 1.2) * self.outline(z, y, x), dtype=np.float32)


@dataclass(frozen=True)
class _Layers:
    outline: _Outline
    folds: tuple[BandNoise, BandNoise]
    brightness: Field
    cloud: BandNoise
    grain: BandNoise

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> Field:
        size_z, size_y, size_x = self.outline.size_mm
        u = np.asarray(x / size_x, dtype=np.float32)
        v = np.asarray(y / size_y, dtype=np.float32)
        w = np.asarray(z / max(size_z, size_x), dtype=np.float32)
        side = u + 0.35 * v + 0.3 * w > 0.72  # noqa: PLR2004  the fault's plane
        coarse, fine = (fold(z, y, x) for fold in self.folds)
        height = 24 * (v + 0.25 * w) + 9 * u + 2.2 * coarse + 0.5 * fine + 3.3 * side
        number = np.floor(height)
        mixed = _ramp(np.asarray(height - number, dtype=np.float32), 0.75, 0.25)
        here = np.take(self.brightness, number.astype(np.int64), mode="wrap")
        above = np.take(self.brightness, number.astype(np.int64) + 1, mode="wrap")
        value = here * (1 - mixed) + above * mixed + 0.06 * self.cloud(z, y, x)
        value *= np.exp(np.float32(0.08) * self.grain(z, y, x))
        return np.asarray(np.clip(value, 0.02, 1.2) * self.outline(z, y, x), dtype=np.float32)


def _ramp(value: Field, start: float, width: float) -> Field:
    """Return 0 below ``start``, 1 above ``start + width``, smooth between."""
    t = np.clip((value - np.float32(start)) / np.float32(width), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
