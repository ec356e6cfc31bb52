"""What the raw headers say: tiles, slices, the acquisition. No pixels."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from linumpy.core.slice_id import SliceId


@dataclass(frozen=True, slots=True)
class TileInfo:
    """One ``info.txt``.

    ``nx`` A-lines are kept of the ``nx + n_extra`` of a sweep (fast axis, X), ``ny`` B-scans (Y),
    ``nz`` depth samples. ``stage_*_mm`` is the motor position of the tile's centre.
    """

    nx: int
    ny: int
    nz: int
    n_extra: int
    n_repeat: int
    width_um: float
    height_um: float
    stage_x_mm: float | None = None
    stage_y_mm: float | None = None
    stage_z_mm: float | None = None
    axial_um: float | None = None
    focus_z_px: int | None = None

    @property
    def x_um(self) -> float:
        """Lateral sampling along the A-lines of a sweep, µm."""
        return self.width_um / self.nx

    @property
    def y_um(self) -> float:
        """Lateral sampling along the B-scans, µm."""
        return self.height_um / self.ny


@dataclass(frozen=True, slots=True)
class Tile:
    """One tile folder: place in its slice's grid, header, and where the pixels are."""

    slice_id: SliceId
    x: int
    y: int
    folder: Path
    info: TileInfo
    images: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class RawSlice:
    """The tiles of one slice, sorted by (y, x); all share one shape and one sampling."""

    slice_id: SliceId
    tiles: tuple[Tile, ...]

    @property
    def grid(self) -> tuple[int, int]:
        """(rows, columns) of the grid that holds all tiles, indices counted from the smallest."""
        rows = [tile.y for tile in self.tiles]
        columns = [tile.x for tile in self.tiles]
        return (max(rows) - min(rows) + 1, max(columns) - min(columns) + 1)

    @property
    def n_missing(self) -> int:
        """Places of the grid without a tile."""
        rows, columns = self.grid
        return rows * columns - len(self.tiles)


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Every slice that was seen, in the order of ids."""

    slices: Mapping[SliceId, RawSlice]

    @property
    def ids(self) -> tuple[SliceId, ...]:
        """Ids that have tiles."""
        return tuple(self.slices)

    @property
    def first_info(self) -> TileInfo:
        """The header of the first tile; what all tiles share stands there."""
        return self.slices[self.ids[0]].tiles[0].info

    @property
    def never_acquired(self) -> tuple[SliceId, ...]:
        """Ids between two seen ones that have no tile at all."""
        seen = {slice_id.number for slice_id in self.slices}
        return tuple(SliceId(n) for n in range(min(seen), max(seen)) if n not in seen)
