"""Draw docs/figures/demo.png: three views through the demo's volume, with the slices' borders.

Run ``make demo`` first, then ``python docs/figures/make_demo.py``.
"""

import io
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from linumpy.report.facts import gather
from linumpy.report.pictures import Borders, Plane, Views, to_grey, views

PROJECT = Path(__file__).resolve().parents[2]
RUN = PROJECT / "demo" / "out"
INK, PAPER = "#c9d1d9", "#0d1117"
BORDER, FILLED = "#f2b134", "#4d9bf0"
N_COLOURS = 96
"""Greys and two hues: as a palette the picture has a third of its bytes."""


def main() -> None:
    """Draw the three panels and the legend, write the picture beside this file."""
    found, borders = views(RUN / "3d_volume.ome.zarr"), gather(RUN).borders
    assert borders is not None, "the demo's volume says its slices"
    (z0, z1), (y0, y1), (x0, x1) = edges(found)
    depth, height, width = z1 - z0, y1 - y0, x1 - x0
    figure = Figure(figsize=(10, 10 * (height + depth) / (width + depth)), facecolor=PAPER)
    grid = figure.add_gridspec(
        2, 2, width_ratios=(width, depth), height_ratios=(height, depth),
        left=0.01, right=0.96, bottom=0.01, top=0.96, wspace=0.04, hspace=0.04,
    )  # fmt: skip
    show(figure.add_subplot(grid[0, 0]), found.xy, (x0, x1, y1, y0))
    side = figure.add_subplot(grid[0, 1])
    show(side, found.yz, (z0, z1, y1, y0))
    below = figure.add_subplot(grid[1, 0])
    show(below, found.xz, (x0, x1, z1, z0))
    for slice_id, top in zip(borders.ids, borders.top_mm, strict=True):
        middle = top + borders.interval_mm / 2
        draw_slice(side, below, top, borders, filled=slice_id in borders.interpolated)
        side.text(middle, y0 - 0.03 * height, slice_id, ha="center", va="bottom", **look())
        below.text(x1 + 0.01 * width, middle, slice_id, ha="left", va="center", **look())
    legend(figure.add_subplot(grid[1, 1]))
    stream = io.BytesIO()
    figure.savefig(stream, dpi=100)
    picture = Image.open(stream).convert("RGB").quantize(N_COLOURS, dither=Image.Dither.NONE)
    picture.save(Path(__file__).with_name("demo.png"), optimize=True)


def edges(found: Views) -> list[tuple[float, float]]:
    """Return the outer edges of the volume along z, y and x, mm."""
    shape = (found.xz.shape[0], *found.xy.shape)
    steps = zip(found.origin_mm, found.level_spacing.zyx_mm, shape, strict=True)
    return [(first - step / 2, first - step / 2 + n * step) for first, step, n in steps]


def show(axes: Axes, plane: Plane, extent: tuple[float, float, float, float]) -> None:
    """Draw a plane in grey, without a frame."""
    axes.imshow(to_grey(plane), cmap="gray", vmin=0, vmax=255, extent=extent)
    axes.set_aspect("auto")
    axes.axis("off")


def draw_slice(side: Axes, below: Axes, top: float, borders: Borders, *, filled: bool) -> None:
    """Draw where a slice begins; a filled slot is tinted."""
    for line, span in ((side.axvline, side.axvspan), (below.axhline, below.axhspan)):
        line(top, color=BORDER, lw=0.8, alpha=0.7)
        if filled:
            span(top, top + borders.interval_mm, color=FILLED, alpha=0.3, lw=0)


def legend(axes: Axes) -> None:
    """Say what line and tint mean."""
    axes.axis("off")
    for y, colour, words in (
        (0.6, BORDER, "cut between\ntwo slices"),
        (0.25, FILLED, "filled slice"),
    ):
        axes.plot([0.12, 0.3], [y, y], color=colour, lw=2 if colour == BORDER else 8)
        axes.text(0.4, y, words, va="center", **look())
    axes.set(xlim=(0, 1), ylim=(0, 1))


def look() -> dict[str, object]:
    """Return how words look."""
    return {"color": INK, "fontsize": 9}


if __name__ == "__main__":
    main()
