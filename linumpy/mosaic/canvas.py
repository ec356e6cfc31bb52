"""Where every tile falls on the lattice of a slice: output windows, and their weights.

Index k of the lattice covers [k, k + 1) voxels of the frame that the positions are given in.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.compute.resample import resampling_matrix
from linumpy.mosaic.stitch import Place

_COVERED = 0.5
_LEAST_WEIGHT = 1e-3
_SLACK = 1e-6


@dataclass(frozen=True, slots=True)
class AxisSampling:
    """Native pixels of one axis of a tile beside a lattice whose edges are multiples of a voxel."""

    n: int
    step_um: float
    position_um: float
    resolution_um: float

    @property
    def start(self) -> int:
        """First index of the lattice that the tile touches."""
        return int(np.floor(self.position_um / self.resolution_um + _SLACK))

    @property
    def n_out(self) -> int:
        """How many indices it touches."""
        end_um = self.position_um + self.n * self.step_um
        return max(1, int(np.ceil(end_um / self.resolution_um - _SLACK)) - self.start)

    def matrix(self) -> NDArray[np.float32]:
        """Return what resamples (n_out, n): rows sum to 1, or to 0 where the tile covers little."""
        matrix = resampling_matrix(
            self.n,
            self.step_um,
            self.n_out,
            self.resolution_um,
            start_in=self.position_um - self.start * self.resolution_um,
        )
        covered = matrix.sum(axis=1)
        good = covered >= _COVERED
        matrix = np.where(good[:, None], matrix / np.maximum(covered, 1e-6)[:, None], 0)
        return matrix.astype(np.float32)


@dataclass(frozen=True, slots=True)
class AxisWindow:
    """One axis of a tile on the output lattice, from index ``start`` on.

    ``feather`` (n_out,) is the weight in blending, 0 where the row of the matrix is 0.
    """

    start: int
    sampling: AxisSampling
    feather: NDArray[np.float32]

    @property
    def stop(self) -> int:
        """One past the last output index."""
        return self.start + len(self.feather)

    def matrix(self) -> NDArray[np.float32]:
        """Return what resamples, (n_out, n_in); made when used: a mosaic has thousands of tiles."""
        first = self.start - self.sampling.start
        return self.sampling.matrix()[first : first + len(self.feather)]


@dataclass(frozen=True, slots=True)
class TileWindow:
    """A tile on the output lattice, along y and x."""

    place: Place
    y: AxisWindow
    x: AxisWindow


@dataclass(frozen=True, slots=True)
class Canvas:
    """All tiles on the lattice of a slice: index k covers [k, k + 1) · ``resolution_um``.

    ``rows`` and ``columns`` are the indices [first, stop) that any tile touches.
    """

    resolution_um: float
    rows: tuple[int, int]
    columns: tuple[int, int]
    windows: tuple[TileWindow, ...]

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in voxels."""
        return (self.rows[1] - self.rows[0], self.columns[1] - self.columns[0])


def axis_window(
    n: int, step_um: float, position_um: float, *, resolution_um: float, overlap_um: float
) -> AxisWindow:
    """Return how one axis of a tile falls on the lattice whose edges are multiples of a voxel.

    Parameters
    ----------
    n : int
        Native pixels.
    step_um, position_um : float
        Native sampling, and the first pixel's edge in the lattice's frame.
    resolution_um : float
        Voxel of the lattice.
    overlap_um : float
        Width over which the weight rises from the tile's border to 1.

    Notes
    -----
    The weight is sin² of the distance to the nearer border, taken at output centres and applied
    after resampling: it moves no content. It never quite vanishes, so a border that only one tile
    covers is kept.
    """
    sampling = AxisSampling(n, step_um, position_um, resolution_um)
    start = sampling.start
    centre = (start + np.arange(sampling.n_out) + 0.5) * resolution_um - position_um
    distance = np.minimum(centre, n * step_um - centre)
    ramp = np.sin(np.pi / 2 * np.clip(distance / max(overlap_um, 1e-6), 0, 1)) ** 2
    feather = np.where(sampling.matrix().any(axis=1), np.maximum(ramp, _LEAST_WEIGHT), 0)
    return AxisWindow(start, sampling, feather.astype(np.float32))


def plan_canvas(
    position_um: Mapping[Place, tuple[float, float]],
    *,
    tile_px: tuple[int, int],
    step_um: tuple[float, float],
    resolution_um: float,
) -> Canvas:
    """Return where every tile falls on the lattice, in the order of the grid.

    Parameters
    ----------
    position_um : mapping
        First pixel edge (y, x) of each tile in the lattice's frame.
    tile_px : (int, int)
        Pixels of a tile along (y, x).
    step_um : (float, float)
        Native sampling along (y, x).
    resolution_um : float
        Voxel of the lattice.

    Notes
    -----
    The feather is as wide as the median overlap along its axis, at least two pixels.
    """
    places = sorted(position_um)
    overlap = [
        _median_overlap_um(places, position_um, axis, tile_px[axis] * step_um[axis], step_um[axis])
        for axis in (0, 1)
    ]
    windows = []
    for place in places:
        y, x = (
            axis_window(
                tile_px[axis],
                step_um[axis],
                position_um[place][axis],
                resolution_um=resolution_um,
                overlap_um=overlap[axis],
            )
            for axis in (0, 1)
        )
        windows.append(TileWindow(place, y, x))
    return Canvas(
        resolution_um=resolution_um,
        rows=(min(w.y.start for w in windows), max(w.y.stop for w in windows)),
        columns=(min(w.x.start for w in windows), max(w.x.stop for w in windows)),
        windows=tuple(windows),
    )


def split_columns(canvas: Canvas, width: int) -> list[Canvas]:
    """Return a canvas in strips of ``width`` columns; a tile that reaches into two is in both.

    Examples
    --------
    >>> window = axis_window(8, 10.0, 0.0, resolution_um=10.0, overlap_um=20.0)
    >>> whole = Canvas(10.0, (0, 8), (0, 8), (TileWindow((0, 0), window, window),))
    >>> [strip.columns for strip in split_columns(whole, 5)]
    [(0, 5), (5, 8)]
    """
    first, last = canvas.columns
    strips = []
    for low in range(first, last, width):
        high = min(low + width, last)
        windows = tuple(
            TileWindow(w.place, w.y, _clip(w.x, low, high))
            for w in canvas.windows
            if w.x.start < high and w.x.stop > low
        )
        strips.append(Canvas(canvas.resolution_um, canvas.rows, (low, high), windows))
    return strips


def _clip(axis: AxisWindow, low: int, high: int) -> AxisWindow:
    start, stop = max(axis.start, low), min(axis.stop, high)
    part = slice(start - axis.start, stop - axis.start)
    return AxisWindow(start, axis.sampling, axis.feather[part])


def _median_overlap_um(
    places: Sequence[Place],
    position_um: Mapping[Place, tuple[float, float]],
    axis: int,
    size_um: float,
    step_um: float,
) -> float:
    known = set(places)
    overlaps = []
    for place in places:
        after = (place[0] + 1, place[1]) if axis == 0 else (place[0], place[1] + 1)
        if after in known:
            overlaps.append(size_um - (position_um[after][axis] - position_um[place][axis]))
    return max(float(np.median(overlaps)) if overlaps else 0.0, 2 * step_um)
