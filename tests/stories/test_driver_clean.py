"""--clean frees the disk; what depends on nothing that changed is not done again (issue: disk)."""

import json
import os
import shutil
from dataclasses import replace
from types import SimpleNamespace

import pytest

from linumpy.core.slice_id import SliceId
from linumpy.io import atomic
from linumpy.pipeline import clean, restore
from linumpy.pipeline.layout import Layout
from linumpy.report import gallery
from tests.stories import runs
from tests.stories.driver_runs import Run, flip_byte

pytestmark = pytest.mark.story
KEPT_SUFFIXES = {".csv", ".json", ".jsonl", ".png", ".tfm", ".txt", ".html", ".log"}
STRENGTH = ("--strength", 0.5)
TO_STACK = (
    {f"{stage} z{i:02d}" for stage in ("create_mosaic_grid", "process_slice") for i in range(4)}
    | {"bring_to_common_space", "stack"}
)  # fmt: skip


def clear(run, *more):
    """Give OUT --clean; return its exit code."""
    return runs.reconstruct(run.out, "--clean", *more)


def held(folder):
    """Return every file below a folder and its bytes."""
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def is_volume(path):
    return any(part.endswith(".ome.zarr") for part in path.parts)


@pytest.fixture
def cleaned(run):
    assert clear(run) == 0
    return run


def test_what_can_be_made_again_goes_and_the_rest_stays(run, capsys):
    "Volumes between raw tiles and the final one; bytes and files are told as they were."
    before = held(run.out)
    capsys.readouterr()
    assert clear(run) == 0
    after = held(run.out)
    said = capsys.readouterr().out
    gone = {path: content for path, content in before.items() if path not in after}
    assert {path.parts[0] for path in gone} == {
        "mosaics", "process_slice", "bring_to_common_space", "stack",
    }  # fmt: skip
    assert all(is_volume(path) for path in gone)
    assert {p.parts[0] for p in after if is_volume(p)} == {"3d_volume.ome.zarr"}
    n_bytes = sum(map(len, gone.values()))
    assert f"removed {n_bytes / 1e9:.3f} GB in {len(gone)} files" in said
    assert f"in {len(after)} files: the volume" in said
    kept = {path for path in before if not is_volume(path) and path.parts[0] != ".linumpy"}
    assert {path.suffix for path in kept} <= KEPT_SUFFIXES
    assert all(before[path] == after[path] for path in kept)


def test_check_only_counts(run, capsys):
    "Nothing is touched."
    before = held(run.out)
    assert clear(run, "--check") == 0
    assert held(run.out) == before
    assert "would remove" in capsys.readouterr().out


def test_the_next_run_redoes_nothing(cleaned, finished):
    "Nor the second, nor one that reads everything, nor one after a second --clean."
    assert cleaned.redone() == set()
    assert cleaned.redone("--verify") == set()
    assert clear(cleaned) == 0
    assert cleaned.redone() == set()
    assert not list((cleaned.out / "mosaics").glob("*.ome.zarr"))
    assert cleaned.volume_bytes() == finished.volume_bytes()


def test_a_moved_run_and_moved_raw_data_redo_nothing(cleaned):
    "What was cleaned is known by its place below OUT."
    cleaned.out.rename(cleaned.out.with_name("moved"))
    moved = replace(cleaned, out=cleaned.out.with_name("moved")).copy_raw()
    assert moved.redone() == set()


# One changed parameter


@pytest.mark.parametrize(
    ("flags", "stages"),
    [
        (STRENGTH, TO_STACK | {"normalize_z_intensity"}),
        # reads what registrations found, which stays; the decision comes out the same
        (("--consecutive_threshold", 4), {"auto_exclude_slices"}),
    ],
)
def test_a_parameter_redoes_what_depends_on_it_and_makes_what_that_needs(
    run, cleaned, tmp_path, flags, stages
):
    "No registration, no rehoming; the result is that of a run that was never cleaned."
    assert cleaned.redone(*flags) == stages
    uncleaned = Run(run.raw, tmp_path / "uncleaned")
    assert uncleaned.go() == 0
    uncleaned.redone(*flags)
    assert cleaned.volume_bytes() == uncleaned.volume_bytes()
    assert "is not what it was before --clean" not in cleaned.log
    assert cleaned.redone(*flags) == set()


def test_one_changed_slice_makes_the_others_again_only_where_they_are_read(cleaned, tmp_path):
    "Its pairs need the neighbours on the common canvas; the result is that of a whole run."
    mine = cleaned.copy_raw()
    flip_byte(mine.tile("03"), 1000 * 4 + 2)  # of a pixel that stays in the mosaic
    redone = mine.redone()
    assert "register_pairwise z03" in redone
    assert not {"register_pairwise z01", "register_pairwise z02"} & redone
    whole = Run(mine.raw, tmp_path / "whole")
    assert whole.go() == 0
    assert mine.volume_bytes() == whole.volume_bytes()


def test_a_slice_that_arrives_after_clean(fresh, tmp_path):
    "The others are made again where the canvas needs them; the result is that of a whole run."
    last = fresh.tile("03").parents[1]
    last.rename(tmp_path / "later")
    assert fresh.go() == 0
    assert clear(fresh) == 0
    (tmp_path / "later").rename(last)
    assert "create_mosaic_grid z03" in fresh.redone()
    whole = Run(fresh.raw, tmp_path / "whole")
    assert whole.go() == 0
    assert whole.volume_bytes() == fresh.volume_bytes()
    assert fresh.redone() == set()


# Damage, killed runs, full disks


def test_a_corrupt_chunk_of_the_volume_is_found_and_healed(cleaned, finished):
    "What its stage reads is made again first."
    volume = cleaned.out / "3d_volume.ome.zarr"
    harmed = max((p for p in volume.rglob("*") if p.is_file()), key=lambda p: p.stat().st_size)
    flip_byte(harmed)
    assert cleaned.redone() == TO_STACK | {"normalize_z_intensity"}
    assert f"normalize_z_intensity: {harmed} is not what was written" in cleaned.log
    assert cleaned.volume_bytes() == finished.volume_bytes()


def test_a_corrupt_transform_is_found(cleaned, finished):
    "One pair is registered again, on slices made again."
    (path,) = (cleaned.out / "register_pairwise" / "slice_z02_normalize").glob("*.tfm")
    path.write_text(path.read_text() + "\n")
    redone = cleaned.redone()
    assert "register_pairwise z02" in redone
    assert not {"register_pairwise z01", "register_pairwise z03", "stack"} & redone
    assert cleaned.volume_bytes() == finished.volume_bytes()


@pytest.mark.parametrize("n_done", [0, 3])
@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_at_any_moment_nothing_is_lost(run, finished, monkeypatch, n_done, when):
    "Before or after a product steps aside: the next run, and the next --clean, go on."
    real, seen = atomic.discard, []

    def dying(path):
        if len(seen) == n_done:
            if when == "after":
                path.rename(path.with_name(f".{path.name}.1.old.partial"))
            raise KeyboardInterrupt
        seen.append(path)
        real(path)

    with monkeypatch.context() as patch:
        patch.setattr(clean.atomic, "discard", dying)
        assert clear(run) == 130
    assert run.redone() == set()
    assert clear(run) == 0
    assert not [path for path in run.out.rglob("*") if path.name.endswith(".partial")]
    assert run.redone() == set()
    assert run.volume_bytes() == finished.volume_bytes()


def test_a_disk_that_cannot_take_it_back_is_refused_before_anything_is_made(
    cleaned, monkeypatch, capsys
):
    "It says how much is needed again; while nothing is needed the disk may be full."
    usage = shutil.disk_usage(cleaned.out)._replace(free=1000)
    monkeypatch.setattr(restore, "shutil", SimpleNamespace(disk_usage=lambda _: usage))
    assert cleaned.redone() == set()
    assert cleaned.go(*STRENGTH) == 2
    assert "what --clean has removed is needed again" in capsys.readouterr().err
    assert not list((cleaned.out / "mosaics").glob("*.ome.zarr"))


# What is refused


def test_a_folder_that_is_no_run_is_refused(run, tmp_path, capsys):
    "And raw data, and a run without a volume; nothing is touched."
    assert runs.reconstruct(run.raw, "--clean") == 2
    assert "holds no run" in capsys.readouterr().err
    atomic.discard(Layout(run.out).volume)
    before = held(run.out)
    assert clear(run) == 2
    assert "has no volume yet" in capsys.readouterr().err
    assert held(run.out) == before


def test_raw_out_clean_cleans_out(run):
    "As typed by somebody who takes the last command and adds --clean."
    before = held(run.raw)
    assert run.go("--clean") == 0
    assert held(run.raw) == before
    assert not list((run.out / "mosaics").glob("*.ome.zarr"))


def test_out_may_only_be_left_out_with_clean(fresh, capsys):
    "The message says what is missing."
    assert runs.reconstruct(fresh.raw) == 2
    assert "OUT is missing" in capsys.readouterr().err


def test_time_stamps_of_what_is_left_do_not_count(cleaned):
    "As without --clean."
    for path in cleaned.out.rglob("*"):
        os.utime(path, (1, 1))
    assert cleaned.redone() == set()


def test_a_report_made_after_clean_shows_every_slice(cleaned):
    "From the previews that stay."
    shown = gallery.read(cleaned.out, [SliceId(i) for i in range(4)], {})
    assert set(shown.thumbnails) == {"00", "01", "02", "03"}
    assert shown.slice_spacing_z_mm == pytest.approx(0.05)
    assert shown.unreadable == ()


def test_run_json_says_what_was_made_again(cleaned):
    "Each task once, as done."
    cleaned.go(*STRENGTH)
    tasks = json.loads((cleaned.out / "run.json").read_text())["stages"]
    labels = [(task["stage"], task["slice"]) for task in tasks]
    assert len(labels) == len(set(labels))
