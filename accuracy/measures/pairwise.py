"""Pairwise registration: the rigid motion between two neighbouring slices."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import quantile, spearman
from linumpy.registration.pairwise import (
    PairFit,
    PlaneSource,
    Settings,
    confidence_of,
    register_pair,
)
from linumpy.registration.planes import Motion
from linumpy.registration.refine import Bounds, refine_rigid

Volume = NDArray[np.float32]
BOUNDS = Bounds(rotation_deg=5.0, translation_px=200.0)
"""The defaults of linum_register_pairwise.py."""
MAX_ROTATION_DEG, MAX_TRANSLATION_PX = 3.0, 20.0
INTERVAL, N_MOVING, SEARCH = 4, 9, 2
_GRAIN_PX = 0.5


@dataclass(frozen=True, slots=True)
class Pair:
    """Two slices on one canvas and the motion that lays moving on fixed."""

    fixed: Volume
    moving: Volume
    truth: Motion
    drawn: dict[str, float]


def trial(seed: int) -> Trial:
    """Register a drawn pair; and again from the truth, on the same planes."""
    pair = draw_pair(seed)
    found = register(pair)
    best = refine_rigid(found.fixed_plane, found.moving_plane, starts=[pair.truth], bounds=BOUNDS)
    return Trial(
        seed=seed,
        drawn=pair.drawn,
        found=_errors(pair, found.motion, found.confidence),
        oracle=_errors(pair, best.motion, confidence_of(best, BOUNDS)),
    )


def register(pair: Pair) -> PairFit:
    """Return the library's answer, with the defaults of the command."""

    def source(volume: Volume, name: str) -> PlaneSource:
        return PlaneSource(name, len(volume), lambda start, stop: volume[start:stop])

    settings = Settings(float(INTERVAL), SEARCH, bounds=BOUNDS)
    return register_pair(source(pair.fixed, "fixed"), source(pair.moving, "moving"), settings)


def _errors(pair: Pair, motion: Motion, confidence: float) -> dict[str, tuple[float, ...]]:
    return {
        "error_px": (point_error_px(pair, motion),),
        "error_deg": (abs(motion.rotation_deg - pair.truth.rotation_deg),),
        "confidence": (confidence,),
    }


def point_error_px(pair: Pair, motion: Motion) -> float:
    """Return the root mean square distance of found and true places, over the data of fixed."""
    shape = pair.fixed.shape[1:]
    centre = np.array([(n - 1) / 2 for n in shape])
    points = np.argwhere(pair.fixed.any(axis=0))[::7] - centre

    def places(m: Motion) -> NDArray[np.float64]:
        angle = np.deg2rad(m.rotation_deg)
        cos, sin = np.cos(angle), np.sin(angle)
        y, x = points.T
        return np.stack([sin * x + cos * y + m.dy_px, cos * x - sin * y + m.dx_px])

    off = places(motion) - places(pair.truth)
    return float(np.sqrt(np.mean(np.sum(off**2, axis=0))))


def draw_pair(seed: int) -> Pair:
    """Draw two neighbouring slices: one anatomy, each with its own speckle, gain and border."""
    rng = np.random.default_rng([seed, 705])
    n = round(float(np.exp(rng.uniform(np.log(120), np.log(420)))))
    looks = float(np.exp(rng.uniform(0, np.log(16))))
    contrast, coverage = float(rng.uniform(0.4, 1)), float(rng.uniform(0.5, 1))
    shares = [float(rng.uniform(0.6, 1)) for _ in range(2)]
    n_shared = int(rng.integers(3, 10))
    length = MAX_TRANSLATION_PX * float(np.sqrt(rng.uniform()))
    angle = float(rng.uniform(0, 2 * np.pi))
    turn = float(rng.uniform(-MAX_ROTATION_DEG, MAX_ROTATION_DEG))
    truth = Motion(turn, length * np.cos(angle), length * np.sin(angle))
    anatomy = _draw_anatomy(rng, n, contrast, coverage)
    fade = float(rng.uniform(0.0, 0.15))
    clean = anatomy[: INTERVAL + n_shared], anatomy[INTERVAL : INTERVAL + N_MOVING]
    half = (n, n)
    fixed = np.stack([_sample(plane, half, truth) for plane in clean[0]])
    moving = np.stack([_sample(plane, half, Motion()) for plane in clean[1]])
    gain = float(rng.uniform(0.6, 1.6)) * _shading(rng, n)
    noise = float(rng.uniform(0.005, 0.03))
    fixed, moving = (_image(rng, v, looks, fade, noise) for v in (fixed, moving))
    fixed = fixed * _window(rng, n, shares[0])
    moving = (moving * gain).astype(np.float32) * _window(rng, n, shares[1])
    drawn = {
        "size_px": float(n),
        "looks": looks,
        "contrast": contrast,
        "coverage": coverage,
        "data_share": min(shares),
        "shared_planes": float(n_shared),
        "translation_px": length,
        "rotation_deg": abs(turn),
    }
    return Pair(fixed, moving, truth, drawn)


def _draw_anatomy(rng: np.random.Generator, n: int, contrast: float, coverage: float) -> Volume:
    """Return planes with a rim, so that a motion brings in anatomy and not emptiness."""
    pixel_um = float(np.exp(rng.uniform(np.log(10), np.log(50))))
    side = n + 2 * round(MAX_TRANSLATION_PX + 0.04 * n)
    step = pixel_um / 1000
    n_planes = INTERVAL + N_MOVING
    scene = draw_scene(
        rng,
        (n_planes * step, side * step, side * step),
        finest_um=pixel_um * float(rng.uniform(3, 8)),
        coverage=coverage,
        contrast=contrast,
    )
    z, y = ((np.arange(k) + 0.5) * step for k in (n_planes, side))
    return np.maximum(scene.on_axes(z, y, y), np.float32(rng.uniform(0.03, 0.12)))


def _sample(scene: Volume, shape: tuple[int, int], motion: Motion) -> Volume:
    """Sample a larger plane about its middle so that its content is moved."""
    angle = np.deg2rad(motion.rotation_deg)
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = (np.array(shape) - 1) / 2
    middle = (np.array(scene.shape) - 1) / 2
    offset = middle - matrix @ (centre + np.array([motion.dy_px, motion.dx_px]))
    sampled = ndimage.affine_transform(scene, matrix, offset, output_shape=shape, order=3)
    return np.asarray(np.maximum(sampled, 0.01), dtype=np.float32)


def _image(
    rng: np.random.Generator, volume: Volume, looks: float, fade: float, noise: float
) -> Volume:
    """Fade along depth, multiply by speckle with a grain of half a pixel, add a noise floor."""
    speckle = rng.standard_gamma(looks, volume.shape, dtype=np.float32) / np.float32(looks) - 1
    kernel = ndimage.gaussian_filter1d(np.eye(1, 33, 16)[0], _GRAIN_PX)
    for axis in (1, 2):
        speckle = ndimage.gaussian_filter1d(speckle, _GRAIN_PX, axis=axis)
    speckle = np.maximum(1 + speckle / np.float32(np.sum(kernel**2)), 0)
    depth = np.exp(-fade * np.arange(len(volume), dtype=np.float32))[:, None, None]
    floor = np.abs(rng.standard_normal(volume.shape, dtype=np.float32)) * np.float32(noise)
    return np.asarray(volume * depth * speckle + floor + 1e-6, dtype=np.float32)


def _shading(rng: np.random.Generator, n: int) -> NDArray[np.float64]:
    field = ndimage.gaussian_filter(rng.standard_normal((n, n)), n / 3, mode="wrap")
    shaded: NDArray[np.float64] = 1 + 0.15 * np.clip(field / field.std(), -2, 2)
    return shaded


def _window(rng: np.random.Generator, n: int, share: float) -> NDArray[np.float32]:
    """Return a rectangle of data that covers a share of the canvas."""
    side = round(n * float(np.sqrt(share)))
    y, x = (int(rng.integers(n - side + 1)) for _ in range(2))
    mask = np.zeros((n, n), np.float32)
    mask[y : y + side, x : x + side] = 1
    return mask


def picture(seed: int) -> Figure:
    """Show both planes, and fixed over moving after the motion found, in red and green."""
    pair = draw_pair(seed)
    found = register(pair)
    figure = Figure(figsize=(9, 3.2))
    for k, plane in enumerate((found.fixed_plane, found.moving_plane)):
        axes = figure.add_subplot(1, 2, k + 1)
        axes.imshow(np.log(np.maximum(plane, 1e-3)), cmap="gray")
        axes.set_axis_off()
    error = point_error_px(pair, found.motion)
    figure.suptitle(f"seed {seed}: error {error:.2f} px, confidence {found.confidence:.2f}")
    return figure


def _target(label: str, name: str, share: float, bound: float, unit: str) -> Target:
    return Target(
        label=label,
        statistic=quantile(name, share),
        needs=(name,),
        sense="at most",
        bound=bound,
        unit=unit,
    )


MEASURE = Measure(
    name="pairwise registration",
    how="""
Two slices of one anatomy, 120 to 420 px wide, each with its own speckle (1 to 16 looks per
voxel), fading with depth, noise floor, gain (0.6 to 1.6, and a field of ± 15 %) and rectangle of
data (60 to 100 % of the canvas); three to nine planes show the same depth. Turned by up to 3°,
moved by up to 20 px, with data that moves in from outside. `register_pair` with the command's
defaults finds depth and motion. The error is the root mean square distance of found and true
places over the data of the fixed slice; the rotation's error is its own. The oracle is the same
estimator, started at the truth on the same planes: it has no search left to fail, so what it
misses is the noise.
""",
    trial=trial,
    targets=(
        _target("error, median", "error_px", 0.5, 0.2, "px"),
        _target("error, p95", "error_px", 0.95, 0.6, "px"),
        _target("rotation error, median", "error_deg", 0.5, 0.05, "°"),
        _target("rotation error, p95", "error_deg", 0.95, 0.2, "°"),
        Target(
            label="confidence against error, Spearman",
            statistic=spearman("confidence", "error_px"),
            needs=("error_px",),
            sense="at most",
            bound=-0.6,
        ),
    ),
    quick=60,
    full=200,
    worst_by="error_px",
    picture=picture,
)
