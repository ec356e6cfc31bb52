"""What can go wrong, each on its own; an empty `Faults` is a flawless acquisition.

Every mapping is keyed by slice number. What is planted is given in the sense of the truth file:
rolls, rotations and hidden shifts are the *corrections* that undo it (docs/simulator.md).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from linumpy.errors import BadValue

DamageKind = Literal["motion", "blur", "dropout", "noise", "saturation", "bad_cut", "empty"]
DAMAGE_KINDS: tuple[DamageKind, ...] = get_args(DamageKind)
Millimetres2 = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What is planted, by slice number."""

    galvo: Mapping[int, tuple[int, float]] = field(default_factory=dict)
    """(roll to apply so that the band ends up at the end, brightness of the band)"""
    glitch: Mapping[int, Millimetres2] = field(default_factory=dict)
    """error (x, y) of the reported position, mm, on this slice alone"""
    rehome: Mapping[int, Millimetres2] = field(default_factory=dict)
    """the same from this slice on; N × tile FOV is the usual one"""
    growth: Mapping[int, tuple[int, int, int, int]] = field(default_factory=dict)
    """tiles added (left, right, top, bottom) from this slice on; negative: taken away"""
    rotation_deg: Mapping[int, float] = field(default_factory=dict)
    """rotation that the stage does not report"""
    hidden_shift_um: Mapping[int, Millimetres2] = field(default_factory=dict)
    """translation that the stage does not report"""
    quality: Mapping[int, DamageKind] = field(default_factory=dict)
    """kind of damage"""
    severity: Mapping[int, float] = field(default_factory=dict)
    """strength of that damage, 0 to 1; 0.7 where it is not said"""
    missing: tuple[int, ...] = ()
    """slices never acquired"""
    missing_tiles: Mapping[int, tuple[tuple[int, int], ...]] = field(default_factory=dict)
    """places (column, row) without a tile folder"""
    calibration: tuple[int, ...] = ()
    """thick slices"""

    def __post_init__(self) -> None:
        for number, kind in self.quality.items():
            if kind not in DAMAGE_KINDS:
                raise BadValue(
                    f"slice {number}: damage {kind!r}; allowed: {', '.join(DAMAGE_KINDS)}"
                )
        for number, severity in self.severity.items():
            if not 0 <= severity <= 1:
                raise BadValue(f"slice {number}: severity {severity}; allowed: 0 to 1")

    def damage_of(self, number: int) -> tuple[DamageKind | Literal["good"], float]:
        """Return (kind, severity) for a slice; ("good", 0.0) where nothing is planted."""
        kind = self.quality.get(number)
        return ("good", 0.0) if kind is None else (kind, self.severity.get(number, 0.7))

    def reported_error_mm(self, number: int) -> Millimetres2:
        """Return what the stage adds to its report on a slice."""
        errors = [error for first, error in self.rehome.items() if number >= first]
        if number in self.glitch:
            errors.append(self.glitch[number])
        return (sum(x for x, _ in errors), sum(y for _, y in errors))

    def growth_of(self, number: int) -> tuple[int, int, int, int]:
        """Return the tiles added (left, right, top, bottom) to the first slice's grid."""
        added = [tiles for first, tiles in self.growth.items() if number >= first]
        left, right, top, bottom = (sum(tiles[side] for tiles in added) for side in range(4))
        return left, right, top, bottom
