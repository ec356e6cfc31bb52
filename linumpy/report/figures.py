"""The plots of the report: findings in, pictures out.

matplotlib by its objects alone, no pyplot; charts are SVG, images JPEG. Colours are told apart
also by readers who are colour-blind, and every meaning that a colour has stands there as a word.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imsave
from numpy.typing import NDArray

from linumpy.core.fate import Fate
from linumpy.core.slice_id import SliceId
from linumpy.report.evidence import GalvoFinding, PairFinding, StackDecision
from linumpy.report.pictures import Borders, Views, to_grey

INK, MUTED, GRID = "#1c2430", "#5a6575", "#e3e7ec"
BLUE, ORANGE = "#1f5fa8", "#c2560a"
FATE_COLOURS: Mapping[Fate, str] = {
    "measured": "#16735b",
    "interpolated": "#1f5fa8",
    "excluded": "#5f6875",
    "gap": "#a35a00",
    "failed": "#b3261e",
}
WIDTH_IN = 9.6
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.edgecolor": "#b9c1cb",
    "axes.labelcolor": MUTED,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.titlecolor": INK,
    "axes.titleweight": "bold",
    "axes.grid": True,
    "axes.grid.axis": "y",
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "svg.hashsalt": "linumpy",
    "figure.facecolor": "white",
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An image of the page: its file name, kind, bytes and the text that stands for it."""

    name: str
    mime: str
    data: bytes
    alt: str


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


def photograph(plane: NDArray[np.float32], *, name: str, alt: str) -> Picture:
    """Return a plane as a small grey JPEG."""
    rgb = np.repeat(to_grey(plane)[:, :, None], 3, axis=2)
    return embed(rgb, name=name, alt=alt)


def embed(rgb: NDArray[np.uint8], *, name: str, alt: str) -> Picture:
    """Return an RGB image, shape (y, x, 3), as a JPEG."""
    stream = io.BytesIO()
    imsave(stream, rgb, format="jpg", pil_kwargs={"quality": 78, "optimize": True})
    return Picture(f"{name}.jpg", "image/jpeg", stream.getvalue(), alt)


def orthogonal_views(found: Views, borders: Borders | None) -> Picture:
    """Draw the three planes at one scale, with the tops of the slices as lines."""
    dz, dy, dx = found.level_spacing.zyx_mm
    (n_y, n_x), n_z = found.xy.shape, found.xz.shape[0]
    oz, oy, ox = found.origin_mm
    span_z, span_y, span_x = n_z * dz, n_y * dy, n_x * dx
    low = {"z": oz - dz / 2, "y": oy - dy / 2, "x": ox - dx / 2}
    high = {"z": low["z"] + span_z, "y": low["y"] + span_y, "x": low["x"] + span_x}
    with _style({"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}):
        ratio = (span_y + span_z) / (span_x + span_z)
        figure = Figure(figsize=(WIDTH_IN, min(11.0, WIDTH_IN * ratio + 0.6)), layout="constrained")
        grid = figure.add_gridspec(
            2, 2, width_ratios=(span_x, span_z), height_ratios=(span_y, span_z)
        )
        planes = (
            (grid[0, 0], found.xy, "x", "y", f"x–y plane at z = {found.cut_mm[0]:.2f} mm"),
            (grid[0, 1], found.yz, "z", "y", f"y–z at x = {found.cut_mm[2]:.2f} mm"),
            (grid[1, 0], found.xz, "x", "z", f"x–z plane at y = {found.cut_mm[1]:.2f} mm"),
        )
        for place, plane, across, down, title in planes:
            axes = figure.add_subplot(place)
            axes.imshow(
                to_grey(plane),
                cmap="gray",
                vmin=0,
                vmax=255,
                extent=(low[across], high[across], high[down], low[down]),
                interpolation="nearest",
            )
            axes.set(title=title, xlabel=f"{across} / mm", ylabel=f"{down} / mm")
            if borders and "z" in (across, down):
                _draw_borders(axes, borders, is_horizontal=down == "z")
        return _jpeg(figure, "views", _views_alt(borders))


def stage_path(points: Sequence[PathPoint]) -> Picture:
    """Draw x and y of every slice along the stage path, before and after correction."""
    ids = [p.slice_id for p in points]
    numbers = [i.number for i in ids]
    with _style():
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
            _slice_axis(axes, ids, has_label=axis == 1)
        panels[0].legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.28))
        corrected = ", ".join(p.slice_id for p in points if p.is_corrected) or "none"
        return _svg(
            figure,
            "stage_path",
            f"Stage position of {len(points)} slices before and after correction, in x and in y; "
            f"corrected transitions: {corrected}.",
        )


def quality(bars: Sequence[Bar], *, threshold: float | None) -> Picture:
    """Draw the quality score of every slice, coloured by its fate."""
    with _style():
        figure = Figure(figsize=(WIDTH_IN, 2.9), layout="constrained")
        axes = figure.subplots()
        _bars(axes, bars)
        if threshold:
            _threshold(axes, threshold, f"excluded below {threshold:g}")
        axes.set(ylim=(0, 1.02), ylabel="quality score")
        _slice_axis(axes, [b.slice_id for b in bars])
        _fate_legend(axes, bars)
        low = [b.slice_id for b in bars if b.value is not None and b.value < (threshold or 0)]
        return _svg(
            figure,
            "quality",
            f"Quality score of {len(bars)} slices; below threshold: {', '.join(low) or 'none'}.",
        )


def galvo_confidence(
    ids: Sequence[SliceId],
    values: Sequence[float | None],
    fixed: Sequence[bool],
    threshold: float,
) -> Picture:
    """Draw the confidence that each slice has a misplaced galvo return."""
    numbers = [i.number for i in ids]
    heights = [0.0 if v is None else v for v in values]
    with _style():
        figure = Figure(figsize=(WIDTH_IN, 2.4), layout="constrained")
        axes = figure.subplots()
        for is_fixed, colour, label in ((True, ORANGE, "fixed"), (False, "#8b96a5", "left alone")):
            pairs = zip(numbers, heights, fixed, strict=True)
            chosen = [(n, h) for n, h, f in pairs if f is is_fixed]
            places, scores = [n for n, _ in chosen], [h for _, h in chosen]
            axes.bar(places, scores, color=colour, width=0.72, label=label)
        _threshold(axes, threshold, f"fixed from {threshold:g}")
        axes.set(ylim=(0, 1.02), ylabel="confidence")
        _slice_axis(axes, ids)
        axes.legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.2))
        chosen_ids = [i for i, f in zip(ids, fixed, strict=True) if f]
        return _svg(
            figure,
            "galvo_confidence",
            f"Galvo confidence of {len(ids)} slices; fixed: {', '.join(chosen_ids) or 'none'}.",
        )


def galvo_profiles(findings: Sequence[GalvoFinding], fixed: frozenset[SliceId]) -> Picture:
    """Draw pooled A-line profiles, each with the band that was found in it."""
    columns = min(3, len(findings))
    rows = -(-len(findings) // columns)
    with _style({"axes.grid": False}):
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
        return _svg(
            figure,
            "galvo_profiles",
            f"Mean intensity along the sweep with the band, slices {names}.",
        )


def registration(pairs: Sequence[PairFinding], expected_planes: float | None) -> Picture:
    """Draw translation, rotation, confidence and depth offset of every registered pair."""
    ids = [p.moving for p in pairs]
    numbers = [i.number for i in ids]
    with _style():
        figure = Figure(figsize=(WIDTH_IN, 7.2), layout="constrained")
        shift, turn, trust, depth = figure.subplots(4, 1, sharex=True)
        for values, colour, name in (
            ([p.x_px for p in pairs], BLUE, "x"),
            ([p.y_px for p in pairs], ORANGE, "y"),
        ):
            shift.plot(numbers, _floats(values), "-o", color=colour, ms=3, lw=1.3, label=name)
        shift.legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.3))
        shift.set(title="Translation", ylabel="pixels")
        turn.plot(numbers, _floats([p.rotation_deg for p in pairs]), "-o", color=BLUE, ms=3, lw=1.3)
        turn.set(title="Rotation", ylabel="degrees")
        for axes in (shift, turn):
            axes.axhline(0, color="#98a2b0", lw=0.8)
        _confidence(trust, pairs)
        _depth_offsets(depth, pairs, expected_planes)
        _slice_axis(depth, ids, label="moving slice")
        for axes in (shift, turn, trust):
            axes.tick_params(labelbottom=False)
        return _svg(
            figure,
            "registration",
            f"Translation, rotation, confidence and depth offset of {len(pairs)} registered pairs.",
        )


def stacking(decisions: Sequence[StackDecision]) -> Picture:
    """Draw the overlap of each slice with the one above, and how well the two agree there."""
    ids = [d.slice_id for d in decisions]
    with _style():
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
        overlap.legend(loc="upper right", ncols=2, bbox_to_anchor=(1, 1.28))
        overlap.set(title="Overlap with the slice above", ylabel="planes")
        agreement.plot(
            numbers, _floats([d.correlation for d in decisions]), "o-", color=BLUE, ms=3, lw=1.3
        )
        agreement.set(title="Correlation in the overlap", ylabel="NCC", ylim=(-0.05, 1.05))
        _slice_axis(agreement, ids)
        overlap.tick_params(labelbottom=False)
        return _svg(figure, "stacking", f"Overlap and correlation of {len(ids)} stacked slices.")


def _draw_borders(axes: Axes, borders: Borders, *, is_horizontal: bool) -> None:
    line = axes.axhline if is_horizontal else axes.axvline
    span = axes.axhspan if is_horizontal else axes.axvspan
    every = max(1, -(-len(borders.ids) // (12 if is_horizontal else 10)))
    for i, (slice_id, top) in enumerate(zip(borders.ids, borders.top_mm, strict=True)):
        line(top, color="#f2b134", lw=0.7, alpha=0.75)
        if slice_id in borders.interpolated:
            span(top, top + borders.interval_mm, color="#4d9bf0", alpha=0.22, lw=0)
        if i % every == 0:
            middle = top + borders.interval_mm / 2
            place = (1.005, middle) if is_horizontal else (middle, -0.005)
            axes.annotate(
                slice_id,
                place,
                xycoords=axes.get_yaxis_transform()
                if is_horizontal
                else axes.get_xaxis_transform(),
                color=MUTED,
                fontsize=7,
                ha="left" if is_horizontal else "center",
                va="center" if is_horizontal else "bottom",
                annotation_clip=False,
            )


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


def _confidence(axes: Axes, pairs: Sequence[PairFinding]) -> None:
    heights = _floats([p.confidence for p in pairs])
    colours = [ORANGE if h < 0.3 else "#7fa6d3" if h < 0.6 else BLUE for h in heights]  # noqa: PLR2004
    axes.bar([p.moving.number for p in pairs], heights, color=colours, width=0.72)
    _threshold(axes, 0.3, "no transform below 0.3")
    _threshold(axes, 0.6, "rotation and translation from 0.6")
    axes.set(title="Confidence", ylim=(0, 1.05))


def _depth_offsets(axes: Axes, pairs: Sequence[PairFinding], expected: float | None) -> None:
    offsets = [
        np.nan
        if p.fixed_plane is None or p.moving_plane is None
        else p.fixed_plane - p.moving_plane
        for p in pairs
    ]
    axes.plot([p.moving.number for p in pairs], offsets, "o", color=BLUE, ms=4)
    if expected is not None:
        axes.axhline(expected, color=ORANGE, lw=1.1, ls="--")
        axes.annotate(
            f"expected {expected:.1f}",
            (1, expected),
            xycoords=axes.get_yaxis_transform(),
            color=ORANGE,
            fontsize=8,
            ha="right",
            va="bottom",
        )
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
    axes.legend(loc="upper right", ncols=len(shown), bbox_to_anchor=(1, 1.17))


def _threshold(axes: Axes, value: float, text: str) -> None:
    axes.axhline(value, color=INK, lw=0.9, ls=(0, (4, 3)))
    axes.annotate(
        text,
        (0.004, value),
        xycoords=axes.get_yaxis_transform(),
        color=INK,
        fontsize=7.5,
        va="bottom",
        bbox={"facecolor": "white", "alpha": 0.75, "pad": 0.6, "edgecolor": "none"},
    )


def _slice_axis(
    axes: Axes, ids: Sequence[SliceId], *, has_label: bool = True, label: str = "slice"
) -> None:
    """Label the slices along x, at most about 20 of them."""
    every = max(1, -(-len(ids) // 20))
    shown = ids[::every]
    axes.set_xticks([i.number for i in shown], list(shown))
    if ids:
        axes.set_xlim(ids[0].number - 0.7, ids[-1].number + 0.7)
    if has_label:
        axes.set_xlabel(label)


def _floats(values: Sequence[float | None]) -> list[float]:
    return [np.nan if value is None else value for value in values]


def _views_alt(borders: Borders | None) -> str:
    tail = f", with the borders of {len(borders.ids)} slices" if borders else ""
    return f"Three orthogonal planes through the reconstructed volume{tail}."


@contextmanager
def _style(changes: Mapping[str, object] | None = None) -> Iterator[None]:
    with mpl.rc_context({**_STYLE, **(changes or {})}):  # type: ignore[dict-item]
        yield


def _svg(figure: Figure, name: str, alt: str) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(f"{name}.svg", "image/svg+xml", stream.getvalue(), alt)


def _jpeg(figure: Figure, name: str, alt: str) -> Picture:
    stream = io.BytesIO()
    figure.savefig(stream, format="jpg", dpi=150, pil_kwargs={"quality": 88, "optimize": True})
    return Picture(f"{name}.jpg", "image/jpeg", stream.getvalue(), alt)
