"""A record that is made again keeps what a person wrote, and only that."""

import pytest

from linumpy.cli import runtime
from linumpy.io import history, slice_config
from linumpy.scripts import linum_keep_edits

COMMAND = linum_keep_edits.COMMAND
ROWS = {slice_id: slice_config.new_row(slice_id, use=True) for slice_id in ("00", "01", "02")}


class Stage:
    """A command that stamps what it likes."""

    name, version, parameters = "linum_generate_slice_config.py", "1", {}
    stamps = tuple(slice_config.CANONICAL_COLUMNS)


def stamped(rows, **cells):
    return slice_config.stamp_many(rows, {"01": cells})


@pytest.fixture
def make_again(tmp_path):
    """Write ``first`` as a command did, ``edited`` as a person left it; make ``fresh`` now."""

    def run(first, edited, fresh):
        earlier, generated = tmp_path / "earlier.csv", tmp_path / "generated.csv"
        out = tmp_path / "out.csv"
        history.write_record(earlier, first, before=None, author=Stage())
        slice_config.write(earlier, edited)
        history.write_record(generated, fresh, before=None, author=Stage())
        params = COMMAND.params(generated=generated, earlier=earlier, output_file=out)
        COMMAND.run(params, runtime.make_job(COMMAND, params))
        return generated, out

    return run


def test_a_cell_by_hand_wins_and_is_the_users(make_again):
    "What a command wrote before gives way to what it writes now."
    first = stamped(ROWS, galvo_fix=False, galvo_confidence=0.2)
    fresh = stamped(ROWS, galvo_fix=True, galvo_confidence=0.9)
    _, out = make_again(first, stamped(first, use=False, notes="torn"), fresh)
    row = slice_config.read(out)["01"]
    assert (row["use"], row["notes"], row["galvo_fix"]) == (False, "torn", True)
    assert [c.column for c in history.read(out) if c.command == history.USER] == ["use", "notes"]


def test_the_edit_survives_a_third_time(make_again, tmp_path):
    "That the history tells it as the user's does not make it a command's."
    _, out = make_again(ROWS, stamped(ROWS, notes="torn"), ROWS)
    again = COMMAND.params(
        generated=tmp_path / "generated.csv", earlier=out, output_file=tmp_path / "third.csv"
    )
    COMMAND.run(again, runtime.make_job(COMMAND, again))
    assert slice_config.read(tmp_path / "third.csv")["01"]["notes"] == "torn"


def test_without_an_edit_the_bytes_are_those_generated(make_again):
    "So that a workflow that goes on finds all that follows in its cache."
    failed = stamped(ROWS, use=False, notes="failed: create_mosaic_grid: truncated")
    generated, out = make_again(failed, failed, ROWS)
    assert out.read_bytes() == generated.read_bytes()
    before, after = map(history.path_beside, (generated, out))
    assert after.read_bytes() == before.read_bytes()


def test_without_a_history_every_cell_is_the_users(tmp_path, make_again):
    "Nobody can say who wrote it, so nothing is lost."
    make_again(ROWS, ROWS, ROWS)
    earlier, out = tmp_path / "alone.csv", tmp_path / "kept.csv"
    slice_config.write(earlier, stamped(ROWS, use=False))
    generated = tmp_path / "generated.csv"
    params = COMMAND.params(generated=generated, earlier=earlier, output_file=out)
    COMMAND.run(params, runtime.make_job(COMMAND, params))
    assert slice_config.read(out)["01"]["use"] is False
