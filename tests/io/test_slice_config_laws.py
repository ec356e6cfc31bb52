"""Laws of the record, on drawn records; `make fuzz` draws 100 000 of each."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId
from linumpy.io import slice_config, table
from tests.strategies import law, rows, some_stamps, stamps, tapes, texts


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("laws")


@law
@given(rows())
def test_reading_what_was_written_gives_the_rows_back(folder, drawn):
    "read(write(rows)) = rows, order of rows and of columns included."
    path = folder / "slice_config.csv"
    slice_config.write(path, drawn)
    found = slice_config.read(path)
    assert found == drawn
    assert list(found) == list(drawn)
    assert [list(row) for row in found.values()] == [list(row) for row in drawn.values()]


@law
@given(rows())
def test_writing_is_idempotent_on_bytes(folder, drawn):
    "Writing what was read from our own file changes no byte."
    path = folder / "slice_config.csv"
    path.write_bytes(slice_config.to_bytes(drawn))
    again = slice_config.read(path)
    assert slice_config.to_bytes(again) == path.read_bytes()


@law
@given(rows(min_size=1), stamps(), tapes(2))
def test_stamping_twice_is_stamping_once(drawn, values, tape):
    "A stage that is repeated leaves no second trace."
    key, append_notes = tape.pick([*drawn]), tape.pick([False, True])
    once = slice_config.stamp(drawn, key, values, append_notes=append_notes)
    assert slice_config.stamp(once, key, values, append_notes=append_notes) == once


@law
@given(rows(min_size=1), stamps(), stamps(), tapes(2))
def test_disjoint_stamps_commute(drawn, first, second, tape):
    "Stages that stamp different cells may run in any order."
    one, other = tape.pick([*drawn]), tape.pick([*drawn])
    second = {name: value for name, value in second.items() if one != other or name not in first}
    ab = slice_config.stamp(slice_config.stamp(drawn, one, first), other, second)
    ba = slice_config.stamp(slice_config.stamp(drawn, other, second), one, first)
    assert ab == ba


@law
@given(rows(min_size=1), stamps(), tapes(1))
def test_stamping_is_additive_and_pure(drawn, values, tape):
    "Columns that are not stamped stay, other rows stay, the rows given stay."
    key = tape.pick([*drawn])
    before = {one: dict(row) for one, row in drawn.items()}
    stamped = slice_config.stamp(drawn, key, values)
    assert drawn == before
    assert stamped == before | {key: before[key] | values}


@law
@given(texts(), texts(), texts())
def test_notes_are_joined_and_never_repeated(old, first, second):
    "Earlier notes survive, in front; each part stands once."
    joined = slice_config.join_notes(slice_config.join_notes(old, first), second)
    assert joined.startswith(old)
    parts = joined[len(old) :].split("; ")
    for part in first.split("; "):
        assert part in joined.split("; ") or not part
    assert len([part for part in parts if part]) == len({part for part in parts if part})


@law
@given(rows(min_size=1), tapes(128, some_stamps), tapes(8))
def test_the_order_of_fragments_does_not_matter(folder, drawn, given_stamps, tape):
    "Fragments in any order, in one folder or as a list, give one record."
    with fragments(folder / "stage", given_stamps) as paths:
        merged = slice_config.merge_fragments(drawn, folder / "stage")
        assert slice_config.merge_fragments(drawn, tape.shuffled(paths)) == merged
    assert list(merged)[: len(drawn)] == list(drawn)
    for key, values in given_stamps.items():
        if key in drawn:
            stamped = slice_config.stamp(drawn, key, values, append_notes=True)
            assert merged[key] == stamped[key]
        else:
            assert merged[key]["use"] is False
    assert slice_config.merge_fragments(merged, []) == merged


@contextlib.contextmanager
def fragments(folder, given_stamps):
    """Give the paths of one fragment per slice in a folder that is emptied afterwards."""
    folder.mkdir(exist_ok=True)
    paths = []
    for key, values in given_stamps.items():
        texts_by_name = {"slice_id": [str(key)]}
        for name, value in values.items():
            column = slice_config._column(name)
            texts_by_name[name] = [slice_config.columns.format_value(column, value)]
        paths.append(folder / f"slice_z{key}_manifest.csv")
        paths[-1].write_bytes(table.to_bytes(texts_by_name))
    yield paths
    for path in paths:
        path.unlink()


def extra_cells(record):
    """The columns that are not ours with their cells, in their order, row by row."""
    return [
        (key, [cell for cell in row.items() if cell[0] not in slice_config.CANONICAL_COLUMNS])
        for key, row in record.items()
    ]


@law
@given(rows(min_size=1), tapes(128, some_stamps), tapes(2))
def test_unknown_columns_survive_everything(folder, drawn, given_stamps, tape):
    "Stamped, merged, filtered, skipped, written and read: each cell, in its place."
    ours = {
        key: {name: v for name, v in values.items() if name in slice_config.CANONICAL_COLUMNS}
        for key, values in given_stamps.items()
    }
    known = {tape.pick([*drawn]): values for values in ours.values()}
    path = folder / "slice_config.csv"
    slice_config.write(path, drawn)
    after = slice_config.stamp_many(slice_config.read(path), known, append_notes=True)
    with fragments(folder / "stage", ours):
        after = slice_config.merge_fragments(after, folder / "stage")
    after = slice_config.force_skip_slices(after)
    slice_config.write(path, after)
    wanted = extra_cells(drawn)
    assert extra_cells(slice_config.read(path))[: len(drawn)] == wanted
    chosen = slice_config.filter_slices_to_use(after)
    assert extra_cells(chosen) == [one for one in extra_cells(after) if one[0] in chosen]


@law
@given(rows())
def test_filter_and_skip_follow_the_truth_table(drawn):
    "use and not auto_excluded is worked on; all others are skipped, and nothing else changes."
    skipped = slice_config.force_skip_slices(drawn)
    chosen = slice_config.filter_slices_to_use(drawn)
    for key, row in drawn.items():
        is_used = row["use"] and not row["auto_excluded"]
        assert skipped[key] == row | {"use": is_used}
        assert (key in chosen) == is_used
    assert list(skipped) == list(drawn)
    assert chosen == {key: drawn[key] for key in chosen}
    assert slice_config.force_skip_slices(skipped) == skipped


@law
@given(st.integers(0, 10**12), st.sampled_from(["{}", "{:02d}", "{}.0", " {:02d} ", "{:05d}"]))
def test_an_id_has_one_normal_form(number, form):
    "Every spelling of an id is the same key."
    assert SliceId(form.format(number)) == SliceId(number) == f"{number:02d}"
