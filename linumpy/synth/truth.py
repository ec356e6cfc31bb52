"""The truth: every number that an acquisition is made from.

`plan` draws them all before a voxel is made, so a reader of the truth file
(`linumpy.synth.truth_file`) and the renderer see the same values.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue
from linumpy.synth.faults import Faults
from linumpy.synth.rig import Rig
from linumpy.synth.scene import Scene

PLAN, TILE, SURFACE = 11, 12, 13
"""Streams of random numbers, so that no two uses share draws."""
_DEGREE = math.pi / 180


@dataclass(frozen=True, slots=True)
class TileTruth:
    """Where a tile was, mm (x, y): its true lower edge, and reported minus true position."""

    origin_mm: tuple[float, float]
    error_mm: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SliceTruth:
    """What one slice was made from; signs and frames as in docs/simulator.md."""

    number: int
    z_mm: float
    origin_mm: tuple[float, float]
    reported_error_mm: tuple[float, float]
    tiles: tuple[int, int]
    rotation_deg: float
    hidden_shift_um: tuple[float, float]
    galvo_roll: int
    galvo_gain: float
    quality: str
    severity: float
    gain: float
    water_um: float
    nz: int
    tile_truths: Mapping[tuple[int, int], TileTruth]
    """by (column, row); tiles that are missing are not there"""

    @property
    def slice_id(self) -> SliceId:
        """The id in folder names."""
        return SliceId(self.number)

    def anatomy_from_stage(
        self, x_mm: Any, y_mm: Any, centre_mm: tuple[float, float]
    ) -> tuple[Any, Any]:
        """Return where what is seen at a true stage position belongs: q = R(θ)(p − c) + c + h.

        Scalars or arrays; (x, y) → (x, y), mm.
        """
        cos, sin = math.cos(self.rotation_deg * _DEGREE), math.sin(self.rotation_deg * _DEGREE)
        dx, dy = x_mm - centre_mm[0], y_mm - centre_mm[1]
        return (
            cos * dx - sin * dy + centre_mm[0] + self.hidden_shift_um[0] / 1000,
            sin * dx + cos * dy + centre_mm[1] + self.hidden_shift_um[1] / 1000,
        )


@dataclass(frozen=True, slots=True)
class Truth:
    """Everything about one acquisition."""

    rig: Rig
    faults: Faults
    seed: int
    centre_mm: tuple[float, float]
    size_mm: tuple[float, float, float]
    anatomy: str
    slices: Mapping[SliceId, SliceTruth]


def plan(scene: Scene, rig: Rig, faults: Faults, seed: int) -> Truth:
    """Draw the truth of an acquisition; the same arguments give the same truth.

    Raises
    ------
    BadValue
        If no slice is left, a fault is planted on a slice or a tile that is not acquired, or a grid
        shrinks to nothing.
    """
    numbers = [number for number in rig.ids if number not in faults.missing]
    _check_numbers(numbers, rig, faults)
    origins = _origins_mm(rig, seed)
    slices = {
        SliceId(number): _plan_slice(number, origins[number], scene, rig, faults, seed)
        for number in numbers
    }
    return Truth(rig, faults, seed, scene.centre_xy_mm, scene.size_mm, scene.name, slices)


def generator(seed: int, *path: int) -> np.random.Generator:
    """Return the random numbers of one place; other places do not move them."""
    return np.random.default_rng([seed, *path])


def _check_numbers(numbers: list[int], rig: Rig, faults: Faults) -> None:
    if not numbers:
        raise BadValue("no slice is left: all ids are in faults.missing")
    for item in fields(Faults):
        if item.name in ("missing", "growth", "rehome"):
            continue
        absent = sorted(set(getattr(faults, item.name)) - set(numbers))
        if absent:
            raise BadValue(
                f"faults: {item.name} is planted on slice {absent[0]}, which is not acquired",
                hint=f"acquired: {', '.join(map(str, numbers))}",
            )
    for number, (roll, _) in faults.galvo.items():
        n_lines = rig.tile_px[0] + rig.n_extra
        if rig.n_extra == 0 or not 0 <= roll < n_lines:
            raise BadValue(
                f"faults: galvo roll {roll} on slice {number}; allowed: 0 to {n_lines - 1}, "
                "on a rig with n_extra above 0"
            )


def _origins_mm(rig: Rig, seed: int) -> dict[int, tuple[float, float]]:
    """Draw the slow, reported walk of the mosaic's origin over all numbers."""
    steps = generator(seed, PLAN).normal(0, rig.drift_um / 1000, (len(rig.ids), 2))
    path = np.cumsum(steps, axis=0) - rig.margin_mm
    return {number: (float(x), float(y)) for number, (x, y) in zip(rig.ids, path, strict=True)}


def _plan_slice(
    number: int,
    origin: tuple[float, float],
    scene: Scene,
    rig: Rig,
    faults: Faults,
    seed: int,
) -> SliceTruth:
    rng = generator(seed, PLAN, number)
    left, right, top, bottom = faults.growth_of(number)
    columns, rows = rig.grid_for((scene.size_mm[2], scene.size_mm[1]))
    columns, rows = columns + left + right, rows + top + bottom
    if columns < 1 or rows < 1:
        raise BadValue(f"faults: growth leaves slice {number} a grid of {columns} × {rows} tiles")
    roll, gain = faults.galvo.get(number, (0, rig.flyback_gain))
    quality, severity = faults.damage_of(number)
    phase = 2 * math.pi * number / 9 + seed % 7
    slice_truth = SliceTruth(
        number=number,
        z_mm=rig.z_mm(number),
        origin_mm=(origin[0] - left * rig.step_mm[0], origin[1] - top * rig.step_mm[1]),
        reported_error_mm=faults.reported_error_mm(number),
        tiles=(columns, rows),
        rotation_deg=float(faults.rotation_deg.get(number, 0.0)),
        hidden_shift_um=faults.hidden_shift_um.get(number, (0.0, 0.0)),
        galvo_roll=int(roll),
        galvo_gain=float(gain),
        quality=quality,
        severity=severity,
        gain=1 + rig.gain_drift * (0.9 * math.sin(phase) + 0.15 * float(rng.normal())),
        water_um=rig.water_um + rig.water_jitter_um * float(rng.normal()),
        nz=rig.nz(calibration=number in faults.calibration),
        tile_truths={},
    )
    absent = set(faults.missing_tiles.get(number, ()))
    unknown = [(x, y) for x, y in absent if not (0 <= x < columns and 0 <= y < rows)]
    if unknown:
        raise BadValue(f"faults: slice {number} has no tile {unknown[0]} to leave out")
    return replace(slice_truth, tile_truths=place_tiles(slice_truth, rig, seed, absent))


def place_tiles(
    one: SliceTruth, rig: Rig, seed: int, absent: set[tuple[int, int]]
) -> dict[tuple[int, int], TileTruth]:
    """Draw where each tile of a slice was; ``absent`` places get none."""
    placed = {}
    for row in range(one.tiles[1]):
        for column in range(one.tiles[0]):
            if (column, row) in absent:
                continue
            rng = generator(seed, PLAN, one.number, column, row)
            reported = rng.normal(0, 1, 2) * rig.jitter_um / 1000
            hidden = rng.normal(0, 1, 2) * rig.unreported_jitter_um / 1000
            hidden[0] += (0.5 if row % 2 else -0.5) * rig.backlash_um / 1000
            true = (
                one.origin_mm[0] + column * rig.step_mm[0] + float(reported[0] + hidden[0]),
                one.origin_mm[1] + row * rig.step_mm[1] + float(reported[1] + hidden[1]),
            )
            placed[column, row] = TileTruth(true, (-float(hidden[0]), -float(hidden[1])))
    return placed
