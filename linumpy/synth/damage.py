"""What damage does to one tile, as numbers that the renderer applies.

Severity 0 does nothing visible, 0.5 is seen at a glance, 1 leaves little of the anatomy.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from linumpy.synth.noise import BandNoise
from linumpy.synth.rig import Rig

Field = NDArray[np.float32]
Positions = tuple[NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class TileDamage:
    """Neutral by default; one entry per B-scan where it says so."""

    moved_px: tuple[Field, Field] = field(
        default_factory=lambda: (np.zeros(1, np.float32), np.zeros(1, np.float32))
    )
    """how far the sample had moved (x, y) at each B-scan, pixels"""
    risen_um: Field = field(default_factory=lambda: np.zeros(1, np.float32))
    """how much deeper the surface was at each B-scan"""
    line_gain: Field = field(default_factory=lambda: np.ones(1, np.float32))
    """brightness of each B-scan"""
    cut_um: Field | None = None
    """tissue that the blade took away below the cut plane, shape (ny, nx)"""
    blur_px: float = 0.0
    """lateral smoothing, standard deviation"""
    gain: float = 1.0
    """brightness of the tile"""
    noise_factor: float = 1.0
    """noise floor against the rig's"""
    limit: float | None = None
    """largest value of the detector"""


def tile_damage(
    kind: str,
    severity: float,
    rig: Rig,
    positions: Positions,
    rngs: tuple[np.random.Generator, np.random.Generator],
) -> TileDamage:
    """Return what damage of a kind does to a tile.

    Parameters
    ----------
    kind : str
        One of `linumpy.synth.faults.DAMAGE_KINDS`, or "good".
    severity : float
        0 to 1.
    rig : Rig
        For sizes.
    positions : tuple of array, shape (ny, nx)
        Stage positions (x, y) of the pixels, mm: a torn cut runs on from tile to tile.
    rngs : tuple of Generator
        Of the tile and of the slice; the slice's is at its start for every tile.
    """
    of_tile, of_slice = rngs
    match kind:
        case "motion":
            return _motion(severity, rig.tile_px[1], of_tile)
        case "blur":
            return TileDamage(blur_px=0.5 + 6.0 * severity)
        case "dropout":
            return TileDamage(line_gain=_dropout(severity, rig.tile_px[1], of_tile))
        case "noise":
            loudness = 0.8 * severity * rig.brightness / max(rig.noise, 1e-3)
            return TileDamage(gain=1 - 0.7 * severity, noise_factor=1 + loudness)
        case "saturation":
            return TileDamage(gain=1 + 14 * severity, limit=0.8 * rig.brightness)
        case "bad_cut":
            return TileDamage(cut_um=_torn_cut(severity, rig, positions, of_slice))
        case "empty":
            return TileDamage(gain=0.0)
        case _:
            return TileDamage()


def _motion(severity: float, ny: int, rng: np.random.Generator) -> TileDamage:
    """Draw a wandering, trembling sample: a slow walk of several pixels, a jitter of one."""
    slow = gaussian_filter1d(rng.standard_normal((3, ny)), 3.0, axis=1, mode="wrap")
    slow /= slow.std(axis=1, keepdims=True)
    fast = rng.standard_normal((3, ny))
    x, y = (severity * (8.0 * slow[:2] + 1.5 * fast[:2])).astype(np.float32)
    risen = (severity * (12.0 * slow[2] + 4.0 * fast[2])).astype(np.float32)
    return TileDamage(moved_px=(x, y), risen_um=risen)


def _dropout(severity: float, ny: int, rng: np.random.Generator) -> Field:
    """Lose the signal in runs of B-scans, about 0.6 · severity of all."""
    field_of_runs = gaussian_filter1d(rng.standard_normal(ny), max(1.0, ny / 40), mode="wrap")
    lost = field_of_runs < np.quantile(field_of_runs, min(1.0, 0.6 * severity))
    return np.where(lost, np.float32(0.02), np.float32(1))


def _torn_cut(severity: float, rig: Rig, positions: Positions, rng: np.random.Generator) -> Field:
    """Draw chatter of the blade along y, and holes where tissue was torn out."""
    x, y = positions
    fov = max(rig.fov_mm)
    holes = BandNoise(0.7 * fov, rng)(np.zeros(1), y.ravel(), x.ravel()).reshape(x.shape)
    chatter = 0.5 + 0.5 * np.sin(2 * np.pi * y / (0.3 * fov) + 1.5 * holes)
    torn = np.clip(holes - 1.0 + 1.2 * severity, 0, None)
    depth_um = severity * 90 * chatter + 2 * rig.image_depth_um * torn
    return np.asarray(depth_um, dtype=np.float32)
