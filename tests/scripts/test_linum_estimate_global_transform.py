"""The pooled transform, on mosaics whose stage is off by a planted scale."""

import json

import numpy as np
import pytest
from tile_phantom import Plant, write_mosaic

from linumpy.errors import EmptySelection
from linumpy.io import slice_config
from linumpy.scripts.linum_estimate_global_transform import COMMAND


def run(folder, *flags):
    with pytest.raises(SystemExit) as end:
        COMMAND.main([str(folder), str(folder / "a.npy"), "-f", *flags])
    assert end.value.code == 0
    return np.load(folder / "a.npy")


@pytest.fixture
def mosaics(tmp_path):
    for i in (1, 2, 4):
        plant = Plant(seed=i, grid=(2, 3), looks=30, jitter_px=0.5)
        write_mosaic(tmp_path / f"mosaic_grid_3d_z{i:02d}.ome.zarr", plant, f"{i:02d}")
    return tmp_path


def test_the_step_is_found_over_all_slices(mosaics):
    "Jitter averages out: the step of 51 px comes back within a third of a pixel."
    matrix = run(mosaics, "--diagnostics_json", str(mosaics / "d.json"))
    np.testing.assert_allclose(matrix, np.diag([51, 51]), atol=0.35)
    details = json.loads((mosaics / "d.json").read_text())
    assert details["n_volumes"] == 3
    assert details["displacement_model"]["Ox_fraction"] == pytest.approx(0.2, abs=0.01)


def test_only_chosen_slices_count(mosaics):
    "use=false is left out, include_slice narrows further, and an empty choice is an error."
    rows = {f"{i:02d}": slice_config.new_row(i, use=i != 2) for i in (1, 2, 4)}
    slice_config.write(mosaics / "slice_config.csv", rows)
    config = ("--slice_config", str(mosaics / "slice_config.csv"))
    diagnostics = ("--diagnostics_json", str(mosaics / "d.json"))
    run(mosaics, *config, *diagnostics, "--include_slice", "2-4")
    stats = json.loads((mosaics / "d.json").read_text())["per_slice_stats"]
    assert [row["slice_id"] for row in stats] == ["04"]
    params = COMMAND.parse([str(mosaics), str(mosaics / "b.npy"), *config, "--include_slice", "2"])
    with pytest.raises(EmptySelection, match="none is selected"):
        COMMAND.run(params, None)


def test_fewer_samples_are_the_same_draw_every_time(mosaics):
    "The seed decides which overlaps are measured."
    flags = ("--n_samples", "6", "--seed", "3")
    np.testing.assert_array_equal(run(mosaics, *flags), run(mosaics, *flags))
