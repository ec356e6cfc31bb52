"""From raw tiles to mosaic grids: shifts, the record, one mosaic per slice."""

import json
from pathlib import Path

from linumpy.core.slice_id import SliceId
from linumpy.io import selection
from linumpy.io.interval import metadata_places
from linumpy.pipeline.graph import Step
from linumpy.pipeline.state import State
from linumpy.pipeline.task import Task
from linumpy.scripts import (
    linum_check_orientation,
    linum_create_mosaic_grid_3d,
    linum_estimate_xy_shift_from_metadata,
    linum_generate_slice_config,
)


def _facts(state: State) -> dict[str, object]:
    """Return views of what the raw folders are: their tiles count, not how they were named."""
    unfinished = [one.note or one.said for one in state.acquisition.unfinished]
    return {"more_raw": unfinished, "on_duplicate": None}


def _raw_headers(state: State) -> list[Path]:
    return [t.folder / "info.txt" for s in state.acquisition.slices.values() for t in s.tiles]


def _metadata(state: State) -> list[Path]:
    """Return what the acquisition software wrote beside the tiles."""
    slices = state.acquisition.slices.values()
    parents = {tile.folder.parent for raw in slices for tile in raw.tiles}
    places = {place for parent in parents for place in metadata_places(parent)}
    places |= {root / "state.json" for root in state.roots}
    return sorted(place for place in places if place.is_file())


def _raw_tiles(state: State, slice_id: SliceId) -> list[Path]:
    tiles = state.acquisition.slices[slice_id].tiles
    return [path for t in tiles for path in (t.folder / "info.txt", *t.images)]


def _plan_shifts(step: Step, state: State) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            makes=[out.shifts, out.acquisition],
            views={"directory": [*_raw_headers(state), *_metadata(state)], **_facts(state)},
            directory=state.params.raw,
            more_raw=state.params.more_raw,
            output_file=out.shifts,
        )
    ]


def _plan_orientation(step: Step, state: State) -> list[Task]:
    """One task; later stages read nothing of it, and slices that arrive do not change how they lie.

    So the headers of the first slice stand for the tiles.
    """
    out, first = state.layout, state.acquisition.slices[state.acquisition.ids[0]]
    seen = json.loads(out.acquisition.read_text(encoding="utf-8"))
    path = out.stage(step.stage) / "orientation.json"
    return [
        state.task(
            step,
            makes=[path],
            views={
                "directory": [tile.folder / "info.txt" for tile in first.tiles],
                "acquisition": {name: seen[name] for name in ("orientation", "stage_sign")},
                "more_raw": None,
                "on_duplicate": None,
            },
            directory=state.params.raw,
            more_raw=state.params.more_raw,
            acquisition=out.acquisition,
            out_json=path,
        )
    ]


def _plan_config(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage(step.stage)
    reads = [path for s in state.acquisition.ids for path in _raw_tiles(state, s)]
    galvo = state.params.detect_galvo
    return [
        state.task(
            step,
            makes=[folder / "slice_config.csv", *([out.stage("galvo")] if galvo else [])],
            views={"tiles_dir": reads if galvo else _raw_headers(state), **_facts(state)},
            input=out.shifts,
            output_file=folder / "slice_config.csv",
            from_shifts=True,
            from_tiles=False,
            tiles_dir=state.params.raw,
            more_raw=state.params.more_raw,
            galvo_dir=out.stage("galvo") if galvo else None,
        )
    ]


def _plan_mosaics(step: Step, state: State) -> list[Task]:
    out, rows = state.layout, state.rows
    seen = json.loads(out.acquisition.read_text(encoding="utf-8"))
    shared = {name: seen[name] for name in ("stage_sign", "slicing_interval_mm")}
    out_of_it = {*state.failed(), *selection.incomplete(rows)}
    tasks = []
    for slice_id in state.selected():
        row = rows[slice_id]
        if slice_id in out_of_it:
            continue
        evidence = out.stage("galvo") / f"slice_z{slice_id}_galvo.json"
        decision = [row["galvo_fix"], row["galvo_confidence"]]
        tasks.append(
            state.task(
                step,
                slice_id,
                makes=[out.mosaic(slice_id)],
                views={
                    "from_root_directory": _raw_tiles(state, slice_id),
                    "acquisition": shared,
                    "slice_config": decision,
                    "more_raw": None,
                    "on_duplicate": None,
                },
                output_zarr=out.mosaic(slice_id),
                from_root_directory=state.params.raw,
                from_tiles_list=(),
                more_raw=state.params.more_raw,
                fix_galvo_shift=True,
                slice=int(slice_id),
                acquisition=out.acquisition,
                slice_config=state.record,
                galvo_json=evidence if row["galvo_fix"] else None,
            )
        )
    return tasks


STEPS = (
    Step(
        "estimate_xy_shift",
        linum_estimate_xy_shift_from_metadata.COMMAND,
        _plan_shifts,
        wired=("directory", "output_file", "more_raw"),
    ),
    Step(
        "check_orientation",
        linum_check_orientation.COMMAND,
        _plan_orientation,
        wired=("directory", "more_raw", "acquisition", "out_json"),
    ),
    Step(
        "generate_slice_config",
        linum_generate_slice_config.COMMAND,
        _plan_config,
        wired=(
            "input",
            "output_file",
            "from_shifts",
            "from_tiles",
            "tiles_dir",
            "galvo_dir",
            "more_raw",
        ),
        renamed={"galvo_threshold": "galvo_confidence_threshold"},
        # decisions 7: the drivers decide by evidence which slice is for calibration
        defaults={"exclude_first": 0, "detect_calibration": True},
    ),
    Step(
        "create_mosaic_grid",
        linum_create_mosaic_grid_3d.COMMAND,
        _plan_mosaics,
        over="slice",
        wired=(
            "output_zarr",
            "from_root_directory",
            "from_tiles_list",
            "fix_galvo_shift",
            "slice",
            "acquisition",
            "slice_config",
            "galvo_json",
            "more_raw",
        ),
        renamed={"galvo_threshold": "galvo_confidence_threshold"},
    ),
)
BEFORE_RECORD = 1 + [step.stage for step in STEPS].index("generate_slice_config")
"""How many stages there are up to the one that makes the first version of the record."""
