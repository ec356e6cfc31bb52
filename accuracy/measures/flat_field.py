"""Flat-field: the step of brightness that is left where two tiles meet."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from accuracy.measure import Measure, Target, Trial
from accuracy.mosaics import Mosaic, Place, draw_mosaic, shared_part
from accuracy.statistics import quantile
from linumpy.mosaic.measure import Plan, measure_mosaic, shared_tissue
from linumpy.mosaic.stitch import neighbours, refine_positions
from linumpy.preproc.illumination import FlatField, OverlapBrightness, estimate_flat_field
from linumpy.preproc.interface import water_level
from linumpy.preproc.normalize import find_levels

N_CELLS, MARGIN_PX = 8, 10
_LEAST_TISSUE_PX = 60


def trial(seed: int) -> Trial:
    """Draw a mosaic, estimate its field, and look at every seam in tissue."""
    mosaic = draw_mosaic(seed)
    shape = mosaic.field.shape
    field = find_field(mosaic, mosaic.stage_px, MARGIN_PX)
    oracle = find_field(mosaic, mosaic.true_px, 0)
    return Trial(
        seed=seed,
        drawn=mosaic.drawn,
        found={
            "step": tuple(seam_steps(mosaic, field.on_grid(*shape))),
            "step_before": tuple(seam_steps(mosaic, np.ones(shape))),
        },
        oracle={"step": tuple(seam_steps(mosaic, oracle.on_grid(*shape)))},
    )


def find_field(
    mosaic: Mosaic, start_px: Mapping[Place, tuple[float, float]], margin_px: int
) -> FlatField:
    """Return the library's answer, as linum_process_slice.py finds it from these positions."""
    summaries, overlaps = measure_mosaic(
        lambda place: mosaic.tiles[place],
        start_px,
        Plan(n_cells=N_CELLS, patch_px=(1, 1), overview_px=(2, 2), margin_px=margin_px),
        find_water=water_level,
        workers=1,
        progress=lambda _: None,
    )
    refined = refine_positions(
        sorted(start_px), [o.pair for o in overlaps], max_correction_px=float(margin_px)
    )
    shared = shared_tissue(overlaps, refined)
    means = np.stack([s.cells.mean(axis=0) - s.water for s in summaries]).astype(np.float64)
    means = np.maximum(means, 0)
    return estimate_flat_field(
        OverlapBrightness(shared.first, shared.second, shared.ratio),
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
