"""All that one slice needs to be corrected, estimated from small summaries of its tiles.

The summaries are mean depth profiles of cells (an even grid in every tile) and one voxel-sized
patch per cell, so this holds some thousandth of the mosaic. Positions come in as values.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from linumpy.errors import BadFile
from linumpy.preproc.attenuation import (
    NEIGHBOURHOOD_UM,
    NO_SLOPE,
    SlopeMap,
    attenuation_gain,
    residual_slopes,
    smooth_slopes,
)
from linumpy.preproc.axial import align_to_surface, axial_gain, estimate_axial_profile
from linumpy.preproc.illumination import FlatField, OverlapBrightness, estimate_flat_field
from linumpy.preproc.interface import Surface, fit_surface, surface_depths
from linumpy.preproc.normalize import Levels, agarose_per_plane, estimate_divisor, find_levels

_TOLERANCE = 1e-3


@dataclass(frozen=True, slots=True)
class Cells:
    """Cells of all tiles, tile by tile; n = n_tiles · cy · cx.

    Attributes
    ----------
    profiles, patches : array, shape (nz, n), float32
        Mean over the cell, and over one voxel of the working resolution in its middle.
    y_px, x_px : array, shape (n,)
        Centres, native pixels of the mosaic's frame.
    v, u : array, shape (n,)
        Centres in the tile, from −1 to 1.
    grid : (int, int, int)
        (n_tiles, cy, cx).
    background : float
        Brightness of water.
    """

    profiles: NDArray[np.float32]
    patches: NDArray[np.float32]
    y_px: NDArray[np.float64]
    x_px: NDArray[np.float64]
    v: NDArray[np.float64]
    u: NDArray[np.float64]
    grid: tuple[int, int, int]
    background: float


@dataclass(frozen=True, slots=True)
class Sampling:
    """Native voxel (z, y, x) and working resolution, µm; largest depth to keep, µm."""

    native_um: tuple[float, float, float]
    resolution_um: float
    depth_um: float

    @property
    def step_vox(self) -> float:
        """Thickness of an output plane in native voxels."""
        return self.resolution_um / self.native_um[0]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which corrections to estimate; one that is not wanted is neutral."""

    flat_field: bool = True
    axial_profile: bool = True
    attenuation_strength: float = 1.0
    clip_percentile: float = 99.9


@dataclass(frozen=True, slots=True)
class Cut:
    """Where another contrast of the same tiles found the surface, and how deep it was kept."""

    surface: Surface
    n_planes: int


@dataclass(frozen=True, slots=True)
class SliceModel:
    """What turns measured brightness into normalised reflectivity.

    value = clip((brightness − background) / field · axial gain · attenuation gain − agarose, 0)
    / divisor, at most ``ceiling``.
    """

    surface: Surface
    n_planes: int
    background: float
    field: FlatField
    profile: NDArray[np.float64]
    slopes: SlopeMap
    strength: float
    levels: Levels
    agarose: NDArray[np.float32]
    divisor: float
    plane_um: float
    ceiling: float = 1.0

    @property
    def depth_um(self) -> NDArray[np.float64]:
        """Depth of each plane from the middle of the slab, µm."""
        n = self.n_planes
        return (np.arange(n, dtype=np.float64) - (n - 1) / 2) * self.plane_um

    def correct(
        self,
        stitched: NDArray[np.float32],
        slope: NDArray[np.float32],
    ) -> NDArray[np.float32]:
        """Return planes corrected for depth, without agarose, 0 to ``ceiling``.

        Parameters
        ----------
        stitched : array, shape (n_planes, ny, nx), float32
            Background and field removed.
        slope : array, shape (ny, nx), 1/µm
            Of ``slopes`` at these columns.
        """
        gain = axial_gain(self.profile).astype(np.float32)[:, None, None]
        value = stitched * gain
        if np.any(slope):
            value *= attenuation_gain(slope, self.depth_um, strength=self.strength)
        value -= self.agarose[:, None, None]
        value /= np.float32(self.divisor)
        return np.clip(value, 0, self.ceiling, out=value)


def estimate_model(
    cells: Cells,
    overlaps: OverlapBrightness,
    sampling: Sampling,
    wanted: Wanted,
    cut: Cut | None = None,
) -> SliceModel:
    """Estimate every correction of a slice, each on what the ones before it leave.

    Parameters
    ----------
    cells : Cells
    overlaps : OverlapBrightness
        From tissue that two tiles saw, background removed.
    sampling : Sampling
    wanted : Wanted
    cut : Cut, optional
        Default: found in the cells.

    Raises
    ------
    BadFile
        If there is no signal, or fewer than one plane lies under the surface.
    """
    surface = cut.surface if cut else _find_surface(cells)
    depth = surface.at(cells.y_px, cells.x_px, cells.v, cells.u)
    below = _below(cells, depth)
    if not (below > 0).any():
        raise BadFile("no signal under the surface", hint="the mosaic is empty; make it again")
    field = FlatField()
    if wanted.flat_field:
        rough = below > find_levels(below[below > 0]).threshold
        field = estimate_flat_field(overlaps, below.reshape(cells.grid), rough.reshape(cells.grid))
    gain = 1 / _field_at_cells(field, cells)
    below = below * gain
    levels = find_levels(below[below > 0])
    is_tissue = below > levels.threshold
    n_planes = (
        cut.n_planes if cut else _n_planes(cells.profiles.shape[0], depth[is_tissue], sampling)
    )
    planes = _planes(cells.profiles, cells, depth, n_planes, sampling) * gain
    profile = np.ones(n_planes)
    if wanted.axial_profile:
        profile = estimate_axial_profile(planes[:, is_tissue], plane_um=sampling.resolution_um)
    slopes = NO_SLOPE
    if wanted.attenuation_strength > 0:
        slopes = _slopes(planes[:, is_tissue], is_tissue, cells, profile, sampling)
    model = SliceModel(
        surface=surface,
        n_planes=n_planes,
        background=cells.background,
        field=field,
        profile=profile,
        slopes=slopes,
        strength=wanted.attenuation_strength,
        levels=levels,
        agarose=np.zeros(n_planes, np.float32),
        divisor=1.0,
        plane_um=sampling.resolution_um,
    )
    depth_gain = _depth_gain(model, cells)
    agarose = np.zeros(n_planes, np.float32)
    if levels.agarose > 0:
        agarose = agarose_per_plane(planes * depth_gain, (below > 0) & ~is_tissue)
    patches = _planes(cells.patches, cells, depth, n_planes, sampling) * gain * depth_gain
    divisor = estimate_divisor(
        (patches - agarose[:, None])[:, is_tissue], percentile=wanted.clip_percentile
    )
    return replace(model, agarose=agarose, divisor=divisor)


def keep_measured(cells: Cells, sampling: Sampling, cut: Cut | None = None) -> SliceModel:
    """Return the model that changes no value: slices of it hold what the tiles hold, ≥ 0.

    Parameters
    ----------
    cells : Cells
    sampling : Sampling
    cut : Cut, optional
        Default: found in the cells.

    Raises
    ------
    BadFile
        If fewer than one plane lies under the surface.
    """
    surface = cut.surface if cut else _find_surface(cells)
    depth = surface.at(cells.y_px, cells.x_px, cells.v, cells.u)
    below = _below(cells, depth)
    threshold = find_levels(below[below > 0]).threshold
    n_planes = (
        cut.n_planes
        if cut
        else _n_planes(cells.profiles.shape[0], depth[below > threshold], sampling)
    )
    return SliceModel(
        surface=surface,
        n_planes=n_planes,
        background=0.0,
        field=FlatField(),
        profile=np.ones(n_planes),
        slopes=NO_SLOPE,
        strength=0.0,
        levels=Levels(0.0, threshold + cells.background),
        agarose=np.zeros(n_planes, np.float32),
        divisor=1.0,
        plane_um=sampling.resolution_um,
        ceiling=np.inf,
    )


def _find_surface(cells: Cells) -> Surface:
    return fit_surface(surface_depths(cells.profiles), cells.y_px, cells.x_px, cells.v, cells.u)


def _below(cells: Cells, depth: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean of each cell from its surface to the bottom, background removed, ≥ 0."""
    nz = cells.profiles.shape[0]
    span = np.maximum(nz - np.clip(depth, 0, nz), 1)
    total = (cells.profiles - np.float32(cells.background)).sum(axis=0, dtype=np.float64)
    below: NDArray[np.float64] = np.maximum(total / span, 0)
    return below


def _field_at_cells(field: FlatField, cells: Cells) -> NDArray[np.float64]:
    n_tiles, cy, cx = cells.grid
    return np.tile(field.on_grid(cy, cx).ravel().astype(np.float64), n_tiles)


def _n_planes(nz: int, depth: NDArray[np.float64], sampling: Sampling) -> int:
    """Planes that measured data cover under all tissue, at most the wanted depth."""
    deepest = float(depth.max()) if len(depth) else 0.0
    room_um = (nz - max(deepest, 0.0)) * sampling.native_um[0]
    n_planes = int(min(room_um, sampling.depth_um) / sampling.resolution_um + _TOLERANCE)
    if n_planes < 1:
        raise BadFile(
            f"{room_um:.0f} µm of data lie under the surface, "
            f"less than one plane of {sampling.resolution_um:g} µm",
            hint="check the axial sampling of the mosaic, or take a finer --resolution",
        )
    return n_planes


def _planes(
    profiles: NDArray[np.float32],
    cells: Cells,
    depth: NDArray[np.float64],
    n_planes: int,
    sampling: Sampling,
) -> NDArray[np.float64]:
    aligned = align_to_surface(profiles, depth, n_planes=n_planes, step_vox=sampling.step_vox)
    return aligned - cells.background


def _slopes(
    planes: NDArray[np.float64],
    is_tissue: NDArray[np.bool_],
    cells: Cells,
    profile: NDArray[np.float64],
    sampling: Sampling,
) -> SlopeMap:
    slopes = residual_slopes(planes, profile, plane_um=sampling.resolution_um)
    return smooth_slopes(
        slopes,
        cells.y_px[is_tissue],
        cells.x_px[is_tissue],
        sigma_px=(
            NEIGHBOURHOOD_UM / sampling.native_um[1],
            NEIGHBOURHOOD_UM / sampling.native_um[2],
        ),
    )


def _depth_gain(model: SliceModel, cells: Cells) -> NDArray[np.float64]:
    """Gain of axial profile and attenuation at the cells, shape (n_planes, n)."""
    slope = model.slopes.at_points(cells.y_px, cells.x_px)[None]
    gain = attenuation_gain(slope, model.depth_um, strength=model.strength)[:, 0]
    return axial_gain(model.profile)[:, None] * gain
