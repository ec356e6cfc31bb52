"""Band-limited noise: a smooth random function of position, the same at every visit.

Cubic B-splines on a periodic random lattice, so it is defined at any point, has no kinks, and on an
open grid it is three small matrix products.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

Coordinate = NDArray[np.floating[Any]]
"""Positions of either precision."""
LATTICE = 80
"""Points of the lattice along each axis before it repeats."""


@dataclass(frozen=True)
class BandNoise:
    """Zero-mean, unit-variance noise with features of about ``wavelength_mm``.

    Parameters
    ----------
    wavelength_mm : float
        About the distance between neighbouring bright features; two lattice cells.
    rng : numpy.random.Generator
        Draws the lattice; equal generators give equal noise.
    """

    wavelength_mm: float
    rng: np.random.Generator
    _lattice: NDArray[np.float32] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        white = self.rng.standard_normal((LATTICE,) * 3, dtype=np.float32)
        # A cubic B-spline of white noise has variance (Σ b²)³ on average over a cell.
        variance = _mean_square_of_spline() ** 3
        object.__setattr__(self, "_lattice", white / np.float32(np.sqrt(variance)))

    def __call__(self, z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        """Return the noise at positions in mm; the coordinates broadcast against each other."""
        cells = [np.asarray(axis) / (self.wavelength_mm / 2) for axis in (z, y, x)]
        if is_open_grid(*cells):
            return self._on_grid(*(axis.ravel() for axis in cells))
        points = np.stack(np.broadcast_arrays(*cells))
        found = map_coordinates(
            self._lattice, points, order=3, mode="grid-wrap", prefilter=False, output=np.float32
        )
        return np.asarray(found, dtype=np.float32)

    def _on_grid(self, z: Coordinate, y: Coordinate, x: Coordinate) -> NDArray[np.float32]:
        along_z, along_y, along_x = _weights(z), _weights(y), _weights(x)
        # A caller walks a volume in bands of rows, so y is short: contracting it first is cheapest.
        rows = np.tensordot(along_y, self._lattice, axes=(1, 1))
        block = np.matmul(along_z, rows) @ along_x.T
        return np.ascontiguousarray(block.transpose(1, 0, 2), dtype=np.float32)


def is_open_grid(z: Coordinate, y: Coordinate, x: Coordinate) -> bool:
    """Tell whether coordinates have the shapes (n, 1, 1), (1, m, 1), (1, 1, k)."""
    return (
        z.ndim == y.ndim == x.ndim == 3  # noqa: PLR2004  three axes
        and z.size == z.shape[0]
        and y.size == y.shape[1]
        and x.size == x.shape[2]
    )


def _weights(cells: Coordinate) -> NDArray[np.float32]:
    """Return the share of each lattice point at each position, shape (n, LATTICE)."""
    first = np.floor(cells).astype(np.int64)
    t = (cells - first)[:, None]
    spline = np.concatenate(
        [
            (1 - t) ** 3,
            3 * t**3 - 6 * t**2 + 4,
            -3 * t**3 + 3 * t**2 + 3 * t + 1,
            t**3,
        ],
        axis=1,
    )
    weights = np.zeros((len(cells), LATTICE), np.float32)
    rows = np.arange(len(cells))
    for step in range(4):
        weights[rows, (first + step - 1) % LATTICE] += spline[:, step] / 6
    return weights


def _mean_square_of_spline() -> float:
    weights = _weights(np.linspace(0, 1, 64, endpoint=False))
    return float((weights**2).sum(axis=1).mean())
