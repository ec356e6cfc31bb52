import json

import pytest

from linumpy.scripts.linum_generate_pipeline_report import COMMAND


def call(*argv) -> int:
    with pytest.raises(SystemExit) as end:
        COMMAND.main([str(a) for a in argv])
    return end.value.code


@pytest.mark.parametrize("name", ["report.html", "report.zip", "report.txt"])
def test_an_empty_folder_succeeds(tmp_path, name):
    "A report of nothing is still a report."
    run = tmp_path / "run"
    run.mkdir()
    assert call(run, tmp_path / name) == 0
    assert (tmp_path / name).stat().st_size > 0
    facts = json.loads((tmp_path / "report.json").read_text())
    assert facts["slices"] == 0


def test_format_wins_over_the_suffix_and_the_title_is_printed(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    assert call(run, tmp_path / "report.html", "--format", "text", "--title", "Brain 7") == 0
    assert (tmp_path / "report.html").read_text().startswith("Brain 7\n=======\n")


def test_a_run_that_does_not_exist_is_refused(tmp_path, capsys):
    assert call(tmp_path / "none", tmp_path / "report.html") == 2
    assert "does not exist" in capsys.readouterr().err


def test_an_existing_report_stands_without_overwrite(tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    (tmp_path / "report.html").write_text("mine")
    assert call(run, tmp_path / "report.html") == 2
    assert (tmp_path / "report.html").read_text() == "mine"
    assert call(run, tmp_path / "report.html", "-f") == 0


def test_a_json_report_is_refused_before_anything_is_read(tmp_path, capsys):
    run = tmp_path / "run"
    run.mkdir()
    assert call(run, tmp_path / "report.json") == 2
    assert "name the report .html" in capsys.readouterr().err
    assert not (tmp_path / "report.json").exists()
