"""Acquisitions that stop, resume in another folder, or still run (issue: arriving slices).

What arrives after a run is taken by the same command, and only what depends on it is done.
"""

import json
import re
from dataclasses import replace

import pytest

from linumpy.core.fate import fate

pytestmark = pytest.mark.story


def slice_folder(run, slice_id):
    return run.tile(slice_id).parents[1]


def move(source, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    source.rename(target)


def result_of(run):
    """Return record and volume, but for how it says that it was made: RAW is named there."""
    found = run.volume_bytes()
    told = json.loads(found["3d_volume.ome.zarr/zarr.json"])
    del told["attributes"]["linumpy"]["provenance"]
    return found | {"3d_volume.ome.zarr/zarr.json": told}


@pytest.fixture
def two(fresh):
    """The last two of four slices lie in a second folder; the same run on one folder has ended."""
    fresh.age()
    one = replace(fresh, out=fresh.out.parent / "one")
    assert one.go() == 0
    tuesday = fresh.raw.with_name("tuesday")
    for slice_id in ("02", "03"):
        folder = slice_folder(fresh, slice_id)
        move(folder, tuesday / folder.name)
    return fresh, one, tuesday


def test_two_folders_give_what_one_gives(two, capsys):
    "The same voxels and record, and a run that goes on after its raw data were moved apart."
    fresh, one, tuesday = two
    assert fresh.go("--more_raw", tuesday) == 0
    assert result_of(fresh) == result_of(one)
    assert one.go("--more_raw", tuesday) == 0
    assert {task["status"] for task in one.tasks} == {"current"}
    capsys.readouterr()
    assert fresh.go("--more_raw", tuesday, "--check") == 0
    assert f"{fresh.raw} + {tuesday}" in capsys.readouterr().out


def test_out_in_one_of_the_folders_is_refused(two, capsys):
    "As in the first."
    fresh, _, tuesday = two
    assert replace(fresh, out=tuesday / "out").go("--more_raw", tuesday) == 2
    assert "lies in RAW" in capsys.readouterr().err


def test_sessions_of_other_tiles_are_refused(two, capsys):
    "Tile size and sampling must agree; both headers are named."
    fresh, _, tuesday = two
    for path in tuesday.rglob("info.txt"):
        path.write_text(re.sub(r"width: .*", "width: 999", path.read_text()))
    assert fresh.go("--more_raw", tuesday) == 2
    said = capsys.readouterr().err
    assert "width_um" in said
    assert f"{fresh.raw}/" in said
    assert f"{tuesday}/" in said


def test_a_slice_acquired_twice_is_chosen_by_the_user(two, capsys):
    "Refused with both names; then newest and first give one or the other."
    fresh, one, tuesday = two
    again = slice_folder(replace(fresh, raw=tuesday), "02")
    copy = fresh.raw / again.name
    copy.mkdir()
    for path in sorted(again.rglob("*")):
        target = copy / path.relative_to(again)
        if path.is_dir():
            target.mkdir()
            continue
        content = bytearray(path.read_bytes())
        if path.suffix == ".bin":
            content[-6] ^= 1
        target.write_bytes(content)
    assert fresh.go("--more_raw", tuesday) == 2
    said = capsys.readouterr().err
    assert "of slice 02 is there twice" in said
    assert "--on_duplicate newest" in said
    flags = ("--more_raw", tuesday, "--on_duplicate")
    assert replace(fresh, raw=tuesday).go("--more_raw", fresh.raw, *flags[2:], "first") == 0
    assert result_of(fresh) == result_of(one)
    redone = fresh.redone(*flags, "newest")
    assert {label for label in redone if label.startswith("create")} == {"create_mosaic_grid z02"}
    assert "the newest is taken" in fresh.log


# A last slice with a part of its tiles


@pytest.fixture
def partial(fresh, tmp_path):
    """Slice 03 has two of its four tiles; the others arrive when ``later`` is called."""
    fresh.age()
    moved = [fresh.tile("03", x, 1).parent for x in (0, 1)]
    for folder in moved:
        move(folder, tmp_path / "later" / folder.name)

    def later():
        for folder in moved:
            move(tmp_path / "later" / folder.name, folder)

    return fresh, later


def test_an_incomplete_last_slice_is_recorded_said_and_taken_when_it_is_whole(partial, capsys):
    "--check, the last lines and run.json say it; then this slice and what depends on it is done."
    fresh, later = partial
    assert fresh.go("--check") == 0
    assert "has 2 of the 4 tiles of slice 02" in capsys.readouterr().out
    assert fresh.go() == 0
    assert "the slice is left out" in capsys.readouterr().out
    assert (fresh.final["03"]["use"], fresh.final["03"]["notes"]) == (
        False,
        "incomplete: 2 of 4 tiles",
    )
    assert fate(fresh.final["03"]) == "excluded"
    assert not (fresh.out / "mosaics" / "mosaic_grid_3d_z03.ome.zarr").exists()
    assert "2 of the 4 tiles" in (fresh.out / "run.json").read_text()
    assert fresh.redone() == set()
    later()
    check_arrived(fresh.redone())
    assert fresh.final["03"]["use"]
    whole = replace(fresh, out=fresh.out.parent / "whole")
    assert whole.go() == 0
    assert whole.volume_bytes() == fresh.volume_bytes()


ARRIVED = {
    "estimate_xy_shift",
    "generate_slice_config",
    "create_mosaic_grid z03",
    "detect_rehoming",
    "process_slice z03",
    "bring_to_common_space",
    "finalise_interpolation",
    "register_pairwise z03",
    "auto_exclude_slices",
    "stack",
    "normalize_z_intensity",
}
"""What depends on slice 03: its own stages, the pair it is in, what works on the whole."""
CANVAS = {"register_pairwise z01", "register_pairwise z02"}
"""Its edge lies outside the common canvas of the others, so theirs grows, too."""


def check_arrived(redone):
    """Only slice 03 was processed; the others were at most put on a larger canvas."""
    assert redone >= ARRIVED
    assert redone <= ARRIVED | CANVAS


def test_slices_that_arrive_later_are_processed_and_no_other(fresh, tmp_path):
    """Counted: nothing of the other slices.

    With rehoming, the step to 03 also shows that the stage's report of 02 was a glitch, so the
    position of 02 changes: that depends on 03, and 02 is processed again.
    """
    steady = "--no_detect_rehoming"
    last = slice_folder(fresh, "03")
    move(last, tmp_path / "later")
    assert fresh.go(steady) == 0
    move(tmp_path / "later", last)
    check_arrived(fresh.redone(steady) | {"detect_rehoming"})


def test_keep_takes_an_incomplete_slice_as_it_is(partial, capsys):
    "The rest of its grid is zero."
    fresh, _ = partial
    assert fresh.go("--keep", "03") == 0
    assert fresh.final["03"]["use"]
    assert fresh.final["03"]["notes"] == "kept_by_user (would be incomplete: 2 of 4 tiles)"
    assert "used as it is" in capsys.readouterr().out


def test_a_tile_being_written_is_waited_for(fresh, capsys):
    "Not even --keep takes half a tile; the tile arrives, and the same command takes the slice."
    fresh.age()
    path = fresh.tile("03", 1, 1)
    content = path.read_bytes()
    path.write_bytes(content[:100])
    assert fresh.go("--check", "--keep", "03") == 0
    assert "tile x=1, y=1 of slice 03 is being written" in capsys.readouterr().out
    assert fresh.go("--keep", "03") == 0
    assert fresh.final["03"]["notes"] == "incomplete: tile x=1, y=1 was being written"
    path.write_bytes(content)
    check_arrived(fresh.redone("--keep", "03"))
    assert fresh.final["03"]["use"]


def test_a_short_tile_that_nobody_writes_any_more_has_failed(fresh):
    "The same tile, ten minutes later: recorded as failed, exit code 1."
    path = fresh.tile("03", 1, 1)
    path.write_bytes(path.read_bytes()[:100])
    fresh.age()
    assert fresh.go() == 1
    assert "failed: create_mosaic_grid" in fresh.final["03"]["notes"]
