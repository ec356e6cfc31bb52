"""Whether the edges of a picture are where its neighbours have theirs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import filters


def edge_score(plane: NDArray[np.float32], expected: NDArray[np.float32]) -> float:
    """Return the correlation of two edge maps, 0 … 1.

    Parameters
    ----------
    plane, expected : array, shape (Y, X)
        The picture and what it should look like.

    Returns
    -------
    float
        max(0, Pearson correlation of the Sobel magnitudes); 0 where one has no edges.
    """
    sobel: Any = filters.sobel  # Any: skimage has no stubs
    a, b = sobel(plane).ravel(), sobel(expected).ravel()
    a, b = a - a.mean(), b - b.mean()
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return max(0.0, float(a @ b) / norm) if norm > 0 else 0.0
