"""The picture that shows, before anyone trusts it, how a volume was laid into an atlas."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class PreviewRow:
    """Three planes through one volume, cut across axis 0, 1 and 2, and what its axes are.

    ``low`` and ``high`` are the letters at the ends of the axes; ``steps`` the voxel size, any
    unit, for the aspect.
    """

    title: str
    planes: Sequence[Plane]
    low: str
    high: str
    steps: tuple[float, float, float]


def draw_preview(rows: Sequence[PreviewRow]) -> bytes:
    """Return `preview_figure` as a PNG."""
    buffer = io.BytesIO()
    preview_figure(rows).savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def preview_figure(rows: Sequence[PreviewRow]) -> Figure:
    """Draw one row per volume, one column per cut, with letters at the ends of every axis."""
    figure = Figure(figsize=(9, 3 * len(rows)), layout="constrained", facecolor="white")
    axes = figure.subplots(len(rows), 3, squeeze=False)
    for row, line in zip(rows, axes, strict=True):
        for across, (plane, ax) in enumerate(zip(row.planes, line, strict=True)):
            down, along = (axis for axis in range(3) if axis != across)
            positive = plane[plane > 0]
            top = float(np.percentile(positive, 99.5)) if positive.size else 1.0
            aspect = row.steps[down] / row.steps[along]
            # superior, anterior, right: up or to the right, as people hold an atlas
            is_up = row.high[down] in "SAR"
            low, high = (row.low, row.high) if is_up else (row.high, row.low)
            ax.imshow(
                plane,
                cmap="gray",
                vmin=0,
                vmax=top,
                aspect=aspect,
                interpolation="nearest",
                origin="lower" if is_up else "upper",
            )
            ax.set_xticks([])
            ax.set_yticks([])
            ax.set_xlabel(f"{row.low[along]}  →  {row.high[along]}")
            ax.set_ylabel(f"{low[down]}  →  {high[down]}")
            ax.set_title(f"{row.title}, across {row.low[across]}–{row.high[across]}", fontsize=9)
    return figure
