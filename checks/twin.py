"""Two runs that should show the same anatomy on the same grid, held against each other.

Nothing here is imported from the reconstruction: volumes are read with zarr.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import zarr
from numpy.typing import NDArray

Voxels = NDArray[np.float32]


@dataclass(frozen=True)
class Grid:
    """The finest level of a volume with its voxel size and the centre of its first voxel, mm."""

    voxels: Voxels
    scale_mm: NDArray[np.float64]
    origin_mm: NDArray[np.float64]

    @classmethod
    def open(cls, path: Path) -> "Grid":
        """Read the finest level of an OME-Zarr volume."""
        group = zarr.open_group(path, mode="r")
        dataset = group.attrs["ome"]["multiscales"][0]["datasets"][0]
        found = {one["type"]: one[one["type"]] for one in dataset["coordinateTransformations"]}
        voxels = np.asarray(group[dataset["path"]], np.float32)
        return cls(voxels, np.array(found["scale"]), np.array(found["translation"]))


def plane_nccs(one: Grid, other: Grid) -> list[float]:
    """Return the NCC of each plane that both hold, over the voxels that both measured.

    Zero is "not measured": counting it would reward the outline, not the anatomy. A brain is nearly
    its own mirror image, so a plane that fits better mirrored along x or y counts as -1.

    Raises
    ------
    ValueError
        If the two do not lie on one lattice, or share less than 9 of 10 voxels of either.
    """
    if not np.allclose(one.scale_mm, other.scale_mm):
        raise ValueError(f"voxels of {one.scale_mm} and {other.scale_mm} mm")
    apart = (other.origin_mm - one.origin_mm) / one.scale_mm
    whole = np.round(apart).astype(int)
    if np.abs(apart - whole).max() > 1e-3:
        raise ValueError(f"the lattices lie {apart} voxels apart, not a whole number")
    low = np.maximum(0, whole)
    high = np.minimum(one.voxels.shape, np.array(other.voxels.shape) + whole)
    shared = np.prod(np.maximum(high - low, 0))
    if shared < 0.9 * max(one.voxels.size, other.voxels.size):
        raise ValueError(f"shapes {one.voxels.shape} and {other.voxels.shape}, {whole} apart")
    a = one.voxels[tuple(map(slice, low, high))]
    b = other.voxels[tuple(map(slice, low - whole, high - whole))]
    return [_signed_ncc(*planes) for planes in zip(a, b, strict=True)]


def _signed_ncc(a: Voxels, b: Voxels) -> float:
    ncc = _ncc(a, b)
    return ncc if ncc > max(_ncc(a, b[::-1]), _ncc(a, b[:, ::-1])) else -1.0


def _ncc(a: Voxels, b: Voxels) -> float:
    both = (a != 0) & (b != 0)
    if np.count_nonzero(both) < 0.5 * max(np.count_nonzero(a), np.count_nonzero(b), 1):
        return 0.0  # what one shows, the other does not hold
    return float(np.corrcoef(a[both], b[both])[0, 1])
