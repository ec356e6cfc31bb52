"""The tables of the page: numbers as text, rounded once, here."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io.columns import as_text
from linumpy.io.history import Change
from linumpy.report.contexts import Column, StageCost, Step, Table
from linumpy.report.evidence import (
    GalvoFinding,
    PairFinding,
    StackDecision,
    StageMetrics,
    StageRun,
    Value,
)
from linumpy.report.words import duration, number, plain, size

Row = Mapping[str, Value]
STEP_ORDER = (
    "slice_quality_assessment",
    "fix_illumination_basic",
    "stitch_3d",
    "stitch_3d_refined",
    "rehoming_detection",
    "xy_transform_estimation",
    "normalize_intensities",
    "psf_compensation",
    "crop_interface",
    "process_slice",
    "pairwise_registration",
    "auto_exclude",
    "common_space_alignment",
    "slice_interpolation",
    "stack_slices",
)
"""Steps in the order of the pipeline; unknown ones follow in alphabetical order."""
_LEVELS = {"error": "bad", "warning": "look"}


def shifts(before: Sequence[Shift], after: Sequence[Shift]) -> Table:
    """Return every transition, as reported and as used."""
    used = {s.moving: s for s in after}
    return Table(
        "Every transition",
        (
            Column("from", is_number=False),
            Column("to", is_number=False),
            Column("x reported / mm"),
            Column("y reported / mm"),
            Column("x used / mm"),
            Column("y used / mm"),
            Column("reliable", is_number=False),
        ),
        tuple(
            (
                s.fixed,
                s.moving,
                number(s.x_mm, 3),
                number(s.y_mm, 3),
                number(used[s.moving].x_mm if s.moving in used else None, 3),
                number(used[s.moving].y_mm if s.moving in used else None, 3),
                _yes_no(used.get(s.moving, s).reliable),
            )
            for s in before
        ),
    )


def galvo(findings: Sequence[GalvoFinding], fixed: frozenset[SliceId]) -> tuple[Table, ...]:
    """Return what was found in each slice; empty without diagnostics."""
    if not findings:
        return ()
    names = [name for name, _ in findings[0].terms]
    rows = tuple(
        (
            f.slice_id,
            "fixed" if f.slice_id in fixed else "left alone",
            number(f.confidence, 3),
            number(f.shift_px, 0),
            *(number(dict(f.terms).get(name), 3) for name in names),
        )
        for f in findings
    )
    heads = (Column("slice", is_number=False), Column("decision", is_number=False))
    numbers = (Column("confidence"), Column("shift / A-lines"), *(Column(n) for n in names))
    return (Table("Every slice", (*heads, *numbers), rows),)


def pairs(found: Sequence[PairFinding]) -> Table:
    """Return every registered pair."""
    return Table(
        "Every pair",
        (
            Column("fixed", is_number=False),
            Column("moving", is_number=False),
            Column("x / px"),
            Column("y / px"),
            Column("rotation / °"),
            Column("confidence"),
            Column("z correlation"),
            Column("depth / planes"),
            Column("status", is_number=False),
        ),
        tuple(
            (
                p.fixed or "–",
                p.moving,
                number(p.x_px),
                number(p.y_px),
                number(p.rotation_deg, 3),
                number(p.confidence),
                number(p.z_correlation),
                number(p.depth_planes),
                p.status,
            )
            for p in found
        ),
    )


def stacking(decisions: Sequence[StackDecision]) -> Table:
    """Return every stacking decision."""
    return Table(
        "Every decision",
        (
            Column("slice", is_number=False),
            Column("onto", is_number=False),
            Column("transform", is_number=False),
            Column("confidence"),
            Column("overlap from", is_number=False),
            Column("overlap / planes"),
            Column("blended / planes"),
            Column("correlation"),
            Column("why no transform", is_number=False),
        ),
        tuple(
            (
                d.slice_id,
                d.fixed_id or "–",
                d.transform or "none",
                number(d.confidence),
                d.overlap_source or "–",
                number(d.overlap_voxels, 0),
                number(d.blend_voxels, 0),
                number(d.correlation if d.overlap_voxels else None, 3),
                d.reason,
            )
            for d in decisions
        ),
    )


def steps(found: Sequence[StageMetrics]) -> tuple[Step, ...]:
    """Return the metrics files grouped by step, in the order of the pipeline."""
    groups: dict[str, list[StageMetrics]] = defaultdict(list)
    for one in found:
        groups[one.step].append(one)
    known = [name for name in STEP_ORDER if name in groups]
    rest = sorted(set(groups) - set(STEP_ORDER))
    return tuple(_step(name, groups[name]) for name in (*known, *rest))


def stage_costs(stages: Sequence[StageRun]) -> tuple[StageCost, ...]:
    """Return time, memory and bytes of each stage, in the order in which they ran."""
    groups: dict[str, list[StageRun]] = defaultdict(list)
    for one in stages:
        groups[one.stage].append(one)
    totals = {name: sum(s.seconds or 0.0 for s in group) for name, group in groups.items()}
    longest = max(totals.values(), default=0.0)
    return tuple(
        _cost(name, group, totals[name] / longest if longest else 0.0)
        for name, group in groups.items()
    )


def total_cost(stages: Sequence[StageRun]) -> StageCost | None:
    """Return the sum over all stages, or None without any."""
    return _cost("all", stages, 1.0) if stages else None


def say_change(change: Change) -> str:
    """Return one entry of the history as a line."""
    old = "–" if change.old is None else as_text(change.old) or "empty"
    new = as_text(change.new) or "empty"
    return f"{change.time[:19].replace('T', ' ')}  {change.command}  {change.column}: {old} → {new}"


def _step(name: str, group: Sequence[StageMetrics]) -> Step:
    statuses = [one.status for one in group]
    words = [
        f"{statuses.count(s)} {word}"
        for s, word in (("ok", "ok"), ("warning", "with a warning"), ("error", "with an error"))
        if s in statuses
    ]
    worst = next((s for s in ("error", "warning") if s in statuses), "ok")
    issues = [f"{one.label}: {text}" for one in group for text in (*one.errors, *one.warnings)]
    names = dict.fromkeys(name for one in group for name in one.metrics)
    rows = tuple(row for metric in names if (row := _statistics(metric, group)) is not None)
    heads = ("files", "mean", "std", "min", "median", "max")
    table = Table(
        f"{len(group)} {'file' if len(group) == 1 else 'files'}",
        (Column("metric", is_number=False), *(Column(h) for h in heads)),
        rows,
    )
    return Step(name, ", ".join(words), _LEVELS.get(worst, "ok"), table, tuple(issues))


def _statistics(metric: str, group: Sequence[StageMetrics]) -> tuple[str, ...] | None:
    found = [(one, one.number(metric)) for one in group]
    values = sorted(v for _, v in found if v is not None)
    if not values:
        return None
    n = len(values)
    mean = sum(values) / n
    std = (sum((v - mean) ** 2 for v in values) / n) ** 0.5
    median = (values[(n - 1) // 2] + values[n // 2]) / 2
    unit = next((one.metrics[metric].unit for one, v in found if v is not None), "")
    label = f"{metric} / {unit}" if unit else metric
    return (label, str(n), *(plain(v) for v in (mean, std, values[0], median, values[-1])))


def _cost(name: str, group: Sequence[StageRun], share: float) -> StageCost:
    statuses = [one.status or "?" for one in group]
    several = [f"{statuses.count(s)} {s}" for s in dict.fromkeys(statuses)]
    peaks = [s.peak_bytes for s in group if s.peak_bytes is not None]
    written = [s.bytes_written for s in group if s.bytes_written is not None]
    seconds = sum(s.seconds or 0.0 for s in group)
    return StageCost(
        stage=name,
        tasks=len(group),
        status=statuses[0] if len(several) == 1 else ", ".join(several),
        seconds=round(seconds, 3),
        time=duration(seconds),
        share=round(share, 4),
        peak=size(max(peaks, default=None)),
        written=size(sum(written) if written else None),
    )


def _yes_no(value: bool | None) -> str:
    return {True: "yes", False: "no", None: "–"}[value]
