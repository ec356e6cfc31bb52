"""Statistics of pooled values: what targets are made of.

Each function of this module returns a function of the pooled values (name → array) that gives one
number, nan where it is not defined. A nan among the values makes the number nan: a value that could
not be measured is never dropped.
"""

import numpy as np
from scipy.stats import rankdata, spearmanr

from accuracy.measure import Statistic, Values


def quantile(name: str, share: float) -> Statistic:
    """Return the quantile of ``name`` (0.5 median, 1.0 largest)."""

    def statistic(values: Values) -> float:
        found = _of(values, name)
        return float(np.quantile(found, share)) if found.size else np.nan

    return statistic


def rate(name: str) -> Statistic:
    """Return the mean of ``name``: the share of ones among labels."""

    def statistic(values: Values) -> float:
        found = _of(values, name)
        return float(found.mean()) if found.size else np.nan

    return statistic


def total(name: str) -> Statistic:
    """Return the sum of ``name``; 0 where nothing was counted is nan, not 0."""

    def statistic(values: Values) -> float:
        found = _of(values, name)
        return float(found.sum()) if found.size else np.nan

    return statistic


def auc(score: str, label: str) -> Statistic:
    """Return the area under the ROC curve: P(score of a 1 > score of a 0), ties count half."""

    def statistic(values: Values) -> float:
        scores, labels = _of(values, score), _of(values, label) > 0.5
        n_ones = int(labels.sum())
        n_zeros = labels.size - n_ones
        if n_ones == 0 or n_zeros == 0 or np.isnan(scores).any():
            return np.nan
        ranks = rankdata(scores)
        return float((ranks[labels].sum() - n_ones * (n_ones + 1) / 2) / (n_ones * n_zeros))

    return statistic


def precision(found: str, planted: str) -> Statistic:
    """Return the share of what was found (1) that was planted (1); nan where nothing was found."""

    def statistic(values: Values) -> float:
        said, true = _of(values, found) > 0.5, _of(values, planted) > 0.5
        return float(true[said].mean()) if said.any() else np.nan

    return statistic


def recall(found: str, planted: str) -> Statistic:
    """Return the share of what was planted (1) that was found (1); nan where none was planted."""
    return precision(planted, found)


def spearman(one: str, other: str) -> Statistic:
    """Return the rank correlation; nan where a side is constant or fewer than three pairs."""

    def statistic(values: Values) -> float:
        a, b = _of(values, one), _of(values, other)
        if a.size < 3 or np.ptp(a) == 0 or np.ptp(b) == 0 or np.isnan([a, b]).any():
            return np.nan
        return float(spearmanr(a, b).statistic)

    return statistic


def _of(values: Values, name: str) -> np.ndarray:
    return np.asarray(values.get(name, ()), dtype=np.float64)
