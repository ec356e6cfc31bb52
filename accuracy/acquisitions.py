"""Acquisitions drawn from a seed, as a rig writes them, with everything that varies."""

import math
from dataclasses import dataclass, replace

import numpy as np

from accuracy.anatomy import draw_scene
from linumpy.synth import Faults, Rig, Scene, Truth, plan
from linumpy.synth.planting import draw_faults

_MOST_DEPTH_SAMPLES = 140
_LEAST_FOV_UM = 400.0


@dataclass(frozen=True)
class Acquisition:
    """What is imaged, the truth about it, and the working resolution that suits it."""

    scene: Scene
    truth: Truth
    resolution_um: float
    drawn: dict[str, float]


def draw_acquisition(seed: int, most_slices: int) -> Acquisition:
    """Draw a rig, an anatomy and faults; raises `NotRun` without the real anatomy.

    Ranges: lateral 3–50 µm, axial 1.4–8 µm, tiles of 40 px or more, n_extra 8–60, overlap 5–30 %,
    1–16 looks, tilt up to 0.5°, gain drift up to 30 %, the anatomy spans 55–100 % of each side.
    """
    rng = np.random.default_rng([seed, 81])
    rig, resolution_um = _draw_rig(rng, most_slices)
    grid = (int(rng.integers(2, 5)), int(rng.integers(2, 4)))
    coverage, contrast = float(rng.uniform(0.55, 1)), float(rng.uniform(0.5, 1))
    width, height = rig.extent_for(*grid)
    depth = rig.z_mm(rig.ids[-1]) + rig.nz(calibration=True) * rig.axial_um / 1000
    scene = draw_scene(
        rng,
        (depth, height, width),
        finest_um=max(1.6 * rig.lateral_um, width * 1000 / 250),
        coverage=coverage,
        contrast=contrast,
    )
    faults = _draw_faults(rng, rig, grid)
    return Acquisition(
        scene,
        plan(scene, rig, faults, seed),
        resolution_um,
        {
            "lateral_um": rig.lateral_um,
            "axial_um": rig.axial_um,
            "tile_px": float(rig.tile_px[0]),
            "n_extra": float(rig.n_extra),
            "overlap_fraction": rig.overlap,
            "looks": rig.looks,
            "tilt_deg": float(np.hypot(*rig.tilt_deg)),
            "gain_drift": rig.gain_drift,
            "coverage": coverage**2,
            "contrast": contrast,
            "n_slices": float(len(rig.ids)),
            "cut_um": rig.slice_um,
            "voxel_um": resolution_um,
        },
    )


def _draw_rig(rng: np.random.Generator, most_slices: int) -> tuple[Rig, float]:
    lateral, axial = _log_uniform(rng, 3, 50), _log_uniform(rng, 1.4, 8)
    tile = max(_log_uniform(rng, 40, 110), _LEAST_FOV_UM / lateral)
    resolution = max(lateral, axial) * rng.uniform(1, 1.6)
    cut = float(np.clip(resolution * rng.uniform(4, 8), 60, 400))
    image_depth = cut * rng.uniform(1.3, 1.7) + 40
    axial = max(axial, image_depth / _MOST_DEPTH_SAMPLES)
    n_slices = round(_log_uniform(rng, 4, most_slices))
    signs = rng.choice((-1, 1), 2)
    rig = Rig(
        lateral_um=round(lateral, 2),
        axial_um=round(axial, 2),
        tile_px=(round(tile), round(tile * rng.uniform(0.8, 1.1))),
        n_extra=round(_log_uniform(rng, 8, 60)),
        overlap=round(rng.uniform(0.05, 0.3), 3),
        ids=tuple(range(n_slices)),
        slice_um=round(cut),
        image_depth_um=image_depth,
        looks=round(_log_uniform(rng, 1, 16), 2),
        tilt_deg=(round(rng.uniform(-0.35, 0.35), 3), round(rng.uniform(-0.35, 0.35), 3)),
        field_curvature_um=round(rng.uniform(0, 8), 1),
        gain_drift=round(rng.uniform(0, 0.3), 3),
        attenuation_contrast=round(rng.uniform(0, 0.7), 2),
        stage_sign_x=1 if signs[0] > 0 else -1,
        stage_sign_y=1 if signs[1] > 0 else -1,
        stage_zero_mm=(round(rng.uniform(-30, 30), 2), round(rng.uniform(-30, 30), 2), 0.0),
        margin_mm=round(0.08 * lateral * tile / 1000, 3),
        jitter_um=round(0.3 * lateral, 2),
        drift_um=round(0.5 * lateral, 2),
    )
    return rig, round(resolution, 1)


def _draw_faults(rng: np.random.Generator, rig: Rig, grid: tuple[int, int]) -> Faults:
    """Return up to one fault per two slices, the first slice without any."""
    n_faults = int(rng.integers(0, len(rig.ids) // 2 + 1))
    faults = draw_faults(rig, grid, int(rng.integers(2**31)), n_faults)
    calibration = (rig.ids[0],) if rng.uniform() < 0.3 else ()
    return replace(faults, calibration=calibration)


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return float(np.exp(rng.uniform(math.log(low), math.log(high))))
