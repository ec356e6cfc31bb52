"""Draw docs/figures/conventions.png: axes, signs and origins of the project in one picture.

Run ``python docs/figures/make_conventions.py`` after a change of conventions.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Arc, FancyArrowPatch, Polygon, Rectangle

INK, MUTED, BLUE, ORANGE, GREEN = "#1c2430", "#5a6575", "#1f5fa8", "#c2560a", "#16735b"
PALE_BLUE, PALE_ORANGE, PALE = "#dbe7f5", "#fbe6d4", "#f2f4f7"


def main() -> None:
    """Draw the four panels and write the picture beside this file."""
    figure = Figure(figsize=(12, 9.4), facecolor="white")
    panels = figure.subplots(2, 2)
    figure.subplots_adjust(0.02, 0.02, 0.98, 0.95, wspace=0.06, hspace=0.12)
    for axes, draw in zip(
        panels.flat, (draw_volume, draw_plane, draw_shift, draw_depth), strict=True
    ):
        axes.set_aspect("equal")
        axes.axis("off")
        draw(axes)
    figure.savefig(Path(__file__).with_name("conventions.png"), dpi=110, metadata={"Software": ""})


def draw_volume(axes: Axes) -> None:
    """Draw a volume: three slices, Z down, plane 0 on top."""
    title(axes, "1  A volume is (Z, Y, X)", (0, 10), (0, 8))
    depth = np.array([0.95, 0.95])  # how Y is drawn: away from the reader
    for k, colour in ((2, PALE), (1, PALE_ORANGE), (0, PALE_BLUE)):
        top = 5.4 - 1.5 * k
        front = np.array([[1.6, top], [6.4, top], [6.4, top - 1.2], [1.6, top - 1.2]])
        upper = np.array([front[0], front[1], front[1] + 2 * depth, front[0] + 2 * depth])
        side = np.array([front[1], front[2], front[2] + 2 * depth, front[1] + 2 * depth])
        for corners in (upper, side, front):
            axes.add_patch(Polygon(corners, facecolor=colour, edgecolor=INK, lw=0.9))
        text(axes, 4.0, top - 0.6, f"slice {k:02d}", ha="center")
    text(axes, 5.0, 6.35, "plane 0: imaged first", ha="center", size=8.5)
    arrow(axes, (1.2, 5.5), (1.2, 1.2), "Z", (0.7, 1.3), colour=GREEN)
    text(axes, 0.9, 3.4, "depth,\ncutting\ndirection", ha="right", size=8.5)
    arrow(axes, (1.6, 0.75), (6.6, 0.75), "X", (6.9, 0.75), colour=BLUE)
    arrow(axes, (6.75, 0.95), (8.5, 2.7), "Y", (8.75, 2.9), colour=ORANGE)
    units = "µm on command lines,\nmm in OME-Zarr,\nvoxels named _px"
    text(axes, 8.0, 1.0, units, size=8.5)


def draw_plane(axes: Axes) -> None:
    """Draw a plane with its tile grid, the sweep, and the sense of rotation."""
    title(axes, "2  A plane is (Y, X): rows go down", (0, 10), (8, 0))
    for iy in range(2):
        for ix in range(3):
            corner = (1.5 + 2.0 * ix, 1.7 + 2.0 * iy)
            axes.add_patch(
                Rectangle(corner, 2.4, 2.4, facecolor=PALE_BLUE, edgecolor=BLUE, lw=1, alpha=0.55)
            )
            text(axes, corner[0] + 0.2, corner[1] + 0.45, f"x{ix:02d} y{iy:02d}", size=8.5)
    for k in range(5):
        y = 4.6 + 0.27 * k
        axes.add_patch(
            FancyArrowPatch((3.7, y), (5.6, y), arrowstyle="->", mutation_scale=7, color=MUTED)
        )
    text(axes, 4.65, 6.6, "A-lines of a sweep → X;  sweeps (B-scans) → Y", ha="center", size=8.5)
    text(axes, 4.65, 7.05, "galvo return: the last n_extra A-lines, cut off", ha="center", size=8.5)
    arrow(axes, (1.5, 1.2), (8.0, 1.2), "X, columns; tile index x; stage x", (4.4, 0.85), BLUE)
    arrow(axes, (1.05, 1.7), (1.05, 6.3), "Y", (0.7, 6.4), ORANGE)
    text(axes, 0.75, 4.0, "rows;\ntile y;\nstage y", ha="right", size=8.5)
    axes.plot([1.5], [1.7], "o", color=INK, ms=6)
    text(axes, 1.65, 1.55, "origin: edge of the mosaic at index 0", size=8.5)
    centre = (8.9, 4.5)
    axes.add_patch(Arc(centre, 1.5, 1.5, theta1=0, theta2=80, color=GREEN, lw=2))
    axes.add_patch(
        FancyArrowPatch(
            (centre[0] + 0.16, centre[1] + 0.735),
            (centre[0] + 0.02, centre[1] + 0.752),
            arrowstyle="-|>",
            mutation_scale=14,
            color=GREEN,
        )
    )
    arrow(axes, centre, (9.85, 4.5), "", centre, BLUE)
    arrow(axes, centre, (8.9, 5.5), "", centre, ORANGE)
    text(axes, 8.95, 3.9, "rotation > 0:\n+X towards +Y", ha="center", size=8.5)


def draw_shift(axes: Axes) -> None:
    """Draw what a shift is, for both senses of the stage."""
    title(axes, "3  A shift says where the moving slice goes", (0, 10), (8, 0))
    fixed, moving = (1.3, 1.4), (3.1, 2.6)
    for corner, colour, edge in ((fixed, PALE_BLUE, BLUE), (moving, PALE_ORANGE, ORANGE)):
        axes.add_patch(Rectangle(corner, 3.6, 2.5, facecolor=colour, edgecolor=edge, alpha=0.75))
        axes.plot(*corner, "o", color=edge, ms=6)
    text(axes, 1.45, 3.6, "fixed", colour=BLUE)
    text(axes, 6.55, 4.85, "moving", colour=ORANGE, ha="right")
    arrow(axes, fixed, moving, "", (0, 0), INK, width=2.0)
    text(axes, 2.35, 1.75, "shift = (+dx, +dy)", size=9.5)
    text(axes, 1.2, 1.1, "origin of u[fixed]", size=8.5, colour=BLUE)
    text(axes, 3.25, 2.38, "origin of u[moving]", size=8.5, colour=ORANGE)
    rows = (
        "u = s · stage, per axis",
        "s = +1: stage position rises with the tile index",
        "s = −1: it falls (the sample rides on the stage)",
        "shift = origin of u[moving] − origin of u[fixed]",
        "place of a slice = + sum of all shifts that lead to it,",
        "those of excluded slices included",
    )
    for k, row in enumerate(rows):
        text(axes, 1.3, 5.75 + 0.42 * k, row, size=9.5, colour=INK)
    text(axes, 7.1, 1.7, "+x: to larger columns\n+y: to larger rows", size=9.5)


def draw_depth(axes: Axes) -> None:
    """Draw which planes of two neighbouring slices match."""
    title(axes, "4  Depth: neighbours overlap", (0, 10), (8, 0))
    axes.add_patch(Rectangle((1.6, 1.4), 2.6, 4.2, facecolor=PALE_BLUE, edgecolor=BLUE))
    axes.add_patch(Rectangle((4.6, 3.6), 2.6, 4.0, facecolor=PALE_ORANGE, edgecolor=ORANGE))
    text(axes, 2.9, 2.3, "fixed\nslice k", ha="center", colour=BLUE)
    text(axes, 5.9, 6.7, "moving\nslice k+1", ha="center", colour=ORANGE)
    text(axes, 2.9, 1.15, "plane 0 of k", ha="center", size=8.5)
    text(axes, 7.3, 3.7, "plane 0 of k+1", size=8.5)
    axes.plot([1.6, 7.2], [4.3, 4.3], color=INK, lw=1.2, ls="--")
    text(axes, 7.3, 4.4, "plane m of k+1 matches\nplane interval / r_z + m of k", size=9)
    axes.annotate(
        "",
        (4.4, 3.6),
        (4.4, 1.4),
        arrowprops={"arrowstyle": "<->", "color": GREEN, "lw": 1.6},
    )
    text(axes, 4.55, 2.4, "cut interval", colour=GREEN)
    axes.add_patch(
        Rectangle((1.6, 3.6), 5.6, 2.0, facecolor="none", edgecolor=MUTED, lw=0.8, ls=":")
    )
    text(axes, 7.3, 5.5, "overlap: blended", size=8.5)
    arrow(axes, (0.6, 1.4), (0.6, 7.6), "Z", (0.35, 7.6), GREEN)
    place = "z of slice k in the volume =\n(k − first used) · interval"
    text(axes, 2.65, 6.6, place, ha="center", size=8.5)


def title(
    axes: Axes, label: str, x_limits: tuple[float, float], y_limits: tuple[float, float]
) -> None:
    """Set the frame of a panel and its heading."""
    axes.set_xlim(*x_limits)
    axes.set_ylim(*y_limits)
    axes.set_title(label, loc="left", fontsize=12, color=INK, weight="bold")


def text(  # noqa: PLR0913  a drawing helper: a place, words and their look
    axes: Axes,
    x: float,
    y: float,
    words: str,
    *,
    ha: str = "left",
    size: float = 10,
    colour: str = MUTED,
) -> None:
    """Write words with their vertical middle at y."""
    axes.text(x, y, words, ha=ha, va="center", fontsize=size, color=colour, linespacing=1.35)


def arrow(  # noqa: PLR0913  a drawing helper: two ends, a label and its place
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    label: str,
    at: tuple[float, float],
    colour: str = INK,
    *,
    width: float = 1.8,
) -> None:
    """Draw an arrow with its label."""
    axes.add_patch(
        FancyArrowPatch(
            start,
            end,
            arrowstyle="-|>",
            mutation_scale=15,
            color=colour,
            lw=width,
            shrinkA=0,
            shrinkB=0,
        )
    )
    if label:
        axes.text(*at, label, color=colour, fontsize=11, weight="bold", ha="center", va="center")


if __name__ == "__main__":
    main()
