"""Where water ends and the cut surface begins, under every A-line.

Depths are in native voxels from the top edge of voxel 0, so voxel i covers [i, i + 1).
Input is the mean depth profile of small cells of each tile, not single A-lines: speckle averages
out, and memory stays a small share of the mosaic.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_REACH = 3  # voxels on either side that make a step
_PLATEAU = 5  # voxels under the step that say how bright its material is
MIN_RATIO = 2.0
"""A surface is a place where brightness at least doubles within a few voxels."""
_FLOOR_SHARE = 0.02
_MIN_CELLS = 6
_EMPTY, _FULL = 0.1, 0.8  # shares of the step that count as water and as tissue
_TILE_TERMS = ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
_ROUNDS = 12
_REPEATS = 4


@dataclass(frozen=True, slots=True)
class Surface:
    """Depth of the cut surface over the mosaic: a plane, and the curvature of focus in each tile.

    Attributes
    ----------
    depth_vox, per_y, per_x : float
        Plane z₀ + per_y · y + per_x · x, voxels; y and x in native pixels of the mosaic's frame.
    tile_terms : tuple of 5 float
        What every tile adds, voxels: v, u, v², v u, u² with v, u from −1 to 1 across a tile.
    spread_vox : float
        Robust spread of the cells about the surface.
    n_cells : int
        Cells that the surface rests on; 0 when the mosaic starts below the surface.
    """

    depth_vox: float
    per_y: float = 0.0
    per_x: float = 0.0
    tile_terms: tuple[float, ...] = (0.0,) * 5
    spread_vox: float = 0.0
    n_cells: int = 0

    def at(
        self, y_px: NDArray[np.float64], x_px: NDArray[np.float64], v: NDArray[np.float64],
        u: NDArray[np.float64],
    ) -> NDArray[np.float64]:  # fmt: skip
        """Return depths at mosaic positions (y, x) that lie at (v, u) of their tile."""
        depth: NDArray[np.float64] = self.depth_vox + self.per_y * y_px + self.per_x * x_px
        for value, (i, j) in zip(self.tile_terms, _TILE_TERMS, strict=True):
            depth = depth + value * v**i * u**j
        return depth


def water_level(profile: NDArray[np.float32]) -> float:
    """Return the brightness above the surface of a tile's mean profile; 0 where none is seen.

    Parameters
    ----------
    profile : array, shape (nz,), float32
    """
    (depth,) = surface_depths(profile[:, None])
    end = int(depth) - 1 if np.isfinite(depth) else 0
    return float(np.median(profile[:end])) if end > 0 else 0.0


def surface_depths(profiles: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the depth of the first strong step of each profile, sub-voxel.

    Parameters
    ----------
    profiles : array, shape (nz, n), float32
        Mean brightness against depth.

    Returns
    -------
    array, shape (n,), float64
        Voxels from the top; NaN where brightness nowhere doubles, or the profile is dark.

    Notes
    -----
    The step is where the log of the mean of 3 voxels below over 3 above is largest: a bright
    layer deep in tissue rises by less than tissue over water. The edge is the half-way crossing
    between the level above and the plateau below, which a symmetric blur does not move.
    """
    nz, n = profiles.shape
    depths = np.full(n, np.nan)
    if nz < 2 * _REACH:
        return depths
    p = profiles.astype(np.float64)
    floor = _FLOOR_SHARE * np.maximum(p.max(axis=0), 1e-30)
    cumulative = np.concatenate([np.zeros((1, n)), np.cumsum(p, axis=0)])
    means = (cumulative[_REACH:] - cumulative[:-_REACH]) / _REACH
    rise = np.log(means[_REACH:] + floor) - np.log(means[:-_REACH] + floor)
    step = np.argmax(rise, axis=0) + _REACH  # first voxel of the lower mean
    columns = np.arange(n)
    clear = (rise[step - _REACH, columns] > np.log(MIN_RATIO)) & (p.max(axis=0) > 0)
    for i in np.flatnonzero(clear):
        depths[i] = _half_crossing(p[:, i], int(step[i]))
    return depths


def fit_surface(
    depths: NDArray[np.float64],
    y_px: NDArray[np.float64],
    x_px: NDArray[np.float64],
    v: NDArray[np.float64],
    u: NDArray[np.float64],
) -> Surface:
    """Fit the surface robustly to the cells that show one.

    Parameters
    ----------
    depths : array, shape (n,), voxels
        From `surface_depths`; NaN entries are left out.
    y_px, x_px : array, shape (n,)
        Cell centres in native pixels of the mosaic's frame.
    v, u : array, shape (n,)
        The same in the tile, from −1 to 1.

    Returns
    -------
    Surface
        Depth 0 and no cells when fewer than 6 cells show a surface: the mosaic starts below it.

    Notes
    -----
    Least absolute deviations first, then Tukey's biweight at 4 robust standard deviations: cells
    over a hole or a bright layer do not count.
    """
    good = np.isfinite(depths)
    if good.sum() < _MIN_CELLS:
        return Surface(0.0)
    z, y, x, v, u = (values[good] for values in (depths, y_px, x_px, v, u))
    scale = max(float(np.ptp(y)), float(np.ptp(x)), 1.0)
    columns = [np.ones_like(z), y / scale, x / scale, *(v**i * u**j for i, j in _TILE_TERMS)]
    design = np.stack(columns, axis=1)
    residual, sigma = z - np.median(z), 1.0
    for turn in range(_ROUNDS):
        sigma = max(1.4826 * float(np.median(np.abs(residual))), 0.02)
        if turn < _ROUNDS // 2:
            weight = 1 / np.maximum(np.abs(residual), sigma / 2)
        else:
            weight = np.clip(1 - (residual / (4 * sigma)) ** 2, 0, None) ** 2
        # A little ridge: with one tile along an axis, plane and tile terms say the same thing.
        ridge = np.diag([0, *[1e-6 * weight.sum()] * 7])
        normal = design.T @ (design * weight[:, None]) + ridge
        found = np.linalg.solve(normal, design.T @ (weight * z))
        residual = z - design @ found
    return Surface(
        depth_vox=float(found[0]),
        per_y=float(found[1] / scale),
        per_x=float(found[2] / scale),
        tile_terms=tuple(float(value) for value in found[3:]),
        spread_vox=sigma,
        n_cells=int(good.sum()),
    )


def _half_crossing(profile: NDArray[np.float64], step: int) -> float:
    """Return where the profile crosses half-way between the level above ``step`` and below it.

    Repeated from where it was found: log brightness rises first, before a blurred edge is half up.
    """
    depth = float(step)
    for _ in range(_REPEATS):
        found = _crossing_near(profile, round(depth))
        if found is None or round(found) == round(depth):
            return depth if found is None else found
        depth = found
    return depth


def _crossing_near(profile: NDArray[np.float64], step: int) -> float | None:
    above = float(np.median(profile[: max(step - _REACH, 1)][-2 * _PLATEAU :]))
    below = profile[step + 2 : step + 2 + _PLATEAU]
    if not len(below) or float(np.median(below)) <= above:
        return None
    plateau = float(np.median(below))
    half = (above + plateau) / 2
    for i in range(max(step - _REACH, 1), min(step + _REACH + 1, len(profile))):
        if profile[i] >= half > profile[i - 1]:
            share = (half - profile[i - 1]) / (profile[i] - profile[i - 1])
            return _partial_voxel(profile, i, share, above, plateau)
    return None


def _partial_voxel(
    profile: NDArray[np.float64], i: int, share: float, above: float, plateau: float
) -> float:
    """Turn a crossing between the centres of voxels i − 1 and i into an edge.

    A sharp surface leaves one partly filled voxel, whose value says where in it the edge lies;
    a blurred one is where the line between centres crosses.
    """
    for j in (i - 1, i):
        filled = (profile[j] - above) / (plateau - above)
        before = (profile[j - 1] - above) / (plateau - above) if j > 0 else 0.0
        after = (profile[min(j + 1, len(profile) - 1)] - above) / (plateau - above)
        if abs(before) < _EMPTY and after > _FULL and 0 <= filled <= 1:
            return j + 1 - float(filled)
    return i - 1 + float(share) + 0.5
