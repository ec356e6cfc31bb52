"""Score the quality of every slice, and leave out what is damaged or for calibration."""

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, CountOrZero, Fraction, Product, Source, SourceFlag
from linumpy.cli.fields import CalibrationRatio, DetectCalibration, ExcludeFirst, Keep, UseGpu
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from linumpy.core.slice_id import SliceId
    from linumpy.io.mosaic_tiles import MosaicTiles
    from linumpy.io.slice_config import Row, Rows
    from linumpy.scripts.mosaic_views import View
    from linumpy.scripts.quality_steps import Verdict

log = logging.getLogger(__name__)
STAGE = "assess_slice_quality"
DIAGNOSTICS = "slice_quality"


@dataclass(frozen=True, kw_only=True)
class Params:
    """Score the quality of every slice, and leave out what is damaged or for calibration.

    Memory: one tile per worker, the depth averages of one slice's tiles, and the pictures of six
    slices, of at most 512 px; all others wait in a temporary file. Numbers of each slice:
    slice_quality/slice_z{NN}_quality.json beside the output.
    """

    input: Source
    """folder of mosaic grids (*z<digits>*.ome.zarr)"""
    output_file: Product
    """slice_config.csv"""
    min_quality: Fraction = 0.0
    """leave out slices that score less, and slices found damaged; 0: leave out none of them"""
    exclude_first: ExcludeFirst = 1
    detect_calibration: DetectCalibration = False
    calibration_thickness_ratio: CalibrationRatio = 1.5
    keep: Keep = ()
    update_existing: bool = False
    """keep the rows and columns of --existing_config and stamp into them"""
    existing_config: SourceFlag = None
    """slice_config.csv to update"""
    report_only: bool = False
    """print the table and write nothing"""
    sample_depth: CountOrZero = 5
    """slabs of depth that are compared between slices; 0: every plane"""
    roi_size: CountOrZero = 0
    """look only at tiles that a central square of this side (native px) touches; 0: all"""
    use_gpu: UseGpu = True


def run(p: Params, job: Job) -> None:
    """Look at every mosaic, test and score the slices, stamp the record."""
    from linumpy.io import history
    from linumpy.io.slice_folder import find_slices
    from linumpy.scripts.mosaic_views import open_all

    before = _existing(p)
    paths = find_slices(p.input)
    opened, failed = open_all(paths)
    rows = _rows(before, paths)
    calibration = _calibration(p, rows, opened)
    views, verdicts = _assess(p, job, rows, opened, calibration)
    verdicts |= _failures(failed)
    reasons = _reasons(p, verdicts)
    if p.report_only:
        print(_table(rows, verdicts, reasons))  # noqa: T201  the table is the product
        return
    rows = _stamp(rows, verdicts, reasons, p)
    log.info("%s", _table(rows, verdicts, reasons))
    _write_diagnostics(p, rows, verdicts, views)
    history.write_record(p.output_file, rows, before=p.existing_config, author=job)


def _existing(p: Params) -> "Rows | None":
    from linumpy.errors import BadValue
    from linumpy.io import slice_config

    if p.update_existing and p.existing_config is None:
        raise BadValue(
            "--update_existing was given without the config to update",
            hint="name it with --existing_config slice_config.csv",
        )
    if p.existing_config is not None and not p.update_existing:
        raise BadValue(
            "--existing_config was given without --update_existing", hint="pass both, or neither"
        )
    return None if p.existing_config is None else slice_config.read(p.existing_config)


def _rows(before: "Rows | None", found: "Iterable[SliceId]") -> "Rows":
    """Return the rows to stamp: all that there were, and one for every mosaic without a row."""
    from linumpy.io.slice_config import new_row

    if before is None:
        return {key: new_row(key, use=True) for key in found}
    new = [key for key in found if key not in before]
    if new:
        log.warning("not in the config, so not used: %s", ", ".join(new))
    return {**before, **{key: new_row(key, use=False, notes="not_in_config") for key in new}}


def _calibration(
    p: Params, rows: "Rows", opened: "Mapping[SliceId, MosaicTiles]"
) -> "set[SliceId]":
    from linumpy.quality.calibration import first_slices, thick_slices
    from linumpy.scripts.mosaic_views import depth_mm

    chosen = set(first_slices(rows, p.exclude_first))
    if p.detect_calibration:
        depths = {key: depth_mm(mosaic) for key, mosaic in opened.items()}
        chosen |= set(thick_slices(depths, ratio=p.calibration_thickness_ratio))
    return chosen


def _assess(
    p: Params,
    job: Job,
    rows: "Rows",
    opened: "Mapping[SliceId, MosaicTiles]",
    calibration: "set[SliceId]",
) -> "tuple[Mapping[SliceId, View], dict[SliceId, Verdict]]":
    from dataclasses import replace

    from linumpy.compute import device
    from linumpy.scripts.mosaic_views import Looking, depth_mm, look
    from linumpy.scripts.quality_steps import assess

    looking = Looking(
        device=device.pick(use_gpu=p.use_gpu),
        workers=job.workers,
        n_slabs=p.sample_depth,
        roi_px=p.roi_size,
        measures=True,
    )
    views, failed = look(opened, looking, job.progress)
    usual = [key for key in views if key not in calibration and rows[key]["use"]]
    if len(usual) < 3:  # noqa: PLR2004
        log.warning("%d slices to compare: too few to find damage by comparison", len(usual))
    found = {
        key: replace(verdict, depth_mm=depth_mm(opened[key]), is_calibration=key in calibration)
        for key, verdict in assess(views, usual, workers=job.workers).items()
    }
    return views, {**found, **_failures(failed)}


def _failures(failed: "Mapping[SliceId, str]") -> "dict[SliceId, Verdict]":
    from linumpy.scripts.quality_steps import Verdict

    for key, reason in failed.items():
        log.error("z%s: %s", key, reason)
    return {key: Verdict(failure=reason) for key, reason in failed.items()}


def _reasons(p: Params, verdicts: "Mapping[SliceId, Verdict]") -> "dict[SliceId, str]":
    """Return why each slice is left out by a test; slices without a reason are absent."""
    from linumpy.quality.calibration import NOTE
    from linumpy.scripts.quality_steps import exclusion

    reasons = {}
    for key, verdict in verdicts.items():
        if verdict.failure:
            reasons[key] = f"failed: {STAGE}: {verdict.failure}"
        elif verdict.is_calibration:
            reasons[key] = NOTE
        else:
            reasons[key] = exclusion(verdict, p.min_quality)
    return {key: reason for key, reason in reasons.items() if reason}


def _stamp(
    rows: "Rows",
    verdicts: "Mapping[SliceId, Verdict]",
    reasons: "Mapping[SliceId, str]",
    p: Params,
) -> "Rows":
    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import UnknownSlice
    from linumpy.io import slice_config

    kept = parse_ids(p.keep)
    unknown = [key for key in kept if key not in rows]
    if unknown:
        raise UnknownSlice(
            f"--keep {', '.join(unknown)}: no such slice", hint=f"there are {', '.join(rows)}"
        )
    for key, verdict in sorted(verdicts.items()):
        update: dict[str, object] = {}
        if not verdict.failure:
            update["quality_score"] = verdict.quality_score
        reason = reasons.get(key, "")
        if reason and key in kept and not verdict.failure:
            update["notes"] = f"kept_by_user (would be {reason})"
        elif reason and (rows[key]["use"] or verdict.failure or verdict.is_calibration):
            update |= {"use": False, "notes": reason}
        rows = slice_config.stamp(rows, key, update, append_notes=True)
    return rows


def _status(row: "Row", reason: str) -> str:
    if reason:
        return reason.split(" ", maxsplit=1)[0].removesuffix(":").upper()
    return "OK" if row["use"] else "EXCLUDED"


def _table(
    rows: "Rows", verdicts: "Mapping[SliceId, Verdict]", reasons: "Mapping[SliceId, str]"
) -> str:
    """Return the table for people: one line per slice, and the totals."""
    lines = ["slice  quality   ssim   edge  variance  depth_mm  severity  status"]
    for key, verdict in sorted(verdicts.items()):
        parts, found = verdict.score, verdict.worst
        severity = "       –" if found is None else f"{found.severity:8.2f}"
        depth = "       –" if verdict.depth_mm is None else f"{verdict.depth_mm:8.3f}"
        lines.append(
            f"{key:>5}  {verdict.quality_score:7.3f}  {parts.ssim:5.3f}  {parts.edge:5.3f}  "
            f"{parts.variance:8.3f}  {depth}  {severity}  "
            f"{_status(rows[key], reasons.get(key, ''))}"
        )
        if reasons.get(key):
            lines.append(f"       {reasons[key]}")
    return "\n".join([*lines, f"{len(verdicts)} slices, {len(reasons)} with a reason to leave out"])


def _write_diagnostics(
    p: Params,
    rows: "Rows",
    verdicts: "Mapping[SliceId, Verdict]",
    views: "Mapping[SliceId, View]",
) -> None:
    from linumpy.io import diagnostics
    from linumpy.io.atomic import write_json
    from linumpy.scripts.quality_steps import describe

    folder = p.output_file.parent / DIAGNOSTICS
    folder.mkdir(parents=True, exist_ok=True)
    for key, verdict in verdicts.items():
        content = describe(key, verdict, views.get(key))
        write_json(folder / f"slice_z{key}_quality.json", diagnostics.to_json(content))
    scores = [verdict.quality_score for verdict in verdicts.values() if not verdict.failure]
    excluded = sorted(key for key, row in rows.items() if not row["use"])
    metrics = diagnostics.Metrics("slice_quality_assessment")
    metrics.info("output_file", p.output_file)
    metrics.info("min_quality_threshold", p.min_quality)
    metrics.info("num_slices", len(verdicts))
    metrics.info("num_excluded", len(excluded))
    metrics.info("excluded_slice_ids", excluded)
    metrics.info("n_below_threshold", sum(score < p.min_quality for score in scores))
    if scores:
        metrics.add("mean_quality", sum(scores) / len(scores))
        metrics.add("min_quality", min(scores))
        metrics.add("max_quality", max(scores))
    for key, verdict in sorted(verdicts.items()):
        if verdict.failure:
            metrics.fail(f"slice {key}: {verdict.failure}")
    path = p.output_file.parent / "slice_quality_assessment_metrics.json"
    diagnostics.write_metrics(path, metrics)


COMMAND = Command(Params, run, stamps=("slice_id", "use", "quality_score", "notes"))
main = COMMAND.main
