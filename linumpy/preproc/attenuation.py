"""What a neighbourhood attenuates more, or less, than the slice's shared axial profile.

A smooth lateral map of the slope of log brightness along depth. Anatomy that changes with depth
has slopes too, of either sign and from cell to cell; attenuation of a region has one sign over it.
So slopes are averaged over a neighbourhood, and shrunk by what such averages scatter by chance.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_GAIN = 3.0
"""Largest correction at the last plane."""
NEIGHBOURHOOD_UM = 400.0
"""Gaussian width of the neighbourhood."""
_MIN_PLANES = 3
_MIN_CELLS = 6
_CORRELATED_CELLS = 16.0  # neighbouring cells cut the same slanting structure
_LINEAR = ((0, 0), (1, 0), (0, 1))


@dataclass(frozen=True, slots=True)
class SlopeMap:
    """Residual slope of log brightness, 1/µm, on a regular lateral grid.

    ``values`` has shape (gy, gx); its first node lies at ``origin_px`` and nodes are ``step_px``
    apart (y, x), native pixels of the mosaic's frame. Positive: brighter with depth.
    """

    values: NDArray[np.float64]
    origin_px: tuple[float, float]
    step_px: tuple[float, float]

    def at(self, y_px: NDArray[np.float64], x_px: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return the slope on the grid of rows ``y_px`` and columns ``x_px``, bilinear."""
        rows = _hat(y_px, self.origin_px[0], self.step_px[0], self.values.shape[0])
        columns = _hat(x_px, self.origin_px[1], self.step_px[1], self.values.shape[1])
        slopes: NDArray[np.float32] = (rows @ self.values @ columns.T).astype(np.float32)
        return slopes

    def at_points(
        self, y_px: NDArray[np.float64], x_px: NDArray[np.float64]
    ) -> NDArray[np.float32]:
        """Return the slope at points, shape (n,), bilinear."""
        rows = _hat(y_px, self.origin_px[0], self.step_px[0], self.values.shape[0])
        columns = _hat(x_px, self.origin_px[1], self.step_px[1], self.values.shape[1])
        slopes: NDArray[np.float32] = np.sum((rows @ self.values) * columns, axis=1).astype(
            np.float32
        )
        return slopes


NO_SLOPE = SlopeMap(np.zeros((1, 1)), (0.0, 0.0), (1.0, 1.0))
"""Nothing to correct."""


def residual_slopes(
    planes: NDArray[np.float64], profile: NDArray[np.float64], *, plane_um: float
) -> NDArray[np.float64]:
    """Return the slope of log(cell / profile) against depth, 1/µm; NaN where it cannot be told.

    Parameters
    ----------
    planes : array, shape (n_planes, n_cells)
        Tissue cells aligned to the surface, background removed.
    profile : array, shape (n_planes,)
        What all tissue shares.
    plane_um : float
    """
    n_planes = planes.shape[0]
    if n_planes < _MIN_PLANES:
        return np.full(planes.shape[1], np.nan)
    ok = (np.isfinite(planes) & (np.nan_to_num(planes) > 0)).all(axis=0)
    depth = (np.arange(n_planes) - (n_planes - 1) / 2) * plane_um
    # The first plane holds the blurred surface, which says nothing about attenuation.
    weight = np.ones(n_planes)
    weight[0] = 0.0
    depth = depth - np.average(depth, weights=weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(planes / profile[:, None])
    slopes = np.full(planes.shape[1], np.nan)
    slopes[ok] = (weight * depth) @ logs[:, ok] / np.sum(weight * depth**2)
    return slopes


def smooth_slopes(
    slopes: NDArray[np.float64],
    y_px: NDArray[np.float64],
    x_px: NDArray[np.float64],
    *,
    sigma_px: tuple[float, float],
) -> SlopeMap:
    """Average slopes over neighbourhoods, robustly, shrunk towards 0 where they scatter.

    Parameters
    ----------
    slopes : array, shape (n,), 1/µm
        NaN entries are left out.
    y_px, x_px : array, shape (n,)
        Cell centres.
    sigma_px : (float, float)
        Neighbourhood along (y, x), native pixels.

    Notes
    -----
    A straight plane is fitted to the slopes around every node with Gaussian weights (local linear
    regression, so the border is not pulled inwards). With m its value at the node, s² the scatter
    about it and n_eff = (Σw)² / Σw² / 16, the map is m · m² / (m² + s² / n_eff). Cauchy weights
    bound the say of single cells.
    """
    good = np.isfinite(slopes)
    if good.sum() < _MIN_CELLS:
        return NO_SLOPE
    s, y, x = slopes[good], y_px[good], x_px[good]
    origin = (float(y.min()), float(x.min()))
    step = (sigma_px[0] / 2, sigma_px[1] / 2)
    nodes = [
        start + size * np.arange(int(np.ceil(np.ptp(values) / size)) + 1)
        for values, size, start in zip((y, x), step, origin, strict=True)
    ]
    # Offsets from the node in neighbourhoods, and Gaussian weights: separable in y and x.
    off_y, off_x = (
        (values - node[:, None]) / sigma
        for node, values, sigma in zip(nodes, (y, x), sigma_px, strict=True)
    )
    near_y, near_x = np.exp(-0.5 * off_y**2), np.exp(-0.5 * off_x**2)
    trust = 1 / (1 + ((s - np.median(s)) / (3 * _spread(s))) ** 2)

    def moment(i: int, j: int, values: NDArray[np.float64]) -> NDArray[np.float64]:
        total: NDArray[np.float64] = (near_y * off_y**i * (trust * values)) @ (near_x * off_x**j).T
        return total

    one = np.ones_like(s)
    total = moment(0, 0, one)
    normal = np.empty((*total.shape, 3, 3))
    for a, (i, j) in enumerate(_LINEAR):
        for b, (k, m) in enumerate(_LINEAR):
            normal[..., a, b] = moment(i + k, j + m, one)
    # A little ridge keeps the plane level where cells lie on one side only.
    normal += np.einsum("ab,yx->yxab", np.diag([1e-9, 0.05, 0.05]), total + 1e-9)
    right = np.stack([moment(i, j, s) for i, j in _LINEAR], axis=-1)
    fit = np.linalg.solve(normal, right[..., None])[..., 0]
    safe = np.maximum(total, 1e-9)
    scatter = np.maximum(moment(0, 0, s**2) - np.sum(fit * right, axis=-1), 0) / safe
    n_eff = safe**2 / np.maximum((near_y**2 * trust**2) @ (near_x**2).T, 1e-12)
    chance = scatter / np.maximum(n_eff / _CORRELATED_CELLS, 1)
    mean = fit[..., 0]
    # Far from any tissue the weights vanish and so does the correction.
    share = mean**2 / np.maximum(mean**2 + chance, 1e-30) * (total / (total + 0.05))
    return SlopeMap(mean * share, origin, step)


def attenuation_gain(
    slope: NDArray[np.float32], depth_um: NDArray[np.float64], *, strength: float
) -> NDArray[np.float32]:
    """Return exp(−strength · slope · depth), within 1/``MAX_GAIN`` and ``MAX_GAIN``.

    Parameters
    ----------
    slope : array, shape (ny, nx), 1/µm
    depth_um : array, shape (n_planes,)
        From the middle of the slab, so that its mean brightness stays.
    strength : float
        0 changes nothing, 1 removes the slope.

    Returns
    -------
    array, shape (n_planes, ny, nx), float32
    """
    bound = np.float32(np.log(MAX_GAIN))
    exponent = depth_um.astype(np.float32)[:, None, None] * (-strength * slope)
    gain: NDArray[np.float32] = np.exp(np.clip(exponent, -bound, bound)).astype(np.float32)
    return gain


def _spread(values: NDArray[np.float64]) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values)))) + 1e-12


def _hat(positions: NDArray[np.float64], origin: float, step: float, n: int) -> NDArray[np.float64]:
    """Linear interpolation matrix from n nodes; constant beyond the first and the last."""
    place = np.clip((positions - origin) / step, 0, n - 1)
    weights: NDArray[np.float64] = np.clip(1 - np.abs(place[:, None] - np.arange(n)), 0, 1)
    return weights
