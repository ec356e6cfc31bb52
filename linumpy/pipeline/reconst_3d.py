"""From mosaic grids to the volume: the order of decisions, read from top to bottom."""

from linumpy.io import slice_config
from linumpy.pipeline.graph import Step
from linumpy.pipeline.state import State
from linumpy.pipeline.task import Task
from linumpy.stack.shifts import build_cumulative_shifts

RECORD = "slice_config.csv"
SHIFTS = "shifts_xy_clean.csv"


def _plan_quality(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage(step.stage)
    mosaics = [out.mosaic(s) for s in state.selected() if out.mosaic(s).exists()]
    return [
        state.task(
            step,
            makes=[folder],
            views={"input": mosaics},
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
    mosaics = [out.mosaic(s) for s in state.selected() if out.mosaic(s).exists()]
    info = state.acquisition.slices[state.acquisition.ids[0]].tiles[0].info
    return [
        state.task(
            step,
            makes=[folder],
            views={"mosaics": mosaics},
            in_shifts=out.shifts,
            out_shifts=folder / SHIFTS,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
            mosaics=out.mosaics,
            tile_fov_mm=(info.width_um / 1000, info.height_um / 1000),
            diagnostics=folder,
        )
    ]


def _shifts_path(state: State):  # type: ignore[no-untyped-def]  # noqa: ANN202
    corrected = state.layout.stage("detect_rehoming") / SHIFTS
    return corrected if state.params.detect_rehoming else state.layout.shifts


def _plan_process(step: Step, state: State) -> list[Task]:
    out, path = state.layout, _shifts_path(state)
    used = state.used()
    positions = build_cumulative_shifts(shifts.read(path), used)
    return [
        state.task(
            step,
            slice_id,
            makes=[out.stage(step.stage) / f"slice_z{slice_id}_*"],
            # of the shifts only the slice's own position counts: a corrected step elsewhere,
            # or a slice that arrives later, leaves this slice as it is
            views={"shifts": list(positions[slice_id])},
            mosaic=out.mosaic(slice_id),
            output=out.processed(slice_id),
            shifts=path,
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
            slice_before=out.common(before),
            slice_after=out.common(after),
            output=out.interpolated(missing),
            slice_id=str(missing),
        )
        for before, missing, after in state.gaps()
    ]


def _plan_finalise(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage("interpolate_missing_slice")
    fragments = [folder / f"slice_z{missing}_manifest.csv" for _, missing, _ in state.gaps()]
    return [
        state.task(
            step,
            makes=[folder / RECORD],
            views={"fragments": fragments or "none"},
            fragments=folder,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
        )
    ]


def _plan_pairwise(step: Step, state: State) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            moving,
            makes=[out.stage(step.stage) / out.common(moving).name.removesuffix(".ome.zarr")],
            in_fixed=out.common(fixed),
            in_moving=out.common(moving),
            out_directory=out.stage(step.stage) / out.common(moving).name.removesuffix(".ome.zarr"),
        )
        for fixed, moving in state.pairs()
    ]


def _plan_auto_exclude(step: Step, state: State) -> list[Task]:
    folder = state.layout.stage(step.stage)
    pairs = state.layout.stage("register_pairwise")
    pairs.mkdir(parents=True, exist_ok=True)
    names = [
        state.layout.common(moving).name.removesuffix(".ome.zarr") for _, moving in state.pairs()
    ]
    return [
        state.task(
            step,
            makes=[folder],
            views={"transforms_dir": [pairs / name for name in names] or "none"},
            transforms_dir=pairs,
            slice_config_in=state.record,
            slice_config_out=folder / RECORD,
        )
    ]


def _plan_stack(step: Step, state: State) -> list[Task]:
    out = state.layout
    folder = out.stage("stack")
    pairs = out.stage("register_pairwise")
    names = [out.common(moving).name.removesuffix(".ome.zarr") for _, moving in state.pairs()]
    placed = [out.common(s) for s in state.used()] + [
        out.interpolated(s) for s in state.interpolated()
    ]
    return [
        state.task(
            step,
            makes=[folder],
            views={
                "in_slices_dir": placed,
                "interpolated_dir": [out.interpolated(s) for s in state.interpolated()] or "none",
                "transforms_dir": [pairs / name for name in names] or "none",
                "slice_config": {
                    s: [row["use"], row["auto_excluded"], row["interpolated"]]
                    for s, row in slice_config.force_skip_slices(state.rows).items()
                },
            },
            in_slices_dir=out.common_space,
            interpolated_dir=out.stage("interpolate_missing_slice"),
            in_shifts=_shifts_path(state),
            out_stack=folder / "stack.ome.zarr",
            transforms_dir=pairs,
            slice_config=state.record,
        )
    ]


def _plan_normalize_z(step: Step, state: State) -> list[Task]:
    out = state.layout
    return [
        state.task(
            step,
            makes=[out.volume],
            in_zarr=out.stage("stack") / "stack.ome.zarr",
            out_zarr=out.volume,
        )
    ]


def _plan_ras(step: Step, state: State) -> list[Task]:
    out = state.layout
    if not state.params.atlas or not state.params.input_orientation:
        return []
    return [
        state.task(
            step,
            makes=[out.volume_ras, out.stage(step.stage)],
            input_zarr=out.volume,
            output_zarr=out.volume_ras,
        )
    ]
