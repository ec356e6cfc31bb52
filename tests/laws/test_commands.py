"""What holds for every command, new ones included."""

import dataclasses
import importlib
import json
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import linumpy
from linumpy.cli import runtime

ROOT = Path(linumpy.__file__).parent
PROJECT = ROOT.parent
SCRIPTS = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]["scripts"]
MODULES = {name: target.partition(":")[0] for name, target in SCRIPTS.items()}
HEAVY = {"numpy", "scipy", "zarr", "skimage", "matplotlib", "pandas", "SimpleITK", "nibabel"}
COMMANDS = {name: importlib.import_module(module).COMMAND for name, module in MODULES.items()}

SAME_NAME_OTHER_MEANING: dict[str, str] = {
    "exclude_first": "feature page: 1 in the commands; 0 in the drivers (decisions 7)",
    "resolution": "the working resolution; in the export, which of the levels that exist",
}


def test_every_module_is_a_command_and_the_other_way_round():
    "A command is a file; a file in scripts/ is a command."
    files = {f"linumpy.scripts.{p.stem}" for p in (ROOT / "scripts").glob("linum_*.py")}
    assert files == {m for m in MODULES.values() if ".scripts." in m}


@pytest.mark.parametrize("name", sorted(MODULES))
def test_the_name_is_the_modules(name):
    "Command, module and heading share one name."
    assert COMMANDS[name].name == name
    assert MODULES[name].endswith("." + name.removesuffix(".py"))


def _modules_after(module: str, argv: list[str]) -> set[str]:
    code = (
        "import sys, json, importlib\n"
        f"m = importlib.import_module({module!r})\n"
        "try: m.COMMAND.main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0, end.code\n"
        "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    return set(json.loads(done.stdout.splitlines()[-1]))


@pytest.mark.parametrize("name", sorted(MODULES))
def test_help_loads_nothing_heavy(name):
    "Help must not import numeric libraries."
    assert not _modules_after(MODULES[name], ["--help"]) & HEAVY


@pytest.mark.parametrize("name", sorted(MODULES))
def test_every_field_has_its_help(name):
    "The docstring under a field is its help."
    params = COMMANDS[name].params
    helps = runtime.field_help(params)
    missing = [f.name for f in dataclasses.fields(params) if not helps.get(f.name)]
    assert not missing


def test_one_word_means_one_thing():
    "Same word, same type, same default in all commands."
    seen: dict[str, tuple[object, object, str]] = {}
    for name, command in COMMANDS.items():
        hints = get_type_hints(command.params)
        for field in dataclasses.fields(command.params):
            if field.name in runtime.roles(command.params) or name == "linum_reconstruct.py":
                continue
            if field.name in SAME_NAME_OTHER_MEANING:
                continue
            hint, default = hints[field.name], runtime.default_of(field)
            if default is dataclasses.MISSING:  # needed here, perhaps not there: one word still
                hint, default = hint | None, None
            entry = (hint, default, name)
            first = seen.setdefault(field.name, entry)
            assert first[:2] == entry[:2], f"--{field.name}: {first} and {entry}"


@pytest.mark.parametrize("name", sorted(MODULES))
@given(data=st.data())
@settings(max_examples=25, deadline=None)
def test_parse_undoes_argv(name, data):
    "The command line that is written parses to the parameters that it was written from."
    command = COMMANDS[name]
    values, positional = {}, []
    hints = get_type_hints(command.params)
    for field in dataclasses.fields(command.params):
        default = runtime.default_of(field)
        if field.name in runtime.roles(command.params) or hints[field.name] is Path:
            path = st.sampled_from([Path("in.csv"), Path("a b/c.ome.zarr")])
            if default is dataclasses.MISSING:
                values[field.name] = data.draw(path)
            elif runtime.is_positional(command.params, field.name) and None in positional:
                values[field.name] = None  # positions are filled from the left
            else:
                values[field.name] = data.draw(path | st.none())
            if runtime.is_positional(command.params, field.name):
                positional.append(values[field.name])
        elif isinstance(default, bool):
            values[field.name] = data.draw(st.booleans())
        elif default is dataclasses.MISSING:
            pytest.skip(f"--{field.name} is required and no path")
        else:
            values[field.name] = default
    params = command.params(**values)
    assert command.parse(command.argv(params)) == params
