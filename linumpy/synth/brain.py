"""A procedural brain: coronal sections with cortex, white matter, ventricles, tracts, texture.

Shapes are drawn in relative coordinates (u right, v down, w along the cutting direction; the
section spans about [−0.9, 0.9]), so a brain can have any size. Left and right differ on purpose: a
mirrored or turned reconstruction must not pass for a right one.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from linumpy.synth.noise import BandNoise, Coordinate
from linumpy.synth.scene import Scene

Field = NDArray[np.float32]

# Depth below the pia (share of the section's radius) → reflectivity: layers I to VI, then white
# matter, then what lies below it.
_DEPTH = (0.0, 0.02, 0.05, 0.09, 0.13, 0.17, 0.21, 0.25, 0.275, 0.29, 0.325, 0.345, 1.0)
_LAYERS = (0.42, 0.50, 0.72, 0.56, 0.82, 0.58, 0.66, 0.54, 0.54, 1.02, 1.06, 0.60, 0.66)

# Strength of the texture from the coarsest scale to the finest, as a share of the brightness.
_TEXTURE = (0.07, 0.08, 0.07, 0.06)


def brain(size_mm: tuple[float, float, float], seed: int, *, finest_um: float = 40.0) -> Scene:
    """Return a brain that fills a box.

    Parameters
    ----------
    size_mm : tuple of float
        Extent along (z, y, x). Along z the sections change slowly, as over the middle of a brain
        that is at least as long as it is wide.
    seed : int
        Another seed is another individual.
    finest_um : float
        Wavelength of the finest texture.
    """
    rng = np.random.default_rng([seed, 1])
    return Scene(_Brain.grow(size_mm, rng, finest_um), size_mm, "brain")


@dataclass(frozen=True)
class _Ball:
    """A soft ellipsoid or tube: centre, drift of the centre with w, radii, brightness."""

    u: float
    v: float
    drift_u: float
    drift_v: float
    radius_u: float
    radius_v: float
    value: float

    def paint(self, value: Field, place: "_Place", within: Field | None = None) -> None:
        """Blend the brightness into ``value``, in place; ``within`` scales the share."""
        across = (place.u - (self.u + self.drift_u * place.w)) * (1 / self.radius_u)
        down = (place.v - (self.v + self.drift_v * place.w)) * (1 / self.radius_v)
        nearness = 1 - across * across - down * down
        if nearness.max() <= 0:
            return
        share = _soft_step(nearness, 0.25)
        if within is not None:
            share *= within
        value += share * (np.float32(self.value) - value)


class _Place(NamedTuple):
    """Relative coordinates of the points at hand."""

    u: Field
    v: Field
    w: Field


@dataclass(frozen=True)
class _Brain:
    size_mm: tuple[float, float, float]
    length_mm: float
    warps: tuple[BandNoise, BandNoise]
    texture: tuple[BandNoise, ...]
    bundles: BandNoise
    nuclei: tuple[_Ball, ...]
    ventricles: tuple[_Ball, ...]
    tracts: tuple[_Ball, ...]

    @classmethod
    def grow(
        cls, size_mm: tuple[float, float, float], rng: np.random.Generator, finest_um: float
    ) -> "_Brain":
        width = size_mm[2]
        n_scales = 4
        coarsest = max(width / 5, finest_um / 1000)
        waves = np.geomspace(coarsest, finest_um / 1000, n_scales)
        return cls(
            size_mm=size_mm,
            length_mm=max(1.1 * width, 1.6 * size_mm[0]),
            warps=(BandNoise(width / 3, rng), BandNoise(width / 3, rng)),
            texture=tuple(BandNoise(float(wave), rng) for wave in waves),
            bundles=BandNoise(width / 45, rng),
            nuclei=tuple(_nucleus(rng) for _ in range(22)),
            ventricles=(
                _Ball(-0.20, -0.13, -0.3, 0.1, 0.12, 0.055, 0.03),
                _Ball(0.17, -0.11, 0.2, 0.25, 0.085, 0.075, 0.03),
                _Ball(0.01, 0.22, 0.05, 0.4, 0.022, 0.20, 0.03),
            ),
            tracts=tuple(_tract(rng, side) for side in (-1, -1, -1, 1, 1)),
        )

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> Field:
        size_z, size_y, size_x = self.size_mm
        w = np.asarray((z - 0.5 * size_z) / (0.5 * self.length_mm), dtype=np.float32)
        bend_u, bend_v = (warp(z, y, x) for warp in self.warps)
        u = np.asarray(2 * x / size_x - 1, dtype=np.float32) + 0.025 * bend_u
        v = np.asarray(2 * y / size_y - 1, dtype=np.float32) + 0.025 * bend_v
        depth = _depth_below_pia(u, v, w)
        if depth.max() <= 0:
            return np.zeros(depth.shape, np.float32)
        tissue = self._tissue(_Place(u, v, w), depth, self.bundles(z, y, x))
        texture = np.zeros_like(tissue)
        for strength, noise in zip(_TEXTURE, self.texture, strict=True):
            texture += np.float32(strength) * noise(z, y, x)
        tissue *= np.exp(texture)
        return np.clip(tissue, 0.0, 1.2) * _soft_step(depth, 0.012)

    def _tissue(self, place: _Place, depth: Field, bundles: Field) -> Field:
        u, v, _ = place
        value = np.interp(depth, _DEPTH, _LAYERS).astype(np.float32)
        # Below, the layered mantle gives way to the hypothalamus.
        ventral = 0.75 * _soft_step(v - 0.42 + 0.25 * np.abs(u), 0.25)
        value += ventral * (np.float32(0.6) - value)
        deep = _soft_step(depth - 0.335, 0.03)
        if deep.max() > 0:
            for nucleus in self.nuclei:
                nucleus.paint(value, place, deep)
            striped = deep * _soft_step(np.abs(u) - 0.30, 0.1) * _soft_step(0.45 - v, 0.1)
            value += 0.35 * striped * _soft_step(bundles - 0.6, 0.5)
            _paint_hippocampus(value, place)
        for ball in (*self.tracts, *self.ventricles):
            ball.paint(value, place)
        return value


def _depth_below_pia(u: Field, v: Field, w: Field) -> Field:
    """Return the depth below the surface as a share of the radius; negative outside."""
    half_width = 0.89 + 0.035 * np.tanh(3 * u)  # the right hemisphere is the larger one
    wide = half_width * (1 - 0.12 * v - 0.10 * v * v)
    section = np.sqrt(np.clip(1.0 - 0.75 * (w + 0.15) ** 2, 0.05, None))
    radius = (np.abs(u / wide) ** 2.4 + np.abs(v / 0.86) ** 2.4) ** (1 / 2.4) / section
    notch = np.exp(-(((u - 0.015) / 0.03) ** 2)) * _soft_step(-v - 0.42, 0.15)
    fold = (v - 0.33 - 0.05 * np.sign(u)) / 0.035
    rhinal = np.exp(-(fold**2)) * _soft_step(np.abs(u) - 0.68, 0.2)
    return np.asarray(1.0 - radius - 0.45 * notch - 0.06 * rhinal, dtype=np.float32)


def _paint_hippocampus(value: Field, place: _Place) -> None:
    u, v, w = place
    for centre_u, centre_v, radius in ((-0.36, -0.02, 0.22), (0.33, 0.0, 0.19)):
        below = v - (centre_v + 0.4 * w)
        reach = np.sqrt((u - centre_u) ** 2 + 1.7 * below**2) - radius
        upper = _soft_step(0.05 - below, 0.08)
        for offset, thickness, bright in ((0.0, 0.045, 0.38), (0.004, 0.012, 0.95)):
            share = upper * np.exp(-(((reach - offset) * (1 / thickness)) ** 2))
            value += share * (np.float32(bright) - value)


def _nucleus(rng: np.random.Generator) -> _Ball:
    u, v, drift_u, drift_v, radius_u, radius_v, value = rng.uniform(
        (-0.55, -0.1, -0.8, -0.8, 0.06, 0.06, 0.35), (0.55, 0.6, 0.8, 0.8, 0.2, 0.2, 1.0)
    ).tolist()
    return _Ball(u, v, drift_u, drift_v, radius_u, radius_v, value)


def _tract(rng: np.random.Generator, side: int) -> _Ball:
    u, v, drift_u, drift_v, radius, stretch = rng.uniform(
        (0.12, 0.15, -1.0, -1.0, 0.025, 0.7), (0.55, 0.6, 1.0, 1.0, 0.05, 1.4)
    ).tolist()
    return _Ball(side * u, v, drift_u, drift_v, radius, radius * stretch, 1.1)


def _soft_step(value: Coordinate, width: float) -> Field:
    """Return 0 below 0, 1 above ``width``, smooth between."""
    t = np.clip(value / np.float32(width), 0, 1)
    return np.asarray(t * t * (3 - 2 * t), dtype=np.float32)
