"""docs/conformance.md: every line of the feature page has a row, every row a test that exists."""

import ast
import functools
import re
from pathlib import Path

import pytest

import linumpy

PROJECT = Path(linumpy.__file__).parents[1]
PAGE = (PROJECT / "docs" / "conformance.md").read_text("utf-8")
N_LINES = 585
"""Lines of the feature page."""
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in PAGE.splitlines()
    if re.match(r"\| \d+ \|", line)
]
NODE = re.compile(r"`(tests/[\w/]+\.py(?:::\w+)+)`")
MOST_ROWS_OF_ONE_TEST = 6


@functools.cache
def names_in(path: Path) -> frozenset[str]:
    """Return the names of the tests of a file, methods as ``Class::name``; nothing is imported."""
    names = set()
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.ClassDef):
            parts = (part for part in node.body if isinstance(part, ast.FunctionDef))
            names |= {f"{node.name}::{part.name}" for part in parts}
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            names.add(node.name)
    return frozenset(names)


def lines_of(text: str) -> set[int]:
    """Return the numbers of ``12, 14–16``."""
    found = set()
    for first, last in re.findall(r"(\d+)(?:–(\d+))?", text):
        found |= set(range(int(first), int(last or first) + 1))
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_row_names_a_test_that_exists(row):
    "File and function are there."
    assert len(row) == 5
    nodes = NODE.findall(row[-1])
    assert nodes, f"row {row[0]} names no test"
    for node in nodes:
        path, _, name = node.partition("::")
        assert (PROJECT / path).exists(), node
        assert name in names_in(PROJECT / path), f"row {row[0]}: there is no {node}"


def test_rows_are_numbered_through():
    "An id is not used twice and none is left out."
    assert [int(row[0]) for row in ROWS] == list(range(1, len(ROWS) + 1))


def test_every_line_of_the_page_is_in_a_row():
    "Or among the headings and lead-ins that are listed at the end."
    claimed = set().union(*(lines_of(row[1]) for row in ROWS))
    nothing = lines_of(PAGE.rpartition("claim nothing:")[2])
    assert claimed | nothing == set(range(1, N_LINES + 1))


def test_no_test_stands_for_a_whole_section():
    "A test that many rows name would show none of them well."
    named = [node for row in ROWS for node in set(NODE.findall(row[-1]))]
    often = {node for node in named if named.count(node) > MOST_ROWS_OF_ONE_TEST}
    assert not often


def test_what_differs_says_why():
    "A decision that supersedes the page is named, with its reason behind a colon."
    for row in ROWS:
        if "**differs**" in row[3]:
            assert re.search(r"\(decisions \d+\): \w", row[3]), f"row {row[0]}"
