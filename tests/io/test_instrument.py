"""What the instrument wrote down: kept under its own keys, never made up."""

import pytest

from linumpy.core.acquisition import Acquisition, RawSlice, Tile
from linumpy.core.geometry import XY, RigGeometry, Scan, StageSign
from linumpy.core.slice_id import SliceId
from linumpy.io import acquisition, tiles
from linumpy.io.info import read_info
from linumpy.io.instrument import is_date, read_instrument

HEADER = (
    "Scan info\nnx: 4\nny: 3\nwidth: 40\nheight: 30\nline_rate: 80\nexposure: 23\n"
    "top_z: 0\nbottom_z: 9\nfocus_z: {focus}\nstage_x_pos_mm: {x}\n"
    "stage_y_pos_mm: 0\noperator: {who}\n{more}"
)


def write(root, metadata=None, **of_slices):
    "Return the acquisition of one tile per slice, each with its own words in the header."
    slices = {}
    for name, words in of_slices.items():
        slice_id = SliceId(name[1:])
        folder = root / f"slice_z{slice_id}" / "tiles" / f"tile_x00_y00_z{slice_id}"
        folder.mkdir(parents=True)
        said = {"focus": 5, "x": 1.0, "who": "A", "more": ""} | words
        (folder / "info.txt").write_text(HEADER.format(**said))
        if metadata is not None:
            (folder.parents[1] / "metadata.json").write_text(metadata)
        tile = Tile(slice_id, 0, 0, folder, read_info(folder / "info.txt"), ())
        slices[slice_id] = RawSlice(slice_id, (tile,))
    return Acquisition(slices)


def test_shared_values_and_ranges(tmp_path):
    "Rates as they stand; a focus that moves as its range; stage positions are no setting."
    found = read_instrument(write(tmp_path, z0={"x": 1.0}, z1={"x": 2.0, "focus": 7}))
    assert (found.header["line_rate"], found.header["exposure"]) == (80, 23)
    assert found.header["focus_z"] == {"min": 5, "max": 7}
    assert found.header["operator"] == "A"
    assert not [key for key in found.header if key.startswith("stage")]
    assert found.dates is None
    assert found.metadata == {}


def test_texts_that_differ_say_nothing_of_the_acquisition(tmp_path):
    found = read_instrument(write(tmp_path, z0={}, z1={"who": "B"}))
    assert "operator" not in found.header


def test_dates_only_where_a_key_says_so(tmp_path):
    "Of the first and the last slice; the time stamps of files are no dates."
    first, last = ({"more": f"date: 2026-05-0{day} 10:11:12\n"} for day in (1, 4))
    found = read_instrument(write(tmp_path, z0=first, z1=last))
    assert found.dates == ("2026-05-01 10:11:12", "2026-05-04 10:11:12")
    assert "date" not in found.header


def test_metadata_beside_the_tiles(tmp_path):
    "Settings are kept; lists and pages of text are none."
    text = '{"overlap_fraction": 0.2, "roi": [1, 2], "log": "%s", "timestamp": "2026"}' % (
        "x" * 300
    )
    found = read_instrument(write(tmp_path, metadata=text, z0={}, z1={}))
    assert found.metadata == {"overlap_fraction": 0.2}
    assert found.dates == ("2026", "2026")


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_metadata_that_cannot_be_read_says_nothing(tmp_path, text):
    "What needs it, the cut interval, names such a file."
    assert read_instrument(write(tmp_path, metadata=text, z0={})).metadata == {}


def test_it_stands_in_acquisition_json(tmp_path):
    "Written and read back; an older file without it reads as empty."
    found = read_instrument(write(tmp_path, z0={"more": "date: today\n"}))
    rig = RigGeometry(StageSign(), XY(1, 1), XY(10, 10), 0.8, 0.8)
    path = tmp_path / "acquisition.json"
    acquisition.write(path, Scan(rig, {}, (), 0, None, 0.2, instrument=found))
    assert acquisition.read(path).instrument == found
    acquisition.write(path, Scan(rig, {}, (), 0, None, 0.2))
    assert acquisition.read(path).instrument.header == {}


@pytest.mark.parametrize("key", ["nx", "update_rate", "exposure", "line_rate"])
def test_a_setting_is_no_date(key):
    "By whole words: an update rate is none."
    assert not is_date(key)


def test_discover_reads_the_same_headers(tmp_path):
    "Through the folders that a rig writes."
    write(tmp_path, z0={})
    assert read_instrument(tiles.discover(tmp_path)).header["line_rate"] == 80
