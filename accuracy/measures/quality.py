"""Slice quality: damaged slices told from the others, identical tissue, calibration slices."""

from dataclasses import dataclass, replace

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import auc, quantile, rate, total
from linumpy.core.slice_id import SliceId
from linumpy.mosaic.projection import Canvas
from linumpy.quality.calibration import thick_slices
from linumpy.quality.traits import Meter, measure_tile
from linumpy.scripts.mosaic_views import N_LOOKS, View
from linumpy.scripts.quality_steps import Verdict, assess
from linumpy.synth import DAMAGE_KINDS, Faults, Rig, Scene, SimulatedSlice, render
from linumpy.synth.truth import Truth, plan

BAD_NCC = 0.8
"""The issue's truth: damage that takes the correlation with the undamaged slice below it."""
CALIBRATION_RATIO = 1.5
N_SLABS = 5
"""As linum_assess_slice_quality.py has it by default."""
STILL_EVERY = 4
"""Of so many acquisitions one is of the same tissue in every slice, in other speckle."""


@dataclass(frozen=True)
class Acquisition:
    """What is imaged; of a still one the blade never advances."""

    scene: Scene
    truth: Truth
    is_still: bool
    drawn: dict[str, float]


def draw(seed: int) -> Acquisition:
    """Draw an acquisition of 4 to 8 slices, one or two of them damaged."""
    rng = np.random.default_rng([seed, 46])
    is_still = seed % STILL_EVERY == STILL_EVERY - 1
    tile = round(float(np.exp(rng.uniform(np.log(40), np.log(100)))))
    most = 2 if tile > 70 else 3
    grid = (int(rng.integers(2, most + 1)), int(rng.integers(2, most + 1)))
    n = int(rng.choice([4, 5, 6, 8]))
    rig, drawn = _rig(rng, tile, grid, n)
    faults = _damage(rng, n, is_still)
    if is_still:
        rig = replace(rig, slice_um=1e-3)
    coverage, contrast = float(rng.uniform(0.5, 1.0)), float(rng.uniform(0.4, 1.3))
    x_mm, y_mm = rig.extent_for(*grid)
    z_mm = rig.z_mm(n - 1) + rig.nz(calibration=True) * rig.axial_um / 1000
    scene = draw_scene(
        rng,
        (z_mm, y_mm, x_mm),
        finest_um=rig.lateral_um * float(rng.uniform(1.6, 5)),
        coverage=coverage,
        contrast=contrast,
    )
    drawn |= {"n_slices": float(n), "coverage_fraction": coverage, "tissue_contrast": contrast}
    return Acquisition(scene, plan(scene, rig, faults, seed), is_still, drawn)


def _rig(
    rng: np.random.Generator, tile: int, grid: tuple[int, int], n: int
) -> tuple[Rig, dict[str, float]]:
    """Draw the instrument; depth and cut follow the width, as sections of one brain do."""
    overlap = float(rng.uniform(0.05, 0.3))
    lateral_um = float(np.exp(rng.uniform(np.log(3), np.log(50))))
    width_um = ((grid[0] - 1) * (1 - overlap) + 1) * tile * lateral_um
    slice_um = width_um * float(rng.uniform(0.008, 0.03))
    depth_um = slice_um * float(rng.uniform(1.2, 2.0))
    nz = int(rng.integers(12, 25))
    lean = rng.normal(0, 1.5 * depth_um / width_um, 2)
    rig = Rig(
        lateral_um=lateral_um,
        axial_um=depth_um / nz,
        tile_px=(tile, tile),
        n_extra=0,
        overlap=overlap,
        ids=tuple(range(n)),
        slice_um=slice_um,
        image_depth_um=depth_um + 0.01,
        water_um=depth_um * float(rng.uniform(0.02, 0.12)),
        water_jitter_um=0.01 * depth_um,
        margin_mm=0.05 * width_um / 1000,
        jitter_um=0.5 * lateral_um,
        drift_um=2 * lateral_um,
        looks=float(np.exp(rng.uniform(0, np.log(16)))),
        noise=float(rng.uniform(1, 8)),
        vignetting=float(rng.uniform(0, 0.35)),
        focus_um=0.3 * depth_um,
        focus_range_um=depth_um,
        attenuation_per_mm=float(rng.uniform(0.2, 1.0)) / depth_um * 1000,
        tilt_deg=(float(lean[0]), float(lean[1])),
        gain_drift=float(rng.uniform(0, 0.3)),
    )
    return rig, {
        "tile_px": float(tile),
        "overlap_fraction": overlap,
        "lateral_um": lateral_um,
        "looks": rig.looks,
        "gain_drift": rig.gain_drift,
        "slice_per_width": slice_um / width_um,
        "planes": float(nz),
    }


def _damage(rng: np.random.Generator, n: int, is_still: bool) -> Faults:
    calibration = (0,) if rng.random() < 0.3 and n > 4 else ()
    some = rng.permutation(np.arange(len(calibration), n))[: 2 if n > 6 else 1].tolist()
    if is_still:
        return Faults(calibration=calibration)
    kinds = {i: DAMAGE_KINDS[int(rng.integers(7))] for i in some}
    severity = {i: float(rng.uniform(0.05, 1)) for i in some}
    return Faults(calibration=calibration, quality=kinds, severity=severity)


def look(one: Acquisition) -> dict[SliceId, View]:
    """Image every slice and reduce it as the command does."""
    rig = one.truth.rig
    depth_mm = rig.nz() * rig.axial_um / 1000
    return {s.slice_id: _view(s, rig, depth_mm) for s in render(one.scene, one.truth)}


def _view(simulated: SimulatedSlice, rig: Rig, depth_mm: float) -> View:
    spacing = (rig.axial_um / 1000, rig.pixel_mm[1], rig.pixel_mm[0])
    canvas = Canvas(rig.pixel_mm[0], n_slabs=N_SLABS, depth_mm=depth_mm, n_looks=N_LOOKS)
    meter = Meter()
    tiles = {
        (t.row, t.column): (t.pixels, (t.info.stage_y_mm or 0.0, t.info.stage_x_mm or 0.0))
        for t in simulated.tiles
    }
    first = np.min([at for _, at in tiles.values()], axis=0)
    for place, (pixels, at) in tiles.items():
        volume = np.ascontiguousarray(pixels.transpose(0, 2, 1))
        y, x = (float(v) for v in np.subtract(at, first))
        canvas.add(volume, (y, x), spacing)
        meter.add(place, (y / spacing[1], x / spacing[2]), measure_tile(volume))
    return View.of(canvas.finish(), meter.finish())


def true_nccs(one: Acquisition) -> dict[int, tuple[float, float]]:
    """Return, by damaged slice, its correlation with the undamaged one: voxels, depth averages.

    Both without speckle, which is no damage; the undamaged one without noise too.
    """
    hurt = set(one.truth.faults.quality)
    rig = replace(one.truth.rig, looks=0.0)
    damaged = {k: s for k, s in one.truth.slices.items() if s.number in hurt}
    whole = {k: replace(s, quality="good", severity=0.0) for k, s in damaged.items()}
    seen = _volumes(one.scene, replace(one.truth, rig=rig, slices=damaged))
    meant = _volumes(one.scene, replace(one.truth, rig=replace(rig, noise=0.0), slices=whole))
    return {
        i: (_ncc(seen[i], meant[i]), _ncc(seen[i].mean(axis=1), meant[i].mean(axis=1)))
        for i in seen
    }


def _volumes(scene: Scene, truth: Truth) -> dict[int, NDArray[np.float32]]:
    """Return the tiles (tile, z, x, y) of every slice."""
    return {
        simulated.slice_id.number: np.stack([tile.pixels for tile in simulated.tiles])
        for simulated in render(scene, truth)
    }


def _ncc(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    a, b = (v.ravel().astype(np.float64) - v.mean(dtype=np.float64) for v in (one, other))
    norm = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / norm if norm > 0 else 0.0


def judge(one: Acquisition) -> dict[SliceId, Verdict]:
    """Return what is found of every slice; calibration slices are no references."""
    views = look(one)
    usual = [key for key in views if key.number not in one.truth.faults.calibration]
    return assess(views, usual, workers=1)


def trial(seed: int) -> Trial:
    """Judge one acquisition."""
    one = draw(seed)
    verdicts = {k: v for k, v in judge(one).items() if k.number not in one.truth.faults.calibration}
    found = _calibration(one)
    if one.is_still:
        found["identical_score"] = tuple(v.score.overall for v in verdicts.values())
        found["identical_plain_score"] = tuple(v.score.plain for v in verdicts.values())
    else:
        found |= _damage_found(one, verdicts)
    return Trial(seed=seed, drawn=one.drawn, found=found, kinds={"anatomy": one.scene.name})


def _damage_found(
    one: Acquisition, verdicts: dict[SliceId, Verdict]
) -> dict[str, tuple[float, ...]]:
    severity = [_severity(v) for v in verdicts.values()]
    truth = true_nccs(one)
    nccs = [truth.get(key.number, (1.0, 1.0)) for key in verdicts]
    undamaged = [s for key, s in zip(verdicts, severity, strict=True) if key.number not in truth]
    is_bad = [by_voxels < BAD_NCC for by_voxels, _ in nccs]
    return {
        "severity": tuple(severity),
        "is_bad": tuple(float(bad) for bad in is_bad),
        "is_bad_average": tuple(float(average < BAD_NCC) for _, average in nccs),
        "is_good_excluded": tuple(float(s >= 1) for s in undamaged),
        "is_misjudged": tuple(
            float(bad != (s >= 1)) for bad, s in zip(is_bad, severity, strict=True)
        ),
    }


def _severity(verdict: Verdict) -> float:
    return 0.0 if verdict.worst is None else verdict.worst.severity


def _calibration(one: Acquisition) -> dict[str, tuple[float, ...]]:
    depths = {key: s.nz * one.truth.rig.axial_um for key, s in one.truth.slices.items()}
    found = {key.number for key in thick_slices(depths, ratio=CALIBRATION_RATIO)}
    return {"is_calibration_right": (float(found == set(one.truth.faults.calibration)),)}


def picture(seed: int) -> Figure:
    """Draw the slices' pictures with what was planted and what was found."""
    one = draw(seed)
    views, verdicts = look(one), judge(one)
    figure = Figure(figsize=(2.6 * len(views), 3.2), layout="constrained")
    for axes, (key, view) in zip(
        np.ravel(figure.subplots(1, len(views))), views.items(), strict=True
    ):
        axes.imshow(view.projection.average, cmap="gray")
        kind, strength = one.truth.faults.damage_of(key.number)
        verdict = verdicts[key]
        axes.set_title(
            f"{key}: {kind} {strength:.2f}\n{verdict.worst}\nscore {verdict.quality_score}",
            fontsize=7,
        )
        axes.axis("off")
    figure.suptitle(f"seed {seed}, {one.scene.name}", fontsize=8)
    return figure


MEASURE = Measure(
    name="quality",
    how=(
        "Acquisitions of 4 to 8 slices are imaged whole by the simulator, one or two slices with a "
        "damage of a drawn kind and severity, and judged by the functions behind "
        "`linum_assess_slice_quality.py`. A slice is bad by truth when its correlation with the "
        "undamaged slice is below 0.8, both without speckle; once over all voxels, once over depth "
        "averages. All others are negatives, the mildly damaged too. In every fourth acquisition "
        "all slices show the same tissue, in speckle, noise and gain of their own: the score must "
        "take them for identical. Calibration slices are twice as deep as the others."
    ),
    trial=trial,
    targets=(
        Target(
            label="AUC, bad by voxels against all others",
            statistic=auc("severity", "is_bad"),
            needs=("severity", "is_bad"),
            sense="at least",
            bound=0.97,
        ),
        Target(
            label="AUC, bad by depth averages against all others",
            statistic=auc("severity", "is_bad_average"),
            needs=("severity", "is_bad_average"),
            sense="at least",
            bound=0.97,
        ),
        Target(
            label="undamaged slices that are left out",
            statistic=total("is_good_excluded"),
            needs=("is_good_excluded",),
            sense="at most",
            bound=0.0,
        ),
        Target(
            label="score of slices with identical neighbours, 5th percentile",
            statistic=quantile("identical_score", 0.05),
            needs=("identical_score",),
            sense="at least",
            bound=0.95,
        ),
        Target(
            label="calibration slices found by thickness, and no other",
            statistic=rate("is_calibration_right"),
            needs=("is_calibration_right",),
            sense="at least",
            bound=1.0,
        ),
    ),
    quick=24,
    full=240,
    worst_by="is_misjudged",
    picture=picture,
)
