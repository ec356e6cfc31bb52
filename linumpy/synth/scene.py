"""The anatomy: reflectivity as a function of position.

Frame: mm, x to larger columns, y to larger rows, z down from the surface of the first slice. The
first voxel **edge** lies at 0 on each axis.
"""

import itertools
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue
from linumpy.synth.noise import Coordinate, is_open_grid

Sampler = Callable[[Coordinate, Coordinate, Coordinate], NDArray[np.float32]]
"""``sampler(z_mm, y_mm, x_mm)`` → reflectivity; the coordinates broadcast."""


@dataclass(frozen=True)
class Scene:
    """An anatomy of a given extent; reflectivity is 0 where nothing scatters, about 1 in tissue.

    Parameters
    ----------
    sampler : Sampler
        Defined everywhere; what lies outside ``size_mm`` is not asked for.
    size_mm : tuple of float
        Extent along (z, y, x).
    name : str
        Which generator or file it came from.
    """

    sampler: Sampler
    size_mm: tuple[float, float, float]
    name: str = "scene"

    @property
    def centre_xy_mm(self) -> tuple[float, float]:
        """The point (x, y) that hidden rotations turn about: the middle of the extent."""
        return (self.size_mm[2] / 2, self.size_mm[1] / 2)

    def at(self, z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        """Return the reflectivity at any points, mm; 0 outside the extent in the plane."""
        inside = (y >= 0) & (y <= self.size_mm[1]) & (x >= 0) & (x <= self.size_mm[2])
        return np.where(inside, self.sampler(z, y, x), np.float32(0))

    def on_axes(
        self, z_mm: Coordinate, y_mm: Coordinate, x_mm: Coordinate, *, workers: int = 1
    ) -> NDArray[np.float32]:
        """Return the reflectivity on the grid of three axes, shape (len z, len y, len x).

        The result does not depend on ``workers``.
        """
        out = np.empty((len(z_mm), len(y_mm), len(x_mm)), np.float32)

        def fill(rows: tuple[int, int]) -> None:
            low, high = rows
            out[:, low:high] = self.at(
                z_mm[:, None, None], y_mm[None, low:high, None], x_mm[None, None, :]
            )

        # Small blocks: the temporaries of a procedural anatomy stay in the processor's cache.
        n_rows = max(1, 100_000 // max(1, len(z_mm) * len(x_mm)))
        edges = [*range(0, len(y_mm), n_rows), len(y_mm)]
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(fill, itertools.pairwise(edges)))
        return out


@dataclass(frozen=True)
class ArraySampler:
    """A volume as an anatomy: linear between voxel centres, the border voxel carried outwards.

    ``volume`` has shape (z, y, x); its first voxel's edge is at 0.
    """

    volume: NDArray[np.float32]
    spacing: Spacing

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        """Return the volume at positions in mm; the coordinates broadcast."""
        voxels = [
            np.clip(np.asarray(axis) / step - 0.5, 0, n - 1)
            for axis, step, n in zip((z, y, x), self.spacing.zyx_mm, self.volume.shape, strict=True)
        ]
        if is_open_grid(*voxels):
            block = self.volume
            for number, axis in enumerate(voxels):
                block = _linear(block, axis.ravel(), number)
            return block
        points = np.stack(np.broadcast_arrays(*voxels))
        found = map_coordinates(self.volume, points, order=1, mode="nearest", output=np.float32)
        return np.asarray(found, dtype=np.float32)


def from_array(volume: NDArray[np.generic], spacing: Spacing, *, name: str = "volume") -> Scene:
    """Return a volume as a scene, scaled so that bright tissue (99.5 %) is 1.

    Parameters
    ----------
    volume : array, shape (z, y, x), any real type
        Negative values become 0.
    spacing : Spacing
        Voxel size.

    Raises
    ------
    BadValue
        If the volume is not three-dimensional, not finite, or has nothing above 0.
    """
    if volume.ndim != 3:  # noqa: PLR2004
        raise BadValue(
            f"{name}: shape {volume.shape}; a volume needs the three axes z, y, x",
            hint="select one channel and one time point",
        )
    voxels = np.clip(np.asarray(volume, dtype=np.float32), 0, None)
    if not np.isfinite(voxels).all():
        raise BadValue(f"{name}: holds NaN or infinity", hint="replace them by 0")
    tissue = voxels[voxels > 0]
    if tissue.size == 0:
        raise BadValue(f"{name}: no voxel is above 0", hint="give a volume of reflectivity")
    voxels /= np.percentile(tissue[:: max(1, tissue.size // 1_000_000)], 99.5)
    size = (
        volume.shape[0] * spacing.z_mm,
        volume.shape[1] * spacing.y_mm,
        volume.shape[2] * spacing.x_mm,
    )
    return Scene(ArraySampler(np.clip(voxels, 0, 1.2), spacing), size, name)


def _linear(block: NDArray[np.float32], where: Coordinate, axis: int) -> NDArray[np.float32]:
    low = np.floor(where).astype(np.int64)
    high = np.minimum(low + 1, block.shape[axis] - 1)
    shape = [1, 1, 1]
    shape[axis] = len(where)
    share = (where - low).astype(np.float32).reshape(shape)
    mixed = np.take(block, low, axis) * (1 - share) + np.take(block, high, axis) * share
    return np.asarray(mixed, dtype=np.float32)
