"""Where the cut surface lies below the first depth sample."""

import math

import numpy as np
from numpy.typing import NDArray

from linumpy.synth.rig import Rig


def surface_um(
    rig: Rig,
    water_um: float,
    centre_mm: tuple[float, float],
    positions: tuple[NDArray[np.float64], NDArray[np.float64]],
) -> NDArray[np.float32]:
    """Return the depth of the surface at each pixel of a tile, µm, shape (ny, nx).

    Tilt turns about the middle of the anatomy, so ``water_um`` holds there; field curvature bends
    every tile alike.
    """
    x_mm, y_mm = positions
    slopes = [1000 * math.tan(math.radians(angle)) for angle in rig.tilt_deg]
    tilted = slopes[0] * (x_mm - centre_mm[0]) + slopes[1] * (y_mm - centre_mm[1])
    return np.asarray(water_um + tilted + rig.field_curvature_um * radius_squared(rig), np.float32)


def radius_squared(rig: Rig) -> NDArray[np.float64]:
    """Return the squared distance from the tile's centre, 1 at the middle of an edge, (ny, nx)."""
    across, down = ((2 * np.arange(n) + 1) / n - 1 for n in rig.tile_px)
    return np.asarray(across**2 + down[:, None] ** 2, dtype=np.float64)
