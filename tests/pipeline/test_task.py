"""Resume is decided by content."""

import os
from pathlib import Path

import pytest
from toy import DOUBLE, DoubleParams

from linumpy.pipeline.task import Task, read_done
from linumpy.pipeline.worker import Order, Outcome, perform


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "in.txt").write_text("21")
    (tmp_path / "table.csv").write_text("a")
    return tmp_path


def task_in(place: Path, *, add: int = 0, view: object = 1) -> Task:
    return Task(
        stage="double",
        unit="03",
        command=DOUBLE,
        params=DoubleParams(
            source=place / "in.txt", product=place / "out.txt", table=place / "table.csv", add=add
        ),
        makes=(place / "out*",),
        views={"table": view},
    )


def do(place: Path, task: Task, *, version: str = "1", verify: bool = False) -> Outcome:
    return perform(
        Order(
            task=task,
            out=place,
            record=place / "done" / "03.json",
            version=version,
            known={},
            verify=verify,
            workers=1,
            max_memory_bytes=2**30,
        )
    )


def test_the_second_time_nothing_is_done(place):
    "Same inputs, parameters and version: the task is current."
    assert do(place, task_in(place)).status == "done"
    assert (place / "out.txt").read_text() == "42"
    assert do(place, task_in(place)).status == "current"


def test_touching_a_file_redoes_nothing(place):
    "A new time stamp on the same bytes is no change, and is remembered."
    do(place, task_in(place))
    for name in ("in.txt", "out.txt"):
        os.utime(place / name, (1, 1))
    assert do(place, task_in(place)).status == "current"
    done = read_done(place / "done" / "03.json", place)
    assert done.inputs[str(place / "in.txt")].mtime_ns == 10**9


def test_another_byte_of_the_input_redoes(place):
    "What the input holds decides."
    do(place, task_in(place))
    (place / "in.txt").write_text("22")
    assert do(place, task_in(place)).status == "done"
    assert (place / "out.txt").read_text() == "44"


@pytest.mark.parametrize(
    ("change", "status"),
    [({"add": 1}, "done"), ({"view": 2}, "done"), ({}, "current")],
)
def test_a_parameter_or_a_viewed_value_redoes(place, change, status):
    "Settings and viewed values are part of the key; the rest of the table is not."
    do(place, task_in(place))
    (place / "table.csv").write_text("something else")
    assert do(place, task_in(place, **change)).status == status


def test_another_version_of_the_code_redoes(place):
    "A result belongs to the code that made it."
    do(place, task_in(place))
    assert do(place, task_in(place), version="2").status == "done"


@pytest.mark.parametrize("damage", ["flip", "truncate", "remove", "extra"])
def test_a_damaged_product_is_made_again(place, damage, caplog):
    "A product that is not what was written is named and made again."
    do(place, task_in(place))
    out = place / "out.txt"
    if damage == "flip":
        out.write_text("43")
    elif damage == "truncate":
        out.write_text("4")
    elif damage == "remove":
        out.unlink()
    else:
        (place / "out2.txt").write_text("?")
    assert do(place, task_in(place)).status == "done"
    assert out.read_text() == "42"
    if damage != "extra":
        assert "out.txt" in caplog.text


def test_a_change_behind_the_same_stat_is_found_by_verify(place):
    "--verify reads everything."
    do(place, task_in(place))
    record = place / "done" / "03.json"
    record.write_text(record.read_text().replace(read_done(record, place).key, "0" * 64))
    assert do(place, task_in(place), verify=True).status == "done"


def test_a_record_that_cannot_be_read_redoes(place):
    "A torn record only costs its task."
    do(place, task_in(place))
    (place / "done" / "03.json").write_text('{"key": "x", "inp')
    assert do(place, task_in(place)).status == "done"


def test_an_error_is_an_outcome_and_leaves_no_record(place):
    "A task that fails tells why and is not done."
    (place / "in.txt").write_text("broken")
    outcome = do(place, task_in(place))
    assert outcome.status == "failed"
    assert "not a number" in str(outcome.error)
    assert not (place / "done" / "03.json").exists()


def test_a_defect_is_an_outcome_with_its_name(place):
    "A bug met in one slice ends neither the worker nor the others."
    (place / "in.txt").write_text("twelve")
    outcome = do(place, task_in(place))
    assert outcome.status == "failed"
    assert "ValueError" in str(outcome.error)


def test_a_run_that_was_moved_is_still_done(place, tmp_path_factory):
    "What lies below OUT is known by its place there."
    do(place, task_in(place))
    moved = tmp_path_factory.mktemp("elsewhere") / "run"
    place.rename(moved)
    assert do(moved, task_in(moved)).status == "current"
    assert str(place) not in (moved / "done" / "03.json").read_text().split('"command"')[0]
