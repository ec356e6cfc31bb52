"""Clusters of slices that do not register: runs of consecutive pairs with a low correlation."""

from collections.abc import Mapping
from dataclasses import dataclass

from linumpy.core.slice_id import SliceId


@dataclass(frozen=True, slots=True)
class Pairing:
    """The registration of one moving slice: to which slice, and how well the planes agree."""

    fixed: SliceId | None
    z_correlation: float


def noisy_clusters(
    pairings: Mapping[SliceId, Pairing], *, z_corr_threshold: float, consecutive_threshold: int
) -> list[tuple[SliceId, ...]]:
    """Return the runs of at least ``consecutive_threshold`` bad pairs, by their moving slices.

    Parameters
    ----------
    pairings : mapping
        By moving slice.
    z_corr_threshold : float
        A pair is bad below it; at it, it is good.
    consecutive_threshold : int
        Shortest run that counts.

    Returns
    -------
    list of tuple of SliceId
        Each run holds ids that follow each other without a gap. A pair that bridges a gap is no
        evidence: its slices are too far apart to agree.

    Examples
    --------
    >>> found = [0.9, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.9]
    >>> pairings = {SliceId(i): Pairing(None, z) for i, z in enumerate(found, start=1)}
    >>> noisy_clusters(pairings, z_corr_threshold=0.6, consecutive_threshold=3)
    [('02', '03', '04')]
    """
    runs: list[list[SliceId]] = []
    for moving, pairing in sorted(pairings.items()):
        if not pairing.z_correlation < z_corr_threshold or not _is_link(moving, pairing):
            continue
        if runs and runs[-1][-1].number + 1 == moving.number:
            runs[-1].append(moving)
        else:
            runs.append([moving])
    return [tuple(run) for run in runs if len(run) >= consecutive_threshold]


def reason(cluster: tuple[SliceId, ...]) -> str:
    """Return the text of the record.

    Examples
    --------
    >>> reason((SliceId(2), SliceId(3), SliceId(4)))
    'noisy cluster (3 consecutive)'
    """
    return f"noisy cluster ({len(cluster)} consecutive)"


def _is_link(moving: SliceId, pairing: Pairing) -> bool:
    """Say whether a pair joins neighbouring ids; one that does not name its fixed slice does."""
    return pairing.fixed is None or pairing.fixed.number + 1 == moving.number
