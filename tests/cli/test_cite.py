"""--version: which linumpy this is, to the commit, and how to cite it."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import linumpy
from linumpy.cli import cite, runtime
from linumpy.core.software import AUTHORS
from linumpy.pipeline import registry

PROJECT = Path(linumpy.__file__).parents[1]
CITATION = (PROJECT / "CITATION.cff").read_text("utf-8")


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    "linumpy as if it lay in a folder that is no checkout."
    package = tmp_path / "linumpy"
    package.mkdir()
    monkeypatch.setattr(cite.linumpy, "__file__", str(package / "__init__.py"))
    cite.commit.cache_clear()
    yield package
    cite.commit.cache_clear()


@pytest.mark.parametrize("argv", [["--version"], ["a", "b", "--version"]])
def test_every_command_says_how_to_cite(argv, capsys):
    "Whatever else stands on the line; nothing is read."
    for command in registry.commands().values():
        assert runtime.main(command, argv) == 0
        said = capsys.readouterr().out
        assert f"linumpy {runtime.version()}, commit {cite.commit()}" in said
        assert "CITATION.cff" in said


def test_the_citation_is_that_of_the_package():
    "Version, authors, license: CITATION.cff, pyproject.toml and --version agree."
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    assert f"\nversion: {project['version']}\n" in CITATION
    assert f"\nlicense: {project['license']}\n" in CITATION
    assert f"- name: {AUTHORS}\n" in CITATION
    assert AUTHORS in cite.how_to_cite(project["version"])


def test_a_checkout_says_its_commit():
    "Forty digits, and whether files were changed."
    if (PROJECT / ".git").exists():
        assert re.fullmatch(r"[0-9a-f]{40}(-dirty)?", cite.commit())


def test_what_was_built_says_it(elsewhere):
    "The file that the build leaves; without it the commit is unknown, and that is no failure."
    assert cite.commit() == "unknown"
    (elsewhere / "COMMIT").write_text("0123456789abcdef\n")
    cite.commit.cache_clear()
    assert cite.commit() == "0123456789abcdef"


def test_a_checkout_that_git_does_not_know_is_unknown(elsewhere):
    "No repository in .git, or no git at all."
    (elsewhere.parent / ".git").mkdir()
    assert cite.commit() == "unknown"


def test_help_asks_no_git():
    "--help stays light."
    code = (
        "import subprocess, sys\n"
        "subprocess.run = subprocess.Popen = lambda *a, **k: sys.exit('a process was started')\n"
        "from linumpy.pipeline.linum_reconstruct import COMMAND\n"
        "COMMAND.main(['--help'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "--version" in done.stdout
