"""A few planes side by side as PNG: what a command shows of its own work."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MAX_SIDE_PX = 800
"""Larger planes are shown by every nth pixel."""
LOW, HIGH = 1.0, 99.0  # percentiles of what is not 0


@dataclass(frozen=True, slots=True)
class Panel:
    """A plane (y, x), or red, green and blue from 0 to 1 (y, x, 3), and what it shows."""

    title: str
    plane: NDArray[np.float32]


def to_png(panels: Sequence[Panel], *, columns: int = 2, dpi: int = 150) -> bytes:
    """Draw the panels row by row; the same panels give the same bytes."""
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(4 * columns, 4 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for axes, panel in zip(grid.flat, panels, strict=False):
        step = max(1, -(-max(panel.plane.shape[:2]) // MAX_SIDE_PX))
        axes.imshow(panel.plane[::step, ::step], **_range(panel.plane))
        axes.set_title(panel.title, fontsize=9)
    stream = io.BytesIO()
    # Speckle hardly compresses: level 1 is three times as fast as 6, and 2 % larger.
    options = {"compress_level": 1}
    figure.savefig(stream, format="png", dpi=dpi, metadata={"Software": None}, pil_kwargs=options)
    return stream.getvalue()


def overlay(red: NDArray[np.float32], green: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return two planes as red and green: yellow where they agree."""
    return np.stack([_scale(red), _scale(green), np.zeros_like(red)], axis=-1)


def _scale(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    low, high = _window(plane)
    scaled = np.where(plane != 0, np.clip((plane - low) / (high - low), 0, 1), 0)
    return scaled.astype(np.float32)


def _range(plane: NDArray[np.float32]) -> dict[str, Any]:
    if plane.ndim > 2:  # noqa: PLR2004
        return {}
    low, high = _window(plane)
    return {"cmap": "gray", "vmin": min(low, 0.0), "vmax": high}


def _window(plane: NDArray[np.float32]) -> tuple[float, float]:
    data = plane[np.isfinite(plane) & (plane != 0)]
    if data.size == 0:
        return 0.0, 1.0
    low, high = (float(value) for value in np.percentile(data, (LOW, HIGH)))
    return low, high if high > low else low + 1.0
