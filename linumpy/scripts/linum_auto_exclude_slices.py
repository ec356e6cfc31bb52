"""Leave out clusters of consecutive slices that do not register with their neighbours."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from linumpy.cli.command import Command, Count, Fraction, Ids, Product, Source
from linumpy.cli.fields import Keep, ManualTransforms
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from linumpy.core.slice_id import SliceId
    from linumpy.io.slice_config import Rows
    from linumpy.quality.exclude import Pairing

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Leave out clusters of consecutive slices that do not register with their neighbours."""

    transforms_dir: Source
    """folder of pairwise registrations, one folder per moving slice"""
    slice_config_in: Source
    """slice_config.csv to stamp"""
    slice_config_out: Product
    """where the stamped slice_config.csv goes"""
    consecutive_threshold: Count = 3
    """shortest run of bad pairs that is a cluster"""
    z_corr_threshold: Fraction = 0.4
    """a pair is bad when its planes correlate less"""
    keep: Keep = ()
    manual_transforms: ManualTransforms = None


def run(p: Params, job: Job) -> None:
    """Collect the correlations, find the clusters, stamp the record."""
    from linumpy.io import history, slice_config
    from linumpy.quality.exclude import noisy_clusters

    before = slice_config.read(p.slice_config_in)
    pairings = _collect(p.transforms_dir)
    if not pairings:
        log.warning("%s holds no registration metrics: nothing is left out", p.transforms_dir)
    pairings = _with_hand_set(pairings, p.manual_transforms)
    clusters = noisy_clusters(
        pairings,
        z_corr_threshold=p.z_corr_threshold,
        consecutive_threshold=p.consecutive_threshold,
    )
    rows = _stamp(before, pairings, clusters, p.keep)
    p.slice_config_out.parent.mkdir(parents=True, exist_ok=True)
    _write_metrics(p, rows, len(clusters))
    history.write_record(p.slice_config_out, rows, before=p.slice_config_in, author=job)


def _collect(folder: Path) -> "dict[SliceId, Pairing]":
    """Return what was measured of every moving slice; links to folders are followed."""
    import os

    from linumpy.core.filenames import PAIRWISE_METRICS
    from linumpy.io import diagnostics
    from linumpy.quality.exclude import Pairing

    found: dict[SliceId, Pairing] = {}
    for place, _, names in sorted(os.walk(folder, followlinks=True)):
        moving = _id_in(Path(place).name)
        if PAIRWISE_METRICS not in names or moving is None:
            continue
        metrics = diagnostics.read_metrics(Path(place) / PAIRWISE_METRICS)
        correlation = metrics.number("z_correlation")
        if correlation is None:
            log.warning("z%s: its metrics have no z_correlation; passed over", moving)
        elif metrics.flag("fixed_is_interpolated") or metrics.flag("moving_is_interpolated"):
            log.info("z%s: registered with an interpolated slice; passed over", moving)
        else:
            fixed = _id_in(Path(metrics.text("fixed_volume") or "").name)
            found[moving] = Pairing(fixed, correlation)
    return found


def _with_hand_set(
    pairings: "Mapping[SliceId, Pairing]", path: Path | None
) -> "dict[SliceId, Pairing]":
    """Return the pairings, those that a person has set as good as a pair can be."""
    from linumpy.io import manual
    from linumpy.quality.exclude import Pairing

    by_hand = manual.read(path) if path is not None else {}
    found = dict(pairings)
    for moving in sorted(set(by_hand) & set(found)):
        log.info("z%s: set by hand, so a good pair", moving)
        found[moving] = Pairing(found[moving].fixed, 1.0)
    return found


def _id_in(name: str) -> "SliceId | None":
    import re

    from linumpy.core.slice_id import SliceId

    match = re.search(r"z(\d+)", name)
    return None if match is None else SliceId(match[1])


def _stamp(
    rows: "Rows",
    pairings: "Mapping[SliceId, Pairing]",
    clusters: "Sequence[tuple[SliceId, ...]]",
    keep: Ids,
) -> "Rows":
    """Return the rows with every evaluated slice stamped."""
    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import UnknownSlice
    from linumpy.io import slice_config
    from linumpy.quality.exclude import reason

    kept = parse_ids(keep)
    unknown = [key for key in kept if key not in rows]
    if unknown:
        raise UnknownSlice(
            f"--keep {', '.join(unknown)}: no such slice", hint=f"there are {', '.join(rows)}"
        )
    absent = sorted(set(pairings) - set(rows))
    if absent:
        log.warning("registered but not in the config: %s", ", ".join(absent))
    reasons = {key: reason(cluster) for cluster in clusters for key in cluster}
    for key in sorted(set(pairings) & set(rows)):
        why = reasons.get(key, "")
        update: dict[str, object] = {
            "auto_excluded": bool(why) and key not in kept,
            "auto_exclude_reason": "" if key in kept else why,
        }
        if why:
            log.info("z%s: %s%s", key, why, ", kept by the user" if key in kept else "")
        if why and key in kept:
            update["notes"] = f"kept_by_user (would be {why})"
        rows = slice_config.stamp(rows, key, update, append_notes=True)
    return rows


def _write_metrics(p: Params, rows: "Rows", n_clusters: int) -> None:
    from linumpy.io import diagnostics

    excluded = [key for key, row in rows.items() if row["auto_excluded"]]
    metrics = diagnostics.Metrics("auto_exclude")
    metrics.info("output_slice_config", p.slice_config_out)
    metrics.info("num_total_slices", len(rows))
    metrics.info("num_auto_excluded", len(excluded))
    metrics.info("auto_excluded_slice_ids", excluded)
    metrics.info("num_clusters", n_clusters)
    metrics.info("z_corr_threshold", p.z_corr_threshold)
    metrics.info("consecutive_threshold", p.consecutive_threshold)
    diagnostics.write_metrics(p.slice_config_out.parent / "auto_exclude_metrics.json", metrics)


COMMAND = Command(Params, run, stamps=("auto_excluded", "auto_exclude_reason", "notes"))
main = COMMAND.main
