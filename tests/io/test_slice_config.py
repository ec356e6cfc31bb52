"""The API of the record, by example: the feature page first."""

import logging

import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile, UnknownSlice
from linumpy.io import slice_config

PAGE = """\
slice_id,use,quality_score,galvo_confidence,galvo_fix,rehomed,rehoming_reliable,auto_excluded,auto_exclude_reason,interpolated,interpolation_failed,interpolation_method_used,interpolation_fallback_reason,notes
00,false,0.000,0.234,false,false,,false,,false,false,,,calibration_slice
01,true,0.812,0.891,true,false,,false,,false,false,,,
02,false,0.198,0.756,true,false,,false,,true,false,zmorph,,Motion artifact — interpolated
07,false,0.092,0.612,false,false,,false,,false,true,,low_overlap_ncc,zmorph hard-skipped — slot is a gap
03,true,0.756,0.512,false,true,true,false,,false,false,,,rehomed after tile-column expansion
04,true,0.744,0.189,false,false,,true,noisy cluster (3 consecutive),false,false,,,
05,true,0.834,0.923,true,false,,false,,false,false,,,
"""  # noqa: E501  the page's example, line by line
MINIMAL = "slice_id,use,notes\n00,true,\n01,true,\n02,false,Bad quality\n03,true,\n"


@pytest.fixture
def page(tmp_path):
    path = tmp_path / "slice_config.csv"
    path.write_text(PAGE, encoding="utf-8")
    return path


@pytest.fixture
def rows(page):
    return slice_config.read(page)


def test_the_pages_example_is_read_typed_and_in_its_order(rows):
    "Booleans, scores and texts come as such; rows keep the order of the file."
    assert list(rows) == ["00", "01", "02", "07", "03", "04", "05"]
    assert rows["01"]["use"] is True
    assert rows["01"]["quality_score"] == 0.812
    assert rows["03"]["rehoming_reliable"] is True
    assert rows["00"]["rehoming_reliable"] is None
    assert rows["02"]["notes"] == "Motion artifact — interpolated"
    assert rows["07"]["interpolation_failed"] is True
    assert tuple(rows["00"]) == slice_config.CANONICAL_COLUMNS
    assert {type(row["slice_id"]) for row in rows.values()} == {str}
    assert {type(key) for key in rows} == {SliceId}


def test_the_pages_example_is_written_byte_for_byte(rows, tmp_path):
    "What is canonical already does not change."
    slice_config.write(tmp_path / "again.csv", rows)
    assert (tmp_path / "again.csv").read_bytes() == PAGE.encode()


def test_canonical_columns_are_the_pages():
    "A tuple of the 14 names, notes last."
    assert isinstance(slice_config.CANONICAL_COLUMNS, tuple)
    assert ",".join(slice_config.CANONICAL_COLUMNS) == PAGE.partition("\n")[0]


def test_the_minimal_file_is_filled_with_defaults(tmp_path):
    "Missing columns are false or empty, and are there once it is written."
    path = tmp_path / "slice_config.csv"
    path.write_text(MINIMAL)
    rows = slice_config.read(path)
    assert rows["02"] == slice_config.new_row(2, use=False, notes="Bad quality")
    assert rows["02"]["galvo_fix"] is False
    assert rows["02"]["quality_score"] is None
    slice_config.write(path, rows)
    assert path.read_text().splitlines()[3] == (
        "02,false,,,false,false,,false,,false,false,,,Bad quality"
    )


def test_a_minimal_hand_made_mapping_can_be_written(tmp_path):
    "Rows of a script need only use."
    slice_config.write(tmp_path / "r.csv", {"7": {"use": True, "operator": "JL"}})
    assert slice_config.read(tmp_path / "r.csv") == {
        "07": slice_config.new_row(7, use=True) | {"operator": "JL"}
    }


def test_extra_columns_survive_behind_the_canonical_ones(tmp_path):
    "In the order in which they are first met."
    rows = {
        SliceId(0): {"use": True, "b": "1", "a": ""},
        SliceId(1): {"use": True, "c": "x"},
    }
    slice_config.write(tmp_path / "r.csv", rows)
    header = (tmp_path / "r.csv").read_text().partition("\n")[0]
    assert header.endswith(",notes,b,a,c")
    assert slice_config.read(tmp_path / "r.csv")["01"]["b"] == ""


def test_the_cells_of_a_file_are_told_from_its_defaults(tmp_path):
    "No column, an empty cell and a blank one say nothing; false says something."
    path = tmp_path / "r.csv"
    path.write_text("Use,galvo_fix,notes,slice_id,operator\n1,no,,7,JL\n0, ,x,8,\n")
    assert slice_config.read_cells(path) == {
        "07": {"use": True, "galvo_fix": False, "slice_id": "07", "operator": "JL"},
        "08": {"use": False, "notes": "x", "slice_id": "08"},
    }
    path.write_text("slice_id,use\n7,\n")
    with pytest.raises(BadValue, match="use='' is empty"):
        slice_config.read_cells(path)


def test_an_empty_record_is_a_header(tmp_path):
    "No slice is not no file."
    slice_config.write(tmp_path / "r.csv", {})
    assert slice_config.read(tmp_path / "r.csv") == {}


def test_the_pages_stamps(rows):
    "The Python example of the page."
    stamped = slice_config.stamp(
        rows, "03", {"interpolated": True, "interpolation_method_used": "zmorph"}
    )
    assert stamped["03"]["interpolation_method_used"] == "zmorph"
    stamped = slice_config.stamp_many(
        stamped,
        {
            "03": {"rehomed": True, "rehoming_reliable": False},
            "07": {"rehomed": True, "rehoming_reliable": True},
        },
    )
    assert stamped["03"]["rehoming_reliable"] is False
    assert stamped["07"]["rehomed"] is True
    assert rows["07"]["rehomed"] is False


@pytest.mark.parametrize("key", ["3", 3, 3.0, "03", " 3 ", "3.0", np.int64(3)])
def test_a_slice_is_stamped_by_its_id_in_any_form(rows, key):
    "An id is a value: 3 is 03."
    assert slice_config.stamp(rows, key, {"use": False})["03"]["use"] is False


@pytest.mark.parametrize(
    ("column", "given", "stored"),
    [
        ("use", "YES", True),
        ("use", 0, False),
        ("use", np.bool_(True), True),
        ("quality_score", np.float64(0.25), 0.25),
        ("quality_score", 1, 1.0),
        ("quality_score", -0.0, 0.0),
        ("quality_score", "0.5", 0.5),
        ("quality_score", None, None),
        ("rehoming_reliable", None, None),
        ("rehoming_reliable", "", None),
        ("notes", None, ""),
        ("operator", True, "true"),
        ("operator", 3, "3"),
        ("slice_id", "3", "03"),
    ],
)
def test_a_stamped_value_is_stored_as_it_is_read_back(rows, tmp_path, column, given, stored):
    "What a stage stamps is typed once, at the stamp."
    stamped = slice_config.stamp(rows, "03", {column: given})
    assert stamped["03"][column] == stored
    assert type(stamped["03"][column]) is type(stored)
    slice_config.write(tmp_path / "r.csv", stamped)
    assert slice_config.read(tmp_path / "r.csv")["03"][column] == stored


@pytest.mark.parametrize(
    ("column", "given", "says"),
    [
        ("use", "flase", r"slice 03: use='flase' is not a boolean"),
        ("use", None, r"slice 03: use='None' is not a boolean"),
        ("use", 2, r"slice 03: use='2' is not a boolean"),
        ("galvo_fix", None, r"slice 03: galvo_fix='None' is not a boolean"),
        ("quality_score", 1.5, r"slice 03: quality_score='1.5' is outside 0 to 1"),
        ("quality_score", float("nan"), r"quality_score='nan' is outside 0 to 1"),
        ("quality_score", True, r"quality_score='True' is not a number"),
        ("quality_score", [1], r"quality_score='\[1\]' is not a number"),
        ("slice_id", "04", r"slice 03: slice_id='04' is another slice"),
        ("slice_id", "x", r"slice 03: slice_id='x' is not a slice id"),
        ("Use", True, r"'Use' cannot be a column"),
        (" a", "x", r"' a' cannot be a column"),
        ("", "x", r"'' cannot be a column"),
    ],
)
def test_a_value_that_does_not_fit_is_refused(rows, column, given, says):
    "The message names slice, column and value."
    with pytest.raises(BadValue, match=says):
        slice_config.stamp(rows, "03", {column: given})
    if column.strip() == column != "Use":
        row = slice_config.new_row(3, use=True) | {column: given}
        with pytest.raises(BadValue):
            slice_config.to_bytes({SliceId(3): row})


@pytest.mark.parametrize(
    ("values", "whole"),
    [
        (
            {"use": "x" * 61},
            f"slice 03: use='{'x' * 59}…' is not a boolean (true, 1, yes, false, 0, no); "
            "write true or false",
        ),
        ({"slice_id": 4}, "slice 03: slice_id=4 is another slice; an id never changes"),
        (
            {"NOTES": "x"},
            "slice 03: NOTES='x' 'NOTES' cannot be a column; "
            "write the name without blanks, in lower case",
        ),
    ],
)
def test_a_refused_stamp_says_what_to_do(rows, values, whole):
    "The whole message."
    with pytest.raises(BadValue) as caught:
        slice_config.stamp(rows, "03", values)
    assert str(caught.value) == whole


def test_an_unknown_slice_is_named(rows):
    "Stamping what is not there is an error, not a new row."
    with pytest.raises(UnknownSlice, match="slice 42 is not in the record; it holds 00, 01"):
        slice_config.stamp(rows, 42, {"use": True})
    with pytest.raises(UnknownSlice, match="it holds no slice"):
        slice_config.stamp({}, 42, {"use": True})


def test_notes_are_appended_once(rows):
    "Earlier notes survive; a repeated run repeats none."
    for _ in range(2):
        rows = slice_config.stamp(rows, "00", {"notes": "thick"}, append_notes=True)
    assert rows["00"]["notes"] == "calibration_slice; thick"
    assert slice_config.stamp(rows, "00", {"notes": "new"})["00"]["notes"] == "new"
    assert slice_config.stamp_many(rows, {0: {"notes": "new"}})["00"]["notes"] == "new"
    bare = slice_config.stamp({SliceId(7): {"use": True}}, 7, {"notes": "x"}, append_notes=True)
    assert bare["07"]["notes"] == "x"
    assert slice_config.join_notes("a b", "a") == "a b; a"


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ({"07": {"notes": "x"}}, "slice 07: use='' is empty, a boolean is needed"),
        (
            {"7": {"use": True}, "07": {"use": True}},
            "^two rows have the same slice id; keep one of them$",
        ),
        ({"07": {"use": True, "slice_id": "08"}}, "slice 07: slice_id='08' is another slice"),
        ({"07": {"use": True, "notes": "a\0b"}}, "NUL character"),
        ({"07": {"use": True, "notes": "\ud800"}}, "half of a surrogate pair"),
        ({"x": {"use": True}}, "'x' is not a slice id"),
    ],
)
def test_rows_that_cannot_be_are_not_written(rows, says, tmp_path):
    "What stood there still stands."
    path = tmp_path / "r.csv"
    path.write_text(MINIMAL)
    with pytest.raises(BadValue, match=says):
        slice_config.write(path, rows)
    assert path.read_text() == MINIMAL
    assert [one.name for one in tmp_path.iterdir()] == ["r.csv"]


TRUTH = [(True, False, True), (True, True, False), (False, False, False), (False, True, False)]


@pytest.mark.parametrize(("use", "auto_excluded", "is_used"), TRUTH)
def test_the_truth_table(use, auto_excluded, is_used):
    "Used is: use, and not auto-excluded."
    row = slice_config.new_row(7, use=use) | {"auto_excluded": auto_excluded}
    rows = {SliceId(7): row}
    assert ("07" in slice_config.filter_slices_to_use(rows)) is is_used
    assert slice_config.force_skip_slices(rows)["07"]["use"] is is_used
    assert rows["07"]["use"] is use


def test_a_row_without_the_column_auto_excluded_is_not_excluded():
    "Hand-made rows may lack it."
    assert list(slice_config.filter_slices_to_use({SliceId(7): {"use": True}})) == ["07"]


def fragment(folder, slice_id, columns, *cells):
    path = folder / f"slice_z{slice_id}_manifest.csv"
    path.write_text(f"slice_id,{columns}\n{slice_id},{','.join(cells)}\n")
    return path


def test_fragments_of_a_folder_are_merged(rows, tmp_path, caplog):
    "Their columns are stamped, notes joined, a new slice gets a row that is not used."
    caplog.set_level(logging.INFO)
    fragment(tmp_path, "02", "interpolated,notes", "true", "filled")
    fragment(tmp_path, "09", "use,notes", "true", "failed: x: y")
    (tmp_path / "other.csv").write_text("not a fragment")
    merged = slice_config.merge_fragments(rows, tmp_path)
    assert merged["02"]["notes"] == "Motion artifact — interpolated; filled"
    assert merged["02"]["interpolation_method_used"] == "zmorph"
    assert merged["09"] == slice_config.new_row(9, use=False, notes="failed: x: y")
    assert list(merged) == [*rows, "09"]
    assert caplog.messages == ["slice 09: only a fragment names it; added with use=false"]


def test_sources_of_fragments(rows, tmp_path):
    "A folder, a file, files, or nothing at all."
    path = fragment(tmp_path, "02", "interpolated", "false")
    as_file = slice_config.merge_fragments(rows, path)
    assert as_file["02"]["interpolated"] is False
    assert slice_config.merge_fragments(rows, str(path)) == as_file
    assert slice_config.merge_fragments(rows, [str(path)]) == as_file
    assert slice_config.merge_fragments(rows, []) == rows
    (tmp_path / "empty").mkdir()
    assert slice_config.merge_fragments(rows, tmp_path / "empty") == rows
    missing = "nowhere does not exist; give the folder of the fragments$"
    with pytest.raises(MissingFile, match=missing):
        slice_config.merge_fragments(rows, tmp_path / "nowhere")


def test_fragments_that_contradict_are_refused(rows, tmp_path):
    "Both files are named; equal values agree."
    first = fragment(tmp_path, "02", "interpolated", "true")
    other = tmp_path / "other.csv"
    other.write_text("slice_id,interpolated\n2,true\n")
    assert slice_config.merge_fragments(rows, [first, other])["02"]["interpolated"] is True
    other.write_text("slice_id,interpolated\n2,false\n")
    with pytest.raises(BadFile) as caught:
        slice_config.merge_fragments(rows, [first, other])
    assert str(caught.value) == (
        f"{other}: slice 02 has interpolated='false', but {first} says 'true'; "
        "one stage stamps a column once; remove the fragment that is stale"
    )


def test_fragments_may_each_have_their_notes(rows, tmp_path):
    "They are joined, in the order of the alphabet, each once."
    paths = [tmp_path / f"{name}.csv" for name in "abc"]
    for path, note in zip(paths, ("y", "x", "y"), strict=True):
        path.write_text(f"slice_id,notes\n3,{note}\n")
    merged = slice_config.merge_fragments(rows, paths)
    assert merged["03"]["notes"] == "rehomed after tile-column expansion; x; y"


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        ("1,1,\n1,0,0\n3,0,2\n4,?,\nx\n", "line 3: slice_id='1' is slice 01"),
        ("1,1,2\n2,?,\nx\n", "line 2: quality_score='2' is outside"),
        ("1,1,\nx\n2,?,\n", "line 3: 1 cells where the header names 3"),
    ],
)
def test_the_first_line_that_is_wrong_is_named(rows, tmp_path, lines, says):
    "Of a record and of a fragment, whatever is wrong there."
    path = tmp_path / "slice_z02_manifest.csv"
    path.write_text(f"slice_id,use,quality_score\n{lines}")
    for read in (slice_config.read, lambda one: slice_config.merge_fragments(rows, one)):
        with pytest.raises((BadFile, BadValue), match=says):
            read(path)


def test_each_duplicate_names_the_row_that_was_first(tmp_path):
    "In any spelling; rows between them are not suspected."
    path = tmp_path / "r.csv"
    path.write_text("use,slice_id\n1,5\n1,6\n0,05\n1,7\n0,6.0\n1,\n1,\n")
    found = [(one.line, one.found, one.what, one.hint) for one in slice_config.problems(path)]
    duplicate = "is slice {}, which already stands on line {}"
    empty = ("", "is empty, a slice id is needed", "write it as in 07 or 100")
    assert found == [
        (4, "05", duplicate.format("05", 2), "keep one of the two rows"),
        (6, "6.0", duplicate.format("06", 3), "keep one of the two rows"),
        (7, *empty),
        (8, *empty),
    ]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "the file is empty"),
        ("interpolated\ntrue\n", "there is no column 'slice_id'"),
        ("slice_id,interpolated\n02,maybe\n", "line 2: interpolated='maybe' is not a boolean"),
        ("slice_id,interpolated\n02,\n2,true\n", "slice 02, which already stands on line 2"),
        ("slice_id,use\n02,\n", "line 2: use='' is empty"),
    ],
)
def test_a_fragment_that_cannot_be_right_is_refused(rows, tmp_path, content, says):
    "As a record is, with its own file name."
    path = tmp_path / "slice_z02_manifest.csv"
    path.write_text(content)
    with pytest.raises(ValueError, match=rf"slice_z02_manifest.csv .*{says}"):
        slice_config.merge_fragments(rows, tmp_path)


def test_errors_carry_what_to_do(page):
    "The hint is part of the text."
    page.write_text("slice_id,use\n07,flase\n")
    with pytest.raises(BadValue, match=r"slice_config.csv line 2: use='flase'.*true or false$"):
        slice_config.read(page)
