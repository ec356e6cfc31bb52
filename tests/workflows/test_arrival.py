"""An acquisition in two folders whose last slice is incomplete: both drivers decide the same."""

import json
import shutil

import pytest

from linumpy.io import slice_config
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine, pytest.mark.xdist_group("arrival")]
AXIAL, WORK = ("--axial_resolution", "10"), ("--resolution", "50")
FINAL = "slice_config_final.csv"


def test_two_folders_and_an_incomplete_slice(tiny_acquisition, tmp_path):
    "The same record and voxels; both say it in run.json; no mosaic is made of the slice."
    monday, tuesday, out = tmp_path / "monday", tmp_path / "tue day", tmp_path / "out"
    shutil.copytree(tiny_acquisition.raw, monday)
    for slice_id in ("02", "03"):
        shutil.move(monday / f"z{slice_id}", tuesday / f"z{slice_id}")
    shutil.rmtree(tuesday / "z03" / "tile_x01_y01_z03")
    paths = ("--input", monday, "--more_raw", tuesday, "--output", out)
    ran = engine.run(engine.PREPROC, tmp_path / "w", *paths, *AXIAL)
    assert ran.code == 0, ran.said
    paths = ("--input", out, "--output", tmp_path / "result")
    ran = engine.run(engine.RECONST, tmp_path / "w", *paths, *WORK)
    assert ran.code == 0, ran.said
    local, result = tmp_path / "local", tmp_path / "result"
    engine.reconstruct(monday, local, "--more_raw", tuesday, *AXIAL, *WORK)
    for made in (local, out):
        assert not (made / "mosaics" / "mosaic_grid_3d_z03.ome.zarr").exists()
        warnings = json.loads((made / "run.json").read_text())["warnings"]
        assert "3 of the 4 tiles" in warnings[0]["what"]
    assert slice_config.read(local / FINAL)["03"]["notes"] == "incomplete: 3 of 4 tiles"
    assert (result / FINAL).read_bytes() == (local / FINAL).read_bytes()
    volume = engine.VOLUME
    assert engine.hash_levels(result / volume) == engine.hash_levels(local / volume)
