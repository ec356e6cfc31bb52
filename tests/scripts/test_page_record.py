"""The feature page's full and minimal slice_config.csv through every stage that takes one."""

import json

import pytest

from linumpy.core.shift import Shift
from linumpy.io import history, shifts, slice_config
from linumpy.scripts import (
    linum_auto_exclude_slices,
    linum_detect_rehoming,
    linum_interpolate_missing_slice,
    linum_list_slices,
    linum_name_failures,
    linum_record_failures,
    linum_slice_config,
)
from tests.io.test_slice_config import MINIMAL, PAGE

FILES = {"full": PAGE, "minimal": MINIMAL}


@pytest.fixture(params=FILES)
def record(request, tmp_path):
    path = tmp_path / "slice_config.csv"
    path.write_text(FILES[request.param], encoding="utf-8")
    return path


def call(command, *argv):
    with pytest.raises(SystemExit) as end:
        command.COMMAND.main([str(part) for part in argv])
    return end.value.code


def stages(folder):
    """Yield (command, flags before, input flag, output flag) in the order of a reconstruction."""
    ids = range(8)
    chain = [Shift(slice_config.SliceId(i), slice_config.SliceId(i + 1), *4 * (0.0,)) for i in ids]
    shifts.write(folder / "shifts_xy.csv", chain)
    (folder / "pairs").mkdir()
    (folder / "fragments").mkdir()
    fragment = (
        "slice_id,interpolated,interpolation_failed,interpolation_method_used\n2,1,0,zmorph\n"
    )
    (folder / "fragments" / "slice_z02_manifest.csv").write_text(fragment)
    (folder / "failed").mkdir()
    failed = "slice_id,use,notes\n3,false,failed: register_pairwise: no overlap\n"
    (folder / "failed" / "slice_z03_manifest.csv").write_text(failed)
    named = ("--slice_config_in", "--slice_config_out")
    moved = (folder / "shifts_xy.csv", folder / "clean.csv")
    filled = ("--finalise", "--fragments", folder / "fragments")
    return (
        (linum_detect_rehoming, lambda a, b: [*moved, named[0], a, named[1], b]),
        (linum_interpolate_missing_slice, lambda a, b: [*filled, named[0], a, named[1], b]),
        (linum_auto_exclude_slices, lambda a, b: [folder / "pairs", a, b]),
        (linum_record_failures, lambda a, b: [a, b, "--fragments", folder / "failed"]),
    )


def test_a_record_of_the_page_passes_through_every_stage(record, tmp_path):
    "Slices, their order and every cell that a stage does not stamp come out as they went in."
    before, first = record, slice_config.read(record)
    for i, (command, argv) in enumerate(stages(tmp_path)):
        after = tmp_path / f"{i}" / "slice_config.csv"
        assert call(command, *argv(before, after)) == 0
        old, new = slice_config.read(before), slice_config.read(after)
        assert list(new) == list(old)
        for key, row in new.items():
            changed = {name for name in row if row[name] != old[key][name]}
            assert changed <= set(command.COMMAND.stamps)
        assert slice_config.to_bytes(new) == after.read_bytes()
        before = after
    last = slice_config.read(before)
    assert last["02"]["interpolated"] is True
    assert last["03"]["notes"].endswith("failed: register_pairwise: no overlap")
    assert last["00"]["notes"] == first["00"]["notes"]
    commands = {change.command for change in history.read(before)}
    assert {"unrecorded", "linum_record_failures.py"} <= commands


def test_a_record_of_the_page_through_the_library(record, tmp_path):
    "filter, skip, stamp, merge, write: the worked-on slices are those of the page."
    rows = slice_config.read(record)
    is_full = "04" in rows
    used = ["01", "03", "05"] if is_full else ["00", "01", "03"]
    assert list(slice_config.filter_slices_to_use(rows)) == used
    skipped = slice_config.force_skip_slices(rows)
    assert [key for key, row in skipped.items() if row["use"]] == used
    stamped = slice_config.stamp(rows, 3, {"rehomed": True, "notes": "x"}, append_notes=True)
    stages(tmp_path)
    merged = slice_config.merge_fragments(stamped, tmp_path / "fragments")
    slice_config.write(tmp_path / "out.csv", merged)
    again = slice_config.read(tmp_path / "out.csv")
    assert again == merged
    assert again["03"]["notes"] == ("rehomed after tile-column expansion; x" if is_full else "x")
    assert again["02"]["interpolation_method_used"] == "zmorph"
    assert again["01"] == rows["01"]


def test_a_record_of_the_page_in_the_tools(record, tmp_path, capsys):
    "Listed, shown, validated, summed, edited, compared and told."
    edited = tmp_path / "edited.csv"
    assert call(linum_list_slices, record) == 0
    is_full = len(slice_config.read(record)) > 4
    used = ["01", "03", "05"] if is_full else ["00", "01", "03"]
    assert capsys.readouterr().out.split() == used
    assert call(linum_name_failures, record) == 0
    tool = linum_slice_config
    assert call_tool(tool, "validate", record) == 0
    assert call_tool(tool, "set", record, "--slice", "01", "use=false", "-o", edited) == 0
    capsys.readouterr()
    assert call_tool(tool, "diff", record, edited, "--json") in (0, 1)
    assert "01" in capsys.readouterr().out
    for words in (("show", edited), ("history", edited), ("summary", edited)):
        assert call_tool(tool, *words, "--json") == 0
        json.loads(capsys.readouterr().out)


def call_tool(tool, *words):
    with pytest.raises(SystemExit) as end:
        tool.main([str(word) for word in words])
    return end.value.code
