"""Every process is held to its command: name, flags, outputs, stub. No engine is needed."""

import dataclasses
import json
import re
from pathlib import Path

import pytest

from linumpy.cli import runtime
from linumpy.cli.runtime import Options
from linumpy.pipeline import check, nextflow, registry
from linumpy.pipeline.nextflow import KEEPERS, OF_BRAINS, WORKFLOWS, process_name
from linumpy.pipeline.steps import STEPS

WORK = Path(__file__).parents[2] / "workflows"
MODULES = {path.stem: path.read_text("utf-8") for path in sorted((WORK / "modules").glob("*.nf"))}
COMMANDS = registry.commands()
OF_STEP = {process_name(step): step for step in STEPS}
CHECKS = {"check_parameters", "check_samplesheet"}
"""Run as they are in a stub, too."""
OPTIONS = {f.name for f in dataclasses.fields(Options)}
LINE = re.compile(
    r"^\s*(linum_\w+\.py)\b.*?(?=^\s*(?:mkdir|touch|printf|\"\"\"))", re.MULTILINE | re.DOTALL
)


def calls(block: str) -> list[tuple[str, list[str]]]:
    """Return (command, flags) of every command in a script block."""
    return [(match[1], re.findall(r"--(\w+)", match[0])) for match in LINE.finditer(block)]


def blocks(text: str) -> tuple[str, str]:
    """Return the text of the script and of the stub."""
    script, _, stub = text.partition("\n    stub:\n")
    return script.partition("\n    script:\n")[2], stub


def words(text: str) -> str:
    return " ".join(text.replace("\\\n", " ").split())


def test_modules_are_the_stages_and_the_keepers():
    "No stage without a process, no process without a stage."
    assert set(MODULES) == {*OF_STEP, *KEEPERS, *OF_BRAINS, "check_parameters"}


@pytest.mark.parametrize("name", MODULES)
def test_a_process_is_one_command(name):
    "The file, the process and the command belong together; one command per process."
    assert re.findall(r"^process (\w+) \{", MODULES[name], re.MULTILINE) == [name]
    script, stub = blocks(MODULES[name])
    command = OF_STEP[name].command.name if name in OF_STEP else f"linum_{name}.py"
    if name == "generate_report":
        command = KEEPERS[name].name
    assert [found for found, _ in calls(script)] == [command]
    assert [found for found, _ in calls(stub)] == [command]


@pytest.mark.parametrize("name", MODULES)
def test_the_flags_of_a_process_exist(name):
    "Each flag in the script is one of its command, or of all commands."
    for command, flags in calls(blocks(MODULES[name])[0]):
        fields = {f.name for f in dataclasses.fields(COMMANDS[command].params)}
        wrong = {flag for flag in flags if flag.removeprefix("no_") not in fields | OPTIONS}
        assert not wrong, f"{command}: {wrong}"


@pytest.mark.parametrize("name", sorted(set(MODULES) - CHECKS))
def test_the_stub_is_the_same_command_checked(name):
    "Word for word, and --check."
    script, stub = blocks(MODULES[name])
    body = words(script.split('"""')[1]).removesuffix(" done")  # of the loop over several units
    assert words(stub.split('"""')[1]).startswith(f"{body} --check")


@pytest.mark.parametrize("name", MODULES)
def test_a_module_is_short(name):
    "One can be read at a glance."
    assert len(MODULES[name].splitlines()) <= 45


@pytest.mark.parametrize("name", sorted(OF_STEP))
def test_every_stage_says_what_it_cost(name):
    "The workflow hands it to run.json; it is not published."
    assert "emit: cost" in MODULES[name]
    workflow = next(one for one in WORKFLOWS if OF_STEP[name] in one.steps)
    assert f"{name}.out.cost" in (WORK / workflow.name / workflow.file).read_text("utf-8")


@pytest.mark.parametrize("name", sorted(OF_STEP))
def test_what_is_wired_stands_in_the_module_and_the_rest_in_the_flags(name):
    "A stage's command gets each of its parameters exactly once."
    step = OF_STEP[name]
    workflow = next(one for one in WORKFLOWS if step in one.steps)
    given = set(nextflow.plain_parameters(step).values())
    assert set(workflow.flags()[name].values()) == given
    flags = {flag.removeprefix("no_") for _, f in calls(blocks(MODULES[name])[0]) for flag in f}
    assert not flags & given
    for parameter, field in step.parameters().items():
        assert field in given or f"--{field}" in MODULES[name], f"{parameter} reaches no process"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_params_are_fields(workflow):
    "Every ``params.x`` in workflow, modules and config is a parameter that the check knows."
    known = {f.name for f in dataclasses.fields(workflow.params)}
    text = (WORK / workflow.name / workflow.file).read_text("utf-8")
    text += (WORK / "lib" / "brains.nf").read_text("utf-8")
    included = re.findall(r"from '../modules/(\w+)'", text)
    files = [WORK / workflow.name / f for f in (workflow.file, "flags.config", "nextflow.config")]
    files += [WORK / "modules" / f"{name}.nf" for name in included]
    files += [WORK / "conf" / "base.config", WORK / "lib" / "brains.nf"]
    for path in files:
        used = set(re.findall(r"params\.(\w+)", path.read_text("utf-8"))) - {"config"}
        assert used <= known, f"{path.name}: {used - known}"


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_every_stage_of_a_workflow_is_called(workflow):
    "And in the order of the graph."
    text = (WORK / workflow.name / workflow.file).read_text("utf-8")
    places = [text.find(f"    {process_name(step)}(") for step in workflow.steps]
    assert all(place > 0 for place in places)
    assert places == sorted(places)


def test_generated_files_are_current():
    "python -m linumpy.pipeline.write was run."
    for path, text in nextflow.pages().items():
        assert (WORK.parent / path).read_text("utf-8") == text, path


def test_generate_slice_config_is_the_process_of_the_page():
    "Parameters and defaults, the command's flags, and the switch that leaves it out."
    preproc = WORKFLOWS[0]
    defaults = {f.name: runtime.default_of(f) for f in preproc.own_fields()}
    page = {
        "generate_slice_config": True,
        "detect_galvo": False,
        "galvo_confidence_threshold": 0.6,
    }
    assert {name: defaults[name] for name in page} == page
    script, _ = blocks(MODULES["generate_slice_config"])
    assert "--from_shifts --tiles_dir raw" in script
    assert preproc.flags()["generate_slice_config"]["galvo_confidence_threshold"] == (
        "galvo_threshold"
    )
    text = (WORK / preproc.name / preproc.file).read_text("utf-8")
    assert "if (params.generate_slice_config) {" in text


def test_no_task_asks_for_more_than_the_maximum():
    "Every request is bounded by what the run, or its profile, allows; memory grows on retry."
    text = "".join((WORK / "conf" / f"{n}.config").read_text("utf-8") for n in ("base", "profiles"))
    cpus, memory = (
        re.findall(rf"^ .*\b{n} += (.*)", text, re.MULTILINE) for n in ("cpus", "memory")
    )
    assert all("params.max_cpus" in value or value == "1" for value in cpus)
    assert all("params.max_memory" in value for value in memory)
    requests = [value for value in memory if value != "params.max_memory"]
    assert all("task.attempt" in value for value in requests)


def test_the_documentation_counts_the_jobs():
    "60 slices make fewer than 200; the numbers of the page are those of the code."
    text = (WORK.parent / "docs" / "nextflow.md").read_text("utf-8")
    for n_slices in (60, 5000):
        assert f"| {n_slices} | {nextflow.n_tasks(n_slices)} |" in text
    assert nextflow.n_tasks(60) < 200


def test_nothing_is_ignored():
    "Failure is recorded, tried again, or ends the run."
    for path in WORK.rglob("*.config"):
        assert "'ignore'" not in path.read_text("utf-8"), path


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.name)
def test_the_defaults_pass_the_check(workflow, tmp_path):
    "As the engine hands them over: lists, numbers, null."
    given = {
        f.name: runtime.plain(runtime.default_of(f))
        for f in dataclasses.fields(workflow.params)
        if runtime.default_of(f) is not dataclasses.MISSING
    }
    paths = {"input": str(tmp_path), "output": str(tmp_path / "out")}
    check.check_parameters(workflow.name, json.dumps({**given, **paths}))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"resolutoin": 10}, "resolutoin.*"),
        ({"resolution": -1}, "--resolution -1"),
        ({"mode": "median"}, "--mode median"),
        ({"pairs_per_task": 0}, "--pairs_per_task 0"),
        ({"keep": "a"}, "a"),
        ({"atlas": "x.nii"}, "--input_orientation"),
    ],
)
def test_a_wrong_parameter_is_refused_by_name(change, named, tmp_path):
    "Before anything runs."
    from linumpy.errors import InputError

    paths = {"input": str(tmp_path), "output": str(tmp_path / "out")}
    with pytest.raises(InputError, match=named):
        check.check_parameters("reconst_3d", json.dumps({**paths, **change}))
