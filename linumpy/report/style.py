"""How every picture of the page looks: palette, fonts, axes of slices, file formats.

Colours are told apart also by readers who are colour-blind, and every meaning that a colour has
stands there as a word too.
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
from linumpy.report.pictures import to_grey

INK, MUTED, GRID = "#1c2430", "#5a6575", "#e3e7ec"
BLUE, ORANGE, VIOLET = "#1f5fa8", "#c2560a", "#7b3fa0"
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


def photograph(plane: NDArray[np.float32], *, name: str, alt: str) -> Picture:
    """Return a plane as a small grey JPEG."""
    rgb = np.repeat(to_grey(plane)[:, :, None], 3, axis=2)
    return embed(rgb, name=name, alt=alt)


def embed(rgb: NDArray[np.uint8], *, name: str, alt: str) -> Picture:
    """Return an RGB image, shape (y, x, 3), as a JPEG."""
    stream = io.BytesIO()
    imsave(stream, rgb, format="jpg", pil_kwargs={"quality": 78, "optimize": True})
    return Picture(f"{name}.jpg", "image/jpeg", stream.getvalue(), alt)


def threshold(axes: Axes, value: float, text: str, *, dashes: tuple[int, int] = (4, 3)) -> None:
    """Draw a limit across the plot; ``text`` is its entry in the legend."""
    axes.axhline(value, color=INK, lw=0.9, ls=(0, dashes), label=text)


def legend(axes: Axes) -> None:
    """Draw the legend in one line above the plot, at its right end, clear of the data."""
    n_entries = len(axes.get_legend_handles_labels()[1])
    axes.legend(
        loc="lower right",
        ncols=max(1, n_entries),
        bbox_to_anchor=(1, 0.99),
        borderaxespad=0.2,
        handlelength=1.4,
        columnspacing=1.4,
    )


def slice_axis(
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


@contextmanager
def style(changes: Mapping[str, object] | None = None) -> Iterator[None]:
    """Give figures that are made inside the block the look of the page."""
    with mpl.rc_context({**_STYLE, **(changes or {})}):  # type: ignore[dict-item]
        yield


def to_svg(figure: Figure, name: str, alt: str) -> Picture:
    """Return a chart; the same figure gives the same bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None})
    return Picture(f"{name}.svg", "image/svg+xml", stream.getvalue(), alt)


def to_jpeg(figure: Figure, name: str, alt: str) -> Picture:
    """Return a figure that holds images."""
    stream = io.BytesIO()
    figure.savefig(stream, format="jpg", dpi=150, pil_kwargs={"quality": 88, "optimize": True})
    return Picture(f"{name}.jpg", "image/jpeg", stream.getvalue(), alt)
