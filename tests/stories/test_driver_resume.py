"""Running again does what is missing, and nothing else (decisions 11, issue: resume).

Each test starts from a copy of one finished run, changes one thing and gives the same command.
"""

import os

import pytest

from tests.stories.driver_runs import flip_byte

pytestmark = pytest.mark.story


def test_running_again_does_nothing(run):
    "Every task is current, also in a folder that was copied."
    before = run.volume_bytes()
    assert run.redone() == set()
    assert len(run.tasks) > 15
    assert run.volume_bytes() == before


def test_touching_every_file_redoes_nothing(run):
    "New time stamps on the same bytes, raw data and products alike."
    mine = run.copy_raw()
    for path in (*mine.raw.rglob("*"), *mine.out.rglob("*")):
        os.utime(path, (1, 1))
    assert mine.redone() == set()
    assert mine.redone() == set()


def test_verify_reads_everything_and_redoes_nothing(run):
    "--verify trusts no time stamp; what holds what it held is current."
    assert run.redone("--verify") == set()


# A parameter


@pytest.mark.parametrize(
    ("flags", "stages"),
    [
        (
            ("--crop_interface_out_depth", 150),
            {"process_slice", "bring_to_common_space", "register_pairwise", "stack"},
        ),
        (("--confidence_low", 0.999), {"stack"}),
        (("--consecutive_threshold", 4), {"auto_exclude_slices"}),
        (("--strength", 0.5), {"normalize_z_intensity"}),
    ],
)
def test_a_parameter_redoes_what_depends_on_it(run, flags, stages):
    "The stages that take it, and those whose input it changed; the earlier ones stand."
    redone = {label.split()[0] for label in run.redone(*flags)}
    follow = {"auto_exclude_slices", "stack", "normalize_z_intensity"}
    assert stages <= redone <= stages | follow
    assert run.redone(*flags) == set()


# Raw data


def test_one_byte_of_one_tile_redoes_its_slice_and_what_depends_on_it(run):
    "Slice 01: its mosaic, its processing, the pairs it is part of, the whole after them."
    mine = run.copy_raw()
    flip_byte(mine.tile("01"), -6)
    redone = mine.redone()
    assert "create_mosaic_grid z01" in redone
    assert redone <= {
        "create_mosaic_grid z01",
        "detect_rehoming",
        "process_slice z01",
        "bring_to_common_space",
        "register_pairwise z01",
        "register_pairwise z02",
        "auto_exclude_slices",
        "stack",
        "normalize_z_intensity",
    }


def test_a_slice_that_arrives_later_is_added(fresh, tmp_path):
    "Three slices first, then all four: the first three are not processed again."
    last = fresh.tile("03").parents[1]
    last.rename(tmp_path / "later")
    assert fresh.go() == 0
    assert list(fresh.final) == ["00", "01", "02"]
    (tmp_path / "later").rename(last)
    redone = fresh.redone()
    assert {label for label in redone if label.startswith("create_mosaic_grid")} == {
        "create_mosaic_grid z03"
    }
    assert list(fresh.final) == ["00", "01", "02", "03"]
    whole = fresh.volume_bytes()
    assert type(fresh)(fresh.raw, tmp_path / "whole").go() == 0
    assert type(fresh)(fresh.raw, tmp_path / "whole").volume_bytes() == whole


# Products


@pytest.mark.parametrize(
    ("task", "product", "damage"),
    [
        ("create_mosaic_grid z02", "mosaics/mosaic_grid_3d_z02.ome.zarr", "flip"),
        ("process_slice z02", "process_slice/slice_z02_normalize.ome.zarr", "truncate"),
        ("bring_to_common_space", "bring_to_common_space/slice_z02_normalize.ome.zarr", "flip"),
        ("register_pairwise z02", "register_pairwise/slice_z02_normalize", "remove"),
        ("stack", "stack/stack.ome.zarr", "truncate"),
        ("normalize_z_intensity", "3d_volume.ome.zarr", "flip"),
    ],
)
def test_a_damaged_product_is_named_and_healed(run, finished, task, product, damage):
    "Its task alone is done again, and everything holds what it held."
    files = [p for p in (run.out / product).rglob("*") if p.is_file()]
    harmed = max(files, key=lambda p: (p.suffix not in (".json", ".png"), p.stat().st_size))
    if damage == "flip":
        flip_byte(harmed)
    elif damage == "truncate":
        harmed.write_bytes(harmed.read_bytes()[:-1])
    else:
        harmed.unlink()
    assert run.redone() == {task}
    assert f"{task}: {harmed}" in run.log
    assert run.volume_bytes() == finished.volume_bytes()
