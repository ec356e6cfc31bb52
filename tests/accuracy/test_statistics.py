"""Statistics against values worked out by hand."""

import numpy as np
import pytest

from accuracy import statistics


def values(**named):
    return {name: np.array(some, dtype=float) for name, some in named.items()}


def test_auc_is_the_chance_that_a_planted_one_scores_more():
    "Of the 2 × 3 pairs four are in order and one is a tie."
    pooled = values(score=[3, 1, 2, 1, 0], label=[1, 1, 0, 0, 0])
    assert statistics.auc("score", "label")(pooled) == pytest.approx((3 + 1.5) / 6)


@pytest.mark.parametrize("labels", [[1, 1], [0, 0]])
def test_auc_needs_both_kinds(labels):
    "With one kind alone there is nothing to tell apart."
    pooled = values(score=[1, 2], label=labels)
    assert np.isnan(statistics.auc("score", "label")(pooled))


def test_precision_and_recall_are_not_each_other():
    "Two found of which one planted; three planted."
    pooled = values(found=[1, 1, 0, 0], planted=[1, 0, 1, 1])
    assert statistics.precision("found", "planted")(pooled) == pytest.approx(1 / 2)
    assert statistics.recall("found", "planted")(pooled) == pytest.approx(1 / 3)


def test_what_was_not_measured_is_not_dropped():
    "A nan among the values makes the figure nan, which meets no target."
    pooled = values(error=[0.1, np.nan], score=[np.nan, 1], label=[0, 1], other=[1, 2])
    for statistic in (
        statistics.quantile("error", 0.5),
        statistics.rate("error"),
        statistics.total("error"),
        statistics.auc("score", "label"),
        statistics.spearman("error", "other"),
    ):
        assert np.isnan(statistic(pooled))


def test_quantiles_of_nothing_are_no_number():
    "Neither 0 nor an exception."
    assert np.isnan(statistics.quantile("error", 0.95)({}))
    assert np.isnan(statistics.total("error")({}))


def test_spearman_sees_order_alone():
    "A monotone curve counts like a line."
    pooled = values(confidence=[1, 2, 3, 4], error=[10, 8, 1, 0.5])
    assert statistics.spearman("confidence", "error")(pooled) == pytest.approx(-1)
