"""A reconstructed volume on its lattice, and the anatomy on the same one.

Nothing here is imported from the reconstruction: the volume is read with zarr, the record as CSV.
"""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from linumpy.synth import Scene

Voxels = NDArray[np.float32]
FINER = 2
MARGIN = 4
"""Samples of the anatomy per voxel and axis."""


@dataclass(frozen=True)
class Lattice:
    """Where voxels lie in the anatomy: edge of the first one (z, y, x), mm, and their size."""

    edge_mm: tuple[float, float, float]
    step_mm: float
    shape: tuple[int, int, int]

    def centres_mm(self, axis: int, finer: int = 1) -> NDArray[np.float64]:
        """Return the centres of the voxels along an axis, or of their parts."""
        n, step = self.shape[axis] * finer, self.step_mm / finer
        return np.asarray(self.edge_mm[axis] + (np.arange(n) + 0.5) * step)


@dataclass(frozen=True)
class Reconstruction:
    """What a run made: its volume, where that lies in the anatomy, and what the record says."""

    voxels: Voxels
    lattice: Lattice
    used: tuple[int, ...]
    interpolated: tuple[int, ...]


def read_run(out: Path, zero_mm: tuple[float, float], first: int, cut_mm: float) -> Reconstruction:
    """Read a finished run.

    Parameters
    ----------
    zero_mm : tuple of float
        Where in the anatomy (x, y) the run's frame has its zero.
    first : int
        Number of the slice whose surface is the anatomy's depth 0.
    cut_mm : float
        What one slice advances.
    """
    group = zarr.open_group(out / "3d_volume.ome.zarr", mode="r")
    ome: Any = group.attrs["ome"]  # JSON
    dataset = ome["multiscales"][0]["datasets"][0]
    found = {
        one["type"]: np.array(one[one["type"]]) for one in dataset["coordinateTransformations"]
    }
    edge = found["translation"] - found["scale"] / 2
    finest = zarr.open_array(out / "3d_volume.ome.zarr" / str(dataset["path"]), mode="r")
    voxels = np.asarray(finest[:], np.float32)
    with (out / "slice_config_final.csv").open(encoding="utf-8") as stream:
        record = list(csv.DictReader(stream))
    used = [int(row["slice_id"]) for row in record if row["use"] == "true"]
    shown = [*used, *(int(row["slice_id"]) for row in record if row["interpolated"] == "true")]
    depth = (min(shown) - first) * cut_mm
    nz, ny, nx = voxels.shape
    return Reconstruction(
        voxels=voxels,
        lattice=Lattice(
            (depth, float(edge[1] + zero_mm[1]), float(edge[2] + zero_mm[0])),
            float(found["scale"][0]),
            (nz, ny, nx),
        ),
        used=tuple(used),
        interpolated=tuple(sorted(set(shown) - set(used))),
    )


def anatomy_on(scene: Scene, lattice: Lattice) -> Voxels:
    """Return the anatomy, averaged in the plane, at `FINER` depths per voxel.

    Shape (FINER · (z + 2 · MARGIN), y, x): it goes on above and below the volume.
    """
    z, y, x = (lattice.centres_mm(axis, FINER) for axis in range(3))
    step = lattice.step_mm / FINER
    more = (np.arange(FINER * MARGIN) + 1) * step
    z = np.r_[z[0] - more[::-1], z, z[-1] + more]
    out = np.empty((len(z), lattice.shape[1], lattice.shape[2]), np.float32)
    for k in range(len(z)):
        plane = scene.on_axes(z[k : k + 1], y, x)[0]
        out[k] = plane.reshape(lattice.shape[1], FINER, lattice.shape[2], FINER).mean((1, 3))
    return out


def planes_at(fine: Voxels, steps: int = 0) -> Voxels:
    """Return the anatomy per plane of the volume, ``steps`` / FINER voxels deeper.

    At most MARGIN voxels.
    """
    start = FINER * MARGIN + steps
    n = len(fine) - 2 * FINER * MARGIN
    cut = fine[start : start + n]
    return np.asarray(cut.reshape(-1, FINER, *cut.shape[1:]).mean(1), dtype=np.float32)
