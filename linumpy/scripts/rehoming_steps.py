"""The steps of linum_detect_rehoming.py that need several rooms: evidence, report, plot."""

import io
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
from matplotlib.figure import Figure

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.mosaic.coarse import Displacement, agreement_at
from linumpy.preproc.rehoming import Event
from linumpy.preproc.stage_evidence import ImageShift, Limits, Pair
from linumpy.scripts.mosaic_views import View

ACCURACY_PX = 0.5
"""What a coarse registration of two slices is worth, pixels of the picture: tissue differs."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """What the slices' pictures say: ``shifts`` by pair; ``distrusted``, slice → its galvo state.

    The picture of a slice that is not trusted can confirm the stage, not overrule it.
    """

    shifts: Mapping[Pair, ImageShift] = field(default_factory=dict)
    distrusted: Mapping[SliceId, str] = field(default_factory=dict)


def measure(
    views: Mapping[SliceId, View],
    displacements: Mapping[Pair, Displacement],
    position_mm: Mapping[SliceId, tuple[float, float]],
    distrusted: Collection[SliceId] = (),
) -> dict[Pair, ImageShift]:
    """Return what each registration says, beside how well the stage's own place fits.

    Parameters
    ----------
    views, displacements : mapping
        Pictures and how they lie on each other.
    position_mm : mapping
        Where the stage says that each slice lies, (x, y).
    distrusted : collection of SliceId
        Slices whose pictures may not overrule the stage.
    """
    found = {}
    for (fixed, moving), shift in displacements.items():
        pictures = [views[key].projection for key in (fixed, moving)]
        pixel_mm = pictures[0].pixel_mm
        x_mm, y_mm = (b - a for a, b in zip(position_mm[fixed], position_mm[moving], strict=True))
        at_stage = agreement_at(
            (pictures[0].average, pictures[0].cover),
            (pictures[1].average, pictures[1].cover),
            (y_mm / pixel_mm, x_mm / pixel_mm),
        )
        found[fixed, moving] = ImageShift(
            x_mm=shift.x_px * pixel_mm,
            y_mm=shift.y_px * pixel_mm,
            broad=shift.agreement.broad,
            detail=shift.agreement.detail,
            score_at_stage=None if at_stage is None else at_stage.score,
            sigma_mm=ACCURACY_PX * pixel_mm,
            may_overrule=fixed not in distrusted and moving not in distrusted,
        )
    return found


def bridges(rows: Sequence[Shift], images: Mapping[Pair, ImageShift]) -> list[Pair]:
    """Return the pairs on both sides of each run of transitions where nothing matched."""
    pairs = []
    start = 0
    while start < len(rows):
        stop = start
        while stop < len(rows) and not _matches(rows[stop], images):
            stop += 1
        if stop - start > 1:
            pairs.append((rows[start].fixed, rows[stop - 1].moving))
        start = max(stop, start + 1)
    return pairs


def report(
    rows: Sequence[Shift],
    fixed: Sequence[Shift],
    events: Sequence[Event],
    pictures: Pictures,
    limits: Limits,
) -> dict[str, object]:
    """Return the content of ``rehoming_report.json``."""
    images = pictures.shifts
    kinds = {"spike": "spikes", "tile_offset": "tile_offsets", "rehoming": "rehomings"}
    corrected = {
        f"corrected_{name}": [_describe(event) for event in events if event.kind == kind]
        for kind, name in kinds.items()
    }
    transitions = [
        {
            "fixed_id": old.fixed,
            "moving_id": old.moving,
            "stage_mm": [old.x_mm, old.y_mm],
            "corrected_mm": [new.x_mm, new.y_mm],
            "reliable": new.reliable,
            "grid_unchanged": old.reliable,
            "images": asdict(images[pair]) if (pair := (old.fixed, old.moving)) in images else None,
        }
        for old, new in zip(rows, fixed, strict=True)
    ]
    across = {f"{a}-{b}": asdict(i) for (a, b), i in images.items() if not _is_row(rows, a, b)}
    return {
        "n_corrected": len(events),
        **corrected,
        "limits": {**asdict(limits), "contradiction_mm": limits.contradiction_mm},
        "transitions": transitions,
        "pictures_not_trusted": pictures.distrusted,
        "bridges": across,
    }


def undecided(fixed: Sequence[Shift], pictures: Pictures, limits: Limits) -> list[str]:
    """Say where pictures that are not trusted contradict what is written, in a line each."""
    found = []
    for row in fixed:
        image = pictures.shifts.get((row.fixed, row.moving))
        if image is None or image.may_overrule or not image.has_match:
            continue
        if np.hypot(row.x_mm - image.x_mm, row.y_mm - image.y_mm) <= limits.contradiction_mm:
            continue
        states = [
            f"galvo of z{key} {pictures.distrusted[key]}"
            for key in (row.fixed, row.moving)
            if key in pictures.distrusted
        ]
        found.append(
            f"z{row.fixed} → z{row.moving}: the stage's ({row.x_mm:.3f}, {row.y_mm:.3f}) mm stays, "
            f"the pictures say ({image.x_mm:.3f}, {image.y_mm:.3f}) mm ({', '.join(states)})"
        )
    return found


def plot(rows: Sequence[Shift], fixed: Sequence[Shift], events: Sequence[Event]) -> bytes:
    """Return a PNG: shifts along x and y before and after, corrected transitions marked."""
    figure = Figure(figsize=(max(7.0, 0.2 * len(rows)), 6.0), layout="constrained")
    places = np.arange(len(rows))
    marked = [event.index for event in events]
    for axes, name in zip(figure.subplots(2, 1, sharex=True), ("x_mm", "y_mm"), strict=True):
        before = np.array([getattr(row, name) for row in rows], dtype=float)
        after = np.array([getattr(row, name) for row in fixed], dtype=float)
        axes.plot(places, before, color="0.6", marker=".", label="as reported by the stage")
        axes.plot(places, after, color="C0", marker=".", label="corrected")
        axes.plot(marked, after[marked], "o", color="C3", fillstyle="none", label="changed")
        axes.set_ylabel(f"{name[0]} shift (mm)")
        axes.axhline(0, color="0.9", zorder=0)
    axes.set_xlabel("moving slice")
    every = max(1, len(rows) // 30)
    axes.set_xticks(places[::every], [row.moving for row in rows][::every])
    figure.axes[0].legend(loc="best", fontsize="small")
    buffer = io.BytesIO()
    # Without the software's version and the time, the same shifts give the same bytes.
    figure.savefig(buffer, format="png", dpi=110, metadata={"Software": None})
    return buffer.getvalue()


def _matches(row: Shift, images: Mapping[Pair, ImageShift]) -> bool:
    image = images.get((row.fixed, row.moving))
    return image is not None and image.has_match and image.may_overrule


def _is_row(rows: Sequence[Shift], fixed: SliceId, moving: SliceId) -> bool:
    return any((row.fixed, row.moving) == (fixed, moving) for row in rows)


def _describe(event: Event) -> dict[str, object]:
    return {
        "index": event.index,
        "fixed_id": event.fixed,
        "moving_id": event.moving,
        "correction_type": event.kind,
        "decided_by": "images" if event.is_from_images else "stage",
        "original_x_shift_mm": event.original_mm[0],
        "original_y_shift_mm": event.original_mm[1],
        "corrected_x_shift_mm": event.corrected_mm[0],
        "corrected_y_shift_mm": event.corrected_mm[1],
    }
