"""From trials to met or missed: pooling, quartiles, crashes, what cannot run."""

import math

import numpy as np
import pytest

from accuracy.measure import Measure, Target, Trial, pool
from accuracy.rows import LEAST_N, Drawn, quartiles, rows_of, worst_parts
from accuracy.statistics import quantile

TARGET = Target(
    label="median error",
    statistic=quantile("error", 0.5),
    needs=("error",),
    sense="at most",
    bound=0.5,
)


def measure():
    return Measure(
        name="m", how="", trial=trial, targets=(TARGET,), quick=1, full=1, worst_by="error"
    )


def trial(seed, error=0.1, n=LEAST_N, **drawn):
    kinds = {"anatomy": drawn.pop("anatomy")} if "anatomy" in drawn else {}
    return Trial(seed=seed, drawn=drawn, found={"error": (error,) * n}, kinds=kinds)


def test_trials_pool_their_values_and_not_their_means():
    "Thirty small errors of one trial outweigh one large error of another."
    pooled = pool([trial(0, 0.1, n=30), trial(1, 9.0, n=1)])
    assert pooled["error"].size == 31
    assert TARGET.statistic(pooled) == pytest.approx(0.1)


def test_a_bad_quartile_misses_a_target_that_holds_overall():
    "The target holds in the worst quarter too."
    trials = [trial(k, 0.1 if k < 15 else 0.9, overlap=k / 20) for k in range(20)]
    row = rows_of(measure(), Drawn(trials=tuple(trials)))[0]
    assert row.value == pytest.approx(0.1)
    assert row.state == "missed"
    assert row.why == "worst of overlap"
    part = row.parts[0]
    assert (part.low, part.high) == (0.75, 0.95)
    assert (part.smallest, part.largest) == (0.0, 0.95)


def test_a_quartile_of_few_values_says_nothing():
    "n is shown, and decides nothing."
    trials = [trial(k, 0.1 if k < 15 else 0.9, n=1, overlap=k / 20) for k in range(20)]
    row = rows_of(measure(), Drawn(trials=tuple(trials)))[0]
    assert row.state == "met"
    assert not row.parts[0].counts


def test_the_worst_kind_is_named():
    "Qualities that are no numbers have parts too."
    trials = [trial(0, 0.1, anatomy="brain"), trial(1, 0.3, anatomy="layers")]
    part = worst_parts(TARGET, trials)[0]
    assert (part.kind, part.value) == ("layers", pytest.approx(0.3))


def test_equal_values_are_in_one_quartile():
    "Otherwise chance would decide which quarter a trial is in."
    at = np.array([1, 1, 1, 1, 1, 2, 3, 3.0])
    groups = quartiles(at)
    assert sorted(np.concatenate(groups)) == list(range(8))
    assert all(len({k for k, group in enumerate(groups) if v in at[group]}) == 1 for v in at)


def test_a_trial_that_fails_misses_every_target():
    "A crash is never left out of the figures."
    row = rows_of(measure(), Drawn(trials=(trial(0),), failed={1: "ValueError: x"}))[0]
    assert row.state == "missed"
    assert "1 of 2 trials failed" in row.why


def test_what_cannot_run_is_said():
    "Neither met nor missed."
    row = rows_of(measure(), Drawn(trials=(), not_run={0: "no ../shared"}))[0]
    assert (row.state, row.why) == ("not run", "no ../shared")
    assert math.isnan(row.value)


def test_no_values_are_missed():
    "A measure that finds nothing to measure has shown nothing."
    empty = Trial(seed=0, drawn={}, found={})
    assert rows_of(measure(), Drawn(trials=(empty,)))[0].state == "missed"


def test_a_ceiling_stands_beside_the_result():
    "The oracle's values go through the same statistic."
    one = Trial(seed=0, drawn={}, found={"error": (0.4,)}, oracle={"error": (0.2,)})
    assert rows_of(measure(), Drawn(trials=(one,)))[0].oracle == pytest.approx(0.2)
