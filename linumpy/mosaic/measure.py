"""The measuring pass: every tile is read once and leaves a small summary.

Holds the tiles in flight and the depth projections of one row of tiles; what it returns is some
thousandth of the mosaic. Overlaps of neighbours are registered as soon as both were seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.compute.blocks import ordered_map
from linumpy.compute.resample import overlap_matrix, resample_axis
from linumpy.mosaic.overlap import INCONCLUSIVE, PairShift, register_pair
from linumpy.mosaic.stitch import Pair, Place, neighbours

_MIN_OVERLAP_PX = 2
Tile = NDArray[np.float32]
Points = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Plan:
    """How tiles are summarised.

    Attributes
    ----------
    n_cells : int
        Cells along each side of a tile.
    patch_px : (int, int)
        Size (y, x) of a voxel of the working resolution, native pixels, ≥ 1.
    overview_px : (int, int)
        Size (y, x) of a pixel of the overview, native pixels, ≥ 1.
    margin_px : int
        Largest error of the stage that is looked for; 0 registers nothing.
    known : mapping, optional
        (first, second) → what their overlap said of another contrast of the same tiles; then
        nothing is registered.
    """

    n_cells: int
    patch_px: tuple[int, int]
    overview_px: tuple[int, int]
    margin_px: int
    known: Mapping[tuple[Place, Place], PairShift] | None = None


@dataclass(frozen=True, slots=True)
class TileSummary:
    """What remains of a tile: (nz, cy, cx) cells and patches, (oy, ox) overview, its water."""

    place: Place
    cells: NDArray[np.float32]
    patches: NDArray[np.float32]
    overview: NDArray[np.float32]
    water: float


@dataclass(frozen=True, slots=True)
class PairSummary:
    """One overlap: the measured step, and the brightness of shared tissue in both tiles.

    ``first`` and ``second`` are (n, 2) places (v, u) in the tiles, −1 to 1.
    """

    pair: Pair
    first: Points
    second: Points
    ratio: Points


@dataclass(frozen=True, slots=True)
class _Seen:
    summary: TileSummary
    projection: NDArray[np.float32]


def measure_mosaic(
    read_tile: Callable[[Place], Tile],
    stage_px: Mapping[Place, tuple[float, float]],
    plan: Plan,
    *,
    find_water: Callable[[NDArray[np.float32]], float],
    workers: int,
    progress: Callable[[int], None],
) -> tuple[list[TileSummary], list[PairSummary]]:
    """Read every tile once; return summaries of tiles, and of overlaps of neighbours.

    Parameters
    ----------
    read_tile : callable
        (row, column) → array (nz, ny, nx), float32; called once per tile.
    stage_px : mapping
        Position of each tile's first pixel edge, (y, x), native pixels.
    plan : Plan
    find_water : callable
        Mean depth profile of a tile → brightness of water, 0 where none is seen.
    workers : int
    progress : callable
        Called with the number of tiles done.
    """
    places = sorted(stage_px)
    summaries: list[TileSummary] = []

    def look(place: Place) -> _Seen:
        return _summarise(place, read_tile(place), plan, find_water)

    def pairs() -> Iterator[tuple[_Seen, _Seen]]:
        waiting: dict[Place, _Seen] = {}
        seen_by = _first_of(neighbours(places))
        for seen in ordered_map(look, places, workers=workers):
            place = seen.summary.place
            summaries.append(seen.summary)
            progress(len(summaries))
            waiting[place] = seen
            for first in seen_by.get(place, ()):
                yield waiting[first], seen
            for old in [p for p in waiting if p < (place[0] - 1, place[1])]:
                del waiting[old]

    def compare(pair: tuple[_Seen, _Seen]) -> PairSummary:
        return _compare(*pair, stage_px=stage_px, plan=plan)

    overlaps = list(ordered_map(compare, pairs(), workers=workers))
    return summaries, overlaps


def cell_points(n: int, size: int) -> Points:
    """Return the centres of n even cells of an axis of ``size`` pixels, in pixels."""
    centres: Points = (np.arange(n) + 0.5) * size / n
    return centres


def _first_of(pairs: Sequence[tuple[Place, Place]]) -> dict[Place, list[Place]]:
    found: dict[Place, list[Place]] = {}
    for first, second in pairs:
        found.setdefault(second, []).append(first)
    return found


def _summarise(
    place: Place, tile: Tile, plan: Plan, find_water: Callable[[NDArray[np.float32]], float]
) -> _Seen:
    _, ny, nx = tile.shape
    n = plan.n_cells
    cells_x = overlap_matrix(nx, 1.0, n, nx / n)
    cells_y = overlap_matrix(ny, 1.0, n, ny / n)
    both_x = np.concatenate([cells_x, _patch_matrix(nx, n, plan.patch_px[1])])
    narrow = resample_axis(tile, both_x, 2)
    cells = resample_axis(np.ascontiguousarray(narrow[:, :, :n]), cells_y, 1)
    patches = resample_axis(
        np.ascontiguousarray(narrow[:, :, n:]), _patch_matrix(ny, n, plan.patch_px[0]), 1
    )
    projection = tile.mean(axis=0)
    water = find_water(cells.mean(axis=(1, 2)))
    projection -= np.float32(water)
    oy, ox = (max(1, round(s / p)) for s, p in zip((ny, nx), plan.overview_px, strict=True))
    overview = resample_axis(
        resample_axis(projection[None], overlap_matrix(ny, 1.0, oy, ny / oy), 1),
        overlap_matrix(nx, 1.0, ox, nx / ox),
        2,
    )[0]
    return _Seen(TileSummary(place, cells, patches, overview, water), projection)


def _patch_matrix(size: int, n: int, patch: int) -> NDArray[np.float32]:
    """Average ``patch`` pixels in the middle of each of n cells."""
    patch = min(patch, size)
    matrix = np.zeros((n, size), np.float32)
    for row, centre in zip(matrix, cell_points(n, size), strict=True):
        low = min(max(round(centre - patch / 2), 0), size - patch)
        row[low : low + patch] = 1 / patch
    return matrix


def _compare(
    first: _Seen, second: _Seen, *, stage_px: Mapping[Place, tuple[float, float]], plan: Plan
) -> PairSummary:
    a, b = first.summary.place, second.summary.place
    step = (stage_px[b][0] - stage_px[a][0], stage_px[b][1] - stage_px[a][1])
    shift = INCONCLUSIVE
    if plan.known is not None:
        shift = plan.known.get((a, b), INCONCLUSIVE)
    elif plan.margin_px:
        shift = register_pair(
            first.projection, second.projection, step_px=step, margin_px=plan.margin_px
        )
    if shift.is_conclusive:
        step = (step[0] + shift.dy_px, step[1] + shift.dx_px)
    return PairSummary(
        Pair(a, b, shift), *_brightness(first.projection, second.projection, step, plan)
    )


def _brightness(
    first: NDArray[np.float32], second: NDArray[np.float32], step: tuple[float, float], plan: Plan
) -> tuple[Points, Points, Points]:
    """Compare mean brightness of the same tissue in both tiles, cell by cell of the overlap."""
    empty: Points = np.zeros((0, 2))
    size = np.array(first.shape)
    whole = np.rint(step).astype(int)
    low, high = np.maximum(whole, 0), np.minimum(size, size + whole)
    extent = high - low
    if extent.min() < _MIN_OVERLAP_PX:
        return empty, empty, np.zeros(0)
    n = np.maximum(extent // np.maximum(size // (2 * plan.n_cells), 2), 1)
    parts = []
    for image, start in ((first, low), (second, low - whole)):
        part = image[start[0] : start[0] + extent[0], start[1] : start[1] + extent[1]]
        rows = overlap_matrix(extent[0], 1.0, n[0], extent[0] / n[0])
        columns = overlap_matrix(extent[1], 1.0, n[1], extent[1] / n[1])
        parts.append((rows @ part @ columns.T).ravel().astype(np.float64))
    grid = np.meshgrid(
        *(cell_points(int(k), int(e)) for k, e in zip(n, extent, strict=True)), indexing="ij"
    )
    points = np.stack([axis.ravel() for axis in grid], axis=1)
    bright = np.maximum(parts[0], parts[1])
    # Dark cells are agarose or water: their ratio is noise.
    good = (np.minimum(parts[0], parts[1]) > 0) & (bright > 0.25 * np.percentile(first, 95))
    places = [(points + start) * 2 / size - 1 for start in (low, low - whole)]
    return places[0][good], places[1][good], np.log(parts[0][good] / parts[1][good])
