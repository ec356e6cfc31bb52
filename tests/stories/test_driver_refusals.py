"""Bad input: what concerns the acquisition stops the run at the start, with exit code 2.

What concerns one slice makes that slice ``failed`` and ends the run with 1, the others in the
volume; the same command heals it once its cause is gone (decisions 4).
"""

import errno
import re
import shutil
from collections import namedtuple

import pytest

from linumpy.cli import runtime
from linumpy.core.fate import fate
from linumpy.io import atomic
from linumpy.pipeline import estimate
from tests.stories.driver_runs import FLAGS, Run

pytestmark = pytest.mark.story

TILE = "tile_x01_y00_z02"


def tree(folder):
    """Return every file below a folder with its content."""
    return {p: p.read_bytes() for p in folder.rglob("*") if p.is_file() and p.suffix != ".log"}


def refused(run, capsys, *more, code=2):
    """Run; expect a refusal that changes nothing; return the message."""
    before = tree(run.out)
    capsys.readouterr()
    assert run.go(*more) == code
    assert tree(run.out) == before
    message = capsys.readouterr().err
    assert "Traceback" not in message
    assert "hint: " in message
    return message


# The whole acquisition


def test_a_missing_folder(tmp_path, inline, capsys):
    "RAW does not exist."
    run = Run(tmp_path / "nowhere", tmp_path / "out")
    assert "nowhere does not exist" in refused(run, capsys)


@pytest.mark.parametrize("stray", [None, "notes.txt"])
def test_a_folder_without_tiles(tmp_path, inline, capsys, stray):
    "Empty, or with other files."
    (tmp_path / "raw").mkdir()
    if stray:
        (tmp_path / "raw" / stray).write_text("hello")
    message = refused(Run(tmp_path / "raw", tmp_path / "out"), capsys)
    assert "no tile found" in message
    assert "tile_x<n>_y<n>_z<n>" in message
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("pattern", "text", "said"),
    [
        (r"(?m)^nx: .*\n", "", "nx"),
        (r"(?m)^ny: .*", "ny: many", "ny"),
        (r"(?m)^width: .*", "width: -3", "width"),
        (r"(?s).*", "\0\0\0", "no key"),
    ],
)
def test_a_header_that_cannot_be_right(fresh, capsys, pattern, text, said):
    "Named with file, key and what is allowed; nothing is written."
    path = fresh.tile("02").parent / "info.txt"
    path.write_text(re.sub(pattern, text, path.read_text(), count=1))
    message = refused(fresh, capsys)
    assert str(path) in message
    assert said in message
    assert not fresh.out.exists()


def test_a_header_that_became_corrupt_leaves_the_finished_run(run, capsys):
    "A finished run is not touched."
    mine = run.copy_raw()
    (mine.tile("02").parent / "info.txt").write_text("")
    assert "info.txt" in refused(mine, capsys)


def test_tiles_of_several_sizes(fresh, capsys):
    "Both files are named."
    path = fresh.tile("02", x=1).parent / "info.txt"
    path.write_text(path.read_text().replace("ny: 24", "ny: 12"))
    message = refused(fresh, capsys)
    assert "tiles differ in ny" in message
    assert str(path) in message


def test_a_config_that_cannot_be_read(run, tmp_path, capsys):
    "File, line and column, before anything is done: OUT's own and a given one."
    mine = tmp_path / "mine.csv"
    mine.write_text("slice_id,use\n00,true\n01,flase\n")
    message = refused(run, capsys, "--slice_config", mine)
    assert f"{mine}" in message
    assert "line 3" in message
    assert "flase" in message
    shutil.copy(mine, run.out / "slice_config.csv")
    assert "line 3" in refused(run, capsys)


@pytest.mark.parametrize("flag", ["slices", "keep", "leave_gap", "exclude"])
def test_a_flag_that_names_an_unknown_slice(fresh, capsys, flag):
    "Said at the start, with the slices that there are."
    message = refused(fresh, capsys, f"--{flag}", "1,7")
    assert f"--{flag} 07" in message
    assert "00, 01, 02, 03" in message


def test_no_slice_is_left(fresh, capsys):
    "Every slice is excluded."
    assert fresh.go("--exclude", "0-3") == 2
    assert "no slice has use=true" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (("--resolution", 50), "axial"),
        ((*FLAGS, "--slicing_interval_mm", 0.3), "0.3"),
        ((*FLAGS, "--atlas", "x"), "--input_orientation"),
        ((*FLAGS, "--resolution", -1), "--resolution"),
    ],
)
def test_parameters_that_do_not_fit(tiny_acquisition, tmp_path, inline, capsys, flags, said):
    "Sampling that nobody knows, two cut intervals, half an atlas, a value out of range."
    run = Run(tiny_acquisition.raw, tmp_path / "out", flags)
    assert said in refused(run, capsys)
    assert not run.out.exists()


def test_headers_against_the_flag(fresh, capsys):
    "Axial sampling: the flag and one header differ; both are named, no slice is tried."
    headers = sorted(fresh.raw.rglob("z03/*/info.txt"))
    for path in headers:
        path.write_text(path.read_text() + "axial_resolution: 12\n")
    message = refused(fresh, capsys)
    assert f"10 µm by --axial_resolution, 12 µm by {headers[0]}" in message


# The output


def test_an_output_inside_the_raw_data(fresh, capsys, tmp_path):
    "Directly, or through a link."
    for out in (fresh.raw, fresh.raw / "out"):
        assert "lies in RAW" in refused(Run(fresh.raw, out), capsys)
    (tmp_path / "link").symlink_to(fresh.raw)
    assert "lies in RAW" in refused(Run(fresh.raw, tmp_path / "link" / "out"), capsys)


def test_a_folder_or_file_of_someone_else(fresh, capsys):
    "Nothing there is touched."
    fresh.out.write_text("mine")
    assert "is a file" in refused(fresh, capsys)
    fresh.out.unlink()
    fresh.out.mkdir()
    (fresh.out / "thesis.tex").write_text("mine")
    assert "not of a run" in refused(fresh, capsys)


def test_a_disk_that_cannot_hold_the_run(fresh, capsys, monkeypatch):
    "Refused before anything is written: what is needed, what is free, what to do."
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 1000)
    monkeypatch.setattr(estimate.shutil, "disk_usage", lambda _path: usage)
    message = refused(fresh, capsys)
    assert "GB are free" in message
    assert "coarser --resolution" in message
    assert not fresh.out.exists()
    assert fresh.go("--check") == 0


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
def test_a_disk_that_fills_up_ends_the_run_and_fails_no_slice(run, capsys, monkeypatch, number):
    "The disk's fault is no slice's: 2, what stood stands, and the same command goes on."
    finished = run.volume_bytes()
    run.edit("01", notes="so that a record is written")

    def full(path, content):
        raise OSError(number, "the disk says no", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(atomic, "write_bytes", full)
        assert run.go() == 2
    message = capsys.readouterr().err
    assert "the disk says no" in message
    assert "free space" in message
    assert run.volume_bytes() == finished
    run.redone()
    assert not any("failed" in row["notes"] for row in run.final.values())


def test_a_disk_that_fills_up_in_one_slice(fresh, capsys, monkeypatch):
    "A slice whose product does not fit is not recorded as failed."
    real = runtime.run

    def full(command, params, job):
        if command.name == "linum_create_mosaic_grid_3d.py" and params.slice == 2:
            raise OSError(errno.ENOSPC, "No space left on device", "mosaic")
        real(command, params, job)

    with monkeypatch.context() as patch:
        patch.setattr(runtime, "run", full)
        assert fresh.go() == 2
    assert "No space left" in capsys.readouterr().err
    assert fresh.redone()
    assert [fate(row) for row in fresh.final.values()] == ["measured"] * 4


def test_two_runs_into_one_output(run, capsys):
    "The second one is refused while the first works."
    from linumpy.pipeline import local
    from linumpy.pipeline.layout import Layout

    with local.exclusive(Layout(run.out)):
        assert "another run is working there" in refused(run, capsys)
    assert run.redone() == set()


def test_a_folder_that_may_not_be_written(fresh, capsys, monkeypatch):
    "The system's word, the folder, what to check."

    def forbidden(self, *_args, **_options):
        raise PermissionError(errno.EACCES, "Permission denied", str(self))

    monkeypatch.setattr(type(fresh.out), "mkdir", forbidden)
    message = refused(fresh, capsys)
    assert f"{fresh.out}" in message
    assert "Permission denied" in message


# One slice


def test_missing_tiles_are_allowed_and_told(fresh, capsys):
    "Their place stays empty; --check and the log count them."
    shutil.rmtree(fresh.tile("02", x=1).parent)
    assert fresh.go("--check") == 0
    assert re.search(r"slice 02 .* 1 tiles? missing", capsys.readouterr().out)
    assert fresh.go() == 0
    assert "1 missing" in fresh.log
    assert [fate(row) for row in fresh.final.values()] == ["measured"] * 4


def harm(run, damage):
    """Spoil one tile of slice 02; return what mends it."""
    path = run.tile("02", x=1)
    content = path.read_bytes()
    if damage == "truncated":
        path.write_bytes(content[:-100])
    elif damage == "gone":
        path.unlink()
    else:
        path.unlink()
        path.mkdir()

    def mend():
        if path.is_dir():
            path.rmdir()
        path.write_bytes(content)

    return mend


@pytest.mark.parametrize("galvo", [(), ("--detect_galvo",)])
@pytest.mark.parametrize("damage", ["truncated", "gone", "unreadable"])
def test_a_slice_that_cannot_be_read(fresh, capsys, damage, galvo):
    "Failed with stage and reason, the others in the volume; mended, the same command heals it."
    mend = harm(fresh, damage)
    stage = "generate_slice_config" if galvo else "create_mosaic_grid"
    for _ in range(2):
        assert fresh.go(*galvo) == 1
        message = capsys.readouterr().err
        assert re.search(rf"slice 02 failed in {stage}: .*{TILE}", message)
        assert "mend the cause and run the same command again" in message
        fresh.check_fates()
        assert re.match(rf"failed: {stage}: .*{TILE}", fresh.final["02"]["notes"])
        assert str(fresh.raw) not in fresh.final["02"]["notes"]
        others = [fate(row) for key, row in fresh.final.items() if key != "02"]
        assert others == ["measured"] * 3
    mend()
    redone = fresh.redone(*galvo)
    assert not {"create_mosaic_grid z00", "process_slice z00"} & redone
    assert [fate(row) for row in fresh.final.values()] == ["measured"] * 4
    assert not any("failed" in row["notes"] for row in fresh.final.values())


def test_a_finished_slice_that_becomes_unreadable_leaves_nothing_stale(run, tmp_path):
    "The result is that of a run which never could read it."
    mine = run.copy_raw()
    harm(mine, "truncated")
    assert mine.go() == 1
    assert not (mine.out / "mosaics" / "mosaic_grid_3d_z02.ome.zarr").exists()
    other = Run(mine.raw, tmp_path / "other")
    assert other.go() == 1
    assert other.volume_bytes() == mine.volume_bytes()


@pytest.mark.parametrize("galvo", [(), ("--detect_galvo",)])
def test_a_slice_that_is_given_up_does_not_fail_the_run(fresh, galvo):
    "--exclude it, or use=false by hand: the run ends with 0."
    harm(fresh, "truncated")
    assert fresh.go(*galvo, "--exclude", "02") == 0
    assert fate(fresh.final["02"]) in ("excluded", "gap", "interpolated")


def test_a_failed_slice_that_is_given_up_by_hand(fresh):
    "After the failure the user writes use=false and a note of his own."
    harm(fresh, "truncated")
    assert fresh.go() == 1
    fresh.edit("02", use=False, notes="lost")
    assert fresh.go() == 0
    assert fresh.final["02"]["notes"] == "lost"


def test_every_slice_fails(fresh, capsys):
    "1, every slice with its cause."
    ids = ["00", "01", "02", "03"]
    for slice_id in ids:
        fresh.tile(slice_id).write_bytes(b"")
    fresh.age()
    assert fresh.go() == 1
    message = capsys.readouterr().err
    assert all(f"slice {slice_id} failed in" in message for slice_id in ids)


def test_a_defect_in_one_slice_is_recorded_and_named(fresh, capsys, monkeypatch):
    "A bug met in one slice ends neither the run nor the others."
    real = runtime.run

    def buggy(command, params, job):
        if command.name == "linum_process_slice.py" and "z01" in str(params.out_slice):
            raise ZeroDivisionError("oops")
        real(command, params, job)

    monkeypatch.setattr(runtime, "run", buggy)
    assert fresh.go() == 1
    assert "slice 01 failed in process_slice: ZeroDivisionError: oops" in capsys.readouterr().err
    fresh.check_fates()
    assert "Traceback" in fresh.log


def test_a_defect_in_a_stage_of_the_whole_is_named(run, capsys, monkeypatch):
    "A bug that concerns every slice: 1, the stage, what to do; the finished run stands."
    before = run.volume_bytes()
    real = runtime.run

    def buggy(command, params, job):
        if command.name == "linum_detect_rehoming.py":
            raise ZeroDivisionError("oops")
        real(command, params, job)

    monkeypatch.setattr(runtime, "run", buggy)
    assert run.go("--max_shift_mm", 0.4) == 1
    message = capsys.readouterr().err
    assert "detect_rehoming: ZeroDivisionError: oops" in message
    assert "please report" in message
    assert run.volume_bytes() == before
