"""The local driver: raw headers, what the machine can hold, the stages, the final record."""

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linumpy.cli import runtime
from linumpy.cli.runtime import Job
from linumpy.core import fate
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, EmptySelection, SliceFailed
from linumpy.io import interval, sampling, tiles
from linumpy.pipeline import clean, estimate, local, record, summary
from linumpy.pipeline.display import Display
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.linum_reconstruct import check_atlas
from linumpy.pipeline.pool import Pool
from linumpy.pipeline.preproc import BEFORE_RECORD
from linumpy.pipeline.preproc import STEPS as PREPROC
from linumpy.pipeline.reconst_3d import STEPS as RECONSTRUCTION
from linumpy.pipeline.state import State
from linumpy.pipeline.version import code_version
from linumpy.pipeline.worker import Outcome
from linumpy.scripts import linum_preview_acquisition

log = logging.getLogger(__name__)


def reconstruct(p: Any, job: Job) -> None:  # Any: Params is made from the commands
    """Run the whole path from raw tiles to volume, record and report.

    Raises
    ------
    InputError
        What the user can mend; nothing has been changed.
    SliceFailed
        The run is complete, but a slice failed; names each with its stage and cause.
    """
    if p.clean:
        freed = clean.clean(p.out or p.raw, is_check=job.check)
        summary.say(freed.lines(p.out or p.raw, is_done=not job.check))
        return
    if p.picture and not job.check:
        raise BadValue("--picture goes with --check", hint="a run shows its slices in the report")
    state = _look(p)
    if job.check:
        summary.say_plan(state, estimate.needs(state, job))
        if p.picture:
            _draw(state, job)
        return
    layout = state.layout
    _check_axial(state)
    estimate.check_disk(state, job)
    with local.exclusive(layout), local.log_file(layout.log):
        record.check_selection(state)
        started = time.monotonic()
        counts, outcomes = _run_stages(state, job)
        summary.write_tiles(state)
        summary.write_run(state, job, outcomes, seconds=time.monotonic() - started)
        summary.write_report(state)
        summary.say_end(state, counts)
        record.warn_of_late_edits(state)
        failed = state.failed()
    if failed:
        raise _failure(
            failed,
            hint=f"the others are in the volume; mend the cause and run the same command again, "
            f"or give the slice up with --exclude (details in {layout.log})",
        )


def _draw(state: State, job: Job) -> None:
    """Make the picture; an orientation that fits better is refused as by the run itself."""
    out = state.layout
    command = linum_preview_acquisition.COMMAND
    shared = {
        f.name: getattr(state.params, f.name)
        for f in dataclasses.fields(command.params)
        if hasattr(state.params, f.name)
    }
    params = command.params(directory=state.params.raw, out_png=out.preview, **shared)
    out.out.mkdir(parents=True, exist_ok=True)
    try:
        runtime.run(command, params, job)
    finally:
        if out.preview.exists():
            summary.say_picture(out.preview)


def _run_stages(state: State, job: Job) -> tuple[dict[fate.Fate, int], list[Outcome]]:
    with (
        Display() as display,
        Pool(job.workers, display.watch) as pool,
    ):
        runner = local.Runner(
            state=state,
            job=job,
            version=code_version(),
            pool=pool,
            display=display,
            verify=state.params.verify,
        )
        runner.run(PREPROC[:BEFORE_RECORD])
        record.publish_start(state, job)
        for step in (*PREPROC[BEFORE_RECORD:], *RECONSTRUCTION):
            _check_used(state)
            runner.run([step])
        return record.publish_final(state, job), runner.outcomes


def _check_used(state: State) -> None:
    """Refuse to go on without any slice; the record of the last stage says why."""
    if state.used():
        return
    if failed := state.failed():
        raise _failure(failed, hint=f"no slice is left (details in {state.layout.log})")
    raise EmptySelection(
        f"{state.record}: no slice has use=true",
        hint="set use=true for at least one slice that has raw tiles, or loosen the test that "
        "left the others out (column notes)",
    )


def _failure(failed: Mapping[SliceId, str], *, hint: str) -> SliceFailed:
    what = "; ".join(f"slice {slice_id} failed in {why}" for slice_id, why in failed.items())
    return SliceFailed(what, hint=hint)


def _look(p: Any) -> State:
    if p.out is None:
        raise BadValue(
            f"OUT is missing: {p.raw} is RAW", hint="linum_reconstruct.py RAW OUT, two folders"
        )
    roots = [p.raw, *p.more_raw]
    acquisition = tiles.discover(*roots, on_duplicate=p.on_duplicate)
    layout = Layout(Path(p.out).absolute())
    check_out(layout.out, roots)
    found = interval.slicing_interval_mm(acquisition, roots)
    chosen = interval.choose_mm(found, p.slicing_interval_mm, where=p.raw)
    state = State(
        params=p,
        layout=layout,
        acquisition=acquisition,
        slicing_interval_mm=chosen,
        record=layout.slice_config,
    )
    check_atlas(p.atlas, p.input_orientation)
    log.info("subject %s", state.subject)
    record.check_input(state)
    if not state.selected():
        have = ", ".join(acquisition.ids)
        raise EmptySelection(f"--slices {' '.join(p.slices)} names no slice; there are {have}")
    return state


def check_out(out: Path, roots: Sequence[Path]) -> None:
    """Refuse an OUT in RAW, a file, or a folder of other things.

    Raises
    ------
    BadValue
        Nothing was touched.
    """
    for raw in roots:
        if raw.resolve() in (out.resolve(), *out.resolve().parents):
            raise BadValue(
                f"OUT {out} lies in RAW {raw}", hint="choose a folder outside the raw data"
            )
    if out.exists() and not out.is_dir():
        raise BadValue(f"OUT {out} is a file", hint="choose a folder")
    others = [path for path in out.iterdir() if path != Layout(out).preview] if out.is_dir() else []
    if others and not (out / ".linumpy").is_dir():
        raise BadValue(
            f"OUT {out} holds files that are not of a run",
            hint="choose an empty or new folder; nothing there was touched",
        )


def _check_axial(state: State) -> None:
    slices = state.acquisition.slices.values()
    sampling.axial_um(state.params.axial_resolution, (t for s in slices for t in s.tiles))
