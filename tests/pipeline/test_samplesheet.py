"""A samplesheet is read whole before anything runs; what is wrong has a line and a column."""

import io
import json
import sys

import pytest

from linumpy.errors import InputError
from linumpy.pipeline import brain_run, check, nextflow, samplesheet
from linumpy.pipeline.linum_check_samplesheet import COMMAND

GIVEN = {"output": "out", "input": None, "samplesheet": "s.csv"}


def read(folder, text, *, name="preproc", **given):
    sheet = folder / "s.csv"
    sheet.write_text(text)
    return samplesheet.read(sheet, name, {**GIVEN, **given}, launch_dir=folder, sees_paths=False)


def test_a_row_says_what_differs(tmp_path):
    "Typed values, paths below the launch folder, a folder per subject; empty cells change nothing."
    text = (
        "\ufeffSubject;raw;axial_resolution;detect_galvo;keep;more_raw\r\n"
        "a;raw/a;3.5;TRUE;02 05-07;raw/a2 /data/a3\r\n\r\n"
        'b-2.x;"/data/b";;;;\r\n'
    )
    one, two = read(tmp_path, text, axial_resolution=2, detect_galvo=False)
    assert (one.subject, two.subject) == ("a", "b-2.x")
    assert one.params == {
        "subject": "a",
        "output": str(tmp_path / "out" / "a"),
        "input": str(tmp_path / "raw" / "a"),
        "axial_resolution": 3.5,
        "detect_galvo": True,
        "keep": ["02", "05-07"],
        "more_raw": [str(tmp_path / "raw" / "a2"), "/data/a3"],
    }
    assert two.params == {
        "subject": "b-2.x",
        "output": str(tmp_path / "out" / "b-2.x"),
        "input": "/data/b",
        "axial_resolution": 2,
        "detect_galvo": False,
    }


def test_one_sheet_serves_both_workflows(tmp_path):
    "Columns of the other one are passed over; the reconstruction finds what preproc wrote."
    text = "subject,raw,detect_galvo,resolution,slice_config\na,rawa,true,25,a.csv\nb,rawb,,,\n"
    assert "resolution" not in read(tmp_path, text)[0].params
    one, two = read(tmp_path, text, name="reconst_3d", input="pre")
    assert one.params["input"] == str(tmp_path / "pre" / "a")
    assert one.params["resolution"] == 25
    assert one.params["slice_config"] == str(tmp_path / "a.csv")
    assert "detect_galvo" not in one.params
    assert two.params["input"] == str(tmp_path / "pre" / "b")
    own = "subject,input\na,s3://lab/a\n"
    for name in ("preproc", "reconst_3d"):
        (only,) = read(tmp_path, own, name=name, input="pre")
        assert only.params["input"] == "s3://lab/a"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "line 1: the file is empty"),
        ("subject,raw\n", "no brain"),
        ("name,raw\na,r\n", "column name: no such parameter|no column subject"),
        ("subject,raw,axial_resolutoin\na,r,1\n", "line 1, column axial_resolutoin.*no such"),
        ("subject,raw,output\na,r,o\n", "line 1, column output: holds for all"),
        ("subject,raw,raw\na,r,r\n", "stands twice"),
        ("subject,raw\na\n", "line 2: 1 cells"),
        ("subject,raw\na,r\n\nA,r\n", "line 4, column subject: 'A': stands twice"),
        ("subject,raw\n../a,r\n", "line 2, column subject: '../a': a subject names a folder"),
        ("subject,raw\n.a,r\n", "line 2, column subject"),
        ("subject,raw\na,\n", "line 2, column raw: '': nothing says"),
        ("subject\na\n", "line 2, column raw: '': nothing says"),
        ("subject,raw,axial_resolution\na,r,1\nb,r,-1\n", "line 3, column axial_resolution: '-1'"),
        ("subject,raw,axial_resolution\na,r,x\n", "line 2, column axial_resolution: 'x'"),
        ("subject,raw,detect_galvo\na,r,flase\n", "line 2, column detect_galvo: 'flase'"),
        ("subject,raw,keep\na,r,b\n", "line 2, column keep: 'b'"),
    ],
)
def test_what_is_wrong_is_named_by_line_and_column(tmp_path, text, named):
    "Nothing of it is guessed."
    with pytest.raises(InputError, match=named):
        read(tmp_path, text)


def test_parameters_of_the_run_are_checked_too(tmp_path):
    "A flag that is none, no output, an atlas without its orientation."
    sheet = "subject,raw\na,r\n"
    with pytest.raises(InputError, match="axial_resolutoin"):
        read(tmp_path, sheet, axial_resolutoin=1)
    with pytest.raises(InputError, match="--output is missing"):
        read(tmp_path, sheet, output=None)
    with pytest.raises(InputError, match=r"line 2, column subject.*--input_orientation"):
        read(tmp_path, "subject,input,atlas\na,r,x.nii\n", name="reconst_3d")


def test_the_command_writes_what_a_run_takes(tmp_path, monkeypatch, capsys):
    "A file per brain, which the check of the workflow passes; a path that is not there is named."
    (tmp_path / "r").mkdir()
    sheet = tmp_path / "s.csv"

    def call(text, *flags):
        sheet.write_text(text)
        given = {
            f.name: nextflow.runtime.plain(nextflow.runtime.default_of(f))
            for f in nextflow.WORKFLOWS[0].own_fields()
            if f.name not in ("input", "output")
        }
        monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps({**given, **GIVEN})))
        words = ["preproc", sheet, tmp_path / "brains", "--launch_dir", tmp_path, "-f", *flags]
        with pytest.raises(SystemExit) as end:
            COMMAND.main([*map(str, words)])
        return end.value.code

    assert call("subject,raw\na,r\nb,r\n") == 0
    written = sorted((tmp_path / "brains").glob("*.brain.json"))
    assert [path.name for path in written] == ["a.brain.json", "b.brain.json"]
    for path in written:
        check.check_parameters("preproc", path.read_text())
    assert call("subject,raw\na,r\nb,s\n") == 2
    assert f"line 3, column raw: --input {tmp_path / 's'} does not exist" in capsys.readouterr().err
    assert call("subject,raw\na,r\nb,s\n", "--no_see_paths") == 0


def test_the_last_word_of_a_run():
    "What our command said, else the engine; the engine is the one that started this one."
    said = "x\nERROR ~ --input r does not exist: check the path\n\n -- Check '.nextflow.log'\n"
    assert brain_run.last_word(said) == "--input r does not exist: check the path"
    ours = "Command error:\n  linum_name_failures.py: slice 03 failed in stack\n    hint: x\n"
    assert brain_run.last_word(said + ours) == ("linum_name_failures.py: slice 03 failed in stack")
    assert brain_run.last_word("killed") == "the engine ended with an error"


def test_the_engine_is_the_one_that_runs(monkeypatch):
    "Its launcher says where it is."
    monkeypatch.setenv("NXF_CLI", "/opt/my tools/nextflow run x.nf --output run")
    assert brain_run.find_engine() == "/opt/my tools/nextflow"
    monkeypatch.delenv("NXF_CLI")
    assert brain_run.find_engine() == "nextflow"
