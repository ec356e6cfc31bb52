"""One page with a row per brain, whatever stands in their folders."""

import json
import re

import numpy as np

from linumpy.core.spacing import Spacing
from linumpy.io import omezarr, slice_config
from linumpy.report import overview
from linumpy.scripts.linum_generate_overview import COMMAND


def write_run(folder, *, rows, volume=True, report=True, **run):
    folder.mkdir(parents=True)
    slice_config.write(folder / "slice_config_final.csv", rows)
    (folder / "run.json").write_text(json.dumps({"parameters": {}, **run}))
    if volume:
        level = omezarr.Level((6, 8, 10), Spacing.from_um(25, 25, 25), (6, 8, 10))
        with omezarr.create(folder / "3d_volume.ome.zarr", [level]) as new:
            new.array[...] = np.arange(480, dtype=np.float32).reshape(6, 8, 10)
    if report:
        (folder / "quality_report.html").write_text("<p>report")


def row(*, use=True, **cells):
    return {"use": use, **cells}


GOOD = {"00": row(), "01": row(use=False), "02": row(), "03": row(use=False, interpolated=True)}
BAD = {"00": row(), "01": row(use=False, notes="failed: stack: torn")}


def make(folder, *argv):
    code = 0
    try:
        COMMAND.main([str(folder), str(folder / "overview.html"), *map(str, argv)])
    except SystemExit as end:
        code = int(end.code or 0)
    assert code == 0
    said = json.loads((folder / "overview.json").read_text())["brains"]
    return (folder / "overview.html").read_text(), {one["subject"]: one for one in said}


def test_a_row_per_brain(tmp_path):
    "Finished, failed, second contrast, only preprocessed, broken; other folders are no brains."
    write_run(tmp_path / "brain 1", rows=GOOD)
    write_run(tmp_path / "brain2", rows=BAD)
    write_run(tmp_path / "channel2", rows=GOOD, report=False)
    (tmp_path / "channel2" / "derived_from.json").write_text('{"run": "brain 1"}')
    (tmp_path / "started" / "mosaics").mkdir(parents=True)
    (tmp_path / "started" / "acquisition.json").write_text("{}")
    write_run(tmp_path / "torn", rows=GOOD)
    (tmp_path / "torn" / "3d_volume.ome.zarr" / "zarr.json").write_text("{")
    (tmp_path / "notes").mkdir()
    html, rows = make(tmp_path)
    assert {s: r["state"] for s, r in rows.items()} == {
        "brain 1": "done",
        "brain2": "failed",
        "channel2": "done",
        "started": "preprocessed",
        "torn": "failed",
    }
    one = rows["brain 1"]
    assert one["fates"] == {"measured": 2, "interpolated": 1, "failed": 0, "gap": 0, "excluded": 1}
    assert one["shape"] == [6, 8, 10]
    assert one["voxel_um"] == [25, 25, 25]
    assert rows["brain2"]["says"].startswith("1 slices failed")
    assert rows["channel2"]["says"] == "second contrast, placed as brain 1"
    assert 'href="brain%201/quality_report.html"' in html
    assert html.count("<tr id=") == 5
    assert html.count("<img ") == 3
    assert not re.search(r'(?:src|href)="(?!data:|[\w%]+/quality_report)', html)  # offline


def test_outcomes_name_what_never_began(tmp_path):
    "A run that ended with an error has a row and its message, folder or not; text is escaped."
    runs, ended = tmp_path / "runs", tmp_path / "ended"
    write_run(runs / "good", rows=GOOD)
    ended.mkdir()
    for name, code, message in (("good", 0, ""), ("lost", 1, "no tile in <raw>")):
        told = {"subject": name, "exit_code": code, "message": message}
        (ended / f"{name}.outcome.json").write_text(json.dumps(told))
    html, rows = make(runs, "--outcomes", ended)
    assert rows["good"]["state"] == "done"
    assert rows["lost"]["state"] == "failed"
    assert rows["lost"]["says"] == "no tile in <raw>"
    assert rows["lost"]["fates"] is None
    assert "no tile in &lt;raw&gt;" in html


def test_no_brain(tmp_path):
    "An empty folder gives a page that says so."
    html, rows = make(tmp_path)
    assert rows == {}
    assert "No folder of a run was found" in html
    assert overview.verdict(()) == "no brain"
