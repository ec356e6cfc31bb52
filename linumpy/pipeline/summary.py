"""What a run tells: the plan before it, run.json and the report after it, the last lines."""

import dataclasses
import datetime
import json
import os
import shlex
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linumpy.cli import machine, runtime
from linumpy.cli.runtime import Job
from linumpy.core.acquisition import Unfinished
from linumpy.core.fate import Fate
from linumpy.core.slice_id import parse_ids
from linumpy.io import atomic, tile_table
from linumpy.pipeline import provenance
from linumpy.pipeline.estimate import Needs
from linumpy.pipeline.state import State
from linumpy.pipeline.task import Task, read_done
from linumpy.pipeline.version import code_version
from linumpy.pipeline.worker import Order, Outcome, perform
from linumpy.scripts import linum_generate_pipeline_report as report

OF_ONE_RUN = ("command", "finished", "seconds", "workers", "stages")
"""What run.json says of a run and not of what it has made."""


def say_plan(state: State, needs: Needs) -> None:
    """Print what was found, what would run, and what it needs against what there is."""
    acquisition = state.acquisition
    where = " + ".join(map(str, state.roots))
    lines = [f"raw            {where} ({needs.raw / 1e9:.3f} GB)"]
    lines += [f"out            {state.layout.out}"]
    lines += [f"subject        {state.subject}"]
    for slice_id in state.selected():
        raw = acquisition.slices[slice_id]
        info = raw.tiles[0].info
        rows, columns = raw.grid
        missing = f", {raw.n_missing} tiles missing" if raw.n_missing else ""
        lines.append(
            f"slice {slice_id}       {columns} x {rows} tiles of {info.nx} x {info.ny} x {info.nz}"
            f", {info.x_um:g} x {info.y_um:g} µm, n_extra {info.n_extra}{missing}"
        )
    absent = ", ".join(acquisition.never_acquired) or "none"
    lines += [
        f"never acquired {absent}",
        f"cut interval   {state.slicing_interval_mm * 1000:g} µm",
        f"axial sampling {_axial(state)}",
        f"disk           {needs.disk / 1e9:.3f} GB needed in {needs.files} files, "
        f"{needs.disk_free / 1e9:.1f} GB free",
        f"memory         {needs.memory / 1e9:.2f} GB needed, "
        f"{needs.memory_allowed / 1e9:.1f} GB allowed",
        *_parameters(state),
    ]
    lines += _advice(state)
    say(lines)


def say_picture(path: Path) -> None:
    """Print where the picture lies."""
    say([f"picture        {path}"])


def _parameters(state: State) -> list[str]:
    """Return the parameters of the run: what was given, then every default."""
    defaults = {f.name: runtime.default_of(f) for f in dataclasses.fields(state.params)}
    texts: dict[bool, list[str]] = {True: [], False: []}
    for name, value in runtime.plain(state.params).items():
        is_default = value == runtime.plain(defaults[name])
        shown = " ".join(map(str, value)) if isinstance(value, list) else value
        texts[is_default].append(f"{name}={shown if shown not in (None, '') else '-'}")
    return [
        *textwrap.wrap("given          " + "  ".join(sorted(texts[False])), 100),
        *textwrap.wrap("defaults       " + "  ".join(sorted(texts[True])), 100),
    ]


def write_run(state: State, job: Job, outcomes: Sequence[Outcome], *, seconds: float) -> None:
    """Write run.json: how the result was made, and what each task cost."""
    stages = [
        {
            "stage": outcome.task.stage,
            "slice": outcome.task.unit or None,
            "seconds": round(outcome.seconds, 3),
            "peak_bytes": outcome.peak_bytes,
            "bytes_written": outcome.bytes_written,
            "status": outcome.status,
        }
        for outcome in outcomes
    ]
    facts = run_facts(
        provenance.of_state(state, command=shlex.join(sys.argv)),
        seconds=round(seconds, 3),
        workers=job.workers,
        slicing_interval_mm=state.slicing_interval_mm,
        stages=stages,
        advice=_advice(state),
    )
    atomic.write_json(state.layout.run_json, facts)


def write_tiles(state: State) -> None:
    """Write tiles.csv: where every tile of every stitched slice was placed."""
    tables = {slice_id: state.layout.tiles_of(slice_id) for slice_id in state.acquisition.ids}
    tile_table.join(
        state.layout.tiles, {slice_id: path for slice_id, path in tables.items() if path.exists()}
    )


def run_facts(
    made: Mapping[str, object], *, advice: Sequence[str], **facts: object
) -> dict[str, object]:
    """Return the content of run.json: how the result was made, and what is of this run alone."""
    return {
        "finished": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        **made,
        **facts,
        "warnings": [{"what": line, "why": "", "do": ""} for line in advice],
    }


def write_report(state: State) -> None:
    """Write the page about OUT, unless it stands there as it was written and would say the same.

    When a run was and how long it took is no reason to write it again.
    """
    out = state.layout
    params: Any = report.COMMAND.params(input_dir=out.out, output_report=out.report)
    task = Task(
        stage="report",
        unit="",
        command=report.COMMAND,
        params=runtime.validate(params),
        makes=(out.report, out.report.with_suffix(".json")),
        views={"input_dir": _told(state)},
    )
    order = Order(
        task=task,
        out=out.out,
        record=out.done(task.stage, task.unit),
        version=code_version(),
        known={},
        verify=state.params.verify,
        workers=1,
        max_memory_bytes=machine.memory_bytes(),
    )
    outcome = perform(order)
    if outcome.error is not None:
        raise outcome.error


def _told(state: State) -> dict[str, object]:
    """Return what the page depends on: what stages have made, the record, the run's parameters."""
    out = state.layout
    run = json.loads(out.run_json.read_text(encoding="utf-8"))
    made: dict[str, str] = {}
    for path in sorted(out.private.glob("done/*/*.json")):
        done = read_done(path, out.out)
        if done is not None and path.parent.name != "report":
            made |= {os.path.relpath(p, out.out): e.sha256 for p, e in done.outputs.items()}
    return {
        "made": made,
        "record": out.final_config.read_text(encoding="utf-8"),
        "run": {name: value for name, value in run.items() if name not in OF_ONE_RUN},
    }


def say_end(state: State, counts: Mapping[Fate, int]) -> None:
    """Print where everything is and the fates of the slices with their sum."""
    fates = " + ".join(f"{n} {name}" for name, n in counts.items())
    out = state.layout
    lines = [
        f"volume  {out.volume}",
        *([f"in RAS  {out.volume_ras}"] if out.volume_ras.exists() else []),
        f"record  {out.final_config}",
        f"report  {out.report}",
        f"slices  {fates} = {sum(counts.values())}",
        *_advice(state),
        *_implied_axial(state),
    ]
    say(lines)


def _implied_axial(state: State) -> list[str]:
    """Say that the depths found by registration fit another axial sampling, when they do."""
    path = state.layout.report.with_suffix(".json")
    found = json.loads(path.read_text(encoding="utf-8")).get("implied_axial")
    if not found or not found["is_off"]:
        return []
    given = state.params.axial_resolution
    better = f"; pass --axial_resolution {given * found['factor']:.3g}" if given else ""
    return [
        f"axial sampling: matching depths of {found['n_pairs']} pairs imply "
        f"{found['factor']:.2f} × the given value{better}"
    ]


def _advice(state: State) -> list[str]:
    return advice(
        n_extra=state.acquisition.first_info.n_extra,
        detect_galvo=state.params.detect_galvo,
        unfinished=state.acquisition.unfinished,
        keep=state.params.keep,
    )


def advice(
    *, n_extra: int, detect_galvo: bool, unfinished: Sequence[Unfinished], keep: Sequence[str]
) -> list[str]:
    """Return what the user should know: what is not there yet, what is off, which flag helps."""
    kept = parse_ids(keep)
    lines = [one.advice(is_kept=one.slice_id in kept) for one in unfinished]
    if n_extra > 0 and not detect_galvo:
        lines.append(
            f"info.txt says n_extra {n_extra}, and galvo detection is off: "
            "pass --detect_galvo to look for mistimed sweeps"
        )
    return lines


def _axial(state: State) -> str:
    given = state.params.axial_resolution
    header = state.acquisition.first_info.axial_um
    if given is None and header is None:
        return "unknown: pass --axial_resolution (µm in tissue: value in air / refractive index)"
    return f"{given or header:g} µm"


def say(lines: Sequence[str]) -> None:
    """Print lines for people."""
    for line in lines:
        print(line, flush=True)  # noqa: T201  this is what the command is for
