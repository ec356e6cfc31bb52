"""The command on registration folders: clusters, links, keep, nothing there."""

import pytest

from linumpy.cli import runtime
from linumpy.core.slice_id import SliceId
from linumpy.errors import UnknownSlice
from linumpy.io import diagnostics, slice_config
from linumpy.scripts.linum_auto_exclude_slices import COMMAND, Params

WORKED = dict(enumerate([0.9, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.9], start=1))


def write_pair(folder, moving, correlation, **info):
    place = folder / f"slice_z{moving:02d}_normalize"
    place.mkdir(parents=True)
    metrics = diagnostics.Metrics("pairwise_registration")
    metrics.info("fixed_volume", f"/data/slice_z{moving - 1:02d}_normalize.ome.zarr")
    for name, value in info.items():
        metrics.info(name, value)
    if correlation is not None:
        metrics.add("z_correlation", correlation, threshold="correlation")
    diagnostics.write_metrics(place / "pairwise_registration_metrics.json", metrics)


def exclude(tmp_path, **params):
    given = Params(
        transforms_dir=tmp_path / "pairs",
        slice_config_in=tmp_path / "in.csv",
        slice_config_out=tmp_path / "out" / "slice_config.csv",
        **{"z_corr_threshold": 0.6, **params},
    )
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    return slice_config.read(given.slice_config_out)


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "pairs").mkdir()
    rows = {SliceId(n): slice_config.new_row(n, use=True) for n in range(9)}
    slice_config.write(tmp_path / "in.csv", rows)
    return tmp_path


def excluded(rows):
    return [key for key, row in rows.items() if row["auto_excluded"]]


def test_worked_example(folder):
    "02, 03 and 04 are left out, with the reason; use is untouched."
    for moving, correlation in WORKED.items():
        write_pair(folder / "pairs", moving, correlation)
    rows = exclude(folder)
    assert excluded(rows) == ["02", "03", "04"]
    assert {rows[key]["auto_exclude_reason"] for key in ("02", "03", "04")} == {
        "noisy cluster (3 consecutive)"
    }
    assert rows["06"]["auto_exclude_reason"] == ""
    assert all(row["use"] for row in rows.values())
    metrics = diagnostics.read_metrics(folder / "out" / "auto_exclude_metrics.json")
    assert metrics.number("num_clusters") == 1
    assert metrics.number("num_auto_excluded") == 3


def test_an_evaluated_slice_reads_false_again(folder):
    "What an earlier run left out comes back when its pairs are good."
    rows = slice_config.read(folder / "in.csv")
    stale = {"auto_excluded": True, "auto_exclude_reason": "noisy cluster (3 consecutive)"}
    slice_config.write(folder / "in.csv", slice_config.stamp(rows, 3, stale))
    for moving in range(1, 9):
        write_pair(folder / "pairs", moving, 0.9)
    rows = exclude(folder)
    assert excluded(rows) == []
    assert rows["03"]["auto_exclude_reason"] == ""


def test_keep_protects(folder):
    "The slice is kept, the note says what would have been."
    for moving, correlation in WORKED.items():
        write_pair(folder / "pairs", moving, correlation)
    rows = exclude(folder, keep=("3",))
    assert excluded(rows) == ["02", "04"]
    assert rows["03"]["notes"] == "kept_by_user (would be noisy cluster (3 consecutive))"
    with pytest.raises(UnknownSlice, match="--keep 42"):
        exclude(folder, keep=("42",))


def test_links_are_followed_and_poor_entries_passed_over(folder, caplog):
    "A linked folder counts; no correlation, and an interpolated neighbour, do not."
    write_pair(folder / "elsewhere", 2, 0.1)
    (folder / "pairs" / "slice_z02_normalize").symlink_to(folder / "elsewhere/slice_z02_normalize")
    write_pair(folder / "pairs", 3, 0.1)
    write_pair(folder / "pairs", 4, None)
    write_pair(folder / "pairs", 5, 0.1, fixed_is_interpolated=True)
    assert excluded(exclude(folder)) == []
    assert "z04: its metrics have no z_correlation" in caplog.text
    assert excluded(exclude(folder, consecutive_threshold=2)) == ["02", "03"]


def test_without_metrics_the_record_is_copied(folder, caplog):
    "Nothing is left out, and that is said."
    rows = exclude(folder)
    assert rows == slice_config.read(folder / "in.csv")
    assert "no registration metrics" in caplog.text


def test_a_registered_slice_without_a_row_is_said(folder, caplog):
    "The record does not grow."
    write_pair(folder / "pairs", 20, 0.1)
    assert "20" not in exclude(folder)
    assert "registered but not in the config: 20" in caplog.text


def test_a_pair_set_by_hand_is_a_good_pair(folder):
    "It ends the run of bad ones; a row of a slice that was not registered changes nothing."
    for moving, correlation in WORKED.items():
        write_pair(folder / "pairs", moving, correlation)
    by_hand = folder / "by_hand.csv"
    by_hand.write_text("slice_id,dx_um,dy_um,rotation_deg\n3,60,0,0\n0,1,1,1\n")
    rows = exclude(folder, manual_transforms=by_hand)
    assert excluded(rows) == []
    assert rows["03"]["auto_exclude_reason"] == ""
    assert rows["00"] == slice_config.new_row(0, use=True)
