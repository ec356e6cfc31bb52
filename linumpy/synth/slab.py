"""The anatomy that one slice shows, on a grid that is quick to read at any point.

The scene is asked once per slice; tiles then interpolate linearly. The grid is as fine as the
tiles (twice their pixel at most), so what is smoothed away is below what they sample.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.synth.rig import Rig
from linumpy.synth.scene import Scene
from linumpy.synth.truth import SliceTruth

Field = NDArray[np.float32]
_MOST_COLUMNS = 640
"""Above this many grid columns the grid is coarser than the tiles, by up to a factor of 2."""


@dataclass(frozen=True)
class Slab:
    """Reflectivity below one cut surface.

    ``voxels`` has shape (y, x, z); the outermost ring in the plane is 0. Plane 0 lies ``z_step_um``
    above the surface.
    """

    voxels: Field
    step_mm: tuple[float, float]
    z_step_um: float

    def columns(self, x_mm: NDArray[np.float64], y_mm: NDArray[np.float64]) -> Field:
        """Return the A-lines at anatomy positions, shape (*positions, z)."""
        ny, nx, nz = self.voxels.shape
        x = np.clip(x_mm / self.step_mm[0] + 0.5, 0, nx - 1.001)
        y = np.clip(y_mm / self.step_mm[1] + 0.5, 0, ny - 1.001)
        left, top = x.astype(np.int64), y.astype(np.int64)
        right_share, low_share = (x - left)[..., None], (y - top)[..., None]
        flat = self.voxels.reshape(-1, nz)
        out = np.zeros((*x_mm.shape, nz), np.float32)
        for down in (0, 1):
            for right in (0, 1):
                share = np.abs(1 - down - low_share) * np.abs(1 - right - right_share)
                corner = flat[(top + down) * nx + left + right]
                corner *= share.astype(np.float32)
                out += corner
        return out

    def along_depth(self, columns: Field, surface_um: Field, axial_um: float, nz: int) -> Field:
        """Resample A-lines to depth samples, each from its own surface; shape (ny, nx, nz)."""
        ny, nx, n_planes = columns.shape
        depth = (np.arange(nz, dtype=np.float32) + np.float32(0.5)) * np.float32(axial_um)
        plane = np.float32(1 / self.z_step_um)
        out = np.empty((ny, nx, nz), np.float32)
        starts = (np.arange(nx) * n_planes)[:, None]
        for row in range(ny):  # one B-scan at a time stays in the processor's cache
            where = (depth - surface_um[row][:, None]) * plane + np.float32(1)
            np.clip(where, 0, n_planes - 1.001, out=where)
            low = where.astype(np.int32)
            where -= low
            flat = columns[row].ravel()
            index = low + starts
            below = flat[index + 1]
            above = flat[index]
            below -= above
            below *= where
            below += above
            out[row] = below
        return out


def cut_slab(scene: Scene, rig: Rig, one: SliceTruth, *, workers: int = 1) -> Slab:
    """Sample the anatomy that a slice can show."""
    steps = []
    for pixel, extent in zip(rig.pixel_mm, (scene.size_mm[2], scene.size_mm[1]), strict=True):
        steps.append(min(max(pixel, extent / _MOST_COLUMNS), 2 * pixel))
    z_step_um = min(max(rig.axial_um, rig.lateral_um), 20.0)
    lean = sum(
        abs(math.tan(math.radians(angle))) * extent / 2 * 1000
        for angle, extent in zip(rig.tilt_deg, (scene.size_mm[2], scene.size_mm[1]), strict=True)
    )
    deepest = one.nz * rig.axial_um - min(one.water_um - lean - 60, 0.0)
    n_planes = math.ceil(deepest / z_step_um) + 3
    z = one.z_mm + (np.arange(n_planes) - 1) * z_step_um / 1000
    x, y = (
        (np.arange(math.ceil(extent / step) + 2) - 0.5) * step
        for step, extent in zip(steps, (scene.size_mm[2], scene.size_mm[1]), strict=True)
    )
    voxels = scene.on_axes(z, y, x, workers=workers)
    return Slab(np.ascontiguousarray(voxels.transpose(1, 2, 0)), (steps[0], steps[1]), z_step_um)
