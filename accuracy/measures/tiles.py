"""Tile placement: positions of tiles refined from what their overlaps show."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components

from accuracy.measure import Measure, Target, Trial
from accuracy.mosaics import Mosaic, draw_mosaic, overlap_of
from accuracy.statistics import quantile, rate, total
from linumpy.mosaic.measure import Plan, measure_mosaic
from linumpy.mosaic.overlap import register_pair
from linumpy.mosaic.stitch import Pair, Refined, neighbours, refine_positions
from linumpy.preproc.interface import water_level

MAX_CORRECTION_PX = 10
"""The default of linum_process_slice.py --max_blend_refinement_px."""
LEAST_WIDTH_PX, LEAST_TISSUE = 12, 0.5
"""An overlap that is at least so wide, and so far in tissue, must tell."""


def trial(seed: int) -> Trial:
    """Draw a mosaic, refine its positions, compare with where its tiles are."""
    mosaic = draw_mosaic(seed)
    return Trial(
        seed=seed,
        drawn=mosaic.drawn,
        found=_found(mosaic, place_tiles(mosaic)),
        oracle=_found(mosaic, oracle_tiles(mosaic)),
    )


def _found(mosaic: Mosaic, refined: Refined) -> dict[str, tuple[float, ...]]:
    errors = errors_px(mosaic, refined)
    flagged = [place in refined.flagged for place in sorted(mosaic.tiles)]
    kept = [float(e) for e, bad in zip(errors, flagged, strict=True) if not bad]
    return {
        "error_px": tuple(kept),
        "over_1_px": tuple(float(e > 1) for e in kept),
        "flagged_telling": tuple(
            float(bad) for bad, ok in zip(flagged, can_tell(mosaic), strict=True) if ok
        ),
    }


def oracle_tiles(mosaic: Mosaic) -> Refined:
    """Return what the same positions come to when every overlap is matched from the truth.

    The search is replaced by the planted step; the noise of the images is left.
    """
    pairs = []
    means = {place: tile.mean(axis=0) for place, tile in mosaic.tiles.items()}
    for first, second in neighbours(sorted(mosaic.tiles)):
        step = np.subtract(mosaic.true_px[second], mosaic.true_px[first])
        expected = np.subtract(mosaic.stage_px[second], mosaic.stage_px[first])
        shift = register_pair(means[first], means[second], step_px=(step[0], step[1]), margin_px=1)
        off = step - expected
        near = replace(
            shift, dy_px=shift.dy_px + off[0], dx_px=shift.dx_px + off[1], is_conclusive=True
        )
        pairs.append(Pair(first, second, near))
    return refine_positions(
        sorted(mosaic.stage_px), pairs, max_correction_px=float(MAX_CORRECTION_PX)
    )


def place_tiles(mosaic: Mosaic) -> Refined:
    """Return the library's answer: both passes over overlaps, as linum_process_slice.py."""
    plan = Plan(n_cells=8, patch_px=(1, 1), overview_px=(2, 2), margin_px=MAX_CORRECTION_PX)
    _, overlaps = measure_mosaic(
        lambda place: mosaic.tiles[place],
        mosaic.stage_px,
        plan,
        find_water=water_level,
        workers=1,
        progress=lambda _: None,
    )
    return refine_positions(
        sorted(mosaic.stage_px),
        [overlap.pair for overlap in overlaps],
        max_correction_px=float(MAX_CORRECTION_PX),
    )


def errors_px(mosaic: Mosaic, refined: Refined) -> NDArray[np.float64]:
    """Return the error of every tile, in the order of their places.

    Where the whole slice lies is the stage's to say: the median error of the tiles that are not
    flagged is taken off.
    """
    places = sorted(mosaic.tiles)
    off = np.array(
        [np.add(mosaic.stage_px[p], refined.correction_px[p]) - mosaic.true_px[p] for p in places]
    )
    good = np.array([p not in refined.flagged for p in places])
    if good.any():
        off = off - np.median(off[good], axis=0)
    distances: NDArray[np.float64] = np.hypot(off[:, 0], off[:, 1])
    return distances


def can_tell(mosaic: Mosaic) -> list[bool]:
    """Say of each tile whether overlaps that must tell join it to the largest such group.

    Where two groups of tiles share no such overlap, nobody can say how they lie to each other; a
    group of less than half of the tiles need not be the one that the others are compared with.
    """
    places = sorted(mosaic.tiles)
    index = {place: i for i, place in enumerate(places)}
    links = np.zeros((len(places), len(places)))
    for first, second in neighbours(places):
        width, tissue = overlap_of(mosaic, first, second)
        if width >= LEAST_WIDTH_PX and tissue >= LEAST_TISSUE:
            links[index[first], index[second]] = 1
    _, group = connected_components(links, directed=False)
    sizes = np.bincount(group)
    is_main = 2 * sizes.max() > len(places) and sizes.max() > 1
    return [bool(is_main and g == np.argmax(sizes)) for g in group]


MEASURE = Measure(
    name="tile placement",
    how="""
Mosaics of 2 × 2 to 5 × 5 tiles of 40 to 400 px, drawn at known places: any anatomy, with fine
structure of 4 to 20 px multiplied on (an anatomy that is stretched over many tiles has none left,
and tissue does); 20 % of the speckle is shared by two tiles, the rest is each tile's own; jitter
up to 8 px per axis, rows moved against each other by backlash up to 6 px, an off-centre vignette.
The two functions that `linum_process_slice.py` calls find the positions, with its default bound
of 10 px. Where the slice as a whole lies is the stage's to say, so the median error is taken off.
An overlap must tell when it is truly at least 12 px wide and half in tissue; tiles count that
such overlaps join to a group of more than half of the mosaic (how two groups lie to each other,
nobody can know). The oracle searches within 1 px of the planted step and knows that the match is
right: what is left is the noise of the images, and tiles that it flags cannot be known to 0.3 px
from these images.
""",
    trial=trial,
    targets=(
        Target(
            label="error, median",
            statistic=quantile("error_px", 0.5),
            needs=("error_px",),
            sense="at most",
            bound=0.10,
            unit="px",
        ),
        Target(
            label="error, p95",
            statistic=quantile("error_px", 0.95),
            needs=("error_px",),
            sense="at most",
            bound=0.30,
            unit="px",
        ),
        Target(
            label="tiles beyond 1 px",
            statistic=total("over_1_px"),
            needs=("over_1_px",),
            sense="at most",
            bound=0.0,
        ),
        Target(
            label="flagged though an overlap can tell",
            statistic=rate("flagged_telling"),
            needs=("flagged_telling",),
            sense="at most",
            bound=0.02,
        ),
    ),
    quick=30,
    full=120,
    worst_by="error_px",
)
