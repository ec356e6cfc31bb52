"""The command on small acquisitions: scores, damage, calibration, records, failures."""

import json
import shutil

import numpy as np
import pytest

from linumpy.cli import runtime
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue, MissingFile, UnknownSlice
from linumpy.io import diagnostics, history, omezarr, slice_config
from linumpy.scripts.linum_assess_slice_quality import COMMAND, Params
from tests.quality import brains

RIG = brains.Rig(tile=40, grid=(2, 3), nz=10)
N_SLICES = 6
DAMAGED = 3


def write_mosaic(path, slice_id, tiles, *, nz=None, with_attributes=True):
    rows, cols = RIG.grid
    side = RIG.tile
    nz = nz or RIG.nz
    shape = (nz, rows * side, cols * side)
    step_mm = RIG.step * 0.02
    attributes = {
        "kind": "mosaic_grid",
        "slice_id": f"{slice_id:02d}",
        "tile_shape": [nz, side, side],
        "grid": [rows, cols],
        "tiles": [
            {"row": r, "col": c, "y_mm": r * step_mm, "x_mm": c * step_mm, "file": f"{r}_{c}"}
            for r, c in tiles
        ],
    }
    level = omezarr.Level(shape, Spacing(0.01, 0.02, 0.02), (nz, side, side))
    with omezarr.create(path, [level], attributes=attributes if with_attributes else {}) as new:
        for (r, c), tile in tiles.items():
            block = np.resize(tile, (nz, side, side))
            new.array[:, r * side : (r + 1) * side, c * side : (c + 1) * side] = block


@pytest.fixture(scope="session")
def acquisition(tmp_path_factory):
    """Slices 00–05: 00 is thick, 03 is smeared by motion."""
    folder = tmp_path_factory.mktemp("acquisition")
    maps = brains.anatomy(np.random.default_rng(2), RIG, N_SLICES, "regions")
    for n in range(N_SLICES):
        hurt = {"damage": "motion", "severity": 0.9, "variant": 0} if n == DAMAGED else {}
        rng = np.random.default_rng(n)
        piece = brains.acquire(rng, RIG, maps[n], speckle_seed=n, **hurt)
        path = folder / f"mosaic_grid_3d_z{n:02d}.ome.zarr"
        write_mosaic(path, n, piece.tiles, nz=2 * RIG.nz if n == 0 else None)
    return folder


def assess(folder, out, *, workers=1, **params):
    given = Params(input=folder, output_file=out, **{"use_gpu": False, **params})
    COMMAND.run(given, runtime.make_job(COMMAND, given, runtime.Options(workers=workers)))
    return slice_config.read(out) if out.exists() else None


def notes(rows):
    return {key: row["notes"] for key, row in rows.items() if row["notes"]}


def used(rows):
    return [key for key, row in rows.items() if row["use"]]


def test_defaults_score_all_and_leave_out_only_the_first(acquisition, tmp_path):
    "The page's first example: calibration slice at 0.000, scores, nothing else left out."
    rows = assess(acquisition, tmp_path / "slice_config.csv")
    assert notes(rows) == {"00": "calibration_slice"}
    assert used(rows) == ["01", "02", "03", "04", "05"]
    assert rows["00"]["quality_score"] == 0
    assert all(0.3 < rows[key]["quality_score"] <= 1 for key in ("01", "02", "04", "05"))
    text = (tmp_path / "slice_config.csv").read_text()
    assert "00,false,0.000," in text


def test_min_quality_leaves_out_the_damaged_slice_and_no_neighbour(acquisition, tmp_path):
    "Motion is found by comparison, and said with test, value and limit."
    rows = assess(
        acquisition, tmp_path / "c.csv", min_quality=0.3, exclude_first=0, detect_calibration=True
    )
    assert used(rows) == ["01", "02", "04", "05"]
    assert rows["00"]["notes"] == "calibration_slice"
    assert rows["03"]["notes"].startswith("low_quality (")
    assert ", limit " in rows["03"]["notes"]


def test_a_score_below_the_limit_is_the_pages_reason(acquisition, tmp_path):
    "With a limit that nothing reaches, each slice is left out by its score."
    rows = assess(acquisition, tmp_path / "c.csv", min_quality=0.999, exclude_first=0)
    assert used(rows) == []
    assert rows["01"]["notes"] == "low_quality (quality_score<0.999)"


def test_diagnostics_give_the_same_decision(acquisition, tmp_path):
    "The reason can be derived again from slice_z{NN}_quality.json."
    assess(acquisition, tmp_path / "c.csv", min_quality=0.3)
    for n in range(1, N_SLICES):
        found = json.loads((tmp_path / f"slice_quality/slice_z{n:02d}_quality.json").read_text())
        worst = max(test["value"] / test["limit"] for test in found["tests"])
        assert worst == pytest.approx(found["severity"])
        assert (worst >= 1) == (n == DAMAGED)
        parts, ceiling = found["score"], found["score"]["ceiling"]
        ssim, edge = (min(1, parts[name] / ceiling[name]) for name in ("ssim", "edge"))
        total = 0.5 * ssim + 0.3 * edge + 0.2 * parts["variance"]
        assert found["quality_score"] == pytest.approx(total, abs=6e-4)
        assert ceiling["ssim"] < 1
        plain = 0.5 * parts["ssim"] + 0.3 * parts["edge"] + 0.2 * parts["variance"]
        assert parts["plain"] == pytest.approx(plain, abs=6e-4)
    metrics = diagnostics.read_metrics(tmp_path / "slice_quality_assessment_metrics.json")
    assert metrics.number("num_slices") == N_SLICES
    assert metrics.number("num_excluded") == 2


def test_update_keeps_rows_columns_and_earlier_decisions(acquisition, tmp_path):
    "A slice without a mosaic, an extra column and a user's exclusion survive."
    config = tmp_path / "config.csv"
    config.write_text(
        "slice_id,use,galvo_confidence,operator,notes\n"
        "00,true,0.1,ann,\n01,false,0.2,ann,Bad quality\n02,true,0.3,bob,\n"
        "03,true,0.4,bob,\n04,true,0.5,bob,\n05,true,0.6,bob,\n77,true,,eve,no mosaic\n"
    )
    rows = assess(acquisition, tmp_path / "new.csv", update_existing=True, existing_config=config)
    assert list(rows) == ["00", "01", "02", "03", "04", "05", "77"]
    assert rows["77"]["use"]
    assert rows["77"]["operator"] == "eve"
    assert rows["77"]["quality_score"] is None
    assert not rows["01"]["use"]
    assert rows["01"]["notes"] == "Bad quality"
    assert rows["01"]["quality_score"] > 0
    assert rows["02"]["galvo_confidence"] == 0.3
    commands = {change.command for change in history.read(tmp_path / "new.csv")}
    assert COMMAND.name in commands


def test_a_mosaic_without_a_row_is_not_used(acquisition, tmp_path, caplog):
    "It is added with a note, and said."
    config = tmp_path / "config.csv"
    config.write_text("slice_id,use\n00,true\n01,true\n02,true\n03,true\n04,true\n")
    rows = assess(acquisition, tmp_path / "new.csv", update_existing=True, existing_config=config)
    assert not rows["05"]["use"]
    assert rows["05"]["notes"] == "not_in_config"
    assert "not in the config, so not used: 05" in caplog.text


def test_the_first_ids_count_whoever_left_them_out_before(acquisition, tmp_path):
    "00 is out already: exclude_first 1 does not take 01 too."
    config = tmp_path / "config.csv"
    lines = "\n".join(f"{n:02d},{'false' if n == 0 else 'true'}" for n in range(N_SLICES))
    config.write_text(f"slice_id,use\n{lines}\n")
    rows = assess(acquisition, tmp_path / "new.csv", update_existing=True, existing_config=config)
    assert used(rows) == ["01", "02", "03", "04", "05"]


def test_keep_protects_and_says_what_would_have_been(acquisition, tmp_path):
    "The score is stamped all the same."
    rows = assess(acquisition, tmp_path / "c.csv", min_quality=0.3, keep=("3", "00"))
    assert used(rows) == ["00", "01", "02", "03", "04", "05"]
    assert rows["03"]["notes"].startswith("kept_by_user (would be low_quality (")
    assert rows["00"]["notes"] == "kept_by_user (would be calibration_slice)"
    assert rows["03"]["quality_score"] > 0
    with pytest.raises(UnknownSlice, match="--keep 42"):
        assess(acquisition, tmp_path / "d.csv", keep=("42",))


def test_report_only_prints_and_writes_nothing(acquisition, tmp_path, capsys):
    "One line per slice with its status."
    assert assess(acquisition, tmp_path / "c.csv", min_quality=0.3, report_only=True) is None
    printed = capsys.readouterr().out
    assert "CALIBRATION_SLICE" in printed
    assert "LOW_QUALITY" in printed
    assert list(tmp_path.iterdir()) == []


def test_a_mosaic_that_cannot_be_read_fails_alone(acquisition, tmp_path):
    "Truncated chunk, no volume, all zero: recorded with the reason, the others are scored."
    folder = tmp_path / "mosaics"
    shutil.copytree(acquisition, folder)
    chunk = next((folder / "mosaic_grid_3d_z01.ome.zarr/0/c").rglob("[0-9]"))
    while chunk.is_dir():
        chunk = min(chunk.iterdir())
    chunk.write_bytes(chunk.read_bytes()[:40])
    (folder / "mosaic_grid_3d_z07.ome.zarr").mkdir()
    zero = {(r, c): np.zeros((4, 4)) for r in range(2) for c in range(3)}
    write_mosaic(folder / "mosaic_grid_3d_z08.ome.zarr", 8, zero)
    rows = assess(folder, tmp_path / "c.csv", min_quality=0.3)
    for key in ("01", "07", "08"):
        assert not rows[key]["use"]
        assert rows[key]["notes"].startswith("failed: assess_slice_quality: ")
        assert rows[key]["quality_score"] is None
    assert "every voxel is zero" in rows["08"]["notes"]
    assert used(rows) == ["02", "04", "05"]
    metrics = diagnostics.read_metrics(tmp_path / "slice_quality_assessment_metrics.json")
    assert metrics.overall_status == "error"


def test_mosaics_without_our_attributes_are_read_by_their_chunks(acquisition, tmp_path):
    "Tiles stand side by side; there are no overlaps to test."
    maps = brains.anatomy(np.random.default_rng(2), RIG, 3, "regions")
    for n in range(3):
        piece = brains.acquire(np.random.default_rng(n), RIG, maps[n], speckle_seed=n)
        write_mosaic(tmp_path / f"m_z{n}.ome.zarr", n, piece.tiles, with_attributes=False)
    rows = assess(tmp_path, tmp_path / "c.csv", exclude_first=0)
    assert all(row["quality_score"] > 0 for row in rows.values())


def test_results_do_not_depend_on_the_workers(acquisition, tmp_path):
    "One worker and three write the same bytes."
    for workers in (1, 3):
        (tmp_path / str(workers)).mkdir()
        assess(acquisition, tmp_path / str(workers) / "c.csv", workers=workers, min_quality=0.3)
    one, three = ((tmp_path / w / "c.csv").read_bytes() for w in ("1", "3"))
    assert one == three


@pytest.mark.parametrize("change", [{"sample_depth": 1}, {"roi_size": 10}])
def test_flags_have_an_effect(acquisition, tmp_path, change):
    "Fewer slabs, fewer tiles: other scores."
    plain = assess(acquisition, tmp_path / "a.csv")
    other = assess(acquisition, tmp_path / "b.csv", **change)
    assert [r["quality_score"] for r in plain.values()] != [
        r["quality_score"] for r in other.values()
    ]


def test_what_is_wrong_with_the_command_is_said(tmp_path, acquisition):
    "No config to update; no mosaics."
    with pytest.raises(BadValue, match="without the config to update"):
        assess(acquisition, tmp_path / "c.csv", update_existing=True)
    with pytest.raises(MissingFile, match=r"no \*.ome.zarr"):
        assess(tmp_path, tmp_path / "c.csv")


def test_without_a_gpu_a_line_says_so(acquisition, tmp_path, caplog):
    "Whatever is used is logged."
    caplog.set_level("INFO")
    assess(acquisition, tmp_path / "c.csv", use_gpu=True)
    assert "computing on" in caplog.text
