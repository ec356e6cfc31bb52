"""How the rig sees reflectivity: focus, attenuation, vignetting, fly-back, speckle, noise."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from linumpy.synth.damage import TileDamage
from linumpy.synth.rig import Rig
from linumpy.synth.surface import radius_squared

Field = NDArray[np.float32]
MEAN_REFLECTIVITY = 0.6
"""Of tissue; `Rig.attenuation_per_mm` is said for it."""


def axial_response(signal: Field, surface: Field, cut_um: Field | None, rig: Rig) -> None:
    """Turn reflectivity (ny, nx, nz) into signal, in place: A · focus(d) · exp(−∫μ dt), 0 in water.

    d is the depth in the detector's frame (the focus does not follow the surface), t the depth in
    tissue: μ = μ₀ (1 − c + c ρ / 0.6), c = `Rig.attenuation_contrast`.
    """
    nz = signal.shape[2]
    depth = ((np.arange(nz) + 0.5) * rig.axial_um).astype(np.float32)
    _clear_water(signal, surface if cut_um is None else surface + cut_um, depth, rig.axial_um)
    per_um, contrast = rig.attenuation_per_mm / 1000, rig.attenuation_contrast
    if contrast:
        seen = np.cumsum(signal, axis=2) - 0.5 * signal
        signal *= np.exp(np.float32(-per_um * contrast / MEAN_REFLECTIVITY * rig.axial_um) * seen)
    even = per_um * (1 - contrast)
    along = rig.brightness * np.exp(-even * depth) * _focus(depth, rig)
    signal *= along.astype(np.float32)
    signal *= np.exp(np.float32(even) * surface)[:, :, None]


def vignetting(rig: Rig) -> NDArray[np.float64]:
    """Return the brightness over a tile, 1 at its centre, shape (ny, nx): 1 − V r²."""
    return np.clip(1 - rig.vignetting * radius_squared(rig), 0, None)


def fly_back(signal: Field, n_extra: int, gain: float) -> Field:
    """Append the fly-back: the mirror retraces the sweep backwards, faster. (ny, nx + n, nz)."""
    if n_extra == 0:
        return signal
    nx = signal.shape[1]
    source = nx - 1 - np.floor((np.arange(n_extra) + 0.5) * nx / n_extra).astype(np.int64)
    return np.concatenate([signal, signal[:, source] * np.float32(gain)], axis=1)


def speckle_and_noise(
    sweep: Field, rig: Rig, damage: TileDamage, rng: np.random.Generator
) -> Field:
    """Return the frames of a tile, shape (ny · n_repeat, lines, nz), the repeat fastest.

    Speckle multiplies (gamma, mean 1, variance 1 / looks); the noise floor adds (half-normal).
    """
    if damage.blur_px:
        _blur(sweep, damage.blur_px)
    frames = np.repeat(sweep, rig.n_repeat, axis=0) if rig.n_repeat > 1 else sweep
    noise = rig.noise * damage.noise_factor * math.sqrt(math.pi / 2)
    limit = damage.limit or rig.saturation
    for number in range(len(frames)):  # frame by frame: the draws stay in the processor's cache
        frame = frames[number]
        if rig.looks:
            speckle = rng.standard_gamma(rig.looks, frame.shape, dtype=np.float32)
            np.multiply(frame, speckle, out=frame)
            np.multiply(frame, np.float32(1 / rig.looks), out=frame)
        if noise:
            floor = np.abs(np.float32(noise) * rng.standard_normal(frame.shape, np.float32))
            np.add(frame, floor, out=frame)
        if limit:
            np.minimum(frame, np.float32(limit), out=frame)
    return frames


def _focus(depth: Field, rig: Rig) -> NDArray[np.float64]:
    if rig.focus_range_um == 0:
        return np.ones(len(depth))
    distance = (depth - rig.water_um - rig.focus_um) / rig.focus_range_um
    return np.asarray(1 / (1 + distance**2), dtype=np.float64)


def _clear_water(signal: Field, surface: Field, depth: Field, axial_um: float) -> None:
    """Keep of each voxel the share that lies below the surface."""
    low = max(0, int((float(surface.min()) / axial_um) - 1))
    high = min(len(depth), int(float(surface.max()) / axial_um) + 2)
    signal[:, :, : min(low, len(depth))] = 0
    if high > low:
        share = (depth[low:high] - surface[:, :, None]) / np.float32(axial_um) + np.float32(0.5)
        signal[:, :, low:high] *= np.clip(share, 0, 1)


def _blur(sweep: Field, sigma_px: float) -> None:
    for axis in (0, 1):
        sweep[...] = gaussian_filter1d(sweep, sigma_px, axis=axis, mode="nearest")
