"""Simulated acquisitions that many tests share; made once per session, read-only by agreement."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from linumpy.cli import machine
from linumpy.io.raw_writer import RawWriter
from linumpy.synth import Faults, Rig, Scene, Truth, plan, preset, render
from tests import strategies  # noqa: F401  examples of laws are the same in every run

machine.cap_threads()  # as in a command: our workers, or pytest's, are the only parallelism


@dataclass(frozen=True)
class RawAcquisition:
    """Raw tiles on disk and what they were made from."""

    raw: Path
    scene: Scene
    truth: Truth


def write_acquisition(raw: Path, scene: Scene, truth: Truth) -> RawAcquisition:
    """Write the raw tiles of a truth below ``raw``."""
    writer = RawWriter(raw, truth.rig.layout, n_files=truth.rig.n_files)
    for one in render(scene, truth):
        for tile in one.tiles:
            writer.write(tile.slice_id, tile.name, tile.pixels, tile.info)
    return RawAcquisition(raw, scene, truth)


@pytest.fixture(scope="session")
def tiny_acquisition(tmp_path_factory: pytest.TempPathFactory) -> RawAcquisition:
    """The preset "tiny": 4 slices of 2 × 2 tiles, galvo on 01, glitch on 02; about 1 MB."""
    chosen = preset("tiny")
    scene = chosen.scene()
    truth = plan(scene, chosen.rig, chosen.faults, chosen.seed)
    return write_acquisition(tmp_path_factory.mktemp("tiny") / "raw", scene, truth)


@pytest.fixture
def acquire(tmp_path: Path) -> Callable[..., RawAcquisition]:
    """Write an acquisition of one's own: ``acquire(scene, rig, faults, seed)``."""

    def make(scene: Scene, rig: Rig, faults: Faults | None = None, seed: int = 0) -> RawAcquisition:
        truth = plan(scene, rig, faults or Faults(), seed)
        return write_acquisition(tmp_path / "raw", scene, truth)

    return make
