"""The sharp oracle: raw tiles placed by the truth, without any search.

Every A-line goes to where the truth says that it belongs, from the surface that the truth says,
divided by the response that the simulator gave it. What the reconstruction loses against this is
lost by finding out; what this loses against the anatomy (speckle, noise, sampling) nobody can have.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from accuracy.lattice import Lattice, Voxels
from linumpy.synth.optics import axial_response, vignetting
from linumpy.synth.surface import surface_um
from linumpy.synth.truth import SliceTruth, Truth

_LEAST_RESPONSE = 0.08
"""Of the strongest: weaker samples say too little, and no slice reaches so deep on purpose."""


@dataclass(frozen=True)
class Placed:
    """Values on the lattice, and how much of each voxel was measured: 1 is all of it, once."""

    voxels: Voxels
    measured: Voxels


Tile = tuple[tuple[int, int], NDArray[np.float32]]
"""(column, row) and pixels (nz, nx + n_extra, ny), as the rig wrote them."""


class Placer:
    """Adds slices, then gives the volume."""

    def __init__(self, truth: Truth, lattice: Lattice) -> None:
        self._truth = truth
        self._lattice = lattice
        self._sum = np.zeros(lattice.shape)
        self._weight = np.zeros(lattice.shape)
        self._count = np.zeros(lattice.shape)

    def add(self, one: SliceTruth, tiles: Iterable[Tile]) -> None:
        """Place the tiles of a slice."""
        for place, pixels in tiles:
            self._add_tile(one, place, pixels)

    def volume(self) -> Placed:
        """Return the weighted mean of what was added."""
        mean = np.zeros_like(self._sum)
        np.divide(self._sum, self._weight, out=mean, where=self._weight > 0)
        rig = self._truth.rig
        voxel = (self._lattice.step_mm * 1000) ** 3
        sample = rig.axial_um * rig.pixel_mm[0] * rig.pixel_mm[1] * 1e6
        return Placed(mean.astype(np.float32), (self._count * sample / voxel).astype(np.float32))

    def _add_tile(
        self, one: SliceTruth, place: tuple[int, int], pixels: NDArray[np.float32]
    ) -> None:
        truth, rig = self._truth, self._truth.rig
        nx, ny = rig.tile_px
        origin = one.tile_truths[place].origin_mm
        x, y = (
            start + (np.arange(n) + 0.5) * pixel
            for start, n, pixel in zip(origin, rig.tile_px, rig.pixel_mm, strict=True)
        )
        at = (np.broadcast_to(x, (ny, nx)), np.broadcast_to(y[:, None], (ny, nx)))
        surface = surface_um(rig, one.water_um, truth.centre_mm, at)
        sweep = np.roll(pixels, one.galvo_roll, axis=1)[:, :nx].transpose(2, 1, 0)
        response = np.full((ny, nx, one.nz), 0.6, np.float32)
        axial_response(response, surface, None, rig)
        response *= (vignetting(rig) * one.gain / 0.6).astype(np.float32)[:, :, None]
        value = (sweep - np.float32(rig.noise)) / np.maximum(response, 1e-3)
        depth = (np.arange(one.nz) + 0.5) * rig.axial_um - surface[:, :, None]
        good = (response >= _LEAST_RESPONSE * rig.brightness) & (depth >= 0)
        weight = np.where(good, response.astype(np.float64) ** 2, 0)
        z = one.z_mm + depth / 1000
        x_true, y_true = one.anatomy_from_stage(at[0], at[1], truth.centre_mm)
        self._splat((z, y_true, x_true), np.clip(value, -0.5, 5), weight)

    def _splat(
        self,
        at: tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]],
        value: NDArray[np.float32],
        weight: NDArray[np.float64],
    ) -> None:
        """Share every sample among the voxels that its own box covers, within the tile's bounds."""
        edge, step = self._lattice.edge_mm, self._lattice.step_mm
        place = [(a - e) / step - 0.5 for a, e in zip(at, edge, strict=True)]
        box = [
            (max(0, math.floor(p.min())), min(n, math.floor(p.max()) + 2))
            for p, n in zip(place, self._lattice.shape, strict=True)
        ]
        size = [high - low for low, high in box]
        if min(size) <= 0:
            return
        low_corner = [np.floor(p).astype(np.int64) for p in place]
        rig = self._truth.rig
        wide = [d / step for d in (rig.axial_um / 1000, rig.pixel_mm[1], rig.pixel_mm[0])]
        part = [  # of a box so wide around the sample, how much lies in the upper voxel
            np.clip((p - index - 0.5) / min(width, 1.0) + 0.5, 0, 1)
            for p, index, width in zip(place, low_corner, wide, strict=True)
        ]
        n = math.prod(size)
        sums, weights, counts = np.zeros(n), np.zeros(n), np.zeros(n)
        for corner in range(8):
            up = [(corner >> axis) & 1 for axis in range(3)]
            z, y, x = (
                index + one - low for index, one, (low, _) in zip(low_corner, up, box, strict=True)
            )
            inside = ((y >= 0) & (y < size[1]) & (x >= 0) & (x < size[2]))[:, :, None]
            inside = inside & (z >= 0) & (z < size[0]) & (weight > 0)
            sy, sx = (np.abs(1 - u - p) for u, p in zip(up[1:], part[1:], strict=True))
            part_of_it = (np.abs(1 - up[0] - part[0]) * (sy * sx)[:, :, None])[inside]
            share = part_of_it * weight[inside]
            flat = ((z * size[1] + y[:, :, None]) * size[2] + x[:, :, None])[inside]
            counts += np.bincount(flat, part_of_it, n)
            weights += np.bincount(flat, share, n)
            sums += np.bincount(flat, share * value[inside], n)
        where = tuple(slice(low, high) for low, high in box)
        self._weight[where] += weights.reshape(size)
        self._sum[where] += sums.reshape(size)
        self._count[where] += counts.reshape(size)
