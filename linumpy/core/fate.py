"""What became of a slice, read from its row alone; no column holds it."""

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from linumpy.core.slice_id import SliceId
from linumpy.errors import Defect

Fate = Literal["measured", "interpolated", "failed", "gap", "excluded"]
FATES: tuple[Fate, ...] = get_args(Fate)
NOT_ACQUIRED = "not_acquired"
FAILED = "failed: "


def fate(row: Mapping[str, object], *, stacks_auto_excluded: bool = False) -> Fate:
    """Say what became of a slice: the first of the five that holds.

    Parameters
    ----------
    row : mapping
        One row of slice_config, as `io.slice_config.read` gives it.
    stacks_auto_excluded : bool
        The stack took auto-excluded slices by their motor position (``--auto_excluded
        motor_only``), so their own voxels are in it.

    Returns
    -------
    {"measured", "interpolated", "failed", "gap", "excluded"}
        measured: its own voxels are in the stack. interpolated: its slot is filled from its
        neighbours. failed: a stage gave up (note ``failed: …``). gap: never acquired, or its
        interpolation was refused. excluded: left out by decision.

    Examples
    --------
    >>> fate({"use": True}), fate({"use": False, "notes": "thin; not_acquired"})
    ('measured', 'gap')
    """
    notes = notes_of(row)
    if row["use"] and (stacks_auto_excluded or not row.get("auto_excluded")):
        return "measured"
    if row.get("interpolated"):
        return "interpolated"
    if failures(row):
        return "failed"
    if row.get("interpolation_failed") or NOT_ACQUIRED in notes:
        return "gap"
    return "excluded"


def notes_of(row: Mapping[str, object]) -> list[str]:
    """Return the notes of a row, one by one.

    Examples
    --------
    >>> notes_of({"notes": "thin; not_acquired"})
    ['thin', 'not_acquired']
    """
    return [note for note in str(row.get("notes") or "").split("; ") if note]


def failures(row: Mapping[str, object]) -> list[str]:
    """Return ``<stage>: <reason>`` for every stage that gave up on the slice."""
    return [note.removeprefix(FAILED) for note in notes_of(row) if note.startswith(FAILED)]


def failure_note(stage: str, reason: str) -> str:
    """Return the note of a slice that a stage gave up on; one line, one part.

    Examples
    --------
    >>> failure_note("stitch", "tile 3 is truncated; copy it again")
    'failed: stitch: tile 3 is truncated, copy it again'
    """
    return f"{FAILED}{stage}: {' '.join(reason.split())}".replace("; ", ", ")


def count(rows: Mapping[SliceId, Mapping[str, object]], **options: bool) -> dict[Fate, int]:
    """Return how many slices had each fate, all five named."""
    found = [fate(row, **options) for row in rows.values()]
    return {one: found.count(one) for one in FATES}


def check_sum(
    rows: Mapping[SliceId, Mapping[str, object]],
    seen: Iterable[str],
    never_acquired: Iterable[str],
    **options: bool,
) -> dict[Fate, int]:
    """Return the number of slices of each fate, once it is sure that none disappeared.

    Parameters
    ----------
    rows : mapping
        The final record.
    seen, never_acquired : iterable of str
        Ids with raw tiles, and ids between them without any.

    Raises
    ------
    Defect
        If measured + interpolated + failed + gap + excluded is not seen + never acquired, slice
        by slice; the message names the slices.
    """
    wanted: set[str] = {*seen, *never_acquired}
    present = {str(slice_id) for slice_id in rows}
    lost = sorted(wanted - present, key=int)
    foreign = sorted(present - wanted, key=int)
    if lost or foreign:
        parts = (("without a row", lost), ("that no raw tile explains", foreign))
        what = "; ".join(f"slices {', '.join(ids)} {why}" for why, ids in parts if ids)
        raise Defect(f"the record does not add up: {what}", hint="please report this")
    return count(rows, **options)
