"""From mosaic grid to slice; what each correction is worth: test_each_stage_earns_its_place.py."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from tile_phantom import Plant, write_mosaic

from linumpy.cli import runtime
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io import omezarr, shifts
from linumpy.io.diagnostics import read_metrics
from linumpy.scripts.linum_process_slice import COMMAND

NOTHING = {
    "refine_positions": False,
    "flat_field": False,
    "axial_profile": False,
    "attenuation": False,
    "use_gpu": False,
    "resolution": 10.0,
}


def process(folder, plant, *, workers=1, name="slice_z03_normalize", **changes):
    mosaic = folder / "mosaic_grid_3d_z03.ome.zarr"
    if not mosaic.exists():
        process.truth = write_mosaic(mosaic, plant)
    out = folder / f"{name}.ome.zarr"
    params = COMMAND.params(in_mosaic=mosaic, out_slice=out, **(NOTHING | changes))
    job = runtime.make_job(COMMAND, params)
    runtime.run(COMMAND, params, replace(job, workers=workers))
    return omezarr.open_volume(out), process.truth


def anatomy_on(volume, at, native_um=5.0):
    """The anatomy under each voxel, from a grid four times as fine."""
    _, n_y, n_x = volume.shape
    fine = []
    for origin_mm, n in zip(volume.origin_mm[1:], (n_y, n_x), strict=True):
        first = origin_mm * 1000 - 5.0
        fine.append((first + (np.arange(4 * n) + 0.5) * 2.5) / native_um - 0.5)
    return at(*fine).reshape(n_y, 4, n_x, 4).mean(axis=(1, 3))


def inner(array, border=3):
    return array[..., border:-border, border:-border]


def ncc(first, second):
    a, b = first - first.mean(), second - second.mean()
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


def test_the_perfect_rig_gives_back_the_anatomy(tmp_path):
    "Without faults and corrections, every plane is the anatomy in its place."
    volume, (_, at) = process(tmp_path, Plant())
    truth = anatomy_on(volume, at)
    planes = volume.array[:]
    assert planes.shape[0] == 17  # 34 voxels of 5 µm under the surface at 6
    assert all(ncc(inner(plane), inner(truth)) > 0.998 for plane in planes)
    assert planes.min() >= 0
    assert planes.max() <= 1


def test_anatomy_is_not_flattened(tmp_path):
    "All faults at once, with speckle: agreement with the anatomy rises, and stays in the middle."
    plant = Plant(
        vignette=0.5, decay_per_um=0.004, looks=4, jitter_px=4, anatomy="brain", grid=(4, 4),
        tilt=(0.01, -0.005), scales_px=(4.0, 12.0),
    )  # fmt: skip
    scores = {}
    every = dict.fromkeys(("refine_positions", "flat_field", "axial_profile", "attenuation"), True)
    for name, flags in (("no", {}), ("yes", every)):
        volume, (_, at) = process(tmp_path, plant, name=name, **flags)
        mean, truth = volume.array[2:10].mean(axis=0), anatomy_on(volume, at)
        imaged = mean > 0
        scores[name] = ncc(mean[imaged], truth[imaged])
    assert scores["yes"] > max(scores["no"], 0.97)


def test_refinement_places_tiles_to_a_tenth_of_a_pixel(tmp_path):
    "Jitter of the stage alone: tile errors fall from pixels to a tenth, and the slice stays put."
    plant = Plant(jitter_px=6, looks=20, grid=(4, 4), tile=(40, 96, 96))
    process(tmp_path, plant, refine_positions=True)
    true, _ = process.truth
    with (tmp_path / "slice_z03_tiles.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    corrections = np.array(
        [[float(r["correction_y_px"]), float(r["correction_x_px"])] for r in rows]
    )
    placed = {
        (int(r["row"]), int(r["col"])): np.array([float(r["placed_y_um"]), float(r["placed_x_um"])])
        / 5
        for r in rows
    }
    error = np.array([placed[place] - true[place] for place in placed])
    error -= error.mean(axis=0)
    assert np.median(np.abs(error).max(axis=1)) <= 0.1
    assert np.abs(error).max() <= 0.5
    assert np.abs(corrections.mean(axis=0)).max() < 1e-3
    assert not any(row["flagged"] == "true" for row in rows)


def test_tilt_is_followed(tmp_path):
    "A tilted surface: plane 0 is the surface everywhere, within one axial voxel."
    plant = Plant(tilt=(0.03, -0.02), surface_vox=12.0, tile=(64, 64, 64))
    volume, _ = process(tmp_path, plant)
    surface = json.loads((tmp_path / "slice_z03_process.json").read_text())["surface"]
    assert surface["per_y"] == pytest.approx(0.03, abs=0.001)
    assert surface["per_x"] == pytest.approx(-0.02, abs=0.001)
    first = inner(volume.array[0])
    assert (first > 0).all()


def test_the_number_of_workers_changes_nothing(tmp_path):
    "One worker and three write the same bits."
    plant = Plant(vignette=0.3, looks=4, jitter_px=3)
    flags = dict.fromkeys(("refine_positions", "flat_field", "axial_profile", "attenuation"), True)
    one, _ = process(tmp_path, plant, name="one", **flags)
    three, _ = process(tmp_path, plant, name="three", workers=3, **flags)
    np.testing.assert_array_equal(one.array[:], three.array[:])


def test_shifts_put_the_slice_on_the_common_lattice(tmp_path):
    "A sub-voxel shift moves content by its phase; voxel edges stay multiples of the voxel."
    plant = Plant(grid=(2, 2))
    ids = [SliceId(i) for i in (2, 3)]
    shifts.write(tmp_path / "s.csv", [Shift(ids[0], ids[1], 0, 0, 0.0234, -0.0171)])
    plain, (_, at) = process(tmp_path, plant, name="plain")
    moved, _ = process(tmp_path, plant, name="moved", shifts=tmp_path / "s.csv")
    for volume in (plain, moved):
        edges = np.array(volume.origin_mm[1:]) * 1000 / 10 - 0.5
        np.testing.assert_allclose(edges, np.rint(edges), atol=1e-9)
    dy, dx = -17.1 / 5, 23.4 / 5
    truth = anatomy_on(moved, lambda y, x: at(y - dy, x - dx))
    assert ncc(inner(moved.array[3]), inner(truth)) > 0.998
    assert moved.attributes["position_um"] == pytest.approx({"x": 23.4, "y": -17.1})


def test_a_missing_tile_leaves_zeros(tmp_path):
    "Where no tile was, voxels are exactly 0; the others are in their place."
    plant = Plant(missing=((0, 0),))
    volume, _ = process(tmp_path, plant)
    planes = volume.array[:]
    assert (planes[:, :20, :20] == 0).all()
    assert (planes[3, 40:-4, 40:-4] > 0).all()


def test_agarose_is_exactly_zero(tmp_path):
    "Far from tissue everything is 0, and the edge of tissue is kept."
    plant = Plant(anatomy="brain", grid=(4, 4), looks=10)
    volume, (_, at) = process(tmp_path, plant)
    truth = anatomy_on(volume, at)
    planes = volume.array[:]
    assert (planes[:, :3, :3] == 0).all()
    tissue = truth > 0.3 * np.median(truth[truth > 0.5])
    assert (planes.mean(axis=0)[tissue] > 0).mean() > 0.999


def test_products_stand_beside_the_slice(tmp_path):
    "Diagnostics, metrics, tiles and preview are written, and the steps when they are asked for."
    process(tmp_path, Plant(grid=(2, 2)), keep_intermediate=tmp_path / "steps")
    metrics = read_metrics(tmp_path / "slice_z03_process_metrics.json")
    assert metrics.step_name == "process_slice"
    assert (tmp_path / "slice_z03_process_preview.png").read_bytes()[:4] == b"\x89PNG"
    assert len(list((tmp_path / "steps").iterdir())) == 6


def test_an_empty_mosaic_is_refused(tmp_path):
    "A mosaic of zeros is an error that names the slice, and no output appears."
    plant = Plant(gain=0, agarose=0, water=0, grid=(1, 2))
    with pytest.raises(BadFile, match="slice 03: no signal"):
        process(tmp_path, plant)
    assert not (tmp_path / "slice_z03_normalize.ome.zarr").exists()


def test_a_mosaic_without_water_begins_at_its_first_plane(tmp_path):
    "Tissue from the first voxel on: plane 0 is there, and the metrics say so."
    volume, _ = process(tmp_path, Plant(surface_vox=0.0, grid=(2, 2), tile=(20, 64, 64)))
    assert volume.shape[0] == 10
    assert read_metrics(tmp_path / "slice_z03_process_metrics.json").overall_status == "warning"


@pytest.mark.parametrize("grid", [(1, 1), (1, 3), (3, 1)])
def test_one_row_or_one_column(tmp_path, grid):
    "Grids of one row, one column or one tile work with every stage."
    flags = dict.fromkeys(("refine_positions", "flat_field", "axial_profile", "attenuation"), True)
    volume, (_, at) = process(tmp_path, Plant(grid=grid, looks=20), **flags)
    assert ncc(inner(volume.array[:].mean(axis=0)), inner(anatomy_on(volume, at))) > 0.9
