"""How a rig lays its tiles out: signs of the stage, field of view, extents. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from linumpy.core.acquisition import Unfinished
from linumpy.core.instrument import Instrument
from linumpy.core.slice_id import SliceId
from linumpy.core.tile_orientation import STANDARD, TileOrientation


@dataclass(frozen=True, slots=True)
class XY:
    """A pair of numbers, one per lateral axis; the unit stands in the field's name."""

    x: float
    y: float


@dataclass(frozen=True, slots=True)
class StageSign:
    """Sense of the stage against the tile index, per axis.

    +1: positions rise with the index. −1: they fall, the sample rides on the stage.
    """

    x: int = 1
    y: int = 1


@dataclass(frozen=True, slots=True)
class RigGeometry:
    """What holds for every tile of an acquisition.

    ``step_mm`` is the distance between neighbouring tiles, None along an axis with one tile.
    ``overlap_fraction`` is None where the stage says where tiles are; else positions are nominal.
    """

    stage_sign: StageSign
    fov_mm: XY
    lateral_um: XY
    step_x_mm: float | None
    step_y_mm: float | None
    orientation: TileOrientation = STANDARD
    overlap_fraction: float | None = None


@dataclass(frozen=True, slots=True)
class SliceExtent:
    """Where the mosaic of a slice begins and ends, in the frame u = sign · stage, mm.

    ``origin_mm`` is the pixel edge at index 0, ``far_mm`` the edge at the other end.
    """

    origin_mm: XY
    far_mm: XY
    grid: tuple[int, int]
    n_tiles: int
    nz: int
    stage_z_mm: float | None = None


@dataclass(frozen=True, slots=True)
class Scan:
    """``acquisition.json``: all that later stages need of the raw headers."""

    rig: RigGeometry
    extents: Mapping[SliceId, SliceExtent]
    never_acquired: tuple[SliceId, ...]
    n_extra: int
    axial_um: float | None
    slicing_interval_mm: float | None
    unfinished: tuple[Unfinished, ...] = ()
    instrument: Instrument = field(default_factory=Instrument)
