import numpy as np
import pytest

from linumpy.cli import runtime
from linumpy.errors import BrokenChain, EmptySelection, MissingFile, MissingShift
from linumpy.io import diagnostics, omezarr, shifts, slice_config
from linumpy.scripts.linum_align_mosaics_3d_from_shifts import COMMAND, Params
from tests.stack import slabs

CORNERS = {0: (0, 0), 2: (3, 1), 5: (1, 6), 100: (4, 2)}
SIZE = (56, 60)


def align(folder, out, *, workers=1, **params):
    shifts_file = folder.parent / "shifts_xy.csv"
    given = Params(in_mosaics_dir=folder, in_shifts=shifts_file, out_directory=out, **params)
    options = runtime.Options(workers=workers)
    COMMAND.run(given, runtime.make_job(COMMAND, given, options))
    return {path.name: omezarr.open_volume(path) for path in sorted(out.glob("*.ome.zarr"))}


@pytest.fixture
def brain():
    return slabs.anatomy()[:6]


@pytest.fixture
def folder(tmp_path, brain):
    inputs = tmp_path / "slices"
    inputs.mkdir()
    for number, corner in CORNERS.items():
        y, x = corner
        part = brain[:, y : y + SIZE[0], x : x + SIZE[1]]
        slabs.write_slice(inputs, number, part, corner=corner)
    slabs.write_shifts(tmp_path / "shifts_xy.csv", CORNERS)
    return inputs


def test_ids_are_matched_never_indices(folder, tmp_path, brain):
    "Slices 0, 2, 5 and 100 each land where the sum of their shifts says, voxel for voxel."
    found = align(folder, tmp_path / "out")
    assert {v.shape for v in found.values()} == {(6, 60, 66)}
    for number, (y, x) in CORNERS.items():
        voxels = omezarr.read_block(found[f"slice_z{number:02d}_normalize.ome.zarr"])
        inside = (slice(None), slice(y, y + SIZE[0]), slice(x, x + SIZE[1]))
        np.testing.assert_array_equal(voxels[inside], brain[inside])
        voxels[inside] = 0
        assert not voxels.any(), "outside the data the canvas is exactly 0"


def test_excluded_slices_count_in_the_sum(folder, tmp_path, brain):
    "Leaving 02 out does not move 05."
    rows = {i: slice_config.new_row(i, use=i != 2) for i in CORNERS}
    config = tmp_path / "slice_config.csv"
    slice_config.write(config, {row["slice_id"]: row for row in rows.values()})
    found = align(folder, tmp_path / "out", slice_config=config)
    assert set(found) == {f"slice_z{i}_normalize.ome.zarr" for i in ("00", "05", "100")}
    voxels = omezarr.read_block(found["slice_z05_normalize.ome.zarr"])
    np.testing.assert_array_equal(voxels[:, 1:57, 6:66], brain[:, 1:57, 6:66])
    report = diagnostics.read_metrics(tmp_path / "out" / "common_space_alignment_metrics.json")
    assert report.number("n_selected_slices") == 3
    assert report.number("n_excluded_slices") == 1


def test_zero_mode_drops_the_steps_of_an_excluded_slice(folder, tmp_path):
    "With excluded_slice_mode zero, the steps 00→02 and 02→05 are no steps."
    config = tmp_path / "slice_config.csv"
    rows = [slice_config.new_row(i, use=i != 2) for i in CORNERS]
    slice_config.write(config, {row["slice_id"]: row for row in rows})
    align(folder, tmp_path / "out", slice_config=config, excluded_slice_mode="zero")
    steps = shifts.read(tmp_path / "out" / "shifts_xy_common.csv")
    assert [(s.x_mm, s.y_mm) for s in steps[:2]] == [(0.0, 0.0), (0.0, 0.0)]


def test_workers_do_not_change_a_bit(folder, tmp_path):
    "One worker and three write the same voxels."
    one = align(folder, tmp_path / "one")
    three = align(folder, tmp_path / "three", workers=3)
    for name, volume in one.items():
        np.testing.assert_array_equal(volume.array[...], three[name].array[...])


def test_foreign_slices_are_placed_between_voxels(tmp_path, brain):
    "A slice without lattice attributes moves by its shift, right to a tenth of a voxel."
    folder = tmp_path / "slices"
    folder.mkdir()
    slabs.write_slice(folder, 0, brain, lattice=False)
    slabs.write_slice(folder, 1, brain, lattice=False)
    slabs.write_shifts(tmp_path / "shifts_xy.csv", {0: (0.0, 0.0), 1: (2.5, 0.25)})
    found = align(folder, tmp_path / "out")
    voxels = omezarr.read_block(found["slice_z01_normalize.ome.zarr"])
    y = 10
    expected = 0.5 * (brain[:, y] + brain[:, y - 1])
    expected = 0.75 * expected[:, 1:] + 0.25 * expected[:, :-1]
    np.testing.assert_allclose(voxels[:, y + 2, 1:72], expected, rtol=1e-5)
    assert not voxels[:, :2].any()


def test_unreliable_step_is_corrected_by_the_images(tmp_path):
    "A step that the file calls unreliable, 9 voxels wrong, is put right where the images agree."
    volume = slabs.anatomy(3)
    folder = tmp_path / "slices"
    folder.mkdir()
    for number in (0, 1, 2):
        slabs.write_slice(folder, number, slabs.cut(volume, number))
    slabs.write_shifts(tmp_path / "shifts_xy.csv", {0: (0, 0), 1: (0, 0), 2: (4, -9)}, (2,))
    for number in (2,):  # the stage says (4, -9); the tissue did not move
        slabs.write_slice(folder, number, slabs.cut(volume, number), corner=(4, -9))
    kept = align(folder, tmp_path / "kept")
    assert next(iter(kept.values())).shape[1:] == (68, 81)
    found = align(folder, tmp_path / "out", refine_unreliable=True)
    assert next(iter(found.values())).shape[1:] == (64, 72)
    strict = align(
        folder, tmp_path / "strict", refine_unreliable=True, refine_max_discrepancy_px=5.0
    )
    assert next(iter(strict.values())).shape[1:] == (68, 81)


def test_a_slice_without_shift_warns(folder, tmp_path, brain):
    "Slice 101 is not in the file: a warning, and the place of its predecessor."
    slabs.write_slice(folder, 101, brain)
    with pytest.warns(MissingShift, match="101"):
        align(folder, tmp_path / "out")


def test_refusals(folder, tmp_path, brain):
    "No mosaics, an empty selection and a broken chain each say what is wrong."
    (tmp_path / "empty").mkdir()
    with pytest.raises(MissingFile, match=r"no \*\.ome\.zarr"):
        align(tmp_path / "empty", tmp_path / "out")
    config = tmp_path / "none.csv"
    row = slice_config.new_row(0, use=False)
    slice_config.write(config, {row["slice_id"]: row})
    with pytest.raises(EmptySelection, match="no slice is left"):
        align(folder, tmp_path / "out", slice_config=config)
    (tmp_path / "shifts_xy.csv").write_text(
        "fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n0,2,0,0,0,0\n5,100,0,0,0,0\n"
    )
    with pytest.raises(BrokenChain, match="02 → 05"):
        align(folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
