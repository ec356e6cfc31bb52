"""The sections that are plots: which findings go in, what is said about them."""

from collections.abc import Iterator, Sequence

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.report import figures, tables, view_figure, words
from linumpy.report.contexts import Charts, Nothing
from linumpy.report.evidence import GalvoFinding, as_number
from linumpy.report.facts import UM_PER_MM, Facts
from linumpy.report.figures import Bar, PathPoint

GALVO_THRESHOLD = 0.6
MAX_PROFILES = 9
MIN_PROFILES = 3
"""Profiles shown where fewer slices are fixed: the likeliest of the others, for comparison."""
SAME_MM = 1e-6


def views(facts: Facts) -> Charts | Nothing:
    """Return three planes through the volume."""
    found = facts.gallery.views
    if found is None:
        return Nothing("3d_volume.ome.zarr is not there, or cannot be read.")
    step = " × ".join(
        f"{s:g}" for s in dict.fromkeys(round(v, 3) for v in found.level_spacing.zyx_um)
    )
    said = [f"Shown at level {found.level} of {found.n_levels} ({step} µm)."]
    if facts.borders is None:
        said.append("Borders are not drawn: the cut interval or the record is missing.")
    return Charts((view_figure.orthogonal_views(found, facts.borders),), tuple(said))


def stage_path(facts: Facts) -> Charts | Nothing:
    """Return the path of the stage, before and after correction."""
    shifts, clean = facts.evidence.shifts, facts.evidence.clean_shifts
    if not shifts:
        return Nothing("shifts_xy.csv is not there, or cannot be read.")
    before, after = positions_mm(shifts), positions_mm(clean)
    rehomed = {i for i, row in facts.rows.items() if row.get("rehomed")}
    corrected = rehomed or _changed(shifts, clean)
    points = [
        PathPoint(i, before[i], after.get(i), is_corrected=i in corrected) for i in sorted(before)
    ]
    found = f"Corrected: {words.ids([*sorted(corrected)])}." if corrected else "Nothing corrected."
    if not clean:
        found = "Re-homing was not looked for, or its result is missing."
    return Charts((figures.stage_path(points),), (found,), (tables.shifts(shifts, clean),))


def quality(facts: Facts) -> Charts | Nothing:
    """Return the quality scores."""
    bars = [
        Bar(i, as_number(row.get("quality_score")), facts.fates[i]) for i, row in facts.rows.items()
    ]
    if all(b.value is None for b in bars):
        return Nothing("Quality was not assessed; --auto_assess_quality does it.")
    said = facts.evidence.run.parameter
    threshold = as_number(said("auto_assess_min_quality") or said("min_quality"))
    return Charts((figures.quality(bars, limit=threshold),), tuple(_say_scores(bars)))


def galvo(facts: Facts) -> Charts | Nothing:
    """Return galvo confidence of every slice, and the profiles that matter."""
    ids = [i for i, row in facts.rows.items() if row.get("galvo_confidence") is not None]
    if not ids and not facts.evidence.galvo:
        return Nothing("Galvo detection did not run; --detect_galvo turns it on.")
    fixed = frozenset(i for i in ids if facts.rows[i].get("galvo_fix"))
    threshold = as_number(facts.evidence.run.parameter("galvo_confidence_threshold"))
    shown = []
    if ids:
        values = [as_number(facts.rows[i]["galvo_confidence"]) for i in ids]
        flags = [i in fixed for i in ids]
        shown.append(figures.galvo_confidence(ids, values, flags, threshold or GALVO_THRESHOLD))
    chosen = _profiles_to_show(facts.evidence.galvo, fixed)
    if chosen:
        shown.append(figures.galvo_profiles(chosen, fixed))
    found = f"Fixed: {words.ids([*sorted(fixed)])}." if fixed else "No slice needed the fix."
    return Charts(tuple(shown), (found,), tables.galvo(facts.evidence.galvo, fixed))


def registration(facts: Facts) -> Charts | Nothing:
    """Return what pairwise registration found, and what it says about the axial sampling."""
    pairs = tuple(sorted(facts.evidence.pairs, key=lambda p: p.moving.number))
    if not pairs:
        return Nothing("No pairwise_registration_metrics.json was found.")
    picture = figures.registration(
        pairs,
        expected_planes=facts.expected_planes,
        limit=facts.confidence_low,
        by_hand=facts.by_hand & {p.moving for p in pairs},
    )
    return Charts((picture,), (*_set_by_hand(facts), _axial(facts)), (tables.pairs(pairs),))


def stacking(facts: Facts) -> Charts | Nothing:
    """Return how the slices were stacked."""
    decisions, corrections = facts.evidence.stack, facts.evidence.corrections
    if not decisions and not corrections:
        return Nothing("stack/stacking_decisions.csv is not there.")
    moved = sum(1 for d in decisions if d.transform)
    found = f"{moved} of {len(decisions)} pairs have a transform that counts."
    by_hand = facts.by_hand & {c.slice_id for c in corrections}
    shown = [figures.corrections(corrections, by_hand=by_hand)] if corrections else []
    shown += [figures.stacking(decisions)] if decisions else []
    return Charts(tuple(shown), (found, *_set_by_hand(facts)), (tables.stacking(decisions),))


def _set_by_hand(facts: Facts) -> list[str]:
    """Say which slices a person has placed."""
    ids = [str(slice_id) for slice_id in sorted(facts.by_hand)]
    if not ids:
        return []
    lie = "lies" if len(ids) == 1 else "lie"
    named = words.ids(ids).capitalize()
    return [f"{named} {lie} on the one before as set by hand (--manual_transforms)."]


def positions_mm(shifts: Sequence[Shift]) -> dict[SliceId, tuple[float, float]]:
    """Return where each slice of a chain of shifts lies; the first one is at (0, 0).

    A slice is placed at the sum of the shifts that lead to it. A chain that breaks off starts
    again at (0, 0): the report shows what is there.

    Examples
    --------
    >>> positions_mm([Shift(SliceId(0), SliceId(1), 0, 0, 0.5, -1)])
    {'00': (0.0, 0.0), '01': (0.5, -1.0)}
    """
    found: dict[SliceId, tuple[float, float]] = {}
    for shift in shifts:
        x, y = found.setdefault(shift.fixed, (0.0, 0.0))
        found[shift.moving] = (x + shift.x_mm, y + shift.y_mm)
    return found


def atlas(facts: Facts) -> Charts | Nothing:
    """Return how the volume was laid into the atlas."""
    preview, fit = facts.gallery.atlas, facts.evidence.atlas
    if preview is None and fit is None:
        if facts.evidence.run.parameter("atlas"):
            return Nothing("An atlas was given, but 3d_volume_ras_preview.png is not there.")
        return Nothing("Not requested: --atlas and --input_orientation lay the volume into one.")
    said = []
    if fit is not None:
        said.append(f"Atlas: {fit.atlas}. The volume's axes were given as {fit.orientation}.")
        said.append(
            f"{fit.transform.capitalize()} fit; mutual information {words.number(fit.start_score)} "
            f"before, {words.number(fit.score)} after, in nats."
        )
    return Charts((preview,) if preview is not None else (), tuple(said))


def _say_scores(bars: Sequence[Bar]) -> Iterator[str]:
    """Say median and lowest of the slices in the volume; the others are named, not counted."""
    kept = [b for b in bars if b.fate == "measured" and b.value is not None]
    kept.sort(key=lambda b: b.value or 0.0)
    if kept:
        low, median = kept[0], kept[len(kept) // 2]
        count = f"{len(kept)} measured slice{'' if len(kept) == 1 else 's'}"
        yield (
            f"Of {count}: median {words.number(median.value)}, lowest "
            f"{words.number(low.value)} (slice {low.slice_id})."
        )
    others = [b for b in bars if b.fate != "measured" and b.value is not None]
    if others:
        named = ", ".join(f"{b.slice_id} {words.number(b.value)} ({b.fate})" for b in others)
        yield f"Not in the volume with their own voxels: {named}."


def _changed(shifts: Sequence[Shift], clean: Sequence[Shift]) -> set[SliceId]:
    after = {s.moving: s for s in clean}
    return {
        s.moving
        for s in shifts
        if s.moving in after
        and max(abs(after[s.moving].x_mm - s.x_mm), abs(after[s.moving].y_mm - s.y_mm)) > SAME_MM
    }


def _profiles_to_show(
    findings: Sequence[GalvoFinding], fixed: frozenset[SliceId]
) -> list[GalvoFinding]:
    """Return the profiles of fixed slices, and the likeliest others where these are few."""
    have = [f for f in findings if f.profile is not None]
    have.sort(key=lambda f: (f.slice_id not in fixed, -(f.confidence or 0.0)))
    n_fixed = sum(f.slice_id in fixed for f in have)
    n_shown = min(MAX_PROFILES, max(MIN_PROFILES, -(-n_fixed // 3) * 3))
    return have[:n_shown]


def _axial(facts: Facts) -> str:
    implied = facts.implied_axial
    if implied is None:
        return (
            "The axial sampling could not be checked: that takes three confident pairs of "
            "neighbouring slices and the cut interval."
        )
    verdict = "differs from" if implied.is_off else "agrees with"
    interval = (facts.interval_mm or 0) * UM_PER_MM
    return (
        f"Axial sampling implied by the matched depths {verdict} what was given: factor "
        f"{implied.factor:.3f} ± {implied.standard_error:.3f} over {implied.n_pairs} pairs cut "
        f"every {interval:g} µm."
    )
