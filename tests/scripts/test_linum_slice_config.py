"""The user's tool: each subcommand as it is typed."""

import json

import pytest

from linumpy.io import history, slice_config
from linumpy.scripts.linum_slice_config import COMMAND
from tests.io.test_slice_config import PAGE


@pytest.fixture
def record(tmp_path):
    """The page's example with a history: made, then rehomed."""
    raw, path = tmp_path / "raw.csv", tmp_path / "slice_config.csv"
    raw.write_text(PAGE)
    author = history.Person("linum_detect_rehoming.py", "0.1", {}, ("rehomed", "use"))
    rows = slice_config.stamp(slice_config.read(raw), 5, {"rehomed": True, "use": False})
    history.write_record(path, rows, before=raw, author=author)
    return path


@pytest.fixture
def call(capsys):
    """Run a command line; return the exit code, what it printed and what it said."""

    def run(*argv):
        with pytest.raises(SystemExit) as end:
            COMMAND.main(list(map(str, argv)))
        printed = capsys.readouterr()
        return end.value.code, printed.out, printed.err

    return run


def answer(call, *argv):
    code, out, err = call(*argv, "--json")
    assert code == 0, err
    return json.loads(out)


def test_show(call, record):
    "Every column of every slice; long notes are not cut."
    code, out, _ = call("show", record)
    assert code == 0
    assert "zmorph hard-skipped — slot is a gap" in out
    assert out.splitlines()[0].split() == list(slice_config.CANONICAL_COLUMNS)
    shown = answer(call, "show", record)
    assert [row["slice_id"] for row in shown] == ["00", "01", "02", "07", "03", "04", "05"]
    assert shown[1]["quality_score"] == 0.812


def test_show_of_an_empty_record(call, tmp_path):
    "Says so."
    (tmp_path / "e.csv").write_text("slice_id,use\n")
    assert call("show", tmp_path / "e.csv")[1] == "nothing\n"


def test_validate_names_all_problems(call, tmp_path):
    "One line each, exit code 2."
    path = tmp_path / "bad.csv"
    path.write_text("slice_id,use,quality_score\n00,maybe,2\n00,true,\n")
    code, out, err = call("validate", path)
    assert code == 2
    assert [line.partition(":")[0] for line in out.splitlines()] == ["line 2", "line 2", "line 3"]
    assert "bad.csv: 3 problems" in err
    code, out, _ = call("validate", path, "--json")
    assert code == 2
    found = json.loads(out)["problems"]
    assert [(one["line"], one["column"]) for one in found] == [
        (2, "use"), (2, "quality_score"), (3, "slice_id"),
    ]  # fmt: skip


def test_validate_warns_of_what_is_odd(call, tmp_path):
    "Columns that contradict each other are a warning, never an error."
    path = tmp_path / "odd.csv"
    path.write_text("slice_id,use,galvo_confidence,galvo_fix\n00,true,0.9,false\n01,false,,\n")
    code, out, _ = call("validate", path)
    assert code == 0
    assert "slice 00: galvo_fix does not fit galvo_confidence" in out
    assert "slice 01: left out without a note" in out
    assert "2 slices, no problem, 2 warnings" in out


def test_diff(call, record, tmp_path):
    "Per slice and column."
    assert answer(call, "diff", tmp_path / "raw.csv", record) == [
        {"slice": "05", "column": "use", "old": True, "new": False},
        {"slice": "05", "column": "rehomed", "old": False, "new": True},
    ]
    assert call("diff", record, record)[1] == "nothing\n"


def test_history_says_why(call, record):
    "Who, when, what; and one sentence per slice that was asked for."
    code, out, _ = call("history", record, "--slice", "5")
    assert code == 0
    assert out.splitlines()[-1] == (
        "slice 05 is excluded; use=false since revision 2 by linum_detect_rehoming.py 0.1"
    )
    changes = answer(call, "history", record, "--slice", "03-05")
    assert {one["slice"] for one in changes} == {"03", "04", "05"}
    assert {one["by"] for one in changes} == {"unrecorded", "linum_detect_rehoming.py 0.1"}


@pytest.mark.parametrize(
    ("slices", "says"),
    [
        ("77", "slice 77 is not in the record\n  hint: it holds 00, 01"),
        ("06-09", "slice 06, 08, 09 is not in the record"),
        ("abc", "'abc' is not a slice id"),
        (",", "--slice ',' names no slice"),
    ],
)
@pytest.mark.parametrize("action", ["history", "set"])
def test_a_slice_that_is_not_there_is_named(call, record, tmp_path, action, slices, says):
    "Never an empty answer, never a file that nobody changed."
    new = tmp_path / "new.csv"
    more = ("use=false", "-o", new) if action == "set" else ()
    code, _, err = call(action, record, *more, "--slice", slices)
    assert code == 2
    assert says in err
    assert not new.exists()


def test_set_and_restore(call, record, tmp_path):
    "By hand, with a trace; and back again."
    changed, back = tmp_path / "new.csv", tmp_path / "back.csv"
    made = answer(
        call, "set", record, "--slice", "07,03", "use=false", "--note", "torn", "-o", changed
    )
    assert [(one["slice"], one["column"], one["new"]) for one in made] == [
        ("07", "notes", "zmorph hard-skipped — slot is a gap; torn"),
        ("03", "use", False),
        ("03", "notes", "rehomed after tile-column expansion; torn"),
    ]
    assert history.read(changed)[-1].command == "user"
    answer(call, "restore", changed, "--to", 2, "-o", back)
    assert back.read_bytes() == record.read_bytes()
    answer(call, "restore", changed, "--to", 1, "-o", back, "--overwrite")
    assert back.read_text() == PAGE
    code, _, err = call("restore", changed, "--to", 9, "-o", back, "-f")
    assert code == 2
    assert "has 3 revisions" in err


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["use"], "use is no COLUMN=VALUE"),
        ([], "nothing is no COLUMN=VALUE"),
        (["use=maybe"], "slice 07: use='maybe' is not a boolean"),
        (["quality_score=2"], "slice 07: quality_score='2' is outside 0 to 1"),
    ],
)
def test_set_refuses(call, record, tmp_path, argv, says):
    "And writes nothing."
    code, _, err = call("set", record, *argv, "--slice", "07", "-o", tmp_path / "new.csv")
    assert code == 2
    assert says in err
    assert not (tmp_path / "new.csv").exists()


def test_no_command_writes_over_its_input_or_another_file(call, record, tmp_path):
    "Not even with --overwrite; another file only with it."
    set_note = ("set", record, "--slice", "07", "--note", "x", "-o")
    assert "the same path" in call(*set_note, record, "-f")[2]
    other = tmp_path / "other.csv"
    other.write_text("precious")
    code, _, err = call(*set_note, other)
    assert code == 2
    assert "pass --overwrite" in err
    assert other.read_text() == "precious"
    assert "does not exist" in call("show", tmp_path / "gone.csv")[2]


def test_summary(call, record):
    "The fates and their sum."
    code, out, _ = call("summary", record)
    assert code == 0
    assert out.splitlines() == [
        "measured         2  01 03",
        "interpolated     1  02",
        "failed           0",
        "gap              1  07",
        "excluded         3  00 04 05",
        "sum              7",
    ]
    assert answer(call, "summary", record)["sum"] == 7
