"""From measured motions and the record to the plan of a stack: links, layers, sections."""

import itertools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from linumpy.core.rigid import Rigid2D
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.stack.blend import Layer
from linumpy.stack.motor import Link, link_sigma_um

MANUAL_SIGMA_UM = 0.01
"""A person's transform is taken as it is."""
UNRELIABLE_UM = 500.0
"""σ of a step that the shifts call unreliable: nearly no information."""
REPAIRED_UM = 30.0
"""σ of a corrected step: it was seen to about half a pixel of a coarse picture."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A pairwise motion as a file gives it; ``fixed`` is None where the file does not say."""

    motion: Rigid2D
    confidence: float
    fixed: SliceId | None = None
    is_manual: bool = False


@dataclass(frozen=True, slots=True)
class Gates:
    """Which registrations count."""

    confidence_low: float
    max_rotation_deg: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two neighbours in the stack.

    ``link`` is None where their motion does not count; ``reason`` then says why.
    """

    fixed: SliceId
    moving: SliceId
    measured: Measured | None
    link: Link | None
    reason: str

    @property
    def source(self) -> str:
        """``manual``, ``automated`` or, without any motion, empty."""
        if self.measured is None:
            return ""
        return "manual" if self.measured.is_manual else "automated"


def refuse(measured: Measured | None, fixed: SliceId, moving: SliceId, gates: Gates) -> str:
    """Say why a measured motion does not count; empty when it does."""
    if measured is None:
        return "no transform"
    if measured.is_manual:
        return ""
    if measured.fixed is not None and measured.fixed != fixed:
        return f"measured against z{measured.fixed}"
    if moving.number - fixed.number != 1:
        return "bridges a gap"
    if measured.confidence < max(gates.confidence_low, 1e-3):
        return f"confidence {measured.confidence:.2f} < {gates.confidence_low:g}"
    if abs(measured.motion.rotation_deg) > gates.max_rotation_deg:
        return f"{measured.motion.rotation_deg:.1f}° is more than {gates.max_rotation_deg:g}°"
    return ""


def judge(
    measured: Measured | None,
    fixed: SliceId,
    moving: SliceId,
    gates: Gates,
    *,
    resolution_um: float,
    is_noisy: bool = False,
) -> Pair:
    """Return a pair of neighbours, with its link when its motion counts.

    Parameters
    ----------
    measured : Measured or None
        None: there is no transform.
    fixed, moving : SliceId
        Neighbours in the stack.
    gates : Gates
    resolution_um : float
        Voxel size in the plane.
    is_noisy : bool
        One of the two was excluded automatically: only the stage places it.
    """
    reason = refuse(measured, fixed, moving, gates)
    if is_noisy and not (measured and measured.is_manual):
        reason = "auto_excluded: by the stage only"
    if measured is None or reason:
        return Pair(fixed, moving, measured, None, reason)
    sigma = (
        MANUAL_SIGMA_UM if measured.is_manual else link_sigma_um(measured.confidence, resolution_um)
    )
    link = Link(fixed, moving, measured.motion, sigma, is_exact=measured.is_manual)
    return Pair(fixed, moving, measured, link, "")


def fill_corrections(
    corrections: Mapping[SliceId, Rigid2D], interpolated: Collection[SliceId]
) -> dict[SliceId, Rigid2D]:
    """Add the corrections of interpolated slices: midway between those of their neighbours."""
    ids = sorted(corrections)
    filled = dict(corrections)
    for slice_id in interpolated:
        before = max((i for i in ids if i < slice_id), default=ids[0])
        after = min((i for i in ids if i > slice_id), default=ids[-1])
        upper, lower = corrections[before], corrections[after]
        filled[slice_id] = Rigid2D(
            (upper.rotation_deg + lower.rotation_deg) / 2,
            (upper.dx_um + lower.dx_um) / 2,
            (upper.dy_um + lower.dy_um) / 2,
        )
    return filled


def arrival_sigmas_um(
    ids: Sequence[SliceId], steps: Sequence[Shift], repaired: Collection[SliceId]
) -> dict[SliceId, float]:
    """Return σ of the step that leads to a slice, for slices where the stage is not exact.

    Steps to and from slices in between count. UNRELIABLE_UM where the shifts call a step
    unreliable, and where no step leads to the slice; REPAIRED_UM where one step was corrected. Of
    a run of corrected steps (a report that jumps and returns) the sum was kept, so the stage is
    exact behind it; what is left inside is an error of those slices alone.

    Parameters
    ----------
    ids : sequence of SliceId
        The slices that are placed, in order.
    repaired : collection of SliceId
        Slices whose step from the slice before was corrected (``rehomed`` in the record).
    """
    known = {slice_id for step in steps for slice_id in (step.fixed, step.moving)}
    is_repaired = [step.moving in repaired for step in steps]
    alone = {
        step.moving
        for k, step in enumerate(steps)
        if is_repaired[k] and not any(is_repaired[max(k - 1, 0) : k] + is_repaired[k + 1 : k + 2])
    }
    sigmas = {}
    for fixed, moving in itertools.pairwise(ids):
        between = [step for step in steps if fixed <= step.fixed and step.moving <= moving]
        if moving not in known or any(step.reliable is False for step in between):
            sigmas[moving] = UNRELIABLE_UM
        elif any(step.moving in alone for step in between):
            sigmas[moving] = REPAIRED_UM
    return sigmas


def make_layers(
    depths: Mapping[SliceId, int],
    starts: Mapping[SliceId, int],
    *,
    interpolated: Collection[SliceId],
    skip: int,
) -> list[Layer]:
    """Return the layers of the stack, sorted by start.

    Parameters
    ----------
    depths, starts : mapping
        Planes and first plane of every slice, measured or interpolated.
    interpolated : collection of SliceId
        Those that only fill what nothing measured.
    skip : int
        Planes at the top of every slice but the first that count only where nothing else does.
    """
    first = min(starts, key=lambda slice_id: starts[slice_id])
    return [
        Layer(
            slice_id,
            starts[slice_id],
            depths[slice_id],
            skip=0 if slice_id == first else min(skip, depths[slice_id] - 1),
            is_interpolated=slice_id in interpolated,
        )
        for slice_id in sorted(starts)
    ]
