import csv
import json

import numpy as np
import pytest

from linumpy.cli import runtime
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue
from linumpy.io import diagnostics, manual, omezarr, slice_config
from linumpy.scripts.linum_stack_slices_motor import COMMAND, Params
from tests.stack import slabs

NUMBERS = (1, 2, 3, 4, 5)


def stack(tmp_path, *, workers=1, out="stack", **params):
    (tmp_path / out).mkdir(exist_ok=True)
    given = Params(
        in_slices_dir=tmp_path / "slices",
        in_shifts=tmp_path / "shifts_xy.csv",
        out_stack=tmp_path / out / "stack.ome.zarr",
        **params,
    )
    options = runtime.Options(workers=workers)
    COMMAND.run(given, runtime.make_job(COMMAND, given, options))
    return omezarr.open_volume(given.out_stack)


@pytest.fixture
def brain():
    return slabs.anatomy(1)


@pytest.fixture
def slices(tmp_path, brain):
    "Slices 1 to 5 on one canvas, no faults."
    (tmp_path / "slices").mkdir()
    for number in NUMBERS:
        voxels = slabs.cut(brain, number, first=1)
        slabs.write_slice(tmp_path / "slices", number, voxels, in_common_space=True)
    slabs.write_shifts(tmp_path / "shifts_xy.csv", dict.fromkeys(NUMBERS, (0, 0)))
    return tmp_path


def write_config(folder, **unused):
    rows = [slice_config.new_row(n, use=f"z{n}" not in unused) for n in NUMBERS]
    rows = {row["slice_id"]: row | unused.get(f"z{int(row['slice_id'])}", {}) for row in rows}
    slice_config.write(folder / "slice_config.csv", rows)
    return folder / "slice_config.csv"


def test_every_slice_at_its_depth(slices, brain):
    "Slices without faults give the anatomy back, plane by plane."
    volume = stack(slices)
    assert volume.shape == (4 * slabs.INTERVAL + slabs.DEPTH, 64, 72)
    np.testing.assert_allclose(volume.array[...], brain[: volume.shape[0]], rtol=1e-5)
    assert volume.spacing.zyx_mm == (0.05, 0.05, 0.05)


def test_a_missing_slice_leaves_its_place(slices, brain):
    "With 03 unused, 04 stays where it is; what 02 did not reach is exactly 0."
    volume = stack(slices, slice_config=write_config(slices, z3={}))
    voxels = volume.array[...]
    gap = slice(slabs.INTERVAL + slabs.DEPTH, 3 * slabs.INTERVAL)
    assert not voxels[gap].any()
    np.testing.assert_allclose(voxels[: gap.start], brain[: gap.start], rtol=1e-5)
    np.testing.assert_allclose(voxels[gap.stop :], brain[gap.stop : volume.shape[0]], rtol=1e-5)


def test_the_truth_table_of_measured_voxels(slices):
    "auto_excluded slices are left out, unless motor_only; use=false always is."
    config = write_config(slices, z3={"use": True, "auto_excluded": True}, z2={})
    gap = slice(slabs.DEPTH, 3 * slabs.INTERVAL)
    assert not stack(slices, slice_config=config).array[gap].any()
    kept = stack(slices, out="motor", slice_config=config, auto_excluded="motor_only")
    assert kept.array[2 * slabs.INTERVAL : gap.stop].any()
    assert not kept.array[slabs.DEPTH : 2 * slabs.INTERVAL].any()


def test_an_interpolated_slice_fills_only_what_was_not_measured(slices, brain):
    "It shows in the gap, never where a neighbour measured, and never for a used slice."
    filling = slices / "interpolated"
    filling.mkdir()
    for number in (3, 4):
        voxels = np.full((slabs.DEPTH, 64, 72), 9.0, dtype=np.float32)
        slabs.write_slice(filling, number, voxels, name="interpolated", in_common_space=True)
    config = write_config(slices, z3={"interpolated": True})
    volume = stack(slices, slice_config=config, interpolated_dir=filling)
    gap = slice(slabs.INTERVAL + slabs.DEPTH, 3 * slabs.INTERVAL)
    assert (volume.array[gap] == 9.0).all()
    np.testing.assert_allclose(volume.array[: gap.start], brain[: gap.start], rtol=1e-5)
    assert (volume.array[gap.stop :] < 2).all()
    fates = {entry["slice_id"]: entry["fate"] for entry in volume.attributes["slices"]}
    assert fates == {
        n: "interpolated" if n == "03" else "measured" for n in ("01", "02", "03", "04", "05")
    }


def test_manual_transforms_move_a_slice_once(slices, brain):
    "A slice moved by (3, −2) voxels and 2° is put back, and the file that a run writes says so."
    voxels = slabs.cut(brain, 3, first=1, motion=(2.0, 3.0, -2.0))
    slabs.write_slice(slices / "slices", 3, voxels, in_common_space=True)
    by_hand = {
        SliceId(3): manual.Transform(manual.Rigid2D(2.0, -2.0 * 50, 3.0 * 50), "by eye"),
    }
    back = _inverse(2.0, -100.0, 150.0)
    by_hand[SliceId(4)] = manual.Transform(back)
    manual.write(slices / "transforms.csv", by_hand)
    left = stack(slices, out="left")
    volume = stack(slices, manual_transforms=slices / "transforms.csv")
    planes = slice(2 * slabs.INTERVAL, 3 * slabs.INTERVAL)
    inner = (planes, slice(12, -12), slice(12, -12))
    error, error_left = (
        np.sqrt(np.mean((one.array[...][inner] - brain[inner]) ** 2)) for one in (volume, left)
    )
    assert error < error_left / 5
    found = manual.read(slices / "stack" / "transforms.csv")
    assert found[SliceId(3)].motion.dx_um == pytest.approx(-100, abs=1)
    assert found[SliceId(3)].motion.rotation_deg == pytest.approx(2.0, abs=0.02)
    with (slices / "stack" / "stacking_decisions.csv").open() as stream:
        rows = {row["slice_id"]: row for row in csv.DictReader(stream)}
    assert rows["03"]["manual_override"] == "true"
    assert rows["05"]["transform_loaded"] == "false"


def _inverse(angle, dx, dy):
    a = np.deg2rad(-angle)
    x, y = -(np.cos(a) * dx - np.sin(a) * dy), -(np.sin(a) * dx + np.cos(a) * dy)
    return manual.Rigid2D(-angle, float(x), float(y))


def test_slices_off_the_canvas_are_placed_by_the_shifts(tmp_path, brain):
    "Slices that were not brought to a common canvas are, in the one interpolation there is."
    (tmp_path / "slices").mkdir()
    corners = {1: (0, 0), 2: (3, 2), 3: (1, 5)}
    for number, corner in corners.items():
        voxels = slabs.cut(brain, number, first=1, corner=corner, size=(56, 60))
        slabs.write_slice(tmp_path / "slices", number, voxels, corner=corner)
    slabs.write_shifts(tmp_path / "shifts_xy.csv", corners)
    volume = stack(tmp_path)
    assert volume.shape == (14, 59, 65)
    inner = (slice(None), slice(5, 50), slice(8, 55))
    np.testing.assert_allclose(volume.array[...][inner], brain[:14][inner], rtol=1e-5)


def test_tables_and_metrics(slices):
    "z_matches, decisions, diagnostics and metrics say what was done."
    stack(slices)
    with (slices / "stack" / "z_matches.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["moving_id"] for row in rows] == ["02", "03", "04", "05"]
    assert {(row["overlap_voxels"], row["blend_overlap_voxels"]) for row in rows} == {("2", "2")}
    assert all(float(row["correlation"]) > 0.99 for row in rows)
    metrics = diagnostics.read_metrics(slices / "stack" / "stack_metrics.json")
    assert metrics.number("num_slices") == 5
    record = json.loads((slices / "stack" / "stack_diagnostics.json").read_text())
    assert record["planes"][3] == {"01": 1.0}
    assert sum(record["planes"][4].values()) == pytest.approx(1.0)


def test_workers_do_not_change_a_bit(slices):
    "One worker and three write the same voxels."
    one, three = stack(slices), stack(slices, out="three", workers=3)
    np.testing.assert_array_equal(one.array[...], three.array[...])


def test_an_unknown_interval_is_refused(tmp_path, brain):
    "Without an interval in the volumes, the message names the flag."
    (tmp_path / "slices").mkdir()
    for number in (1, 2):
        voxels = slabs.cut(brain, number, first=1)
        slabs.write_slice(
            tmp_path / "slices", number, voxels, in_common_space=True, slicing_interval_mm=None
        )
    slabs.write_shifts(tmp_path / "shifts_xy.csv", {1: (0, 0), 2: (0, 0)})
    with pytest.raises(BadValue, match="pass --slicing_interval_mm"):
        stack(tmp_path)
    assert stack(tmp_path, slicing_interval_mm=0.25).shape[0] == 5 + slabs.DEPTH
