"""A second contrast through a finished run: the same stages, told where everything lies.

Each step is the stage's own command; only its plan differs: what decides places comes from the
first run, what decides brightness from the second contrast itself.
"""

import dataclasses
import logging
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linumpy.cli.runtime import Job
from linumpy.core.acquisition import Acquisition
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue, SliceFailed
from linumpy.io import atomic, history, selection, tiles
from linumpy.pipeline import driver, estimate, local, provenance, summary
from linumpy.pipeline.display import Display
from linumpy.pipeline.graph import Step
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.linum_apply_transforms import COMMAND, Params
from linumpy.pipeline.placed_run import PlacedRun, check_grids, check_raw, describe, open_run
from linumpy.pipeline.pool import Pool
from linumpy.pipeline.state import State
from linumpy.pipeline.steps import STEPS
from linumpy.pipeline.task import Task
from linumpy.pipeline.version import code_version
from linumpy.pipeline.worker import Outcome

DERIVED = "derived_from.json"
log = logging.getLogger(__name__)


@dataclass
class ContrastState(State):
    """A run on the second contrast; ``first`` is what placed it."""

    first: PlacedRun
    given: Params

    @property
    def headers(self) -> Path:
        """What the raw headers said: those of the first contrast."""
        return self.first.preproc.acquisition


def apply(p: Params, job: Job) -> None:
    """Run every stage that is not yet done, and compare the two volumes.

    Raises
    ------
    InputError
        What the user can mend: the run is not finished, the tiles are not those of the first.
    SliceFailed
        If a slice of the second contrast cannot be read; no volume is made.
    """
    first = open_run(p.run, p.preproc)
    roots = [p.raw, *p.more_raw]
    acquisition = tiles.discover(*roots, only=first.ids, on_duplicate=p.on_duplicate)
    check_raw(first, acquisition, p.raw)
    state = _state(p, first, acquisition)
    driver.check_out(state.layout.out, roots)
    if state.layout.out == first.layout.out:
        raise BadValue(f"OUT {p.out} is the first run", hint="choose another folder")
    if job.check:
        _say(state, ["nothing was made"])
        return
    estimate.check_disk(state, job)
    layout = state.layout
    with local.exclusive(layout), local.log_file(layout.log):
        started = time.monotonic()
        atomic.write_json(layout.out / DERIVED, describe(first))
        outcomes = _run_stages(state, job)
        _publish_record(first, layout)
        summary.write_tiles(state)
        summary.write_run(state, job, outcomes, seconds=time.monotonic() - started)
        summary.write_report(state)
        grid = "that of the first, voxel by voxel"
        _say(state, [f"volume  {layout.volume}", f"grid    {grid}", f"report  {layout.report}"])


def _state(p: Params, first: PlacedRun, acquisition: Acquisition) -> ContrastState:
    params = dataclasses.replace(
        first.params,
        raw=p.raw,
        more_raw=p.more_raw,
        on_duplicate=p.on_duplicate,
        out=p.out,
        subject=first.subject,
        manual_transforms=first.manual_transforms,
        slices=tuple(map(str, first.ids)),
        verify=p.verify,
        refine_unreliable=False,  # the shifts of the common canvas say already what it found
        excluded_slice_mode="keep",
    )
    if p.brightness == "as_measured":
        params = dataclasses.replace(params, strength=0.0, tissue_threshold=None)
    return ContrastState(
        params=params,
        layout=Layout(Path(p.out).absolute()),
        acquisition=acquisition,
        slicing_interval_mm=first.slicing_interval_mm,
        record=first.layout.final_config,
        first=first,
        given=p,
    )


def _run_stages(state: ContrastState, job: Job) -> list[Outcome]:
    known = set(state.failed())
    with Display() as display, Pool(job.workers, display.watch) as pool:
        runner = local.Runner(
            state=state,
            job=job,
            version=code_version(),
            pool=pool,
            display=display,
            verify=state.params.verify,
        )
        *placing, last = steps()
        for step in placing:
            runner.run([step])
            _check_failures(state, known)
        check_grids(state.first, state.layout.stage("stack") / "stack.ome.zarr")
        runner.run([last])
        return runner.outcomes


def _check_failures(state: ContrastState, known: Container[SliceId]) -> None:
    failed = {s: why for s, why in state.failed().items() if s not in known}
    if failed:
        raise SliceFailed(
            "; ".join(f"slice {s} failed in {why}" for s, why in failed.items()),
            hint="without it the volumes would not fit: mend the cause and run the same command "
            f"again (details in {state.layout.log})",
        )


def _publish_record(first: PlacedRun, layout: Layout) -> None:
    """Copy the record, which is as true of this volume as of the first."""
    for path in (first.layout.final_config, history.path_beside(first.layout.final_config)):
        if path.exists():
            atomic.write_bytes(layout.out / path.name, path.read_bytes())


def _say(state: ContrastState, lines: Sequence[str]) -> None:
    head = [
        f"first   {state.first.layout.out}",
        f"raw     {state.params.raw}: {len(state.first.ids)} slices, the tiles of the first",
    ]
    for line in (*head, *lines):
        print(line, flush=True)  # noqa: T201  this is what the command is for


# The plans


def _plan_mosaics(step: Step, state: Any) -> list[Task]:
    first, out = state.first, state.layout
    rows = first.rows
    tasks = []
    for slice_id in first.ids:
        row = rows[slice_id]
        tile_files = [
            path
            for tile in state.acquisition.slices[slice_id].tiles
            for path in (tile.folder / "info.txt", *tile.images)
        ]
        evidence = first.preproc.stage("galvo") / f"slice_z{slice_id}_galvo.json"
        tasks.append(
            state.task(
                step,
                slice_id,
                makes=[out.mosaic(slice_id)],
                views={
                    "from_root_directory": tile_files,
                    "slice_config": [row["galvo_fix"], row["galvo_confidence"]],
                    "more_raw": None,
                    "on_duplicate": None,
                },
                output_zarr=out.mosaic(slice_id),
                from_root_directory=state.params.raw,
                from_tiles_list=(),
                more_raw=state.params.more_raw,
                fix_galvo_shift=True,
                slice=int(slice_id),
                acquisition=first.preproc.acquisition,
                slice_config=first.layout.final_config,
                galvo_json=evidence if row["galvo_fix"] else None,
            )
        )
    return tasks


def _plan_process(step: Step, state: Any) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            slice_id,
            makes=[out.stage(step.stage) / f"slice_z{slice_id}_*"],
            in_mosaic=out.mosaic(slice_id),
            out_slice=out.processed(slice_id),
            shifts=None,
            input_transform=None,
            placement=state.first.processed(slice_id),
            brightness=state.given.brightness,
            keep_intermediate=None,
        )
        for slice_id in state.first.ids
    ]


def _plan_common_space(step: Step, state: Any) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            makes=[out.common_space],
            views={"in_mosaics_dir": [out.processed(s) for s in state.first.ids]},
            in_mosaics_dir=out.stage("process_slice"),
            in_shifts=state.first.common_shifts,
            out_directory=out.common_space,
            slice_config=None,
        )
    ]


def _plan_interpolation(step: Step, state: Any) -> list[Task]:
    out, tasks = state.layout, []
    for missing in selection.interpolated(state.first.rows):
        before, after = (type(missing)(missing.number + k) for k in (-1, 1))
        unwired = dict.fromkeys(step.wired) | {"finalise": False}
        wired = {
            "slice_before": out.common(before),
            "slice_after": out.common(after),
            "output": out.interpolated(missing),
            "slice_id": str(missing),
            "placement": state.first.morph(missing),
        }
        makes = [out.stage(step.stage) / f"slice_z{missing}_*"]
        tasks.append(state.task(step, missing, makes=makes, **(unwired | wired)))
    return tasks


def _plan_stack(step: Step, state: Any) -> list[Task]:
    first, out = state.first, state.layout
    folder = out.stage(step.stage)
    filled = [out.interpolated(s) for s in selection.interpolated(first.rows)]
    pairs = first.layout.stage("register_pairwise")
    return [
        state.task(
            step,
            makes=[folder],
            views={"interpolated_dir": filled or "none"},
            in_slices_dir=out.common_space,
            interpolated_dir=out.stage("interpolate_missing_slice") if filled else None,
            in_shifts=first.shifts,
            out_stack=folder / "stack.ome.zarr",
            transforms_dir=pairs if pairs.exists() else None,
            slice_config=first.layout.final_config,
        )
    ]


def _plan_normalize_z(step: Step, state: Any) -> list[Task]:
    out = state.layout
    told = provenance.write_for_volume(state, COMMAND, state.given)
    return [
        state.task(
            step,
            views={"provenance": provenance.view_of(told)},
            provenance=told,
            makes=[out.volume, out.out / "3d_volume_z_normalization.json"],
            in_zarr=out.stage("stack") / "stack.ome.zarr",
            out_zarr=out.volume,
            n_serial_slices=None,
            derived_from=out.out / DERIVED,
        )
    ]


_PLANS: dict[str, Callable[[Step, Any], list[Task]]] = {  # Any: ContrastState
    "create_mosaic_grid": _plan_mosaics,
    "process_slice": _plan_process,
    "bring_to_common_space": _plan_common_space,
    "interpolate_missing_slice": _plan_interpolation,
    "stack": _plan_stack,
    "normalize_z_intensity": _plan_normalize_z,
}


def steps() -> list[Step]:
    """Return the stages that a second contrast goes through, in order, with their plans here."""
    return [
        dataclasses.replace(step, plan=_PLANS[step.stage], when="")
        for step in STEPS
        if step.stage in _PLANS
    ]
