"""Manual transforms, and the table of transforms that stacking found: one format.

``slice_id,dx_um,dy_um,rotation_deg,note``: what brings a slice onto its predecessor, both placed
by the stage; +dx to larger columns, +dy to larger rows, degrees from +X towards +Y about the
centre of the canvas. So the file that a run wrote can be edited and given back.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, UnknownSlice
from linumpy.io import atomic, columns, table
from linumpy.io.columns import Column, Value
from linumpy.io.table import Problem

COLUMNS = (
    Column("slice_id", "id", "The slice that is moved.", is_required=True),
    Column("dx_um", "number", "To larger columns, µm.", is_required=True),
    Column("dy_um", "number", "To larger rows, µm.", is_required=True),
    Column("rotation_deg", "number", "About the centre of the canvas, degrees.", is_required=True),
    Column("note", "text", "Where it is from, or why."),
)
MANUAL = "manual_transform"
"""Begins the note of a slice that is placed by hand."""
_NAMES = tuple(column.name for column in COLUMNS)


@dataclass(frozen=True, slots=True)
class Transform:
    """What brings a slice onto its predecessor, and a note."""

    motion: Rigid2D
    note: str = ""


def read(path: str | Path) -> dict[SliceId, Transform]:
    """Return the transforms of a file by moving slice.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile, BadValue
        For the first thing that cannot be right; names file, line and column.
    """
    found, wrong = table.scan(path, _NAMES)
    values: dict[str, list[Value]] = {}
    if found.columns:
        values, bad_cells = columns.parse_table(found, COLUMNS)
        wrong = [*wrong, *bad_cells]
    if wrong:
        raise min(wrong, key=lambda problem: problem.line).error(Path(path))
    transforms: dict[SliceId, Transform] = {}
    for i, line in enumerate(found.lines):
        slice_id = SliceId(values["slice_id"][i])
        if slice_id in transforms:
            what = "has a transform already"
            raise Problem(line, "slice_id", slice_id, what, "keep one row", BadValue).error(
                Path(path)
            )
        dx, dy, angle = (float(values[name][i] or 0.0) for name in _NAMES[1:4])
        note = values["note"][i] if "note" in values else ""
        transforms[slice_id] = Transform(Rigid2D(angle, dx, dy), str(note or ""))
    return transforms


def check_ids(
    path: str | Path, transforms: Mapping[SliceId, Transform], known: Collection[SliceId]
) -> None:
    """Refuse a transform of a slice that the run does not have.

    Raises
    ------
    UnknownSlice
        Names file and ids, and the slices that there are.
    """
    unknown = [slice_id for slice_id in transforms if slice_id not in known]
    if unknown:
        raise UnknownSlice(
            f"{path}: slice_id {', '.join(unknown)}: no such slice in this run",
            hint=f"there are {', '.join(sorted(known))}",
        )


def describe(one: Transform) -> str:
    """Return a transform as the record notes it, with the person's own note.

    Examples
    --------
    >>> describe(Transform(Rigid2D(1.5, 60, 0), "by eye; twice"))
    'manual_transform (dx 60 µm, dy 0 µm, 1.5°): by eye, twice'
    """
    x, y, angle = one.motion.dx_um, one.motion.dy_um, one.motion.rotation_deg
    said = f"{MANUAL} (dx {x:g} µm, dy {y:g} µm, {angle:g}°)"
    own = " ".join(one.note.split()).replace("; ", ", ")
    return f"{said}: {own}" if own else said


def write(path: str | Path, transforms: Mapping[SliceId, Transform]) -> None:
    """Write the transforms whole or not at all: µm to a thousandth, degrees to 10⁻⁵."""
    found = list(transforms.items())
    cells: dict[str, list[str]] = {
        "slice_id": [slice_id for slice_id, _ in found],
        "dx_um": [f"{one.motion.dx_um:.3f}" for _, one in found],
        "dy_um": [f"{one.motion.dy_um:.3f}" for _, one in found],
        "rotation_deg": [f"{one.motion.rotation_deg:.5f}" for _, one in found],
        "note": [one.note for _, one in found],
    }
    atomic.write_bytes(path, table.to_bytes(cells))
