"""docs/file-formats.md names every file of a run, with each column and key."""

import csv
import json
import re
from pathlib import Path

import pytest

import linumpy

PAGE = (Path(linumpy.__file__).parents[1] / "docs" / "file-formats.md").read_text("utf-8")
COMMON = {"slice_config", "slice_config_final"}
"""Tables whose columns have a page of their own, docs/slice_config.md."""
pytestmark = pytest.mark.story


def sections():
    """Return folder → what the page says about it; the top folder is ``""``."""
    found = {}
    for part in PAGE.split("\n## ")[1:]:
        heading, _, body = part.partition("\n")
        for folder in re.findall(r"`(?:OUT/)?([\w/]*?)/?`", heading) or [""]:
            found[folder] = found.get(folder, "") + body
    return found


SECTIONS = sections()


def files_of(out):
    """Return the files of a run; a volume counts as one."""
    for path in sorted(out.rglob("*")):
        inside = path.relative_to(out)
        if inside.parts[0] == ".linumpy" or any(p.name.endswith(".zarr") for p in inside.parents):
            continue
        if path.is_file() or path.name.endswith(".ome.zarr"):
            yield path


def section_of(path, out):
    folder = path.relative_to(out).parts[0] if path.parent != out else ""
    assert folder in SECTIONS, f"no section about {folder}/"
    return SECTIONS[folder]


def keys_of(path):
    """Return the columns of a table, the top keys of a JSON object, the attributes of a volume."""
    if path.name.endswith(".ome.zarr"):
        return list(json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]["linumpy"])
    if path.suffix == ".csv" and path.stem not in COMMON:
        with path.open(encoding="utf-8", newline="") as table:
            return next(csv.reader(table))
    if path.suffix == ".json":
        return list(json.loads(path.read_text("utf-8")))
    if path.suffix == ".jsonl":
        return list(json.loads(path.read_text("utf-8").splitlines()[0]))
    return []


def test_every_file_of_a_run_is_described(whole_run):
    "Name, with {NN} for the slice, in the section of its folder."
    missing = set()
    for path in files_of(whole_run):
        name = re.sub(r"(?<=z)\d{2,}", "{NN}", path.name)
        if not re.search(rf"`(?:[\w/]+/)?{re.escape(name)}`", section_of(path, whole_run)):
            missing.add(path.relative_to(whole_run).as_posix())
    assert not missing
    assert "`.linumpy/`" in SECTIONS[""]


def test_every_column_and_key_is_described(whole_run):
    "In the section of the folder; those that all files of a kind share, at the head of the page."
    head, missing = PAGE.partition("\n## ")[0], set()
    for path in files_of(whole_run):
        said = section_of(path, whole_run) + head + SECTIONS[""]
        missing |= {(path.name, key) for key in keys_of(path) if f"`{key}`" not in said}
    assert not missing


def test_every_file_that_is_described_is_written(whole_run):
    "The page names no file that a run with every stage does not write."
    written = {re.sub(r"(?<=z)\d{2,}", "{NN}", path.name) for path in files_of(whole_run)}
    for folder, body in SECTIONS.items():
        if folder in {"RAW", "OUT2"}:  # not of this run
            continue
        for cell in re.findall(r"^\| (`[^|]+) \|", body, re.MULTILINE):
            names = set(re.findall(r"([\w{}]+(?:\.\w+)+)`", cell))
            assert names <= written, (folder, names - written)
