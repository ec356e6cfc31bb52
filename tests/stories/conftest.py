"""Finished runs that the stories of the driver start from."""

import shutil

import pytest

from linumpy.pipeline import driver
from tests.stories.driver_runs import InlinePool, Run


@pytest.fixture(scope="session")
def finished(tiny_acquisition, tmp_path_factory):
    """A finished run of the tiny acquisition; read-only by agreement."""
    run = Run(tiny_acquisition.raw, tmp_path_factory.mktemp("finished") / "out")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(driver, "Pool", InlinePool)
        assert run.go() == 0
    return run


@pytest.fixture
def run(finished, tmp_path, monkeypatch):
    """A copy of the finished run, to be changed and run again in this process."""
    monkeypatch.setattr(driver, "Pool", InlinePool)
    shutil.copytree(finished.out, tmp_path / "out")
    return Run(finished.raw, tmp_path / "out")


@pytest.fixture
def fresh(tiny_acquisition, tmp_path, monkeypatch):
    """A run that has not begun; its raw data are its own."""
    monkeypatch.setattr(driver, "Pool", InlinePool)
    return Run(tiny_acquisition.raw, tmp_path / "out").copy_raw()
