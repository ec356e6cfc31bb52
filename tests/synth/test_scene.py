"""Anatomies: the same at points and on grids, unlike each other, unlike their mirror."""

import numpy as np
import pytest

from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue
from linumpy.synth import Faults, brain, from_array, layers, plan, reference_volume, vessels
from tests.synth.plain import plain_rig

SIZE = (0.6, 1.5, 2.0)
Y, X = (np.arange(30) + 0.5) * 0.05, (np.arange(40) + 0.5) * 0.05
GENERATORS = [brain, vessels, layers]


@pytest.fixture(scope="module")
def volume():
    rng = np.random.default_rng(1)
    return from_array(rng.random((4, 6, 8)).astype(np.float32), Spacing.from_um(100, 50, 50))


@pytest.mark.parametrize("make", GENERATORS)
def test_points_and_grids_agree(make):
    "A point has one reflectivity, however it is asked for."
    scene = make(SIZE, 3)
    z = np.array([0.1, 0.5])
    grid = scene.on_axes(z, Y[:4], X[::8])
    points = scene.at(*(axis.ravel() for axis in np.meshgrid(z, Y[:4], X[::8], indexing="ij")))
    assert points == pytest.approx(grid.ravel(), abs=1e-4)


@pytest.mark.parametrize("make", GENERATORS)
def test_workers_do_not_matter(make):
    "A grid is the same at any number of workers."
    scene, z = make(SIZE, 3), np.linspace(0, 0.5, 40)
    assert np.array_equal(scene.on_axes(z, Y, X), scene.on_axes(z, Y, X, workers=3))


@pytest.mark.parametrize("make", GENERATORS)
def test_anatomies_are_asymmetric_individuals(make):
    "A mirrored or turned section, or another individual, does not pass for the right one."
    plane = make(SIZE, 3).on_axes(np.array([0.3]), Y, X)[0]
    other = make(SIZE, 4).on_axes(np.array([0.3]), Y, X)[0]
    inside = plane > 0
    assert 0.4 < inside.mean() < 0.95
    assert 0 <= plane.min() < plane.max() <= 1.2

    def detail(a, b):
        both = (a > 0.05) & (b > 0.05)
        return np.corrcoef(a[both], b[both])[0, 1]

    assert detail(plane, plane[:, ::-1]) < 0.8
    assert detail(plane, plane[::-1, ::-1]) < 0.8
    assert detail(plane, other) < 0.9


def test_sections_change_slowly():
    "Neighbouring sections are alike, distant ones less."
    planes = brain(SIZE, 3).on_axes(np.array([0.0, 0.05, 0.6]), Y, X)
    near, far = (np.corrcoef(planes[0].ravel(), plane.ravel())[0, 1] for plane in planes[1:])
    assert near > 0.9
    assert far < near


def test_array_is_linear_between_voxel_centres(volume):
    "At a voxel's centre its value, half way the mean, outside the extent 0."
    voxels = volume.sampler.volume
    x = np.array([0.025, 0.05, 0.075])
    found = volume.on_axes(np.array([0.05]), np.array([0.025]), x)[0, 0]
    assert found == pytest.approx([voxels[0, 0, 0], voxels[0, 0, :2].mean(), voxels[0, 0, 1]])
    assert volume.size_mm == pytest.approx((0.4, 0.3, 0.4))
    outside = volume.at(*(np.array([v]) for v in (0.1, 0.1, 0.41)))
    assert outside == 0


@pytest.mark.parametrize(
    ("array", "match"),
    [
        (np.zeros((2, 2)), r"three axes"),
        (np.zeros((2, 2, 2)), r"no voxel is above 0"),
        (np.full((2, 2, 2), np.nan), r"NaN"),
    ],
)
def test_volumes_that_cannot_be_an_anatomy(array, match):
    "A volume without content is refused."
    with pytest.raises(BadValue, match=match):
        from_array(array, Spacing.from_um(1, 1, 1))


def test_reference_volume(volume):
    "It starts at the anatomy's edge, holds voxel means, and can be asked for at another origin."
    truth = plan(volume, plain_rig(margin_mm=0.05, ids=(0, 1)), Faults(), 0)
    whole = reference_volume(volume, truth, 50)
    assert whole.shape == (8, 6, 8)  # one cut of 200 µm, then 160 µm below the water
    moved = reference_volume(volume, truth, 50, origin_mm=(0.0, 0.05, 0.1), shape=(8, 5, 6))
    assert moved == pytest.approx(whole[:, 1:, 2:], abs=1e-6)
    beyond = reference_volume(volume, truth, 50, origin_mm=(0.0, -0.05, 0.0), shape=(2, 2, 2))
    assert np.all(beyond[:, 0] == 0)
