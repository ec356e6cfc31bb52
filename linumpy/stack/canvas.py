"""The common canvas: the box that holds every placed slice, and where each lies on it.

Positions only; pixels are moved by `stack.pose` and its callers.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from linumpy.core.slice_id import SliceId

WHOLE = 0.02
"""A place this close to a voxel of the canvas, in voxels, is on it: rounding of mm, no motion."""


@dataclass(frozen=True, slots=True)
class Placed:
    """One slice in the common frame: centre of its first voxel, mm, and its shape, both (y, x)."""

    origin_mm: tuple[float, float]
    shape: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Canvas:
    """A common (y, x) grid and the place of every slice's first voxel on it, in voxels.

    A place that is a whole number of voxels is one exactly: the slice moves without being
    interpolated.
    """

    shape: tuple[int, int]
    origin_mm: tuple[float, float]
    offset_px: Mapping[SliceId, tuple[float, float]]


def fit_canvas(placed: Mapping[SliceId, Placed], resolution_mm: float) -> Canvas:
    """Return the smallest canvas that holds every slice whole.

    Parameters
    ----------
    placed : mapping
        At least one slice.
    resolution_mm : float
        Voxel size of canvas and slices, mm.

    Examples
    --------
    >>> canvas = fit_canvas({SliceId(0): Placed((0.0, 0.0), (4, 4)),
    ...                      SliceId(1): Placed((0.5, -0.2), (4, 4))}, 0.1)
    >>> canvas.shape, canvas.offset_px["01"], canvas.offset_px["00"]
    ((9, 6), (5.0, 0.0), (0.0, 2.0))
    """
    low = [min(one.origin_mm[axis] for one in placed.values()) for axis in (0, 1)]
    offsets = {
        slice_id: (
            _snap((one.origin_mm[0] - low[0]) / resolution_mm),
            _snap((one.origin_mm[1] - low[1]) / resolution_mm),
        )
        for slice_id, one in placed.items()
    }
    height, width = (
        max(
            math.ceil(offsets[slice_id][axis]) + one.shape[axis] for slice_id, one in placed.items()
        )
        for axis in (0, 1)
    )
    return Canvas((height, width), (low[0], low[1]), offsets)


def start_planes(
    ids: Mapping[SliceId, int], *, interval_mm: float, resolution_mm: float
) -> dict[SliceId, int]:
    """Return the plane of the volume at which each slice's surface lies.

    Parameters
    ----------
    ids : mapping
        The slices that are stacked, with their depth in planes.
    interval_mm, resolution_mm : float
        Cut interval and voxel size along z.

    Notes
    -----
    z = (number − number of the first) · interval: a missing slice leaves its place, the stack
    never closes up.

    Examples
    --------
    >>> start_planes({SliceId(1): 6, SliceId(4): 6}, interval_mm=0.2, resolution_mm=0.05)
    {'01': 0, '04': 12}
    """
    first = min(slice_id.number for slice_id in ids)
    step = interval_mm / resolution_mm
    return {slice_id: round((slice_id.number - first) * step) for slice_id in ids}


def _snap(place: float) -> float:
    whole = float(round(place))
    return whole if abs(place - whole) <= WHOLE else place
