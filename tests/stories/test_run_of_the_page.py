"""Whole runs, for the lines of the feature page that speak of the pipeline.

docs/conformance.md says which line each test shows.
"""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import get_args

import pytest

from linumpy.io import history, slice_config
from linumpy.pipeline.linum_reconstruct import COMMAND
from linumpy.pipeline.steps import STEPS
from linumpy.scripts import linum_interpolate_missing_slice
from linumpy.stack import morph_gates
from tests.stories import runs
from tests.stories.test_feature_page import call

STAMPING = ("detect_rehoming", "interpolate_missing_slice", "auto_exclude_slices")
pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """One finished run with every flag of the page: OUT."""
    folder = tmp_path_factory.mktemp("run")
    runs.write_page_acquisition(folder / "raw")
    assert runs.reconstruct(folder / "raw", folder / "out", *runs.FLAGS) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def plain(tiny_acquisition, tmp_path_factory):
    """A finished run without a config and without galvo detection: OUT and its flags."""
    out = tmp_path_factory.mktemp("plain") / "out"
    flags = ("--axial_resolution", 10, "--resolution", 50)
    assert runs.reconstruct(tiny_acquisition.raw, out, *flags) == 0
    return out, flags


# The record at the end


def test_the_final_record_holds_the_whole_trail(run):
    "Quality, galvo, rehoming, interpolation and auto-exclusion stand in slice_config_final.csv."
    rows = slice_config.read(run / "slice_config_final.csv")
    assert list(rows) == ["00", "01", "02", "03", "04", "05", "06"]
    assert [key for key, row in rows.items() if row["galvo_fix"]] == ["01"]
    assert rows["00"]["use"] is False
    assert rows["00"]["notes"] == "calibration_slice"
    assert [key for key, row in rows.items() if row["rehomed"]] == ["05", "06"]
    assert rows["03"]["interpolated"] is True
    assert rows["04"]["quality_score"] > 0
    assert rows["04"]["rehoming_reliable"] is True
    assert not any(row["auto_excluded"] for row in rows.values())
    stamped = {change.command for change in history.read(run / "slice_config_final.csv")}
    assert {
        "linum_generate_slice_config.py",
        "linum_assess_slice_quality.py",
        "linum_detect_rehoming.py",
        "linum_interpolate_missing_slice.py",
    } <= stamped


def test_each_stage_emits_its_own_version(run):
    "Each stage that stamps leaves its version; it differs from the one before in its columns only."
    before = slice_config.read(run / "assess_slice_quality" / "slice_config.csv")
    for stage in STAMPING:
        after = slice_config.read(run / stage / "slice_config.csv")
        declared = {c for step in STEPS if step.stage == stage for c in step.command.stamps}
        changed = {
            column
            for key, row in after.items()
            for column, value in row.items()
            if before[key][column] != value
        }
        assert changed <= declared, stage
        before = after
    assert before == slice_config.read(run / "slice_config_final.csv")


def test_fragments_have_a_name_of_their_own(run):
    "One fragment per slice that was asked for, in the folder of its stage."
    names = [path.name for path in (run / "interpolate_missing_slice").glob("*_manifest.csv")]
    assert names == ["slice_z03_manifest.csv"]


def test_there_are_no_side_files(run):
    "No auto_exclude.csv, no merged manifest: versions of the record are all that there is."
    tables = {path.name for path in run.rglob("*.csv") if ".linumpy" not in path.parts}
    assert "auto_exclude.csv" not in tables
    assert {name for name in tables if "manifest" in name} == {"slice_z03_manifest.csv"}


# Interpolation


def test_a_filled_gap_is_stamped_as_success(run):
    "interpolated, not failed, the method, no reason; and the volume is there."
    row = slice_config.read(run / "interpolate_missing_slice" / "slice_config.csv")["03"]
    assert row["interpolated"] is True
    assert row["interpolation_failed"] is False
    assert row["interpolation_method_used"] == "zmorph"
    assert row["interpolation_fallback_reason"] == ""
    assert (run / "interpolate_missing_slice" / "slice_z03_interpolated.ome.zarr").is_dir()


def refuse(run, tmp_path):
    """Interpolate slice 03 with a gate that nothing passes, then finalise; return its row."""
    common, out = run / "bring_to_common_space", tmp_path / "gaps"
    out.mkdir()
    argv = (
        common / "slice_z02_normalize.ome.zarr",
        common / "slice_z04_normalize.ome.zarr",
        out / "slice_z03_interpolated.ome.zarr",
        "--min_overlap_correlation",
        1.0,
    )
    assert call(linum_interpolate_missing_slice, *argv) == 0
    record = run / "detect_rehoming" / "slice_config.csv"
    argv = ("--finalise", "--fragments", out, "--slice_config_in", record)
    written = tmp_path / "o.csv"
    assert call(linum_interpolate_missing_slice, *argv, "--slice_config_out", written) == 0
    return slice_config.read(written)["03"]


def test_a_hard_skip_is_stamped_with_its_reason(run, tmp_path):
    "No volume, no blend; interpolation_failed and the gate that refused."
    row = refuse(run, tmp_path)
    assert row["interpolated"] is False
    assert row["interpolation_failed"] is True
    assert row["interpolation_method_used"] == ""
    assert row["interpolation_fallback_reason"] == "low_overlap_ncc"
    assert not list((tmp_path / "gaps").glob("*.ome.zarr"))


def test_each_slice_that_was_asked_for_has_one_of_two_states(run, tmp_path):
    "Success or hard skip; slices that were not asked for have neither."
    rows = slice_config.read(run / "slice_config_final.csv")
    for key, row in rows.items():
        states = (row["interpolated"], row["interpolation_failed"])
        assert states == ((True, False) if key == "03" else (False, False))
    refused = refuse(run, tmp_path)
    assert (refused["interpolated"], refused["interpolation_failed"]) == (False, True)


def test_the_five_reasons():
    "The words of the page."
    assert set(get_args(morph_gates.Reason)) == {
        "low_overlap_ncc",
        "no_foreground_planes",
        "registration_exception",
        "reg_did_not_improve",
        "affine_determinant_non_positive",
    }


# The driver


def test_parameters_of_the_page_and_their_defaults():
    "detect_galvo=false, galvo_confidence_threshold=0.6, slice_config, auto_assess_quality=false."
    fields = {field.name: field.default for field in dataclasses.fields(COMMAND.params)}
    assert fields["detect_galvo"] is False
    assert fields["galvo_confidence_threshold"] == 0.6
    assert fields["slice_config"] is None
    assert fields["auto_assess_quality"] is False


def test_stages_of_the_page_in_their_order(run):
    "generate → rehoming → interpolation → finalise → auto-exclusion → stack → normalisation."
    wanted = [
        "generate_slice_config",
        "detect_rehoming",
        "interpolate_missing_slice",
        "finalise_interpolation",
        "auto_exclude_slices",
        "stack",
        "normalize_z_intensity",
    ]
    assert [step.stage for step in STEPS if step.stage in wanted] == wanted
    ran = [entry["stage"] for entry in json.loads((run / "run.json").read_text())["stages"]]
    assert [stage for stage in dict.fromkeys(ran) if stage in wanted] == wanted


def test_without_a_config_every_slice_is_used(plain):
    "No --slice_config: a record is made, and all slices of the acquisition are measured."
    out, _ = plain
    rows = slice_config.read(out / "slice_config_final.csv")
    assert [row["use"] for row in rows.values()] == [True] * 4


def test_galvo_detection_is_off_by_default_and_said(plain):
    "A run whose info.txt has n_extra > 0 names the flag; nothing is stamped."
    out, _ = plain
    rows = slice_config.read(out / "slice_config_final.csv")
    assert not any(row["galvo_fix"] for row in rows.values())
    warnings = json.loads((out / "run.json").read_text())["warnings"]
    assert any("--detect_galvo" in warning["what"] for warning in warnings)


def again(tiny_acquisition, plain, tmp_path, edit, *argv):
    """Continue a copy of the plain run after ``edit(out)``; return its final record."""
    out, flags = plain
    shutil.copytree(out, tmp_path / "out")
    edit(tmp_path / "out")
    assert runs.reconstruct(tiny_acquisition.raw, tmp_path / "out", *flags, *argv) == 0
    return slice_config.read(tmp_path / "out" / "slice_config_final.csv")


def test_an_edit_of_the_config_in_the_output_counts(tiny_acquisition, plain, tmp_path):
    "use=false in OUT/slice_config.csv and the same command: the slice is out, the others stay."

    def edit(out: Path) -> None:
        path = out / "slice_config.csv"
        rows = slice_config.read(path)
        slice_config.write(path, slice_config.stamp(rows, "03", {"use": False, "notes": "torn"}))

    rows = again(tiny_acquisition, plain, tmp_path, edit)
    assert [row["use"] for row in rows.values()] == [True, True, True, False]
    assert "torn" in rows["03"]["notes"]


def test_a_given_config_is_taken_whole(tiny_acquisition, plain, tmp_path):
    "--slice_config with slice_id,use,notes only; a slice without a row is out, and noted."
    given = tmp_path / "mine.csv"
    given.write_text("slice_id,use,notes\n00,true,\n01,true,\n02,false,Bad quality\n")
    rows = again(tiny_acquisition, plain, tmp_path, lambda _out: None, "--slice_config", given)
    assert [row["use"] for row in rows.values()] == [True, True, False, False]
    assert rows["02"]["notes"].startswith("Bad quality")
    assert rows["03"]["notes"] == "not_in_config"
