"""Planes and slices whose motion is planted; shares nothing with what it tests."""

import numpy as np
from scipy import ndimage

from linumpy.registration.pairwise import PlaneSource


def noise(rng: np.random.Generator, shape: tuple[int, ...], sigma: tuple[float, ...]) -> np.ndarray:
    field = ndimage.gaussian_filter(rng.normal(size=shape), sigma, mode="wrap")
    return field / field.std()


def tissue(seed: int, depth: int, n: int, along_z: float = 4.0) -> np.ndarray:
    """Reflectivity (z, y, x): texture of several widths inside a lobed outline, dim outside."""
    rng = np.random.default_rng(seed)
    shape = (depth, n, n)
    field = sum(noise(rng, shape, (along_z, s, s)) for s in (1.5, 4.0, 10.0))
    y, x = np.mgrid[:n, :n] / n - 0.5
    outline = np.hypot(y, x) + 0.05 * noise(rng, (n, n), (n / 10, n / 10))
    return np.clip(np.where(outline < 0.34, 0.5 + 0.08 * field, 0.1), 0.03, None)


def view(plane: np.ndarray, n: int, motion: tuple[float, float, float]) -> np.ndarray:
    """Cut n × n pixels out of the middle, the content moved by (rotation_deg, dx, dy)."""
    angle = np.deg2rad(motion[0])
    pull = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    middle, centre = (plane.shape[0] - 1) / 2, (n - 1) / 2
    offset = middle - pull @ (centre + np.array([motion[2], motion[1]]))
    return ndimage.affine_transform(plane, pull, offset, output_shape=(n, n), order=1)


def speckle(seed: int, planes: np.ndarray, looks: float) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (planes * rng.gamma(looks, 1 / looks, planes.shape)).astype(np.float32)


def pair(
    motion: tuple[float, float, float], *, n: int = 120, looks: float = 20.0, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return (fixed, moving): the motion lays moving on fixed."""
    scene = tissue(seed, 1, n + 50, along_z=0.0)[0]
    fixed, moving = view(scene, n, motion), view(scene, n, (0, 0, 0))
    return speckle(seed + 1, fixed, looks), 1.4 * speckle(seed + 2, moving, looks)


def source(planes: np.ndarray, name: str = "slice") -> PlaneSource:
    return PlaneSource(name, len(planes), lambda start, stop: planes[start:stop])
