"""What a stack turned out to be, and the tables that say so. Nothing is decided here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId
from linumpy.stack.blend import Layer, Overlap, Share
from linumpy.stack.canvas import Canvas
from linumpy.stack.overlap import Agreement
from linumpy.stack.plan import Pair

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was decided; ``overlaps`` and ``agreements`` are by moving slice."""

    canvas: Canvas
    layers: Sequence[Layer]
    shares: Sequence[Sequence[Share]]
    pairs: Sequence[Pair]
    corrections: Mapping[SliceId, Rigid2D]
    overlaps: Mapping[SliceId, Overlap]
    agreements: Mapping[SliceId, Agreement]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of the volume, (z, y, x)."""
        return (len(self.shares), *self.canvas.shape)


@dataclass(frozen=True, slots=True)
class ZMatch:
    """One row of ``z_matches.csv``: a pair in depth.

    ``overlap_voxels`` from the cut interval, ``blend_overlap_voxels`` of them blended,
    ``moving_z_start`` planes passed over at the top of the moving slice, ``correlation`` measured
    in the overlap (0 without one).
    """

    fixed_id: SliceId
    moving_id: SliceId
    overlap_voxels: int
    blend_overlap_voxels: int
    moving_z_start: int
    correlation: float
    correlation_fallback_used: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """One row of ``stacking_decisions.csv``: which transform a slice got.

    ``reason`` says why a transform does not count; empty when it does.
    """

    slice_id: SliceId
    fixed_id: SliceId
    transform_loaded: bool
    transform_source: str
    manual_override: bool
    confidence: float | None
    overlap_source: str
    overlap_voxels: int
    blend_overlap_voxels: int
    correlation: float
    reason: str


def list_matches(outcome: Outcome) -> list[ZMatch]:
    """Return the rows of ``z_matches.csv``."""
    skipped = {layer.slice_id: layer.skip for layer in outcome.layers}
    return [
        ZMatch(
            pair.fixed,
            pair.moving,
            outcome.overlaps[pair.moving].n_planes,
            outcome.overlaps[pair.moving].n_blended,
            skipped[pair.moving],
            outcome.agreements[pair.moving].ncc,
        )
        for pair in outcome.pairs
    ]


def list_decisions(outcome: Outcome) -> list[Decision]:
    """Return the rows of ``stacking_decisions.csv``."""
    return [
        Decision(
            slice_id=pair.moving,
            fixed_id=pair.fixed,
            transform_loaded=pair.link is not None,
            transform_source=pair.source,
            manual_override=pair.source == "manual",
            confidence=None if pair.measured is None else pair.measured.confidence,
            overlap_source="expected",
            overlap_voxels=outcome.overlaps[pair.moving].n_planes,
            blend_overlap_voxels=outcome.overlaps[pair.moving].n_blended,
            correlation=outcome.agreements[pair.moving].ncc,
            reason=pair.reason,
        )
        for pair in outcome.pairs
    ]


def describe_slices(outcome: Outcome) -> list[Json]:
    """Return the slice table that travels with the volume: id, planes, fate, brightness."""
    fixed_of = {pair.moving: pair.fixed for pair in outcome.pairs}
    table: list[Json] = []
    for layer in outcome.layers:
        entry: dict[str, Json] = {
            "slice_id": str(layer.slice_id),
            "z_start": layer.start,
            "z_stop": layer.end,
            "fate": "interpolated" if layer.is_interpolated else "measured",
        }
        agreement = outcome.agreements.get(layer.slice_id)
        if agreement is not None and agreement.n_voxels:
            entry["brightness"] = {
                "fixed_id": str(fixed_of[layer.slice_id]),
                "log_ratio": round(agreement.log_ratio, 6),
                "sigma": round(agreement.log_ratio_sigma, 6),
            }
        table.append(entry)
    return table


def describe_planes(outcome: Outcome) -> list[Json]:
    """Return, for every plane of the volume, slice id → weight (0: interpolated, fills only)."""
    return [
        {str(share.layer.slice_id): round(share.weight, 6) for share in plane}
        for plane in outcome.shares
    ]


def describe(outcome: Outcome) -> dict[str, Json]:
    """Return the diagnostics: the numbers behind every place and every plane."""
    return {
        "corrections": {
            str(slice_id): {
                "dx_um": one.dx_um,
                "dy_um": one.dy_um,
                "rotation_deg": one.rotation_deg,
            }
            for slice_id, one in sorted(outcome.corrections.items())
        },
        "pairs": [_describe_pair(pair, outcome.agreements[pair.moving]) for pair in outcome.pairs],
        "slices": describe_slices(outcome),
        "planes": describe_planes(outcome),
    }


def _describe_pair(pair: Pair, agreement: Agreement) -> dict[str, Json]:
    motion = None if pair.measured is None else pair.measured.motion
    return {
        "fixed_id": str(pair.fixed),
        "moving_id": str(pair.moving),
        "source": pair.source,
        "reason": pair.reason,
        "measured_dx_um": None if motion is None else motion.dx_um,
        "measured_dy_um": None if motion is None else motion.dy_um,
        "measured_rotation_deg": None if motion is None else motion.rotation_deg,
        "confidence": None if pair.measured is None else pair.measured.confidence,
        "sigma_um": None if pair.link is None else pair.link.sigma_um,
        "overlap_ncc": agreement.ncc,
        "overlap_voxels": agreement.n_voxels,
        "log_brightness_ratio": agreement.log_ratio if agreement.n_voxels else None,
    }
