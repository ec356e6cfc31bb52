"""The flat-field: how bright the same tissue looks at each place of a tile.

Estimated mainly from overlaps, where two tiles show the same tissue at unlike places of the
field: the ratio is free of anatomy. Inside, where tiles do not overlap, tile means count weakly.
Coordinates (v, u) run from −1 to 1 across a tile along (y, x).
"""

from dataclasses import dataclass

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

DEGREE = 6
"""Highest total degree of log field; a vignette of any usual shape is below 0.3 % at 6."""
_ROUNDS = 8
_PRIOR_SIGMA = np.array([1.0, 1.0, 1.0, 0.05, 0.05, 0.02, 0.02])
"""Size of Legendre terms by degree, before any data. Overlaps cannot see a field that repeats
after one tile step (a W along the tile): a vignette has little of it, anatomy much."""
_CORRELATED_CELLS = 48.0
"""Neighbouring cells show the same anatomy: so many count as one."""
_MIN_PAIR_SIGMA, _MIN_TILE_SIGMA = 0.01, 0.15
MAX_LOG_FIELD = 1.6
"""No place of the field is corrected by more than a factor of 5."""


@dataclass(frozen=True, slots=True)
class FlatField:
    """Log of the field as Legendre terms in (v, u); no terms mean an even field.

    ``seam_before`` and ``seam_after`` are the median |log ratio| in overlaps, in which speckle and
    noise of the overlap cells are included.
    """

    coefficients: tuple[float, ...] = ()
    seam_before: float = 0.0
    seam_after: float = 0.0

    def on_grid(self, ny: int, nx: int) -> NDArray[np.float32]:
        """Return the field on the pixels of a tile, shape (ny, nx), mean of its log 0."""
        if not self.coefficients:
            return np.ones((ny, nx), np.float32)
        v, u = pixel_axis(ny), pixel_axis(nx)
        log_field = np.zeros((ny, nx))
        pv, pu = legendre.legvander(v, DEGREE), legendre.legvander(u, DEGREE)
        for value, (i, j) in zip(self.coefficients, _terms(), strict=True):
            log_field += value * np.outer(pv[:, i], pu[:, j])
        log_field -= log_field.mean()
        field: NDArray[np.float32] = np.exp(
            np.clip(log_field, -MAX_LOG_FIELD, MAX_LOG_FIELD)
        ).astype(np.float32)
        return field


@dataclass(frozen=True, slots=True)
class OverlapBrightness:
    """Brightness of one piece of tissue in two tiles; arrays of one length.

    ``first`` and ``second`` are (n, 2) places (v, u) in each tile, ``ratio`` = log(first / second).
    """

    first: NDArray[np.float64]
    second: NDArray[np.float64]
    ratio: NDArray[np.float64]


def pixel_axis(n: int) -> NDArray[np.float64]:
    """Return the centres of n pixels on −1 … 1."""
    centres: NDArray[np.float64] = (np.arange(n) + 0.5) * 2 / n - 1
    return centres


def estimate_flat_field(
    overlaps: OverlapBrightness,
    tile_means: NDArray[np.float64],
    is_tissue: NDArray[np.bool_],
) -> FlatField:
    """Fit the field that all tiles share.

    Parameters
    ----------
    overlaps : OverlapBrightness
        From tissue that two tiles saw.
    tile_means : array, shape (n_tiles, cy, cx)
        Mean brightness of cells, background removed.
    is_tissue : array, shape (n_tiles, cy, cx), bool
        Cells that may count.

    Returns
    -------
    FlatField
        Even where there is neither an overlap nor a handful of tissue cells.

    Notes
    -----
    Weighted least squares for the terms f of log F and one level a_t per tile:
    log(first / second) = f(first) − f(second), with the spread of the ratios, and
    log mean = a_t + f(cell) + anatomy, with the spread of anatomy: some thousand times weaker, so
    it only decides what overlaps leave open, beside a prior for smooth fields. Cauchy weights in
    both, since an edge of tissue in a cell is no illumination.
    """
    pair_rows = _design(overlaps.first) - _design(overlaps.second)
    cell_rows, cell_values, cell_tile = _cells(tile_means, is_tissue)
    if len(pair_rows) + len(cell_rows) < 4 * len(_terms()):
        return FlatField()
    sigma = _PRIOR_SIGMA[[i + j for i, j in _terms()]]
    field: NDArray[np.float64] = np.zeros(len(sigma))
    pair_residual = overlaps.ratio
    cell_residual = _without_level(cell_values, cell_tile)
    for _ in range(_ROUNDS):
        pair_weight = _cauchy(pair_residual, _MIN_PAIR_SIGMA)
        cell_weight = _cauchy(cell_residual, _MIN_TILE_SIGMA) / _CORRELATED_CELLS
        # The levels are solved by centring rows and values per tile with the weights in use.
        rows = _centred(cell_rows, cell_tile, cell_weight)
        values = _centred(cell_values[:, None], cell_tile, cell_weight)[:, 0]
        normal = pair_rows.T @ (pair_rows * pair_weight[:, None])
        normal += rows.T @ (rows * cell_weight[:, None])
        right = pair_rows.T @ (pair_weight * overlaps.ratio) + rows.T @ (cell_weight * values)
        field = np.asarray(np.linalg.solve(normal + np.diag(1 / sigma**2), right), np.float64)
        pair_residual = overlaps.ratio - pair_rows @ field
        cell_residual = values - rows @ field
    return FlatField(
        coefficients=tuple(float(value) for value in field),
        seam_before=_median_size(overlaps.ratio),
        seam_after=_median_size(pair_residual),
    )


def _terms() -> list[tuple[int, int]]:
    return [(i, total - i) for total in range(1, DEGREE + 1) for i in range(total + 1)]


def _design(places: NDArray[np.float64]) -> NDArray[np.float64]:
    pv = legendre.legvander(places[:, 0], DEGREE)
    pu = legendre.legvander(places[:, 1], DEGREE)
    rows: NDArray[np.float64] = np.stack([pv[:, i] * pu[:, j] for i, j in _terms()], axis=1)
    return rows


def _cells(
    tile_means: NDArray[np.float64], is_tissue: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.intp]]:
    tile, row, column = np.nonzero(is_tissue & (tile_means > 0))
    _, cy, cx = tile_means.shape
    places = np.stack([pixel_axis(cy)[row], pixel_axis(cx)[column]], axis=1)
    return _design(places), np.log(tile_means[tile, row, column]), tile


def _centred(
    values: NDArray[np.float64], tile: NDArray[np.intp], weight: NDArray[np.float64]
) -> NDArray[np.float64]:
    if not len(values):
        return values
    total = np.maximum(np.bincount(tile, weight), 1e-12)
    means = np.stack([np.bincount(tile, weight * column) / total for column in values.T], axis=1)
    centred: NDArray[np.float64] = values - means[tile]
    return centred


def _without_level(values: NDArray[np.float64], tile: NDArray[np.intp]) -> NDArray[np.float64]:
    return _centred(values[:, None], tile, np.ones(len(values)))[:, 0]


def _cauchy(residual: NDArray[np.float64], floor: float) -> NDArray[np.float64]:
    sigma = max(1.4826 * _median_size(residual), floor)
    weight: NDArray[np.float64] = 1 / (sigma**2 * (1 + (residual / (2 * sigma)) ** 2))
    return weight


def _median_size(values: NDArray[np.float64]) -> float:
    return float(np.median(np.abs(values))) if len(values) else 0.0
