"""Resampling along one axis, as a small matrix; separable: apply one matrix per axis.

`overlap_matrix` averages what lies under an output voxel. `resampling_matrix` is what images are
resampled with: the same average when the grid gets coarser, linear interpolation when it does not.
Weights come from positions alone, so any sub-voxel phase of the input is exact.
"""

from typing import Any

import numpy as np
from array_api_compat import array_namespace
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
    low_out = start_out + step_out * np.arange(n_out, dtype=np.float64)
    return _shares(n_in, step_in, start_in, low_out, step_out)


def resampling_matrix(
    n_in: int,
    step_in: float,
    n_out: int,
    step_out: float,
    *,
    start_in: float = 0.0,
    start_out: float = 0.0,
) -> NDArray[np.float32]:
    """Return the weights that resample an axis: right to 0.05 of an input voxel, anti-aliased.

    Parameters
    ----------
    n_in, step_in, n_out, step_out, start_in, start_out
        As for `overlap_matrix`.

    Returns
    -------
    array, shape (n_out, n_in), float32
        A row averages the input under a window about the output's centre, as wide as the larger
        of the two voxels. Rows sum to the share of that window that the input covers.

    Notes
    -----
    Equal steps: linear interpolation. Finer output: linear interpolation, so a position is never
    rounded to an input voxel. Coarser output: `overlap_matrix`. Measured on a shifted texture at
    equal steps and on the sample acquisition, a cubic kernel keeps more of the speckle and not
    more of the anatomy (see docs/processing.md).

    Examples
    --------
    >>> resampling_matrix(3, 1.0, 2, 1.0, start_out=0.25).tolist()
    [[0.75, 0.25, 0.0], [0.0, 0.75, 0.25]]
    """
    width = max(step_in, step_out)
    centre_out = start_out + step_out * (np.arange(n_out, dtype=np.float64) + 0.5)
    return _shares(n_in, step_in, start_in, centre_out - width / 2, width)


def resample_axis(array: Any, matrix: Any, axis: int) -> Any:  # Any: arrays of any namespace
    """Return ``array`` with one axis replaced by ``matrix`` times it.

    Parameters
    ----------
    array : array of any namespace
    matrix : array of the same namespace and dtype, shape (n_out, array.shape[axis])
    axis : int
        0, 1 or 2 of a (z, y, x) block.
    """
    xp = array_namespace(array, matrix)
    shape = array.shape
    if axis == 0:
        flat = xp.reshape(array, (shape[0], -1))
        return xp.reshape(matrix @ flat, (matrix.shape[0], *shape[1:]))
    if axis == array.ndim - 1:
        flat = xp.reshape(array, (-1, shape[-1]))
        return xp.reshape(flat @ xp.matrix_transpose(matrix), (*shape[:-1], matrix.shape[0]))
    return matrix @ array


def _shares(
    n_in: int, step_in: float, start_in: float, low_out: NDArray[np.float64], width: float
) -> NDArray[np.float32]:
    low_in = start_in + step_in * np.arange(n_in, dtype=np.float64)
    low = low_out[:, None]
    overlap = np.minimum(low_in + step_in, low + width) - np.maximum(low_in, low)
    share = np.clip(overlap, 0.0, None) / width
    # Rounding of positions must not make a sliver of a voxel that is not there.
    share[share < _SLIVER] = 0.0
    matrix: NDArray[np.float32] = share.astype(np.float32)
    return matrix
