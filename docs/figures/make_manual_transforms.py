"""Draw docs/figures/manual_transforms.png: what the numbers of a transform by hand do.

Run ``python docs/figures/make_manual_transforms.py`` after a change of conventions.
"""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Polygon
from numpy.typing import NDArray

from linumpy.core.rigid import Rigid2D

INK, MUTED, BLUE, ORANGE = "#1c2430", "#5a6575", "#1f5fa8", "#c2560a"
SIZE_UM = (1000.0, 800.0)  # x, y of the canvas
PANELS = (
    ("dx_um = 150: to larger columns, to the right", Rigid2D(0.0, 150.0, 0.0)),
    ("dy_um = 120: to larger rows, down", Rigid2D(0.0, 0.0, 120.0)),
    ("rotation_deg = 20: from +X towards +Y,\nclockwise on a screen", Rigid2D(20.0, 0.0, 0.0)),
    ("all three: first the rotation,\nthen the translation", Rigid2D(20.0, 150.0, 120.0)),
)


def main() -> None:
    """Draw the panels and write the picture beside this file."""
    figure = Figure(figsize=(11, 8.2), facecolor="white")
    panels = figure.subplots(2, 2)
    figure.subplots_adjust(0.04, 0.05, 0.98, 0.92, wspace=0.12, hspace=0.26)
    for axes, (title, motion) in zip(panels.flat, PANELS, strict=True):
        draw(axes, title, motion)
    figure.savefig(
        Path(__file__).with_name("manual_transforms.png"), dpi=100, metadata={"Software": ""}
    )


def draw(axes: Axes, title: str, motion: Rigid2D) -> None:
    """Draw the slice before it, the slice as the stage has it, and where the motion puts it."""
    width, height = SIZE_UM
    axes.set(xlim=(0, width), ylim=(height, 0), aspect="equal", xticks=[], yticks=[])
    axes.set_title(title, fontsize=11, color=INK, loc="left")
    before = outline()
    after = moved(before, motion)
    axes.add_patch(Polygon(before, fill=False, edgecolor=MUTED, lw=1.3, ls="--"))
    axes.add_patch(Polygon(after, facecolor="#fbe6d4", edgecolor=ORANGE, lw=1.8, alpha=0.85))
    axes.plot(width / 2, height / 2, "+", color=INK, ms=11, mew=1.6)
    axes.annotate(
        "", after[0], before[0], arrowprops={"arrowstyle": "-|>", "color": BLUE, "lw": 1.8}
    )
    axes.text(30, 760, "dashed: as the stage has it", color=MUTED, fontsize=9)
    axes.text(970, 760, "orange: as set by hand", color=ORANGE, fontsize=9, ha="right")
    axes.annotate("X", (40, 40), (180, 33), arrowprops={"arrowstyle": "<-", "color": INK})
    axes.annotate("Y", (40, 40), (32, 180), arrowprops={"arrowstyle": "<-", "color": INK})
    axes.text(30, 715, "+: centre of the canvas", color=INK, fontsize=9)


def outline() -> NDArray[np.float64]:
    """Return a slice of brain that points along +X, (x, y) µm."""
    angle = np.linspace(-np.pi, np.pi, 145)[:-1]
    angle = np.roll(angle, -72)
    radius = 190 + 80 * np.exp(-((angle - 0.0) ** 2) / 0.05) + 45 * np.cos(2 * angle)
    centre = np.array(SIZE_UM) / 2
    return centre + np.column_stack([radius * np.cos(angle), 0.8 * radius * np.sin(angle)])


def moved(points: NDArray[np.float64], motion: Rigid2D) -> NDArray[np.float64]:
    """Return where a motion puts points (x, y): about the centre, then the translation."""
    theta = np.deg2rad(motion.rotation_deg)
    turn = np.array([[np.cos(theta), -np.sin(theta)], [np.sin(theta), np.cos(theta)]])
    centre = np.array(SIZE_UM) / 2
    shift = np.array([motion.dx_um, motion.dy_um])
    return (points - centre) @ turn.T + centre + shift


if __name__ == "__main__":
    main()
