import numpy as np
import pytest
import zarr

from linumpy.cli import runtime
from linumpy.errors import BadValue
from linumpy.io import omezarr
from linumpy.scripts import linum_stack_slices_motor as stacker
from linumpy.scripts.linum_normalize_z_intensity import COMMAND, Params
from tests.stack import slabs

GAINS = (1.0, 1.3, 0.8, 1.15, 0.9, 1.25, 0.85, 1.1)


def normalize(source, out, **params):
    given = Params(in_zarr=source, out_zarr=out, pyramid_resolutions=(50.0, 100.0, 130.0), **params)
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    return omezarr.open_volume(out)


@pytest.fixture(scope="module")
def stacked(tmp_path_factory):
    "Slices of planted gains, deep planes darker, stacked; and the anatomy."
    folder = tmp_path_factory.mktemp("z")
    (folder / "slices").mkdir()
    brain = slabs.anatomy(2)
    brain *= np.linspace(1.0, 1.4, len(brain), dtype=np.float32)[:, None, None]  # its own trend
    decay = np.exp(-0.02 * np.arange(slabs.DEPTH, dtype=np.float32))[:, None, None]
    for number, gain in enumerate(GAINS):
        voxels = slabs.cut(brain, number, gain=gain) * decay
        slabs.write_slice(folder / "slices", number, voxels, in_common_space=True)
    slabs.write_shifts(folder / "shifts_xy.csv", dict.fromkeys(range(len(GAINS)), (0, 0)))
    given = stacker.Params(
        in_slices_dir=folder / "slices",
        in_shifts=folder / "shifts_xy.csv",
        out_stack=folder / "stack.ome.zarr",
    )
    stacker.COMMAND.run(given, runtime.make_job(stacker.COMMAND, given))
    return folder / "stack.ome.zarr", brain


def gain_steps(volume, brain):
    "Return ln of the step between neighbouring slices, against the truth, at like depths."
    tissue = brain[: volume.shape[0]] > 0.1
    voxels = volume.array[...]
    means = []
    for i in range(len(GAINS)):
        planes = slice(i * slabs.INTERVAL + 2, i * slabs.INTERVAL + slabs.INTERVAL)
        inside = tissue[planes]
        means.append(voxels[planes][inside].mean() / brain[planes][inside].mean())
    return np.diff(np.log(means)), np.array(means)


def test_steps_go_and_the_trend_stays(stacked, tmp_path):
    "Steps of 20 to 50 % fall below 2 %; the anatomy's trend is kept (correlation ≥ 0.98)."
    path, brain = stacked
    before, _ = gain_steps(omezarr.open_volume(path), brain)
    volume = normalize(path, tmp_path / "volume.ome.zarr")
    after, _ = gain_steps(volume, brain)
    assert np.abs(before).max() > 0.3
    assert np.abs(after).max() < 0.02
    planes = [volume.array[z][brain[z] > 0.1].mean() for z in range(volume.shape[0])]
    truth = [brain[z][brain[z] > 0.1].mean() for z in range(volume.shape[0])]
    assert np.corrcoef(planes, truth)[0, 1] > 0.98


def test_percentile_mode_keeps_the_slow_course(stacked, tmp_path):
    "Each section is brought to the smooth course of all: steps at most a third of before."
    path, brain = stacked
    before, _ = gain_steps(omezarr.open_volume(path), brain)
    volume = normalize(path, tmp_path / "volume.ome.zarr", mode="percentile", smooth_sigma=3.0)
    after, _ = gain_steps(volume, brain)
    assert np.abs(after).max() < np.abs(before).max() / 3


def test_a_volume_without_slices_is_compared_across_its_seams(tmp_path):
    "Sections are given by number; steps at the seams go, whatever lies outside [0, 1] stays."
    brain = slabs.anatomy(4, (32, 64, 72)) * 10
    gains = np.repeat([1.0, 1.3, 0.8, 1.1], 8).astype(np.float32)
    level = omezarr.Level(brain.shape, omezarr.Spacing(0.05, 0.05, 0.05), (32, 64, 72))
    with omezarr.create(tmp_path / "v.ome.zarr", [level]) as new:
        new.array[...] = brain * gains[:, None, None]
    with pytest.raises(BadValue, match="pass --n_serial_slices"):
        normalize(tmp_path / "v.ome.zarr", tmp_path / "out.ome.zarr")
    volume = normalize(tmp_path / "v.ome.zarr", tmp_path / "out.ome.zarr", n_serial_slices=4)
    ratio = (volume.array[...].mean(axis=(1, 2)) / brain.mean(axis=(1, 2)))[::8]
    assert np.abs(np.diff(np.log(ratio))).max() < 0.02
    assert volume.array[...].max() > 5


def test_strength_nothing_changes_nothing(stacked, tmp_path):
    "With strength 0 the base level is the stack, bit for bit."
    path, _ = stacked
    volume = normalize(path, tmp_path / "volume.ome.zarr", strength=0.0)
    np.testing.assert_array_equal(volume.array[...], omezarr.open_volume(path).array[...])


def test_levels_agree_about_a_point(tmp_path):
    "A planted blob has the same physical place on every level, where shapes do not divide."
    shape = (23, 61, 77)
    centre = np.array([11.3, 33.7, 40.2])
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    blob = np.exp(-((grid - centre) ** 2).sum(-1) / (2 * 4.0**2)) + 1e-6
    level = omezarr.Level(shape, omezarr.Spacing(0.05, 0.05, 0.05), shape, None, (0.2, -1.0, 3.0))
    with omezarr.create(tmp_path / "v.ome.zarr", [level]) as new:
        new.array[...] = blob.astype(np.float32)
    normalize(tmp_path / "v.ome.zarr", tmp_path / "out.ome.zarr", n_serial_slices=1)
    places = []
    for i in range(omezarr.n_levels(tmp_path / "out.ome.zarr")):
        found = omezarr.open_volume(tmp_path / "out.ome.zarr", level=i)
        voxels = np.asarray(found.array[...], dtype=np.float64)
        axes = [
            found.origin_mm[a] + found.spacing.zyx_mm[a] * np.arange(voxels.shape[a])
            for a in range(3)
        ]
        total = voxels.sum()
        place = [
            float((voxels.sum(axis=tuple({0, 1, 2} - {a})) @ axes[a]) / total) for a in range(3)
        ]
        places.append((place, found.spacing.x_mm))
    assert [step for _, step in places] == [0.05, 0.1, 0.13]
    for place, step in places[1:]:
        assert np.abs(np.subtract(place, places[0][0])).max() < 0.1 * step


def test_window_and_table_travel_with_the_volume(stacked, tmp_path):
    "Viewers get a window from percentiles of tissue; the slice table stays."
    path, _ = stacked
    volume = normalize(path, tmp_path / "volume.ome.zarr")
    assert len(volume.attributes["slices"]) == len(GAINS)
    ome = zarr.open_group(tmp_path / "volume.ome.zarr", mode="r").attrs["ome"]
    window = ome["omero"]["channels"][0]["window"]
    values = volume.array[...]
    assert 0 < window["start"] < np.median(values[values > 0.1]) < window["end"] <= values.max()
