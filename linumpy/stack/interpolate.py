"""A missing slice from its two neighbours: gates first, then a morph in depth.

The slot of slice k lies from k · interval to (k + 1) · interval. "Before" starts one interval
above the slot and may reach into it or past it; "after" starts one interval below its top. What
lies between the deepest plane of before and the first plane of after is morphed; planes that a
neighbour measured are taken as measured. When registration cannot be trusted nothing is made:
a blend of planes that do not fit would be invented tissue.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from scipy import ndimage

from linumpy.errors import BadValue
from linumpy.registration.affine import Affine2D, refine_affine
from linumpy.registration.pairwise import PlaneSource, mean_plane
from linumpy.registration.planes import Plane
from linumpy.registration.refine import Bounds, RigidFit
from linumpy.stack.looks import Look, band_agreement
from linumpy.stack.morph_gates import (
    MAX_ROTATION_DEG,
    MAX_SHIFT_SHARE,
    BlendMethod,
    Gates,
    Morph,
    best_ncc,
    decide,
)

Method = Literal["zmorph", "weighted", "average"]
NEARLY_AS_GOOD = 0.1
"""Difference of correlations within which the nearer pair of boundary planes is taken."""
WEIGHTED_SIGMA_PLANES = 2.0
EDGE_SIGMA_PX = 2.0
LARGE_IMAGINARY = 1e-3


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The two slices around the gap; ``interval_planes`` is the cut interval in planes."""

    before: PlaneSource
    after: PlaneSource
    interval_planes: float

    @property
    def n_out(self) -> int:
        """Depth of the slice that is made: that of the shallower neighbour."""
        return min(self.before.n_planes, self.after.n_planes)

    @property
    def last_before(self) -> int:
        """Deepest plane of before that is not deeper than the top of after."""
        return min(self.before.n_planes - 1, int(np.floor(2 * self.interval_planes + 1e-6)))


def plan_morph(
    neighbours: Neighbours, gates: Gates, *, tissue_threshold: float | None = None
) -> Morph:
    """Find the boundary planes, register them, and decide whether to morph.

    Parameters
    ----------
    neighbours : Neighbours
        On one canvas. Held: the candidate planes made small, and two averages.
    gates : Gates
    tissue_threshold : float, optional
        Brightness above which a pixel is tissue; default: all data count.

    Returns
    -------
    Morph

    Raises
    ------
    BadValue
        If the canvases differ.
    """
    threshold = 0.0 if tissue_threshold is None else tissue_threshold
    found = _find_boundary(neighbours, gates, threshold)
    if found.reason is not None:
        return found
    before, after = reference_planes(neighbours, found, gates)
    look_after, shorter = Look.at(after, threshold), min(before.shape)
    found = replace(
        found,
        pre_ncc=Look.at(before, threshold).correlate(look_after),
        band_pre=band_agreement(before, after),
        shorter_px=shorter,
    )
    bounds = Bounds(MAX_ROTATION_DEG, MAX_SHIFT_SHARE * shorter)
    fit = refine_affine(after, before, bounds=bounds)
    if fit is None:
        is_low = best_ncc(found) < gates.min_overlap_correlation
        return replace(found, reason="low_overlap_ncc" if is_low else "registration_exception")
    moved = fit.affine.warp(before)
    found = replace(
        found,
        post_ncc=Look.at(moved, threshold).correlate(look_after),
        band_post=band_agreement(moved, after),
        affine=fit.affine,
        fitted=fit.affine,
        rigid_motion_px=_motion_px(fit.rigid, shorter),
        rigid_error_px=fit.rigid.error_px,
    )
    return decide(found, gates)


def _motion_px(fit: RigidFit, shorter_px: int) -> float:
    """Return how far a rigid motion takes a point a quarter of the shorter side off the centre."""
    turn = np.deg2rad(abs(fit.motion.rotation_deg)) * shorter_px / 4
    return float(fit.motion.translation_px + turn)


def _find_boundary(neighbours: Neighbours, gates: Gates, threshold: float) -> Morph:
    """Choose the best pair among the last planes of before and the first of after."""
    window = gates.overlap_search_window
    last = neighbours.last_before
    first = max(0, last - window + 1)
    n_after = min(window, neighbours.after.n_planes)
    befores = _candidates(neighbours.before, first, last + 1, threshold)
    afters = _candidates(neighbours.after, 0, n_after, threshold)
    shapes = {look.plane.values.shape for look in (*befores.values(), *afters.values())}
    if len(shapes) > 1:
        raise BadValue(
            f"{neighbours.before.name} and {neighbours.after.name} have planes of unlike size",
            hint="bring the slices to common space first",
        )
    least = gates.min_foreground_fraction
    befores = {z: look for z, look in befores.items() if look.tissue_share >= least}
    afters = {z: look for z, look in afters.items() if look.tissue_share >= least}
    if not befores or not afters:
        return Morph("no_foreground_planes")
    scores = {(i, j): befores[i].correlate(afters[j]) for i in befores for j in afters}
    best = max(scores.values())
    good = [pair for pair in scores if scores[pair] >= best - NEARLY_AS_GOOD]
    # The nearest of the good ones: what a neighbour measured has not to be made.
    i, j = max(good, key=lambda pair: (pair[0] - pair[1], scores[pair]))
    return Morph(None, ref_before=i, ref_after=j, search_ncc=scores[i, j])


def _candidates(source: PlaneSource, start: int, stop: int, threshold: float) -> dict[int, Look]:
    planes = source.blocks(start, stop)
    return {z: Look.at(plane, threshold) for z, plane in enumerate(planes, start)}


def reference_planes(neighbours: Neighbours, morph: Morph, gates: Gates) -> tuple[Plane, Plane]:
    """Return the averages around the boundary planes, before and after.

    Before is averaged over planes up to the boundary, after from the boundary on.
    """
    assert morph.ref_before is not None  # set by _find_boundary
    assert morph.ref_after is not None
    n = gates.reference_slab_size
    low = max(0, morph.ref_before - n // 2)
    n_before = min(n, neighbours.before.n_planes - low)
    high = max(0, morph.ref_after - n // 2)
    n_after = min(n, neighbours.after.n_planes - high)
    return (
        mean_plane(neighbours.before, low, n_before),
        mean_plane(neighbours.after, high, n_after),
    )


def morph_planes(neighbours: Neighbours, morph: Morph, gates: Gates) -> Iterator[Plane]:
    """Yield the planes of the missing slice from its top down.

    Plane k lies at depth interval + k planes below the top of before. Down to the boundary of
    before it is the plane that before measured there, from the boundary of after on that of
    after; between them, with α the share of the way,

        w_b(α) B(T^α) + w_a(α) A(T^(α−1)).

    Held: the two boundary planes and one block of planes.
    """
    interval = neighbours.interval_planes
    top_after = 2 * interval
    edge_before, edge_after = reference_planes(neighbours, morph, gates)
    for k in range(neighbours.n_out):
        alpha = depth_share(neighbours, morph, k)
        if alpha <= 0:
            yield _one(neighbours.before, interval + k)
        elif alpha >= 1:
            yield _one(neighbours.after, interval + k - top_after)
        else:
            yield morph_between(edge_before, edge_after, morph.affine, alpha, gates.blend_method)


def depth_share(neighbours: Neighbours, morph: Morph, k: int) -> float:
    """Return α of plane k: 0 at the boundary plane of before and above, 1 at that of after."""
    assert morph.ref_before is not None
    assert morph.ref_after is not None
    depth = neighbours.interval_planes + k
    bottom = 2 * neighbours.interval_planes + morph.ref_after
    if depth >= bottom:
        return 1.0
    if depth <= morph.ref_before:
        return 0.0
    return (depth - morph.ref_before) / (bottom - morph.ref_before)


def _one(source: PlaneSource, depth: float) -> Plane:
    """Return the plane nearest to a depth."""
    z = int(np.clip(round(depth), 0, source.n_planes - 1))
    return np.asarray(source.read(z, z + 1)[0])


def morph_between(
    before: Plane, after: Plane, affine: Affine2D, alpha: float, blend: BlendMethod
) -> Plane:
    """Return the plane at a share ``alpha`` of the way from before to after.

    Where only one of the two has data, it stands alone; where none has, the result is 0.
    """
    forth, back = affine.power(alpha)[0], affine.power(alpha - 1)[0]
    one, two = forth.warp(before), back.warp(after)
    weigh = _distance_weights if blend == "gaussian" else _plain_weights
    weight_one, weight_two = (1 - alpha) * weigh(one), alpha * weigh(two)
    total = weight_one + weight_two
    mixed = np.where(total > 0, one * weight_one + two * weight_two, 0)
    return np.asarray(mixed / np.where(total > 0, total, 1), dtype=np.float32)


def _plain_weights(plane: Plane) -> Plane:
    return np.asarray(plane != 0, dtype=np.float32)


def _distance_weights(plane: Plane) -> Plane:
    """Return the distance to the border of the data, smoothed: no seam where one plane ends."""
    has_data = np.pad(plane != 0, 1)
    distance = ndimage.distance_transform_edt(has_data)[1:-1, 1:-1]
    smooth = ndimage.gaussian_filter(distance.astype(np.float32), EDGE_SIGMA_PX)
    return np.asarray(np.where(plane != 0, np.maximum(smooth, 1e-3), 0), dtype=np.float32)


def largest_imaginary_part(neighbours: Neighbours, morph: Morph) -> float:
    """Return the largest relative imaginary part that the powers of T dropped."""
    shares = [depth_share(neighbours, morph, k) for k in range(neighbours.n_out)]
    between = [a for a in shares if 0 < a < 1]
    return max((morph.affine.power(a - s)[1] for a in between for s in (0, 1)), default=0.0)


def average_planes(neighbours: Neighbours) -> Iterator[Plane]:
    """Yield the mean of both slices, plane by plane at equal depth below their tops.

    Their tops lie one interval above and below that of the missing slice, so the mean is
    centred on it. Where only one has data, it stands alone.
    """
    n = neighbours.n_out
    pairs = zip(neighbours.before.blocks(0, n), neighbours.after.blocks(0, n), strict=True)
    for before, after in pairs:
        count = np.add(before != 0, after != 0, dtype=np.float32)
        yield np.asarray((before + after) / np.maximum(count, 1), dtype=np.float32)


def weighted_planes(neighbours: Neighbours) -> Iterator[Plane]:
    """Yield the average smoothed along z (σ = 2 planes); holds 13 planes."""
    reach = int(3 * WEIGHTED_SIGMA_PLANES)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / WEIGHTED_SIGMA_PLANES) ** 2)
    held: dict[int, Plane] = {}
    source = enumerate(average_planes(neighbours))
    for k in range(neighbours.n_out):
        while k + reach not in held and (following := next(source, None)) is not None:
            held[following[0]] = following[1]
        held = {z: plane for z, plane in held.items() if z >= k - reach}
        weights = {z: np.float32(kernel[z - k + reach]) for z in held}
        total = sum((weights[z] * plane for z, plane in held.items()), np.zeros_like(held[k]))
        share = sum((weights[z] * (plane != 0) for z, plane in held.items()), np.float32(0))
        seen = (held[k] != 0) & (share > 0)
        yield np.asarray(np.where(seen, total / np.maximum(share, 1e-9), 0), dtype=np.float32)
