"""The user's record over the one that preproc made."""

import pytest

from linumpy.cli import runtime
from linumpy.core.geometry import XY, RigGeometry, Scan, SliceExtent, StageSign
from linumpy.core.slice_id import SliceId
from linumpy.io import acquisition, slice_config
from linumpy.scripts import linum_start_record

RIG = RigGeometry(
    stage_sign=StageSign(1, 1), fov_mm=XY(1.0, 1.0), lateral_um=XY(10.0, 10.0),
    step_x_mm=0.8, step_y_mm=0.8, orientation="right_down", overlap_fraction=0.2,
)  # fmt: skip


@pytest.fixture
def start(tmp_path):
    extent = SliceExtent(XY(0.0, 0.0), XY(1.0, 1.0), grid=(1, 1), n_tiles=1, nz=10)
    scan = Scan(RIG, {SliceId(n): extent for n in range(3)}, (), 0, 8.0, 0.2)
    acquisition.write(tmp_path / "acquisition.json", scan)
    rows = {SliceId(n): slice_config.new_row(n, use=True) for n in range(3)}
    galvo = {n: {"galvo_fix": True, "galvo_confidence": 0.9} for n in range(3)}
    slice_config.write(tmp_path / "preproc.csv", slice_config.stamp_many(rows, galvo))

    def run(text):
        (tmp_path / "mine.csv").write_text(text)
        params = linum_start_record.Params(
            acquisition=tmp_path / "acquisition.json", output_file=tmp_path / "out.csv",
            record=tmp_path / "mine.csv", generated=tmp_path / "preproc.csv",
        )  # fmt: skip
        command = linum_start_record.COMMAND
        command.run(params, runtime.make_job(command, params))
        return slice_config.read(tmp_path / "out.csv")

    return run


def test_a_minimal_record_leaves_open_what_it_does_not_say(start):
    "Columns that the user's file lacks come from preproc; a slice without a row is left out."
    rows = start("slice_id,use\n0,true\n1,false\n")
    assert [row["use"] for row in rows.values()] == [True, False, False]
    assert [row["galvo_fix"] for row in rows.values()] == [True, True, True]
    assert rows["02"]["notes"] == "not_in_config"


UNEXAMINED = "slice_id,use,galvo_confidence,galvo_fix\n0,true,,false\n1,true,,{}\n2,true,{},false\n"


def test_false_that_nobody_decided_does_not_win(start, caplog):
    "A file made without --detect_galvo says false where nobody looked: detection decides, said."
    rows = start(UNEXAMINED.format("true", ""))
    assert [row["galvo_fix"] for row in rows.values()] == [True, True, True]
    assert [row["galvo_confidence"] for row in rows.values()] == [0.9] * 3
    assert "galvo_fix=false is no decision; the detection decides for 00, 02" in caplog.text


def test_false_beside_a_confidence_is_a_decision(start, caplog):
    "0.000 was measured: the file was looked at, so every cell of it counts."
    rows = start(UNEXAMINED.format("false", "0.000"))
    assert [row["galvo_fix"] for row in rows.values()] == [False, False, False]
    assert "no decision" not in caplog.text


def test_false_that_was_written_down_wins(start):
    "galvo_fix=false is the user's decision."
    rows = start("slice_id,use,galvo_fix\n0,true,false\n1,true,\n2,true,yes\n")
    assert [row["galvo_fix"] for row in rows.values()] == [False, True, True]
