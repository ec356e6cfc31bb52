"""The published schemas are those of the code, and what we write passes them."""

import importlib.util
import json
import subprocess
import sys

import pytest

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io import schema, shifts, slice_config
from tests.io.test_slice_config import PAGE


@pytest.mark.parametrize("name", schema.SCHEMAS)
def test_the_shipped_schema_is_the_codes(name, tmp_path):
    "When a column changes: python -m linumpy.io.schema."
    schema.write_all(tmp_path)
    assert (schema.FOLDER / name).read_text() == (tmp_path / name).read_text()
    fields = json.loads((schema.FOLDER / name).read_text())["fields"]
    module = slice_config if name.startswith("slice") else shifts
    assert tuple(field["name"] for field in fields) == module.CANONICAL_COLUMNS


def validate(folder, name, schema_name, *options):
    schema.write_all(folder)
    command = [sys.executable, "-m", "frictionless", "validate", "--json", *options]
    command += ["--schema", schema_name, name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.skipif(
    importlib.util.find_spec("frictionless") is None, reason="frictionless is not installed"
)
def test_frictionless_accepts_what_we_write_and_nothing_else(tmp_path):
    "The page's example, an extra column, shifts; not a misspelt boolean."
    (tmp_path / "page.csv").write_text(PAGE)
    assert validate(tmp_path, "page.csv", "slice_config.schema.json").returncode == 0
    rows = slice_config.read(tmp_path / "page.csv")
    extra = slice_config.stamp(rows, 0, {"operator": 'a, "b"\nc'})
    slice_config.write(tmp_path / "extra.csv", extra)
    done = validate(tmp_path, "extra.csv", "slice_config.schema.json", "--schema-sync")
    assert done.returncode == 0, done.stdout
    some = [
        Shift(SliceId(0), SliceId(2), 1.5, -2, 0.01, 1e-9, reliable) for reliable in (None, True)
    ]
    shifts.write(tmp_path / "s.csv", some[:1])
    assert validate(tmp_path, "s.csv", "shifts_xy.schema.json").returncode == 0
    (tmp_path / "bad.csv").write_text(PAGE.replace("00,false", "00,flase"))
    assert validate(tmp_path, "bad.csv", "slice_config.schema.json").returncode == 1
