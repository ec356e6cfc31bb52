"""A slice against the slices around it: what is missing, and whether it is the odd one out.

Pictures come in already lying on each other; how they were brought there is not decided here.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

_DARK = 0.35  # a place with less than this share of what both neighbours show is missing
_SMOOTH_PX = 1.5  # speckle and small misfits are no loss
_FULL_SLAB = 0.2  # a slab with less than this share of the fullest slab's tissue says little
_TISSUE = 0.2  # share of the bright end above which a neighbour shows tissue


def missing_share(
    planes: NDArray[np.float32], before: NDArray[np.float32], after: NDArray[np.float32]
) -> float:
    """Return the share of the tissue that both neighbours show and this slice does not.

    Parameters
    ----------
    planes, before, after : array, shape (n_slabs, Y, X)
        The slice and two others, lying on each other; 0 outside their data.

    Returns
    -------
    float
        0 … 1, weighted by brightness: the larger of the share over the whole depth and over one
        slab. The shallowest slab does not count alone: the surface of a good slice may lie a
        little deeper. 0 when the neighbours share no tissue.
    """
    smooth = [
        ndimage.gaussian_filter(p, (0, _SMOOTH_PX, _SMOOTH_PX)) for p in (planes, before, after)
    ]
    expected = np.minimum(smooth[1], smooth[2])
    threshold = _TISSUE * float(np.percentile(expected, 98))
    total = np.where(expected > threshold, expected, 0).sum(axis=(1, 2), dtype=np.float64)
    dark = (expected > threshold) & (smooth[0] < _DARK * expected)
    lost = np.where(dark, expected, 0).sum(axis=(1, 2), dtype=np.float64)
    if total.sum() <= 0:
        return 0.0
    counts = total > _FULL_SLAB * total.max()
    counts[: int(np.argmax(counts)) + 1] = False
    single = lost[counts] / total[counts]
    return float(max(lost.sum() / total.sum(), single.max(initial=0.0)))


def oddity(i: int, n: int, likeness: Callable[[int, int], float]) -> float:
    """Return by how much two slices nearby are more alike than either is like slice ``i``.

    Parameters
    ----------
    i, n : int
        Place of the slice in the order of slices, and their number.
    likeness : callable
        ``likeness(j, k)`` with j < k <= j + 2: how well two slices agree, -1 … 1.

    Returns
    -------
    float
        The largest over all pairs within two places; below 0 for a slice between its equals.
        A good slice beside a damaged one has another good one to be like.
    """
    near = [j for j in (i - 2, i - 1, i + 1, i + 2) if 0 <= j < n]
    found = [
        _like(likeness, j, k) - max(_like(likeness, i, j), _like(likeness, i, k))
        for a, j in enumerate(near)
        for k in near[a + 1 :]
        if k - j <= 2  # noqa: PLR2004
    ]
    return max(found, default=0.0)


def references(i: int, n: int) -> Sequence[int]:
    """Return the two places that slice ``i`` of ``n`` is held against, nearest on each side.

    At an end both lie on the same side; fewer when there are not enough slices.
    """
    order = sorted((j for j in range(n) if j != i), key=lambda j: (abs(j - i), j))
    return sorted(order[:2])


def _like(likeness: Callable[[int, int], float], i: int, j: int) -> float:
    return max(0.0, likeness(min(i, j), max(i, j)))
