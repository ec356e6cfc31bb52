"""What one slice says about itself: numbers from one pass over its tiles.

Every number is a ratio within the slice, so gain does not matter (`Traits.signal` aside). Which
values are suspicious is decided in `quality.damage`, against the other slices.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.compute.arrays import to_numpy

Plane = NDArray[np.float32]
Place = tuple[int, int]

SCALES_PX = (1, 2, 4, 8, 16, 32)
"""Sides of the blocks at which texture is measured: speckle, cells, layers."""
_MIN_BLOCKS = 4  # a tile with fewer blocks along a side has no second differences worth a mean
_TINY = 1e-12
_DROP_WINDOW = 9  # lines that a line is compared with
_DROP_RATIO = 0.4  # a line darker than this share of its surroundings was lost
_BINS_PER_OCTAVE = 128  # of the upper 16 bits of a float32
_TOP = 0.999  # share of voxels below the level taken for the top of the range
_PLANES = 32  # planes of a tile whose voxels are looked at one by one; more say the same
_SEARCH_PX = 3  # tiles may stand this far from where the stage says
_MAX_PAIRS = 60  # overlaps that are compared in a slice
_OVERLAP_BLOCK_PX = 2  # overlaps are compared after averaging blocks of this side: less speckle


@dataclass(frozen=True, slots=True)
class Traits:
    """The numbers of one slice.

    Attributes
    ----------
    anisotropy : tuple of float
        Per scale, log of the energy of second differences across rows over that across columns:
        0 for an isotropic picture, far from 0 when lines jump against each other. As many scales
        as the tiles have room for.
    texture : tuple of float
        Per scale, log of the mean energy of second differences over that of brightness.
    noise : float
        Share of the variance of all voxels that the quietest plane of a tile has too, 0 … 1:
        what is there without tissue is noise. A picture keeps a correlation of √(1 - noise)
        with itself.
    overlap : float
        Correlation of what two tiles show of the same tissue; NaN where no tiles overlap.
    dropout : float
        Share of the signal that missing lines would have had, 0 … 1.
    pile_up : float
        Share of the bright voxels (above half the top) that stand at the top itself, 0 … 1.
    signal : float
        Log of the bright end of the depth-averaged tiles.
    """

    anisotropy: tuple[float, ...]
    texture: tuple[float, ...]
    noise: float
    overlap: float
    dropout: float
    pile_up: float
    signal: float


@dataclass(frozen=True, slots=True)
class TileMeasure:
    """What is kept of a tile once its voxels are gone."""

    average: Plane
    quietest: float
    mean: float
    energy: float
    differences: tuple[tuple[float, float], ...]
    lost: tuple[tuple[float, float], tuple[float, float]]
    histogram: NDArray[np.int64] = field(repr=False)


def measure_tile(volume: Any) -> TileMeasure:
    """Reduce one tile.

    Parameters
    ----------
    volume : array of any namespace, shape (nz, ny, nx), float32
        Amplitudes; the sums run in its own namespace.
    """
    xp = array_namespace(volume)
    planes = volume[:: max(1, volume.shape[0] // _PLANES), :, :]
    across = planes[:, :, 1:] - planes[:, :, :-1]
    by_plane = xp.mean(across * across, axis=(1, 2)) / 2  # variance of what is not smooth
    average = to_numpy(xp.mean(volume, axis=0))
    return TileMeasure(
        average=average,
        quietest=float(xp.min(by_plane)),
        mean=float(xp.mean(planes)),
        energy=float(xp.mean(planes * planes)),
        differences=tuple(_second_differences(average, s) for s in _scales(average.shape)),
        lost=(_lost_lines(average), _lost_lines(average.T)),
        histogram=_histogram(np.ascontiguousarray(to_numpy(planes), dtype=np.float32)),
    )


class Meter:
    """Collects the tiles of one slice; holds their depth averages."""

    def __init__(self) -> None:
        self._tiles: dict[Place, TileMeasure] = {}
        self._corners: dict[Place, tuple[float, float]] = {}

    def add(
        self, place: tuple[int, int], corner_px: tuple[float, float], tile: TileMeasure
    ) -> None:
        """Add a tile at (row, column) of the grid, its first pixel at ``corner_px`` (y, x)."""
        self._tiles[place] = tile
        self._corners[place] = corner_px

    def finish(self) -> Traits:
        """Return the numbers of the slice."""
        tiles = list(self._tiles.values())
        planes = [tile.average for tile in tiles]
        total = sum(float(np.mean(plane.astype(np.float64) ** 2)) for plane in planes) + _TINY
        across = np.sum([tile.differences for tile in tiles], axis=0)
        lost = np.sum([tile.lost for tile in tiles], axis=0)
        return Traits(
            anisotropy=tuple(float(np.log((y + _TINY) / (x + _TINY))) for y, x in across),
            texture=tuple(float(np.log((y + x + _TINY) / total)) for y, x in across),
            noise=_noise_share(tiles),
            overlap=_overlap_agreement(
                {place: tile.average for place, tile in self._tiles.items()}, self._corners
            ),
            dropout=max(float(gone / (whole + _TINY)) for gone, whole in lost),
            pile_up=_pile_up(np.sum([tile.histogram for tile in tiles], axis=0)),
            signal=_bright_end(planes),
        )


def _scales(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Return the scales that a tile has room for; the first one always."""
    return tuple(s for s in SCALES_PX if s == 1 or min(shape) >= _MIN_BLOCKS * s)


def _noise_share(tiles: list[TileMeasure]) -> float:
    mean = float(np.mean([tile.mean for tile in tiles]))
    variance = float(np.mean([tile.energy for tile in tiles])) - mean * mean
    # A missing tile or a dark corner may be exactly 0; one such plane says nothing of the rest.
    quiet = float(np.percentile([tile.quietest for tile in tiles], 10))
    return min(1.0, quiet / variance) if variance > 0 else 0.0


def _second_differences(plane: Plane, scale: int) -> tuple[float, float]:
    """Return the mean energy of second differences across rows and across columns."""
    small = _blocks(plane, scale)
    down, right = (np.diff(small, 2, axis=axis) for axis in (0, 1))
    return _mean_square(down), _mean_square(right)


def _mean_square(values: NDArray[np.float64]) -> float:
    return float(np.mean(values * values)) if values.size else 0.0


def _blocks(plane: Plane, scale: int) -> NDArray[np.float64]:
    """Return means of blocks; what does not fill a block at the far rim is left out."""
    ny, nx = (n // scale * scale for n in plane.shape)
    if min(ny, nx) == 0:
        return np.zeros((0, 0))
    blocks = plane[:ny, :nx].reshape(ny // scale, scale, nx // scale, scale)
    means: NDArray[np.float64] = blocks.mean(axis=(1, 3), dtype=np.float64)
    return means


def _lost_lines(plane: Plane) -> tuple[float, float]:
    """Return the signal that lines far darker than their surroundings lost, and all of it."""
    line = plane.mean(axis=1, dtype=np.float64)
    around = ndimage.percentile_filter(line, 75, size=_DROP_WINDOW, mode="nearest")
    lost = float(around[line < _DROP_RATIO * around].sum())
    return lost, float(np.abs(around).sum())


def _histogram(volume: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count values by the upper 16 bits of their float: bins 0.8 % wide that keep the order."""
    upper = (np.clip(volume, 0, None).view(np.uint32) >> 16).ravel()
    counts: NDArray[np.int64] = np.bincount(upper, minlength=2**15).astype(np.int64)
    return counts


def _pile_up(histogram: NDArray[np.int64]) -> float:
    counts = histogram.copy()
    counts[0] = 0  # zeros are no measurement
    below = np.cumsum(counts)
    if below[-1] == 0:
        return 0.0
    top = int(np.searchsorted(below, _TOP * below[-1]))
    at_top = counts[top - 2 :].sum()
    bright = counts[max(0, top - _BINS_PER_OCTAVE) :].sum()
    return float(at_top / bright)


def _bright_end(planes: list[Plane]) -> float:
    blocks = [_blocks(plane, 4).ravel() for plane in planes]
    values = np.concatenate(
        [b if b.size else p.ravel() for b, p in zip(blocks, planes, strict=True)]
    )
    return float(np.log(max(float(np.percentile(values, 98)), _TINY)))


def _overlap_agreement(
    planes: Mapping[Place, Plane], corners: Mapping[Place, tuple[float, float]]
) -> float:
    """Return the NCC of tissue seen by two tiles, pooled over the slice, each pair at its best.

    At most `_MAX_PAIRS` pairs count, those with the most contrast: overlaps in water say nothing.
    """
    pairs: list[tuple[float, Place, Place, tuple[int, int]]] = []
    for row, col in planes:
        for other in ((row + 1, col), (row, col + 1)):
            if other in planes:
                dy, dx = (b - a for a, b in zip(corners[row, col], corners[other], strict=True))
                offset = (round(dy), round(dx))
                found = _moments(planes[row, col], planes[other], offset)
                pairs.append((-float(found[1] + found[2]), (row, col), other, offset))
    sums = np.zeros(3)
    for _, first, second, offset in sorted(pairs)[:_MAX_PAIRS]:
        sums += _pair_moments(planes[first], planes[second], offset)
    norm = float(np.sqrt(sums[1] * sums[2]))
    return float(sums[0]) / norm if norm > 0 else float("nan")


def _pair_moments(first: Plane, second: Plane, offset: tuple[int, int]) -> NDArray[np.float64]:
    """Return (covariance, variance, variance) of the common part at the best small offset.

    Three steps of the search range each way, then single pixels around the best of them.
    """
    best, best_ncc, centre = np.zeros(3), -2.0, offset
    for step in (_SEARCH_PX, 1):
        y, x = centre
        for candidate in product((y - step, y, y + step), (x - step, x, x + step)):
            moments = _moments(first, second, candidate)
            norm = float(np.sqrt(moments[1] * moments[2]))
            if norm > 0 and moments[0] / norm > best_ncc:
                best, best_ncc, centre = moments, moments[0] / norm, candidate
    return best


def _moments(first: Plane, second: Plane, offset: tuple[int, int]) -> NDArray[np.float64]:
    parts_first, parts_second = [], []
    for a, b, shift in zip(first.shape, second.shape, offset, strict=True):
        low, high = max(0, shift), min(a, b + shift)
        if high - low < 2 * _OVERLAP_BLOCK_PX:
            return np.zeros(3)
        parts_first.append(slice(low, high))
        parts_second.append(slice(low - shift, high - shift))
    a = _blocks(first[tuple(parts_first)], _OVERLAP_BLOCK_PX)
    b = _blocks(second[tuple(parts_second)], _OVERLAP_BLOCK_PX)
    a, b = a - a.mean(), b - b.mean()
    return np.array([(a * b).sum(), (a * a).sum(), (b * b).sum()])
