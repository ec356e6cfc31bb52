"""Values of the evaluation: a trial that was drawn, a target, a measure.

A trial is drawn from its seed alone, so any row of the table can be computed again.
Seeds below HELD_OUT are for improving; the printed table uses seeds from HELD_OUT on.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from matplotlib.figure import Figure

HELD_OUT = 1_000_000


class NotRun(Exception):
    """A trial cannot be drawn here (the shared real anatomy is missing): the table says so."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One drawn situation and what was found in it.

    Attributes
    ----------
    seed : int
        What the situation was drawn from.
    drawn : mapping of str to float
        The varied quantities, by name with their unit (``overlap_fraction``, ``lateral_um``).
    found : mapping of str to tuple of float
        What was measured, one value per item (tile, pair, slice): errors, scores, labels (0, 1).
    oracle : mapping of str to tuple of float
        The same, by an answer that knows the planted parameters; empty where none is computed.
    kinds : mapping of str to str
        Varied qualities that are no numbers (``anatomy``): the table names the worst kind of each.
    """

    seed: int
    drawn: Mapping[str, float]
    found: Mapping[str, tuple[float, ...]]
    oracle: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)


Values = Mapping[str, np.ndarray]
Statistic = Callable[[Values], float]


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure that the table prints beside the bound that it should keep.

    Attributes
    ----------
    statistic : callable
        Pooled values by name → one number (a quantile, an AUC, a rate). Called with the values of
        all trials, of each quartile of each drawn quantity, and of the oracle.
    needs : tuple of str
        Names that the statistic reads: `n` of the row is the number of pooled values of the first.
    """

    label: str
    statistic: Statistic
    needs: tuple[str, ...]
    sense: Literal["at most", "at least"]
    bound: float
    unit: str = ""

    def met(self, value: float) -> bool:
        """Say whether ``value`` keeps the bound; nan does not."""
        return value <= self.bound if self.sense == "at most" else value >= self.bound


@dataclass(frozen=True, kw_only=True)
class Measure:
    """One row set of the table.

    Attributes
    ----------
    how : str
        How it is computed and why, in a few sentences: the section of docs/accuracy.md.
    trial : callable
        Seed → Trial; deterministic, needs no file outside a temporary folder. Raises `NotRun`
        where the real anatomy was drawn and is not there; any other exception misses the targets.
    quick, full : int
        How many trials the quick and the full form draw.
    picture : callable, optional
        Seed → Figure of that case: drawn for the worst trials.
    worst_by : str
        The value whose largest mean ranks the trials from bad to good.
    """

    name: str
    how: str
    trial: Callable[[int], Trial]
    targets: tuple[Target, ...]
    quick: int
    full: int
    worst_by: str
    picture: Callable[[int], Figure] | None = None


def pool(trials: Sequence[Trial], *, oracle: bool = False) -> dict[str, np.ndarray]:
    """Return the values of all trials, joined by name."""
    sources = [trial.oracle if oracle else trial.found for trial in trials]
    names = {name for source in sources for name in source}
    return {
        name: np.array([value for source in sources for value in source.get(name, ())])
        for name in sorted(names)
    }
