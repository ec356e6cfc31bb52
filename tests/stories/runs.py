"""Acquisitions and runs of the driver that the stories and the law of flags look at."""

import logging
from pathlib import Path

import pytest

from linumpy.pipeline.linum_reconstruct import COMMAND
from linumpy.synth import Faults, Rig, plan
from linumpy.synth.presets import make_scene
from tests.conftest import RawAcquisition, write_acquisition

RIG = Rig(
    lateral_um=25,
    axial_um=8,
    tile_px=(40, 36),
    n_extra=8,
    image_depth_um=320,
    margin_mm=0.1,
    ids=tuple(range(7)),
    unreported_jitter_um=20,
)
FAULTS = Faults(calibration=(0,), galvo={1: (13, 0.4)}, missing=(3,), glitch={5: (0.62, -0.5)})
FLAGS = ("--axial_resolution", "8", "--resolution", "25", "--detect_galvo", "--auto_assess_quality")


def write_page_acquisition(raw: Path) -> RawAcquisition:
    """Write 12 MB: a calibration slice, a mistimed sweep, a gap, a glitch."""
    scene = make_scene("brain", RIG, (3, 2), 11)
    return write_acquisition(raw, scene, plan(scene, RIG, FAULTS, 11))


def reconstruct(*argv: object) -> int:
    """Call linum_reconstruct.py in this process, stages in two workers; return its exit code."""
    logging.getLogger().setLevel(logging.INFO)  # pytest's handlers keep the command from doing it
    with pytest.raises(SystemExit) as end:
        COMMAND.main([str(part) for part in argv])
    return int(end.value.code or 0)
