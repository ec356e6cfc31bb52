"""The pool of processes: the same bytes for any number of workers, and after a sudden end."""

import dataclasses
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from linumpy.cli.command import Command
from linumpy.io import atomic
from linumpy.pipeline import local, summary
from tests.stories.driver_runs import FLAGS, Run

COMMAND = [sys.executable, str(Path(sys.executable).parent / "linum_reconstruct.py")]
SEED = 2026
pytestmark = pytest.mark.story


@pytest.fixture
def no_page(monkeypatch):
    """Write no page: what is compared is the record and the volume."""

    def write_report(state):
        atomic.write_json(state.layout.report.with_suffix(".json"), {"implied_axial": None})

    monkeypatch.setattr(summary, "write_report", write_report)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_the_same_bytes_for_any_number_of_workers(finished, tmp_path, no_page, workers):
    "Record and volume are those of a run without processes."
    run = Run(finished.raw, tmp_path / "out", (*FLAGS[:-1], workers))
    assert run.go() == 0
    assert run.volume_bytes() == finished.volume_bytes()


def test_a_worker_that_is_killed_ends_the_run_and_it_goes_on(
    finished, tmp_path, no_page, capsys, monkeypatch
):
    "Killed from outside (for want of memory, as a rule): 1, said, and no slice has failed."
    run = Run(finished.raw, tmp_path / "out", (*FLAGS[:-1], 2))
    run_stage = local.Runner._run_stage

    def kill_a_worker(runner, step, tasks):
        if step.stage == "process_slice":
            multiprocessing.active_children()[0].kill()
        run_stage(runner, step, tasks)

    with monkeypatch.context() as patch:
        patch.setattr(local.Runner, "_run_stage", kill_a_worker)
        assert run.go() == 1
    message = capsys.readouterr().err
    assert "a worker process was ended from outside (SIGKILL)" in message
    assert "fewer --workers" in message
    assert "Traceback" not in message
    assert run.go() == 0
    assert run.volume_bytes() == finished.volume_bytes()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nothing:
    """No parameters."""


def crash(_params, _job):
    os.kill(os.getpid(), signal.SIGBUS)  # as a memory-mapped tile that is cut short does


CRASH = Command(Nothing, crash)


def test_a_slice_that_crashes_its_worker_has_failed_and_the_others_go_on(
    finished, tmp_path, no_page, capsys, monkeypatch
):
    "SIGBUS in the mosaic of 02, twice: recorded with stage and signal; 00, 01, 03 are measured."
    run = Run(finished.raw, tmp_path / "out", (*FLAGS[:-1], 2))
    order_for = local.Runner._order

    def order(runner, task, n_tasks):
        if task.label == "create_mosaic_grid z02":
            task = dataclasses.replace(task, command=CRASH, params=Nothing())
        return order_for(runner, task, n_tasks)

    monkeypatch.setattr(local.Runner, "_order", order)
    assert run.go() == 1
    run.check_fates()
    failure = "failed: create_mosaic_grid: its worker process crashed (SIGBUS)"
    assert failure in run.final["02"]["notes"]
    assert [key for key, row in run.final.items() if row["use"]] == ["00", "01", "03"]
    assert "slice 02 failed in create_mosaic_grid" in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["create_mosaic_grid", "register_pairwise"])
def test_a_run_that_is_killed_goes_on(finished, tmp_path, no_page, stage):
    "SIGKILL to the whole group somewhere in a stage; make crash draws many more moments."
    run = Run(finished.raw, tmp_path / "out", (*FLAGS[:-1], 2))
    command = [*COMMAND, *map(str, (run.raw, run.out, *run.flags))]
    log = run.out / "linumpy.log"
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while not log.exists() or f"{stage}: begins" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.005)
        time.sleep(random.Random(f"{SEED}{stage}").uniform(0, 0.3))
        os.killpg(process.pid, signal.SIGKILL)
    assert run.go() == 0
    assert run.volume_bytes() == finished.volume_bytes()
    assert not list(run.out.rglob(".*.partial"))


def test_ctrl_c_ends_with_one_line_and_the_run_goes_on(finished, tmp_path, no_page):
    "SIGINT to the whole group: 130, one line, no process and nothing half-written is left."
    run = Run(finished.raw, tmp_path / "out", (*FLAGS[:-1], 2))
    command = [*COMMAND, *map(str, (run.raw, run.out, *run.flags))]
    log = run.out / "linumpy.log"
    with subprocess.Popen(
        command, start_new_session=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        while not log.exists() or "create_mosaic_grid: begins" not in log.read_text():
            assert process.poll() is None
            time.sleep(0.005)
        os.killpg(process.pid, signal.SIGINT)
        _, said = process.communicate(timeout=60)
        assert process.returncode == 130
        assert said.splitlines()[-1] == (
            "linum_reconstruct.py: interrupted; the same command goes on from here"
        )
        assert "Traceback" not in said
        assert _is_gone(process.pid)
    assert "interrupted" in log.read_text()
    assert not list(run.out.rglob(".*.partial"))
    assert run.go() == 0
    assert run.volume_bytes() == finished.volume_bytes()


def _is_gone(group: int) -> bool:
    "Whether nobody of a process group stays alive; the tracker of semaphores ends a moment later."
    for _ in range(500):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.01)
    return False
