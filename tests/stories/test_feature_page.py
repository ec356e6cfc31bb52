"""Lines of the feature page that no other test shows; docs/conformance.md names which.

Every command line of the page runs here, in process, on an acquisition of 1 MB.
"""

import ast
import json
import logging
import re
from pathlib import Path

import numpy as np
import pytest

import linumpy
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io import diagnostics, history, omezarr, shifts, slice_config
from linumpy.preproc import galvo_score, xyzcorr
from linumpy.scripts import (
    linum_align_mosaics_3d_from_shifts,
    linum_assess_slice_quality,
    linum_auto_exclude_slices,
    linum_create_mosaic_grid_3d,
    linum_detect_rehoming,
    linum_estimate_global_transform,
    linum_estimate_xy_shift_from_metadata,
    linum_generate_slice_config,
    linum_interpolate_missing_slice,
    linum_stack_slices_motor,
)
from tests.stack import slabs

ROOT = Path(linumpy.__file__).parent
PAGE_SHIFTS = (
    "fixed_id,moving_id,x_shift,y_shift,x_shift_mm,y_shift_mm\n"
    "0,1,10,5,0.01,0.005\n1,2,8,3,0.008,0.003\n2,3,12,7,0.012,0.007\n"
)


def call(command, *argv):
    """Run a command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as end:
        command.COMMAND.main([str(part) for part in argv])
    return end.value.code


@pytest.fixture(scope="session")
def made(tiny_acquisition, tmp_path_factory):
    """shifts_xy.csv, slice_config.csv and mosaics of the tiny acquisition, by the commands."""
    folder = tmp_path_factory.mktemp("page")
    raw, generated = tiny_acquisition.raw, folder / "slice_config.csv"
    assert call(linum_estimate_xy_shift_from_metadata, raw, folder / "shifts_xy.csv") == 0
    flags = ("--from_tiles", "--detect_galvo", "--exclude_first", 0)
    assert call(linum_generate_slice_config, raw, generated, *flags) == 0
    (folder / "mosaics").mkdir()
    for number in range(4):
        out = folder / "mosaics" / f"mosaic_grid_3d_z{number:02d}.ome.zarr"
        flags = ("--from_root_directory", raw, "--slice", number, "--axial_resolution", 10)
        assert call(linum_create_mosaic_grid_3d, out, *flags, "--slice_config", generated) == 0
    return folder


@pytest.fixture
def page_shifts(tmp_path):
    path = tmp_path / "shifts_xy.csv"
    path.write_text(PAGE_SHIFTS)
    return path


@pytest.fixture
def slices(tmp_path):
    """Slices 00 to 03 on one canvas, and their shifts."""
    folder = tmp_path / "inputs"
    folder.mkdir()
    brain = slabs.anatomy(shape=(24, 40, 44))
    for number in range(4):
        slabs.write_slice(folder, number, slabs.cut(brain, number))
    slabs.write_shifts(tmp_path / "shifts_xy.csv", dict.fromkeys(range(4), (0, 0)))
    return folder


def write_config(path, **uses):
    """Write a record of z00 … with the ``use`` of each."""
    rows = [slice_config.new_row(key.removeprefix("z"), use=use) for key, use in uses.items()]
    slice_config.write(path, {row["slice_id"]: row for row in rows})
    return path


# The record


OTHER_TABLES = {
    "io/table.py": "takes tables apart for io.slice_config and io.shifts",
    "io/lenient.py": "the report shows what can be read of a record that is refused",
    "scripts/process_slice_products.py": "writes a table of tiles, no record",
    "cli/failure.py": "writes one fragment of a failed slice; cli stands above io",
}


def test_only_one_module_parses_records():
    "All reads and writes of a record go through io.slice_config: nothing else takes CSV apart."
    for path in ROOT.rglob("*.py"):
        names = set()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
        found = names & {"csv", "pandas"}
        assert not found or path.relative_to(ROOT).as_posix() in OTHER_TABLES, path


WRITERS = {
    "use": {linum_generate_slice_config, linum_assess_slice_quality},
    "quality_score": {linum_assess_slice_quality},
    "galvo_confidence": {linum_generate_slice_config},
    "galvo_fix": {linum_generate_slice_config},
    "rehomed": {linum_detect_rehoming},
    "rehoming_reliable": {linum_detect_rehoming},
    "auto_excluded": {linum_auto_exclude_slices},
    "auto_exclude_reason": {linum_auto_exclude_slices},
    "interpolated": {linum_interpolate_missing_slice},
    "interpolation_failed": {linum_interpolate_missing_slice},
    "interpolation_method_used": {linum_interpolate_missing_slice},
    "interpolation_fallback_reason": {linum_interpolate_missing_slice},
}
STAGES = set().union(*WRITERS.values())


@pytest.mark.parametrize("column", sorted(WRITERS))
def test_a_column_is_stamped_by_the_commands_of_the_page(column):
    "By these, and by no other stage."
    assert {stage for stage in STAGES if column in stage.COMMAND.stamps} == WRITERS[column]


@pytest.mark.parametrize("stage", sorted(STAGES, key=lambda one: one.__name__))
def test_no_command_stamps_a_raw_metric(stage):
    "What a stage may stamp are columns of the schema; ssim_mean and the like are none."
    assert set(stage.COMMAND.stamps) <= set(slice_config.CANONICAL_COLUMNS)


def test_no_file_is_locked_in_slice_config():
    "The record needs no lock: its module imports none, and says why."
    source = (ROOT / "io" / "slice_config.py").read_text("utf-8")
    assert not re.search(r"fcntl|msvcrt|filelock|flock", source)
    assert "Concurrency: the file is never written by two at a time" in slice_config.__doc__
    assert "not by locks" in slice_config.__doc__


@pytest.mark.parametrize(
    "text", ["true", "1", "yes", "TRUE", " Yes ", "false", "0", "no", "False", "NO"]
)
def test_booleans_of_the_page(tmp_path, text):
    "true, 1, yes and false, 0, no are read, in use and in every other boolean column."
    path, back = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text(f"slice_id,use,galvo_fix\n00,{text},{text}\n")
    rows = slice_config.read(path)
    wanted = text.strip().lower() in ("true", "1", "yes")
    assert rows["00"]["use"] is wanted
    assert rows["00"]["galvo_fix"] is wanted
    slice_config.write(back, rows)
    assert back.read_text().splitlines()[1].startswith(f"00,{str(wanted).lower()},")


def test_stamping_never_touches_the_file(tmp_path):
    "stamp and merge_fragments work on rows; only write makes a file, and a new one."
    path = write_config(tmp_path / "in.csv", z03=True)
    before = path.read_bytes()
    (tmp_path / "slice_z03_manifest.csv").write_text("slice_id,interpolated\n03,true\n")
    rows = slice_config.read(path)
    rows = slice_config.stamp(rows, "03", {"rehomed": True})
    rows = slice_config.merge_fragments(rows, tmp_path)
    slice_config.write(tmp_path / "out.csv", rows)
    assert path.read_bytes() == before
    assert slice_config.read(tmp_path / "out.csv")["03"]["interpolated"] is True


@pytest.mark.parametrize(
    ("command", "argv"),
    [
        (linum_detect_rehoming, "{shifts} {x}/s.csv --slice_config_in {c} --slice_config_out {c}"),
        (linum_auto_exclude_slices, "{pairs} {c} {c}"),
        (
            linum_assess_slice_quality,
            "{mosaics} {c} --update_existing --existing_config {c}",
        ),
    ],
)
def test_no_stage_updates_in_place(made, tmp_path, command, argv):
    "A stage that stamps refuses its input as its output, also with --overwrite."
    (tmp_path / "pairs").mkdir()
    config = write_config(tmp_path / "c.csv", z00=True, z01=True, z02=True, z03=True)
    before = config.read_bytes()
    line = argv.format(
        shifts=made / "shifts_xy.csv", mosaics=made / "mosaics", c=config, x=tmp_path,
        pairs=tmp_path / "pairs",
    )  # fmt: skip
    assert call(command, *line.split(), "--overwrite") == 2
    assert config.read_bytes() == before


# Quality


@pytest.fixture
def assess(made, tmp_path):
    """Call linum_assess_slice_quality.py as on the page; return the code and the rows."""

    def run(*flags, out="slice_config.csv"):
        path = tmp_path / out
        code = call(linum_assess_slice_quality, made / "mosaics", path, *flags)
        return code, slice_config.read(path) if path.exists() else None

    return run


def test_quality_excludes_the_first_slice_by_default(assess):
    "The page's first command: scores for all, the calibration slice left out and noted."
    code, rows = assess()
    assert code == 0
    assert [row["use"] for row in rows.values()] == [False, True, True, True]
    assert rows["00"]["notes"] == "calibration_slice"
    assert all(0 <= row["quality_score"] <= 1 for row in rows.values())


def test_quality_fills_only_canonical_columns(assess, tmp_path):
    "Its file has the canonical columns; the raw numbers are in a JSON file per slice."
    assess()
    header = (tmp_path / "slice_config.csv").read_text().splitlines()[0]
    assert tuple(header.split(",")) == slice_config.CANONICAL_COLUMNS
    found = json.loads((tmp_path / "slice_quality" / "slice_z01_quality.json").read_text())
    assert {"ssim", "edge", "variance"} <= set(json.dumps(found).replace('"', " ").split())


def test_quality_updates_an_existing_config(assess, tmp_path):
    "--update_existing --existing_config keeps rows, columns, notes, and use=false."
    existing = write_config(tmp_path / "existing.csv", z00=True, z01=True, z02=False, z03=True)
    rows = slice_config.read(existing)
    stamped = {"galvo_confidence": 0.5, "notes": "torn", "extra": "kept"}
    slice_config.write(existing, slice_config.stamp(rows, "02", stamped))
    code, rows = assess("--update_existing", "--existing_config", existing)
    assert code == 0
    assert rows["02"]["use"] is False
    assert rows["02"]["notes"] == "torn"
    assert rows["02"]["galvo_confidence"] == 0.5
    assert rows["02"]["extra"] == "kept"
    assert rows["02"]["quality_score"] is not None


def test_min_quality_leaves_out_with_its_note(assess):
    "--min_quality 0.3 leaves out what scores less, noted low_quality (quality_score<0.3)."
    _, scores = assess("--exclude_first", 0, out="scores.csv")
    limit = max(row["quality_score"] for row in scores.values())
    _, rows = assess("--min_quality", limit, "--exclude_first", 0)
    low = [key for key, row in scores.items() if row["quality_score"] < limit]
    assert low
    for key in low:
        assert rows[key]["use"] is False
        assert f"low_quality (quality_score<{limit:g})" in rows[key]["notes"]


def test_use_gpu_is_the_default_and_falls_back(assess, tmp_path, caplog):
    "--use_gpu is on; without a GPU a line says so; --no-use_gpu gives the same record."
    assert linum_assess_slice_quality.Params.use_gpu is True
    caplog.set_level(logging.INFO)
    assess("--use_gpu")
    assert "GPU" in caplog.text
    assess("--no-use_gpu", out="cpu.csv")
    one, two = (tmp_path / name for name in ("slice_config.csv", "cpu.csv"))
    assert one.read_bytes() == two.read_bytes()


def test_report_only_writes_no_file(assess, tmp_path, capsys):
    "--report_only prints the table and leaves nothing."
    code, rows = assess("--report_only")
    assert code == 0
    assert rows is None
    assert list(tmp_path.iterdir()) == []
    assert "quality" in capsys.readouterr().out


def test_scores_have_three_decimals(assess, tmp_path):
    "A score is written as 0.812: three decimals."
    assess()
    for line in (tmp_path / "slice_config.csv").read_text().splitlines()[1:]:
        assert re.fullmatch(r"[01]\.\d{3}", line.split(",")[2])


# Galvo


def banded(*, level, texture=8.0, n_extra=40, start=150, seed=0):
    """An AIP of 440 A-lines of texture around 100 with a band of another level."""
    rng = np.random.default_rng(seed)
    aip = 100 + texture * rng.standard_normal((440, 64))
    aip[start : start + n_extra] *= level
    return aip.astype(np.float32)


@pytest.mark.parametrize("level", [0.6, 1.5], ids=["darker", "brighter"])
def test_a_return_is_found_whether_darker_or_brighter(level):
    "The discontinuity counts, not its direction: both bands are found at their place."
    shift, confidence = xyzcorr.detect_galvo_shift(banded(level=level), 40)
    assert shift == (440 - 150 - 40) % 440
    assert confidence >= 0.6


def test_the_shift_brings_the_band_to_the_end():
    "Rolling by the shift that was found puts the band behind the last A-line of the image."
    tile = np.repeat(banded(level=0.5)[np.newaxis], 3, axis=0)
    shift, _ = xyzcorr.detect_galvo_shift(tile.mean(axis=0), 40)
    fixed = xyzcorr.fix_galvo_shift(tile, shift)
    assert fixed[:, 400:].mean() < 0.6 * fixed[:, :400].mean()
    np.testing.assert_array_equal(np.roll(tile, shift, axis=1), fixed)


def test_an_even_acquisition_needs_no_fix():
    "Without a misplaced band the confidence stays under 0.6 and nothing is applied."
    for seed in range(5):
        aip = banded(level=0.6, start=400, seed=seed)
        shift, confidence = xyzcorr.detect_galvo_for_slice([aip[np.newaxis]] * 3, 40)
        assert confidence < 0.6
        assert shift == 0


def test_weights_and_limits_of_the_score():
    "0.5 contrast + 0.3 sharpness + 0.2 anomaly; 15 % is full contrast; z above 1.5 is anomalous."
    weights = (galvo_score.CONTRAST, galvo_score.SHARPNESS, galvo_score.ANOMALY)
    assert weights == (0.50, 0.30, 0.20)
    assert galvo_score.GalvoTerms(1.0, 0.5, 0.25).score == pytest.approx(0.5 + 0.15 + 0.05)
    given = {"outside": 100.0, "edge": 0.0, "typical_gradient": 1.0, "deviation": 10.0}
    assert galvo_score.terms_of(inside=85.0, **given).contrast == pytest.approx(1.0)
    assert galvo_score.terms_of(inside=92.5, **given).contrast == pytest.approx(0.5)
    assert galvo_score.terms_of(inside=85.0, **given).anomaly == 0.0
    assert galvo_score.terms_of(inside=83.0, **given).anomaly > 0.0


def test_contrast_is_the_absolute_relative_difference():
    "abs(image − return) / image: a return 10 % darker and one 10 % brighter score alike."
    given = {"outside": 100.0, "edge": 0.0, "typical_gradient": 1.0, "deviation": 5.0}
    darker, brighter = (galvo_score.terms_of(inside=value, **given) for value in (90.0, 110.0))
    assert darker == brighter


def test_sharpness_compares_the_border_with_usual_gradients():
    "The same border counts less where the whole image is as steep."
    given = {"outside": 100.0, "inside": 90.0, "edge": 6.0, "deviation": 5.0}
    calm = galvo_score.terms_of(typical_gradient=1.0, **given)
    rough = galvo_score.terms_of(typical_gradient=6.0, **given)
    assert calm.sharpness > rough.sharpness > 0


def dim_and_bright(n_dim, n_bright):
    dim = np.full((2, 440, 16), 5.0, np.float32)
    bright = [banded(level=0.5, seed=i)[np.newaxis, :, :16] for i in range(n_bright)]
    return [dim] * n_dim + bright


def test_background_tiles_are_skipped():
    "Tiles with a mean below 20 are background and not among those that are used."
    found = xyzcorr.measure_galvo(dim_and_bright(20, 6), 40)
    assert min(found.tiles) >= 20
    assert not found.are_brightest


def test_up_to_three_times_n_samples_are_looked_at():
    "n_samples=5 takes at most 15 tiles, n_samples=2 at most 6."
    tiles = dim_and_bright(0, 30)
    assert len(xyzcorr.measure_galvo(tiles, 40).tiles) == 15
    assert len(xyzcorr.measure_galvo(tiles, 40, n_samples=2).tiles) == 6


def test_min_intensity_is_a_parameter():
    "With min_intensity=1 dim tiles are used too."
    tiles = dim_and_bright(6, 6)
    assert min(xyzcorr.measure_galvo(tiles, 40, min_intensity=1.0).tiles) == 0


def test_below_the_threshold_the_shift_is_zero():
    "threshold decides whether a shift is returned; the confidence is returned either way."
    tiles = [banded(level=0.5)[np.newaxis]] * 3
    shift, confidence = xyzcorr.detect_galvo_for_slice(tiles, 40, threshold=0.6)
    assert shift > 0
    assert xyzcorr.detect_galvo_for_slice(tiles, 40, threshold=1.0) == (0, confidence)


def test_one_decision_per_slice_and_the_mosaic_follows_it(made):
    "The record says galvo_fix for slice 01 alone; its mosaic, and no other, was rolled by that."
    rows = slice_config.read(made / "slice_config.csv")
    assert [key for key, row in rows.items() if row["galvo_fix"]] == ["01"]
    for key in rows:
        path = made / "mosaics" / f"mosaic_grid_3d_z{key}.ome.zarr"
        evidence = json.loads((made / "galvo" / f"slice_z{key}_galvo.json").read_text())
        applied = omezarr.open_volume(path).attributes["galvo_shift_px"]
        assert applied == (evidence["shift_px"] if key == "01" else 0)
    assert [(row["galvo_confidence"] or 0) >= 0.6 for row in rows.values()] == [
        bool(row["galvo_fix"]) for row in rows.values()
    ]


def test_galvo_works_on_raw_tiles_one_at_a_time(tiny_acquisition):
    "Detection opens single raw tiles, never a mosaic: a lazy sequence is enough."
    from linumpy.io import tiles

    raw = tiles.discover(tiny_acquisition.raw).slices[SliceId(1)]
    shift, confidence = xyzcorr.detect_galvo_for_slice(
        tiles.PixelSequence(raw.tiles), n_extra=6, threshold=0.6, n_samples=5, min_intensity=20.0
    )
    assert confidence >= 0.6
    assert shift == 11


# The commands of the page, one by one


def test_generate_from_mosaics_shifts_and_tiles_agree(made, tiny_acquisition, tmp_path):
    "The three forms of the page give the same slices."
    found = []
    for name, given, flags in (
        ("a", made / "mosaics", ()),
        ("b", tiny_acquisition.raw, ("--from_tiles",)),
        ("c", made / "shifts_xy.csv", ("--from_shifts",)),
    ):
        assert call(linum_generate_slice_config, given, tmp_path / f"{name}.csv", *flags) == 0
        rows = slice_config.read(tmp_path / f"{name}.csv")
        found.append({key: (row["use"], row["notes"]) for key, row in rows.items()})
    assert found[0] == found[1] == found[2]
    assert found[0]["00"] == (False, "calibration_slice")


def test_generate_with_a_lower_galvo_threshold(tiny_acquisition, tmp_path):
    "--galvo_threshold moves the confidence from which the fix is applied."
    flags = ("--from_tiles", "--detect_galvo", "--exclude_first", 0)
    for name, threshold in (("low", 0.0), ("high", 1.0)):
        out = (tmp_path / f"{name}.csv", "--galvo_dir", tmp_path / name)
        argv = (*out, *flags, "--galvo_threshold", threshold)
        assert call(linum_generate_slice_config, tiny_acquisition.raw, *argv) == 0
    low, high = (slice_config.read(tmp_path / f"{name}.csv") for name in ("low", "high"))
    assert all(row["galvo_fix"] for row in low.values())
    assert not any(row["galvo_fix"] for row in high.values())


def test_generate_help_exits_0(capsys):
    "--help of the page's first test line."
    assert call(linum_generate_slice_config, "--help") == 0
    assert "--exclude_first" in capsys.readouterr().out


def test_exclude_1_2_of_the_page(page_shifts, tmp_path):
    "--from_shifts --exclude 1 2 leaves out exactly these, beside the calibration slice."
    out = tmp_path / "test_config.csv"
    assert (
        call(
            linum_generate_slice_config, page_shifts, out, *["--from_shifts", "--exclude", "1", "2"]
        )
        == 0
    )
    rows = slice_config.read(out)
    assert [key for key, row in rows.items() if not row["use"]] == ["00", "01", "02"]


def test_align_without_a_config_uses_every_slice(slices, tmp_path):
    "The backward compatible form: all slices come out."
    argv = (slices, tmp_path / "shifts_xy.csv", tmp_path / "out")
    assert call(linum_align_mosaics_3d_from_shifts, *argv) == 0
    assert len(list((tmp_path / "out").glob("*.ome.zarr"))) == 4


def test_align_with_a_config_says_who_is_in_and_who_is_out(slices, tmp_path, caplog):
    "--slice_config leaves out use=false; the log names the slices included and excluded."
    caplog.set_level(logging.INFO)
    config = write_config(tmp_path / "c.csv", z00=True, z01=True, z02=False, z03=True)
    argv = (slices, tmp_path / "shifts_xy.csv", tmp_path / "out", "--slice_config", config)
    assert call(linum_align_mosaics_3d_from_shifts, *argv) == 0
    names = {path.name[:9] for path in (tmp_path / "out").glob("*.ome.zarr")}
    assert names == {"slice_z00", "slice_z01", "slice_z03"}
    assert re.search(r"(left out|excluded)[^\n]*02", caplog.text)
    assert re.search(r"(use|included)[^\n]*00[^\n]*01[^\n]*03", caplog.text)


def test_malformed_config_is_reported_with_its_line(slices, tmp_path, capsys):
    "A parse error names file, line and column; exit code 2, nothing written."
    config = tmp_path / "c.csv"
    config.write_text("slice_id,use\n00,true\n01,maybe\n")
    argv = (slices, tmp_path / "shifts_xy.csv", tmp_path / "out", "--slice_config", config)
    assert call(linum_align_mosaics_3d_from_shifts, *argv) == 2
    assert "c.csv line 3: use='maybe'" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_empty_selection_is_an_error(slices, tmp_path, capsys):
    "When filtering leaves nothing the command ends with 2 and says what to do."
    config = write_config(tmp_path / "c.csv", z00=False, z01=False, z02=False, z03=False)
    for command, out in (
        (linum_align_mosaics_3d_from_shifts, "out"),
        (linum_stack_slices_motor, "s.ome.zarr"),
    ):
        argv = (slices, tmp_path / "shifts_xy.csv", tmp_path / out, "--slice_config", config)
        assert call(command, *argv) == 2
        assert "no slice is left" in capsys.readouterr().err


def test_the_global_transform_filters_by_the_record(made, tmp_path):
    "linum_estimate_global_transform.py uses filter_slices_to_use on the config it is given."
    config = write_config(tmp_path / "c.csv", z00=False, z01=True, z02=True, z03=False)
    numbers = tmp_path / "d.json"
    argv = (
        made / "mosaics",
        tmp_path / "t.npy",
        "--slice_config",
        config,
        "--diagnostics_json",
        numbers,
    )
    assert call(linum_estimate_global_transform, *argv) == 0
    found = json.loads(numbers.read_text())
    assert [one["slice_id"] for one in found["per_slice_stats"]] == ["01", "02"]


# The stages that stamp


def rehoming(tmp_path, *steps):
    """Run linum_detect_rehoming.py on steps (dx, dy) in mm; return rows of the record."""
    pairs = [
        Shift(SliceId(i), SliceId(i + 1), 1000 * x, 1000 * y, x, y)
        for i, (x, y) in enumerate(steps)
    ]
    shifts.write(tmp_path / "shifts_xy.csv", pairs)
    uses = {f"z{i:02d}": True for i in range(len(steps) + 1)}
    config = write_config(tmp_path / "c.csv", **uses)
    argv = (tmp_path / "shifts_xy.csv", tmp_path / "clean.csv", "--tile_fov_mm", 0.8)
    stamped = ("--slice_config_in", config, "--slice_config_out", tmp_path / "o.csv")
    assert call(linum_detect_rehoming, *argv, *stamped) == 0
    return slice_config.read(tmp_path / "o.csv")


def test_rehomed_says_that_a_transition_was_corrected(tmp_path):
    "A step of N × tile_fov_mm and a glitch that returns are flagged; other slices read false."
    rows = rehoming(
        tmp_path,
        (0.01, 0),
        (1.61, 0),
        (0.01, 0),
        (0.01, 0.01),
        (0.61, -0.5),
        (-0.6, 0.5),
        (0.01, 0),
    )
    assert [key for key, row in rows.items() if row["rehomed"]] == ["02", "05", "06"]
    assert rows["01"]["rehomed"] is False


def test_rehoming_reliable_says_whether_the_step_is_within_bounds(tmp_path):
    "A step above max_shift_mm that no pattern explains stays and is not reliable."
    rows = rehoming(tmp_path, (0.01, 0), (0.55, 0.1), (0.01, 0))
    assert rows["02"]["rehomed"] is False
    assert rows["02"]["rehoming_reliable"] is False
    assert rows["01"]["rehoming_reliable"] is True
    assert rows["00"]["rehoming_reliable"] is None


def write_pairings(folder, correlations):
    for moving, value in correlations.items():
        place = folder / f"slice_z{moving:02d}_normalize"
        place.mkdir(parents=True)
        metrics = diagnostics.Metrics("pairwise_registration")
        metrics.info("fixed_volume", f"slice_z{moving - 1:02d}_normalize.ome.zarr")
        metrics.info("z_correlation", value)
        diagnostics.write_metrics(place / "pairwise_registration_metrics.json", metrics)


def test_a_noisy_cluster_is_auto_excluded_with_its_reason(tmp_path):
    "Three bad pairs in a row are stamped noisy cluster (3 consecutive); others read false."
    write_pairings(tmp_path / "pairs", {1: 0.9, 2: 0.1, 3: 0.2, 4: 0.1, 5: 0.9})
    config = write_config(tmp_path / "c.csv", **{f"z{i:02d}": True for i in range(6)})
    assert call(linum_auto_exclude_slices, tmp_path / "pairs", config, tmp_path / "o.csv") == 0
    rows = slice_config.read(tmp_path / "o.csv")
    assert [key for key, row in rows.items() if row["auto_excluded"]] == ["02", "03", "04"]
    assert rows["03"]["auto_exclude_reason"] == "noisy cluster (3 consecutive)"
    assert rows["05"]["auto_exclude_reason"] == ""
    assert rows["03"]["use"] is True, "use stays: filter_slices_to_use respects auto_excluded"


def test_there_is_no_auto_exclude_csv(tmp_path):
    "Auto-exclusion leaves its record and its metrics, no side file of another format."
    write_pairings(tmp_path / "pairs", {1: 0.1, 2: 0.1, 3: 0.1})
    config = write_config(tmp_path / "c.csv", **{f"z{i:02d}": True for i in range(4)})
    call(linum_auto_exclude_slices, tmp_path / "pairs", config, tmp_path / "out" / "o.csv")
    tables = {path.name for path in tmp_path.rglob("*.csv")}
    assert tables == {"c.csv", "o.csv"}


def test_each_stage_reads_one_version_and_writes_the_next(made, tmp_path):
    "The record flows: generated → quality → rehoming → auto-exclusion, each with all before it."
    first, second, third, fourth = (tmp_path / f"{i}.csv" for i in range(4))
    first.write_bytes((made / "slice_config.csv").read_bytes())
    argv = (made / "mosaics", second, "--update_existing", "--existing_config", first)
    assert call(linum_assess_slice_quality, *argv) == 0
    argv = (made / "shifts_xy.csv", tmp_path / "s.csv")
    stamped = ("--slice_config_in", second, "--slice_config_out", third)
    assert call(linum_detect_rehoming, *argv, *stamped) == 0
    write_pairings(tmp_path / "pairs", {1: 0.9, 2: 0.9, 3: 0.9})
    assert call(linum_auto_exclude_slices, tmp_path / "pairs", third, fourth) == 0
    row = slice_config.read(fourth)["01"]
    assert row["galvo_fix"] is True
    assert row["quality_score"] is not None
    assert row["rehoming_reliable"] is not None
    assert row["auto_excluded"] is False
    assert first.read_bytes() == (made / "slice_config.csv").read_bytes()
    commands = {change.command for change in history.read(fourth)}
    assert {"linum_assess_slice_quality.py", "linum_detect_rehoming.py"} <= commands


# Troubleshooting


@pytest.mark.parametrize(
    "advice",
    [
        "`galvo_fix=true`, and bands are still visible",
        "Low confidence for all slices",
        "mean intensity of at least 20",
        "3 × `n_samples` candidates",
        "nothing is detected a second time",
        "the tissue is very even",
        "`n_extra` is not the real size of the galvo return",
        "from linumpy.preproc.xyzcorr import detect_galvo_for_slice",
    ],
)
def test_troubleshooting_holds_the_advice_of_the_page(advice):
    "By symptom, each cause of the page with what to do."
    page = (ROOT.parent / "docs" / "troubleshooting.md").read_text("utf-8")
    assert advice in " ".join(page.split())
