"""From mosaic grids to the volume: the order of decisions, read from top to bottom."""

import json
from pathlib import Path
from typing import Any

from linumpy.core.filenames import PAIRWISE_METRICS
from linumpy.core.slice_id import SliceId
from linumpy.io import shifts as shifts_io
from linumpy.io import slice_config
from linumpy.pipeline.graph import Step
from linumpy.pipeline.state import State
from linumpy.pipeline.task import Task
from linumpy.scripts import (
    linum_align_mosaics_3d_from_shifts,
    linum_align_to_ras,
    linum_assess_slice_quality,
    linum_auto_exclude_slices,
    linum_detect_rehoming,
    linum_interpolate_missing_slice,
    linum_normalize_z_intensity,
    linum_note_manual_transforms,
    linum_process_slice,
    linum_register_pairwise,
    linum_stack_slices_motor,
)
from linumpy.stack.shifts import build_cumulative_shifts

RECORD = "slice_config.csv"
VOLUMES = ("fixed_volume", "moving_volume")
_UNWIRED: dict[str, Any] = dict.fromkeys(
    ("placement", "diagnostics", "manifest_entry", "preview")
)  # Any: None
_INTERPOLATION_FILES = (
    "slice_before",
    "slice_after",
    "output",
    "slice_id",
    "finalise",
    "slice_config_in",
    "slice_config_out",
    "fragments",
    *_UNWIRED,
)
SHIFTS = "shifts_xy_clean.csv"


def _mosaics(state: State) -> list[Path]:
    places = (state.layout.mosaic(slice_id) for slice_id in state.selected())
    return [place for place in places if state.holds(place)]


def _plan_quality(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage(step.stage)
    return [
        state.task(
            step,
            makes=[folder],
            views={"input": _mosaics(state)},
            input=out.mosaics,
            output_file=folder / RECORD,
            update_existing=True,
            existing_config=state.record,
            report_only=False,
        )
    ]


def _plan_rehoming(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage(step.stage)
    return [
        state.task(
            step,
            makes=[folder],
            views={"mosaics": _mosaics(state)},
            in_shifts=out.shifts,
            out_shifts=folder / SHIFTS,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
            mosaics=out.mosaics,
            acquisition=out.acquisition,
            tile_fov_mm=(),
            diagnostics=None,
        )
    ]


def _shifts_path(state: State) -> Path:
    corrected = state.layout.stage("detect_rehoming") / SHIFTS
    return corrected if state.params.detect_rehoming else state.layout.shifts


def _plan_process(step: Step, state: State) -> list[Task]:
    out, path = state.layout, _shifts_path(state)
    used = state.used()
    positions = build_cumulative_shifts(shifts_io.read(path), used)
    return [
        state.task(
            step,
            slice_id,
            makes=[out.stage(step.stage) / f"slice_z{slice_id}_*"],
            # of the shifts only the slice's own position counts: a corrected step elsewhere,
            # or a slice that arrives later, leaves this slice as it is
            views={"shifts": list(positions[slice_id])},
            in_mosaic=out.mosaic(slice_id),
            out_slice=out.processed(slice_id),
            shifts=path,
            input_transform=None,
            placement=None,
            brightness="normalized",
            keep_intermediate=None,
        )
        for slice_id in used
    ]


def _plan_common_space(step: Step, state: State) -> list[Task]:
    out, used = state.layout, state.used()
    return [
        state.task(
            step,
            makes=[out.common_space],
            views={
                "in_mosaics_dir": [out.processed(s) for s in used],
                "slice_config": list(used),
            },
            in_mosaics_dir=out.stage("process_slice"),
            in_shifts=_shifts_path(state),
            out_directory=out.common_space,
            slice_config=state.record,
        )
    ]


def _plan_interpolation(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage("interpolate_missing_slice")
    return [
        state.task(
            step,
            missing,
            makes=[folder / f"slice_z{missing}_*"],
            **_UNWIRED,
            slice_before=out.common(before),
            slice_after=out.common(after),
            output=out.interpolated(missing),
            slice_id=str(missing),
            finalise=False,
            slice_config_in=None,
            slice_config_out=None,
            fragments=None,
        )
        for before, missing, after in state.gaps()
    ]


def _plan_finalise(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage("interpolate_missing_slice")
    folder.mkdir(parents=True, exist_ok=True)
    gaps = state.gaps() if state.params.interpolate_missing_slices else []
    fragments = [folder / f"slice_z{missing}_manifest.csv" for _, missing, _ in gaps]
    return [
        state.task(
            step,
            makes=[folder / RECORD],
            views={"fragments": fragments or "none"},
            **_UNWIRED,
            slice_before=None,
            slice_after=None,
            output=None,
            slice_id=None,
            finalise=True,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
            fragments=folder,
        )
    ]


def _pair_folder(state: State, moving: SliceId) -> Path:
    name = state.layout.common(moving).name.removesuffix(".ome.zarr")
    return state.layout.stage("register_pairwise") / name


def _plan_pairwise(step: Step, state: State) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            moving,
            makes=[_pair_folder(state, moving)],
            in_fixed=out.common(fixed),
            in_moving=out.common(moving),
            out_directory=_pair_folder(state, moving),
            screenshot=_pair_folder(state, moving) / "screenshot.png",
        )
        for fixed, moving in state.pairs()
    ]


def _registrations(state: State) -> dict[str, list[object]]:
    """Return what the registrations found; when and where it was written does not count."""
    found: dict[str, list[object]] = {}
    for _, moving in state.pairs():
        folder = _pair_folder(state, moving)
        metrics = json.loads((folder / PAIRWISE_METRICS).read_text(encoding="utf-8"))["metrics"]
        found[moving] = [
            {name: entry["value"] for name, entry in metrics.items() if name not in VOLUMES},
            *(path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.t[fx][mt]"))),
        ]
    return found


def _plan_manual(step: Step, state: State) -> list[Task]:
    given, folder = state.params.manual_transforms, state.layout.stage(step.stage)
    if given is None:
        return []
    return [
        state.task(
            step,
            makes=[folder],
            manual_transforms=given,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
        )
    ]


def _plan_auto_exclude(step: Step, state: State) -> list[Task]:
    folder = state.layout.stage(step.stage)
    pairs = state.layout.stage("register_pairwise")
    pairs.mkdir(parents=True, exist_ok=True)
    return [
        state.task(
            step,
            makes=[folder],
            views={"transforms_dir": _registrations(state)},
            transforms_dir=pairs,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
        )
    ]


def _plan_stack(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage("stack")
    pairs = out.stage("register_pairwise")
    filled = [out.interpolated(s) for s in state.interpolated()]
    return [
        state.task(
            step,
            makes=[folder],
            views={
                "in_slices_dir": [*(out.common(s) for s in state.used()), *filled],
                "interpolated_dir": filled or "none",
                "transforms_dir": _registrations(state),
                "slice_config": {
                    s: [row["use"], row["auto_excluded"], row["interpolated"]]
                    for s, row in slice_config.force_skip_slices(state.rows).items()
                },
            },
            in_slices_dir=out.common_space,
            interpolated_dir=out.stage("interpolate_missing_slice") if filled else None,
            in_shifts=_shifts_path(state),
            out_stack=folder / "stack.ome.zarr",
            transforms_dir=pairs,
            slice_config=state.record,
        )
    ]


def _plan_normalize_z(step: Step, state: State) -> list[Task]:
    from linumpy.pipeline import provenance  # noqa: PLC0415  --help stays light
    from linumpy.pipeline.linum_reconstruct import COMMAND  # noqa: PLC0415  made of these stages

    out = state.layout
    told = provenance.write_for_volume(state, COMMAND, state.params)
    return [
        state.task(
            step,
            views={"provenance": provenance.view_of(told)},
            provenance=told,
            makes=[out.volume, out.out / "3d_volume_z_normalization.json"],
            in_zarr=out.stage("stack") / "stack.ome.zarr",
            out_zarr=out.volume,
            n_serial_slices=None,
            derived_from=None,
        )
    ]


def _plan_ras(step: Step, state: State) -> list[Task]:
    out, atlas = state.layout, state.params.atlas
    if atlas is None or state.params.input_orientation is None:
        return []
    return [
        state.task(
            step,
            makes=[out.out / "3d_volume_ras*"],
            views={"atlas": [Path(atlas)] if Path(atlas).exists() else atlas},
            input_zarr=out.volume,
            output_zarr=out.volume_ras,
        )
    ]


STEPS = (
    Step(
        "assess_slice_quality",
        linum_assess_slice_quality.COMMAND,
        _plan_quality,
        wired=("input", "output_file", "update_existing", "existing_config", "report_only"),
        renamed={"min_quality": "auto_assess_min_quality"},
        defaults={"auto_assess_min_quality": 0.3, "exclude_first": 0, "detect_calibration": True},
        when="auto_assess_quality",
    ),
    Step(
        "detect_rehoming",
        linum_detect_rehoming.COMMAND,
        _plan_rehoming,
        wired=(
            "in_shifts",
            "out_shifts",
            "slice_config_in",
            "slice_config_out",
            "mosaics",
            "acquisition",
            "tile_fov_mm",
            "diagnostics",
        ),
        when="detect_rehoming",
    ),
    Step(
        "process_slice",
        linum_process_slice.COMMAND,
        _plan_process,
        over="slice",
        wired=(
            "in_mosaic",
            "out_slice",
            "shifts",
            "input_transform",
            "placement",
            "brightness",
            "keep_intermediate",
        ),
    ),
    Step(
        "bring_to_common_space",
        linum_align_mosaics_3d_from_shifts.COMMAND,
        _plan_common_space,
        wired=("in_mosaics_dir", "in_shifts", "out_directory", "slice_config"),
    ),
    Step(
        "interpolate_missing_slice",
        linum_interpolate_missing_slice.COMMAND,
        _plan_interpolation,
        over="gap",
        when="interpolate_missing_slices",
        wired=_INTERPOLATION_FILES,
    ),
    Step(
        "finalise_interpolation",
        linum_interpolate_missing_slice.COMMAND,
        _plan_finalise,
        wired=_INTERPOLATION_FILES,
    ),
    Step(
        "register_pairwise",
        linum_register_pairwise.COMMAND,
        _plan_pairwise,
        over="pair",
        wired=("in_fixed", "in_moving", "out_directory", "screenshot"),
    ),
    Step(
        "note_manual_transforms",
        linum_note_manual_transforms.COMMAND,
        _plan_manual,
        wired=("manual_transforms", "slice_config_in", "slice_config_out"),
    ),
    Step(
        "auto_exclude_slices",
        linum_auto_exclude_slices.COMMAND,
        _plan_auto_exclude,
        wired=("transforms_dir", "slice_config_in", "slice_config_out"),
        when="auto_exclude_enabled",
    ),
    Step(
        "stack",
        linum_stack_slices_motor.COMMAND,
        _plan_stack,
        wired=(
            "in_slices_dir",
            "interpolated_dir",
            "in_shifts",
            "out_stack",
            "transforms_dir",
            "slice_config",
        ),
    ),
    Step(
        "normalize_z_intensity",
        linum_normalize_z_intensity.COMMAND,
        _plan_normalize_z,
        # our stacks say where their slices are
        wired=("in_zarr", "out_zarr", "n_serial_slices", "derived_from", "provenance"),
    ),
    Step(
        "align_to_ras",
        linum_align_to_ras.COMMAND,
        _plan_ras,
        wired=("input_zarr", "output_zarr"),
    ),
)
