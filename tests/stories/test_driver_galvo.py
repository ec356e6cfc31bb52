"""Whether the sweeps were looked at, and what follows for the rest of a run (decisions 5 to 7)."""

import json

import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.io import omezarr, shifts
from linumpy.stack.shifts import build_cumulative_shifts

pytestmark = pytest.mark.story


def path_error_mm(run, acquired):
    """How far each slice lies from its place, by the corrected shifts."""
    found = shifts.read(run.out / "detect_rehoming" / "shifts_xy_clean.csv")
    placed = build_cumulative_shifts(found, list(acquired.truth.slices))
    first = acquired.truth.slices[SliceId(0)].origin_mm
    return {
        str(key): float(np.hypot(*np.subtract(placed[key], np.subtract(one.origin_mm, first))))
        for key, one in acquired.truth.slices.items()
    }


def galvo_of(run):
    return {
        path.name.split("_z")[1][:2]: omezarr.open_volume(path).attributes["galvo"]
        for path in sorted((run.out / "mosaics").glob("*.ome.zarr"))
    }


def test_a_roll_that_nobody_looked_for_moves_no_slice(finished, tiny_acquisition):
    "01 is rolled by 0.55 mm and its stage is right; the glitch on 02 is found all the same."
    assert set(galvo_of(finished).values()) == {"unexamined"}
    assert [key for key, row in finished.final.items() if row["rehomed"]] == ["02", "03"]
    error = path_error_mm(finished, tiny_acquisition)
    assert error["01"] < 0.02  # the jitter of tiles
    assert max(error.values()) < 0.1  # the pattern's accuracy: one ordinary step to go by
    assert "their pictures do not overrule the stage (--detect_galvo" in finished.log
    report = json.loads((finished.out / "detect_rehoming" / "rehoming_report.json").read_text())
    assert list(report["pictures_not_trusted"]) == ["00", "01", "02", "03"]


def test_pictures_count_once_the_sweeps_were_looked_at(run, tiny_acquisition):
    "With --detect_galvo 01 is rolled back, the others are clean, and pictures decide."
    assert run.go("--detect_galvo") == 0
    assert galvo_of(run) == {"00": "clean", "01": "fixed", "02": "clean", "03": "clean"}
    report = json.loads((run.out / "detect_rehoming" / "rehoming_report.json").read_text())
    assert report["pictures_not_trusted"] == {}
    assert {one["decided_by"] for one in report["corrected_spikes"]} == {"images"}
    assert max(path_error_mm(run, tiny_acquisition).values()) < 0.05


def test_a_config_made_without_detection_does_not_switch_it_off(run, tmp_path):
    "The file that a run without --detect_galvo wrote, given back beside --detect_galvo."
    given = tmp_path / "given.csv"
    given.write_bytes((run.out / "slice_config.csv").read_bytes())
    assert run.go("--slice_config", given, "--detect_galvo") == 0
    assert [key for key, row in run.final.items() if row["galvo_fix"]] == ["01"]
    assert "galvo_fix=false is no decision" in run.log
