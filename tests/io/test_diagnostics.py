"""Metrics files: judged by the table, read back as written, never with NaN."""

import json
from pathlib import Path

import numpy as np
import pytest

from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io.diagnostics import THRESHOLDS, Metrics, read_metrics, to_json, write_metrics


@pytest.mark.parametrize(
    ("threshold", "value", "status"),
    [
        ("correlation", 0.7, "ok"),
        ("correlation", 0.69, "warning"),
        ("correlation", 0.49, "error"),
        ("rotation_degrees", 1.0, "ok"),
        ("rotation_degrees", -1.5, "warning"),
        ("rotation_degrees", -2.5, "error"),
        ("registration_error", -0.9, "ok"),
        ("interface_min_depth_px", 4.0, "ok"),
        ("interface_min_depth_px", 6.0, "error"),
    ],
)
def test_limits_are_strict_and_signed_values_count_by_magnitude(threshold, value, status):
    "A value on the limit passes; a large negative rotation does not."
    metrics = Metrics("step")
    metrics.add("x", value, threshold=threshold)
    assert metrics.metrics["x"].status == status
    assert metrics.overall_status == status


def test_the_name_of_a_metric_finds_its_limits():
    "A metric named like a row of the table is judged by it."
    metrics = Metrics("step")
    metrics.add("translation_magnitude", 31.0, unit="pixels")
    assert metrics.warnings == ["translation_magnitude: 31 > 30 (warning threshold)"]


def test_a_value_that_was_not_measured_fails_its_limit():
    "NaN is null in the file, and no pass."
    metrics = Metrics("step")
    metrics.add("correlation", float("nan"))
    assert metrics.metrics["correlation"].value is None
    assert metrics.errors == ["correlation: not measured"]


def test_unknown_threshold_is_refused():
    "A threshold that is not in the table is a mistake, not no limit."
    with pytest.raises(BadValue, match="no threshold 'corelation'"):
        Metrics("step").add("x", 1.0, threshold="corelation")


def test_reading_gives_back_what_was_written(tmp_path: Path):
    "write then read is the identity."
    metrics = Metrics("pairwise_registration")
    metrics.add(
        "z_correlation", np.float32(0.625), description="of planes", threshold="correlation"
    )
    metrics.add("translation_x", -3.5, unit="pixels")
    metrics.info("fixed_volume", Path("a/slice_z03.ome.zarr"))
    metrics.info("rotation_enabled", value=True)
    metrics.info("offsets", np.arange(2))
    metrics.warn("é")
    path = tmp_path / "m.json"
    write_metrics(path, metrics)
    again = read_metrics(path)
    assert again == metrics
    assert again.number("z_correlation") == 0.625
    assert again.number("fixed_volume") is None
    assert again.number("rotation_enabled") is None
    assert again.flag("rotation_enabled") is True
    assert again.text("fixed_volume") == "a/slice_z03.ome.zarr"
    assert again.text("absent") is None
    keys = ["step_name", "timestamp", "overall_status", "metrics", "warnings", "errors"]
    assert list(json.loads(path.read_text())) == keys


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not valid JSON"),
        ('{"step_name": "x", "metr', "not valid JSON"),
        ('{"step_name": "x", "metrics": {"a": {"value": NaN}}}', "NaN is not JSON"),
        ("[]", "a JSON object is needed, found list"),
        ('{"metrics": 3}', "step_name and metrics are needed"),
        ("{}", "found nothing"),
    ],
)
def test_a_broken_file_is_named(tmp_path: Path, text, message):
    "Truncated, foreign and non-JSON files are refused with their name."
    path = tmp_path / "broken_metrics.json"
    path.write_text(text)
    with pytest.raises(BadFile, match=f"broken_metrics.json.*{message}"):
        read_metrics(path)


def test_missing_file(tmp_path: Path):
    "No file is an error of its own."
    with pytest.raises(MissingFile, match=r"none\.json"):
        read_metrics(tmp_path / "none.json")


def test_sparse_entries_are_read(tmp_path: Path):
    "Files of other writers lack units and statuses."
    path = tmp_path / "m.json"
    path.write_text('{"step_name": "s", "metrics": {"a": 3, "b": {"value": 1, "status": "odd"}}}')
    metrics = read_metrics(path)
    assert metrics.number("a") == 3
    assert metrics.metrics["b"].status == "info"


def test_to_json_refuses_what_json_cannot_hold():
    "An object of another kind is a mistake of ours, said at once."
    with pytest.raises(BadValue, match="a object cannot"):
        to_json({"a": object()})


def test_every_threshold_orders_its_limits():
    "The error limit is never the milder one."
    for name, limits in THRESHOLDS.items():
        if limits.warning is not None and limits.error is not None:
            assert (limits.error < limits.warning) == limits.is_higher_better, name
