"""Structural similarity of two pictures that lie on each other."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import metrics

WINDOW_PX = 7
_MIN_WINDOW_PX = 3


def mean_ssim(planes: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the mean SSIM over planes, each brought to [0, 1] by its own range.

    Parameters
    ----------
    planes, others : array, shape (n, Y, X)
        Planes of the same depth; the window is 7 pixels, less on small planes.

    Returns
    -------
    float
        0 … 1 (a negative similarity counts as none); a plane without contrast counts as 0, and
        planes too small for a window give 0.
    """
    side = min(planes.shape[1:])
    window = min(WINDOW_PX, side if side % 2 else side - 1)
    if window < _MIN_WINDOW_PX:
        return 0.0
    values = [_ssim(a, b, window) for a, b in zip(planes, others, strict=True)]
    return float(np.mean(values))


def normalised(plane: NDArray[np.float32]) -> NDArray[np.float32] | None:
    """Return the plane brought to [0, 1], or None when it has no contrast."""
    low, high = float(plane.min()), float(plane.max())
    if high <= low:
        return None
    scaled: NDArray[np.float32] = (plane - low) / np.float32(high - low)
    return scaled


def _ssim(plane: NDArray[np.float32], other: NDArray[np.float32], window: int) -> float:
    a, b = normalised(plane), normalised(other)
    if a is None or b is None:
        return 0.0
    compare: Any = metrics.structural_similarity  # Any: skimage has no stubs
    return max(0.0, float(compare(a, b, win_size=window, data_range=1.0)))
