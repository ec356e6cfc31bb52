"""Resampling matrices: positions, sums, borders, and one result in every array namespace."""

import array_api_strict as strict
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.compute.resample import overlap_matrix, resample_axis, resampling_matrix

STEPS = st.floats(0.5, 8.0)


@given(step_in=STEPS, step_out=STEPS, phase=st.floats(0, 1))
def test_positions_are_right(step_in, step_out, phase):
    "The weights of an output voxel are centred on it, within 0.1 of an input voxel."
    n_in = int(12 * max(step_in, step_out) / step_in) + 4
    n_out = max(1, int((n_in * step_in) / step_out) - 4)
    start = 1.5 * max(step_in, step_out) + phase * step_out
    matrix = resampling_matrix(n_in, step_in, n_out, step_out, start_out=start)
    covered = matrix.sum(axis=1) > 0.999
    centres_in = (np.arange(n_in) + 0.5) * step_in
    centres_out = start + (np.arange(n_out) + 0.5) * step_out
    error = (matrix @ centres_in - centres_out)[covered]
    assert np.abs(error).max(initial=0) <= 0.1 * step_in


@given(step_out=STEPS, phase=st.floats(-3, 3))
def test_overlap_sums_to_the_covered_share(step_out, phase):
    "A row of the overlap matrix sums to what input covers of the output voxel."
    matrix = overlap_matrix(10, 1.0, 5, step_out, start_out=phase)
    low = phase + step_out * np.arange(5)
    share = (np.clip(low + step_out, 0, 10) - np.clip(low, 0, 10)) / step_out
    np.testing.assert_allclose(matrix.sum(axis=1), share, atol=1e-5)


def test_coarser_is_the_area_average():
    "When voxels grow, resampling is the average of what lies under them."
    kwargs = {"start_in": 0.3, "start_out": 1.0}
    np.testing.assert_array_equal(
        resampling_matrix(20, 1.0, 6, 2.5, **kwargs), overlap_matrix(20, 1.0, 6, 2.5, **kwargs)
    )


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_every_axis_in_every_namespace(axis):
    "numpy and the strict array API give the same numbers, which einsum gives too."
    block = np.random.default_rng(0).random((5, 6, 7)).astype(np.float32)
    matrix = resampling_matrix(block.shape[axis], 1.0, 4, 1.3)
    wanted = np.moveaxis(np.tensordot(matrix, block, axes=(1, axis)), 0, axis)
    np.testing.assert_allclose(resample_axis(block, matrix, axis), wanted, rtol=1e-5)
    found = resample_axis(strict.asarray(block), strict.asarray(matrix), axis)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-5)
