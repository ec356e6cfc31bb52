"""From trials to rows of the table: results, worst quartiles, met or missed."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from accuracy.measure import Measure, Target, Trial, pool

LEAST_N = 30
"""A part with fewer pooled values says nothing about a quartile."""
N_QUARTILES = 4
State = Literal["met", "missed", "not run"]


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """The trials of one measure: drawn, failed with what they said, or not run for a reason."""

    trials: tuple[Trial, ...]
    failed: Mapping[int, str] = field(default_factory=dict)
    not_run: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Part:
    """A statistic on the worst quarter of the trials along one varied quantity.

    ``low`` and ``high`` bound that quarter, ``smallest`` and ``largest`` all trials. For a quality
    that is no number ``kind`` names the worst one and the bounds are nan.
    """

    quantity: str
    value: float
    n: int
    low: float = math.nan
    high: float = math.nan
    smallest: float = math.nan
    largest: float = math.nan
    kind: str = ""
    met: bool = True

    @property
    def counts(self) -> bool:
        """Whether there are enough values, and the statistic is defined on them."""
        return self.n >= LEAST_N and not math.isnan(self.value)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table."""

    measure: str
    target: Target
    value: float
    n: int
    oracle: float
    parts: tuple[Part, ...]
    state: State
    why: str = ""
    """what else misses it: a quartile, a trial that failed"""


def rows_of(measure: Measure, drawn: Drawn) -> list[Row]:
    """Return one row per target of a measure."""
    return [_row(measure, target, drawn) for target in measure.targets]


def _row(measure: Measure, target: Target, drawn: Drawn) -> Row:
    value, n = _evaluate(target, drawn.trials)
    oracle = _evaluate(target, drawn.trials, oracle=True)[0]
    parts = worst_parts(target, drawn.trials)
    state, why = _judge(target, value, parts, drawn)
    return Row(
        measure=measure.name,
        target=target,
        value=value,
        n=n,
        oracle=oracle,
        parts=parts,
        state=state,
        why=why,
    )


def _judge(target: Target, value: float, parts: Sequence[Part], drawn: Drawn) -> tuple[State, str]:
    if not drawn.trials and drawn.not_run and not drawn.failed:
        return "not run", next(iter(drawn.not_run.values()))
    reasons = [] if target.met(value) else ["all trials"]
    reasons += [f"worst of {part.quantity}" for part in parts if part.counts and not part.met]
    if drawn.failed:
        n_all = len(drawn.trials) + len(drawn.failed)
        first = next(iter(drawn.failed.items()))
        reasons.append(
            f"{len(drawn.failed)} of {n_all} trials failed (seed {first[0]}: {first[1]})"
        )
    return ("missed" if reasons else "met"), "; ".join(reasons)


def worst_parts(target: Target, trials: Sequence[Trial]) -> tuple[Part, ...]:
    """Return the worst quartile along each varied quantity, and the worst of each quality."""
    quantities = sorted({name for trial in trials for name in trial.drawn})
    qualities = sorted({name for trial in trials for name in trial.kinds})
    found = [_worst(_quartile_parts(target, trials, name), target) for name in quantities]
    found += [_worst(_kind_parts(target, trials, name), target) for name in qualities]
    return tuple(part for part in found if part is not None)


def _quartile_parts(target: Target, trials: Sequence[Trial], name: str) -> list[Part]:
    have = [trial for trial in trials if name in trial.drawn]
    at = np.array([trial.drawn[name] for trial in have])
    if not have or np.ptp(at) == 0:
        return []
    parts = []
    for group in quartiles(at):
        value, n = _evaluate(target, [have[k] for k in group])
        parts.append(
            Part(
                quantity=name,
                value=value,
                n=n,
                low=float(at[group].min()),
                high=float(at[group].max()),
                smallest=float(at.min()),
                largest=float(at.max()),
                met=target.met(value),
            )
        )
    return parts


def _kind_parts(target: Target, trials: Sequence[Trial], name: str) -> list[Part]:
    kinds = sorted({trial.kinds[name] for trial in trials if name in trial.kinds})
    parts = []
    for kind in kinds if len(kinds) > 1 else ():
        value, n = _evaluate(target, [t for t in trials if t.kinds.get(name) == kind])
        parts.append(Part(quantity=name, value=value, n=n, kind=kind, met=target.met(value)))
    return parts


def quartiles(at: np.ndarray) -> list[np.ndarray]:
    """Return the indices of the values in each quarter; equal values are never torn apart."""
    edges = np.quantile(at, np.arange(1, N_QUARTILES) / N_QUARTILES)
    group = np.searchsorted(edges, at, side="left")
    return [np.flatnonzero(group == k) for k in range(N_QUARTILES) if (group == k).any()]


def _worst(parts: Sequence[Part], target: Target) -> Part | None:
    """Return the worst part that counts; where none does, the one with most values."""
    counting = [part for part in parts if part.counts]
    if not counting:
        return max(parts, key=lambda part: part.n, default=None)
    return (max if target.sense == "at most" else min)(counting, key=lambda part: part.value)


def _evaluate(
    target: Target, trials: Sequence[Trial], *, oracle: bool = False
) -> tuple[float, int]:
    """Return (statistic, number of pooled values); nan where a value that it needs is missing."""
    values = pool(trials, oracle=oracle)
    n = len(values.get(target.needs[0], ()))
    if any(name not in values for name in target.needs):
        return math.nan, n
    return float(target.statistic(values)), n
