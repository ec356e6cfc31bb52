"""Acquisitions of one slice, of two, with holes, with ids of three digits (decisions 2 and 4)."""

import dataclasses

import pytest

from linumpy.core.fate import fate
from linumpy.io import omezarr
from linumpy.synth import Faults, plan, preset
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition
from tests.stories.driver_runs import FLAGS, Run

pytestmark = pytest.mark.story


def reconstruct(tmp_path, ids, *more):
    """Simulate and reconstruct an acquisition that holds ``ids``; return the run."""
    span = tuple(range(min(ids), max(ids) + 1))
    rig = dataclasses.replace(preset("tiny").rig, ids=span)
    scene = make_scene("layers", rig, (2, 2), 3)
    missing = tuple(i for i in span if i not in ids)
    write_acquisition(tmp_path / "raw", scene, plan(scene, rig, Faults(missing=missing), 3))
    run = Run(tmp_path / "raw", tmp_path / "out", (*FLAGS, *more))
    assert run.go() == 0
    run.check_fates()
    return run


@pytest.mark.parametrize(
    ("ids", "more", "n_rows", "n_gaps"),
    [
        ((7,), ("--slicing_interval_mm", 0.2), 1, 0),
        ((0, 1), (), 2, 0),
        ((99, 100, 101), (), 3, 0),
        ((3, 4, 7, 8), (), 6, 2),
        ((98, 101), (), 4, 2),
    ],
)
def test_ids_of_every_kind(tmp_path, inline, ids, more, n_rows, n_gaps):
    "Every id from the first to the last has a row; gaps of two are left open."
    run = reconstruct(tmp_path, ids, *more)
    assert list(run.final) == [f"{i:02d}" for i in range(min(ids), max(ids) + 1)]
    fates = [fate(row) for row in run.final.values()]
    assert len(fates) == n_rows
    assert fates.count("measured") == len(ids)
    assert fates.count("gap") == n_gaps
    volume = omezarr.open_volume(run.out / "3d_volume.ome.zarr")
    assert volume.array.shape[0] > (max(ids) - min(ids)) * 200 / 50
    assert run.redone() == set()


def test_a_single_missing_slice_is_interpolated_or_refused(tmp_path, inline):
    "An id between two others without raw data: its row says what became of it."
    run = reconstruct(tmp_path, (9, 10, 12))
    row = run.final["11"]
    assert row["use"] is False
    assert "not_acquired" in row["notes"]
    assert fate(row) in ("interpolated", "gap")


def test_without_stage_z_a_single_slice_needs_the_interval(tmp_path, inline, capsys):
    "One slice says nothing about the distance between two."
    rig = dataclasses.replace(preset("tiny").rig, ids=(0,))
    scene = make_scene("layers", rig, (2, 2), 3)
    write_acquisition(tmp_path / "raw", scene, plan(scene, rig, Faults(), 3))
    assert Run(tmp_path / "raw", tmp_path / "out").go() == 2
    assert "--slicing_interval_mm" in capsys.readouterr().err
