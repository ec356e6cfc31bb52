"""run.json of a workflow, from what its commands left."""

import hashlib
import json

import pytest

from linumpy.core.geometry import XY, RigGeometry, Scan, SliceExtent, StageSign
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io import acquisition
from linumpy.pipeline import record_run

RIG = RigGeometry(
    stage_sign=StageSign(1, 1), fov_mm=XY(1.0, 1.0), lateral_um=XY(10.0, 10.0),
    step_x_mm=0.8, step_y_mm=0.8, orientation="right_down", overlap_fraction=0.2,
)  # fmt: skip
LINES = {
    "a/slice_config.csv.done.json": "linum_interpolate_missing_slice.py --finalise --fragments x",
    "b/slice_z02_interpolated.ome.zarr.done.json": "linum_interpolate_missing_slice.py "
    "slices/slice_z01_n.ome.zarr slices/slice_z03_n.ome.zarr slice_z02_i.ome.zarr --slice_id 02",
    "c/done.json": "linum_register_pairwise.py z03.ome.zarr slice_z100.ome.zarr slice_z100_n",
    "d/x.done.json": "linum_start_record.py acquisition.json slice_config.csv",
    "e/y.done.json": "linum_create_mosaic_grid_3d.py mosaic_grid_3d_z01.ome.zarr --slice 1",
}


@pytest.fixture
def scan(tmp_path):
    extent = SliceExtent(XY(0.0, 0.0), XY(1.0, 1.0), grid=(1, 1), n_tiles=1, nz=10)
    acquisition.write(
        tmp_path / "acquisition.json", Scan(RIG, {SliceId(1): extent}, (), 6, 8.0, 0.2)
    )
    for name, line in LINES.items():
        path = tmp_path / "costs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cost = {"command": line, "seconds": 1.5, "peak_bytes": 7, "bytes_written": 9}
        path.write_text(json.dumps(cost))
    return tmp_path / "acquisition.json"


def told(scan, before=None, **parameters):
    text = json.dumps({"command": "nextflow run x", "parameters": parameters})
    return record_run.gather(text, scan=scan, costs=scan.parent / "costs", before=before)


def test_stages_and_slices_come_from_the_command_lines(scan):
    "In the order of the graph; what only keeps the record is no stage."
    assert [(stage["stage"], stage["slice"]) for stage in told(scan).stages] == [
        ("create_mosaic_grid", "01"),
        ("interpolate_missing_slice", "02"),
        ("finalise_interpolation", None),
        ("register_pairwise", "100"),
    ]


def test_the_workflow_before_comes_first(scan, tmp_path):
    "Its parameters and stages stay, but for what was done again."
    stages = [
        {"stage": name, "slice": None, "seconds": 1}
        for name in ("register_pairwise", "estimate_xy_shift")
    ]
    before = tmp_path / "run.json"
    before.write_text(json.dumps({"parameters": {"a": 1, "output": "x"}, "stages": stages}))
    found = told(scan, before, output="y")
    assert found.made["parameters"] == {"a": 1, "output": "y"}
    assert [s["stage"] for s in found.stages].count("register_pairwise") == 1
    assert found.stages[0]["stage"] == "estimate_xy_shift"


def test_run_json_has_the_facts_of_the_local_driver(scan, tmp_path):
    "Versions, command, parameters, costs, and what the user should know."
    record_run.write(tmp_path / "run.json", told(scan, max_cpus=2, input="/data/m 22/raw"))
    found = json.loads((tmp_path / "run.json").read_text())
    assert (found["seconds"], found["workers"], found["slicing_interval_mm"]) == (6.0, 2, 0.2)
    assert "--detect_galvo" in found["warnings"][0]["what"]
    assert set(found) == {
        "version", "command", "finished", "seconds", "workers", "python", "libraries",
        "parameters", "slicing_interval_mm", "stages", "warnings", "subject", "commit",
        "acquisition", "record_sha256",
    }  # fmt: skip
    assert (found["subject"], found["record_sha256"]) == ("m-22", None)
    assert found["acquisition"]["tile_fov_mm"] == {"x": 1.0, "y": 1.0}


@pytest.mark.parametrize(
    ("given", "earlier", "subject"),
    [({}, {"subject": "m1"}, "m1"), ({"subject": "m2"}, {"subject": "m1"}, "m2"), ({}, {}, "m3")],
)
def test_the_subject_is_given_or_as_before_or_the_inputs(scan, tmp_path, given, earlier, subject):
    "--subject of this workflow, of the one before, the folder's name."
    before = tmp_path / "run.json"
    before.write_text(json.dumps(earlier))
    found = told(scan, before, input="/data/m3/out", **given)
    assert found.made["subject"] == subject


def test_the_digest_is_of_the_file(scan, tmp_path):
    "As sha256sum prints it."
    record = tmp_path / "slice_config_final.csv"
    record.write_bytes(b"slice_id,use\n01,true\n")
    text = json.dumps({"command": "", "parameters": {}})
    found = record_run.gather(text, scan=scan, costs=None, before=None, record=record)
    assert found.made["record_sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()


def test_a_damaged_file_is_named(scan):
    "Which of thousands."
    (scan.parent / "costs" / "e" / "y.done.json").write_text("{")
    with pytest.raises(BadFile, match=r"y\.done\.json"):
        told(scan)
