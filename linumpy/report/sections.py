"""The sections of the page, in order: each with the caption that teaches how to read it.

A section is built from `Facts` alone; it returns `Nothing` where the run left nothing to show.
"""

from collections.abc import Callable
from dataclasses import dataclass

from linumpy.core.fate import FAILED, Fate, notes_of
from linumpy.core.slice_id import SliceId
from linumpy.report import advice, charts, tables, words
from linumpy.report.contexts import (
    Context,
    Costs,
    Fact,
    Flag,
    Gap,
    Gaps,
    Headline,
    Mark,
    Metrics,
    Nothing,
    SliceRow,
    Slices,
    Tally,
    Warnings,
)
from linumpy.report.evidence import GapFinding
from linumpy.report.facts import UM_PER_MM, Facts
from linumpy.report.methods import methods
from linumpy.report.reasons import reason_of
from linumpy.report.tables import Row


@dataclass(frozen=True, slots=True)
class Section:
    """One part of the page: its anchor (and template), heading, caption, and what fills it."""

    anchor: str
    title: str
    caption: str
    build: Callable[[Facts], Context]


def headline(facts: Facts) -> Headline:
    """Return the run in one screen."""
    warnings = advice.collect(facts)
    level, verdict = _verdict(facts, [w.level for w in warnings])
    return Headline(
        verdict=verdict,
        level=level,
        facts=(*_volume_facts(facts), *_slice_facts(facts, len(warnings))),
        strip=tuple(Mark(i, f) for i, f in facts.fates.items()),
        tally=tuple(Tally(f, n, words.FATE_MEANING[f]) for f, n in facts.counts.items()),
        balance=_balance(facts),
        adds_up=facts.adds_up,
    )


def warnings(facts: Facts) -> Warnings:
    """Return everything that the user should know."""
    return Warnings(advice.collect(facts))


def slices(facts: Facts) -> Slices | Nothing:
    """Return what happened to each slice."""
    record = facts.evidence.record
    if record.path is None:
        return Nothing("No slice_config was found in this folder.")
    source = str(record.path.relative_to(facts.evidence.root))
    return Slices(source=source, rows=tuple(_slice_row(facts, i, r) for i, r in facts.rows.items()))


def gaps(facts: Facts) -> Gaps | Nothing:
    """Return the attempts to fill the slot of a missing slice."""
    if not facts.evidence.gaps:
        return Nothing("No slot was to be filled in this run.")
    return Gaps(tuple(_gap(facts, found) for found in facts.evidence.gaps))


def metrics(facts: Facts) -> Metrics | Nothing:
    """Return the numbers that the stages left."""
    if not facts.evidence.metrics:
        return Nothing("No stage left a *_metrics.json.")
    return Metrics(tables.steps(facts.evidence.metrics))


def costs(facts: Facts) -> Costs | Nothing:
    """Return parameters, versions, time and memory."""
    run = facts.evidence.run
    if not (run.command or run.stages or run.parameters):
        return Nothing("run.json is absent: the driver writes it when a run ends.")
    said = (("linumpy", run.version), ("commit", run.commit))
    versions = (*(pair for pair in said if pair[1]), *run.versions)
    return Costs(
        command=run.command,
        stages=tables.stage_costs(run.stages),
        total=tables.total_cost(run.stages),
        versions=versions,
        parameters=run.parameters,
        inputs=run.inputs,
    )


SECTIONS: tuple[Section, ...] = (
    Section("headline", "", "", headline),
    Section(
        "warnings",
        "Warnings",
        "What was found, why it matters, and what to do. The grave ones come first.",
        warnings,
    ),
    Section(
        "slices",
        "What happened to each slice",
        "One row per slice, in cutting order, from the final record. The word beside the picture "
        "is the slice's fate; flags say what stages did to it; unfold a row's history to see who "
        "changed what.",
        slices,
    ),
    Section(
        "views",
        "The volume",
        "Three planes through the middle of the data, at one scale. Yellow lines are the tops of "
        "the slices, their ids at the edge; blue bands are interpolated slices. A slice that is "
        "out of place shows as a step at a yellow line; one that is too bright or too dark as a "
        "stripe.",
        charts.views,
    ),
    Section(
        "path",
        "Stage path",
        "Where the stage said each slice lies, and where it was put after glitches and re-homing "
        "were corrected (shaded slices). A drift of a few hundred micrometres is normal; a jump "
        "in both lines that is not shaded is not.",
        charts.stage_path,
    ),
    Section(
        "quality",
        "Quality",
        "The score compares each slice with its neighbours (structure 50 %, edges 30 %, variance "
        "20 %); the bar's colour is the slice's fate. A slice far below its neighbours is worth a "
        "look at its picture, whatever the threshold. A cross marks a slice without a score.",
        charts.quality,
    ),
    Section(
        "galvo",
        "Galvo",
        "Bars from 0.6 mean that the galvo return lies inside the image: the sweep was rolled so "
        "that the band ends up at its end. Below, the mean intensity along the sweep; the shaded "
        "band is the return that was found. In a true one, both borders are sharp.",
        charts.galvo,
    ),
    Section(
        "registration",
        "Pairwise registration",
        "How each slice was moved onto the one above it. Isolated spikes in translation or "
        "rotation with low confidence are mistrusted by the stack; a slow trend is the tissue. "
        "In the last plot the dots should scatter about the dashed line: all of them "
        "beside it means that the axial sampling or the cut interval is wrong.",
        charts.registration,
    ),
    Section(
        "stacking",
        "Stacking",
        "Above, how far each slice was moved and turned from where the stage had it, all pairs "
        "taken together. Below, how many planes each slice shares with the one above, how many "
        "were blended, and how well the two agree there. Low agreement with a large overlap hints "
        "at a slice that is out of place or damaged at its surface.",
        charts.stacking,
    ),
    Section(
        "atlas",
        "Atlas",
        "Three planes through the volume as it came, as it was laid, and through the atlas at the "
        "same place; letters stand at the ends of every axis. Look before the aligned volume is "
        "used: a wrong orientation code shows as a mirror image, and the outlines of the lower two "
        "rows must agree. The code is given by you, never guessed.",
        charts.atlas,
    ),
    Section(
        "gaps",
        "Interpolation",
        "A single missing slice is filled by morphing its neighbours, or refused with a reason. "
        "What was filled is never counted as measured.",
        gaps,
    ),
    Section(
        "metrics",
        "Every number",
        "What each stage measured, over all its files. Unfold a stage to see means and extremes.",
        metrics,
    ),
    Section(
        "costs",
        "Parameters, versions, time and memory",
        "Seconds are summed over the tasks of a stage, so they exceed the clock when several ran "
        "at once. Peak is the largest single task.",
        costs,
    ),
    Section(
        "methods",
        "Methods, for a publication",
        "Written from this run's own parameters and counts; what was off is not mentioned. Add "
        "what the headers cannot know: animal, preparation, microscope.",
        methods,
    ),
)


def _verdict(facts: Facts, levels: list[str]) -> tuple[str, str]:
    if not facts.rows and not facts.evidence.run.stages:
        return "look", "Nothing of a run was found in this folder."
    n_bad, n_look = levels.count("bad"), levels.count("look")
    if n_bad:
        needs = "problem needs" if n_bad == 1 else "problems need"
        return "bad", f"{n_bad} {needs} your attention."
    if n_look:
        return "look", f"{n_look} {'thing is' if n_look == 1 else 'things are'} worth a look."
    return "ok", "Nothing asks for your attention."


def _volume_facts(facts: Facts) -> tuple[Fact, ...]:
    views = facts.gallery.views
    if views is None:
        return (Fact("Volume", "–", "3d_volume.ome.zarr is not there"),)
    extent = " × ".join(
        f"{n * s:.1f}" for n, s in zip(views.shape, views.spacing.zyx_mm, strict=True)
    )
    voxels = " × ".join(map(str, views.shape))
    step = " × ".join(f"{s:g}" for s in dict.fromkeys(_rounded(views.spacing.zyx_um)))
    alike = "each way" if len(set(_rounded(views.spacing.zyx_um))) == 1 else "z × y × x"
    return (
        Fact("Volume", f"{extent} mm", f"z × y × x, {voxels} voxels, {views.n_levels} levels"),
        Fact("Voxel", f"{step} µm", alike),
    )


def _slice_facts(facts: Facts, n_warnings: int) -> tuple[Fact, ...]:
    interval = facts.interval_mm
    cut = f"cut every {interval * UM_PER_MM:g} µm" if interval else "cut interval unknown"
    return (
        Fact("Slices", str(len(facts.rows)), cut),
        Fact("Warnings", str(n_warnings), "listed below" if n_warnings else ""),
    )


def _rounded(values: tuple[float, float, float]) -> list[float]:
    return [round(v, 3) for v in values]


def _balance(facts: Facts) -> str:
    if not facts.rows:
        return ""
    left = " + ".join(f"{n} {name}" for name, n in facts.counts.items())
    total = sum(facts.counts.values())
    if not facts.expected_ids:
        return f"{left} = {total} (acquisition.json is absent: what was seen is not known)"
    seen, missed = len(facts.evidence.scan.ids), len(facts.evidence.scan.never_acquired)
    sign = "=" if facts.adds_up else "≠"
    return f"{left} = {total} {sign} {seen} seen + {missed} never acquired"


def _slice_row(facts: Facts, slice_id: SliceId, row: Row) -> SliceRow:
    changes = [c for c in facts.evidence.record.history if c.slice == slice_id]
    score = row.get("quality_score")
    quality = score if isinstance(score, float) else None
    is_manual = slice_id in facts.by_hand
    return SliceRow(
        slice_id=slice_id,
        fate=facts.fates[slice_id],
        quality=quality,
        quality_text=words.number(quality, 3) if quality is not None else "",
        flags=(*_flags(row), *((Flag("set by hand", "info"),) if is_manual else ())),
        reason=reason_of(facts.fates[slice_id], row),
        notes=_notes(facts.fates[slice_id], row),
        last_change=_author(changes[-1].command) if changes else "",
        history=tuple(tables.say_change(c) for c in changes),
        thumbnail=facts.gallery.thumbnails.get(slice_id),
    )


def _flags(row: Row) -> tuple[Flag, ...]:
    flags = []
    if row.get("galvo_fix"):
        flags.append(Flag("galvo fixed", "info"))
    if row.get("rehomed"):
        flags.append(Flag("re-homed", "info"))
    if row.get("rehoming_reliable") is False:
        flags.append(Flag("shift uncertain", "look"))
    if row.get("auto_excluded"):
        flags.append(Flag("auto-excluded", "look"))
    if row.get("interpolated"):
        flags.append(Flag(str(row.get("interpolation_method_used") or "interpolated"), "info"))
    if row.get("interpolation_failed"):
        flags.append(Flag("interpolation refused", "look"))
    return tuple(flags)


def _notes(fate: Fate, row: Row) -> str:
    """Return the notes as they stand in the record, unless the reason already says them all."""
    notes = str(row.get("notes") or "")
    said = reason_of(fate, row)
    parts = [note.removeprefix(FAILED) for note in notes_of(row)]
    return "" if all(part in said for part in parts) else notes


def _author(command: str) -> str:
    return command.removeprefix("linum_").removesuffix(".py").replace("_", " ")


def _gap(facts: Facts, found: GapFinding) -> Gap:
    agreement = (
        f"agreement of the facing planes (NCC): {words.number(found.ncc_before, 3)} before, "
        f"{words.number(found.ncc_after, 3)} after registration"
    )
    return Gap(
        slice_id=found.slice_id,
        is_filled=found.is_filled,
        method=found.method,
        reason=words.explain(found.reason),
        numbers=agreement if found.ncc_before is not None else "",
        preview=facts.gallery.previews.get(found.slice_id),
    )
