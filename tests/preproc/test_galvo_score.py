"""The page's three terms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.preproc.galvo_score import ANOMALY, CONTRAST, SHARPNESS, score_band, terms_of


def test_weights_add_up():
    "0.5 contrast, 0.3 sharpness, 0.2 anomaly."
    assert (CONTRAST, SHARPNESS, ANOMALY) == (0.5, 0.3, 0.2)
    assert sum((CONTRAST, SHARPNESS, ANOMALY)) == pytest.approx(1)


@pytest.mark.parametrize("inside", [80, 120])
def test_the_worked_numbers(inside):
    "Domain facts A.2: the same score for a darker and a brighter return."
    terms = terms_of(outside=100, inside=inside, edge=12, typical_gradient=2, deviation=8)
    assert (terms.contrast, terms.sharpness) == (1, 1)
    assert terms.anomaly == pytest.approx(1 / 3)
    assert terms.score == pytest.approx(0.867, abs=5e-4)


@given(st.integers(0, 10_000), st.integers(1, 59), st.integers(0, 59))
def test_the_score_is_a_fraction(seed, n, start):
    "Whatever the profile and the band."
    profile = np.random.default_rng(seed).gamma(2.0, 30.0, 60)
    assert 0 <= score_band(profile, start, n).score <= 1


@pytest.mark.parametrize("start", [30, 150, 395, 420])
@pytest.mark.parametrize("level", [60.0, 140.0])
def test_a_band_scores_high_wherever_it_lies(start, level):
    "Also where it wraps around the end, and whether it is darker or brighter."
    profile = 100 + np.random.default_rng(0).normal(0, 1, 440)
    profile[(start + np.arange(40)) % 440] = level
    assert score_band(profile, start, 40).score > 0.8
    assert score_band(profile, (start + 200) % 440, 40).score < 0.4


def test_a_flat_profile_scores_nothing():
    "No signal, no score; a band too short to measure neither."
    assert score_band(np.full(60, 7.0), 10, 12).score == 0
    assert score_band(np.arange(60.0), 10, 4).score == 0
