"""Where the slices lie in the common frame: cumulative shifts, checked steps included."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.stack.canvas import Placed
from linumpy.stack.shifts import build_cumulative_shifts
from linumpy.stack.unreliable import Limits, Plane, Verdict, check_step


@dataclass(frozen=True, slots=True)
class SliceFrame:
    """A slice before it is placed.

    ``shape`` is (y, x); ``lattice`` holds, for a slice whose voxels already lie on the global
    lattice, the centre of its first voxel (y, x) and the position (x, y) of the stage for which
    that is right, both in mm. Else the slice's corner is the stage's position.
    """

    shape: tuple[int, int]
    lattice: tuple[tuple[float, float], tuple[float, float]] | None = None


def read_frame(
    attributes: Mapping[str, Any],  # Any: JSON
    shape: tuple[int, int, int],
    origin_mm: tuple[float, float, float],
) -> SliceFrame:
    """Return the frame of a slice volume from its attributes, (z, y, x) shape and origin."""
    at = attributes.get("position_um")
    if attributes.get("kind") != "slice" or at is None:
        return SliceFrame(shape[1:])
    return SliceFrame(shape[1:], (origin_mm[1:], (at["x"] / 1000, at["y"] / 1000)))


@dataclass(frozen=True, slots=True)
class CheckedStep:
    """One checked pair of neighbours."""

    fixed: SliceId
    moving: SliceId
    verdict: Verdict


def place_slices(
    frames: Mapping[SliceId, SliceFrame], shifts: Sequence[Shift], resolution_mm: float
) -> dict[SliceId, Placed]:
    """Return where each slice lies when the stage's steps are summed.

    Raises
    ------
    BrokenChain
        If a step is missing from the chain.
    """
    positions = build_cumulative_shifts(shifts, frames)
    return {
        slice_id: Placed(_origin_mm(frame, positions[slice_id], resolution_mm), frame.shape)
        for slice_id, frame in frames.items()
    }


def refine_unreliable(
    frames: Mapping[SliceId, SliceFrame],
    shifts: Sequence[Shift],
    resolution_mm: float,
    *,
    planes: Callable[[SliceId, SliceId], tuple[Plane, Plane]],
    limits: Limits,
) -> tuple[tuple[Shift, ...], list[CheckedStep]]:
    """Correct, by the images, the steps that the shifts call unreliable.

    Parameters
    ----------
    frames : mapping
        The slices that are used, ids ascending.
    shifts : sequence of Shift
    resolution_mm : float
        Voxel size.
    planes : callable
        (fixed, moving) → planes of the two slices that show the same tissue.
    limits : Limits
        When the images are not believed.

    Returns
    -------
    tuple
        The shifts, corrected by whole voxels (pairwise registration does the rest, so nothing is
        interpolated twice) and then called reliable; and every step that was checked.
    """
    corrected = list(shifts)
    checked = []
    for fixed, moving in itertools.pairwise(frames):
        between = [
            i
            for i, shift in enumerate(corrected)
            if fixed <= shift.fixed and shift.moving <= moving and shift.reliable is False
        ]
        if not between:
            continue
        pair = {slice_id: frames[slice_id] for slice_id in (fixed, moving)}
        placed = place_slices(pair, corrected, resolution_mm)
        (fy, fx), (my, mx) = (placed[slice_id].origin_mm for slice_id in pair)
        expected = ((my - fy) / resolution_mm, (mx - fx) / resolution_mm)
        verdict = check_step(*planes(fixed, moving), expected, limits)
        checked.append(CheckedStep(fixed, moving, verdict))
        if verdict.is_accepted:
            corrected[between[-1]] = _moved(corrected[between[-1]], verdict, resolution_mm)
            for i in between:
                corrected[i] = replace(corrected[i], reliable=True)
    return tuple(corrected), checked


def _origin_mm(
    frame: SliceFrame, position_mm: tuple[float, float], resolution_mm: float
) -> tuple[float, float]:
    x, y = position_mm
    if frame.lattice is None:
        return (y + resolution_mm / 2, x + resolution_mm / 2)
    (origin_y, origin_x), (at_x, at_y) = frame.lattice
    return (origin_y + y - at_y, origin_x + x - at_x)


def _moved(shift: Shift, verdict: Verdict, resolution_mm: float) -> Shift:
    dx, dy = round(verdict.dx_px) * resolution_mm, round(verdict.dy_px) * resolution_mm
    # The file's pixels are those of the raw tiles; their size is what the row itself implies.
    x_px = shift.x_px + dx * _per_mm(shift.x_px, shift.x_mm)
    y_px = shift.y_px + dy * _per_mm(shift.y_px, shift.y_mm)
    return replace(shift, x_px=x_px, y_px=y_px, x_mm=shift.x_mm + dx, y_mm=shift.y_mm + dy)


def _per_mm(px: float, mm: float) -> float:
    return px / mm if mm and math.isfinite(px / mm) else 0.0
