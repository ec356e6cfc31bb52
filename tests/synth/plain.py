"""A rig without any effect, and a scene whose marks are at known places."""

from typing import Any

import numpy as np

from linumpy.synth import Rig, Scene

MARK_MM = (0.62, 0.41)
"""(x, y) of the bright mark."""


def plain_rig(**changed: Any) -> Rig:
    settings: dict[str, Any] = {
        "lateral_um": 20,
        "axial_um": 10,
        "tile_px": (24, 20),
        "n_extra": 6,
        "ids": (0, 1, 2),
        "image_depth_um": 200,
        "margin_mm": 0.1,
        "water_jitter_um": 0,
        "jitter_um": 0,
        "drift_um": 0,
        "looks": 0,
        "noise": 0,
        "vignetting": 0,
        "focus_range_um": 0,
        "attenuation_per_mm": 0,
        "gain_drift": 0,
        "brightness": 100,
    }
    return Rig(**{**settings, **changed})


def marked(size_mm: tuple[float, float, float] = (0.8, 0.8, 1.1)) -> Scene:
    """Tissue of reflectivity 0.4 with one bright column, the same at every depth."""

    def sample(z: Any, y: Any, x: Any) -> Any:
        near = np.exp(-((x - MARK_MM[0]) ** 2 + (y - MARK_MM[1]) ** 2) / (2 * 0.05**2))
        return (0.4 + 0.6 * near + 0 * z).astype(np.float32)

    return Scene(sample, size_mm, "marked")


def even(value: float = 0.5, size_mm: tuple[float, float, float] = (0.8, 0.8, 1.1)) -> Scene:
    def sample(z: Any, y: Any, x: Any) -> Any:
        return np.full(np.broadcast_shapes(z.shape, y.shape, x.shape), value, np.float32)

    return Scene(sample, size_mm, "even")
