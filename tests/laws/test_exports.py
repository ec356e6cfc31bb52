"""The public names of the feature page exist, with the signatures of the page."""

import importlib
import inspect
import re
from pathlib import Path

import numpy as np
import pytest

import linumpy
from linumpy.core.slice_id import SliceId
from linumpy.io import slice_config
from linumpy.preproc import xyzcorr
from linumpy.stack.shifts import build_cumulative_shifts

PAGE = {
    "linumpy.io.slice_config.read": ("path",),
    "linumpy.io.slice_config.write": ("path", "rows"),
    "linumpy.io.slice_config.stamp": ("rows", "slice_id", "values", "append_notes"),
    "linumpy.io.slice_config.stamp_many": ("rows", "updates", "append_notes"),
    "linumpy.io.slice_config.merge_fragments": ("rows", "source"),
    "linumpy.io.slice_config.filter_slices_to_use": ("rows",),
    "linumpy.io.slice_config.force_skip_slices": ("rows",),
    "linumpy.preproc.xyzcorr.detect_galvo_shift": ("aip", "n_pixel_return"),
    "linumpy.preproc.xyzcorr.detect_galvo_for_slice": (
        "tiles",
        "n_extra",
        "threshold",
        "n_samples",
        "axial_resolution",
        "min_intensity",
    ),
    "linumpy.preproc.xyzcorr.fix_galvo_shift": ("tile", "shift", "axis"),
    "linumpy.stack.shifts.build_cumulative_shifts": (
        "shifts",
        "selected_slice_ids",
        "resolution",
    ),
}
PAGE_COMMANDS = (
    "linum_align_mosaics_3d_from_shifts.py",
    "linum_assess_slice_quality.py",
    "linum_auto_exclude_slices.py",
    "linum_detect_rehoming.py",
    "linum_estimate_global_transform.py",
    "linum_generate_slice_config.py",
    "linum_interpolate_missing_slice.py",
    "linum_stack_slices_motor.py",
)


@pytest.mark.parametrize("name", sorted(PAGE))
def test_a_name_of_the_page_has_the_parameters_of_the_page(name):
    "In the page's order, under the page's names."
    module, _, function = name.rpartition(".")
    found = inspect.signature(getattr(importlib.import_module(module), function))
    assert tuple(found.parameters) == PAGE[name]


def test_defaults_of_the_galvo_detection():
    "threshold=0.6, n_samples=5, axial_resolution=None, min_intensity=20.0."
    found = inspect.signature(xyzcorr.detect_galvo_for_slice).parameters
    defaults = {
        name: one.default
        for name, one in found.items()
        if one.default is not inspect.Parameter.empty
    }
    assert defaults == {
        "threshold": 0.6,
        "n_samples": 5,
        "axial_resolution": None,
        "min_intensity": 20.0,
    }


def test_notes_are_not_appended_unless_asked():
    "append_notes is a flag that is off."
    for function in (slice_config.stamp, slice_config.stamp_many):
        assert inspect.signature(function).parameters["append_notes"].default is False


def test_canonical_columns_of_the_page():
    "linumpy.io.slice_config.CANONICAL_COLUMNS: 14 names in the order of the page's example."
    assert slice_config.CANONICAL_COLUMNS == (
        "slice_id",
        "use",
        "quality_score",
        "galvo_confidence",
        "galvo_fix",
        "rehomed",
        "rehoming_reliable",
        "auto_excluded",
        "auto_exclude_reason",
        "interpolated",
        "interpolation_failed",
        "interpolation_method_used",
        "interpolation_fallback_reason",
        "notes",
    )


@pytest.mark.parametrize("name", PAGE_COMMANDS)
def test_a_command_of_the_page_is_installed_under_its_name(name):
    "Entry point, module and command agree."
    module = importlib.import_module(f"linumpy.scripts.{name.removesuffix('.py')}")
    assert module.COMMAND.name == name
    assert callable(module.main)


def test_the_debugging_snippet_of_the_page_runs():
    "Its call, with its keywords, gives a whole number and a number from 0 to 1."
    rng = np.random.default_rng(1)
    tiles = [rng.gamma(4, 25, (2, 160, 32)).astype(np.float32) for _ in range(3)]
    shift, conf = xyzcorr.detect_galvo_for_slice(
        tiles, n_extra=40, threshold=0.6, n_samples=5, min_intensity=20.0
    )
    assert isinstance(shift, int)
    assert 0 <= conf <= 1


def test_a_record_comes_as_an_ordered_mapping(tmp_path):
    "read gives slice id → row, keys in the order of the file, of use with plain text keys."
    (tmp_path / "c.csv").write_text("slice_id,use\n07,true\n03,false\n")
    rows = slice_config.read(tmp_path / "c.csv")
    assert list(rows) == ["07", "03"]
    assert isinstance(next(iter(rows)), SliceId)
    assert rows["03"]["use"] is False


def test_positions_are_pairs_by_the_ids_passed():
    "build_cumulative_shifts returns a dict of (dx, dy) under the ids that it was given."
    table = {"fixed_id": [0], "moving_id": [1], "x_shift_mm": [10.0], "y_shift_mm": [5.0]}
    assert build_cumulative_shifts(table, [0, 1]) == {0: (0.0, 0.0), 1: (10.0, 5.0)}


def test_every_room_lists_its_modules_by_import():
    "Each module of the package imports; a broken one is found before a user does."
    root = Path(linumpy.__file__).parent
    for path in sorted(root.rglob("*.py")):
        name = ".".join(path.relative_to(root.parent).with_suffix("").parts)
        if re.search(r"\.scripts\.|\.pipeline\.|__init__$", name):
            continue  # commands are imported, and run for --help, by test_commands
        importlib.import_module(name)
