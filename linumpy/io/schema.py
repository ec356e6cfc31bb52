"""Frictionless Table Schemas of our records, made from the columns that the code declares.

They ship as ``linumpy/io/schemas/*.schema.json``, so that any tool can check a file:
``frictionless validate --schema slice_config.schema.json --schema-sync slice_config.csv``
(``--schema-sync`` lets extra columns pass). ``python -m linumpy.io.schema`` writes them again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from linumpy.io import atomic, shifts, slice_config
from linumpy.io.columns import Column, Kind

Json = Mapping[str, object]
FOLDER = Path(__file__).parent / "schemas"
_BOOLEAN: Json = {"type": "boolean", "trueValues": ["true"], "falseValues": ["false"]}
_FLAG: Json = {"type": "boolean", "trueValues": ["1"], "falseValues": ["0"]}
_SLICE_CONFIG: Mapping[Kind, Json] = {
    "id": {"type": "string", "constraints": {"pattern": "[0-9]{2,}", "unique": True}},
    "boolean": _BOOLEAN,
    "optional_boolean": _BOOLEAN,
    "score": {"type": "number", "constraints": {"minimum": 0, "maximum": 1}},
    "text": {"type": "string"},
}
_SHIFTS: Mapping[Kind, Json] = {
    "id": {"type": "integer", "constraints": {"minimum": 0}},
    "optional_boolean": _FLAG,
    "number": {"type": "number"},
}


def slice_config_schema() -> dict[str, object]:
    """Return the schema of ``slice_config.csv`` as `slice_config.write` writes it."""
    title = "Per-slice decisions of a serial OCT reconstruction"
    return _schema(slice_config.COLUMNS, _SLICE_CONFIG, title, ["slice_id"])


def shifts_schema() -> dict[str, object]:
    """Return the schema of ``shifts_xy.csv`` as `shifts.write` writes it."""
    title = "Pairwise displacements between consecutive slices"
    return _schema(shifts.COLUMNS, _SHIFTS, title, ["fixed_id", "moving_id"])


SCHEMAS = {
    "slice_config.schema.json": slice_config_schema,
    "shifts_xy.schema.json": shifts_schema,
}


def write_all(folder: str | Path = FOLDER) -> None:
    """Write every schema into a folder."""
    for name, make in SCHEMAS.items():
        atomic.write_json(Path(folder) / name, make())


def _schema(
    columns: Sequence[Column], types: Mapping[Kind, Json], title: str, key: list[str]
) -> dict[str, object]:
    return {
        "$schema": "https://datapackage.org/profiles/1.0/tableschema.json",
        "title": title,
        "fields": [_field(column, types[column.kind]) for column in columns],
        "missingValues": [""],
        "primaryKey": key,
    }


def _field(column: Column, kind: Json) -> dict[str, object]:
    field: dict[str, object] = {"name": column.name, "description": column.description, **kind}
    if column.is_required:
        given = kind.get("constraints", {})
        field["constraints"] = {"required": True, **(given if isinstance(given, dict) else {})}
    return field


if __name__ == "__main__":
    write_all()
