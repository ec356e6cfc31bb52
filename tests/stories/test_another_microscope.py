"""docs/another-microscope.md: its program turns TIFF and NPY tiles into an acquisition."""

import csv
import re
from pathlib import Path

import numpy as np
import pytest
import tifffile

import linumpy
from linumpy.core.acquisition import TileInfo
from linumpy.errors import BadValue
from linumpy.io.tiles import discover, read_tile, write_tile
from linumpy.pipeline import linum_reconstruct

PAGE = Path(linumpy.__file__).parents[1] / "docs" / "another-microscope.md"


def program():
    text = PAGE.read_text("utf-8")
    (code,) = re.findall(r"^```python[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    return code


@pytest.fixture
def foreign(tiny_acquisition, tmp_path, monkeypatch):
    """The tiny acquisition as another rig would have stored it; its tiles by their place."""
    monkeypatch.chdir(tmp_path)
    kept, rows = {}, []
    for raw_slice in discover(tiny_acquisition.raw).slices.values():
        for tile in raw_slice.tiles:
            pixels = read_tile(tile)[:, : tile.info.nx].transpose(0, 2, 1)
            name = f"t{len(rows):03d}" + (".npy" if len(rows) % 2 else ".tif")
            if name.endswith(".npy"):
                np.save(name, pixels)
            else:
                tifffile.imwrite(name, np.ascontiguousarray(pixels), photometric="minisblack")
            kept[tile.slice_id, tile.y, tile.x] = np.array(pixels)
            stage = (tile.info.stage_x_mm, tile.info.stage_y_mm, tile.info.stage_z_mm)
            rows.append([name, int(tile.slice_id), tile.x, tile.y, *stage])
    with Path("positions.csv").open("w", newline="") as table:
        writer = csv.writer(table)
        writer.writerow(["file", "slice", "column", "row", "x_mm", "y_mm", "z_mm"])
        writer.writerows(rows)
    return kept


def test_the_program_is_short():
    assert len([line for line in program().splitlines() if line.strip()]) <= 25


def test_tiles_of_another_rig_are_read_back(foreign):
    "Every pixel where it was, every position kept."
    exec(compile(program(), PAGE.name, "exec"), {})
    found = {
        (tile.slice_id, tile.y, tile.x): tile
        for raw_slice in discover("raw").slices.values()
        for tile in raw_slice.tiles
    }
    assert found.keys() == foreign.keys()
    for place, tile in found.items():
        np.testing.assert_array_equal(read_tile(tile).transpose(0, 2, 1), foreign[place])
        assert (tile.info.n_extra, tile.info.axial_um, tile.info.x_um) == (0, 3.5, 10)


def test_check_says_what_is_still_missing(foreign, capsys):
    "Whole: the plan. Without stage z and axial sampling: the flags that supply them."
    exec(compile(program(), PAGE.name, "exec"), {})
    assert _check("raw") == 0
    poor = program().replace('stage_z_mm=float(row["z_mm"]),', "").replace("axial_um=AXIAL_UM,", "")
    exec(compile(poor.replace('Path("raw")', 'Path("poor")'), PAGE.name, "exec"), {})
    capsys.readouterr()
    assert _check("poor") == 2
    assert "--slicing_interval_mm" in capsys.readouterr().err
    assert _check("poor", "--slicing_interval_mm", "0.2") == 0
    assert "unknown: pass --axial_resolution" in capsys.readouterr().out
    assert _check("poor", "--slicing_interval_mm", "0.2", "--axial_resolution", "3.5") == 0


def _check(raw, *flags):
    with pytest.raises(SystemExit) as end:
        linum_reconstruct.COMMAND.main([raw, "out", "--check", *flags])
    return end.value.code


@pytest.mark.parametrize(
    ("pixels", "what"),
    [
        (np.ones((4, 3, 2), np.complex64), "complex"),
        (np.ones((4, 3, 2, 3), np.float32), "three axes"),
        (np.full((4, 3, 2), np.nan, np.float32), "not all finite"),
        (np.ones((4, 3, 2), bool), "bool"),
    ],
)
def test_what_is_no_tile_is_refused_by_name(tmp_path, pixels, what):
    info = TileInfo(nx=3, ny=2, nz=4, n_extra=0, n_repeat=1, width_um=30, height_um=20)
    with pytest.raises(BadValue, match=rf"tile_x00_y00_z00.*{what}"):
        write_tile(tmp_path / "tile_x00_y00_z00", pixels, info)
    assert not list(tmp_path.iterdir())
