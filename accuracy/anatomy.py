"""Anatomies to measure on: three procedural ones and the shared real one, cut in three directions.

A scene fills a box; the anatomy covers a share of it, and its contrast can be lowered. The real one
is the truth volume of ``allen-coronal-9``: it is cut along z, y or x, turned over at random, scaled
towards the box, and continues as its mirror image where the box is deeper than it is.
"""

import functools
import math
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from accuracy.measure import NotRun
from linumpy.core.spacing import Spacing
from linumpy.synth import Scene, brain, from_array, layers, vessels
from linumpy.synth.noise import Coordinate

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL_VOLUME = SHARED / "acquisitions" / "allen-coronal-9" / "truth_volume.npy"
_GENERATORS = {"brain": brain, "vessels": vessels, "layers": layers}
_REAL = {"real, cut along z": 0, "real, cut along y": 1, "real, cut along x": 2}
KINDS = (*_GENERATORS, *_REAL)


def draw_scene(
    rng: np.random.Generator,
    size_mm: tuple[float, float, float],
    *,
    finest_um: float,
    coverage: float = 1.0,
    contrast: float = 1.0,
) -> Scene:
    """Return an anatomy of a drawn kind that fills a box; its name is one of `KINDS`.

    One call takes the same number of draws from ``rng`` whatever the kind is.

    Parameters
    ----------
    size_mm : tuple of float
        Extent along (z, y, x).
    finest_um : float
        Wavelength of the finest texture of procedural anatomies.
    coverage : float
        Share of the width and of the height that the anatomy spans, 0 … 1, placed at random.
    contrast : float
        Exponent on reflectivity: 1 as generated, towards 0 all tissue becomes alike.

    Raises
    ------
    NotRun
        If the real anatomy was drawn and is not there.
    """
    # Each generator as often as the real anatomy's three directions together.
    family, direction = int(rng.integers(4)), int(rng.integers(3))
    seed = int(rng.integers(2**31))
    corner = rng.uniform(0, 1, 2)
    inner = (size_mm[0], size_mm[1] * coverage, size_mm[2] * coverage)
    if family < 3:
        name = tuple(_GENERATORS)[family]
        scene = _GENERATORS[name](inner, seed, finest_um=finest_um)
    else:
        name = tuple(_REAL)[direction]
        scene = _real_scene(inner, direction, seed)
    offset = tuple(
        (whole - part) * share
        for whole, part, share in zip(size_mm[1:], inner[1:], corner, strict=True)
    )

    def sampler(z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        found = scene.at(z, y - offset[0], x - offset[1])
        return found if contrast == 1 else np.asarray(found**contrast, dtype=np.float32)

    return Scene(sampler, size_mm, name)


def _real_scene(size_mm: tuple[float, float, float], direction: int, seed: int) -> Scene:
    """Return the real anatomy cut along an axis, as large as fits the box in the plane."""
    volume = np.moveaxis(_real_volume(), direction, 0)
    rng = np.random.default_rng([seed, 4])
    for axis in range(3):
        if rng.uniform() < 0.5:
            volume = np.flip(volume, axis)
    if (volume.shape[2] > volume.shape[1]) != (size_mm[2] > size_mm[1]):
        volume = volume.transpose(0, 2, 1)  # long side along long side
    ratios = [size / n for size, n in zip(size_mm[1:], volume.shape[1:], strict=True)]
    # The volume is thin along one axis: between filling the box and showing all of the other axis.
    voxel_mm = math.sqrt(ratios[0] * ratios[1])
    cuts, offsets = zip(
        *(
            _cut(size, voxel_mm, n, rng)
            for size, n in zip(size_mm[1:], volume.shape[1:], strict=True)
        ),
        strict=True,
    )
    crop = volume[(slice(None), *cuts)]
    # A knife's edge would be sampled to half a pixel only, here and in the comparison.
    crop = crop * _fade(crop.shape[1])[:, None] * _fade(crop.shape[2])
    n_planes = math.ceil(size_mm[0] / voxel_mm) + 1
    planes = _there_and_back(len(crop), round(len(crop) * rng.uniform(0.25, 0.75)), n_planes)
    inner = from_array(crop[planes], Spacing(voxel_mm, voxel_mm, voxel_mm))
    return Scene(lambda z, y, x: inner.at(z, y - offsets[0], x - offsets[1]), size_mm)


def _cut(size_mm: float, voxel_mm: float, n: int, rng: np.random.Generator) -> tuple[slice, float]:
    """Return what of ``n`` voxels fits a length, and where it begins there, mm."""
    n_kept = min(n, math.floor(size_mm / voxel_mm))
    start = round((n - n_kept) * rng.uniform(0.25, 0.75))
    return slice(start, start + n_kept), float(rng.uniform()) * (size_mm - n_kept * voxel_mm)


def _fade(n: int) -> NDArray[np.float32]:
    """Return 1 but for the three samples at either end, which rise from 0."""
    from_end = np.minimum(np.arange(n), np.arange(n)[::-1])
    return np.minimum(from_end / 3, 1).astype(np.float32)


def _there_and_back(n: int, start: int, n_wanted: int) -> NDArray[np.int_]:
    """Return indices that run to the last plane and back again, as often as needed."""
    around = np.r_[np.arange(n), np.arange(n - 2, 0, -1)]
    found: NDArray[np.int_] = around[(start + np.arange(n_wanted)) % len(around)]
    return found


@functools.cache
def _real_volume() -> NDArray[np.float32]:
    if not REAL_VOLUME.exists():
        raise NotRun("the shared real anatomy is not there (../shared)")
    volume: NDArray[np.float32] = np.load(REAL_VOLUME).astype(np.float32)
    return volume
