"""Flat-field: the step of brightness that is left where two tiles meet."""

import numpy as np
from numpy.typing import NDArray

from accuracy.measure import Measure, Target, Trial
from accuracy.mosaics import Mosaic, draw_mosaic, shared_part
from accuracy.statistics import quantile
from linumpy.mosaic.measure import Plan, measure_mosaic
from linumpy.mosaic.stitch import neighbours
from linumpy.preproc.illumination import FlatField, OverlapBrightness, estimate_flat_field
from linumpy.preproc.interface import water_level
from linumpy.preproc.normalize import find_levels

N_CELLS = 8
_LEAST_TISSUE_PX = 60


def trial(seed: int) -> Trial:
    """Draw a mosaic, estimate its field, and look at every seam in tissue."""
    mosaic = draw_mosaic(seed)
    field = find_field(mosaic)
    steps = seam_steps(mosaic, field.on_grid(*mosaic.field.shape))
    before = seam_steps(mosaic, np.ones(mosaic.field.shape))
    return Trial(
        seed=seed,
        drawn=dict(mosaic.drawn) | {"n_seams": float(len(steps))},
        found={"step": tuple(steps), "step_before": tuple(before)},
    )


def find_field(mosaic: Mosaic) -> FlatField:
    """Return the library's answer, as linum_process_slice.py finds it."""
    summaries, overlaps = measure_mosaic(
        lambda place: mosaic.tiles[place],
        mosaic.stage_px,
        Plan(n_cells=N_CELLS, patch_px=(1, 1), overview_px=(2, 2), margin_px=10),
        find_water=water_level,
        workers=1,
        progress=lambda _: None,
    )
    means = np.stack([s.cells.mean(axis=0) - s.water for s in summaries]).astype(np.float64)
    means = np.maximum(means, 0)
    return estimate_flat_field(
        OverlapBrightness(
            np.concatenate([o.first for o in overlaps]),
            np.concatenate([o.second for o in overlaps]),
            np.concatenate([o.ratio for o in overlaps]),
        ),
        means,
        means > find_levels(means[means > 0]).threshold,
    )


def seam_steps(mosaic: Mosaic, field: NDArray[np.floating]) -> list[float]:
    """Return the step at each seam as a share of the signal, over its tissue.

    The same point is F / F̂ times its brightness in either tile, F the true field and F̂ the one
    divided by; the step is the mean size of the log of their ratio. No speckle enters.
    """
    left = np.log(mosaic.field / field)
    steps = []
    for first, second in neighbours(sorted(mosaic.tiles)):
        parts = shared_part(mosaic, first, second)
        if parts is None:
            continue
        tissue = mosaic.tissue[first][parts[0]]
        if tissue.sum() < _LEAST_TISSUE_PX:
            continue
        steps.append(float(np.abs(left[parts[0]] - left[parts[1]])[tissue].mean()))
    return steps


MEASURE = Measure(
    name="flat-field",
    how="""
The mosaics of the tile placement, whose field is a vignette of one of three shapes, off-centre
and elliptic, with a slope. The field is estimated from the tiles at the stage's word, as
`linum_process_slice.py` does. The residual step of a seam is the mean, over the tissue of the
overlap, of |log(F₁/F̂₁) − log(F₂/F̂₂)|, with the true field F and the found one F̂ at the two
places of the field that show the same point: a share of the signal, in which no speckle enters.
""",
    trial=trial,
    targets=(
        Target(
            label="seam step, median",
            statistic=quantile("step", 0.5),
            needs=("step",),
            sense="at most",
            bound=0.01,
        ),
        Target(
            label="seam step, p95",
            statistic=quantile("step", 0.95),
            needs=("step",),
            sense="at most",
            bound=0.01,
        ),
    ),
    quick=30,
    full=120,
    worst_by="step",
)
