"""An acquisition that has stopped, went on elsewhere, or still runs (issue: arriving slices)."""

import json
import os
import time

import pytest

from linumpy.errors import BadFile, MissingFile
from linumpy.io import acquisition, arrival, interval, tiles
from tests.io.test_tiles import header, put

OLD_S = time.time() - 2 * arrival.YOUNG_S


def grid(root, slice_id, places, **changes):
    """Write tiles at (x, y) places."""
    for x, y in places:
        put(root / f"z{slice_id}" / f"tile_x{x:02d}_y{y:02d}_z{slice_id}", header(**changes))


def age(root, when_s=OLD_S):
    """Give every file and folder another time stamp."""
    for path in root.rglob("*"):
        os.utime(path, (when_s, when_s))


WHOLE = [(x, y) for y in range(2) for x in range(3)]


# Several folders


def test_two_folders_are_one_acquisition(tmp_path):
    "Slices, and tiles of one slice, may lie in either; the order of folders does not matter."
    grid(tmp_path / "monday", "00", WHOLE)
    grid(tmp_path / "monday", "01", WHOLE[:4])
    grid(tmp_path / "tuesday", "01", WHOLE[4:])
    found = tiles.discover(tmp_path / "monday", tmp_path / "tuesday")
    assert [len(one.tiles) for one in found.slices.values()] == [6, 6]
    assert found == tiles.discover(tmp_path / "tuesday", tmp_path / "monday")
    assert found.unfinished == ()


def twice(tmp_path):
    """Return two folders that both hold one tile, the second written later."""
    roots = [tmp_path / "a", tmp_path / "b"]
    for when_s, root in zip((OLD_S, OLD_S + 60), roots, strict=True):
        grid(root, "03", [(1, 0)])
        age(root, when_s)
    return roots


def test_a_tile_found_twice_is_named_and_both_ways_out_are_offered(tmp_path):
    "Neither is chosen silently."
    roots = twice(tmp_path)
    with pytest.raises(BadFile, match=r"tile x=1, y=0 of slice 03 is there twice: .*/a/.*/b/") as e:
        tiles.discover(*roots)
    assert "--on_duplicate newest" in e.value.hint
    assert "--on_duplicate first" in e.value.hint


def test_the_newest_or_the_first_is_taken(tmp_path, caplog):
    "Newest: written last, whatever the order of folders; first: of the folder given first."
    caplog.set_level("INFO")
    a, b = twice(tmp_path)
    for roots in ((a, b), (b, a)):
        (raw,) = tiles.discover(*roots, on_duplicate="newest").slices.values()
        assert raw.tiles[0].folder.is_relative_to(b)
        (raw,) = tiles.discover(*roots, on_duplicate="first").slices.values()
        assert raw.tiles[0].folder.is_relative_to(roots[0])
    assert "the newest is taken" in caplog.text


def test_newest_refuses_what_it_cannot_tell(tmp_path):
    "A copy that lost its time stamps."
    a, b = twice(tmp_path)
    age(tmp_path)
    with pytest.raises(BadFile, match="written at the same time"):
        tiles.discover(a, b, on_duplicate="newest")


def test_a_folder_given_twice_is_one_folder(tmp_path):
    "Also as a link: its tiles are not there twice."
    grid(tmp_path / "a", "00", WHOLE)
    (tmp_path / "link").symlink_to(tmp_path / "a")
    found = tiles.discover(tmp_path / "a", tmp_path / "a", tmp_path / "link")
    assert len(found.slices["00"].tiles) == 6


def test_sessions_agree_on_the_cut_interval(tmp_path):
    "metadata.json of two sessions: both files are named; one thick slice within one is fine."
    for session, thickness in (("monday", 0.2), ("tuesday", 0.25)):
        for number in range(3):
            slice_id = f"{number + 3 * (session == 'tuesday'):02d}"
            grid(tmp_path / session, slice_id, [(0, 0)], stage_z_mm=None)
            path = tmp_path / session / f"z{slice_id}" / "metadata.json"
            path.write_text(json.dumps({"slice_thickness": 0.4 if number == 0 else thickness}))
    roots = [tmp_path / "monday", tmp_path / "tuesday"]
    assert interval.slicing_interval_mm(tiles.discover(roots[0]), roots[:1]) == 0.2
    with pytest.raises(BadFile, match=r"0\.2 mm by .*/monday/.*metadata.json, 0\.25 mm by .*/tues"):
        interval.slicing_interval_mm(tiles.discover(*roots), roots)


# The last slice


def stopped(root, places, *, before=("00", "01")):
    """Return what is said of a last slice 02 with these places."""
    for slice_id in before:
        grid(root, slice_id, WHOLE)
    grid(root, "02", places)
    age(root)
    return tiles.discover(root).unfinished


def test_a_whole_last_slice_is_none_of_it(tmp_path):
    "Nor one whose grid grew."
    assert stopped(tmp_path, WHOLE) == ()
    grid(tmp_path, "03", [*WHOLE, (3, 0), (3, 1)])
    age(tmp_path)
    assert tiles.discover(tmp_path).unfinished == ()


@pytest.mark.parametrize("places", [WHOLE[:1], WHOLE[:3], WHOLE[:4]])
def test_a_last_slice_with_a_part_of_the_tiles_is_left_out(tmp_path, places):
    "Everything before had one grid: also a whole row that is missing is no smaller grid."
    (one,) = stopped(tmp_path, places)
    n = len(places)
    assert one.said.startswith(f"slice 02, the last, has {n} of the 6 tiles of slice 01")
    assert one.note == f"incomplete: {n} of 6 tiles"
    assert "--keep 02" in one.advice(is_kept=False)
    assert "used as it is" in one.advice(is_kept=True)


def test_where_grids_change_a_smaller_one_is_used_and_told(tmp_path):
    "Only a grid that is no rectangle, as no other is, is left out there."
    grid(tmp_path, "00", [*WHOLE, (3, 0), (3, 1)])
    (one,) = stopped(tmp_path, WHOLE[:3], before=("01",))
    assert one.note == ""
    assert "grid shrank" in one.advice(is_kept=False)
    grid(tmp_path, "02", WHOLE[3:5])
    (one,) = tiles.discover(tmp_path).unfinished
    assert one.note == "incomplete: 5 of 6 tiles"


def test_only_the_last_slice_can_be_on_its_way(tmp_path):
    "Tiles that are missing further up stay zero, as ever."
    grid(tmp_path, "03", WHOLE)
    assert stopped(tmp_path, WHOLE[:2]) == ()


# A tile that is being written


def cut(root, slice_id, x, y):
    """Shorten the pixels of a tile just now."""
    path = root / f"z{slice_id}" / f"tile_x{x:02d}_y{y:02d}_z{slice_id}" / "image_00000.bin"
    path.write_bytes(path.read_bytes()[:100])
    return path


def test_a_tile_being_written_is_told(tmp_path):
    "Short, written just now, the newest of the last slice."
    stopped(tmp_path, WHOLE)
    cut(tmp_path, "02", 2, 1)
    (one,) = tiles.discover(tmp_path).unfinished
    assert one.said == (
        "tile x=2, y=1 of slice 02 is being written (z02/tile_x02_y01_z02: 100 of 360 bytes)"
    )
    assert one.note == "incomplete: tile x=2, y=1 was being written"
    assert one.is_written
    assert "--keep" not in one.advice(is_kept=True)


@pytest.mark.parametrize("why", ["old", "not_last", "not_newest"])
def test_a_damaged_tile_is_not_taken_for_one(tmp_path, why):
    "Old; of an earlier slice; with a whole tile after it: the mosaic will refuse it."
    stopped(tmp_path, WHOLE)
    path = cut(tmp_path, "01" if why == "not_last" else "02", 0, 0)
    if why == "old":
        os.utime(path, (OLD_S, OLD_S))
    if why == "not_newest":
        later = path.stat().st_mtime + 1
        os.utime(tmp_path / "z02/tile_x01_y00_z02/image_00000.bin", (later, later))
    assert tiles.discover(tmp_path).unfinished == ()


@pytest.mark.parametrize("has_pixels", [False, True])
def test_a_tile_without_a_header_yet_is_awaited(tmp_path, has_pixels):
    "Its folder is there, its info.txt is not, or is empty."
    stopped(tmp_path, WHOLE[:5])
    folder = tmp_path / "z02" / "tile_x02_y01_z02"
    folder.mkdir()
    (folder / "info.txt").write_text("")
    if has_pixels:
        (folder / "image_00000.bin").write_bytes(b"1234")
    found = tiles.discover(tmp_path)
    assert len(found.slices["02"].tiles) == 5
    assert found.unfinished[0].note == "incomplete: tile x=2, y=1 was being written"
    age(tmp_path)
    with pytest.raises(BadFile, match="tile_x02_y01_z02"):
        tiles.discover(tmp_path)


def test_the_first_tile_of_a_slice_is_awaited(tmp_path):
    "The slice does not count as seen yet; it is said."
    stopped(tmp_path, WHOLE)
    (tmp_path / "z03" / "tile_x00_y00_z03").mkdir(parents=True)
    found = tiles.discover(tmp_path)
    assert found.ids == ("00", "01", "02")
    (one,) = found.unfinished
    assert (one.slice_id, one.note) == ("03", "")
    assert "run the same command again" in one.advice(is_kept=False)


def test_no_tile_with_a_header_is_an_error(tmp_path):
    "Nothing can be said of such an acquisition."
    (tmp_path / "tile_x00_y00_z00").mkdir()
    with pytest.raises(MissingFile, match=r"info\.txt"):
        tiles.discover(tmp_path)


def test_acquisition_json_without_the_key_is_read(tmp_path):
    "Files of earlier versions."
    from linumpy.scripts.linum_estimate_xy_shift_from_metadata import COMMAND

    for slice_id, places in (("00", WHOLE), ("01", WHOLE[:4])):
        grid(tmp_path / "raw", slice_id, places, stage_x_mm=None, stage_y_mm=None)
    with pytest.raises(SystemExit):
        COMMAND.main([str(tmp_path / "raw"), str(tmp_path / "shifts_xy.csv")])
    path = tmp_path / "acquisition.json"
    (one,) = acquisition.read(path).unfinished
    assert one.note == "incomplete: 4 of 6 tiles"
    content = json.loads(path.read_text())
    del content["unfinished"]
    path.write_text(json.dumps(content))
    assert acquisition.read(path).unfinished == ()
