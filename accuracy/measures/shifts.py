"""Shifts: what the stage misreported is found, named and undone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from matplotlib.figure import Figure

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import precision, quantile, rate, recall
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.mosaic.projection import Canvas
from linumpy.preproc.rehoming import correct
from linumpy.preproc.stage_evidence import ImageShift, Limits, Pair
from linumpy.scripts.mosaic_views import View, register
from linumpy.scripts.rehoming_steps import bridges, measure
from linumpy.synth import Faults, Rig, Scene
from linumpy.synth.damage import TileDamage
from linumpy.synth.optics import axial_response, speckle_and_noise, vignetting
from linumpy.synth.truth import SliceTruth, Truth, plan

EVENTS = ("glitch", "run", "rehoming", "tile offset", "growth")
KINDS = ("spike", "rehoming", "tile_offset")
"""What a row may be named; one slice misplaced makes two spikes, a run of n makes n + 1."""
LEAST_MM = 0.55
"""A little more than the step that is examined by default."""
Error = tuple[float, float]


@dataclass
class Planted:
    """What goes wrong: faults for the simulator, and per moving slice what its row holds."""

    glitch: dict[int, tuple[float, float]] = field(default_factory=dict)
    rehome: dict[int, tuple[float, float]] = field(default_factory=dict)
    growth: dict[int, tuple[int, int, int, int]] = field(default_factory=dict)
    row: dict[int, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Acquisition:
    """What is imaged; ``looks`` are those of a projection."""

    scene: Scene
    truth: Truth
    planted: Planted
    drawn: dict[str, float]
    looks: float


def draw(seed: int) -> Acquisition:
    """Draw an acquisition and what goes wrong in it."""
    rng = np.random.default_rng([seed, 48])
    tile = int(rng.integers(40, 57))
    lateral_um = float(np.exp(rng.uniform(np.log(16), np.log(50))))
    grid = (int(rng.integers(2, 4)), int(rng.integers(2, 4)))
    overlap = float(rng.uniform(0.05, 0.3))
    n = round(float(np.exp(rng.uniform(np.log(6), np.log(60)))))
    width_um = ((grid[0] - 1) * (1 - overlap) + 1) * tile * lateral_um
    slice_um = width_um * float(rng.uniform(0.005, 0.025))
    first = int(rng.choice([0, 1, 96]))
    ids = tuple(range(first, first + n))
    missing = tuple(i for i in ids[2:-2] if rng.random() < 0.04)
    drift_px, hidden_px = float(rng.uniform(0.1, 1.0)), float(rng.uniform(0, 0.25))
    rig = Rig(
        lateral_um=lateral_um,
        axial_um=slice_um,
        tile_px=(tile, tile),
        n_extra=0,
        overlap=overlap,
        ids=ids,
        slice_um=slice_um,
        image_depth_um=1.5 * slice_um,
        water_um=0.0,
        water_jitter_um=0.0,
        margin_mm=0.05 * width_um / 1000,
        jitter_um=0.0,
        drift_um=drift_px * lateral_um,
        looks=0.0,
        vignetting=float(rng.uniform(0, 0.35)),
        focus_range_um=0.0,
        attenuation_per_mm=0.0,
        gain_drift=float(rng.uniform(0, 0.3)),
    )
    acquired = [i for i in ids if i not in missing]
    planted = plant(rng, acquired, rig)
    hidden = {
        i: (float(x), float(y))
        for i, (x, y) in zip(
            acquired, rng.normal(0, hidden_px * lateral_um, (len(acquired), 2)), strict=True
        )
    }
    faults = Faults(
        glitch=planted.glitch,
        rehome=planted.rehome,
        growth=planted.growth,
        missing=missing,
        hidden_shift_um=hidden,
    )
    coverage, contrast = float(rng.uniform(0.6, 1.0)), float(rng.uniform(0.4, 1.3))
    x_mm, y_mm = rig.extent_for(*grid)
    size = ((len(ids) + 2) * slice_um / 1000, y_mm, x_mm)
    scene = draw_scene(
        rng,
        size,
        finest_um=lateral_um * float(rng.uniform(1.6, 4)),
        coverage=coverage,
        contrast=contrast,
    )
    looks = float(np.exp(rng.uniform(0, np.log(16)))) * float(rng.uniform(5, 30))
    drawn = {
        "n_slices": float(len(acquired)),
        "lateral_um": lateral_um,
        "overlap_fraction": overlap,
        "tile_px": float(tile),
        "looks_of_projection": looks,
        "coverage_fraction": coverage,
        "tissue_contrast": contrast,
        "drift_px": drift_px,
        "hidden_motion_px": hidden_px,
        "slice_per_width": slice_um / width_um,
        "n_gaps": float(len(missing)),
        "n_events": float(len(planted.row)),
    }
    return Acquisition(scene, plan(scene, rig, faults, seed), planted, drawn, looks)


def plant(rng: np.random.Generator, ids: Sequence[int], rig: Rig) -> Planted:
    """Plant events on slices, at least two ordinary rows between them."""
    found = Planted()
    at = int(rng.integers(2, 5))
    while at < len(ids) - 2:
        kind = EVENTS[int(rng.integers(len(EVENTS)))]
        at += _EVENT[kind](rng, ids, at, rig, found) + int(rng.integers(2, 9))
    return found


def _size(rng: np.random.Generator, rig: Rig) -> Error:
    """Draw an error of the report: at least what is examined, at most a field of view or so."""
    while True:
        angle = rng.uniform(0, 2 * np.pi)
        size = rng.uniform(LEAST_MM, max(1.2 * min(rig.fov_mm), 2 * LEAST_MM))
        error = (float(size * np.cos(angle)), float(size * np.sin(angle)))
        if not _is_whole(error, rig):
            return error


def _is_whole(error: Error, rig: Rig) -> bool:
    """Say whether an axis is near a whole number of fields of view: another kind of event."""
    off = [abs(e / f - round(e / f)) for e, f in zip(error, rig.fov_mm, strict=True)]
    whole = [abs(round(e / f)) >= 1 for e, f in zip(error, rig.fov_mm, strict=True)]
    return any(w and o < 0.15 for w, o in zip(whole, off, strict=True))


def _glitch(rng: np.random.Generator, ids: Sequence[int], at: int, rig: Rig, found: Planted) -> int:
    found.glitch[ids[at]] = _size(rng, rig)
    found.row |= {ids[at]: "spike", ids[at + 1]: "spike"}
    return 2


def _run(rng: np.random.Generator, ids: Sequence[int], at: int, rig: Rig, found: Planted) -> int:
    n = min(int(rng.integers(2, 5)), len(ids) - 1 - at)
    before = (0.0, 0.0)
    for i in range(at, at + n):
        while True:
            error = _size(rng, rig)
            if np.hypot(error[0] - before[0], error[1] - before[1]) > LEAST_MM:
                break
        found.glitch[ids[i]], before = error, error
    found.row |= {ids[i]: "spike" for i in range(at, at + n + 1)}
    return n + 1


def _rehoming(
    rng: np.random.Generator, ids: Sequence[int], at: int, rig: Rig, found: Planted
) -> int:
    found.rehome[ids[at]] = _size(rng, rig)
    found.row[ids[at]] = "rehoming"
    return 1


def _tile_offset(
    rng: np.random.Generator, ids: Sequence[int], at: int, rig: Rig, found: Planted
) -> int:
    n = rng.integers(-2, 3, 2)
    n[int(rng.integers(2))] = rng.choice([-2, -1, 1, 2])
    found.rehome[ids[at]] = (float(n[0] * rig.fov_mm[0]), float(n[1] * rig.fov_mm[1]))
    found.row[ids[at]] = "tile_offset"
    return 1


def _growth(
    rng: np.random.Generator, ids: Sequence[int], at: int, _rig: Rig, found: Planted
) -> int:
    sides = [0, 0, 0, 0]
    sides[int(rng.integers(4))] = 1
    total = [sum(g[s] for g in found.growth.values()) for s in range(4)]
    # a side that grew gives its tile back, so that pictures stay small
    sides = [-1 if s and t else s for s, t in zip(sides, total, strict=True)]
    found.growth[ids[at]] = (sides[0], sides[1], sides[2], sides[3])
    found.row[ids[at]] = "growth"
    return 1


class _Plant(Protocol):
    """Plants one event from a slice on; returns how many rows it takes."""

    def __call__(
        self, rng: np.random.Generator, ids: Sequence[int], at: int, rig: Rig, found: Planted, /
    ) -> int: ...


_EVENT: dict[str, _Plant] = {
    "glitch": _glitch,
    "run": _run,
    "rehoming": _rehoming,
    "tile offset": _tile_offset,
    "growth": _growth,
}


def view_of(one: Acquisition, at: SliceTruth, pixel_mm: float) -> View:
    """Image one slice: every tile's projection through the simulator's optics."""
    rig = one.truth.rig
    rng = np.random.default_rng([one.truth.seed, 49, at.number])
    canvas = Canvas(pixel_mm, n_slabs=1, depth_mm=1.0)
    nx, ny = rig.tile_px
    imaged = replace(rig, looks=one.looks)
    for place in at.tile_truths.values():
        x0, y0 = place.origin_mm
        x = x0 + (np.arange(nx) + 0.5) * rig.pixel_mm[0] + at.hidden_shift_um[0] / 1000
        y = y0 + (np.arange(ny) + 0.5) * rig.pixel_mm[1] + at.hidden_shift_um[1] / 1000
        depth = np.array([0.15, 0.5, 0.85]) * rig.slice_um / 1000
        plane = one.scene.on_axes(at.z_mm + depth, y, x).mean(axis=0)
        signal = plane[:, :, None].copy()
        axial_response(signal, np.zeros(plane.shape, np.float32), None, rig)
        signal *= (vignetting(rig) * at.gain).astype(np.float32)[:, :, None]
        tile = speckle_and_noise(signal, imaged, TileDamage(), rng)
        corner = (y0 - at.origin_mm[1], x0 - at.origin_mm[0])
        canvas.add(tile.transpose(2, 0, 1), corner, (1.0, rig.pixel_mm[1], rig.pixel_mm[0]))
    return View(canvas.finish(), None)


def reported(one: Acquisition) -> tuple[Shift, ...]:
    """Return the rows that the stage's report gives: decisions 1, from the edges of the mosaics."""
    rig = one.truth.rig
    rows = []
    for a, b in pairwise(one.truth.slices.values()):
        step = [
            q + f - p - e
            for p, e, q, f in zip(
                a.origin_mm, a.reported_error_mm, b.origin_mm, b.reported_error_mm, strict=True
            )
        ]
        px = [d / p for d, p in zip(step, rig.pixel_mm, strict=True)]
        rows.append(
            Shift(a.slice_id, b.slice_id, px[0], px[1], step[0], step[1], a.tiles == b.tiles)
        )
    return tuple(rows)


def evidence(one: Acquisition) -> tuple[tuple[Shift, ...], dict[Pair, ImageShift]]:
    """Return the rows and what the pictures say of them, as the command does."""
    rig = one.truth.rig
    rows = reported(one)
    views = {key: view_of(one, at, rig.pixel_mm[0]) for key, at in one.truth.slices.items()}
    position = {rows[0].fixed: (0.0, 0.0)}
    for row in rows:
        x, y = position[row.fixed]
        position[row.moving] = (x + row.x_mm, y + row.y_mm)
    images = measure(
        views, register(views, [(r.fixed, r.moving) for r in rows], workers=1), position
    )
    across = bridges(rows, images)
    images |= measure(views, register(views, across, workers=1), position)
    return rows, images


def path_error_px(one: Acquisition, fixed: Sequence[Shift]) -> np.ndarray:
    """Return how far each slice lies from where a truthful stage has it, px; the first at 0."""
    rig = one.truth.rig
    slices = list(one.truth.slices.values())
    true = np.array([s.origin_mm for s in slices]) - slices[0].origin_mm
    path = np.vstack([np.zeros(2), np.cumsum([(r.x_mm, r.y_mm) for r in fixed], axis=0)])
    return np.asarray(np.hypot(*((path - true) / rig.pixel_mm).T))


def trial(seed: int) -> Trial:
    """Correct the report of one acquisition, by the pictures and by exact displacements."""
    one = draw(seed)
    rows, images = evidence(one)
    fixed, events = correct(rows, limits=_limits(one), image_shifts=images)
    named = {event.moving: event.kind for event in events}
    true = {SliceId(number): kind for number, kind in one.planted.row.items()}
    found: dict[str, tuple[float, ...]] = {}
    for kind in KINDS:
        found[f"is_{kind}"] = tuple(float(named.get(r.moving) == kind) for r in rows)
        found[f"is_planted_{kind}"] = tuple(float(true.get(r.moving) == kind) for r in rows)
    grown = [r for r in fixed if true.get(r.moving) == "growth"]
    found["is_growth_kept"] = tuple(
        float(r.moving not in named and r.reliable is False) for r in grown
    )
    found["path_error_px"] = (float(path_error_px(one, fixed).max()),)
    exact, _ = correct(rows, limits=_limits(one), image_shifts=_exact(one, images))
    oracle = {"path_error_px": (float(path_error_px(one, exact).max()),)}
    kinds = {"anatomy": one.scene.name}
    return Trial(seed=seed, drawn=one.drawn, found=found, oracle=oracle, kinds=kinds)


def _limits(one: Acquisition) -> Limits:
    return Limits(tile_fov_mm=one.truth.rig.fov_mm)


def _exact(one: Acquisition, images: Mapping[Pair, ImageShift]) -> dict[Pair, ImageShift]:
    """Return the same evidence with the displacements that the tissue has."""
    at = {
        key: np.add(s.origin_mm, np.divide(s.hidden_shift_um, 1000))
        for key, s in one.truth.slices.items()
    }
    known = {}
    for pair, image in images.items():
        x, y = (float(v) for v in at[pair[1]] - at[pair[0]])
        known[pair] = replace(image, x_mm=x, y_mm=y, broad=1.0, detail=1.0)
    return known


def picture(seed: int) -> Figure:
    """Draw the path: true, as reported, as corrected; wrong rows are marked."""
    one = draw(seed)
    rows, images = evidence(one)
    fixed, events = correct(rows, limits=_limits(one), image_shifts=images)
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots(2, 1, sharex=True)
    ids = [rows[0].fixed, *(row.moving for row in rows)]
    for some, label in ((rows, "as reported"), (fixed, "corrected")):
        path = np.cumsum([(0.0, 0.0), *((row.x_mm, row.y_mm) for row in some)], axis=0)
        axes[0].plot(range(len(ids)), path, marker=".", label=[f"x {label}", f"y {label}"])
    axes[0].legend(fontsize="x-small")
    axes[0].set_ylabel("path (mm)")
    axes[1].plot(range(len(ids)), path_error_px(one, fixed), marker=".")
    axes[1].set_ylabel("path error (px)")
    axes[1].set_xticks(range(len(ids)), ids, fontsize="x-small", rotation=90)
    true = {SliceId(number): kind for number, kind in one.planted.row.items() if kind != "growth"}
    named = {event.moving: event.kind for event in events}
    wrong = [f"{k}: {true.get(k)} named {named.get(k)}" for k in ids if true.get(k) != named.get(k)]
    figure.suptitle(f"seed {seed}, {one.scene.name}; {'; '.join(wrong) or 'all named right'}")
    return figure


def _targets() -> tuple[Target, ...]:
    found = []
    for kind in KINDS:
        for name, statistic in (("precision", precision), ("recall", recall)):
            said, planted = f"is_{kind}", f"is_planted_{kind}"
            found.append(
                Target(
                    label=f"{kind.replace('_', ' ')}: {name}",
                    statistic=statistic(said, planted),
                    needs=(said, planted),
                    sense="at least",
                    bound=0.99,
                )
            )
    growth = Target(
        label="steps of a grown grid that are kept and marked to be checked",
        statistic=rate("is_growth_kept"),
        needs=("is_growth_kept",),
        sense="at least",
        bound=0.99,
    )
    path = Target(
        label="largest error of a path",
        statistic=quantile("path_error_px", 1.0),
        needs=("path_error_px",),
        sense="at most",
        bound=1.0,
        unit="px",
    )
    return (*found, growth, path)


MEASURE = Measure(
    name="shifts",
    how=(
        "Acquisitions of 6 to 60 slices with glitches of one slice, runs of 2 to 4 misplaced "
        "slices, re-homings that stay, offsets by whole fields of view, grids that grow and shrink "
        "and ids that were never acquired; at least two ordinary rows lie between events, which "
        "are longer than the step that is examined. Every slice is imaged tile by tile through the "
        "simulator's optics, the pictures are registered and the report is corrected by the "
        "functions behind `linum_detect_rehoming.py --mosaics --tile_fov_mm`. Precision and recall "
        "count rows by the kind that is named. The error of a path is the largest distance of a "
        "slice from where a truthful stage has it, in native pixels. Tissue moves by up to a "
        "quarter of a pixel on its own (standard deviation), which no picture tells from the "
        "stage; the oracle is the same correction with the tissue's exact displacements."
    ),
    trial=trial,
    targets=_targets(),
    quick=30,
    full=160,
    worst_by="path_error_px",
    picture=picture,
)
