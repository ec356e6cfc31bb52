"""Metrics of a stage: the JSON file that each stage leaves and that the report reads.

Layout (domain.md 2.6): ``step_name``, ``timestamp``, ``overall_status``, ``metrics`` by name,
``warnings``, ``errors``. No NaN or Infinity: what is not finite is written as null.
What the numbers mean is the business of the stage that adds them.
"""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, TypeAlias, get_args

import numpy as np

from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io.atomic import write_json

Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"
Status = Literal["ok", "warning", "error", "info"]
OverallStatus = Literal["ok", "warning", "error"]


@dataclass(frozen=True, slots=True)
class Threshold:
    """Limits of a metric; None where there is no such limit. Comparison is strict.

    Of a metric that ``has_sign``, the magnitude is compared: a large turn to the left is no
    better than one to the right.
    """

    warning: float | None
    error: float | None
    is_higher_better: bool
    has_sign: bool = False

    def judge(self, value: float) -> OverallStatus:
        """Return the status of a value.

        Examples
        --------
        >>> THRESHOLDS["correlation"].judge(0.7), THRESHOLDS["correlation"].judge(0.69)
        ('ok', 'warning')
        """
        if self._fails(value, self.error):
            return "error"
        return "warning" if self._fails(value, self.warning) else "ok"

    def describe(self, name: str, value: float, status: OverallStatus) -> str:
        """Return the text of an issue: ``name: value > threshold (error threshold)``."""
        limit = self.error if status == "error" else self.warning
        sign = "<" if self.is_higher_better else ">"
        return f"{name}: {value:.4g} {sign} {limit:g} ({status} threshold)"

    def _fails(self, value: float, limit: float | None) -> bool:
        if limit is None:
            return False
        value = abs(value) if self.has_sign else value
        return value < limit if self.is_higher_better else value > limit


def _low(warning: float | None, error: float) -> Threshold:
    return Threshold(warning, error, is_higher_better=False)


def _high(warning: float, error: float) -> Threshold:
    return Threshold(warning, error, is_higher_better=True)


THRESHOLDS: Mapping[str, Threshold] = {
    "registration_error": _low(0.05, 0.15),
    "registration_confidence": _high(0.4, 0.3),
    "translation_magnitude": _low(30, 50),  # px
    "rotation_degrees": Threshold(1, 2, is_higher_better=False, has_sign=True),
    "correlation": _high(0.7, 0.5),
    "tissue_coverage": _high(0.1, 0.05),
    "mask_coverage": _high(0.05, 0.01),
    "agarose_coverage": _high(0.05, 0.01),
    "empty_fraction": _low(0.5, 0.8),
    "interface_depth": _low(50, 100),  # px
    "profile_quality": _high(0.5, 0.3),
    "psf_max": _high(0.1, 0.05),
    "rms_residual": _low(5, 15),  # px
    "z_offset_std": _low(10, 25),
    "z_offset_range": _low(15, 30),
    "std_background": _low(0.1, 0.25),
    "min_slice_coverage": _high(0.02, 0.005),
    "std_slice_coverage": _low(0.15, 0.3),
    "interface_min_depth_px": _low(None, 5),
    "interface_max_depth_fraction": _low(None, 0.5),
}
"""Default limits of all stages (domain.md 2.7)."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One named value of a stage; ``unit`` is empty for plain information."""

    name: str
    value: Json
    unit: str = ""
    description: str = ""
    status: Status = "info"


@dataclass(slots=True)
class Metrics:
    """Collects what a stage measured.

    Parameters
    ----------
    step_name : str
        As in domain.md 2.8, for example ``pairwise_registration``.

    Examples
    --------
    >>> metrics = Metrics("pairwise_registration")
    >>> metrics.add("z_correlation", 0.6, threshold="correlation")
    >>> metrics.overall_status, metrics.warnings
    ('warning', ['z_correlation: 0.6 < 0.7 (warning threshold)'])
    """

    step_name: str
    metrics: dict[str, Metric] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    timestamp: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def overall_status(self) -> OverallStatus:
        """``error`` if there is any error text, else ``warning`` if any, else ``ok``."""
        if self.errors:
            return "error"
        return "warning" if self.warnings else "ok"

    def add(
        self,
        name: str,
        value: object,
        *,
        unit: str = "",
        description: str = "",
        threshold: str | None = None,
    ) -> None:
        """Add a measured value and judge it.

        Parameters
        ----------
        name : str
            Replaces an earlier value of this name.
        value : object
            Numbers are judged; what is not finite is kept as None, an error where a limit stands.
        unit, description : str
            For the reader.
        threshold : str, optional
            Row of `THRESHOLDS`; default: the row called ``name``, if there is one.

        Raises
        ------
        BadValue
            If ``threshold`` is no row of the table.
        """
        if threshold is not None and threshold not in THRESHOLDS:
            raise BadValue(f"no threshold {threshold!r}; there are {', '.join(THRESHOLDS)}")
        limits = THRESHOLDS.get(threshold or name)
        plain = to_json(value)
        status = self._judge(name, plain, limits)
        self.metrics[name] = Metric(name, plain, unit, description, status)

    def info(self, name: str, value: object, description: str = "") -> None:
        """Add a value that is not judged: a path, a parameter, a count."""
        self.metrics[name] = Metric(name, to_json(value), "", description, "info")

    def warn(self, text: str) -> None:
        """Add a warning that is no threshold's."""
        self.warnings.append(text)

    def fail(self, text: str) -> None:
        """Add an error that is no threshold's."""
        self.errors.append(text)

    def number(self, name: str) -> float | None:
        """Return a metric as a number; None when it is absent or not a number."""
        found = self.metrics.get(name)
        if found is None or isinstance(found.value, bool | str | list | dict | None):
            return None
        return float(found.value)

    def text(self, name: str) -> str | None:
        """Return a metric as text; None when it is absent or not text."""
        found = self.metrics.get(name)
        return found.value if found is not None and isinstance(found.value, str) else None

    def flag(self, name: str) -> bool | None:
        """Return a metric as a boolean; None when it is absent or not a boolean."""
        found = self.metrics.get(name)
        return found.value if found is not None and isinstance(found.value, bool) else None

    def _judge(self, name: str, value: Json, limits: Threshold | None) -> Status:
        if limits is None:
            return "ok"
        if not isinstance(value, int | float):
            self.errors.append(f"{name}: not measured")
            return "error"
        status = limits.judge(value)
        if status != "ok":
            issues = self.errors if status == "error" else self.warnings
            issues.append(limits.describe(name, value, status))
        return status


def write_metrics(path: str | Path, metrics: Metrics) -> None:
    """Write the metrics file of a stage, whole or not at all."""
    write_json(
        path,
        {
            "step_name": metrics.step_name,
            "timestamp": metrics.timestamp,
            "overall_status": metrics.overall_status,
            "metrics": {name: _to_entry(metric) for name, metric in metrics.metrics.items()},
            "warnings": metrics.warnings,
            "errors": metrics.errors,
        },
    )


def read_metrics(path: str | Path) -> Metrics:
    """Read a metrics file.

    Raises
    ------
    MissingFile
        If it does not exist.
    BadFile
        If it is not JSON, or not a metrics file.
    """
    content = read_json(path)
    entries, step_name = content.get("metrics"), content.get("step_name")
    if not isinstance(entries, dict) or not isinstance(step_name, str):
        raise BadFile(
            f"{path}: not a metrics file; step_name and metrics are needed, "
            f"found {', '.join(content) or 'nothing'}",
            hint="run the stage that wrote it again",
        )
    return Metrics(
        step_name=step_name,
        metrics={name: _from_entry(name, entry) for name, entry in entries.items()},
        warnings=_texts(content.get("warnings")),
        errors=_texts(content.get("errors")),
        timestamp=str(content.get("timestamp", "")),
    )


def read_json(path: str | Path) -> dict[str, Json]:
    """Read a JSON file that holds an object.

    Raises
    ------
    MissingFile
        If it does not exist.
    BadFile
        If it is truncated, holds NaN, is no JSON or is no object.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file", hint="run the stage that writes it")
    try:
        content = json.loads(path.read_bytes(), parse_constant=_refuse_constant)
    except ValueError as error:  # also what is not UTF-8
        raise BadFile(
            f"{path}: not valid JSON ({error})", hint="run the stage that wrote it again"
        ) from error
    if not isinstance(content, dict):
        raise BadFile(f"{path}: a JSON object is needed, found {type(content).__name__}")
    return content


def to_json(value: object) -> Json:
    """Return ``value`` as JSON can hold it: not-finite numbers as None, paths as text.

    Raises
    ------
    BadValue
        If the value is of a kind that JSON cannot hold.

    Examples
    --------
    >>> to_json({"ncc": np.float32("-inf"), "shape": (2, np.int64(3))})
    {'ncc': None, 'shape': [2, 3]}
    """
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {str(key): to_json(part) for key, part in value.items()}
    if isinstance(value, Iterable):
        return [to_json(part) for part in value]
    raise BadValue(f"a {type(value).__name__} cannot stand in a JSON file")


def _to_entry(metric: Metric) -> dict[str, Json]:
    entry: dict[str, Json] = {"value": metric.value}
    if metric.unit:
        entry["unit"] = metric.unit
    entry["description"] = metric.description
    entry["status"] = metric.status
    return entry


def _from_entry(name: str, entry: Json) -> Metric:
    if not isinstance(entry, dict):
        return Metric(name, entry)
    status = entry.get("status", "info")
    return Metric(
        name=name,
        value=entry.get("value"),
        unit=str(entry.get("unit") or ""),
        description=str(entry.get("description") or ""),
        status=next((s for s in get_args(Status) if s == status), "info"),
    )


def _texts(value: Json) -> list[str]:
    return [str(part) for part in value] if isinstance(value, list) else []


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
