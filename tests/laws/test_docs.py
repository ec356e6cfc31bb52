"""Documents are held to the code: headings, links, commands, flags, blocks that run."""

import contextlib
import dataclasses
import re
import shlex
import shutil
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

import linumpy
from linumpy import errors
from linumpy.cli import runtime
from linumpy.io import slice_config
from linumpy.pipeline import nextflow, registry, write

PROJECT = Path(linumpy.__file__).parents[1]
DOCS = PROJECT / "docs"
PAGES = sorted([PROJECT / "README.md", *DOCS.rglob("*.md")])
NAMES = [str(path.relative_to(PROJECT)) for path in PAGES]
WRITTEN = [name for name in NAMES if "reference" not in name]  # by people
BLOCK = re.compile(r"^```([^\n]*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
SYNONYMS = {
    r"\bA-?scans?\b": "A-line",
    r"\ba-?lines?\b": "A-line",
    r"\bbscans?\b": "B-scan",
    r"\bz-?slices?\b": "plane",
    r"\boptical sections?\b": "plane",
    r"\bmontages?\b": "mosaic",
    r"\bsub-?volumes?\b": "slice or block",
    r"\bphysical sections?\b": "slice",
    r"\bmanifest(?:s| file)\b": "fragment",
}
"""What is never written, and the word of docs/conventions.md for it."""
OTHER_FLAGS = {"--schema", "--schema-sync", "--editable", "--help", "--format", "--n"}
"""Flags of other programs that a page shows."""


def text(name: str) -> str:
    return (PROJECT / name).read_text("utf-8")


def blocks(name: str, language: str) -> list[tuple[str, str]]:
    """Return (info after the language, content) of the fenced blocks of one language."""
    found = BLOCK.findall(text(name))
    return [
        (info.removeprefix(language).strip(), content)
        for info, content in found
        if info.split(" ")[0] == language
    ]


def prose(name: str) -> str:
    return BLOCK.sub("", text(name))


def anchors(path: Path) -> set[str]:
    """Return the anchors of a page's headings, as a web view of the repository makes them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text("utf-8")), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


def test_generated_pages_are_current():
    "When this fails: python -m linumpy.pipeline.write, and read the difference."
    for path, wanted in write.pages().items():
        assert (PROJECT / path).read_text("utf-8") == wanted, f"{path} is not up to date"


def test_every_command_has_a_heading():
    "docs/reference/commands.md names each, with each of its parameters."
    page = text("docs/reference/commands.md")
    for name, command in registry.commands().items():
        assert f"## {name}\n" in page
        part = page.partition(f"## {name}\n")[2].partition("\n## ")[0]
        for field in dataclasses.fields(command.params):
            shown = re.search(rf"`(?:--)?{field.name}`", part, re.IGNORECASE)
            assert shown, f"{name}: {field.name}"


def test_every_column_has_a_row():
    "docs/slice_config.md has one for each canonical column."
    rows = re.findall(r"^\| `(\w+)` \|", text("docs/slice_config.md"), re.MULTILINE)
    assert set(slice_config.CANONICAL_COLUMNS) <= set(rows)


def test_every_error_has_a_heading():
    "docs/reference/errors.md names each class of errors.py."
    page = text("docs/reference/errors.md")
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            assert f"## {name}\n" in page


def test_every_page_is_reached_from_the_index():
    "From docs/index.md and README.md, directly."
    linked = set()
    for start in (DOCS / "index.md", PROJECT / "README.md"):
        for target in re.findall(r"\]\(([^)#]+)", start.read_text("utf-8")):
            linked.add((start.parent / target).resolve())
    for path in PAGES:
        inside = any(place in linked for place in (path, *path.parents))
        assert inside or path.name == "README.md" or path == DOCS / "index.md", path


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name):
    "A link leads to a file, and to a heading that is there."
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(name)):
        if target.startswith(("http://", "https://", "mailto:")):
            continue
        place, _, anchor = target.partition("#")
        path = (PROJECT / name).parent / place if place else PROJECT / name
        assert path.exists(), f"{name}: {target}"
        if anchor and path.suffix == ".md":
            assert anchor in anchors(path), f"{name}: {target}"


@pytest.mark.parametrize("name", NAMES)
def test_every_command_that_is_named_exists(name):
    "A page names no program of ours that is not installed."
    known = registry.commands()
    for found in set(re.findall(r"\blinum_\w+\.py\b", text(name))):
        assert found in known, f"{name} names {found}"


@pytest.mark.parametrize("name", WRITTEN)
def test_every_flag_that_is_named_exists(name):
    "--flag and --no-flag in a page are flags of some command."
    known = {field.name for field in dataclasses.fields(runtime.Options)}
    for command in registry.commands().values():
        known |= _flags(command.params)
    known |= {field.name for one in nextflow.WORKFLOWS for field in dataclasses.fields(one.params)}
    for room in ("checks", "accuracy", "benchmarks"):  # programs that are not installed
        for path in (PROJECT / room).glob("*.py"):
            known |= set(re.findall(r"add_argument\(\s*\"--(\w+)\"", path.read_text("utf-8")))
    for found in set(re.findall(r"(?<![\w-])--[a-z][\w-]*", text(name))) - OTHER_FLAGS:
        flag = found.removeprefix("--").replace("-", "_")
        assert {flag, flag.removeprefix("no_")} & known, f"{name} names {found}"


def _flags(params: type) -> set[str]:
    """Return the flags of a command and of its subcommands."""
    found = set(get_type_hints(params))
    for hint in get_type_hints(params).values():
        for kind in (hint, *get_args(hint)):
            if isinstance(kind, type) and dataclasses.is_dataclass(kind):
                found |= _flags(kind)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_no_page_names_a_machine(name):
    "No absolute path, no host of a package index."
    found = re.search(
        r"(?<![\w.<])/(?:home|root|work|tmp|Users|mnt|opt)/|[\w.]*\.local\b", text(name)
    )
    assert not found, found


@pytest.mark.parametrize("name", WRITTEN)
def test_one_word_for_one_thing(name):
    "Words that docs/conventions.md has a better one for are not used."
    for pattern, better in SYNONYMS.items():
        found = re.search(pattern, prose(name))
        assert not found, f"{name}: {found[0]!r}; write {better}"


def test_every_word_of_the_glossary_is_defined_once():
    "The glossary of docs/conventions.md holds the words that this law proposes."
    glossary = text("docs/conventions.md").partition("## Words")[2]
    words = re.findall(r"^\| ([^|]+?) \|", glossary, re.MULTILINE)
    assert {"slice", "plane", "tile", "mosaic", "A-line", "B-scan"} <= set(words)
    assert len(words) == len(set(words))


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder in which the blocks of the record's page find what they read."""
    (tmp_path / "interpolate_missing_slice").mkdir()
    rows = [slice_config.new_row(i, use=True) for i in range(8)]
    slice_config.write(tmp_path / "slice_config.csv", {row["slice_id"]: row for row in rows})
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", [n for n in WRITTEN if n != "docs/tutorial.md"])
def test_python_blocks_run_or_say_why_not(name, desk):
    "A block runs in a folder with a record, or its first line says: notest: reason."
    for info, code in blocks(name, "python"):
        if info.startswith("notest:"):
            assert info.removeprefix("notest:").strip(), f"{name}: a reason is missing"
            compile(code, name, "exec")
        else:
            exec(compile(code, name, "exec"), {})


def lines_of(name: str) -> list[list[str]]:
    """Return the command lines of ours in the console blocks of a page."""
    joined = "\n".join(content for _, content in blocks(name, "console")).replace("\\\n", " ")
    lines = [shlex.split(line, comments=True) for line in joined.splitlines()]
    return [line for line in lines if line and line[0].startswith("linum_")]


@pytest.mark.parametrize("name", WRITTEN)
def test_command_lines_parse(name):
    "Every command line in a console block is accepted by its command."
    for program, *argv in lines_of(name):
        with contextlib.suppress(errors.MissingFile):
            registry.commands()[program].parse(argv)


@pytest.mark.story
def test_the_tutorial_runs(tiny_acquisition, tmp_path, monkeypatch):
    "Its lines and blocks, in their order, on a smaller acquisition, up to the figure."
    monkeypatch.chdir(tmp_path)
    shutil.copytree(tiny_acquisition.raw, "demo/raw")
    flags = ["--axial_resolution", "10", "--resolution", "50", "--detect_galvo"]
    _call("linum_reconstruct.py", ["demo/raw", "demo/out", *flags])
    for info, content in BLOCK.findall(text("docs/tutorial.md")):
        if info == "python":
            exec(compile(content, "tutorial.md", "exec"), {})
        elif info == "console":
            for program, *argv in (shlex.split(line) for line in content.splitlines()):
                smaller = {"--axial_resolution": "10", "--resolution": "50"}
                given = [
                    smaller.get(before, word)
                    for before, word in zip(["", *argv], argv, strict=False)
                ]
                _call(program, given)
    assert Path("tutorial.png").stat().st_size > 5000
    rows = slice_config.read("demo/mine/slice_config_final.csv")
    assert rows["03"]["use"] is False
    assert "torn" in rows["03"]["notes"]


def _call(program: str, argv: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        registry.commands()[program].main(argv)
    assert end.value.code == 0, [program, *argv]
