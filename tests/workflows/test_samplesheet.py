"""Several brains by one command: each as if it were alone, one page, one exit code."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from linumpy.io import slice_config
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine, pytest.mark.xdist_group("samplesheet")]
AXIAL = ("--axial_resolution", "10")
FINAL = "slice_config_final.csv"
SHEET = """subject,raw,exclude,resolution,slice_config
one,raw,,50,
two,raw,00,60,
lost,nothing,,,
"""


@pytest.fixture(scope="module")
def made(tiny_acquisition, tmp_path_factory):
    """Both workflows over a sheet: two brains that differ in a parameter of each, and no brain."""
    folder = tmp_path_factory.mktemp("sheet")
    (folder / "raw").symlink_to(tiny_acquisition.raw)
    (folder / "nothing").mkdir()
    (folder / "sheet.csv").write_text(SHEET)
    argv = ("--samplesheet", "sheet.csv", "--subjects_at_once", 2)
    preproc = engine.run(engine.PREPROC, folder, *argv, "--output", "pre", *AXIAL)
    argv = (*argv, "--input", "pre", "--resolution", 50)
    reconst = engine.run(engine.RECONST, folder, *argv, "--output", "out")
    return folder, preproc, reconst


@pytest.mark.parametrize("subject", ["one", "two"])
def test_a_brain_is_what_a_run_on_it_alone_makes(subject, made, tiny_acquisition, tmp_path):
    "Record and voxels of the local driver with the same parameters, under the subject's name."
    folder, preproc, reconst = made
    flags = {"one": ("--resolution", 50), "two": ("--resolution", 60, "--exclude", "00")}[subject]
    engine.reconstruct(tiny_acquisition.raw, tmp_path / "local", *AXIAL, *flags)
    out = folder / "out" / subject
    assert out.exists(), preproc.said + reconst.said
    assert (out / FINAL).read_bytes() == (tmp_path / "local" / FINAL).read_bytes()
    assert engine.hash_levels(out / engine.VOLUME) == engine.hash_levels(
        tmp_path / "local" / engine.VOLUME
    )
    assert (folder / "pre" / subject / "mosaics").is_dir()
    assert (out / "quality_report.html").exists()


def test_a_second_contrast_is_placed_by_what_the_workflows_left(made, tiny_acquisition, tmp_path):
    "The first one's own tiles give its voxels; raw headers and galvo come from preproc's folder."
    folder = made[0]
    command = Path(sys.executable).with_name("linum_apply_transforms.py")
    words = (folder / "out" / "one", tiny_acquisition.raw, tmp_path / "second")
    flags = ("--preproc", folder / "pre" / "one")
    done = subprocess.run([command, *words, *flags], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert engine.hash_levels(tmp_path / "second" / engine.VOLUME) == engine.hash_levels(
        folder / "out" / "one" / engine.VOLUME
    )


def test_one_page_and_the_truth_in_the_exit_code(made):
    "A brain that fails stops no other, is named in the page and at the end; nothing else ran."
    folder, preproc, reconst = made
    for ran, where in ((preproc, "pre"), (reconst, "out")):
        assert ran.code != 0
        assert "1 of 3 brains failed: lost (" in ran.said
        assert {name.partition(" ")[0].removeprefix("brains:") for name in ran.tasks} == {
            "check_samplesheet",
            "run_brain",
            "generate_overview",
            "name_failed_brains",
        }
        rows = json.loads((folder / where / "overview.json").read_text())["brains"]
        states = {row["subject"]: row["state"] for row in rows}
        good = "preprocessed" if where == "pre" else "done"
        assert states == {"lost": "failed", "one": good, "two": good}
    assert "no tile found" in preproc.said
    html = (folder / "out" / "overview.html").read_text()
    assert 'href="two/quality_report.html"' in html
    two = next(row for row in rows if row["subject"] == "two")
    assert two["fates"] == {
        "measured": 3, "interpolated": 0, "failed": 0, "gap": 0, "excluded": 1,
    }  # fmt: skip
    assert slice_config.read(folder / "pre" / "two" / "slice_config.csv")["00"]["use"] is False


def test_a_mistake_in_the_sheet_ends_it_before_anything_runs(made, tmp_path):
    "Line and column are named."
    folder = made[0]
    shutil.copy(folder / "sheet.csv", tmp_path / "sheet.csv")
    with (tmp_path / "sheet.csv").open("a") as sheet:
        sheet.write(f"four,{folder / 'raw'},,-5,\n")
    argv = ("--samplesheet", "sheet.csv", "--input", folder / "pre", "--output", "out")
    ran = engine.run(engine.RECONST, tmp_path, *argv)
    assert ran.code != 0
    assert "line 5, column resolution: '-5'" in ran.said
    assert {name.partition(" ")[0] for name in ran.tasks} <= {"brains:check_samplesheet"}
    assert not (tmp_path / "out").exists()
