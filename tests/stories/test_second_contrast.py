"""A second contrast through the placement of a finished run: voxel on voxel, or refused by name."""

import logging
import shutil
from pathlib import Path

import numpy as np
import pytest
import zarr

from linumpy.io import atomic, omezarr
from linumpy.io import tiles as tiles_io
from linumpy.io.diagnostics import read_json
from linumpy.pipeline import contrast, driver, summary
from linumpy.pipeline.linum_apply_transforms import COMMAND
from linumpy.scripts import linum_locate
from tests.stories import runs
from tests.stories.driver_runs import InlinePool

VOLUME = "3d_volume.ome.zarr"
DARK, BRIGHT = 1.0, 1e4
MARKERS = (  # slice, tile x, tile y, A-line from the first of the sweep, B-scan, depth sample
    ("01", 0, 0, 15, 17, 22),
    ("02", 1, 1, 12, 13, 20),
    ("06", 2, 1, 20, 20, 25),
)


def inline(patch: pytest.MonkeyPatch) -> None:
    """Do the tasks in this process and write no page."""

    def write_report(state):
        atomic.write_json(state.layout.report.with_suffix(".json"), {"implied_axial": None})

    patch.setattr(driver, "Pool", InlinePool)
    patch.setattr(contrast, "Pool", InlinePool)
    patch.setattr(summary, "write_report", write_report)


@pytest.fixture(autouse=True)
def _inline(monkeypatch):
    inline(monkeypatch)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run with a mistimed sweep, a filled gap and a glitch; read-only by agreement."""
    folder = tmp_path_factory.mktemp("first")
    runs.write_page_acquisition(folder / "raw")
    with pytest.MonkeyPatch.context() as patch:
        inline(patch)
        assert runs.reconstruct(folder / "raw", folder / "out", *runs.FLAGS) == 0
    return folder


def apply(*argv: object) -> int:
    """Call linum_apply_transforms.py; return its exit code."""
    logging.getLogger().setLevel(logging.INFO)
    with pytest.raises(SystemExit) as end:
        COMMAND.main([str(part) for part in argv])
    return int(end.value.code or 0)


def levels(volume: Path) -> dict[str, np.ndarray]:
    arrays = dict(zarr.open_group(volume, mode="r").arrays())
    return {name: array[...] for name, array in arrays.items()}


def rewrite(raw: Path, change) -> None:
    """Change the pixels of every tile: ``change(tile, pixels)`` → pixels."""
    for one in tiles_io.discover(raw).slices.values():
        for tile in one.tiles:
            pixels = change(tile, np.array(tiles_io.read_tile(tile)))
            shutil.rmtree(tile.folder)
            tiles_io.write_tile(tile.folder, pixels, tile.info)


@pytest.mark.story
def test_the_same_contrast_gives_the_same_voxels(first, tmp_path):
    """Bit for bit at every level, gap included; the volume says which run placed it.

    The folders of preproc and of the reconstruction may be two, as the workflows leave them.
    """
    shutil.copytree(first / "out", tmp_path / "run")
    (tmp_path / "preproc").mkdir()
    for name in ("acquisition.json", "shifts_xy.csv", "galvo"):
        (tmp_path / "run" / name).rename(tmp_path / "preproc" / name)
    for name in ("mosaics", ".linumpy"):
        shutil.rmtree(tmp_path / "run" / name)
    out = tmp_path / "out"
    words = (tmp_path / "run", first / "raw", out, "--preproc", tmp_path / "preproc")
    assert apply(*words) == 0
    found, wanted = levels(out / VOLUME), levels(first / "out" / VOLUME)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[name], wanted[name]) for name in wanted)
    said = omezarr.open_volume(out / VOLUME).attributes["derived_from"]
    assert said == read_json(out / "derived_from.json")
    assert said["run"] == "run"
    assert len(said["record_sha256"]) == len(said["volume_metadata_sha256"]) == 64
    records = [at / "slice_config_final.csv" for at in (out, first / "out")]
    assert records[0].read_bytes() == records[1].read_bytes()


@pytest.mark.story
def test_markers_lie_where_the_first_contrast_has_them(first, tmp_path):
    """Bright points in an empty contrast: each at the voxel that linum_locate.py gives for them.

    It knows the first run alone. With ``as_measured`` values are those of the tiles; one point lies
    in a mistimed sweep, whose roll only the first contrast can tell.
    """
    raw = tmp_path / "raw"
    shutil.copytree(first / "raw", raw)
    places = {(s, x, y): at for s, x, y, *at in MARKERS}

    def plant(tile, pixels):
        pixels[:] = DARK
        at = places.get((str(tile.slice_id), tile.x, tile.y))
        if at is not None:
            a_line, b_scan, depth = at
            pixels[depth - 1 : depth + 2, a_line - 1 : a_line + 2, b_scan - 1 : b_scan + 2] = BRIGHT
        return pixels

    rewrite(raw, plant)
    assert apply(first / "out", raw, tmp_path / "out", "--brightness", "as_measured") == 0
    second = omezarr.open_volume(tmp_path / "out" / VOLUME)
    voxels = omezarr.read_block(second)
    assert voxels.max() <= BRIGHT
    assert np.median(voxels[voxels > 0]) == pytest.approx(DARK, rel=1e-3)
    one = omezarr.open_volume(first / "out" / VOLUME)
    for slice_id, x, y, a_line, b_scan, depth in MARKERS:
        name = f"tile_x{x:02d}_y{y:02d}_z{slice_id}"
        params = linum_locate.COMMAND.params(
            out=first / "out", tile=name, a_line=a_line, b_scan=b_scan, depth=float(depth)
        )
        z, y_px, x_px = linum_locate._back(params, one, name)["voxel"]
        around = tuple(slice(max(0, i - 6), i + 7) for i in (z, y_px, x_px))
        spot = voxels[around] - DARK
        centre = [
            float((spot * axis).sum() / spot.sum()) + part.start
            for axis, part in zip(np.indices(spot.shape), around, strict=True)
        ]
        assert spot.max() > 0.05 * BRIGHT, name
        assert np.abs(np.subtract(centre, (z, y_px, x_px))).max() < 0.75, name


@pytest.mark.story
def test_a_broken_tile_ends_it_and_the_rest_is_kept(first, tmp_path, capsys):
    "The slice is named, no volume stands; mended, only what depends on it is done."
    raw, out = tmp_path / "raw", tmp_path / "out"
    shutil.copytree(first / "raw", raw)
    tile = min((raw / "z04").rglob("image_*.bin"))
    pixels = tile.read_bytes()
    tile.write_bytes(pixels[:-100])
    assert apply(first / "out", raw, out) == 1
    assert "slice 04 failed in create_mosaic_grid" in capsys.readouterr().err
    assert not (out / VOLUME).exists()
    tile.write_bytes(pixels)
    log = out / "linumpy.log"
    before = len(log.read_text())
    assert apply(first / "out", raw, out) == 0
    assert "create_mosaic_grid: 1 of 5 done now" in log.read_text()[before:]
    before = len(log.read_text())
    assert apply(first / "out", raw, out) == 0
    assert log.read_text()[before:].count(": 0 of ") == len(contrast.steps())


@pytest.mark.story
def test_what_does_not_belong_together_is_refused(first, tmp_path, capsys):
    "Exit code 2 and the reason, before anything is made."
    run, raw = tmp_path / "run", tmp_path / "raw"
    shutil.copytree(first / "out", run)
    shutil.copytree(first / "raw", raw)

    def refused(*words: object) -> str:
        assert apply(*(words or (run, raw, tmp_path / "out"))) == 2
        assert not (tmp_path / "out").exists()
        return capsys.readouterr().err

    assert "is the first run" in refused(run, raw, run)
    (lost,) = raw.rglob("tile_x01_y01_z02")
    lost.rename(tmp_path / lost.name)
    assert "lacks 1 tiles of slice 02: tile_x01_y01_z02" in refused()
    (tmp_path / lost.name).rename(lost)
    for key, value, named in (
        ("width", "2000", "sampling"),
        ("n_extra", "9", "galvo return"),
        ("bottom_z", "59", "depth samples: 60; the first contrast has 40"),
        ("nx", "44", "pixels along the sides of a tile"),
    ):
        texts = {path: path.read_text() for path in raw.rglob("info.txt")}
        for path, text in texts.items():
            lines = text.splitlines()
            path.write_text(
                "\n".join(
                    f"{key}: {value}" if line.startswith(f"{key}:") else line for line in lines
                )
            )
        assert named in refused()
        for path, text in texts.items():
            path.write_text(text)
    (run / "process_slice" / "slice_z04_process.json").rename(tmp_path / "kept.json")
    assert "slice_z04_process.json: no such file" in refused()
    shutil.rmtree(run / VOLUME)
    assert "the run is not finished" in refused()


@pytest.mark.story
def test_a_run_that_was_changed_since_is_noticed(first, tmp_path, capsys):
    "A transform that is not the one that stacked the volume: the grids would not fit."
    shutil.copytree(first / "out", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "register_pairwise" / "slice_z06_normalize")
    assert apply(tmp_path / "run", first / "raw", tmp_path / "out") == 2
    assert "other tile_frames" in capsys.readouterr().err
    assert not (tmp_path / "out" / VOLUME).exists()
