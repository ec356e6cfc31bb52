"""How a plane of a volume differs from the anatomy: lateral shift, correlation, depth."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion, gaussian_filter, map_coordinates
from skimage.registration import phase_cross_correlation

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
_FINE, _COARSE = 1.0, 6.0
"""Band, voxels: speckle below, leftovers of illumination above."""
_ROUNDS = 6
_LEAST = 30


def correlation(found: Plane, wanted: Plane, where: Mask) -> float:
    """Return the normalised correlation over a mask; nan where one side is even."""
    a, b = found[where], wanted[where]
    if a.size < _LEAST or np.ptp(a) == 0 or np.ptp(b) == 0:
        return np.nan
    return float(np.corrcoef(a, b)[0, 1])


def displacement(found: Plane, wanted: Plane, where: Mask) -> tuple[float, float]:
    """Return where the content lies (y, x), from the anatomy's place, voxels; nan if not to tell.

    Least squares on band-passed brightness: found = a · anatomy(x + d) + b. Only ``found`` holds
    noise, so the gradient of the anatomy carries no bias; the mask is that of ``found`` and does
    not pull d towards 0. The start is the peak of the cross-correlation.
    """
    if where.sum() < _LEAST or np.ptp(found[where]) == 0 or np.ptp(wanted[where]) == 0:
        return np.nan, np.nan
    inner = binary_erosion(where, iterations=2)
    inner = inner if inner.sum() >= _LEAST else where
    weight = _smooth_in(where.astype(np.float32))
    a = _band(np.where(where, found, 0), weight)
    b = _band(np.where(where, wanted, 0), weight)
    found_start = phase_cross_correlation(b * where, a * where, normalization=None)  # type: ignore[no-untyped-call]
    start = found_start[0]
    shift = _refine(found, wanted, (where, inner), np.asarray(start, np.float64))
    return -float(shift[0]), -float(shift[1])


def depth_step(
    found: Sequence[Plane], wanted: Sequence[Plane], deeper: Sequence[Plane], where: Sequence[Mask]
) -> float:
    """Return how much deeper in the anatomy some planes fit better, in steps; nan if not to tell.

    Least squares: found = a · (anatomy + d · its change per step) + b, each plane with its own a
    and b (brightness may change with depth), d for all of them.

    Parameters
    ----------
    deeper : sequence of array
        Change of the anatomy per step of depth, at each plane.
    """
    above = below = 0.0
    for one, anatomy, slope, mask in zip(found, wanted, deeper, where, strict=True):
        f, w, g = (plane[mask] - plane[mask].mean() for plane in (one, anatomy, slope))
        if f.size < _LEAST or not (w @ w) > 0:
            continue
        gain = (f @ w) / (w @ w)
        along = gain * (g - (g @ w) / (w @ w) * w)
        above += float((f - gain * w) @ along)
        below += float(along @ along)
    return above / below if below > 0 else np.nan


def _refine(
    found: Plane, wanted: Plane, masks: tuple[Mask, Mask], shift: NDArray[np.float64]
) -> NDArray[np.float64]:
    where, inner = masks
    weight = _smooth_in(where.astype(np.float32))
    a = _band(np.where(where, found, 0), weight)[inner]
    grid = np.indices(found.shape, dtype=np.float64)
    for _ in range(_ROUNDS):
        moved = map_coordinates(wanted, grid + shift[:, None, None], order=3, mode="constant")
        b = _band(np.where(where, moved, 0), weight)
        gy, gx = (_band(np.where(where, g, 0), weight)[inner] for g in np.gradient(moved))
        terms = np.stack([b[inner], gy, gx, np.ones_like(a)], axis=1)
        gain, along_y, along_x, _ = np.linalg.lstsq(terms, a, rcond=None)[0]
        if gain <= 0:
            return np.array([np.nan, np.nan])
        step = np.clip(np.array([along_y, along_x]) / gain, -1, 1)
        shift = shift + step
        if np.abs(step).max() < 1e-3:
            break
    return shift


def _band(plane: Plane, weight: tuple[Plane, Plane]) -> Plane:
    fine = gaussian_filter(plane, _FINE) / weight[0]
    coarse = gaussian_filter(plane, _COARSE) / weight[1]
    return np.asarray(fine - coarse, dtype=np.float32)


def _smooth_in(where: Plane) -> tuple[Plane, Plane]:
    return tuple(np.maximum(gaussian_filter(where, s), 1e-3) for s in (_FINE, _COARSE))  # type: ignore[return-value]
