"""CSV tables of plain records: one dataclass, one row, its fields are the columns."""

from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from linumpy.io import atomic, table

if TYPE_CHECKING:
    from _typeshed import DataclassInstance


def write_rows(
    path: str | Path, rows: Sequence["DataclassInstance"], kind: type["DataclassInstance"]
) -> None:
    """Write the records whole or not at all; without any, the header stands alone.

    Booleans as true/false, floats with four decimals, None as an empty cell.
    """
    names = [field.name for field in fields(kind)]
    cells = {name: [_text(getattr(row, name)) for row in rows] for name in names}
    atomic.write_bytes(path, table.to_bytes(cells))


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.4f}"
    return "" if value is None else str(value)
