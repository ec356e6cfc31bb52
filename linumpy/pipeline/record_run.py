"""run.json of a workflow, from what the commands left beside their products."""

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linumpy.core.acquisition import Unfinished
from linumpy.io import acquisition, atomic
from linumpy.io.diagnostics import read_json
from linumpy.pipeline import provenance, summary
from linumpy.pipeline.graph import Step
from linumpy.pipeline.steps import STEPS

_FINALISE = "--finalise"
_ID = re.compile(r"_z(\d+)")
_ORDER = [step.stage for step in STEPS]


@dataclass(frozen=True)
class Told:
    """What a workflow tells of itself; ``made`` and ``stages`` are as in run.json."""

    made: Mapping[str, Any]
    slicing_interval_mm: float | None
    n_extra: int
    unfinished: tuple[Unfinished, ...]
    stages: tuple[Mapping[str, Any], ...]


def gather(
    text: str, *, scan: Path, costs: Path | None, before: Path | None, record: Path | None = None
) -> Told:
    """Return the facts of a run.

    Parameters
    ----------
    text : str
        JSON with the workflow's ``command`` and its ``parameters``.
    scan : path
        acquisition.json.
    costs : path or None
        Folder of the ``*.done.json`` that the commands left.
    before : path or None
        run.json of the workflow before this one: what it did and this one did not comes first.
    record : path or None
        slice_config_final.csv.

    Raises
    ------
    MissingFile, BadFile
        If one of them cannot be read; names it.
    """
    given, seen = json.loads(text), acquisition.read(scan)
    parameters = given["parameters"]
    earlier: Any = {}  # Any: JSON
    subject = parameters.get("subject")
    stages = [] if costs is None else [*_stages(costs)]
    if before is not None:
        earlier = read_json(before)
        parameters = {**earlier.get("parameters", {}), **parameters}
        done = {stage["stage"] for stage in stages}
        stages += [stage for stage in earlier.get("stages", ()) if stage["stage"] not in done]
    made = provenance.gather(
        command=given["command"],
        parameters=parameters,
        subject=provenance.subject_of_workflow({**parameters, "subject": subject}, earlier),
        scan=seen,
        record=None if record is None else record.read_bytes(),
    )
    return Told(
        made=made,
        slicing_interval_mm=parameters.get("slicing_interval_mm") or seen.slicing_interval_mm,
        n_extra=seen.n_extra,
        unfinished=seen.unfinished,
        stages=tuple(sorted(stages, key=_place)),
    )


def write(path: Path, told: Told) -> None:
    """Write run.json; its ``seconds`` are those of all tasks together."""
    parameters = told.made["parameters"]
    facts = summary.run_facts(
        told.made,
        seconds=round(sum(stage["seconds"] for stage in told.stages), 3),
        workers=parameters.get("max_cpus"),
        slicing_interval_mm=told.slicing_interval_mm,
        stages=told.stages,
        advice=summary.advice(
            n_extra=told.n_extra,
            detect_galvo=bool(parameters.get("detect_galvo")),
            unfinished=told.unfinished,
            keep=_words(parameters.get("keep")),
        ),
    )
    atomic.write_json(path, facts)


def _words(value: object) -> tuple[str, ...]:
    """Return a parameter that takes several values, as the engine hands it over."""
    parts = value if isinstance(value, list) else str(value or "").split()
    return tuple(str(part) for part in parts)


def _stages(folder: Path) -> Iterator[dict[str, Any]]:
    """Yield what each task cost; the commands that keep the record are no stages."""
    for path in sorted(folder.rglob("*done.json")):
        done: Any = read_json(path)
        argv = shlex.split(done["command"])
        step = _step(argv)
        if step is None:
            continue
        found = _ID.search(_product(argv)) if step.over != "all" else None
        costs = {name: done.get(name) for name in ("seconds", "peak_bytes", "bytes_written")}
        yield {
            "stage": step.stage,
            "slice": found[1] if found else None,
            **costs,
            "status": "done",
        }


def _product(argv: list[str]) -> str:
    """Return what a command on one unit makes: the last path before its flags."""
    n_paths = next((i for i, word in enumerate(argv) if word.startswith("--")), len(argv))
    return argv[n_paths - 1]


def _step(argv: list[str]) -> Step | None:
    """Return the stage of a command line; one command is two stages, by its switch."""
    steps = [step for step in STEPS if step.command.name == argv[0]]
    if len(steps) > 1:
        over = "all" if _FINALISE in argv else "gap"
        steps = [step for step in steps if step.over == over]
    return steps[0] if steps else None


def _place(stage: Mapping[str, Any]) -> tuple[int, int]:
    return _ORDER.index(stage["stage"]), int(stage["slice"] or -1)
