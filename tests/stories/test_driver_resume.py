"""Running again does what is missing, and nothing else (decisions 11, issue: resume).

Each test starts from a copy of one finished run, changes one thing and gives the same command.
"""

import os

import pytest

from tests.stories.driver_runs import flip_byte


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
