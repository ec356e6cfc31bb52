"""What the raw headers say: tiles, slices, the acquisition. No pixels."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from linumpy.core.slice_id import SliceId

_PIXEL_BYTES = 4  # float32
INCOMPLETE = "incomplete: "
"""The note of a slice whose tiles are not all there yet begins so."""


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

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame on disk: ``nz`` depths of every A-line, galvo return included."""
        return self.nz * (self.nx + self.n_extra) * _PIXEL_BYTES

    @property
    def n_bytes(self) -> int:
        """Bytes of a whole tile on disk, repeats included."""
        return self.frame_bytes * self.ny * self.n_repeat


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
class Unfinished:
    """The last slice of an acquisition that has stopped, or still runs.

    Parameters
    ----------
    slice_id : SliceId
        The slice.
    said : str
        What was found, for people; the same wherever the raw data lie.
    note : str
        What the record says of a slice that is left out for it; empty for one that is used as it is
        and for one without any readable tile, which does not count as seen yet.
    is_written : bool
        A tile is being written just now; whoever keeps the slice all the same gets half a tile.
    """

    slice_id: SliceId
    said: str
    note: str = ""
    is_written: bool = False

    def advice(self, *, is_kept: bool) -> str:
        """Return what was found, what is done about it and what the user can do."""
        if not self.note and self.is_written:
            return f"{self.said}; run the same command again when it is there"
        if not self.note or (is_kept and not self.is_written):
            return f"{self.said}; it is used as it is"
        keep = "" if self.is_written else f", or take it as it is with --keep {self.slice_id}"
        return (
            f"{self.said}; the slice is left out: run the same command again when it is there{keep}"
        )


@dataclass(frozen=True, slots=True)
class Acquisition:
    """Every slice that was seen, in the order of ids."""

    slices: Mapping[SliceId, RawSlice]
    unfinished: tuple[Unfinished, ...] = field(default=())

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
