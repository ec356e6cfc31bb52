"""Auto-exclusion: clusters of three or more bad pairs are left out, nothing else ever is."""

import json
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np

from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import precision, recall, total
from linumpy.cli import runtime
from linumpy.scripts.linum_auto_exclude_slices import COMMAND, Params

SHORTEST = 3
"""The issue's cluster."""
_KINDS = ("cluster", "run of one", "run of two", "gap", "bridged", "through an interpolated one")


class Pair(NamedTuple):
    """One registration."""

    fixed: int
    moving: int
    z_correlation: float
    is_interpolated: bool


@dataclass
class Acquisition:
    """Registered pairs as they were planted, moving slice after moving slice.

    ``planted`` holds the moving slices of clusters; ``spared`` those of bad pairs that must stay:
    runs of one and two, and runs that are shorter once the pair that bridges a gap is left out.
    """

    number: int
    threshold: float
    pairs: list["Pair"] = field(default_factory=list)
    planted: set[int] = field(default_factory=set)
    spared: set[int] = field(default_factory=set)

    def add(self, correlation: float, *, skip: int = 0, interpolated: bool = False) -> int:
        """Register the next slice onto the last one; ``skip`` ids between them are missing."""
        fixed, self.number = self.number, self.number + 1 + skip
        self.pairs.append(Pair(fixed, self.number, correlation, interpolated))
        return self.number


def draw(seed: int) -> tuple[Acquisition, dict[str, float]]:
    """Draw an acquisition of 4 to about 60 slices out of segments, good pairs between them."""
    rng = np.random.default_rng([seed, 45])
    n_wanted = int(rng.integers(4, 61))
    found = Acquisition(int(rng.choice([0, 0, 1, 95, 997])), float(rng.uniform(0.3, 0.7)))
    first = found.number
    if rng.random() < 0.7:
        _good(found, rng, int(rng.integers(1, 4)))
    while found.number - first < n_wanted:
        _segment(found, rng, _KINDS[int(rng.integers(len(_KINDS)))])
        _good(found, rng, int(rng.integers(1, 5)))
    drawn = {
        "n_slices": float(len(found.pairs) + 1),
        "first_id": float(first),
        "z_corr_threshold": found.threshold,
    }
    return found, drawn


def _good(found: Acquisition, rng: np.random.Generator, n: int) -> None:
    for _ in range(n):  # at the threshold a pair is good
        at = 0.0 if rng.random() < 0.2 else float(rng.uniform(0, 1 - found.threshold))
        found.add(found.threshold + at)


def _bad(found: Acquisition, rng: np.random.Generator, n: int) -> list[int]:
    below = 1e-6 if rng.random() < 0.2 else float(rng.uniform(0.01, found.threshold + 0.2))
    return [found.add(found.threshold - below) for _ in range(n)]


def _segment(found: Acquisition, rng: np.random.Generator, kind: str) -> None:
    """Plant one segment; a pair across a gap is no evidence, so runs end and start there."""
    bad = found.threshold / 2
    runs = [int(rng.integers(1, 5)), int(rng.integers(1, 5))]
    match kind:
        case "cluster":
            found.planted |= {*_bad(found, rng, int(rng.integers(SHORTEST, 9)))}
            return
        case "run of one" | "run of two":
            found.spared |= {*_bad(found, rng, 1 if kind == "run of one" else 2)}
            return
        case "gap":  # good pairs on both sides, the pair across the gap is bad
            found.spared.add(found.add(bad, skip=int(rng.integers(1, 4))))
            return
    for n in runs:
        moving = _bad(found, rng, n)
        (found.planted if n >= SHORTEST else found.spared).update(moving)
        if kind == "bridged":
            found.spared.add(found.add(bad, skip=int(rng.integers(1, 3))))
        else:
            found.spared.add(found.add(bad, interpolated=True))


def excluded(found: Acquisition, folder: Path) -> set[int]:
    """Run the command on the registrations, written as its stage leaves them."""
    for pair in found.pairs:
        place = folder / "pairs" / f"slice_z{pair.moving:02d}_normalize"
        place.mkdir(parents=True)
        values: dict[str, object] = {
            "fixed_volume": f"/data/slice_z{pair.fixed:02d}_normalize.ome.zarr",
            "z_correlation": pair.z_correlation,
            "moving_is_interpolated": pair.is_interpolated,
        }
        entries = {
            name: {"value": value, "unit": None, "description": "", "status": "info"}
            for name, value in values.items()
        }
        content = {"step_name": "pairwise_registration", "metrics": entries}
        (place / "pairwise_registration_metrics.json").write_text(json.dumps(content))
    ids = [found.pairs[0].fixed, *(pair.moving for pair in found.pairs)]
    lines = ["slice_id,use", *(f"{number:02d},true" for number in ids)]
    (folder / "in.csv").write_text("\n".join(lines) + "\n")
    given = Params(
        transforms_dir=folder / "pairs",
        slice_config_in=folder / "in.csv",
        slice_config_out=folder / "out" / "slice_config.csv",
        consecutive_threshold=SHORTEST,
        z_corr_threshold=found.threshold,
    )
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    head, *rows = given.slice_config_out.read_text().splitlines()
    column = head.split(",").index("auto_excluded")
    return {int(row.split(",")[0]) for row in rows if row.split(",")[column] == "true"}


def trial(seed: int) -> Trial:
    """Return what was planted and what was left out, one value per moving slice."""
    planted, drawn = draw(seed)
    with tempfile.TemporaryDirectory() as folder:
        out = excluded(planted, Path(folder))
    moving = [pair.moving for pair in planted.pairs]
    found = {
        "is_excluded": tuple(float(number in out) for number in moving),
        "is_in_cluster": tuple(float(number in planted.planted) for number in moving),
        "is_short_run_excluded": tuple(float(number in out) for number in sorted(planted.spared)),
        "n_wrong": (float(len(out ^ planted.planted)),),
    }
    return Trial(seed=seed, drawn=drawn, found=found)


MEASURE = Measure(
    name="auto-exclusion",
    how=(
        "Acquisitions of 4 to about 60 slices are put together from segments: clusters of 3 to 8 "
        "bad pairs, runs of one and two, bad pairs across ids that were never acquired, runs that "
        "such a pair or an interpolated slice joins, with good pairs between them, some exactly at "
        "the threshold. The registrations are written as the stage leaves them, and "
        "`linum_auto_exclude_slices.py` runs on them. What is a cluster is known from the "
        "planting, not computed from the correlations. A pair across a gap is no evidence: its "
        "slices are too far apart to agree."
    ),
    trial=trial,
    targets=(
        Target(
            label="slices left out that are in a cluster of 3 or more",
            statistic=precision("is_excluded", "is_in_cluster"),
            needs=("is_excluded", "is_in_cluster"),
            sense="at least",
            bound=1.0,
        ),
        Target(
            label="slices of clusters of 3 or more that are left out",
            statistic=recall("is_excluded", "is_in_cluster"),
            needs=("is_excluded", "is_in_cluster"),
            sense="at least",
            bound=1.0,
        ),
        Target(
            label="slices of runs of 1 and 2, of gaps and bridges, that are left out",
            statistic=total("is_short_run_excluded"),
            needs=("is_short_run_excluded",),
            sense="at most",
            bound=0.0,
        ),
    ),
    quick=40,
    full=200,
    worst_by="n_wrong",
)
