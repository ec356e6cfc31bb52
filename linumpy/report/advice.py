"""What the user should know, and what to do about it."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator

from linumpy.core.fate import failures
from linumpy.core.slice_id import SliceId
from linumpy.report import words
from linumpy.report.contexts import Warn
from linumpy.report.facts import Facts

SAID_BY_PAIRS = "pairwise_registration"
"""Step whose limits and errors are said once for all pairs by `_weak_pairs`."""
THRESHOLD = "threshold)"
"""How the text of a limit that was crossed ends (io.diagnostics)."""
MAX_ISSUES = 8


def collect(facts: Facts) -> tuple[Warn, ...]:
    """Return every warning, the grave ones first, otherwise in the order of the run."""
    found = [warn for source in SOURCES for warn in source(facts)]
    return tuple(sorted(dict.fromkeys(found), key=lambda warn: warn.level != "bad"))


def _unreadable(facts: Facts) -> Iterator[Warn]:
    root = facts.evidence.root
    for one in (*facts.evidence.unreadable, *facts.gallery.unreadable):
        name = one.path.relative_to(root) if one.path.is_relative_to(root) else one.path
        yield Warn(
            "bad",
            f"{name} cannot be used",
            one.why,
            "Its part of this page is missing. Run the same command again: it makes what is "
            "broken again.",
        )


def _balance(facts: Facts) -> Iterator[Warn]:
    if facts.adds_up:
        return
    rows = set(facts.rows)
    lost = sorted(facts.expected_ids - rows)
    foreign = sorted(rows - facts.expected_ids)
    parts = [f"{words.ids([*lost])} without a row"] if lost else []
    parts += [f"{words.ids([*foreign])} without raw tiles"] if foreign else []
    yield Warn(
        "bad",
        f"The record does not add up: {', '.join(parts)}",
        "Every slice that was seen, or missed between two seen ones, has exactly one row.",
        "Run the same command again. When it stays, please report it: nothing may disappear.",
    )


def _failed(facts: Facts) -> Iterator[Warn]:
    for slice_id, fate in facts.fates.items():
        if fate == "failed":
            why = failures(facts.rows[slice_id])[0]
            yield Warn(
                "bad",
                f"Slice {slice_id} failed",
                why,
                "Mend what the message names and run the same command again; only this slice and "
                "what depends on it is redone. To go without it, set use=false.",
            )


def _from_run(facts: Facts) -> Iterator[Warn]:
    for one in facts.evidence.run.warnings:
        yield Warn("look", one.what, one.why, one.do)


def _axial(facts: Facts) -> Iterator[Warn]:
    implied = facts.implied_axial
    if implied is None or not implied.is_off:
        return
    axial = facts.evidence.scan.axial_um
    try_it = f" (here {axial * implied.factor:.2f} µm)" if axial else ""
    yield Warn(
        "bad",
        f"The axial sampling seems to be off by a factor of {implied.factor:.2f}",
        f"Neighbouring slices match at a depth that is not the cut interval, in "
        f"{implied.n_pairs} pairs (factor {implied.factor:.3f} ± {implied.standard_error:.3f}).",
        f"Check --axial_resolution: it is µm in tissue, the value in air divided by the "
        f"refractive index. Multiply it by the factor{try_it} and run again, or correct "
        f"--slicing_interval_mm when that is what is wrong.",
    )


def _galvo_off(facts: Facts) -> Iterator[Warn]:
    scored = any(row.get("galvo_confidence") is not None for row in facts.rows.values())
    said = any("galvo" in one.what.lower() for one in facts.evidence.run.warnings)
    if facts.rows and (facts.evidence.scan.n_extra or 0) > 0 and not scored and not said:
        yield Warn(
            "look",
            "Galvo detection was off",
            f"info.txt says n_extra = {facts.evidence.scan.n_extra:g}: a misplaced galvo return "
            "would show as bands across every tile.",
            "Look at the thumbnails; where there are bands, run again with --detect_galvo.",
        )


def _rehoming(facts: Facts) -> Iterator[Warn]:
    doubtful = [i for i, row in facts.rows.items() if row.get("rehoming_reliable") is False]
    if doubtful:
        yield Warn(
            "look",
            f"The shift that leads to {words.ids([*doubtful])} is not certain",
            "The step is large, the tile grid changed, or the images contradict the stage.",
            "Look at the views around these slices. If they are out of place, run again with "
            "--refine_unreliable, or correct their rows in shifts_xy.csv.",
        )


def _weak_pairs(facts: Facts) -> Iterator[Warn]:
    weak = [
        p.moving
        for p in facts.evidence.pairs
        if p.confidence is not None
        and p.confidence < facts.confidence_low
        and not _touches_interpolated(facts, p.fixed, p.moving)
    ]
    if weak:
        yield Warn(
            "look",
            f"Registration has little confidence in {words.ids([*weak])}",
            f"Below {facts.confidence_low:g} a registration does not count: the slice lies where "
            "the stage and its other neighbour put it.",
            "Compare it with its neighbours in the views. Damaged slices are better excluded "
            "(use=false in slice_config.csv).",
        )


def _touches_interpolated(facts: Facts, *ids: SliceId | None) -> bool:
    return any(facts.fates.get(i) == "interpolated" for i in ids if i is not None)


def _gaps(facts: Facts) -> Iterator[Warn]:
    refused = {
        i: words.explain(str(row.get("interpolation_fallback_reason") or ""))
        for i, row in facts.rows.items()
        if row.get("interpolation_failed")
    }
    for slice_id, why in refused.items():
        yield Warn(
            "look",
            f"The slot of slice {slice_id} stays empty",
            f"Interpolation was refused: {why or 'no reason given'}.",
            "Nothing is invented there. If the slice itself is usable after all, set use=true.",
        )


def _from_metrics(facts: Facts) -> Iterator[Warn]:
    said: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for one in facts.evidence.metrics:
        is_pair = one.step == SAID_BY_PAIRS
        for level, texts in (("bad", () if is_pair else one.errors), ("look", one.warnings)):
            for text in (t for t in texts if not (is_pair and t.endswith(THRESHOLD))):
                said[level, one.step, _kind(text)].append(f"{one.label}: {text}")
    for (level, step, kind), lines in said.items():
        shown = "; ".join(lines[:MAX_ISSUES])
        more = f"; and {len(lines) - MAX_ISSUES} more" if len(lines) > MAX_ISSUES else ""
        times = "" if len(lines) == 1 else f" ({len(lines)} times)"
        yield Warn(
            level,
            f"{step.replace('_', ' ').capitalize()}: {kind}{times}",
            f"{shown}{more}",
            "The numbers stand under “Every number”; what they mean, and which flag moves them, "
            "is in docs/troubleshooting.md.",
        )


def _kind(text: str) -> str:
    """Return what an issue is about, so that equal issues are one: a metric, or what it says.

    Examples
    --------
    >>> _kind("interface_depth: 4 (limit 20, threshold)"), _kind("3 tiles keep their position")
    ('interface depth', 'tiles keep their position')
    """
    name, colon, _ = text.partition(":")
    if colon and " " not in name:
        return name.replace("_", " ")
    return _NUMBER.sub("", text).strip()


_NUMBER = re.compile(r"(^|(?<=\s))[-−+]?\d[\d.,]*\s*%?\s*")
"""A number on its own: issues that differ by it alone are one."""


SOURCES: tuple[Callable[[Facts], Iterator[Warn]], ...] = (
    _unreadable,
    _balance,
    _failed,
    _axial,
    _from_run,
    _galvo_off,
    _rehoming,
    _weak_pairs,
    _gaps,
    _from_metrics,
)
