import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId
from linumpy.stack.blend import Layer, compose, find_overlaps, hann_weights, share_planes
from linumpy.stack.canvas import Placed, fit_canvas, start_planes


def layers(*spans, skip=0):
    return [
        Layer(SliceId(i), start, n, skip=skip if i else 0) for i, (start, n) in enumerate(spans)
    ]


def test_worked_hann_weights():
    "Five blended planes: 0, 0.1464, 0.5, 0.8536, 1."
    assert hann_weights(5).round(4).tolist() == [0.0, 0.1464, 0.5, 0.8536, 1.0]


def test_worked_overlap():
    "60 planes, interval 20, 4 skipped: overlap 36; every slice adds 20 planes."
    stack = layers((0, 60), (20, 60), (40, 60), skip=4)
    overlaps = find_overlaps(stack)
    assert [overlaps[SliceId(i)].n_planes for i in (1, 2)] == [36, 36]
    assert stack[-1].end == 60 + 20 * 2


@given(st.lists(st.integers(3, 9), min_size=1, max_size=6), st.integers(1, 8), st.integers(0, 2))
def test_weights_of_a_plane_sum_to_one(depths, interval, skip):
    "Wherever a slice reaches, the shares add up to 1 and none is 0."
    stack = layers(*[(i * interval, n) for i, n in enumerate(depths)], skip=skip)
    depth = max(layer.end for layer in stack)
    for plane in share_planes(stack, find_overlaps(stack), depth):
        assert all(share.weight > 0 for share in plane)
        assert not plane or sum(share.weight for share in plane) == pytest.approx(1)


def test_a_voxel_of_one_slice_shows_that_slice():
    "What only one slice measured is not diluted by the zeros of the other."
    stack = layers((0, 5), (3, 5))
    (shares,) = share_planes(stack, find_overlaps(stack), 8)[3:4]
    planes = {SliceId(0): np.array([[2.0, 0, 0]]), SliceId(1): np.array([[0, 6.0, 0]])}
    found = compose(shares, lambda share: planes[share.layer.slice_id].astype(np.float32))
    np.testing.assert_allclose(found, [[2, 6, 0]], rtol=1e-6)


def test_a_missing_id_leaves_its_place():
    "Starts follow ids, not the number of slices; rounding does not add up."
    ids = {SliceId(n): 8 for n in (3, 4, 7, 100)}
    found = start_planes(ids, interval_mm=0.2, resolution_mm=0.03)
    assert list(found.values()) == [0, 7, 27, 647]


@given(
    st.lists(
        st.tuples(st.integers(-20, 20), st.integers(-20, 20), st.integers(1, 9), st.integers(1, 9)),
        min_size=1,
        max_size=5,
    )
)
def test_the_canvas_holds_every_slice_and_no_more(boxes):
    "Every slice on whole voxels, at least one touching each side."
    placed = {
        SliceId(i): Placed((y * 0.05, x * 0.05), (h, w)) for i, (y, x, h, w) in enumerate(boxes)
    }
    canvas = fit_canvas(placed, 0.05)
    for axis in (0, 1):
        low = [canvas.offset_px[i][axis] for i in placed]
        high = [canvas.offset_px[i][axis] + one.shape[axis] for i, one in placed.items()]
        assert all(float(v).is_integer() for v in low)
        assert (min(low), max(high)) == (0, canvas.shape[axis])
