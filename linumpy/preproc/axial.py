"""What all tissue shares along depth: focus and mean attenuation, as one profile per slice."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

MAX_GAIN = 8.0
"""Deeper than this the signal is noise; amplifying it more shows nothing."""
_MIN_CELLS = 12
_SMOOTH_UM = 30.0
_LEAST_SIGMA = 0.5  # planes; narrower smooths nothing


def align_to_surface(
    profiles: NDArray[np.float32],
    surface: NDArray[np.float64],
    *,
    n_planes: int,
    step_vox: float,
) -> NDArray[np.float64]:
    """Average profiles over planes that are counted from the surface.

    Parameters
    ----------
    profiles : array, shape (nz, n), float32
    surface : array, shape (n,), voxels
        Depth of the surface under each profile.
    n_planes : int
    step_vox : float
        Thickness of a plane in voxels.

    Returns
    -------
    array, shape (n_planes, n), float64
        Plane k is the mean of [surface + k·step, surface + (k + 1)·step); NaN where not covered.
    """
    nz, n = profiles.shape
    cumulative = np.concatenate([np.zeros((1, n)), np.cumsum(profiles, axis=0, dtype=np.float64)])
    edges = surface + step_vox * np.arange(n_planes + 1)[:, None]
    inside = np.clip(edges, 0, nz)
    low = np.minimum(inside.astype(np.intp), nz - 1)
    share = inside - low
    at_low = np.take_along_axis(cumulative, low, axis=0)
    at_high = np.take_along_axis(cumulative, low + 1, axis=0)
    integral = at_low + share * (at_high - at_low)
    planes: NDArray[np.float64] = np.diff(integral, axis=0) / step_vox
    tolerance = 0.02 * step_vox
    planes[(edges[:-1] < -tolerance) | (edges[1:] > nz + tolerance)] = np.nan
    return planes


def estimate_axial_profile(planes: NDArray[np.float64], *, plane_um: float) -> NDArray[np.float64]:
    """Return the brightness of tissue against depth, median over its cells, largest value 1.

    Parameters
    ----------
    planes : array, shape (n_planes, n_cells)
        Tissue cells aligned to the surface, background removed; NaN where not covered.
    plane_um : float
        Thickness of a plane.

    Returns
    -------
    array, shape (n_planes,), > 0
        All 1 when fewer than 12 cells are covered whole: too little to tell focus from anatomy.

    Notes
    -----
    Each cell is divided by its own mean, so bright regions do not decide; the median drops cells
    whose anatomy changes with depth. Smoothed over 30 µm in log, which keeps a decay straight.
    """
    whole = np.isfinite(planes).all(axis=0)
    whole &= np.nan_to_num(planes, nan=-1.0).mean(axis=0) > 0
    if whole.sum() < _MIN_CELLS:
        return np.ones(planes.shape[0])
    relative = planes[:, whole] / planes[:, whole].mean(axis=0)
    profile = np.maximum(np.median(relative, axis=1), 1e-6)
    sigma = _SMOOTH_UM / plane_um / 2
    if sigma > _LEAST_SIGMA:
        # Odd reflection goes on with the slope at both ends; a constant would bend the decay there.
        reach = min(len(profile) - 1, int(4 * sigma) + 1)
        logs = np.pad(np.log(profile), reach, mode="reflect", reflect_type="odd")
        profile = np.exp(gaussian_filter1d(logs, sigma)[reach : reach + len(profile)])
    scaled: NDArray[np.float64] = profile / profile.max()
    return scaled


def axial_gain(profile: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return what each plane is multiplied by: 1 / profile, at most ``MAX_GAIN``."""
    gain: NDArray[np.float64] = 1 / np.maximum(profile, 1 / MAX_GAIN)
    return gain
