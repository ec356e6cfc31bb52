"""Area-weighted resampling along one axis, as a small matrix.

An output voxel is the average of the input that lies under it: anti-aliased when it shrinks,
exact about positions for any factor and any sub-voxel phase, and a weighted sum of measured
values only. Separable: apply one matrix per axis.
"""

import numpy as np
from numpy.typing import NDArray

_SLIVER = 1e-9


def overlap_matrix(
    n_in: int,
    step_in: float,
    n_out: int,
    step_out: float,
    *,
    start_in: float = 0.0,
    start_out: float = 0.0,
) -> NDArray[np.float32]:
    """Return the share of each input voxel in each output voxel.

    Parameters
    ----------
    n_in, n_out : int
        Number of voxels.
    step_in, step_out : float
        Voxel size, one unit for all four lengths.
    start_in, start_out : float
        Position of the first voxel's lower edge.

    Returns
    -------
    array, shape (n_out, n_in), float32
        Entry (k, i) = length of the overlap of output k with input i, divided by ``step_out``.
        A row sums to the covered share of the output voxel: 1 where it is covered whole, 0 where
        there is no input. Divide by that sum (where > 0) for an average of what was measured.

    Notes
    -----
    When ``step_out < step_in`` this is the box (nearest) interpolation with exact borders.

    Examples
    --------
    >>> overlap_matrix(4, 1.0, 2, 2.0).tolist()
    [[0.5, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]]
    """
    low_in = start_in + step_in * np.arange(n_in, dtype=np.float64)
    low_out = start_out + step_out * np.arange(n_out, dtype=np.float64)[:, None]
    overlap = np.minimum(low_in + step_in, low_out + step_out) - np.maximum(low_in, low_out)
    share = np.clip(overlap, 0.0, None) / step_out
    # Rounding of positions must not make a sliver of a voxel that is not there.
    share[share < _SLIVER] = 0.0
    matrix: NDArray[np.float32] = share.astype(np.float32)
    return matrix
