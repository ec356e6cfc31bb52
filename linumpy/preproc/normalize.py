"""From measured brightness to 0 … 1: what is agarose, what is tissue, one divisor per slice."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.filters import threshold_otsu

_MIN_CLASS_RATIO = 2.5
_MAX_AGAROSE_SPREAD = 0.35
_MIN_CELLS = 20
_BOUNDARY_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Levels:
    """How bright agarose is, and from where on something is tissue; background removed.

    ``agarose`` is 0 and ``threshold`` low when everything is tissue.
    """

    agarose: float
    threshold: float


def find_levels(brightness: NDArray[np.float64]) -> Levels:
    """Split cells into agarose and tissue by their mean brightness under the surface.

    Parameters
    ----------
    brightness : array, shape (n,)
        Mean of cells, background removed; cells without data are left out by the caller.

    Returns
    -------
    Levels

    Notes
    -----
    Otsu on the logarithm. Two guards: tissue must be 2.5 times as bright as agarose, and agarose
    must be even (robust spread of its logarithm ≤ 0.35), else the split runs through tissue and
    there is none. The threshold is a quarter of the way, in log, from agarose to tissue: tissue
    that is darker than most stays.
    """
    positive = brightness[brightness > 0]
    if len(positive) < _MIN_CELLS:
        return Levels(0.0, 0.0)
    logs = np.log(np.maximum(positive, 1e-3 * float(np.percentile(positive, 99))))
    if float(np.ptp(logs)) <= 0:
        return Levels(0.0, 0.5 * float(positive[0]))
    split = float(threshold_otsu(logs))  # type: ignore[no-untyped-call]  # scikit-image has none
    low, high = logs[logs <= split], logs[logs > split]
    spread = 1.4826 * float(np.median(np.abs(low - np.median(low))))
    gap = float(np.median(high) - np.median(low))
    if gap < np.log(_MIN_CLASS_RATIO) or spread > _MAX_AGAROSE_SPREAD:
        return Levels(0.0, 0.1 * float(np.median(positive)))
    agarose = float(np.exp(np.median(low)))
    return Levels(agarose, float(np.exp(np.median(low) + _BOUNDARY_SHARE * gap)))


def agarose_per_plane(
    planes: NDArray[np.float64], is_agarose: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return the median of agarose in every plane; 0 where too few cells show it.

    Parameters
    ----------
    planes : array, shape (n_planes, n_cells)
        Corrected for depth; NaN where not covered.
    is_agarose : array, shape (n_cells,), bool
    """
    level = np.zeros(planes.shape[0], np.float32)
    for k, plane in enumerate(planes[:, is_agarose]):
        seen = plane[np.isfinite(plane)]
        if len(seen) >= _MIN_CELLS:
            level[k] = max(float(np.median(seen)), 0.0)
    return level


def estimate_divisor(samples: NDArray[np.float64], *, percentile: float) -> float:
    """Return the one number that a slice is divided by: a high percentile of its tissue.

    Parameters
    ----------
    samples : array, shape (n_planes, n)
        Voxels of tissue at the working resolution, agarose removed; NaN where there is none.
    percentile : float
        Upper clip, 0 to 100.

    Returns
    -------
    float
        The 90th percentile over planes of their percentiles, so one saturated plane does not dim
        the slice; 1 when there is nothing to measure.
    """
    per_plane = [
        float(np.percentile(seen, percentile))
        for seen in (plane[np.isfinite(plane)] for plane in samples)
        if len(seen)
    ]
    found = float(np.percentile(per_plane, 90)) if per_plane else 0.0
    return found if found > 0 else 1.0


def tissue_mask(
    overview: NDArray[np.float32],
    *,
    threshold: float,
    smooth_px: float,
    margin_px: int,
    min_area_px: int,
) -> NDArray[np.bool_]:
    """Return where voxels are kept: tissue, what it encloses, and a margin around it.

    Parameters
    ----------
    overview : array, shape (ny, nx)
        Mean over depth, background removed; 0 where there are no data.
    threshold : float
        From `find_levels`.
    smooth_px : float
        Gaussian that takes the speckle out first.
    margin_px : int
        The mask grows by this much, so that a faint edge of tissue is never cut.
    min_area_px : int
        Smaller islands are dust.
    """
    bright = ndimage.gaussian_filter(overview, smooth_px) > threshold
    labels, n = ndimage.label(bright)
    if n:
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        bright = (sizes >= min(min_area_px, int(sizes.max())))[labels]
    filled = ndimage.binary_fill_holes(bright)
    if margin_px and filled.any():
        # Distance, not dilation in a square: the margin is the same in every direction.
        filled = ndimage.distance_transform_edt(~filled) <= margin_px
    mask: NDArray[np.bool_] = np.asarray(filled, dtype=bool)
    return mask
