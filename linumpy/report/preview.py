"""One picture of a raw acquisition: every slice, its tiles where the stage put them.

Each panel shows the same part of the stage, so a slice that jumped is seen to have jumped. Tiles
lie over each other without blending: a seam that does not fit is seen, too.
"""

import io
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.report.style import style

Plane = NDArray[np.float32]

NIGHT, PANEL, PAPER, FAINT = "#0e1116", "#171b22", "#eef1f5", "#8a94a3"
HATCH, ALARM, GOOD = "#d9a441", "#ff7a5c", "#7fc8a9"
_WIDTH_PX, _DPI = 2200, 150
_ASPECT = 1.45  # width over height that the panels together are arranged for
_FAR = 1.0  # mosaics between a slice and the others from which on it is drawn in its own frame
_MOST_PX = 520  # per panel side
_GAMMA = 0.7
_DUST_MM = 1e-9


@dataclass(frozen=True, slots=True)
class PreviewTile:
    """A tile as it lies in the mosaic: its plane (y, x), and its first edge in the stage's frame.

    ``plane`` is None where the tile is there and cannot be read.
    """

    plane: Plane | None
    y_mm: float
    x_mm: float


@dataclass(frozen=True, slots=True)
class PreviewSlice:
    """A slice; ``vacant`` are the edges (y, x) of the places that hold no tile."""

    slice_id: SliceId
    tiles: tuple[PreviewTile, ...] = ()
    vacant: tuple[tuple[float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Preview:
    """What the picture shows; ``fov_mm`` is (y, x) of a tile.

    ``otherwise`` is one slice as it is and as it would fit better, by what stands above each.
    """

    title: str
    finding: str
    is_wrong: bool
    fov_mm: tuple[float, float]
    slices: tuple[PreviewSlice, ...]
    otherwise: Mapping[str, tuple[PreviewSlice, tuple[float, float]]] = field(default_factory=dict)


def to_png(preview: Preview) -> bytes:
    """Return the picture."""
    frame = _frame(preview.slices, preview.fov_mm)
    columns, scale = _arrange(len(preview.slices), frame)
    rows = math.ceil(len(preview.slices) / columns)
    pad, label = 10, 26
    cell = (frame[1][0] * scale + pad + label, frame[1][1] * scale + pad)
    width = columns * cell[1] + pad
    inset = width / 2.2 if preview.otherwise else 0
    head = 92
    height = head + rows * cell[0] + pad + inset
    levels = _levels(preview.slices)
    shown = Shown(frame, scale, preview.fov_mm, levels)
    with style({"savefig.facecolor": NIGHT}):
        figure = Figure(figsize=(width / _DPI, height / _DPI), dpi=_DPI, facecolor=NIGHT)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        _head(axes, preview, width, scale)
        for i, one in enumerate(preview.slices):
            corner = (head + i // columns * cell[0], pad + i % columns * cell[1])
            _panel(axes, one, corner, shown)
        _insets(axes, preview, (head + rows * cell[0], width, inset), levels)
        stream = io.BytesIO()
        figure.savefig(stream, format="png", dpi=_DPI, metadata={"Software": None})
    return stream.getvalue()


Frame = tuple[tuple[float, float], tuple[float, float]]
"""First edge (y, x) and size (y, x), mm."""


def _edges(one: PreviewSlice) -> NDArray[np.float64]:
    return np.array([*((t.y_mm, t.x_mm) for t in one.tiles), *one.vacant], dtype=np.float64)


def _frame(slices: Iterable[PreviewSlice], fov_mm: tuple[float, float]) -> Frame:
    """Return the part of the stage that holds the slices, but for those that are far away."""
    boxes = [(_edges(one).min(axis=0), _edges(one).max(axis=0)) for one in slices if one.tiles]
    origins = np.array([low for low, _ in boxes])
    usual = np.median(origins, axis=0)
    largest = np.max([high - low for low, high in boxes], axis=0) + fov_mm
    near = np.all(np.abs(origins - usual) <= _FAR * largest, axis=1)
    low = np.min([b[0] for b, is_near in zip(boxes, near, strict=True) if is_near], axis=0)
    high = np.max([b[1] for b, is_near in zip(boxes, near, strict=True) if is_near], axis=0)
    size = high - low + fov_mm
    return (float(low[0]), float(low[1])), (float(size[0]), float(size[1]))


def _arrange(n: int, frame: Frame) -> tuple[int, float]:
    """Return how many panels stand side by side, and the pixels of a millimetre."""
    height, width = frame[1]
    columns = max(1, min(n, round(math.sqrt(n * _ASPECT * height / width))))
    scale = (_WIDTH_PX / columns - 12) / width
    return columns, min(scale, _MOST_PX / max(height, width))


def _levels(slices: Iterable[PreviewSlice]) -> tuple[float, float]:
    """Return the brightness that is shown black, and the one that is shown white."""
    planes = [t.plane for one in slices for t in one.tiles if t.plane is not None]
    if not planes:
        return 0.0, 1.0
    step = max(1, sum(p.size for p in planes) // 2_000_000)
    values = np.concatenate([p.ravel()[::step] for p in planes])
    low, high = np.percentile(values, (2, 99.7))
    return float(low), float(max(high, low + 1e-6))


def _head(axes: Axes, preview: Preview, width: float, scale: float) -> None:
    axes.text(14, 30, preview.title, color=PAPER, size=13, weight="bold", va="center")
    colour = ALARM if preview.is_wrong else GOOD
    axes.text(14, 62, preview.finding, color=colour, size=8.5, va="center")
    bar_mm = _round_length(160 / scale)
    right = width - 16
    axes.plot([right - bar_mm * scale, right], [34, 34], color=PAPER, lw=3, solid_capstyle="butt")
    text = f"{bar_mm:g} mm"
    axes.text(right, 18, text, color=PAPER, size=8, ha="right", va="center")
    axes.add_patch(_hatched((right - bar_mm * scale - 60, 20), (20, 20), HATCH))
    beside = right - bar_mm * scale - 68
    axes.text(beside, 30, "missing tile", color=FAINT, size=8, ha="right", va="center")


def _round_length(about_mm: float) -> float:
    power = 10.0 ** math.floor(math.log10(about_mm))
    return max(step * power for step in (1, 2, 5) if step * power <= about_mm * 1.0001)


def _hatched(at: tuple[float, float], size: tuple[float, float], colour: str) -> Rectangle:
    return Rectangle(
        at, *size, facecolor=PANEL, edgecolor=colour, hatch="////", linewidth=0.7, zorder=1.5
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What panels share: the part of the stage, pixels of a millimetre, a tile, brightness."""

    frame: Frame
    scale: float
    fov_mm: tuple[float, float]
    levels: tuple[float, float]


def _panel(
    axes: Axes,
    one: PreviewSlice,
    corner: tuple[float, float],
    shown: Shown,
    *,
    name: str = "",
    colour: str = PAPER,
) -> None:
    """Draw one slice, its id or ``name`` above; ``corner`` is the upper left (y, x), px."""
    frame, scale = shown.frame, shown.scale
    top, left = corner[0] + 26, corner[1]
    height, width = (size * scale for size in frame[1])
    axes.add_patch(
        Rectangle((left, top), width, height, facecolor=PANEL, edgecolor="none", zorder=0.5)
    )
    is_there = bool(one.tiles)
    axes.text(
        left, top - 7, name or one.slice_id, color=colour if is_there else FAINT, size=9,
        weight="bold", va="bottom",
    )  # fmt: skip
    if not is_there:
        axes.text(
            left + width / 2, top + height / 2, "never acquired", color=FAINT, size=7,
            ha="center", va="center",
        )  # fmt: skip
        return
    origin, is_far = _origin_of(one, frame)
    if is_far:
        away = _edges(one).min(axis=0) - frame[0]
        text = f"stage says {away[1]:+.2f}, {away[0]:+.2f} mm (x, y)"
        axes.text(left + width, top - 7, text, color=ALARM, size=6, ha="right", va="bottom")
    pixels = _compose(one, origin, (frame[1], shown.fov_mm), scale, shown.levels)
    axes.imshow(
        pixels, extent=(left, left + width, top + height, top), interpolation="nearest",
        aspect="auto", cmap="gray", vmin=0, vmax=1, zorder=1.2,
    )  # fmt: skip
    _hatch(axes, one, (top - origin[0] * scale, left - origin[1] * scale), shown)


def _hatch(axes: Axes, one: PreviewSlice, zero: tuple[float, float], shown: Shown) -> None:
    """Mark the places without a tile, and the tiles that cannot be read."""
    scale = shown.scale
    unread = [(t.y_mm, t.x_mm) for t in one.tiles if t.plane is None]
    for places, colour in ((one.vacant, HATCH), (unread, ALARM)):
        for y_mm, x_mm in places:
            size = (shown.fov_mm[1] * scale, shown.fov_mm[0] * scale)
            at = (zero[1] + x_mm * scale, zero[0] + y_mm * scale)
            axes.add_patch(_hatched(at, size, colour))


def _origin_of(one: PreviewSlice, frame: Frame) -> tuple[tuple[float, float], bool]:
    """Return where the panel begins: the common frame, unless the slice lies outside of it."""
    edges = _edges(one)
    low, high = edges.min(axis=0), edges.max(axis=0)
    end = np.add(*frame)
    is_far = bool(np.any(low < np.array(frame[0]) - _DUST_MM) or np.any(high > end))
    return ((float(low[0]), float(low[1])) if is_far else frame[0]), is_far


def _compose(
    one: PreviewSlice,
    origin: tuple[float, float],
    frame: tuple[tuple[float, float], tuple[float, float]],
    scale: float,
    levels: tuple[float, float],
) -> NDArray[np.float32]:
    """Return the tiles of a slice on one canvas, 0 to 1, NaN where there is none.

    ``frame`` is the size of the canvas and of a tile (y, x), mm.
    """
    size_mm, fov_mm = frame
    canvas = np.full([max(1, round(size * scale)) for size in size_mm], np.nan, np.float32)
    for tile in one.tiles:
        if tile.plane is None:
            continue
        grey = np.clip((tile.plane - levels[0]) / (levels[1] - levels[0]), 0, 1) ** _GAMMA
        spans = [
            _span((edge - start) * scale, fov * scale, n)
            for edge, start, fov, n in zip(
                (tile.y_mm, tile.x_mm), origin, fov_mm, canvas.shape, strict=True
            )
        ]
        (rows, v), (columns, u) = spans
        canvas[rows, columns] = _between(_between(grey, v).T, u).T
    return canvas


def _between(values: Plane, at: NDArray[np.float64]) -> Plane:
    """Return rows of ``values`` at places 0 (first edge) to 1 (last edge), linear between them."""
    place = np.clip(at * len(values) - 0.5, 0, len(values) - 1)
    low = np.floor(place).astype(int)
    share = (place - low).astype(np.float32)[:, None]
    mixed: Plane = values[low] * (1 - share) + values[np.minimum(low + 1, len(values) - 1)] * share
    return mixed


def _span(start_px: float, length_px: float, n: int) -> tuple[slice, NDArray[np.float64]]:
    """Return the canvas pixels that a tile covers, and where in it, 0 to below 1."""
    first, last = max(0, round(start_px)), min(n, round(start_px + length_px))
    inside = (np.arange(first, max(first, last)) + 0.5 - start_px) / length_px
    return slice(first, max(first, last)), np.clip(inside, 0, 1 - 1e-9)


def _insets(
    axes: Axes, preview: Preview, place: tuple[float, float, float], levels: tuple[float, float]
) -> None:
    """Draw one slice under both orientations, large; ``place`` is (top, width, height), px."""
    top, width, height = place
    for i, (text, (one, fov_mm)) in enumerate(preview.otherwise.items()):
        frame = _frame([one], fov_mm)
        scale = min((height - 60) / frame[1][0], (width / 2 - 40) / frame[1][1])
        left = 14 + i * width / 2
        colour = GOOD if i else ALARM
        _panel(
            axes,
            one,
            (top + 16, left),
            Shown(frame, scale, fov_mm, levels),
            name=text,
            colour=colour,
        )
