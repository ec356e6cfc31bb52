"""Rigid registration against planted truth: errors, and whether confidence orders them.

``python benchmarks/registration.py --n 60`` prints one row per engine. SimpleITK is measured too
when it is installed. Nothing here is shared with what is measured. Volumes that are given
(``--volume x.npy``, axes z, y, x) are used as a fourth kind of anatomy.
"""

import argparse
import importlib.util
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage, stats

from linumpy.registration.bands import even_out
from linumpy.registration.pairwise import confidence_of, start_motions
from linumpy.registration.refine import Bounds, RigidFit, refine_rigid

Array = np.ndarray
Rng = np.random.Generator
Planted = tuple[float, float, float]
KINDS = ("folds", "cells", "cloud")


@dataclass(frozen=True)
class Case:
    """Two planes and the motion (rotation_deg, dx, dy) that lays moving on fixed."""

    fixed: np.ndarray
    moving: np.ndarray
    truth: Planted
    kind: str
    n: int
    looks: float


def smooth_noise(rng: Rng, n: int, sigma: float | tuple[float, float]) -> Array:
    field = ndimage.gaussian_filter(rng.normal(size=(n, n)), sigma, mode="wrap")
    return field / field.std()


def folds(rng: Rng, n: int) -> tuple[Array, Array]:
    """Layers along a wavy depth, with fibres: like a cortex."""
    y, x = np.mgrid[:n, :n] / n - 0.5
    depth = np.hypot(y * rng.uniform(0.8, 1.3), x) + 0.03 * smooth_noise(rng, n, n / 12)
    layers = np.tanh(3 * np.sin(2 * np.pi * depth * rng.uniform(4, 9)))
    fibres = np.maximum(0, smooth_noise(rng, n, (n / 40, n / 200)) - 1.2)
    return 0.5 + 0.15 * layers + 0.15 * fibres, depth < rng.uniform(0.34, 0.46)


def cells(rng: Rng, n: int) -> tuple[Array, Array]:
    """Regions of constant brightness with sharp borders: like nuclei."""
    points = rng.uniform(0, n, (int(rng.integers(15, 60)), 2))
    y, x = np.mgrid[:n, :n].astype(float)
    y += n / 50 * smooth_noise(rng, n, n / 25)
    x += n / 50 * smooth_noise(rng, n, n / 25)
    nearest = np.argmin([np.hypot(y - p, x - q) for p, q in points], axis=0)
    value = rng.uniform(0.25, 0.8, len(points))[nearest]
    middle = np.hypot(*(points - n / 2).T) < n * rng.uniform(0.3, 0.42)
    return value, middle[nearest]


def cloud(rng: Rng, n: int) -> tuple[Array, Array]:
    """Texture of all scales inside a lobed outline."""
    field = sum(s**0.7 * smooth_noise(rng, n, s) for s in (2, 5, 12, 30))
    outline = np.hypot(*(np.mgrid[:n, :n] / n - 0.5)) + 0.06 * smooth_noise(rng, n, n / 10)
    return 0.5 + 0.12 * field / field.std(), outline < rng.uniform(0.3, 0.42)


def anatomy(rng: Rng, kind: str, n: int, volumes: dict[str, Array]) -> list[Array]:
    """Return two neighbouring planes (reflectivity, before speckle) that nearly agree."""
    if kind in volumes:
        return real_anatomy(rng, volumes[kind], n)
    value, tissue = {"folds": folds, "cells": cells, "cloud": cloud}[kind](rng, n)
    agarose = rng.uniform(0.05, 0.15)
    change = rng.uniform(0.0, 0.25) * value.std()
    planes = [value + change * 0.5 * smooth_noise(rng, n, n / 60) for _ in range(2)]
    return [np.clip(np.where(tissue, p, agarose), 0.02, 1) for p in planes]


def real_anatomy(rng: Rng, volume: Array, n: int) -> list[Array]:
    axis = int(rng.integers(3))
    moved = np.moveaxis(volume, axis, 0)
    k = int(rng.integers(moved.shape[0] // 4, 3 * moved.shape[0] // 4))
    planes = []
    # The same plane twice: neighbours of real anatomy differ by a motion that nobody planted.
    for plane in (moved[k], moved[k]):
        factor = 0.85 * n / max(plane.shape)
        big = ndimage.zoom(plane.astype(float), factor, order=3)
        rows, columns = ((n - s) // 2 for s in big.shape)
        canvas = np.full((n, n), 0.05)
        canvas[rows : rows + big.shape[0], columns : columns + big.shape[1]] = big
        planes.append(np.clip(canvas / max(np.percentile(canvas, 99.5), 1e-6), 0.05, 1.2))
    return planes


def sample(scene: Array, n: int, motion: Planted) -> Array:
    """Sample an oversized scene so that its content is moved by (rotation, dx, dy)."""
    angle = np.deg2rad(motion[0])
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre, middle = (n - 1) / 2, (scene.shape[0] - 1) / 2
    offset = middle - rotation @ (centre + np.array([motion[2], motion[1]]))
    return ndimage.affine_transform(scene, rotation, offset, output_shape=(n, n), order=3)


def speckle(rng: Rng, plane: Array, looks: float, grain: float) -> Array:
    noise = rng.gamma(looks, 1 / looks, plane.shape)
    if grain > 0:
        noise = 1 + (ndimage.gaussian_filter(noise - 1, grain)) * 2 * np.sqrt(np.pi) * grain
    return plane * np.maximum(noise, 0)


def window(rng: Rng, n: int, share: float) -> Array:
    """Return a rectangle of data that covers about this share; outside is 0."""
    mask = np.zeros((n, n), bool)
    rows, columns = (round(n * np.sqrt(share)) for _ in range(2))
    y, x = int(rng.integers(n - rows + 1)), int(rng.integers(n - columns + 1))
    mask[y : y + rows, x : x + columns] = True
    return mask


def draw(seed: int, volumes: dict[str, Array]) -> Case:
    rng = np.random.default_rng(seed)
    kinds = (*KINDS, *volumes)
    kind = kinds[seed % len(kinds)]
    n = int(rng.integers(120, 420))
    scenes = anatomy(rng, kind, 2 * ((n + 120) // 2), volumes)
    half = np.array([rng.uniform(-3, 3), *rng.uniform(-14, 14, 2)])
    looks = float(np.exp(rng.uniform(np.log(1), np.log(16)))) * 5  # a slab of five planes
    grain = rng.choice([0.0, 0.5])
    fixed, moving = sample(scenes[0], n, half), sample(scenes[1], n, (0, 0, 0))
    gain = rng.uniform(0.6, 1.6) * (1 + 0.15 * smooth_noise(rng, n, n / 3).clip(-2, 2))
    fixed = speckle(rng, np.maximum(fixed, 0.01), looks, grain)
    moving = speckle(rng, np.maximum(moving, 0.01), looks, grain) * gain
    fixed = np.where(window(rng, n, rng.uniform(0.7, 1)), fixed, 0).astype(np.float32)
    moving = np.where(window(rng, n, rng.uniform(0.7, 1)), moving, 0).astype(np.float32)
    return Case(fixed, moving, tuple(half), kind, n, looks)


BOUNDS = Bounds(5.0, 200.0)
Engine = Callable[[Case], tuple[Planted, float, RigidFit | None]]


def ours(case: Case) -> tuple[Planted, float, RigidFit | None]:
    fit = refine_rigid(
        case.fixed,
        case.moving,
        starts=start_motions(case.fixed, case.moving, method="both", max_translation_px=200),
        bounds=BOUNDS,
    )
    m = fit.motion
    return (m.rotation_deg, m.dx_px, m.dy_px), confidence_of(fit, BOUNDS), fit


def clipped(plane: Array) -> Array:
    """As the field prepares planes: the 5th to the 95th percentile to 0 … 1."""
    low, high = np.percentile(plane[plane > 0], (5, 95))
    return np.where(plane > 0, np.clip((plane - low) / (high - low), 0, 1), 0)


def banded(plane: Array) -> Array:
    """As ours prepares them: the logarithm, band-passed."""
    return even_out(plane, "").band(1.0, 5.0).values


def simpleitk(
    case: Case, prepare: Callable[[Array], Array] = clipped
) -> tuple[Planted, float, RigidFit | None]:
    import SimpleITK as sitk  # noqa: N813, PLC0415  it may be absent

    def image(plane: Array) -> Any:  # Any: no stubs
        return sitk.GetImageFromArray(prepare(plane).astype(np.float32))

    start = start_motions(case.fixed, case.moving, method="both", max_translation_px=200)[0]
    centre = [(case.n - 1) / 2] * 2
    transform = sitk.Euler2DTransform()
    transform.SetCenter(centre)
    transform.SetTranslation((-start.dx_px, -start.dy_px))
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsCorrelation()
    method.SetMetricFixedMask(sitk.GetImageFromArray((case.fixed > 0).astype(np.uint8)))
    method.SetMetricMovingMask(sitk.GetImageFromArray((case.moving > 0).astype(np.uint8)))
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-4, 200, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([4, 2, 1])
    method.SetSmoothingSigmasPerLevel([2, 1, 1])
    method.SetInterpolator(sitk.sitkLinear)
    method.SetNumberOfThreads(1)
    method.SetInitialTransform(transform, inPlace=True)
    method.Execute(image(case.fixed), image(case.moving))
    angle, tx, ty = transform.GetParameters()
    cos, sin = np.cos(angle), np.sin(angle)
    # fixed point → moving point is the inverse of where the content goes
    return (
        (-np.rad2deg(angle), -(cos * tx + sin * ty), -(-sin * tx + cos * ty)),
        -method.GetMetricValue(),
        None,
    )


def point_error(case: Case, found: Planted) -> float:
    """Root mean square distance, over the data of fixed, between found and true places."""
    y, x = np.nonzero(case.fixed > 0)
    x, y = x - (case.n - 1) / 2, y - (case.n - 1) / 2

    def place(motion: Planted) -> Array:
        a = np.deg2rad(motion[0])
        return np.stack(
            [np.cos(a) * x - np.sin(a) * y + motion[1], np.sin(a) * x + np.cos(a) * y + motion[2]]
        )

    return float(np.sqrt(np.mean(np.sum((place(found) - place(case.truth)) ** 2, axis=0))))


def measure(name: str, engine: Engine, cases: list[Case], *, verbose: bool) -> None:
    """Print the row of one engine."""
    errors, turns, scores, started = [], [], [], time.perf_counter()
    for i, case in enumerate(cases):
        found, score, _ = engine(case)
        errors.append(point_error(case, found))
        turns.append(abs(found[0] - case.truth[0]))
        scores.append(score)
        if verbose:
            print(
                f"  {i:3} {case.kind:7.7} {case.n:4} px {case.looks:5.1f} looks "
                f"{errors[-1]:8.3f} px {turns[-1]:7.3f} deg  {score:.2f}"
            )
    rho = stats.spearmanr(scores, errors).statistic
    seconds = (time.perf_counter() - started) / len(cases)
    print(
        f"{name:18} {np.median(errors):6.3f} {np.percentile(errors, 95):6.3f} "
        f"{max(errors):7.2f} {np.median(turns):6.3f} {np.percentile(turns, 95):6.3f} "
        f"{rho:6.2f} {seconds:6.2f}"
    )


def main() -> None:
    """Draw the cases and measure every engine on them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=60)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--volume", type=Path, nargs="*", default=[])
    parser.add_argument("--verbose", action="store_true")
    options = parser.parse_args()
    volumes = {path.stem: np.load(path) for path in options.volume}
    engines: dict[str, Engine] = {"ours": ours}
    if importlib.util.find_spec("SimpleITK"):
        engines["SimpleITK"] = simpleitk
        engines["SimpleITK, banded"] = lambda case: simpleitk(case, banded)
    else:
        print("SimpleITK is not installed: not measured")
    cases = [draw(options.seed + i, volumes) for i in range(options.n)]
    head = f"{'engine':18} {'px50':>6} {'px95':>6} {'pxmax':>7} {'deg50':>6} {'deg95':>6}"
    print(head, f"{'rho':>6} {'s/pair':>6}")
    for name, engine in engines.items():
        measure(name, engine, cases, verbose=options.verbose)


if __name__ == "__main__":
    main()
