"""The import law: a room imports only the rooms that its line names."""

import ast
from pathlib import Path

import pytest

import linumpy

ROOT = Path(linumpy.__file__).parent
ALGORITHMS = {"core", "compute", "errors"}
MAY_IMPORT = {
    "errors": set(),
    # core.fate alone: how a failure is noted; io.atomic alone: there is one writer of files
    "cli": {"core", "io", "errors"},
    "core": {"errors"},
    "compute": {"core", "errors"},
    "io": {"core", "errors"},
    "synth": {"core", "errors"},
    "preproc": ALGORITHMS,
    "mosaic": ALGORITHMS,
    "registration": ALGORITHMS,
    "stack": ALGORITHMS | {"registration"},
    "quality": ALGORITHMS,
    "report": {"io", "core", "errors"},
    "scripts": {
        "cli", "core", "compute", "io", "synth", "preproc", "mosaic", "registration", "stack",
        "quality", "report", "errors",
    },
    # stack.shifts alone: the driver keys each slice by its own position (docs/decisions/0001)
    "pipeline": {"scripts", "cli", "io", "core", "errors", "compute", "stack"},
}  # fmt: skip


def _rooms() -> list[str]:
    return sorted(p.stem for p in ROOT.iterdir() if p.is_dir() and (p / "__init__.py").exists())


def _imports(path: Path) -> set[str]:
    """Rooms that a module imports, at its top or inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found |= (
                {f"linumpy.{a.name}" for a in node.names}
                if node.module == "linumpy"
                else {node.module}
            )
    return {name.split(".")[1] for name in found if name.startswith("linumpy.")}


def test_every_room_has_its_line():
    "A room that the law does not know cannot exist."
    assert {*_rooms(), "errors"} == set(MAY_IMPORT)


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_a_room_imports_only_what_its_line_names(room):
    "Arrows point one way."
    files = [ROOT / "errors.py"] if room == "errors" else sorted((ROOT / room).rglob("*.py"))
    for path in files:
        wrong = _imports(path) - MAY_IMPORT[room] - {room}
        assert not wrong, f"{path.relative_to(ROOT)} imports {sorted(wrong)}"


@pytest.mark.parametrize("room", sorted(MAY_IMPORT))
def test_no_underscored_name_crosses_a_module(room):
    "An underscore means this file only."
    files = [ROOT / "errors.py"] if room == "errors" else sorted((ROOT / room).rglob("*.py"))
    for path in files:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("linumpy"):
                private = [alias.name for alias in node.names if alias.name.startswith("_")]
                assert not private, f"{path.relative_to(ROOT)} imports {private}"
