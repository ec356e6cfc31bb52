"""Where the final volume says that its voxels lie, read as a viewer reads it: JSON and zarr."""

import json

import numpy as np
import pytest
import zarr

from linumpy.cli import runtime
from linumpy.io import omezarr
from linumpy.scripts.linum_normalize_z_intensity import COMMAND, Params
from tests.packaging.conftest import whole_run_folder

INTERVAL_MM = 0.2


def ome_of(path):
    found = json.loads((path / "zarr.json").read_text("utf-8"))["attributes"]
    return found["ome"], found["linumpy"]


def levels_of(path):
    "Voxels, scale and translation (z, y, x) of every level, mm."
    (multiscale,) = ome_of(path)[0]["multiscales"]
    group = zarr.open_group(path, mode="r")
    for dataset in multiscale["datasets"]:
        scale, translation = dataset["coordinateTransformations"]
        assert (scale["type"], translation["type"]) == ("scale", "translation")
        voxels = group[dataset["path"]]
        yield voxels, np.array(scale["scale"]), np.array(translation["translation"])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return whole_run_folder(tmp_path_factory)


@pytest.mark.story
def test_slices_lie_their_cut_interval_apart(run):
    "Slice k begins (k − first) × 200 µm below the first, by scale and translation."
    path = run / "out" / "3d_volume.ome.zarr"
    _, ours = ome_of(path)
    _, scale, _ = next(iter(levels_of(path)))
    first = int(ours["slices"][0]["slice_id"])
    for entry in ours["slices"]:
        depth = entry["z_start"] * scale[0]
        assert depth == pytest.approx((int(entry["slice_id"]) - first) * INTERVAL_MM, abs=1e-9)


@pytest.mark.story
def test_the_anatomy_lies_at_that_depth(run):
    "The plane below each measured slice's surface is that of the anatomy, to one voxel in z."
    path = run / "out" / "3d_volume.ome.zarr"
    anatomy = np.load(run / "anatomy.npy")
    voxels = np.asarray(next(iter(levels_of(path)))[0])
    assert voxels.shape == anatomy.shape
    measured = [one for one in ome_of(path)[1]["slices"] if one["fate"] == "measured"]
    for entry in measured:
        z = entry["z_start"] + 3  # of 8: below the blend with the slice above
        around = range(max(0, z - 4), min(len(voxels), z + 5))
        scores = {k - z: agreement(voxels[z], anatomy[k]) for k in around}
        best = max(scores, key=scores.__getitem__)
        assert abs(best) <= 1, (entry["slice_id"], scores)


def agreement(found, truth):
    seen = found != 0
    return np.corrcoef(found[seen], truth[seen])[0, 1]


@pytest.mark.story
@pytest.mark.parametrize("name", ["3d_volume.ome.zarr", "3d_volume_ras.ome.zarr"])
def test_levels_cover_one_box_in_millimetres(run, name):
    "Unit millimeter; each level has its scale and translation, and starts at the same corner."
    (multiscale,) = ome_of(run / "out" / name)[0]["multiscales"]
    assert [(axis["name"], axis["unit"]) for axis in multiscale["axes"]] == [
        (axis, "millimeter") for axis in "zyx"
    ]
    levels = list(levels_of(run / "out" / name))
    assert len(levels) > 1
    finest, scale_0, translation_0 = levels[0]
    for voxels, scale, translation in levels:
        np.testing.assert_allclose(translation - scale / 2, translation_0 - scale_0 / 2, atol=1e-9)
        short = np.array(finest.shape) * scale_0 - np.array(voxels.shape) * scale
        assert (short <= 1e-9).all()
        assert (short > -scale).all()


@pytest.mark.story
def test_the_window_lies_inside_the_data(run):
    "omero: min ≤ start < end ≤ max, and start and end are values that the volume holds."
    path = run / "out" / "3d_volume.ome.zarr"
    (channel,) = ome_of(path)[0]["omero"]["channels"]
    window = channel["window"]
    voxels = np.asarray(next(iter(levels_of(path)))[0])
    assert window["min"] <= window["start"] < window["end"] <= window["max"]
    assert voxels.min() <= window["start"]
    assert window["end"] <= voxels.max()


@pytest.mark.parametrize(
    ("shape", "step_mm", "targets_um"),
    [
        ((23, 61, 77), 0.05, (100.0, 200.0)),
        ((31, 53, 67), 0.01, (25.0, 50.0)),  # not a whole number of voxels
        ((29, 97, 41), 0.04, (50.0, 70.0, 100.0)),
        ((37, 64, 49), 0.013, (20.0, 31.0)),
    ],
)
def test_a_planted_point_has_one_place(tmp_path, shape, step_mm, targets_um):
    "Near the far corner, where errors add up; shapes do not divide: 0.1 voxel of each level."
    origin = np.array([0.3, -1.7, 2.1])
    planted = np.array(shape) - 12.3  # index of the base; 0.7 voxels from a centre
    z, y, x = np.ogrid[tuple(map(slice, shape))]
    squares = (z - planted[0]) ** 2 + (y - planted[1]) ** 2 + (x - planted[2]) ** 2
    blob = np.exp(-squares / (2 * 3.0**2)).astype(np.float32) + np.float32(1e-6)
    spacing = omezarr.Spacing(step_mm, step_mm, step_mm)
    level = omezarr.Level(shape, spacing, shape, None, tuple(origin))
    with omezarr.create(tmp_path / "stack.ome.zarr", [level]) as new:
        new.array[...] = blob
    given = Params(
        in_zarr=tmp_path / "stack.ome.zarr",
        out_zarr=tmp_path / "volume.ome.zarr",
        n_serial_slices=1,
        pyramid_resolutions=targets_um,
    )
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    levels = list(levels_of(tmp_path / "volume.ome.zarr"))
    assert len(levels) == 1 + len(targets_um)
    wanted = origin + planted * step_mm
    for voxels, scale, translation in levels:
        found = centroid(np.asarray(voxels)) * scale + translation
        assert np.abs((found - wanted) / scale).max() < 0.1


def centroid(voxels):
    weights = voxels - voxels.min()
    grids = np.indices(voxels.shape)
    return (grids * weights).sum(axis=(1, 2, 3)) / weights.sum()
