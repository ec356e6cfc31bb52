"""Finished runs that the stories of the driver start from."""

import shutil

import pytest

from linumpy.io import atomic
from linumpy.pipeline import driver, summary
from tests.stories.driver_runs import InlinePool, Run


@pytest.fixture
def inline(monkeypatch):
    """Do the tasks in this process and write no page: a run takes tenths of a second."""
    _inline(monkeypatch)


def _inline(patch):
    def write_report(state):
        atomic.write_json(state.layout.report.with_suffix(".json"), {"implied_axial": None})

    patch.setattr(driver, "Pool", InlinePool)
    patch.setattr(summary, "write_report", write_report)


@pytest.fixture(scope="session")
def finished(tiny_acquisition, tmp_path_factory):
    """A finished run of the tiny acquisition; read-only by agreement."""
    run = Run(tiny_acquisition.raw, tmp_path_factory.mktemp("finished") / "out")
    with pytest.MonkeyPatch.context() as patch:
        _inline(patch)
        assert run.go() == 0
    return run


@pytest.fixture
def run(finished, tmp_path, inline):
    """A copy of the finished run, to be changed and run again in this process."""
    shutil.copytree(finished.out, tmp_path / "out")
    return Run(finished.raw, tmp_path / "out")


@pytest.fixture
def fresh(tiny_acquisition, tmp_path, inline):
    """A run that has not begun; its raw data are its own."""
    return Run(tiny_acquisition.raw, tmp_path / "out").copy_raw()
