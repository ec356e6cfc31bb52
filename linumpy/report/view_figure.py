"""The three planes through the volume, with the slices' borders, as one picture."""

from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from linumpy.report.pictures import Borders, Plane, Views, to_grey
from linumpy.report.style import MUTED, WIDTH_IN, Picture, style, to_jpeg

MAX_HEIGHT_IN = 11.0
MAX_LABELS_DOWN, MAX_LABELS_ACROSS = 12, 16
FEW_SLICES = 20
"""Up to here borders are drawn strongly; beyond, finer."""


@dataclass(frozen=True, slots=True)
class _Panel:
    """One plane: where it stands in the grid, its axes, its title."""

    row: int
    column: int
    plane: Plane
    across: str
    down: str
    title: str


def orthogonal_views(found: Views, borders: Borders | None) -> Picture:
    """Draw the three planes at one scale, with the tops of the slices as lines.

    Depth goes down beside the x–y plane where the stack is shallow; in a deep stack it goes to
    the right in both side views, so that the picture stays wide.
    """
    spans = _spans(found)
    length = {axis: high - low for axis, (low, high) in spans.items()}
    is_deep = length["z"] > length["x"]
    panels = _panels(found, is_deep=is_deep)
    heights = (length["y"], length["x" if is_deep else "z"])
    widths = (length["x"], length["z"])
    height = min(MAX_HEIGHT_IN, WIDTH_IN * sum(heights) / sum(widths) + 0.8)
    with style({"axes.grid": False, "axes.spines.top": True, "axes.spines.right": True}):
        figure = Figure(figsize=(WIDTH_IN, height), layout="constrained")
        grid = figure.add_gridspec(2, 2, width_ratios=widths, height_ratios=heights)
        for panel in panels:
            axes = figure.add_subplot(grid[panel.row, panel.column])
            _draw(axes, panel, spans)
            if borders and "z" in (panel.across, panel.down):
                _draw_borders(axes, borders, goes_down=panel.down == "z")
        tail = f", with the borders of {len(borders.ids)} slices" if borders else ""
        alt = f"Three orthogonal planes through the reconstructed volume{tail}."
        return to_jpeg(figure, "views", alt)


def _spans(found: Views) -> dict[str, tuple[float, float]]:
    """Return the outer edges of the volume along each axis, mm."""
    shape = (found.xz.shape[0], *found.xy.shape)
    steps = zip("zyx", found.origin_mm, found.level_spacing.zyx_mm, shape, strict=True)
    return {axis: (o - d / 2, o - d / 2 + n * d) for axis, o, d, n in steps}


def _panels(found: Views, *, is_deep: bool) -> tuple[_Panel, ...]:
    z, y, x = (f"{v:.2f} mm" for v in found.cut_mm)
    xy = _Panel(0, 0, found.xy, "x", "y", f"x–y at z = {z}")
    yz = _Panel(0, 1, found.yz, "z", "y", f"z–y at x = {x}")
    if is_deep:
        return xy, yz, _Panel(1, 1, found.xz.T, "z", "x", f"z–x at y = {y}")
    return xy, yz, _Panel(1, 0, found.xz, "x", "z", f"x–z at y = {y}")


def _draw(axes: Axes, panel: _Panel, spans: dict[str, tuple[float, float]]) -> None:
    (left, right), (top, bottom) = spans[panel.across], spans[panel.down]
    axes.imshow(
        to_grey(panel.plane),
        cmap="gray",
        vmin=0,
        vmax=255,
        extent=(left, right, bottom, top),
        interpolation="antialiased",
    )
    pad = 16 if panel.across == "z" else 6  # the ids of the slices stand between
    axes.set_title(panel.title, pad=pad)
    axes.set(xlabel=f"{panel.across} / mm", ylabel=f"{panel.down} / mm")


def _draw_borders(axes: Axes, borders: Borders, *, goes_down: bool) -> None:
    line, span = (axes.axhline, axes.axhspan) if goes_down else (axes.axvline, axes.axvspan)
    width = 0.8 if len(borders.ids) <= FEW_SLICES else 0.4
    every = -(-len(borders.ids) // (MAX_LABELS_DOWN if goes_down else MAX_LABELS_ACROSS))
    for i, (slice_id, top) in enumerate(zip(borders.ids, borders.top_mm, strict=True)):
        line(top, color="#f2b134", lw=width, alpha=0.7)
        if slice_id in borders.interpolated:
            span(top, top + borders.interval_mm, color="#4d9bf0", alpha=0.28, lw=0)
        if i % every == 0:
            _label(axes, slice_id, top + borders.interval_mm / 2, goes_down=goes_down)


def _label(axes: Axes, text: str, middle: float, *, goes_down: bool) -> None:
    axes.annotate(
        text,
        (1.006, middle) if goes_down else (middle, 1.012),
        xycoords=axes.get_yaxis_transform() if goes_down else axes.get_xaxis_transform(),
        color=MUTED,
        fontsize=7,
        ha="left" if goes_down else "center",
        va="center" if goes_down else "bottom",
        annotation_clip=False,
    )
