"""A volume laid into an atlas of the same anatomy, under each of the 48 orientation codes."""

from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import quantile, rate
from linumpy.core.orientation import Orientation, all_codes
from linumpy.core.spacing import Spacing
from linumpy.registration.atlas import Affine, Image, fit_to_atlas
from linumpy.registration.resample import Grid, middle_planes, resample_block
from linumpy.report.atlas_preview import PreviewRow, preview_figure
from linumpy.synth import Scene

STEP_MM = 0.2
"""Voxel of the atlas."""
SHAPE = (34, 46, 40)
"""Voxels of the atlas along (S, A, R)."""
MARGIN = 3
N_LANDMARKS = 40
PERIODIC = "real, cut along z"
"""An anatomy that repeats itself along its first axis: a slab of it has no one place."""


@dataclass(frozen=True)
class Case:
    """A volume, the atlas, and where the volume lies in it."""

    volume: Image
    atlas: Image
    orientation: Orientation
    truth: Affine
    landmarks: NDArray[np.float64]
    drawn: dict[str, float]
    anatomy: str


def draw(seed: int) -> Case:
    """Draw the anatomy, the slab that was imaged, its tilt, its sampling and its contrast.

    The code goes through all 48 in turn.
    """
    rng = np.random.default_rng([seed, 82])
    orientation = Orientation.parse(all_codes()[seed % 48])
    drawn = {
        "tilt_deg": float(rng.uniform(0, 15)),
        "slab_share": float(rng.uniform(0.4, 1.0)),
        "voxel_share": float(rng.uniform(0.7, 1.4)),
        "looks": float(np.exp(rng.uniform(0, np.log(16)))),
        "gamma": float(rng.uniform(0.5, 2)),
        "is_inverted": float(rng.integers(2)),
        "gain_sigma": float(rng.uniform(0, 0.1)),
    }
    body = _Body.draw(rng)
    if body.scene.name == PERIODIC:
        drawn["slab_share"] = 1.0
    truth, shape, spacing = _place(rng, orientation, drawn)
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1).reshape(-1, 3)
    points = grid * np.array(spacing.zyx_mm)
    clean = body.at(truth(points)).reshape(shape)
    landmarks = points[np.flatnonzero(clean > 0.3)]
    return Case(
        Image(_imaged(rng, clean, drawn), spacing, (0.0, 0.0, 0.0)),
        Image(body.template(), Spacing(STEP_MM, STEP_MM, STEP_MM), (0.0, 0.0, 0.0)),
        orientation,
        truth,
        rng.choice(landmarks, N_LANDMARKS),
        drawn,
        body.scene.name,
    )


@dataclass(frozen=True)
class _Body:
    """An anatomy closed on all sides; its frame is that of the atlas, mm from voxel (0, 0, 0)."""

    scene: Scene

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "_Body":
        size = [(n - 2 * MARGIN) * STEP_MM for n in SHAPE]
        scene = draw_scene(rng, (size[0], size[1], size[2]), finest_um=3000 * STEP_MM)
        return cls(scene)

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return reflectivity at points (S, A, R), mm."""
        own = points - (MARGIN - 0.5) * STEP_MM
        value = self.scene.at(own[:, 0], own[:, 1], own[:, 2])
        middle = 2 * own / np.array(self.scene.size_mm) - 1
        inside = np.sum(np.abs(middle) ** 4, axis=1) < 1
        return np.asarray(np.where(inside, value, 0), dtype=np.float32)

    def template(self) -> NDArray[np.float32]:
        """Return the atlas's voxels."""
        grid = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), -1).reshape(-1, 3)
        return self.at((grid * STEP_MM).astype(np.float64)).reshape(SHAPE)


def _place(
    rng: np.random.Generator, orientation: Orientation, drawn: dict[str, float]
) -> tuple[Affine, tuple[int, int, int], Spacing]:
    """Return the map from the volume (mm) to the atlas (mm), and the volume's grid."""
    axis = rng.normal(size=3)
    tilt = Rotation.from_rotvec(
        np.deg2rad(drawn["tilt_deg"]) * axis / np.linalg.norm(axis)
    ).as_matrix()
    matrix = tilt @ orientation.matrix
    step = drawn["voxel_share"] * STEP_MM
    # What is imaged, along the volume's own axes: whole across, a slab along the cut.
    whole = np.abs(orientation.matrix.T) @ (np.array(SHAPE) * STEP_MM)
    extent = whole * (drawn["slab_share"], 1.0, 1.0)
    z, y, x = (max(4, round(length / step)) for length in extent)
    shape = np.array([z, y, x])
    spare = np.abs(orientation.matrix) @ (whole - extent)
    centre = (np.array(SHAPE) - 1) / 2 * STEP_MM + rng.uniform(-0.5, 0.5, 3) * spare
    centre += rng.uniform(-1, 1, 3) * STEP_MM
    own = (shape - 1) / 2 * step
    return Affine(matrix, centre - matrix @ own), (z, y, x), Spacing(step, step, step)


def _imaged(
    rng: np.random.Generator, clean: NDArray[np.float32], drawn: dict[str, float]
) -> NDArray[np.float32]:
    """Return tissue in another contrast, with speckle and brightness steps between planes."""
    value = np.clip(clean, 0, 1.2) ** drawn["gamma"]
    if drawn["is_inverted"]:
        value = 1.3 - value
    gain = np.exp(drawn["gain_sigma"] * rng.normal(size=(len(clean), 1, 1)))
    looks = drawn["looks"]
    speckle = rng.gamma(looks, 1 / looks, clean.shape)
    return np.where(clean > 0.02, value * gain * speckle, 0).astype(np.float32)


def trial(seed: int) -> Trial:
    """Fit one volume; compare axes and landmarks with the truth."""
    case = draw(seed)
    found = fit_to_atlas(case.volume, case.atlas, case.orientation).transform
    error = np.linalg.norm(found(case.landmarks) - case.truth(case.landmarks), axis=1) / STEP_MM
    # Right when the axes, rounded to whole quarter turns after the planted tilt is taken off, are
    # those that the code names: neither a mirror image nor a turn of 90°.
    axes = np.rint(case.truth.matrix.T @ found.matrix)
    return Trial(
        seed=seed,
        drawn=case.drawn,
        found={
            "landmark_error_voxels": tuple(float(e) for e in error),
            "is_code_right": (float(np.array_equal(axes, np.eye(3))),),
            "largest_error_voxels": (float(error.max()),),
        },
        kinds={"anatomy": case.anatomy, "code": case.orientation.code},
    )


def picture(seed: int) -> Figure:
    """Draw the preview that the command writes."""
    case = draw(seed)
    found = fit_to_atlas(case.volume, case.atlas, case.orientation).transform
    source = Grid(case.volume.voxels.shape, case.volume.spacing, case.volume.origin_mm)
    target = Grid(SHAPE, case.atlas.spacing, case.atlas.origin_mm)
    whole = (slice(0, SHAPE[0]), slice(0, SHAPE[1]), slice(0, SHAPE[2]))
    rows = []
    for title, transform in (("aligned", found), ("true place", case.truth)):
        laid = resample_block(
            lambda block: case.volume.voxels[block], source, target, transform.inverse, whole
        )
        rows.append(PreviewRow(title, middle_planes(laid, laid), "IPL", "SAR", (1, 1, 1)))
    atlas = middle_planes(case.atlas.voxels, laid)
    rows.append(PreviewRow("atlas", atlas, "IPL", "SAR", (1, 1, 1)))
    return preview_figure(rows)


MEASURE = Measure(
    name="RAS alignment",
    how="""An atlas of one anatomy is drawn (34 × 46 × 40 voxels, closed on all sides), and a volume
of the same anatomy at another sampling: a slab of 40 to 100 % of it along its cutting direction,
tilted by up to 15°, shifted, its contrast bent or turned over, with speckle and brightness steps
from plane to plane. The code of the volume goes through all 48 in turn. `fit_to_atlas` is given the
volume, the atlas and the code (which has no default: mirror images look alike). A code is right
when the fitted axes are the planted ones to the nearest quarter turn and no axis is mirrored.
Landmarks are 40 points in tissue per volume; their error is the distance between the fitted and the
planted place, in atlas voxels. The labelled preview that the command writes before anyone trusts
the fit is held to its labels by a test (tests/report/test_atlas_preview.py).""",
    trial=trial,
    targets=(
        Target(
            label="orientation codes right",
            statistic=rate("is_code_right"),
            needs=("is_code_right",),
            sense="at least",
            bound=1.0,
        ),
        Target(
            label="landmark error, median",
            statistic=quantile("landmark_error_voxels", 0.5),
            needs=("landmark_error_voxels",),
            sense="at most",
            bound=1.5,
            unit="atlas voxels",
        ),
    ),
    quick=48,
    full=192,
    picture=picture,
    worst_by="largest_error_voxels",
)
