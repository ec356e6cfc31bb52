"""The charts of the page: findings in, pictures out; matplotlib by its objects, no pyplot."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linumpy.core.fate import Fate
from linumpy.core.slice_id import SliceId
from linumpy.report.evidence import Correction, GalvoFinding, PairFinding, StackDecision
from linumpy.report.style import (
    BLUE,
    FATE_COLOURS,
    INK,
    MUTED,
    ORANGE,
    VIOLET,
    WIDTH_IN,
    Picture,
    legend,
    slice_axis,
    style,
    threshold,
    to_svg,
)


@dataclass(frozen=True, slots=True)
class PathPoint:
    """Where a slice stands along the stage path, mm, before and after correction."""

    slice_id: SliceId
    before_mm: tuple[float, float]
    after_mm: tuple[float, float] | None
    is_corrected: bool


@dataclass(frozen=True, slots=True)
class Bar:
    """The score of one slice; None where it was not scored."""

    slice_id: SliceId
    value: float | None
    fate: Fate


def stage_path(points: Sequence[PathPoint]) -> Picture:
    """Draw x and y of every slice along the stage path, before and after correction."""
    ids = [p.slice_id for p in points]
    numbers = [i.number for i in ids]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 4.2), layout="constrained")
        panels = figure.subplots(2, 1, sharex=True)
        for axis, (axes, name) in enumerate(zip(panels, "xy", strict=True)):
            before = [p.before_mm[axis] for p in points]
            axes.plot(numbers, before, "--o", color=ORANGE, ms=3, lw=1.1, label="as reported")
            after = [(p.slice_id.number, p.after_mm[axis]) for p in points if p.after_mm]
            if after:
                axes.plot(*zip(*after, strict=True), "-o", color=BLUE, ms=3, lw=1.6, label="used")
            for point in (p for p in points if p.is_corrected):
                axes.axvspan(
                    point.slice_id.number - 0.5, point.slice_id.number + 0.5, color="#fbe6d4", lw=0
                )
            axes.set_title(f"{name} position")
            axes.set_ylabel("mm")
            slice_axis(axes, ids, has_label=axis == 1)
        legend(panels[0])
        corrected = ", ".join(p.slice_id for p in points if p.is_corrected) or "none"
        return to_svg(
            figure,
            "stage_path",
            f"Stage position of {len(points)} slices before and after correction, in x and in y; "
            f"corrected transitions: {corrected}.",
        )


def quality(bars: Sequence[Bar], *, limit: float | None) -> Picture:
    """Draw the quality score of every slice, coloured by its fate."""
    with style():
        figure = Figure(figsize=(WIDTH_IN, 2.9), layout="constrained")
        axes = figure.subplots()
        _bars(axes, bars)
        if limit:
            threshold(axes, limit, f"excluded below {limit:g}")
        axes.set(ylim=(0, 1.02), ylabel="quality score")
        slice_axis(axes, [b.slice_id for b in bars])
        _fate_legend(axes, bars)
        low = [b.slice_id for b in bars if b.value is not None and b.value < (limit or 0)]
        return to_svg(
            figure,
            "quality",
            f"Quality score of {len(bars)} slices; below the limit: {', '.join(low) or 'none'}.",
        )


def galvo_confidence(
    ids: Sequence[SliceId],
    values: Sequence[float | None],
    fixed: Sequence[bool],
    limit: float,
) -> Picture:
    """Draw the confidence that each slice has a misplaced galvo return."""
    numbers = [i.number for i in ids]
    heights = [0.0 if v is None else v for v in values]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
        axes = figure.subplots()
        for is_fixed, colour, label in ((True, ORANGE, "fixed"), (False, "#8b96a5", "left alone")):
            pairs = zip(numbers, heights, fixed, strict=True)
            chosen = [(n, h) for n, h, f in pairs if f is is_fixed]
            places, scores = [n for n, _ in chosen], [h for _, h in chosen]
            axes.bar(places, scores, color=colour, width=0.72, label=label)
        threshold(axes, limit, f"fixed from {limit:g}")
        axes.set(ylim=(0, 1.02), ylabel="confidence")
        slice_axis(axes, ids)
        legend(axes)
        chosen_ids = [i for i, f in zip(ids, fixed, strict=True) if f]
        return to_svg(
            figure,
            "galvo_confidence",
            f"Galvo confidence of {len(ids)} slices; fixed: {', '.join(chosen_ids) or 'none'}.",
        )


def galvo_profiles(findings: Sequence[GalvoFinding], fixed: frozenset[SliceId]) -> Picture:
    """Draw pooled A-line profiles, each with the band that was found in it."""
    columns = min(3, len(findings))
    rows = -(-len(findings) // columns)
    with style({"axes.grid": False}):
        figure = Figure(figsize=(WIDTH_IN, 1.9 * rows + 0.3), layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False)
        for axes in panels.flat[len(findings) :]:
            axes.set_visible(False)
        for axes, finding in zip(panels.flat, findings, strict=False):
            _profile(axes, finding, is_fixed=finding.slice_id in fixed)
        for axes in panels[:, 0]:
            axes.set_ylabel("mean intensity")
        for axes in panels[-1]:
            axes.set_xlabel("A-line of the sweep")
        names = ", ".join(f.slice_id for f in findings)
        return to_svg(
            figure,
            "galvo_profiles",
            f"Mean intensity along the sweep with the band, slices {names}.",
        )


def registration(
    pairs: Sequence[PairFinding],
    *,
    expected_planes: float | None,
    limit: float,
    by_hand: Collection[SliceId] = (),
) -> Picture:
    """Draw translation, rotation, confidence and depth offset of every registered pair.

    Pairs ``by_hand`` stand in a band: what registration found for them was replaced.
    """
    ids = [p.moving for p in pairs]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 7.2), layout="constrained")
        shift, turn, trust, depth = figure.subplots(4, 1, sharex=True)
        for values, colour, name in (
            ([p.x_px for p in pairs], BLUE, "x"),
            ([p.y_px for p in pairs], ORANGE, "y"),
        ):
            _line(shift, ids, values, colour, name)
        _bands((shift, turn, trust), by_hand, "replaced by hand")
        legend(shift)
        shift.set(title="Translation", ylabel="pixels")
        _line(turn, ids, [p.rotation_deg for p in pairs], BLUE)
        turn.set(title="Rotation", ylabel="degrees")
        for axes in (shift, turn):
            axes.axhline(0, color="#98a2b0", lw=0.8)
        _confidence(trust, pairs, limit)
        _depth_offsets(depth, pairs, expected_planes)
        slice_axis(depth, ids, label="moving slice")
        for axes in (shift, turn, trust):
            axes.tick_params(labelbottom=False)
        return to_svg(
            figure,
            "registration",
            f"Translation, rotation, confidence and depth offset of {len(pairs)} registered pairs"
            f"{_say_by_hand(by_hand)}.",
        )


def corrections(found: Sequence[Correction], *, by_hand: Collection[SliceId] = ()) -> Picture:
    """Draw how far the stack moved and turned every slice from where the stage had it.

    Slices ``by_hand`` stand in a band and have diamonds.
    """
    ids = [c.slice_id for c in found]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 4.0), layout="constrained")
        shift, turn = figure.subplots(2, 1, sharex=True)
        for values, colour, name in (
            ([c.x_um for c in found], BLUE, "x"),
            ([c.y_um for c in found], ORANGE, "y"),
        ):
            _line(shift, ids, values, colour, name)
        _line(turn, ids, [c.rotation_deg for c in found], BLUE)
        for axes in (shift, turn):
            axes.axhline(0, color="#98a2b0", lw=0.8)
        shift.set(title="Correction to the stage's position", ylabel="µm")
        turn.set(title="Rotation", ylabel="degrees")
        _bands((shift, turn), by_hand, "set by hand")
        _diamonds(shift, [(c.slice_id, v) for c in found for v in (c.x_um, c.y_um)], by_hand)
        _diamonds(turn, [(c.slice_id, c.rotation_deg) for c in found], by_hand)
        legend(shift)
        slice_axis(turn, ids)
        shift.tick_params(labelbottom=False)
        return to_svg(
            figure,
            "corrections",
            f"Corrections of {len(ids)} slices by the stack{_say_by_hand(by_hand)}.",
        )


def stacking(decisions: Sequence[StackDecision]) -> Picture:
    """Draw the overlap of each slice with the one above, and how well the two agree there."""
    ids = [d.slice_id for d in decisions]
    with style():
        figure = Figure(figsize=(WIDTH_IN, 4.2), layout="constrained")
        overlap, agreement = figure.subplots(2, 1, sharex=True)
        numbers = [i.number for i in ids]
        overlap.bar(
            numbers,
            _floats([d.overlap_voxels for d in decisions]),
            color="#b9cfe8",
            label="overlap",
        )
        blended = _floats([d.blend_voxels for d in decisions])
        overlap.bar(numbers, blended, color=BLUE, width=0.4, label="of which blended")
        legend(overlap)
        overlap.set(title="Overlap with the slice above", ylabel="planes")
        # Without an overlap there is nothing to correlate: that is no correlation of 0.
        known = [d.correlation if d.overlap_voxels else None for d in decisions]
        _line(agreement, ids, known, BLUE)
        for i, value in zip(ids, known, strict=True):
            if value is None:
                agreement.plot(i.number, 0, "x", color=MUTED, ms=4)
        if None in known:
            agreement.plot([], [], "x", color=MUTED, ms=4, label="no overlap")
            legend(agreement)
        agreement.set(title="Correlation in the overlap", ylabel="NCC", ylim=(-0.05, 1.05))
        slice_axis(agreement, ids)
        overlap.tick_params(labelbottom=False)
        return to_svg(figure, "stacking", f"Overlap and correlation of {len(ids)} stacked slices.")


def _bands(panels: Sequence[Axes], ids: Collection[SliceId], label: str) -> None:
    """Lay a band behind the slices that a person has placed; named once, in the first panel."""
    for k, axes in enumerate(panels):
        for j, slice_id in enumerate(sorted(ids)):
            n, named = slice_id.number, label if k == j == 0 else None
            axes.axvspan(n - 0.5, n + 0.5, color=VIOLET, alpha=0.16, lw=0, label=named)


def _diamonds(
    axes: Axes, values: Sequence[tuple[SliceId, float | None]], ids: Collection[SliceId]
) -> None:
    for slice_id, value in values:
        if slice_id in ids and value is not None:
            axes.plot(slice_id.number, value, "D", color=VIOLET, ms=5, mfc="white", mew=1.4)


def _say_by_hand(ids: Collection[SliceId]) -> str:
    return f"; by hand: {', '.join(sorted(ids))}" if ids else ""


def _profile(axes: Axes, finding: GalvoFinding, *, is_fixed: bool) -> None:
    profile = finding.profile
    assert profile is not None  # the caller chose those that have one
    axes.plot(profile, color=INK, lw=1.1)
    if finding.band_px is not None:
        start, width = finding.band_px
        colour = ORANGE if is_fixed else "#8b96a5"
        axes.axvspan(start, min(len(profile), start + width), color=colour, alpha=0.28, lw=0)
        if start + width > len(profile):
            axes.axvspan(0, start + width - len(profile), color=colour, alpha=0.28, lw=0)
    word = "fixed" if is_fixed else "left alone"
    trust = "" if finding.confidence is None else f", confidence {finding.confidence:.2f}"
    axes.set_title(f"{finding.slice_id}: {word}{trust}", fontsize=8.5)
    axes.set_xlim(0, len(profile) - 1)


def _confidence(axes: Axes, pairs: Sequence[PairFinding], limit: float) -> None:
    heights = _floats([p.confidence for p in pairs])
    colours = [ORANGE if height < limit else BLUE for height in heights]
    axes.bar([p.moving.number for p in pairs], heights, color=colours, width=0.72)
    threshold(axes, limit, f"does not count below {limit:g}")
    legend(axes)
    axes.set(title="Confidence", ylim=(0, 1.05))


def _depth_offsets(axes: Axes, pairs: Sequence[PairFinding], expected: float | None) -> None:
    depths = _floats([p.depth_planes for p in pairs])
    axes.plot([p.moving.number for p in pairs], depths, "o", color=BLUE, ms=4)
    if expected is not None:
        axes.axhline(expected, color=ORANGE, lw=1.1, ls="--", label=f"expected {expected:.1f}")
        legend(axes)
    axes.margins(y=0.35)
    axes.set(title="Depth from a slice's top to the next one's, as matched", ylabel="planes")


def _bars(axes: Axes, bars: Sequence[Bar]) -> None:
    for bar in bars:
        if bar.value is None:
            axes.plot(bar.slice_id.number, 0.02, "x", color=MUTED, ms=4)
        else:
            axes.bar(bar.slice_id.number, bar.value, color=FATE_COLOURS[bar.fate], width=0.72)


def _fate_legend(axes: Axes, bars: Sequence[Bar]) -> None:
    shown = [fate for fate in FATE_COLOURS if any(b.fate == fate for b in bars)]
    for fate in shown:
        axes.bar(np.nan, np.nan, color=FATE_COLOURS[fate], label=fate)
    legend(axes)


def _line(
    axes: Axes,
    ids: Sequence[SliceId],
    values: Sequence[float | None],
    colour: str,
    label: str | None = None,
) -> None:
    """Draw dots, and a line between neighbours only: nothing is known about a slice left out."""
    x: list[float] = []
    y: list[float] = []
    for i, value in zip(ids, _floats(values), strict=True):
        if x and i.number != x[-1] + 1:
            x.append(np.nan)
            y.append(np.nan)
        x.append(i.number)
        y.append(value)
    axes.plot(x, y, "-o", color=colour, ms=3, lw=1.3, label=label)


def _floats(values: Sequence[float | None]) -> list[float]:
    return [np.nan if value is None else value for value in values]
