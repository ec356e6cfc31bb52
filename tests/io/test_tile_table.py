"""Tables of tiles: what is written is read back; the run's table holds every slice's."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, MissingFile
from linumpy.io import tile_table

numbers = st.integers(-(10**7), 10**7).map(lambda n: n / 1000)
rows = st.builds(
    tile_table.TileRow,
    row=st.integers(0, 99),
    col=st.integers(0, 99),
    stage_x_mm=numbers,
    stage_y_mm=numbers,
    placed_x_um=numbers,
    placed_y_um=numbers,
    correction_x_px=numbers,
    correction_y_px=numbers,
    overlap_ncc=st.none() | st.integers(-1000, 1000).map(lambda n: n / 1000),
    flagged=st.booleans(),
    file=st.text(st.characters(exclude_categories=("C", "Z")), max_size=20),
)


@given(st.lists(rows, max_size=5))
def test_reading_undoes_writing(tmp_path_factory, wanted):
    path = tmp_path_factory.mktemp("t") / "slice_z03_tiles.csv"
    tile_table.write(path, wanted)
    assert list(tile_table.read(path)) == wanted


@given(st.lists(rows, max_size=3), st.lists(rows, max_size=3))
def test_the_runs_table_holds_every_tile(tmp_path_factory, first, second):
    "In the order of ids, x and y before the rest."
    folder = tmp_path_factory.mktemp("t")
    tables = {SliceId(10): first, SliceId(2): second}
    paths = {slice_id: folder / f"{slice_id}.csv" for slice_id in tables}
    for slice_id, path in paths.items():
        tile_table.write(path, tables[slice_id])
    tile_table.join(folder / "tiles.csv", paths)
    with (folder / "tiles.csv").open(newline="", encoding="utf-8") as stream:
        found = [
            (r["slice_id"], int(r["x"]), int(r["y"]), r["file"]) for r in csv.DictReader(stream)
        ]
    wanted = [("02", r.col, r.row, r.file) for r in second]
    assert found == wanted + [("10", r.col, r.row, r.file) for r in first]


def test_what_is_no_table_of_tiles_is_refused(tmp_path):
    path = tmp_path / "slice_z03_tiles.csv"
    with pytest.raises(MissingFile):
        tile_table.read(path)
    path.write_text("row,col\n1,2\n")
    with pytest.raises(BadFile, match="not a table of tiles"):
        tile_table.read(path)
