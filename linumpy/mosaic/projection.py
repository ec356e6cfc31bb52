"""A mosaic reduced to a small picture: tiles at their stage positions, averaged over depth.

One pass over the tiles, holding one tile and the picture. What the picture is compared with is
not decided here: see `mosaic.coarse` for the displacement between two pictures.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

from linumpy.compute.arrays import to_numpy
from linumpy.compute.resample import overlap_matrix
from linumpy.errors import BadValue

MAX_SIDE_PX = 512
"""Longest side of the picture: enough for a coarse registration, small beside any mosaic."""
_EDGE_TAPER = 0.1  # share of a tile's width over which its weight rises: vignetted rims count less
_TISSUE = 0.25  # share of the bright end above which a pixel says something about the flat field
_RIDGE = 0.02  # holds the flat field at 1 where overlaps say little; in units of pixel pairs
_MAX_LOG_RATIO = 1.0  # two tiles that differ more do not show the same tissue
_MAX_FLAT = 2.0  # the correction never changes brightness by more than this factor


@dataclass(frozen=True, slots=True)
class Projection:
    """A slice seen from above, coarse.

    Attributes
    ----------
    planes : array, shape (n_slabs, Y, X), float32
        Mean over each slab of depth, the shallowest first; 0 where nothing was measured.
    cover : array, shape (Y, X), bool
        Where a tile was measured.
    pixel_mm : float
        Side of a pixel. The edge of pixel (0, 0) is the mosaic's origin.
    looks : array, shape (n_looks, n_slabs, Y, X), float32, or None
        ``planes`` from every n-th plane of the tiles: the same tissue in other speckle. ``planes``
        is their mean.
    """

    planes: NDArray[np.float32]
    cover: NDArray[np.bool_]
    pixel_mm: float
    looks: NDArray[np.float32] | None = None

    @property
    def average(self) -> NDArray[np.float32]:
        """Mean over depth, shape (Y, X)."""
        mean: NDArray[np.float32] = self.planes.mean(axis=0)
        return mean


def pixel_size_mm(extents_mm: list[tuple[float, float]], sampling_mm: float) -> float:
    """Return one pixel size for pictures that are to be compared.

    Parameters
    ----------
    extents_mm : list of (y, x)
        Size of every mosaic.
    sampling_mm : float
        Native lateral sampling; the picture is never finer.
    """
    longest = max(max(extent) for extent in extents_mm)
    return max(sampling_mm, longest / MAX_SIDE_PX)


class Canvas:
    """Collects the tiles of one slice, in any order, into a `Projection`.

    Parameters
    ----------
    pixel_mm : float
        Side of a pixel of the picture.
    n_slabs : int
        Slabs of equal thickness from the first plane down; 0 for one per plane.
    depth_mm : float
        Depth that the slabs share; a shallower tile shares what it has.
    n_looks : int
        How many pictures of the same tissue are kept, of every n-th plane each.
    """

    def __init__(self, pixel_mm: float, *, n_slabs: int, depth_mm: float, n_looks: int = 1) -> None:
        self.pixel_mm = pixel_mm
        self.n_slabs = n_slabs
        self.depth_mm = depth_mm
        self.n_looks = n_looks
        self._windows: list[_Window] = []

    def add(
        self, volume: Any, corner_mm: tuple[float, float], spacing_mm: tuple[float, float, float]
    ) -> None:
        """Add one tile.

        Parameters
        ----------
        volume : array of any namespace, shape (nz, ny, nx)
            Reduced over depth in its own namespace, then brought to NumPy.
        corner_mm : (y, x)
            Edge of its first pixel relative to the mosaic's origin, >= 0.
        spacing_mm : (z, y, x)
            Voxel size.
        """
        self.add_slabs(self.slabs(volume, spacing_mm[0]), corner_mm, spacing_mm[1:])

    def slabs(self, volume: Any, z_mm: float) -> NDArray[np.float32]:
        """Return the slab means of a tile, look by look, (n_looks · n_slabs, ny, nx).

        Changes nothing here. A tile with too few planes shows the same in every look.
        """
        n_planes = round(self.depth_mm / z_mm)
        n_looks = self.n_looks
        if self.n_slabs == 0 or min(n_planes, volume.shape[0]) < n_looks * self.n_slabs:
            means = slab_means(volume, self.n_slabs, n_planes=n_planes)
            return np.concatenate([means] * n_looks)
        return np.concatenate(
            [
                slab_means(
                    volume[look::n_looks, :, :],
                    self.n_slabs,
                    n_planes=len(range(look, n_planes, n_looks)),
                )
                for look in range(n_looks)
            ]
        )

    def add_slabs(
        self,
        slabs: NDArray[np.float32],
        corner_mm: tuple[float, float],
        spacing_mm: tuple[float, float],
    ) -> None:
        """Add the slab means of one tile; see `add`."""
        axes = [
            _axis(n, step / self.pixel_mm, corner / self.pixel_mm)
            for n, step, corner in zip(slabs.shape[1:], spacing_mm, corner_mm, strict=True)
        ]
        self._windows.append(_Window(slabs, axes[0], axes[1]))

    def finish(self) -> Projection:
        """Return the picture of all tiles that were added.

        The flat field is estimated from overlaps and divided out: vignetting follows the stage,
        so left in the picture it would pull every registration towards the stage's own report.

        Raises
        ------
        BadValue
            If no tile was added.
        """
        if not self._windows:
            raise BadValue("a projection needs at least one tile", hint="check the mosaic")
        flat = _fit_flat(self._windows)
        height = max(w.y.stop for w in self._windows)
        width = max(w.x.stop for w in self._windows)
        total = np.zeros((len(self._windows[0].planes), height, width), dtype=np.float64)
        weight = np.zeros((height, width), dtype=np.float64)
        for w in self._windows:
            share = w.weight
            total[:, w.y.start : w.y.stop, w.x.start : w.x.stop] += w.planes * (
                share / np.exp(_design(w) @ flat)
            )
            weight[w.y.start : w.y.stop, w.x.start : w.x.stop] += share
        cover = weight > 0
        looks = (total / np.where(cover, weight, 1.0)).astype(np.float32)
        looks = looks.reshape(self.n_looks, -1, height, width)
        if self.n_looks == 1:
            return Projection(looks[0], cover, self.pixel_mm)
        return Projection(looks.mean(axis=0), cover, self.pixel_mm, looks)


def slab_means(volume: Any, n_slabs: int, *, n_planes: int) -> NDArray[np.float32]:
    """Return the means of ``n_slabs`` slabs of the first ``n_planes`` planes.

    Parameters
    ----------
    volume : array of any namespace, shape (nz, ny, nx)
    n_slabs : int
        0, or more than there are planes: one slab per plane.
    n_planes : int
        Clipped to what the volume has.

    Examples
    --------
    >>> slab_means(np.arange(6.0).reshape(6, 1, 1), 2, n_planes=4).ravel().tolist()
    [0.5, 2.5]
    """
    xp = array_namespace(volume)
    n_planes = max(1, min(n_planes, volume.shape[0]))
    n_slabs = min(n_slabs, n_planes) or n_planes
    edges = [round(i * n_planes / n_slabs) for i in range(n_slabs + 1)]
    means = [xp.mean(volume[low:high, :, :], axis=0) for low, high in pairwise(edges)]
    return np.stack([np.asarray(to_numpy(mean), dtype=np.float32) for mean in means])


@dataclass(frozen=True, slots=True)
class _Axis:
    """Where a tile falls on one axis of the picture."""

    start: int
    matrix: NDArray[np.float32]  # (n_out, n_in)
    place: NDArray[np.float64]  # of each pixel within the tile, -1 … 1
    taper: NDArray[np.float64]

    @property
    def stop(self) -> int:
        return self.start + len(self.place)


class _Window:
    """A tile on the picture's pixels."""

    def __init__(self, slabs: NDArray[np.float32], y: _Axis, x: _Axis) -> None:
        self.y, self.x = y, x
        self.cover = y.matrix.sum(axis=1)[:, None] * x.matrix.sum(axis=1)
        sums = y.matrix @ slabs @ x.matrix.T
        self.planes = sums / np.where(self.cover > 0, self.cover, 1.0)
        self.weight = self.cover * (y.taper[:, None] * x.taper)


def _axis(n: int, step: float, corner: float) -> _Axis:
    """Return the placement of ``n`` samples of ``step`` pixels from ``corner`` (pixels) on."""
    start = int(np.floor(corner + 1e-9))
    stop = max(start + 1, int(np.ceil(corner + n * step - 1e-9)))
    matrix = overlap_matrix(n, step, stop - start, 1.0, start_in=corner, start_out=float(start))
    centre = np.arange(start, stop) + 0.5
    place = np.clip(2 * (centre - corner) / (n * step) - 1, -1, 1)
    taper = np.clip((1 - np.abs(place)) / (2 * _EDGE_TAPER), 0.05, 1.0)
    return _Axis(start, matrix, place, taper)


def _design(window: _Window) -> NDArray[np.float64]:
    """Return the terms (v, u, v², u², uv) of the log flat field at each pixel of a window."""
    v, u = np.meshgrid(window.y.place, window.x.place, indexing="ij")
    return np.stack([v, u, v * v, u * u, v * u], axis=-1)


def _fit_flat(windows: list[_Window]) -> NDArray[np.float64]:
    """Fit log flat = q · (v, u, v², u², uv) to overlaps, where two tiles see the same tissue.

    The anatomy cancels in the log ratio of two tiles, so it cannot be taken for vignetting.
    """
    bright = [float(np.percentile(w.planes.mean(axis=0), 95)) for w in windows]
    floor = _TISSUE * max(bright)
    normal, right = _RIDGE * np.eye(5), np.zeros(5)
    n_pairs = 0
    for i, first in enumerate(windows):
        for second in windows[i + 1 :]:
            terms, ratio = _overlap_equations(first, second, floor)
            normal, right = normal + terms.T @ terms / 100, right + terms.T @ ratio / 100
            n_pairs += len(ratio)
    if n_pairs == 0:
        return right
    solution = np.linalg.solve(normal, right)
    largest = float(np.abs(solution).sum())
    flat: NDArray[np.float64] = solution * min(1.0, np.log(_MAX_FLAT) / max(largest, 1e-12))
    return flat


def _overlap_equations(
    first: _Window, second: _Window, floor: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    y = slice(max(first.y.start, second.y.start), min(first.y.stop, second.y.stop))
    x = slice(max(first.x.start, second.x.start), min(first.x.stop, second.x.stop))
    if y.start >= y.stop or x.start >= x.stop:
        return np.empty((0, 5)), np.empty(0)
    parts = []
    for w in (first, second):
        where = (
            slice(y.start - w.y.start, y.stop - w.y.start),
            slice(x.start - w.x.start, x.stop - w.x.start),
        )
        whole = w.cover[where] > 0.99  # noqa: PLR2004  a pixel at the rim mixes with nothing
        parts.append((w.planes.mean(axis=0)[where], _design(w)[where], whole))
    (a, terms_a, whole_a), (b, terms_b, whole_b) = parts
    valid = (a > floor) & (b > floor) & whole_a & whole_b
    ratio = np.log(a[valid] / b[valid])
    keep = np.abs(ratio) < _MAX_LOG_RATIO
    return (terms_a[valid] - terms_b[valid])[keep], ratio[keep].astype(np.float64)
