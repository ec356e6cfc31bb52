"""Plots of the page: what was found against every varied quantity."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from accuracy.measure import Measure, Trial
from accuracy.rows import quartiles

_COLUMNS = 4


def against_drawn(measure: Measure, trials: Sequence[Trial]) -> Figure | None:
    """Plot the mean of ``worst_by`` of each trial over each varied quantity, by quartile too.

    None where nothing varies or nothing was found.
    """
    have = [trial for trial in trials if trial.found.get(measure.worst_by)]
    names = sorted({name for trial in have for name in trial.drawn})
    names = [n for n in names if np.ptp([t.drawn[n] for t in have if n in t.drawn]) > 0]
    if not names:
        return None
    n_rows = -(-len(names) // _COLUMNS)
    n_columns = min(_COLUMNS, len(names))
    figure = Figure(figsize=(3.0 * n_columns, 2.4 * n_rows + 0.2), layout="constrained")
    axes = figure.subplots(n_rows, n_columns, squeeze=False).ravel()
    for axis in axes[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes, names, strict=False):
        some = [trial for trial in have if name in trial.drawn]
        at = np.array([trial.drawn[name] for trial in some])
        value = np.array([float(np.mean(trial.found[measure.worst_by])) for trial in some])
        axis.plot(at, value, ".", color="#4477aa", alpha=0.5, markersize=4)
        for group in quartiles(at):
            middle = np.full(2, np.nanmedian(value[group])) if group.size else np.full(2, np.nan)
            axis.plot([at[group].min(), at[group].max()], middle, color="#cc3311", linewidth=2)
        axis.set_xlabel(name)
        axis.set_ylabel(measure.worst_by)
    figure.suptitle(f"{measure.name}: one point per trial; red: median of a quartile", fontsize=9)
    return figure
