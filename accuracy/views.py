"""A picture of a reconstruction beside anatomy and oracle."""

import textwrap

import numpy as np
from matplotlib.figure import Figure

from accuracy.compare import Views, compare


def show_views(views: Views, title: str) -> Figure:
    """Show the worst plane three times, and error and NCC of all planes."""
    found, ideal = compare(views)
    worst = found.planes[int(np.argmax(found.error))] if found.planes else 0
    figure = Figure(figsize=(12, 6.4), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=(3, 2), squeeze=False)
    top, bottom = parts[0, 0], parts[1, 0]
    top.suptitle("\n".join(textwrap.wrap(title, 150)), fontsize=7)
    shown = (
        ("reconstruction", views.run.voxels[worst]),
        ("anatomy", views.anatomy[worst]),
        ("oracle", views.oracle.voxels[worst]),
    )
    axes = top.subplots(1, 4, squeeze=False)[0]
    for axis, (name, plane) in zip(axes, shown, strict=False):
        axis.imshow(plane, cmap="gray", vmin=0, vmax=max(1e-6, np.percentile(plane, 99.5)))
        axis.set_title(f"{name}, plane {worst}", fontsize=8)
    both = [p / max(1e-6, float(np.percentile(p, 99))) for _, p in shown[:2]]
    rgb = np.stack([both[0], both[1], both[1]], axis=-1).clip(0, 1)
    axes[3].imshow(rgb)
    axes[3].set_title("red: reconstruction, cyan: anatomy", fontsize=8)
    for axis in axes:
        axis.axis("off")
    errors, nccs = bottom.subplots(1, 2, squeeze=False)[0]
    for one, name, style in ((found, "run", "o-"), (ideal, "oracle", ".--")):
        errors.plot(one.planes, one.error, style, label=name, markersize=3)
        nccs.plot(one.planes, one.ncc, style, label=name, markersize=3)
    errors.set_ylabel("lateral error, voxel")
    nccs.set_ylabel("NCC")
    for axis in (errors, nccs):
        axis.set_xlabel("plane")
        axis.legend(fontsize=7)
    return figure
