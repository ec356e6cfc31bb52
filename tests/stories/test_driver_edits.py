"""A hand edit of OUT/slice_config.csv, and the flags by which a user decides (decisions 4 and 7).

Edited, run, run again, run with other flags: the user's cells win each time, stand in the history
as ``user``, and only what depends on them is done again.
"""

import pytest

from linumpy.core.fate import fate
from linumpy.io import history, slice_config
from linumpy.pipeline import summary
from linumpy.synth import Faults, plan, preset
from tests.conftest import write_acquisition
from tests.stories.driver_runs import FLAGS, Run

pytestmark = pytest.mark.story


def user_cells(run):
    """Return what the final history says that a person did, as (slice, column, new)."""
    changes = history.read(run.out / "slice_config_final.csv")
    return {(c.slice, c.column, c.new) for c in changes if c.command == history.USER}


def units(redone, stage):
    """Return the slices of which a stage was done again."""
    return {label.partition(" z")[2] for label in redone if label.split()[0] == stage}


# use


def test_a_slice_that_the_user_leaves_out(run):
    "use true → false: out of the volume; the mosaics and the other slices stand."
    run.edit("03", use=False, notes="torn")
    redone = run.redone()
    assert units(redone, "create_mosaic_grid") == units(redone, "process_slice") == set()
    assert {"bring_to_common_space", "stack", "normalize_z_intensity"} <= redone
    for more in ((), ("--detect_galvo",), ("--detect_galvo",)):
        assert [row["use"] for row in run.final.values()] == [True, True, True, False]
        assert run.final["03"]["notes"] == "torn"
        assert {("03", "use", False), ("03", "notes", "torn")} <= user_cells(run)
        run.redone(*more)
    assert run.final["01"]["galvo_fix"] is True


def test_a_slice_that_the_user_takes_back(run):
    "use false → true undoes the edit: everything is as it was."
    before = run.volume_bytes()
    run.edit("03", use=False)
    run.redone()
    run.edit("03", use=True)
    assert units(run.redone(), "process_slice") == {"03"}
    assert run.volume_bytes() == before
    assert user_cells(run) == set()


def test_a_single_slice_left_out_is_interpolated_or_a_gap(run):
    "use=false between two used slices asks for interpolation; its pairs are retired."
    run.edit("02", use=False)
    redone = run.redone()
    assert units(redone, "interpolate_missing_slice") == {"02"}
    assert fate(run.final["02"]) in ("interpolated", "gap")
    assert not (run.out / "register_pairwise" / "slice_z02_normalize").exists()
    run.redone("--leave_gap", "02")
    assert fate(run.final["02"]) == "excluded"
    assert not list((run.out / "interpolate_missing_slice").glob("slice_z02_*"))


def test_interpolation_switched_off_leaves_nothing_of_it(run):
    "What an earlier run has interpolated is not taken for a product of this one."
    run.edit("02", use=False)
    run.redone()
    run.redone("--no_interpolate_missing_slices")
    assert fate(run.final["02"]) == "excluded"
    assert not list((run.out / "interpolate_missing_slice").glob("slice_z02_*"))


@pytest.fixture(scope="module")
def calibrating(tmp_path_factory):
    """The tiny acquisition with a thick first slice."""
    chosen = preset("tiny")
    scene = chosen.scene()
    truth = plan(scene, chosen.rig, Faults(calibration=(0,)), chosen.seed)
    return write_acquisition(tmp_path_factory.mktemp("calibrating") / "raw", scene, truth).raw


def test_a_calibration_slice_that_the_user_wants(calibrating, tmp_path, inline):
    "use false → true against a test of the run; kept, also when the config is made again."
    run = Run(calibrating, tmp_path / "out")
    assert run.go() == 0
    assert run.final["00"]["notes"] == "calibration_slice"
    run.edit("00", use=True)
    assert units(run.redone(), "process_slice") == {"00"}
    assert run.redone() == set()
    run.redone("--detect_galvo")
    assert run.final["00"]["use"] is True
    assert ("00", "use", True) in user_cells(run)


def test_keep_protects_a_calibration_slice(calibrating, tmp_path, inline):
    "--keep: used, with the note what would have become of it."
    run = Run(calibrating, tmp_path / "out", (*FLAGS, "--keep", "0"))
    assert run.go() == 0
    for _ in range(2):
        assert run.final["00"]["use"] is True
        assert run.final["00"]["notes"] == "kept_by_user (would be calibration_slice)"
        assert run.redone() == set()


def test_keep_protects_from_quality_and_from_clusters(run, capsys):
    "Scores are stamped, the slices stay; without --keep the same limits leave them out."
    limits = ("--auto_assess_quality", "--auto_assess_min_quality", 1.0)
    clusters = ("--z_corr_threshold", 1.0, "--consecutive_threshold", 1)
    keep = ("--keep", "00-03")
    for _ in range(2):
        run.redone(*limits, *clusters, *keep)
        for row in run.final.values():
            assert row["use"] is True
            assert row["quality_score"] is not None
            assert row["auto_excluded"] is False
            assert "kept_by_user (would be low_quality" in row["notes"]
        assert "kept_by_user (would be noisy" in run.final["02"]["notes"]
    assert run.go(*limits) == 2
    assert "use=true" in capsys.readouterr().err  # all are of low quality: nothing is left


# Other cells, rows


def test_a_note_redoes_no_image(run):
    "A note passes through the record; no volume depends on it."
    run.edit("01", notes="a bubble; look again")
    passed_on = {"detect_rehoming", "finalise_interpolation", "auto_exclude_slices"}
    assert run.redone() == passed_on
    assert run.redone() == set()
    for more in ((), ("--detect_galvo",)):
        run.redone(*more)
        assert run.final["01"]["notes"] == "a bubble; look again"
    assert ("01", "notes", "a bubble; look again") in user_cells(run)


def test_a_row_that_the_user_removes(run):
    "Left out with the note not_in_config, never interpolated, never lost again."
    path = run.out / "slice_config.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("02,")))
    for more in ((), (), ("--detect_galvo",)):
        assert not units(run.redone(*more), "interpolate_missing_slice")
        assert run.final["02"]["use"] is False
        assert run.final["02"]["notes"] == "not_in_config"
        assert fate(run.final["02"]) == "excluded"
    assert "z02 has data but no row" in run.log


def test_a_row_without_raw_tiles_is_told_and_is_a_gap(run):
    "A slice that was never acquired cannot be used; the fates still add up."
    with (run.out / "slice_config.csv").open("a") as config:
        config.write("09,true" + "," * 12 + "\n")
    run.redone()
    assert "z09 stands in the config and has no raw tiles" in run.log
    assert run.final["09"]["use"] is False
    assert fate(run.final["09"]) == "gap"


def test_an_edit_while_the_run_works_is_told_and_counts_next_time(run, monkeypatch):
    "The run that is under way goes on without it and says so at the end."
    write_run = summary.write_run

    def edit_then_write(*args, **options):
        run.edit("03", use=False)
        write_run(*args, **options)

    monkeypatch.setattr(summary, "write_run", edit_then_write)
    assert run.redone() == set()
    assert "slice_config.csv was edited during the run (slice 03, use: True → False)" in run.log
    assert run.final["03"]["use"] is True
    monkeypatch.setattr(summary, "write_run", write_run)
    run.redone()
    assert run.final["03"]["use"] is False


def test_an_edit_of_a_given_config_while_the_run_works_is_told(run, tmp_path, monkeypatch):
    "The file of --slice_config too; the next run reads it as it is then."
    mine = tmp_path / "mine.csv"
    mine.write_text("slice_id,use\n00,1\n01,1\n02,1\n03,1\n")
    write_run = summary.write_run

    def edit_then_write(*args, **options):
        mine.write_text("slice_id,use\n00,1\n01,1\n02,1\n03,0\n")
        write_run(*args, **options)

    monkeypatch.setattr(summary, "write_run", edit_then_write)
    run.redone("--slice_config", mine)
    assert "mine.csv was edited during the run (slice 03, use: True → False)" in run.log
    assert run.final["03"]["use"] is True
    monkeypatch.setattr(summary, "write_run", write_run)
    run.redone("--slice_config", mine)
    assert run.final["03"]["use"] is False


def test_a_config_spoilt_while_the_run_works_is_told(run, monkeypatch):
    "The finished run stays finished."
    write_run = summary.write_run

    def spoil_then_write(*args, **options):
        (run.out / "slice_config.csv").write_text("slice_id,use\n00,flase\n")
        write_run(*args, **options)

    monkeypatch.setattr(summary, "write_run", spoil_then_write)
    assert run.redone() == set()
    assert "flase" in run.log


# A config of one's own, a selection


def test_a_given_config_is_the_users_as_a_whole(run, tmp_path):
    "--slice_config FILE: its cells win; who is not in it is left out, and is not interpolated."
    mine = tmp_path / "mine.csv"
    mine.write_text("slice_id,use,notes\n00,yes,\n1,1,\n3,true,good\n")
    assert not units(run.redone("--slice_config", mine), "interpolate_missing_slice")
    assert [row["use"] for row in run.final.values()] == [True, True, False, True]
    assert run.final["02"]["notes"] == "not_in_config"
    assert run.final["03"]["notes"] == "good"
    assert run.redone("--slice_config", mine) == set()


def test_a_selection_of_slices(fresh, tmp_path):
    "--slices: the others are not_selected, not read, not interpolated; their bytes do not count."
    quick = Run(fresh.raw, fresh.out, (*FLAGS, "--slices", "0,2-03"))
    assert quick.go() == 0
    assert [row["notes"] for row in quick.final.values()] == ["", "not_selected", "", ""]
    assert fate(quick.final["01"]) == "excluded"
    assert not list((fresh.out / "mosaics").glob("*z01*"))
    assert {task["stage"] for task in quick.tasks}.isdisjoint({"interpolate_missing_slice"})
    before = quick.volume_bytes()
    for other in ((), ("--slices", "00")):
        assert Run(fresh.raw, fresh.out, (*FLAGS, *other)).go() == 2
    assert quick.volume_bytes() == before
    assert quick.redone() == set()


def test_slices_of_every_fate_add_up(fresh):
    "One is excluded, one failed, two are measured."
    fresh.tile("03").write_bytes(b"\0" * 100)
    fresh.age()
    assert fresh.go("--exclude", "00") == 1
    fresh.check_fates()
    assert [fate(row) for row in fresh.final.values()] == [
        "excluded",
        "measured",
        "measured",
        "failed",
    ]
    assert slice_config.read(fresh.out / "slice_config.csv")["00"]["notes"] == "excluded_by_user"
