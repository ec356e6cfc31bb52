"""Two planes evened out and band-passed, level by level: what `refine` registers."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.registration.planes import MaskedPlane, Motion, Plane, centre_of
from linumpy.registration.spectrum import apply_gain, matched_gain

Vector = NDArray[np.float64]
Levels = Mapping[int, tuple[MaskedPlane, MaskedPlane]]
"""Both planes evened out, by the scale of the level, finest first."""

FINE_PX, BROAD_PX = 1.0, 5.0
"""Band that is registered on each level: noise below, shading and gain above are left out."""
SHADING_PX = 16.0
"""Broader than this is shading, whatever the spectrum says."""
FLOOR_SHARE = 0.3
"""Brightness, as a share of the median, below which a plane holds noise rather than tissue."""
FINEST_SIDE_PX = 1024
"""Larger planes are halved before the finest step: 0.1 px of that is 0.2 px of theirs."""
COARSEST_SIDE_PX = 96
MIN_SIDE_PX = 24


@dataclass(frozen=True, slots=True)
class BandPair:
    """Both planes on one level, band-passed; a pixel of it is ``scale`` pixels of the planes."""

    fixed: MaskedPlane
    moving: MaskedPlane
    spline: Plane
    fixed_gradient: tuple[Plane, Plane]
    centre: Vector
    scale: int


def build_pyramid(fixed: Plane, moving: Plane) -> list[BandPair]:
    """Return both planes, evened out and band-passed, finest level first."""
    return band_pairs(even_levels(fixed, moving), fixed.shape)


def even_levels(fixed: Plane, moving: Plane) -> Levels:
    """Return both planes, evened out, by the scale of each level that is registered."""
    levels = [(even_out(fixed, "fixed"), even_out(moving, "moving"))]
    while True:
        shape = levels[-1][0].values.shape
        if max(shape) <= COARSEST_SIDE_PX or min(shape) < 2 * MIN_SIDE_PX:
            break
        levels.append((levels[-1][0].halve(), levels[-1][1].halve()))
    first = next(
        (i for i, level in enumerate(levels) if max(level[0].values.shape) <= FINEST_SIDE_PX),
        len(levels) - 1,
    )
    return {2**i: levels[i] for i in range(first, len(levels))}


def band_pairs(levels: Levels, shape: tuple[int, ...]) -> list[BandPair]:
    """Return the levels band-passed; ``shape`` is that of the planes as they came."""
    centre = np.array(centre_of(shape))
    return [_make_pair(*level, centre, scale) for scale, level in levels.items()]


def even_out(plane: Plane, name: str) -> MaskedPlane:
    """Take the logarithm: speckle multiplies, so bright tissue would drown the rest in noise.

    log(1 + x / f), with the floor f a share of the median, below which it stays linear.
    """
    has_data = np.isfinite(plane) & (plane != 0)
    positive = np.where(has_data, np.maximum(plane, 0), 0)
    middle = float(np.median(positive[has_data])) if has_data.any() else 0.0
    floor = FLOOR_SHARE * (middle or float(positive.max(initial=0.0)) or 1.0)
    return MaskedPlane.of(np.log1p(positive / floor).astype(np.float32), has_data, name=name)


def matched_pair(
    fixed: MaskedPlane, moving: MaskedPlane, finest: BandPair, motion: Motion
) -> BandPair:
    """Return the finest level under the filter that its own noise asks for, once it is aligned."""
    planes = [
        MaskedPlane((p.values - p.smooth(SHADING_PX).values) * p.mask, p.mask)
        for p in (fixed, moving)
    ]
    local = Motion(motion.rotation_deg, motion.dx_px / finest.scale, motion.dy_px / finest.scale)
    cy, cx = finest.centre
    matrix, offset = local.pull((cy, cx))
    values = ndimage.affine_transform(planes[1].values, matrix, offset, order=3)
    inside = ndimage.affine_transform(planes[1].mask, matrix, offset, order=1)
    both = planes[0].mask * (inside > 0.999)  # noqa: PLR2004
    here, there = (_standardised(plane, both) for plane in (planes[0].values, values))
    gain = matched_gain(here, there)
    here_seen, there_seen = (apply_gain(plane, gain) for plane in planes)
    return _as_pair(here_seen, there_seen, finest.centre, finest.scale)


def _standardised(plane: Plane, mask: Plane) -> Plane:
    n = max(float(mask.sum()), 1.0)
    centred = (plane - float(np.vdot(plane, mask)) / n) * mask
    spread = float(np.sqrt(np.vdot(centred, centred) / n))
    return np.asarray(centred / max(spread, 1e-6), dtype=np.float32)


def _make_pair(fixed: MaskedPlane, moving: MaskedPlane, centre: Vector, scale: int) -> BandPair:
    fixed_band, moving_band = (plane.band(FINE_PX, BROAD_PX) for plane in (fixed, moving))
    return _as_pair(fixed_band, moving_band, (centre - (scale - 1) / 2) / scale, scale)


def _as_pair(fixed: MaskedPlane, moving: MaskedPlane, centre: Vector, scale: int) -> BandPair:
    gy, gx = np.gradient(fixed.values)
    return BandPair(
        fixed=fixed,
        moving=moving,
        spline=ndimage.spline_filter(moving.values, order=3, output=np.float32),
        fixed_gradient=(np.asarray(gy, np.float32), np.asarray(gx, np.float32)),
        centre=centre,
        scale=scale,
    )
