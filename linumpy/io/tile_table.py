"""``tiles.csv``: where every tile was placed; one file per slice, and one of the whole run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io import atomic, table


@dataclass(frozen=True, slots=True, kw_only=True)
class TileRow:
    """One tile.

    ``stage_*_mm`` is its first pixel edge from the mosaic's origin, as the stage says;
    ``placed_*_um`` the same edge in the slice's frame, corrected; ``correction_*_px`` the part that
    overlaps added, native px; ``overlap_ncc`` of its best overlap, None where none is conclusive;
    ``flagged``: it keeps the stage's position.
    """

    row: int
    col: int
    stage_x_mm: float
    stage_y_mm: float
    placed_x_um: float
    placed_y_um: float
    correction_x_px: float
    correction_y_px: float
    overlap_ncc: float | None
    flagged: bool
    file: str


_DECIMALS = {"mm": 6, "um": 3, "px": 4, "ncc": 4}
_COLUMNS = tuple(field.name for field in fields(TileRow))


def write(path: str | Path, rows: Sequence[TileRow]) -> None:
    """Write the table of one slice."""
    atomic.write_bytes(path, table.to_bytes(_cells(rows, _COLUMNS)))


def read(path: str | Path) -> tuple[TileRow, ...]:
    """Read the table of one slice.

    Raises
    ------
    MissingFile, BadFile
        If there is no such file, or it is no such table.
    """
    found, problems = table.scan(path, _COLUMNS)
    if problems:
        raise problems[0].error(Path(path))
    try:
        return tuple(_row(dict(zip(found.columns, r, strict=True))) for r in found.records)
    except (KeyError, ValueError) as error:
        raise BadFile(
            f"{path}: not a table of tiles ({type(error).__name__} {error})",
            hint="run the same command again; it makes the slice's products again",
        ) from error


def join(path: str | Path, tables: Mapping[SliceId, Path]) -> None:
    """Write the tiles of all slices as one table, with slice_id, x, y (column, row of the grid).

    Raises
    ------
    MissingFile, BadFile
        As `read`.
    """
    found = [(slice_id, row) for slice_id in sorted(tables) for row in read(tables[slice_id])]
    rows = [row for _, row in found]
    cells = {
        "slice_id": [str(slice_id) for slice_id, _ in found],
        "x": [str(row.col) for row in rows],
        "y": [str(row.row) for row in rows],
    }
    atomic.write_bytes(path, table.to_bytes(cells | _cells(rows, _COLUMNS[2:])))


def _cells(rows: Sequence[TileRow], columns: Sequence[str]) -> dict[str, list[str]]:
    return {name: [_text(name, getattr(row, name)) for row in rows] for name in columns}


def _text(name: str, value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.{_DECIMALS[name.rpartition('_')[2]]}f}"
    return "" if value is None else str(value)


def _row(cells: Mapping[str, str]) -> TileRow:
    return TileRow(
        row=int(cells["row"]),
        col=int(cells["col"]),
        stage_x_mm=float(cells["stage_x_mm"]),
        stage_y_mm=float(cells["stage_y_mm"]),
        placed_x_um=float(cells["placed_x_um"]),
        placed_y_um=float(cells["placed_y_um"]),
        correction_x_px=float(cells["correction_x_px"]),
        correction_y_px=float(cells["correction_y_px"]),
        overlap_ncc=float(cells["overlap_ncc"]) if cells["overlap_ncc"] else None,
        flagged=cells["flagged"] == "true",
        file=cells["file"],
    )
