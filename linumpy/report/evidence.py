"""What a run folder says, as values: everything that was found, nothing that was computed.

A field is None, empty or 0-length where the run did not get that far. `report.folder` reads it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io.history import Change
from linumpy.io.lenient import Unreadable

Value = bool | float | None | str


@dataclass(frozen=True, slots=True)
class StageRun:
    """One task of a stage, as run.json tells it; ``slice_id`` is empty for a whole stage."""

    stage: str
    slice_id: str
    seconds: float | None
    peak_bytes: float | None
    bytes_written: float | None
    status: str


@dataclass(frozen=True, slots=True)
class Advice:
    """A warning: what was found, why it matters or came about, what to do."""

    what: str
    why: str = ""
    do: str = ""


@dataclass(frozen=True, slots=True)
class Run:
    """run.json: the command, its parameters and what it cost."""

    command: str = ""
    version: str = ""
    commit: str = ""
    subject: str = ""
    versions: tuple[tuple[str, str], ...] = ()
    parameters: tuple[tuple[str, str], ...] = ()
    inputs: tuple[tuple[str, str], ...] = ()
    stages: tuple[StageRun, ...] = ()
    warnings: tuple[Advice, ...] = ()
    slicing_interval_mm: float | None = None

    def parameter(self, name: str) -> str:
        """Return a parameter as text; empty when it was not said."""
        return dict(self.parameters).get(name, "")


@dataclass(frozen=True, slots=True)
class Scan:
    """acquisition.json: what the raw headers said; pairs are (x, y)."""

    ids: tuple[SliceId, ...] = ()
    never_acquired: tuple[SliceId, ...] = ()
    slicing_interval_mm: float | None = None
    axial_um: float | None = None
    lateral_um: tuple[float | None, float | None] = (None, None)
    n_extra: float | None = None
    n_tiles: int = 0
    fov_mm: tuple[float | None, float | None] = (None, None)
    step_mm: tuple[float | None, float | None] = (None, None)
    has_positions: bool = True
    header: Mapping[str, object] = field(default_factory=dict)
    dates: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """slice_config.csv, the newest that was found; ``path`` is None when there is none."""

    path: Path | None
    rows: Mapping[SliceId, Mapping[str, Value]]
    history: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Metric:
    """One entry of a metrics file."""

    value: object
    unit: str
    status: str


@dataclass(frozen=True, slots=True)
class StageMetrics:
    """One ``*_metrics.json``; ``label`` is the slice that it speaks of, or its folder."""

    step: str
    label: str
    status: str
    metrics: Mapping[str, Metric]
    warnings: tuple[str, ...]
    errors: tuple[str, ...]

    def number(self, name: str) -> float | None:
        """Return a finite number of that name, or None."""
        entry = self.metrics.get(name)
        return as_number(entry.value) if entry else None


@dataclass(frozen=True, slots=True)
class GalvoFinding:
    """``slice_z{NN}_galvo.json``: the pooled A-line profile, the roll that was found in it.

    ``shift_px`` is the roll to apply; with N samples the band starts at (N − shift − n) mod N.
    """

    slice_id: SliceId
    confidence: float | None
    shift_px: float | None
    n_extra: float | None
    profile: NDArray[np.float64] | None
    terms: tuple[tuple[str, float], ...] = ()

    @property
    def band_px(self) -> tuple[int, int] | None:
        """First sample of the band, and its width; None when the file does not tell."""
        if self.profile is None or self.shift_px is None or not self.n_extra:
            return None
        n, width = len(self.profile), int(self.n_extra)
        return (int(n - self.shift_px - width) % n, width)


@dataclass(frozen=True, slots=True)
class PairFinding:
    """Pairwise registration of one moving slice onto the slice above it.

    ``depth_planes`` is how many planes below the top of the fixed slice the top of the moving one
    was found; a fraction where the stage says so.
    """

    moving: SliceId
    fixed: SliceId | None
    x_px: float | None
    y_px: float | None
    rotation_deg: float | None
    confidence: float | None
    z_correlation: float | None
    depth_planes: float | None
    status: str


@dataclass(frozen=True, slots=True)
class StackDecision:
    """One row of stacking_decisions.csv."""

    slice_id: SliceId
    fixed_id: str
    transform: str
    confidence: float | None
    overlap_source: str
    overlap_voxels: float | None
    blend_voxels: float | None
    correlation: float | None
    reason: str

    @property
    def is_manual(self) -> bool:
        """Whether a person set the transform."""
        return self.transform == "manual"


@dataclass(frozen=True, slots=True)
class Correction:
    """How far the stack moved a slice from where the stage had it (stack_diagnostics.json)."""

    slice_id: SliceId
    x_um: float | None
    y_um: float | None
    rotation_deg: float | None


@dataclass(frozen=True, slots=True)
class GapFinding:
    """``slice_z{NN}_interpolated_diagnostics.json``: an attempt to fill the slot of a slice."""

    slice_id: SliceId
    is_filled: bool
    method: str
    reason: str
    ncc_before: float | None
    ncc_after: float | None
    preview: Path | None


@dataclass(frozen=True, slots=True)
class AtlasFit:
    """``3d_volume_ras_transform.json``; the scores are mutual information, nats."""

    atlas: str
    orientation: str
    transform: str
    score: float | None
    start_score: float | None


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that the report knows about a run."""

    root: Path
    run: Run
    scan: Scan
    record: Record
    shifts: tuple[Shift, ...]
    clean_shifts: tuple[Shift, ...]
    galvo: tuple[GalvoFinding, ...]
    pairs: tuple[PairFinding, ...]
    stack: tuple[StackDecision, ...]
    corrections: tuple[Correction, ...]
    gaps: tuple[GapFinding, ...]
    atlas: AtlasFit | None
    metrics: tuple[StageMetrics, ...]
    unreadable: tuple[Unreadable, ...]


def as_number(value: object) -> float | None:
    """Return a finite number from JSON or from a cell, else None.

    Examples
    --------
    >>> as_number("0.5"), as_number(None), as_number("nan"), as_number(True)
    (0.5, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if np.isfinite(number) else None
