"""What measures may use: public functions of what they measure, a generator of its own."""

import ast
from pathlib import Path

import pytest

import accuracy
from accuracy.draw import load, names

ROOT = Path(accuracy.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> list[tuple[str, str]]:
    """Return (module, name) of everything that a file imports by name."""
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom):
            found += [(node.module or "", alias.name) for alias in node.names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, "") for alias in node.names]
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_measures_use_no_private_function(path):
    "Neither imported nor reached through a module."
    tree = ast.parse(path.read_text("utf-8"))
    modules = {
        alias.asname or alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("linumpy")
        for alias in node.names
    }
    for module, name in imported(path):
        if module.startswith("linumpy"):
            assert not name.startswith("_"), f"{module}.{name}"
            assert "._" not in module
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            private = node.attr.startswith("_") and not node.attr.startswith("__")
            assert not (private and node.value.id in modules), ast.unparse(node)


@pytest.mark.parametrize(
    "name", ["anatomy", "acquisitions", "mosaics", "lattice", "oracle", "planes", "compare"]
)
def test_what_is_measured_does_not_judge_itself(name):
    "Generators and comparison take nothing from linumpy but core, errors and the simulator."
    rooms = {m.split(".")[1] for m, _ in imported(ROOT / f"{name}.py") if m.startswith("linumpy.")}
    assert rooms <= {"core", "errors", "synth"}


@pytest.mark.parametrize("name", names())
def test_a_measure_is_whole(name):
    "It has a story, targets, and fewer trials in the quick form."
    measure = load(name)
    assert len(measure.how.split()) > 20
    assert measure.targets
    assert 0 < measure.quick <= measure.full
    for target in measure.targets:
        assert target.needs
