"""Every changed cell has an author, and nobody changes what is not theirs."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, Defect
from linumpy.io import history, slice_config
from tests.strategies import law, rows, stamps

GENERATOR = history.Person("linum_generate_slice_config.py", "0.1", {"exclude_first": 1},
                           ("slice_id", "use", "notes"))  # fmt: skip
REHOMING = history.Person("linum_detect_rehoming.py", "0.1", {"max_shift_mm": 0.5},
                          ("rehomed", "rehoming_reliable"))  # fmt: skip
RECORD = {
    SliceId(key): slice_config.new_row(key, use=key != 0, notes="" if key else "calibration_slice")
    for key in range(3)
}


@pytest.fixture
def made(tmp_path):
    """A record as the generator leaves it."""
    path = tmp_path / "preproc" / "slice_config.csv"
    history.write_record(path, RECORD, before=None, author=GENERATOR)
    return path


def short(changes):
    return [(one.command, one.slice, one.column, one.old, one.new) for one in changes]


def test_the_history_lies_beside_the_record(made):
    "slice_config_history.jsonl, one JSON object per changed cell."
    lines = made.with_name("slice_config_history.jsonl").read_text().splitlines()
    first = json.loads(lines[0])
    assert list(first) == [
        "time", "command", "version", "parameters", "slice", "column", "old", "new",
    ]  # fmt: skip
    assert first["command"] == GENERATOR.name
    assert first["parameters"] == {"exclude_first": 1}
    assert short(history.read(made)) == [
        (GENERATOR.name, "00", "slice_id", None, "00"),
        (GENERATOR.name, "00", "use", None, False),
        (GENERATOR.name, "00", "notes", None, "calibration_slice"),
        (GENERATOR.name, "01", "slice_id", None, "01"),
        (GENERATOR.name, "01", "use", None, True),
        (GENERATOR.name, "02", "slice_id", None, "02"),
        (GENERATOR.name, "02", "use", None, True),
    ]
    assert history.path_beside("a/slice_config_final.csv").name == (
        "slice_config_final_history.jsonl"
    )


def stamp(path, out, updates, author, **options):
    stamped = slice_config.stamp_many(slice_config.read(path), updates, **options)
    history.write_record(out, stamped, before=path, author=author)


def test_a_stage_carries_the_history_on(made, tmp_path):
    "Old lines first, then one per changed cell; equal cells leave none."
    out = tmp_path / "rehoming" / "slice_config.csv"
    stamp(made, out, {1: {"rehomed": False}, 2: {"rehomed": True}}, REHOMING)
    found = history.read(out)
    assert found[:7] == history.read(made)
    assert short(found[7:]) == [(REHOMING.name, "02", "rehomed", False, True)]
    assert [len(group) for group in history.revisions(found)] == [7, 1]


def test_a_column_that_is_not_declared_is_a_defect(made, tmp_path):
    "Nothing is written then."
    out = tmp_path / "out.csv"
    with pytest.raises(Defect, match="changes use of slice 02, but declares only rehomed"):
        stamp(made, out, {2: {"use": False, "rehomed": True}}, REHOMING)
    with pytest.raises(Defect, match="declares only no column"):
        stamp(made, out, {2: {"use": False}}, history.Person("x", stamps=()))
    assert not out.exists()
    assert not history.path_beside(out).exists()


def test_a_row_never_disappears(made, tmp_path):
    "A command that drops a slice is at fault."
    fewer = {key: row for key, row in RECORD.items() if key != "01"}
    with pytest.raises(Defect, match="drops slice 01 from the record"):
        history.write_record(tmp_path / "o.csv", fewer, before=made, author=GENERATOR)


def test_rows_that_cannot_be_written_leave_no_history(made, tmp_path):
    "The record is checked before the first byte goes out."
    bad = RECORD | {SliceId(1): RECORD["01"] | {"notes": "\0"}}
    with pytest.raises(BadValue, match="NUL"):
        history.write_record(tmp_path / "o.csv", bad, before=made, author=GENERATOR)
    assert not history.path_beside(tmp_path / "o.csv").exists()


def test_a_hand_edit_is_recorded_as_the_users(made, tmp_path):
    "Between two stages a person changed a cell, added a row and removed one."
    text = made.read_text().replace("\n01,true", "\n01,false").replace("\n02,true", "\n05,true")
    made.write_text(text)
    assert short(history.hand_edits(made)) == [
        ("user", "01", "use", True, False),
        ("user", "05", "slice_id", None, "05"),
        ("user", "05", "use", None, True),
        ("user", "02", "use", True, None),
        ("user", "02", "slice_id", "02", None),
    ]
    out = tmp_path / "o.csv"
    stamp(made, out, {5: {"rehomed": True}}, REHOMING)
    commands = [group[0].command for group in history.revisions(history.read(out))]
    assert commands == [GENERATOR.name, "user", REHOMING.name]
    assert history.hand_edits(out) == []


def test_what_stood_in_a_file_without_history_is_unrecorded(tmp_path):
    "A config that a person brings has no past."
    path = tmp_path / "mine.csv"
    path.write_text("slice_id,use,operator\n07,false,JL\n")
    stamp(path, tmp_path / "o.csv", {7: {"rehomed": True}}, REHOMING)
    assert short(history.read(tmp_path / "o.csv")) == [
        ("unrecorded", "07", "slice_id", None, "07"),
        ("unrecorded", "07", "use", None, False),
        ("unrecorded", "07", "operator", None, "JL"),
        (REHOMING.name, "07", "rehomed", False, True),
    ]


def test_before_may_be_rows(tmp_path):
    "Then there is no history to carry."
    stamped = slice_config.stamp(RECORD, 1, {"rehomed": True})
    history.write_record(tmp_path / "o.csv", stamped, before=RECORD, author=REHOMING)
    assert short(history.read(tmp_path / "o.csv")) == [
        (REHOMING.name, "01", "rehomed", False, True)
    ]


def test_texts_survive_the_history(made, tmp_path):
    "Line separators of other alphabets, newlines and quotes in notes."
    note = "a\u2028b\x85c\r\nd\"'é🧠"
    stamp(made, tmp_path / "o.csv", {1: {"notes": note}}, GENERATOR)
    assert history.read(tmp_path / "o.csv")[-1].new == note


@pytest.mark.parametrize("line", ["{", "[]", '{"slice": "x"}', '{"slice": "07"}', "\xff"])
def test_a_broken_line_is_named(made, line):
    "Never skipped silently."
    path = history.path_beside(made)
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    with pytest.raises(BadFile, match=r"slice_config_history.jsonl line 8: this is no change"):
        history.read(made)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("column", ["use"]), ("column", None), ("new", [1]), ("old", {}), ("new", float("nan")),
        ("new", float("inf")), ("time", None), ("command", 5), ("version", None),
        ("parameters", []), ("slice", "7.5"),
    ],
)  # fmt: skip
def test_a_value_that_no_command_writes_is_named(made, field, value):
    "It would fail later, far from its line."
    path = history.path_beside(made)
    last = json.loads(path.read_text().splitlines()[-1]) | {field: value}
    path.write_text(path.read_text() + json.dumps(last) + "\n")
    with pytest.raises(BadFile, match=r"slice_config_history.jsonl line 8: this is no change"):
        history.hand_edits(made)


def test_a_line_without_end_is_named(made):
    "Brackets in brackets."
    history.path_beside(made).write_text("[" * 100_000)
    with pytest.raises(BadFile, match=r"slice_config_history.jsonl line 1: this is no change"):
        history.read(made)


@law
@given(rows(), st.lists(stamps(), max_size=3), st.data())
def test_any_earlier_record_can_be_restored(drawn, later, data):
    "Undoing the changes after a write gives the rows of that write; replaying all, the last."
    author = history.Person()
    states = [drawn]
    changes = history.compare({}, drawn, author=author)
    counts = [len(changes)]
    for values in later if drawn else []:
        key = data.draw(st.sampled_from(list(drawn)))
        states.append(slice_config.stamp(states[-1], key, values))
        changes += history.compare(states[-2], states[-1], author=author)
        counts.append(len(changes))
    for state, count in zip(states, counts, strict=True):
        assert filled(history.undo(states[-1], changes[count:])) == filled(state)
    assert filled(history.replay(changes)) == filled(states[-1])


def filled(record):
    "Without empty extra cells: a cell that is empty and one that is not there are one."
    return {
        key: {n: v for n, v in row.items() if v != "" or n in slice_config.CANONICAL_COLUMNS}
        for key, row in record.items()
    }


def test_a_persons_cells_win_when_the_record_is_made_again():
    "A three-way merge by cell: fresh, what was written, what stands there now."
    written = RECORD
    edited = slice_config.stamp_many(RECORD, {1: {"use": False, "notes": "torn"}})
    edited[SliceId(9)] = slice_config.new_row(9, use=True)
    fresh = slice_config.stamp_many(RECORD, {1: {"rehomed": True}, 2: {"use": False}})
    fresh[SliceId(3)] = slice_config.new_row(3, use=True)
    merged = history.keep_edits(fresh, written=written, edited=edited)
    assert merged["01"] == fresh["01"] | {"use": False, "notes": "torn"}
    assert merged["02"]["use"] is False
    assert set(merged) == {"00", "01", "02", "03", "09"}
    assert history.keep_edits(fresh, written=written, edited=written) == fresh


def test_what_a_persons_file_says_wins_and_what_it_leaves_open_does_not(tmp_path, caplog):
    "galvo_fix=false that was written down is not a column that is missing, nor an empty cell."
    caplog.set_level("INFO")
    (tmp_path / "full.csv").write_text("slice_id,use,galvo_fix\n00,true,false\n01,true,\n")
    (tmp_path / "short.csv").write_text("slice_id,use\n00,true\n9,true\n")
    fresh = slice_config.stamp_many(
        {SliceId(n): slice_config.new_row(n, use=False, notes="thick") for n in range(3)},
        {n: {"galvo_fix": True, "galvo_confidence": 0.9} for n in range(3)},
    )

    def laid(name):
        cells = slice_config.read_cells(tmp_path / name)
        return history.keep_edits(fresh, written=None, edited=cells)

    assert laid("full.csv") == {
        "00": fresh["00"] | {"use": True, "galvo_fix": False},
        "01": fresh["01"] | {"use": True},
        "02": fresh["02"],
    }
    assert "slice 00: galvo_fix=false is kept, edited by hand" in caplog.text
    assert laid("short.csv")["00"]["galvo_fix"] is True
    assert laid("short.csv")["09"] == slice_config.new_row(9, use=True)
