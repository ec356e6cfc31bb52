"""A flag without effect does not exist: each is changed and must be noticed.

Every parameter of linum_reconstruct.py stands in ``TRIES`` or ``WHOLE_RUNS``. A try plans the stage
that takes it as the driver does, runs the command on what a finished run left, into a folder of
its own, and wants other voxels or cells, another error, or a log line that says it. What only
echoes parameters (metrics, diagnostics, histories, pictures) does not count.
"""

import dataclasses
import hashlib
import json
import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr

from linumpy.cli import runtime
from linumpy.core.spacing import Spacing
from linumpy.errors import LinumpyError
from linumpy.io import interval, omezarr, shifts, slice_config, tiles
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.linum_reconstruct import COMMAND
from linumpy.pipeline.state import State
from linumpy.pipeline.steps import STEPS
from tests.laws.test_conformance import names_in
from tests.stories import runs

PROJECT = Path(__file__).parents[2]
FIELDS = {f.name: f for f in dataclasses.fields(COMMAND.params)}
ECHOES = (
    "*_metrics.json",
    "*_diagnostics.json",
    "*_process.json",
    "*_quality.json",
    "rehoming_report.json",
    "*.jsonl",
    "*.done.json",
    "*.png",
)


@dataclass(frozen=True)
class Try:
    """One change of one parameter.

    Parameters
    ----------
    value : object
        As on the command line; ``True`` and ``False`` give ``--x`` and ``--no_x``.
    stage : str
        Where it is looked for.
    beside : sequence
        Further words of the command line, before and after the change.
    prepare : str
        Name of the function that changes the inputs of the stage, before and after the change.
    says : str
        A log line that counts as an effect.
    """

    value: object
    stage: str
    beside: tuple[object, ...] = ()
    prepare: str = ""
    says: str = ""


REFINE = ("--refine_unreliable",)
PERCENTILE = ("--mode", "percentile")
RAS = ("--atlas", "atlas.nii.gz", "--input_orientation", "SAR")
ALL_BAD = ("--z_corr_threshold", 1.0)
TRIES = {
    "stage_sign_x": Try(-1, "estimate_xy_shift"),
    "stage_sign_y": Try(-1, "estimate_xy_shift"),
    "overlap_fraction": Try(0.3, "estimate_xy_shift", prepare="without_positions"),
    "tile_orientation": Try("left_up", "create_mosaic_grid"),
    "on_duplicate": Try("first", "estimate_xy_shift", prepare="found_twice"),
    "legacy_orientation": Try(True, "create_mosaic_grid"),
    "force_orientation": Try(True, "check_orientation", prepare="lying_otherwise"),
    "exclude": Try("02", "generate_slice_config"),
    "exclude_first": Try(2, "generate_slice_config"),
    "detect_calibration": Try(False, "generate_slice_config"),
    "calibration_thickness_ratio": Try(3, "generate_slice_config"),
    "detect_galvo": Try(False, "generate_slice_config"),
    "galvo_confidence_threshold": Try(1, "generate_slice_config"),
    "axial_resolution": Try(9, "create_mosaic_grid"),
    "sharding_factor": Try(2, "create_mosaic_grid"),
    "auto_assess_min_quality": Try(0.85, "assess_slice_quality"),
    "sample_depth": Try(2, "assess_slice_quality"),
    "roi_size": Try(20, "assess_slice_quality"),
    "keep": Try("00", "assess_slice_quality"),
    "use_gpu": Try(False, "process_slice", says="GPU"),
    "max_shift_mm": Try(5, "detect_rehoming"),
    "return_fraction": Try(0.001, "detect_rehoming", prepare="without_images"),
    "tile_fov_tolerance": Try(0, "detect_rehoming", prepare="without_images"),
    "resolution": Try(30, "process_slice"),
    "crop_interface_out_depth": Try(100, "process_slice"),
    "clip_percentile_upper": Try(90, "process_slice"),
    "refine_positions": Try(False, "process_slice"),
    "max_blend_refinement_px": Try(1, "process_slice"),
    "flat_field": Try(False, "process_slice"),
    "axial_profile": Try(False, "process_slice"),
    "attenuation": Try(False, "process_slice"),
    "attenuation_strength": Try(0.3, "process_slice"),
    "excluded_slice_mode": Try("zero", "bring_to_common_space", prepare="without_05"),
    "excluded_slice_window": Try(
        1,
        "bring_to_common_space",
        beside=("--excluded_slice_mode", "local_median"),
        prepare="without_05",
    ),
    "refine_unreliable": Try(True, "bring_to_common_space", prepare="unreliable"),
    "refine_max_discrepancy_px": Try(
        1, "bring_to_common_space", beside=REFINE, prepare="unreliable"
    ),
    "refine_min_correlation": Try(1, "bring_to_common_space", beside=REFINE, prepare="unreliable"),
    "slicing_interval_mm": Try(0.15, "register_pairwise"),
    "leave_gap": Try("03", "interpolate_missing_slice"),
    "method": Try("average", "interpolate_missing_slice"),
    "blend_method": Try("linear", "interpolate_missing_slice"),
    "overlap_search_window": Try(1, "interpolate_missing_slice", prepare="deep_planes_lost"),
    "min_overlap_correlation": Try(1, "interpolate_missing_slice"),
    "reference_slab_size": Try(1, "interpolate_missing_slice"),
    "min_foreground_fraction": Try(1, "interpolate_missing_slice"),
    "min_ncc_improvement": Try(0, "interpolate_missing_slice", beside=("--aligned_ncc", 1)),
    "aligned_ncc": Try(1, "interpolate_missing_slice", beside=("--min_ncc_improvement", 1)),
    "search_range_mm": Try(0.001, "register_pairwise", prepare="two_planes_early"),
    "moving_z_index": Try(2, "register_pairwise"),
    "enable_rotation": Try(False, "register_pairwise"),
    "max_rotation_deg": Try(0.01, "register_pairwise"),
    "max_translation_px": Try(0.1, "register_pairwise"),
    "initial_alignment": Try("none", "register_pairwise"),
    "consecutive_threshold": Try(1, "auto_exclude_slices", beside=ALL_BAD),
    "z_corr_threshold": Try(1, "auto_exclude_slices", beside=("--consecutive_threshold", 1)),
    "manual_transforms": Try("manual.csv", "stack"),
    "auto_excluded": Try("motor_only", "stack", prepare="auto_excluded_05"),
    "confidence_low": Try(1, "stack"),
    "moving_z_first_index": Try(5, "stack"),
    "blend_depth": Try(1, "stack"),
    "mode": Try("percentile", "normalize_z_intensity"),
    "strength": Try(0.5, "normalize_z_intensity"),
    "min_scale": Try(1, "normalize_z_intensity"),
    "max_scale": Try(1, "normalize_z_intensity"),
    "percentile": Try(20, "normalize_z_intensity", beside=PERCENTILE),
    "smooth_sigma": Try(0.5, "normalize_z_intensity", beside=PERCENTILE),
    "tissue_threshold": Try(0.5, "normalize_z_intensity"),
    "pyramid_resolutions": Try(60, "normalize_z_intensity"),
    "atlas": Try("other.nii.gz", "align_to_ras", beside=("--input_orientation", "SAR")),
    "input_orientation": Try("SPL", "align_to_ras", beside=("--atlas", "atlas.nii.gz")),
    "atlas_orientation": Try(
        "SPL", "align_to_ras", beside=("--atlas", "atlas.ome.zarr", "--input_orientation", "SAR")
    ),
    "atlas_spacing_um": Try(
        60, "align_to_ras", beside=("--atlas", "atlas.tif", *RAS[2:], "--atlas_orientation", "SAR")
    ),
    "transform": Try("affine", "align_to_ras", beside=RAS),
}
WHOLE_RUNS = {
    "raw": "the acquisition itself",
    "out": "where everything goes",
    "clean": "test_clean_takes_what_can_be_made_again",
    "more_raw": "test_more_raw_adds_its_slices",
    "subject": "test_the_subject_names_report_and_volume",
    "slices": "test_another_selection_is_refused",
    "slice_config": "test_a_given_config_decides",
    "detect_rehoming": "test_a_switch_turns_its_stage_off",
    "interpolate_missing_slices": "test_a_switch_turns_its_stage_off",
    "auto_exclude_enabled": "test_a_switch_turns_its_stage_off",
    "auto_assess_quality": "test_a_switch_turns_its_stage_off",
    "picture": "test_picture_is_all_that_is_written",
    "verify": "test_verify_reads_everything_again",
}
"""What a whole run, or a start of one, shows; by which test of this file."""
PAGE, GENERATE = "stories/test_feature_page.py", "scripts/test_linum_generate_slice_config.py"
PAGE_FLAGS = {
    "--exclude_first": (GENERATE, "test_exclude_and_calibration_meet"),
    "--detect_calibration": (GENERATE, "test_from_mosaics"),
    "--update_existing": (PAGE, "test_quality_updates_an_existing_config"),
    "--existing_config": (PAGE, "test_quality_updates_an_existing_config"),
    "--min_quality": (PAGE, "test_min_quality_leaves_out_with_its_note"),
    "--use_gpu": (PAGE, "test_use_gpu_is_the_default_and_falls_back"),
    "--report_only": (PAGE, "test_report_only_writes_no_file"),
    "--from_tiles": (GENERATE, "test_from_tiles"),
    "--from_shifts": (GENERATE, "test_from_shifts"),
    "--exclude": (GENERATE, "test_exclude"),
    "--detect_galvo": (GENERATE, "test_galvo_is_stamped_with_its_evidence"),
    "--tiles_dir": (GENERATE, "test_galvo_with_a_shifts_file"),
    "--galvo_threshold": (PAGE, "test_generate_with_a_lower_galvo_threshold"),
    "--slice_config": (PAGE, "test_align_with_a_config_says_who_is_in_and_who_is_out"),
}
"""Flags of the page's commands, and the test that sees each at work."""


@dataclass
class Bench:
    """A finished run, and a place to try things in."""

    raw: Path
    out: Path
    folder: Path
    done: dict[tuple[object, ...], tuple[list[object], str]] = field(default_factory=dict)

    def observe(
        self, one: Try, caplog: pytest.LogCaptureFixture, *change: object
    ) -> tuple[list[object], str]:
        """Return what a stage makes and says with this command line; the same line runs once."""
        key = (one.stage, one.beside, one.prepare, *change)
        if key not in self.done:
            place = self.folder / f"{len(self.done):03d}"
            place.mkdir()
            caplog.clear()
            self.done[key] = (self._observe(one, change, place), caplog.text)
            shutil.rmtree(place)
        return self.done[key]

    def _observe(self, one: Try, change: tuple[object, ...], place: Path) -> list[object]:
        words = [str(w) for w in (self.raw, self.out, *runs.FLAGS, *one.beside, *change)]
        files = {path.name: str(path) for path in self.folder.iterdir() if path.name != "raw"}
        params = COMMAND.parse([files.get(word, word) for word in words])
        step = next(step for step in STEPS if step.stage == one.stage)
        acquisition = tiles.discover(params.raw)
        found = interval.slicing_interval_mm(acquisition, [params.raw])
        record = self.out / "slice_config_final.csv"
        state = State(params, Layout(self.out), acquisition, found, record)
        prepare = PREPARE.get(one.prepare)
        seen: list[object] = []
        for task in step.plan(step, state)[:2]:
            given = _redirected(task.params, self.out, place / task.unit)
            if prepare:
                given = dataclasses.replace(given, **prepare(self, place, given))
            try:
                step.command.run(given, runtime.make_job(step.command, given))
                seen.append(_digest(place / task.unit))
            except LinumpyError as error:
                seen.append(f"{type(error).__name__}: {error}")
        return seen


def _redirected(params: Any, out: Path, place: Path) -> Any:
    """Return the parameters with every path that is not read put below ``place``."""
    place.mkdir(exist_ok=True)
    sources = {name for name, is_source in runtime.roles(type(params)).items() if is_source}
    moved = {
        f.name: place / getattr(params, f.name).name
        for f in dataclasses.fields(params)
        if f.name not in sources and isinstance(getattr(params, f.name), Path)
    }
    return dataclasses.replace(params, **moved)


def _digest(place: Path) -> dict[str, str]:
    found = {}
    for path in sorted(place.rglob("*")):
        if path.is_file() and not any(path.match(pattern) for pattern in ECHOES):
            content = path.read_bytes()
            if path.name == "zarr.json":
                content = json.dumps(_without_ours(json.loads(content))).encode()
            found[str(path.relative_to(place))] = hashlib.sha256(content).hexdigest()
    return found


def _without_ours(metadata: dict[str, Any]) -> dict[str, Any]:
    """Leave out our own attributes: they echo parameters."""
    attributes = metadata.get("attributes", {})
    return metadata | {"attributes": {k: v for k, v in attributes.items() if k != "linumpy"}}


# Situations in which some parameters only count


def _without_05(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    return {"slice_config": _edited(bench, place, "05", {"use": False})}


def _auto_excluded_05(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    return {"slice_config": _edited(bench, place, "05", {"auto_excluded": True})}


def _edited(bench: Bench, place: Path, key: str, values: dict[str, object]) -> Path:
    rows = slice_config.read(bench.out / "slice_config_final.csv")
    slice_config.write(place / "edited.csv", slice_config.stamp(rows, key, values))
    return place / "edited.csv"


def _unreliable(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    """The step to 05 is 0.1 mm wrong, and the file says that it is not reliable."""
    rows = shifts.read(bench.out / "detect_rehoming" / "shifts_xy_clean.csv")
    wrong = [
        dataclasses.replace(row, x_mm=row.x_mm + 0.1, reliable=False) if row.moving == "05" else row
        for row in rows
    ]
    shifts.write(place / "unreliable.csv", wrong)
    return {"in_shifts": place / "unreliable.csv"}


def _without_images(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    """No image is looked at, and one step is 1.02 fields of view."""
    rows = list(shifts.read(bench.out / "shifts_xy.csv"))
    rows[1] = dataclasses.replace(rows[1], x_mm=1.02)
    shifts.write(place / "steps.csv", rows)
    return {"mosaics": None, "in_shifts": place / "steps.csv"}


def _without_positions(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    """Headers without stage x and y: positions come from the tile grid."""
    raw = place.parent / "no_positions"
    if not raw.exists():
        shutil.copytree(bench.raw, raw)
        for path in raw.rglob("info.txt"):
            lines = path.read_text().splitlines()
            kept = [line for line in lines if not line.startswith(("stage_x", "stage_y"))]
            path.write_text("\n".join(kept) + "\n")
    return {"directory": raw}


def _found_twice(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    """Slice 00 lies in a second folder, too."""
    again = place.parent / "again"
    if not again.exists():
        for path in bench.raw.rglob("tile_x*_z00"):
            shutil.copytree(path, again / path.name)
    return {"more_raw": (again,)}


def _lying_otherwise(bench: Bench, place: Path, _given: Any) -> dict[str, object]:
    """The orientation in force is not that of the tiles."""
    found = json.loads((bench.out / "acquisition.json").read_text())
    (place / "lying.json").write_text(json.dumps(found | {"orientation": "left_up"}))
    return {"acquisition": place / "lying.json"}


def _deep_planes_lost(_bench: Bench, place: Path, given: Any) -> dict[str, object]:
    """The deepest two planes of the slice before the gap hold nothing."""
    path = place / given.slice_before.name
    shutil.copytree(given.slice_before, path)
    array = zarr.open_array(path / "0")
    array[-2:] = 0
    return {"slice_before": path}


def _two_planes_early(_bench: Bench, place: Path, given: Any) -> dict[str, object]:
    """The moving slice begins with what the fixed one shows two planes before the cut."""
    path = place / given.in_moving.name
    shutil.copytree(given.in_moving, path)
    fixed = omezarr.read_block(omezarr.open_volume(given.in_fixed))
    zarr.open_array(path / "0")[:5] = fixed[6:11]
    return {"in_moving": path}


PREPARE = {
    "found_twice": _found_twice,
    "two_planes_early": _two_planes_early,
    "deep_planes_lost": _deep_planes_lost,
    "lying_otherwise": _lying_otherwise,
    "without_05": _without_05,
    "auto_excluded_05": _auto_excluded_05,
    "unreliable": _unreliable,
    "without_images": _without_images,
    "without_positions": _without_positions,
}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """A finished run of the page's acquisition, two atlases and a file of manual transforms."""
    folder = tmp_path_factory.mktemp("flags")
    raw, out = folder / "raw", folder / "out"
    runs.write_page_acquisition(raw)
    assert runs.reconstruct(raw, out, *runs.FLAGS) == 0
    tried = folder / "tried"
    tried.mkdir()
    _write_atlases(tried, omezarr.read_block(omezarr.open_volume(out / "3d_volume.ome.zarr")))
    header = "slice_id,dx_um,dy_um,rotation_deg,note\n"
    (tried / "manual.csv").write_text(f"{header}02,60,0,1.5,by hand\n")
    return Bench(raw, out, tried)


def _write_atlases(folder: Path, volume: np.ndarray) -> None:
    import nibabel
    import tifffile

    affine = np.diag([-0.05, 0.05, 0.05, 1.0])  # (x, y, z) of the volume taken as R, A, S
    coarse = volume[::2, ::2, ::2]
    for name, voxels in (("atlas", coarse), ("other", np.roll(coarse, 6, axis=1))):
        image = nibabel.Nifti1Image(voxels.T.copy(), affine)
        image.header.set_xyzt_units("mm")
        nibabel.save(image, folder / f"{name}.nii.gz")
    tifffile.imwrite(folder / "atlas.tif", coarse)
    level = omezarr.Level(coarse.shape, Spacing(0.05, 0.05, 0.05), coarse.shape)
    with omezarr.create(folder / "atlas.ome.zarr", [level]) as new:
        new.array[...] = coarse


def test_every_parameter_of_the_run_is_in_a_table():
    "A new flag must say how it is noticed."
    assert set(TRIES) | set(WHOLE_RUNS) == set(FIELDS)
    assert not set(TRIES) & set(WHOLE_RUNS)


def test_every_flag_of_the_page_is_seen_at_work():
    "By a test that exists."
    for flag, (path, name) in PAGE_FLAGS.items():
        assert name in names_in(PROJECT / "tests" / path), flag


@pytest.mark.story
@pytest.mark.parametrize("name", sorted(TRIES))
def test_every_parameter_of_the_run_has_an_effect(name, bench, caplog):
    "Other voxels or cells, another error, no product any more, or a log line that says it."
    one = TRIES[name]
    caplog.set_level(logging.INFO)
    before, said_before = bench.observe(one, caplog)
    flag = f"--no_{name}" if one.value is False else f"--{name}"
    words = () if isinstance(one.value, bool) else (one.value,)
    after, said_after = bench.observe(one, caplog, flag, *words)
    assert any(isinstance(part, dict) for part in (*before, *after)), f"nothing works: {before}"
    is_said = one.says and (one.says in said_after) != (one.says in said_before)
    assert after != before or is_said or f"--{name}" in said_after, f"--{name} has no effect"


# What only a whole run shows


@pytest.mark.story
def test_another_selection_is_refused(bench, capsys):
    "--slices into this OUT: exit code 2, and nothing is touched."
    before = (bench.out / "slice_config_final.csv").read_bytes()
    assert runs.reconstruct(bench.raw, bench.out, *runs.FLAGS, "--slices", "01-02") == 2
    assert "--slices selects" in capsys.readouterr().err
    assert (bench.out / "slice_config_final.csv").read_bytes() == before


@pytest.mark.story
def test_more_raw_adds_its_slices(bench, tmp_path, capsys):
    "Slice 20, in a folder of its own, is part of the acquisition."
    for path in bench.raw.rglob("tile_x*_z00"):
        shutil.copytree(path, tmp_path / path.name.replace("_z00", "_z20"))
    argv = (bench.raw, tmp_path / "out", *runs.FLAGS, "--check")
    assert runs.reconstruct(*argv, "--more_raw", tmp_path) == 2  # OUT must not lie in it
    argv = (bench.raw, bench.out, *argv[2:])
    assert runs.reconstruct(*argv, "--more_raw", tmp_path, "--slicing_interval_mm", 0.2) == 0
    assert "slice 20" in capsys.readouterr().out


@pytest.mark.story
def test_the_subject_names_report_and_volume(bench):
    "--subject: in the heading of the page and in the volume; what was measured stands."
    named = (*runs.FLAGS, "--subject", "sub-22")
    assert runs.reconstruct(bench.raw, bench.out, *named) == 0
    told = json.loads((bench.out / "run.json").read_text())
    redone = {one["stage"] for one in told["stages"] if one["status"] != "current"}
    assert redone == {"normalize_z_intensity"}
    assert told["subject"] == "sub-22"
    assert "<h1>sub-22 · Pipeline Quality Report</h1>" in (
        bench.out / "quality_report.html"
    ).read_text("utf-8")
    volume = omezarr.open_volume(bench.out / "3d_volume.ome.zarr")
    assert volume.attributes["provenance"]["subject"] == "sub-22"


@pytest.mark.story
def test_clean_takes_what_can_be_made_again(bench, tmp_path):
    "The stack goes, the volume stays; stories/test_driver_clean.py has the rest."
    out = shutil.copytree(bench.out, tmp_path / "out")
    assert runs.reconstruct(out, "--clean") == 0
    assert not (out / "stack" / "stack.ome.zarr").exists()
    assert (out / "3d_volume.ome.zarr").exists()


@pytest.mark.story
def test_a_given_config_decides(bench, tmp_path, capsys):
    "--slice_config with no slice in use ends with 2 and names the column."
    given = tmp_path / "none.csv"
    given.write_text("slice_id,use\n" + "".join(f"{i:02d},false\n" for i in range(7)))
    argv = (*runs.FLAGS, "--slice_config", given)
    assert runs.reconstruct(bench.raw, tmp_path / "out", *argv) == 2
    assert "use=true" in capsys.readouterr().err


@pytest.mark.story
def test_a_switch_turns_its_stage_off(bench, tmp_path):
    "Each stage that is off is named in the log with its flag, and none of its columns is stamped."
    shutil.copytree(bench.out, tmp_path / "out")
    flags = [word for word in runs.FLAGS if word != "--auto_assess_quality"]
    off = ("--no_detect_rehoming", "--no_interpolate_missing_slices", "--no_auto_exclude_enabled")
    assert runs.reconstruct(bench.raw, tmp_path / "out", *flags, *off) == 0
    said = (tmp_path / "out" / "linumpy.log").read_text()
    said = said[len((bench.out / "linumpy.log").read_text()) :]
    for name in (*(flag.removeprefix("--no_") for flag in off), "auto_assess_quality"):
        assert f"off (--{name})" in said
    rows = slice_config.read(tmp_path / "out" / "slice_config_final.csv")
    assert all(row["quality_score"] is None for row in rows.values())
    assert not any(row["rehomed"] or row["interpolated"] for row in rows.values())


@pytest.mark.story
def test_picture_is_all_that_is_written(bench, tmp_path, capsys):
    "--check --picture makes OUT/preview.png; the run then takes that OUT; without --check: 2."
    out = tmp_path / "out"
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS, "--check", "--picture") == 0
    assert [path.name for path in out.rglob("*")] == ["preview.png"]
    assert (out / "preview.png").read_bytes().startswith(b"\x89PNG")
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS, "--check") == 0
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS, "--picture") == 2
    assert "--picture goes with --check" in capsys.readouterr().err


@pytest.mark.story
def test_verify_reads_everything_again(bench, tmp_path):
    "A product that is not what its record says is trusted by its stat, and found by --verify."
    out = tmp_path / "out"
    shutil.copytree(bench.out, out)
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS) == 0
    record = out / ".linumpy" / "done" / "normalize_z_intensity" / "all.json"
    done = json.loads(record.read_text())
    path = next(iter(done["outputs"]))
    done["outputs"][path] = [
        "0" * 64 if isinstance(part, str) else part for part in done["outputs"][path]
    ]
    record.write_text(json.dumps(done))
    log = out / "linumpy.log"
    before = len(log.read_text())
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS) == 0
    trusted = len(log.read_text())
    assert "normalize_z_intensity: 0 of 1 done now" in log.read_text()[before:trusted]
    assert runs.reconstruct(bench.raw, out, *runs.FLAGS, "--verify") == 0
    assert "normalize_z_intensity: 1 of 1 done now" in log.read_text()[trusted:]
