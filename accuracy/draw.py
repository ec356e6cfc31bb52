"""Find the measures and draw their trials in parallel processes.

A trial depends on its seed alone, and results come back in the order of the seeds: neither the
number of processes nor the machine's load changes a value.
"""

import importlib
import os
import pkgutil
import re
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from io import BytesIO
from multiprocessing import get_context

import numpy as np
from matplotlib import pyplot as plt

from accuracy import measures
from accuracy.measure import Measure, NotRun, Trial
from accuracy.rows import Drawn

PICTURE_DPI = 80
Advance = Callable[[str], None]
"""Called with the name of the measure after each trial."""


@dataclass(frozen=True)
class Lost:
    """A trial without values: not run for a reason, or failed."""

    seed: int
    what: str
    failed: bool


def names() -> list[str]:
    """Return the modules of accuracy.measures: what a measure is called on the command line."""
    return sorted(info.name for info in pkgutil.iter_modules(measures.__path__))


def load(name: str) -> Measure:
    """Return the MEASURE of a module of accuracy.measures."""
    measure = importlib.import_module(f"accuracy.measures.{name}").MEASURE
    if not isinstance(measure, Measure):
        raise TypeError(f"accuracy.measures.{name}: MEASURE is a {type(measure).__name__}")
    return measure


def processes(workers: int) -> ProcessPoolExecutor:
    """Return processes that start afresh, each with one thread for numeric libraries."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"
    os.environ.setdefault("MPLBACKEND", "Agg")
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"))


def draw(
    pool: ProcessPoolExecutor, wanted: Mapping[str, Sequence[int]], advance: Advance
) -> dict[str, Drawn]:
    """Draw the trials of all measures: name → seeds.

    Measures of few trials go first: those are the long ones, and no process waits for them at the
    end.
    """
    waiting: dict[Future[Trial | Lost], str] = {
        pool.submit(_trial, name, seed): name
        for name, seeds in sorted(wanted.items(), key=lambda item: len(item[1]))
        for seed in seeds
    }
    done: dict[str, list[Trial | Lost]] = {name: [] for name in wanted}
    for future in as_completed(waiting):
        name = waiting[future]
        done[name].append(future.result())
        advance(name)
    return {name: _sorted(found) for name, found in done.items()}


def worst_seeds(measure: Measure, trials: Sequence[Trial], n: int) -> list[int]:
    """Return the seeds of the trials whose mean of ``worst_by`` is largest, nan first."""
    have = [trial for trial in trials if trial.found.get(measure.worst_by)]
    means = {t.seed: float(np.mean(t.found[measure.worst_by])) for t in have}
    return sorted(means, key=lambda seed: (np.isfinite(means[seed]), -means[seed]))[:n]


def picture(pool: ProcessPoolExecutor, name: str, seed: int) -> "Future[bytes]":
    """Draw the picture of a trial, as PNG."""
    return pool.submit(_picture, name, seed)


def _sorted(found: Sequence[Trial | Lost]) -> Drawn:
    trials = sorted((one for one in found if isinstance(one, Trial)), key=lambda one: one.seed)
    lost = sorted((one for one in found if isinstance(one, Lost)), key=lambda one: one.seed)
    return Drawn(
        trials=tuple(trials),
        failed={one.seed: one.what for one in lost if one.failed},
        not_run={one.seed: one.what for one in lost if not one.failed},
    )


def _trial(name: str, seed: int) -> Trial | Lost:
    try:
        return load(name).trial(seed)
    except NotRun as reason:
        return Lost(seed, str(reason), failed=False)
    except Exception as error:  # noqa: BLE001  a crash of what is measured is a result: it misses
        traceback.print_exc()
        first = next(iter(str(error).splitlines()), "")
        plain = re.sub(r"/\S+/", "…/", first)  # the page names no folder of this machine
        return Lost(seed, f"{type(error).__name__}: {plain}", failed=True)


def _picture(name: str, seed: int) -> bytes:
    drawer = load(name).picture
    if drawer is None:
        raise ValueError(f"{name} has no picture")
    figure = drawer(seed)
    content = BytesIO()
    figure.savefig(content, format="png", dpi=PICTURE_DPI, metadata={"Software": None})
    plt.close(figure)
    return content.getvalue()
