"""Read a run folder, whatever is in it.

A stage that did not run leaves its part empty; a file that cannot be read is named in the page.
Volumes are not opened here: see `report.pictures`.
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import LinumpyError
from linumpy.io import history, slice_config
from linumpy.io import shifts as shifts_io
from linumpy.io.history import Change
from linumpy.io.lenient import Reader
from linumpy.report.evidence import (
    Advice,
    AtlasFit,
    Correction,
    Evidence,
    GalvoFinding,
    GapFinding,
    Metric,
    PairFinding,
    Record,
    Run,
    Scan,
    StackDecision,
    StageMetrics,
    StageRun,
    as_number,
)

Json = Mapping[str, Any]  # Any: JSON

RECORD_FOLDERS = (
    "auto_exclude_slices",
    "interpolate_missing_slice",
    "detect_rehoming",
    "detect_rehoming_events",
    "assess_slice_quality",
    "auto_assess_quality",
    "generate_slice_config",
)
"""Folders whose slice_config.csv holds more of the trail than those behind it."""
_ID = re.compile(r"z(\d+)")


def read(root: Path) -> Evidence:
    """Return everything that the files of a run folder say; never fails on their content."""
    reader = Reader()
    files = sorted(_files(root))
    record = _record(root, files, reader)
    return Evidence(
        root=root,
        run=_run(reader.json(root / "run.json")),
        scan=_scan(reader.json(root / "acquisition.json")),
        record=record,
        shifts=_shifts(root / "shifts_xy.csv", reader),
        clean_shifts=_shifts(root / "detect_rehoming" / "shifts_xy_clean.csv", reader),
        galvo=tuple(_galvo(files, reader)),
        pairs=tuple(_pairs(files, reader)),
        stack=tuple(_stack(root / "stack" / "stacking_decisions.csv", reader)),
        corrections=tuple(_corrections(reader.json(root / "stack" / "stack_diagnostics.json"))),
        gaps=tuple(_gaps(files, reader)),
        atlas=_atlas(reader.json(root / "3d_volume_ras_transform.json")),
        metrics=tuple(_metrics(files, reader)),
        unreadable=tuple(dict.fromkeys(reader.unreadable)),
    )


def find_id(text: str) -> SliceId | None:
    """Return the first slice id in a name, as in ``slice_z07_normalize``."""
    found = _ID.search(text)
    return SliceId(found[1]) if found else None


def _files(root: Path) -> Iterator[Path]:
    """Walk past volumes, which hold thousands of chunks, and past hidden folders."""
    for folder, inside, names in os.walk(root):
        inside[:] = [n for n in inside if not n.endswith(".zarr") and not n.startswith(".")]
        yield from (Path(folder) / name for name in names if not name.startswith("."))


def _record(root: Path, files: list[Path], reader: Reader) -> Record:
    candidates = [root / "slice_config_final.csv"]
    candidates += [root / folder / "slice_config.csv" for folder in RECORD_FOLDERS]
    candidates += [root / "slice_config.csv"]
    candidates += [f for f in files if f.name.startswith("slice_config") and f.suffix == ".csv"]
    for path in (p for p in candidates if p.is_file()):
        try:
            rows, problems = slice_config.parse(path)
        except (LinumpyError, OSError) as error:
            reader.reject(path, str(error))
            continue
        for problem in problems:
            reader.reject(path, f"{problem.message}; {problem.hint}")
        if rows:
            ordered = dict(sorted(rows.items()))
            return Record(path, ordered, tuple(_history(path, reader)))
    return Record(None, {})


def _history(record: Path, reader: Reader) -> Iterator[Change]:
    path = history.path_beside(record)
    for line in reader.json_lines(path):
        try:
            yield Change(**{**line, "slice": SliceId(line.get("slice"))})
        except (LinumpyError, TypeError) as error:
            reader.reject(path, f"a line is no change of a cell ({error})")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _run(found: Json) -> Run:
    return Run(
        command=str(found.get("command", "")),
        version=str(found.get("version", "")),
        commit=str(found.get("commit", "")),
        subject=str(found.get("subject", "")),
        versions=_versions(found),
        parameters=_texts(found.get("parameters")),
        inputs=_texts(found.get("inputs")),
        stages=tuple(_stage(s) for s in _objects(found.get("stages"))),
        warnings=tuple(
            Advice(*(str(w.get(k) or "") for k in ("what", "why", "do")))
            for w in _objects(found.get("warnings"))
        ),
        slicing_interval_mm=as_number(found.get("slicing_interval_mm")),
    )


def _versions(found: Json) -> tuple[tuple[str, str], ...]:
    names = ("finished", "seconds", "workers", "python")
    said = ((name, _say(found[name])) for name in names if found.get(name) is not None)
    return (*said, *_texts(found.get("libraries")))


def _stage(found: Json) -> StageRun:
    return StageRun(
        stage=str(found.get("stage", "")),
        slice_id=str(found.get("slice") or ""),
        seconds=as_number(found.get("seconds")),
        peak_bytes=as_number(found.get("peak_bytes")),
        bytes_written=as_number(found.get("bytes_written")),
        status=str(found.get("status", "")),
    )


def _scan(found: Json) -> Scan:
    said = _object(found.get("instrument"))
    dates = said.get("dates")
    slices = _object(found.get("slices")).values()
    return Scan(
        ids=_ids(found.get("slice_ids")),
        never_acquired=_ids(found.get("never_acquired")),
        slicing_interval_mm=as_number(found.get("slicing_interval_mm")),
        axial_um=as_number(found.get("axial_um")),
        lateral_um=_xy(found.get("lateral_um")),
        n_extra=as_number(found.get("n_extra")),
        n_tiles=round(sum(as_number(_object(s).get("n_tiles")) or 0 for s in slices)),
        fov_mm=_xy(found.get("tile_fov_mm")),
        step_mm=_xy(found.get("tile_step_mm")),
        has_positions=found.get("overlap_fraction") is None,
        header=_object(said.get("header")),
        dates=(str(dates[0]), str(dates[-1])) if isinstance(dates, list) and dates else None,
    )


def _object(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _xy(value: object) -> tuple[float | None, float | None]:
    pair = _object(value)
    return as_number(pair.get("x")), as_number(pair.get("y"))


def _shifts(path: Path, reader: Reader) -> tuple[Shift, ...]:
    if not path.is_file():
        return ()
    try:
        found, problems = shifts_io.parse(path)
    except (LinumpyError, OSError) as error:
        reader.reject(path, str(error))
        return ()
    for problem in problems:
        reader.reject(path, f"{problem.message}; {problem.hint}")
    return found


def _galvo(files: list[Path], reader: Reader) -> Iterator[GalvoFinding]:
    for path in files:
        slice_id = find_id(path.name)
        if slice_id is None or not path.name.endswith("_galvo.json"):
            continue
        found = reader.json(path)
        inner = found.get("terms")
        terms = inner if isinstance(inner, dict) else found
        yield GalvoFinding(
            slice_id=slice_id,
            confidence=as_number(found.get("confidence", found.get("galvo_confidence"))),
            shift_px=as_number(found.get("shift", found.get("shift_px"))),
            n_extra=as_number(found.get("n_extra", found.get("n_pixel_return"))),
            profile=_profile(found.get("profile")),
            terms=tuple(
                (name, value)
                for name in ("contrast", "sharpness", "anomaly")
                if (value := as_number(terms.get(name))) is not None
            ),
        )


def _profile(values: object) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if not isinstance(values, list) or not values:
        return None
    numbers = [as_number(value) for value in values]
    return np.array([np.nan if n is None else n for n in numbers], dtype=np.float64)


def _pairs(files: list[Path], reader: Reader) -> Iterator[PairFinding]:
    for path in files:
        moving = find_id(path.parent.name)
        if path.name != "pairwise_registration_metrics.json" or moving is None:
            continue
        found = _stage_metrics(path, reader.json(path))
        fixed = found.metrics.get("fixed_volume")
        planes = (reader.text(path.with_name("offsets.txt")) or "").split()
        yield PairFinding(
            moving=moving,
            fixed=find_id(Path(str(fixed.value)).name) if fixed else None,
            x_px=found.number("translation_x"),
            y_px=found.number("translation_y"),
            rotation_deg=found.number("rotation"),
            confidence=found.number("registration_confidence"),
            z_correlation=found.number("z_correlation"),
            depth_planes=_depth(found, planes),
            status=found.status,
        )


def _depth(found: StageMetrics, planes: list[str]) -> float | None:
    """Return the depth between the two tops: measured to a fraction, else by whole planes.

    Where the stage measures fractions and gives none, it could not tell the depth.
    """
    expected = found.number("slicing_interval_planes")
    if expected is not None and "z_offset_planes" in found.metrics:
        offset = found.number("z_offset_planes")
        return None if offset is None else expected + offset
    if len(planes) != 2:  # noqa: PLR2004  plane of fixed, plane of moving
        return None
    first, second = (as_number(plane) for plane in planes)
    return None if first is None or second is None else first - second


def _stack(path: Path, reader: Reader) -> Iterator[StackDecision]:
    for row in reader.table(path):
        slice_id = find_id(f"z{row.get('slice_id', '')}")
        if slice_id is None:
            reader.reject(path, f"slice_id {row.get('slice_id')!r} is not a slice id")
            continue
        loaded = row.get("transform_loaded", "").strip().lower() in ("true", "1", "yes")
        yield StackDecision(
            slice_id=slice_id,
            fixed_id=row.get("fixed_id", ""),
            transform=row.get("transform_source", "") or "yes" if loaded else "",
            confidence=as_number(row.get("confidence")),
            overlap_source=row.get("overlap_source", ""),
            overlap_voxels=as_number(row.get("overlap_voxels")),
            blend_voxels=as_number(row.get("blend_overlap_voxels")),
            correlation=as_number(row.get("correlation")),
            reason=row.get("reason", ""),
        )


def _atlas(found: Json) -> AtlasFit | None:
    if not found:
        return None
    return AtlasFit(
        atlas=Path(str(found.get("atlas") or "unnamed")).name,
        orientation=str(found.get("input_orientation") or "not said"),
        transform=str(found.get("transform") or "rigid"),
        score=as_number(found.get("mutual_information")),
        start_score=as_number(found.get("mutual_information_at_start")),
    )


def _corrections(found: Json) -> Iterator[Correction]:
    entries = found.get("corrections")
    for name, entry in entries.items() if isinstance(entries, dict) else ():
        slice_id = find_id(f"z{name}")
        if slice_id is not None and isinstance(entry, dict):
            yield Correction(
                slice_id,
                as_number(entry.get("dx_um")),
                as_number(entry.get("dy_um")),
                as_number(entry.get("rotation_deg")),
            )


def _gaps(files: list[Path], reader: Reader) -> Iterator[GapFinding]:
    ending = "_interpolated_diagnostics.json"
    for path in files:
        slice_id = find_id(path.name)
        if slice_id is None or not path.name.endswith(ending):
            continue
        found = reader.json(path)
        preview = path.with_name(path.name.replace("diagnostics.json", "preview.png"))
        yield GapFinding(
            slice_id=slice_id,
            is_filled=bool(found) and not found.get("interpolation_failed", False),
            method=str(found.get("method_used") or ""),
            reason=str(found.get("fallback_reason") or ""),
            ncc_before=as_number(found.get("pre_reg_ncc")),
            ncc_after=as_number(found.get("post_reg_ncc")),
            preview=preview if preview.is_file() else None,
        )


def _metrics(files: list[Path], reader: Reader) -> Iterator[StageMetrics]:
    for path in files:
        if path.name.endswith("_metrics.json") and (found := reader.json(path)):
            yield _stage_metrics(path, found)


def _stage_metrics(path: Path, found: Json) -> StageMetrics:
    slice_id = find_id(path.name) or find_id(path.parent.name)
    entries = found.get("metrics")
    return StageMetrics(
        step=str(found.get("step_name", path.stem.removesuffix("_metrics"))),
        label=f"z{slice_id}" if slice_id else path.parent.name,
        status=str(found.get("overall_status", "")),
        metrics={
            str(name): Metric(e.get("value"), str(e.get("unit") or ""), str(e.get("status") or ""))
            for name, e in (entries.items() if isinstance(entries, dict) else ())
            if isinstance(e, dict)
        },
        warnings=_lines(found.get("warnings")),
        errors=_lines(found.get("errors")),
    )


def _objects(value: object) -> list[Json]:
    return [v for v in value if isinstance(v, dict)] if isinstance(value, list) else []


def _lines(value: object) -> tuple[str, ...]:
    return tuple(str(v) for v in value) if isinstance(value, list) else ()


def _texts(value: object) -> tuple[tuple[str, str], ...]:
    if isinstance(value, dict):
        return tuple((str(name), _say(v)) for name, v in value.items())
    return (("", str(value)),) if value else ()


def _say(value: object) -> str:
    if isinstance(value, list):
        return " ".join(_cell(v) for v in value)
    return "" if value is None else _cell(value)


def _ids(values: object) -> tuple[SliceId, ...]:
    found = []
    for value in values if isinstance(values, list) else []:
        try:
            found.append(SliceId(value))
        except LinumpyError:
            continue
    return tuple(sorted(found))
