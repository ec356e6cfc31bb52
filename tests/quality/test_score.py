"""The score: 1 for equal neighbours, less for whatever differs, 0 for nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy
from scipy import ndimage

from linumpy.quality.edges import edge_score
from linumpy.quality.score import NOTHING, Ceiling, Score, ceiling_of, score, variance_score
from linumpy.quality.ssim import mean_ssim


def planes(seed=0, n=3, side=48):
    rng = np.random.default_rng(seed)
    field = ndimage.gaussian_filter(rng.normal(size=(n, side, side)), (0, 4, 4))
    return (2 + field / field.std()).clip(0.1).astype(np.float32)


def test_weights_are_those_of_the_page():
    "S = 0.5 SSIM + 0.3 edges + 0.2 variance."
    assert Score(0.4, 0.8, 0.5, 0.25).overall == 0.5
    assert Score(None, 0.8, 0.0, 0.0).overall == 0.4


def test_identical_neighbours_score_one():
    "Also with a gain between them, and at an end of the stack."
    same = planes()
    assert score(same, same, same).overall == 1
    assert score(same, 1.5 * same, None).overall == 1
    assert score(same, None, same).ssim_before is None


def test_speckle_alone_costs_little():
    "The same tissue in independent speckle scores at least 0.95."
    rng = np.random.default_rng(4)
    tissue = planes(side=96)
    views = [(tissue * rng.gamma(30, 1 / 30, tissue.shape)).astype(np.float32) for _ in range(3)]
    assert score(views[1], views[0], views[2]).overall >= 0.95


def test_the_ceiling_makes_up_for_coarse_speckle_and_no_more():
    "Same tissue at a look per voxel reaches 0.95, another tissue stays far below."
    rng = np.random.default_rng(5)
    tissue = planes(side=96)

    def slice_of(what):
        looks = what * rng.gamma(1, 1, (2, *what.shape))
        return looks.astype(np.float32)

    own, before, after, other = (slice_of(t) for t in (tissue, tissue, tissue, planes(1, side=96)))
    ceiling = ceiling_of(own)
    found = score(own.mean(axis=0), before.mean(axis=0), after.mean(axis=0), ceiling)
    assert found.plain < 0.9
    assert found.overall >= 0.95
    wrong = score(other.mean(axis=0), before.mean(axis=0), after.mean(axis=0), ceiling)
    assert wrong.overall < 0.6


def test_a_ceiling_is_never_so_low_that_it_excuses_all():
    "Looks with nothing in common give half."
    rng = np.random.default_rng(6)
    noise = rng.normal(size=(2, 3, 64, 64)).astype(np.float32)
    assert ceiling_of(noise) == Ceiling(0.5, 0.5)


def test_another_tissue_scores_lower_than_a_similar_one():
    "The order of scores is the order of likeness."
    one, other = planes(0), planes(1)
    half = ((one + other) / 2).astype(np.float32)
    found = [score(x, one, one).overall for x in (one, half, other)]
    assert found[0] > found[1] > found[2]


def test_only_what_all_cover_is_compared():
    "A neighbour that was displaced brings zeros along; they cost nothing."
    same = planes()
    cut = same.copy()
    cut[:, :10, :] = 0
    assert score(same, cut, same).overall == pytest.approx(1)


@pytest.mark.parametrize("empty", [np.zeros((3, 48, 48)), np.full((3, 48, 48), 5.0)])
def test_no_data_scores_nothing(empty):
    "A slice without contrast or without neighbours is 0."
    assert score(empty.astype(np.float32), planes(), planes()) == NOTHING
    assert score(planes(), None, None) == NOTHING
    assert NOTHING.overall == 0


def test_too_little_in_common_scores_nothing():
    "Two pixels of overlap are not compared."
    sliver = planes()
    sliver[:, 2:, :] = 0
    assert score(planes(), sliver, None) == NOTHING


def test_parts_without_contrast():
    "A flat plane has no similarity and no edges; a plane below three pixels has no window."
    flat, real = np.ones((1, 9, 9), np.float32), planes(n=1, side=9)
    assert mean_ssim(flat, real) == 0
    assert edge_score(flat[0], real[0]) == 0
    assert mean_ssim(real[:, :2, :2], real[:, :2, :2]) == 0
    assert variance_score(1.0, 0.0) == 0


@settings(max_examples=30, deadline=None)
@given(
    st.lists(
        st_numpy.arrays(np.float32, (2, 12, 12), elements=st.floats(0, 1000, width=32)),
        min_size=3,
        max_size=3,
    )
)
def test_a_score_is_between_0_and_1(stacks):
    "Whatever the pictures hold."
    assert 0 <= score(*stacks).overall <= 1
