"""Where a volume lies in an atlas: rigid, similarity or affine, by mutual information.

Points of the volume are looked up in the atlas, so a slab of a brain is found in a whole one. The
volume's orientation is given, never guessed: mirror images look alike.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, optimize

from linumpy.core.orientation import Orientation
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue

Voxels = NDArray[np.float32]
Numbers = NDArray[np.float64]
Kind = Literal["rigid", "similarity", "affine"]

N_POINTS = 20_000
N_BINS = 32
N_STARTS = 3
LEVELS = (3.0, 1.5, 1.0)  # σ of the smoothing, atlas voxels, coarse to fine
MAX_TURN, MAX_TRAVEL, MAX_STRETCH = 0.5, 0.25, 0.3  # rad; share of the atlas; ln scale, shear
_SEARCH_STEPS = 13  # places tried along each axis on which the volume is shorter than the atlas
_N_RIGID = 6
_PARAMETERS = {"rigid": 6, "similarity": 7, "affine": 12}


@dataclass(frozen=True, slots=True)
class Image:
    """A volume in memory, (z, y, x), with the centre of its first voxel in mm."""

    voxels: Voxels
    spacing: Spacing
    origin_mm: tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Affine:
    """target = matrix · source + offset; points in mm, in the order (z, y, x) or (S, A, R)."""

    matrix: Numbers
    offset: Numbers

    def __call__(self, points: Numbers) -> Numbers:
        """Map points, shape (n, 3)."""
        mapped: Numbers = points @ self.matrix.T + self.offset
        return mapped

    @property
    def inverse(self) -> "Affine":
        """The map back."""
        back = np.asarray(np.linalg.inv(self.matrix), dtype=np.float64)
        return Affine(back, -back @ self.offset)


@dataclass(frozen=True, slots=True)
class AtlasFit:
    """The map from the volume to the atlas, and the mutual information (nats) there."""

    transform: Affine
    score: float
    start_score: float


def fit_to_atlas(
    volume: Image, atlas: Image, orientation: Orientation, *, kind: Kind = "rigid"
) -> AtlasFit:
    """Find where the volume lies in the atlas.

    Parameters
    ----------
    volume : Image
        A coarse level, about the atlas's voxel size. 0 is background; empty planes are not used.
    atlas : Image
        Axes (S, A, R).
    orientation : Orientation
        Of the volume.
    kind : {"rigid", "similarity", "affine"}
        6, 7 or 12 parameters. A turn of up to 28° from the orientation given is found.

    Raises
    ------
    BadValue
        If volume or atlas is empty.

    Notes
    -----
    Start: the axes turned as the orientation says, centres of mass on each other; along axes on
    which the volume is shorter than the atlas, several places. The best starts are refined by
    Powell's method on smoothed images, coarse to fine. Mutual information of a 32 × 32 joint
    histogram: bright matter of one image may be dark in the other.
    """
    if not volume.voxels.any() or not atlas.voxels.any():
        raise BadValue("the volume or the atlas is empty: every voxel is 0")
    index = _sample(volume)
    centre = _centre_of_mass(volume)
    starts = [
        _Pose(orientation.matrix, centre, place) for place in _places(volume, atlas, orientation)
    ]
    points = np.array(volume.origin_mm) + index * np.array(volume.spacing.zyx_mm)
    reach = float(np.sqrt(np.mean(np.sum((points - centre) ** 2, axis=1))))
    coarse = _Lookup(volume, atlas, LEVELS[0], index)
    scored = [(coarse.score(start.at(np.zeros(_N_RIGID))), i) for i, start in enumerate(starts)]
    best = sorted(scored, reverse=True)[:N_STARTS]
    tried = []
    for _, i in best:
        parameters = _refine(coarse, starts[i], np.zeros(_N_RIGID), reach)
        tried.append((coarse.score(starts[i].at(parameters)), i, parameters))
    _, i, parameters = max(tried, key=lambda one: one[0])
    parameters = np.pad(parameters, (0, _PARAMETERS[kind] - _N_RIGID))
    for smoothing in LEVELS[1:]:
        lookup = _Lookup(volume, atlas, smoothing, index)
        parameters = _refine(lookup, starts[i], parameters, reach)
    found = starts[i].at(parameters)
    begun = starts[i].at(np.zeros(_N_RIGID))
    return AtlasFit(found, lookup.score(found), lookup.score(begun))


@dataclass(frozen=True, slots=True)
class _Pose:
    """Maps about a centre: signed axes first, then what the parameters add."""

    axes: Numbers
    centre: Numbers
    place: Numbers

    def at(self, parameters: Numbers) -> Affine:
        """Rotation vector (rad), translation (mm), then ln scale, or ln scales and shears."""
        turn = _rotation(parameters[:3])
        rest = parameters[_N_RIGID:]
        if len(rest) == 1:
            turn = turn * math.exp(rest[0])
        elif len(rest) > 1:
            shear = np.eye(3)
            shear[np.triu_indices(3, 1)] = rest[3:]
            turn = turn @ shear @ np.diag(np.exp(rest[:3]))
        matrix = turn @ self.axes
        return Affine(matrix, self.place + parameters[3:_N_RIGID] - matrix @ self.centre)


class _Lookup:
    """Both images at one smoothing: points of the volume, looked up in the atlas."""

    def __init__(
        self, volume: Image, atlas: Image, smoothing: float, index: NDArray[np.intp]
    ) -> None:
        self.step_mm = smoothing * min(atlas.spacing.zyx_mm)
        # Equally smooth in mm: unlike sharpness pulls the optimum off by 0.4 voxel.
        values = _smooth(volume, self.step_mm)[tuple(index.T)]
        self._smooth = _smooth(atlas, self.step_mm)
        self._step = np.array(atlas.spacing.zyx_mm)
        self.extent_mm = float(np.max(self._step * atlas.voxels.shape))
        self._origin = np.array(atlas.origin_mm)
        self._points = np.array(volume.origin_mm) + index * np.array(volume.spacing.zyx_mm)
        self._own = np.floor(_scaled(values, np.percentile(values, [1, 99.5])))
        self._range = np.percentile(self._smooth, [1, 99.5])

    def score(self, transform: Affine) -> float:
        """Return the mutual information of the volume and what the atlas shows at its points."""
        places = (transform(self._points) - self._origin) / self._step
        found = ndimage.map_coordinates(self._smooth, places.T, order=1, mode="constant")
        return _mutual_information(self._own, _scaled(found, self._range))


def _refine(lookup: _Lookup, start: _Pose, parameters: Numbers, reach: float) -> Numbers:
    """Return better parameters; one unit of each moves a typical point by one coarse voxel."""
    n = len(parameters)
    units = np.full(n, lookup.step_mm / reach)
    units[3:_N_RIGID] = lookup.step_mm

    def cost(scaled: Numbers) -> float:
        return -lookup.score(start.at(scaled * units))

    found = optimize.minimize(
        cost,
        np.asarray(parameters / units, dtype=np.float64),
        method="Powell",
        bounds=_bounds(n, lookup.extent_mm) / units[:, None],
        options={"xtol": 0.02, "ftol": 1e-5, "maxiter": 12},
    )
    better: Numbers = np.asarray(found.x, dtype=np.float64) * units
    return better


def _bounds(n: int, extent_mm: float) -> Numbers:
    """Return (low, high) of every parameter: a line search must not land in a mirror image."""
    most = np.full(n, MAX_STRETCH)
    most[:3], most[3:_N_RIGID] = MAX_TURN, MAX_TRAVEL * extent_mm
    return np.stack([-most, most], axis=1)


def _sample(volume: Image) -> NDArray[np.intp]:
    """Return voxel indices, shape (n, 3), spread over the planes that hold data."""
    filled = np.flatnonzero(volume.voxels.any(axis=(1, 2)))
    n = len(filled) * volume.voxels.shape[1] * volume.voxels.shape[2]
    rng = np.random.default_rng(0)  # the same points for the same shape
    chosen = np.sort(rng.choice(n, size=min(N_POINTS, n), replace=False))
    z, y, x = np.unravel_index(chosen, (len(filled), *volume.voxels.shape[1:]))
    return np.stack([filled[z], y, x], axis=1)


def _centre_of_mass(image: Image) -> Numbers:
    tissue = image.voxels > _otsu(image.voxels)
    centre = np.array(ndimage.center_of_mass(tissue), dtype=np.float64)
    return np.asarray(np.array(image.origin_mm) + centre * np.array(image.spacing.zyx_mm))


def _otsu(voxels: Voxels) -> float:
    """Return the threshold between background and tissue (Otsu 1979), of the positive voxels."""
    counts, edges = np.histogram(voxels, bins=256)
    middle = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    mean = np.cumsum(counts * middle)
    above = below[-1] - below
    between = np.zeros(len(counts))
    inner = (below > 0) & (above > 0)
    low, high = mean[inner] / below[inner], (mean[-1] - mean[inner]) / above[inner]
    between[inner] = below[inner] * above[inner] * (low - high) ** 2
    return float(middle[int(np.argmax(between))])


def _places(volume: Image, atlas: Image, orientation: Orientation) -> list[Numbers]:
    """Return where the volume's centre may lie in the atlas, mm."""
    centre = _centre_of_mass(atlas)
    tissue = atlas.voxels > _otsu(atlas.voxels)
    extent = np.array(volume.voxels.shape) * np.array(volume.spacing.zyx_mm)
    own = np.abs(orientation.matrix) @ extent
    choices: list[list[float]] = []
    for axis in range(3):
        other = tuple(a for a in range(3) if a != axis)
        rows = np.flatnonzero(tissue.any(axis=other))
        step = atlas.spacing.zyx_mm[axis]
        low, high = atlas.origin_mm[axis] + step * np.array([rows[0], rows[-1]])
        spare = (high - low) - own[axis]
        if spare <= 0.2 * (high - low):
            choices.append([float(centre[axis])])
        else:
            middle = np.linspace(low + own[axis] / 2, high - own[axis] / 2, _SEARCH_STEPS)
            choices.append([float(place) for place in middle])
    grid = np.meshgrid(*choices, indexing="ij")
    return list(np.stack([part.ravel() for part in grid], axis=1))


def _mutual_information(own: Numbers, other: Numbers) -> float:
    """Return Σ p ln(p / (p_own p_other)); a value is shared by its two nearest bins."""
    low = np.floor(other).astype(np.intp)
    share = other - low
    bins = own.astype(np.intp) * N_BINS
    joint = np.bincount(bins + low, 1 - share, N_BINS * N_BINS)
    joint += np.bincount(bins + np.minimum(low + 1, N_BINS - 1), share, N_BINS * N_BINS)
    p = (joint / joint.sum()).reshape(N_BINS, N_BINS)
    expected = p.sum(axis=1, keepdims=True) * p.sum(axis=0, keepdims=True)
    some = p > 0
    return float(np.sum(p[some] * np.log(p[some] / expected[some])))


def _smooth(image: Image, sigma_mm: float) -> Numbers:
    sigma = sigma_mm / np.array(image.spacing.zyx_mm)
    return np.asarray(ndimage.gaussian_filter(image.voxels, sigma), dtype=np.float64)


def _scaled(values: Numbers, between: Numbers) -> Numbers:
    low, high = float(between[0]), float(between[1])
    scaled = (values - low) / max(high - low, 1e-12) * (N_BINS - 1)
    return np.asarray(np.clip(scaled, 0.0, N_BINS - 1), dtype=np.float64)


def _rotation(vector: Numbers) -> Numbers:
    """Return the rotation matrix of a rotation vector (Rodrigues)."""
    angle = float(np.linalg.norm(vector))
    x, y, z = vector
    cross: Numbers = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    if angle < 1e-12:  # noqa: PLR2004
        return np.asarray(np.eye(3) + cross, dtype=np.float64)
    first, second = math.sin(angle) / angle, (1 - math.cos(angle)) / angle**2
    return np.asarray(np.eye(3) + first * cross + second * cross @ cross, dtype=np.float64)
