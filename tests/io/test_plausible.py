"""Odd rows are named, and nothing else."""

import pytest

from linumpy.core.slice_id import SliceId
from linumpy.io import plausible, slice_config


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"galvo_confidence": 0.9}, "galvo_fix does not fit"),
        ({"galvo_confidence": 0.1, "galvo_fix": True}, "galvo_fix does not fit"),
        ({"galvo_fix": True}, "galvo_fix does not fit"),
        ({"interpolated": True, "interpolation_method_used": "zmorph"}, "though use is true"),
        (
            {"use": False, "interpolated": True, "interpolation_failed": True, "notes": "x",
             "interpolation_method_used": "zmorph", "interpolation_fallback_reason": "y"},
            "at once",
        ),
        ({"use": False, "notes": "x", "interpolated": True}, "without interpolation_method_used"),
        ({"use": False, "interpolation_failed": True}, "without interpolation_fallback_reason"),
        ({"auto_excluded": True}, "without auto_exclude_reason"),
        ({"rehomed": True}, "without rehoming_reliable"),
        ({"use": False}, "without a note"),
    ],
)  # fmt: skip
def test_what_is_odd(values, says):
    "One doubt each."
    row = slice_config.new_row(7, use=True) | values
    ((slice_id, what),) = plausible.doubts({SliceId(7): row})
    assert slice_id == "07"
    assert says in what


@pytest.mark.parametrize(
    "values",
    [
        {},
        {"galvo_confidence": 0.6, "galvo_fix": True},
        {"galvo_confidence": 0.59},
        {"rehomed": True, "rehoming_reliable": False},
        {"use": False, "notes": "calibration_slice"},
    ],
)
def test_what_is_fine(values):
    "No warning without a reason."
    assert plausible.doubts({SliceId(7): slice_config.new_row(7, use=True) | values}) == []
