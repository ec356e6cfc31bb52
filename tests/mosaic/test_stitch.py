"""Positions of all tiles from all overlaps and the stage."""

import numpy as np
import pytest

from linumpy.mosaic.overlap import INCONCLUSIVE, PairShift
from linumpy.mosaic.stitch import (
    Pair,
    neighbours,
    positions_from_transform,
    refine_positions,
)


def pairs_of(true, *, sigma=0.05, rng=None, wrong=()):
    found = []
    for first, second in neighbours(list(true)):
        delta = np.subtract(true[second], true[first])
        if rng is not None:
            delta = delta + sigma * rng.standard_normal(2)
        if (first, second) in wrong:
            delta = delta + np.array([9.0, -8.0])
        shift = PairShift(*delta, 0.9, np.eye(2) / sigma**2, is_conclusive=True)
        found.append(Pair(first, second, shift))
    return found


def grid_of(rows, columns, rng, size=5.0):
    return {(r, c): tuple(rng.uniform(-size, size, 2)) for r in range(rows) for c in range(columns)}


def error_of(refined, true):
    error = np.array([np.subtract(refined.correction_px[p], true[p]) for p in true])
    return error - error.mean(axis=0)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (4, 6)])
def test_jitter_is_found_on_any_grid(shape):
    "Corrections are the stage's errors up to the mean, on one row and on one column too (V4)."
    rng = np.random.default_rng(0)
    true = grid_of(*shape, rng)
    refined = refine_positions(list(true), pairs_of(true, rng=rng), max_correction_px=10)
    assert np.abs(error_of(refined, true)).max() < 0.3
    assert np.median(np.abs(error_of(refined, true))) < 0.1
    assert np.abs(np.mean(list(refined.correction_px.values()), axis=0)).max() < 1e-9


def test_a_common_scale_error_moves_border_tiles_the_right_way():
    "When every step is 1 px too short, tiles fan out; the border is not pulled back (V2)."
    true = {(0, c): (0.0, float(c)) for c in range(6)}
    refined = refine_positions(list(true), pairs_of(true), max_correction_px=10)
    steps = np.diff([refined.correction_px[0, c][1] for c in range(6)])
    np.testing.assert_allclose(steps, 1, atol=0.02)


def test_a_wrong_match_is_rejected():
    "One overlap that contradicts the others does not move its tiles."
    rng = np.random.default_rng(1)
    true = grid_of(4, 4, rng, size=1.0)
    wrong = ((1, 1), (1, 2))
    refined = refine_positions(
        list(true), pairs_of(true, rng=rng, wrong=(wrong,)), max_correction_px=10
    )
    assert wrong in refined.rejected
    assert np.abs(error_of(refined, true)).max() < 0.3


def test_a_truthful_stage_is_left_alone():
    "Noise of the overlaps does not move tiles when the stage explains them."
    rng = np.random.default_rng(2)
    true = {(r, c): (0.0, 0.0) for r in range(5) for c in range(5)}
    noisy = pairs_of(true, sigma=0.5, rng=rng)
    refined = refine_positions(list(true), noisy, max_correction_px=10)
    assert np.abs(list(refined.correction_px.values())).max() < 0.25


def test_tiles_without_information_keep_the_stage_and_are_flagged():
    "A tile whose overlaps say nothing stays where the stage put it."
    true = {(0, 0): (0.0, 0.0), (0, 1): (0.0, 4.0), (0, 2): (3.0, 3.0)}
    pairs = pairs_of(true)
    pairs[1] = Pair((0, 1), (0, 2), INCONCLUSIVE)
    refined = refine_positions(list(true), pairs, max_correction_px=10)
    assert refined.flagged == {(0, 2)}
    assert refined.correction_px[0, 2] == (0.0, 0.0)


def test_no_overlap_at_all_is_the_stage():
    "A single tile keeps its place and is flagged."
    refined = refine_positions([(0, 0)], [], max_correction_px=10)
    assert refined.correction_px == {(0, 0): (0.0, 0.0)}
    assert refined.flagged == {(0, 0)}


def test_a_transform_places_the_grid_on_the_stage_s_mean():
    "Positions are A (row, column), moved as a whole to where the stage saw the mosaic."
    matrix = np.array([[320.0, 2.0], [-1.0, 322.0]])
    places = [(0, 0), (0, 1), (1, 0), (1, 1)]
    stage = {p: (320.0 * p[0] + 7, 320.0 * p[1] - 3) for p in places}
    placed = positions_from_transform(places, matrix, stage)
    assert np.subtract(placed[0, 1], placed[0, 0]) == pytest.approx((2, 322))
    assert np.mean(list(placed.values()), axis=0) == pytest.approx(
        np.mean(list(stage.values()), axis=0)
    )
