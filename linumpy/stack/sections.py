"""Sections of a stacked volume and how bright they are: what z-normalisation works from."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linumpy.errors import BadFile
from linumpy.stack.znorm import Ratio

Voxels = NDArray[np.float32]
Read = Callable[[tuple[slice, slice, slice]], Voxels]
Window = tuple[slice, slice]

MIN_VOXELS = 500
"""A section with fewer tissue voxels has no brightness of its own."""
_SEAM_SIGMA = 0.01  # of a ratio taken across a seam, where no overlap was measured
_BESIDE = 2  # planes on either side of a seam: one step across it, one within each section
_BINS_PER_E = 400  # bins of ln intensity per factor e: a percentile is right to 0.25 %
_LOWEST, _HIGHEST = -16.0, 16.0  # ln intensity


@dataclass(frozen=True, slots=True)
class Sections:
    """Sections of a volume, usually its slices.

    ``starts`` are the planes where they begin; ``shares`` gives, for every plane, section → weight;
    ``ratios`` what was measured between them when they were stacked.
    """

    names: Sequence[str]
    starts: Sequence[int]
    shares: Sequence[Mapping[int, float]]
    ratios: Sequence[Ratio]


def read_sections(attributes: Mapping[str, Any], n_planes: int) -> Sections | None:
    """Return the sections that a stack's own attributes name; None where there are none.

    An interpolated slot counts half to either neighbour, as its voxels come from both.

    Raises
    ------
    BadFile
        If the table of slices does not fit the volume.
    """
    table = attributes.get("slices")
    sources = attributes.get("plane_sources")
    if not table or sources is None:
        return None
    if len(sources) != n_planes:
        raise BadFile(
            f"the volume has {n_planes} planes, its table of sources {len(sources)}",
            hint="stack the slices again",
        )
    measured = [entry for entry in table if entry["fate"] == "measured"]
    index = {str(entry["slice_id"]): i for i, entry in enumerate(measured)}
    ratios = [
        Ratio(
            index[given["fixed_id"]], index[entry["slice_id"]], given["log_ratio"], given["sigma"]
        )
        for entry in measured
        if (given := entry.get("brightness")) is not None
    ]
    shares = [
        {index[name]: weight for name, weight in plane.items() if name in index}
        or _halves(plane, index)
        for plane in sources
    ]
    starts = [int(entry["z_start"]) for entry in measured]
    return Sections(list(index), starts, shares, ratios)


def even_sections(n_planes: int, n_sections: int) -> Sections:
    """Return sections of even depth, with boundaries at round(i · n_planes / n_sections)."""
    starts = [round(i * n_planes / n_sections) for i in range(n_sections)]
    stops = [*starts[1:], n_planes]
    shares = [
        {i: 1.0} for i, (a, b) in enumerate(zip(starts, stops, strict=True)) for _ in range(a, b)
    ]
    return Sections([str(i) for i in range(n_sections)], starts, shares, [])


def seam_ratios(
    sections: Sections,
    read: Read,
    windows: Sequence[Window],
    *,
    tissue_threshold: float,
) -> list[Ratio]:
    """Return ratios across the seams that have none yet, from the planes beside them.

    Notes
    -----
    With r(z) = ln of the ratio of plane z to plane z − 1 over common tissue, the step at a seam at
    z is r(z) − ½ (r(z − 1) + r(z + 1)): the anatomy's own change, as it is on both sides, is taken
    off.
    """
    known = {(ratio.fixed, ratio.moving) for ratio in sections.ratios}
    n_planes = len(sections.shares)
    found: list[Ratio] = []
    for moving in range(1, len(sections.starts)):
        seam, pair = sections.starts[moving], (moving - 1, moving)
        beside = range(seam - _BESIDE, seam + _BESIDE)
        if pair in known or beside.start < 0 or beside.stop > n_planes:
            continue
        if any(set(sections.shares[z]) != {pair[z >= seam]} for z in beside):
            continue  # a gap, an interpolated slot or a blend: no seam of these two
        steps = _steps(read, slice(beside.start, beside.stop), windows, tissue_threshold)
        if steps is not None:
            step = steps[1] - (steps[0] + steps[2]) / 2
            found.append(Ratio(*pair, step, _SEAM_SIGMA))
    return found


def section_levels(
    sections: Sections,
    read: Read,
    blocks: Iterable[tuple[slice, slice, slice]],
    *,
    percentile: float,
    tissue_threshold: float,
) -> NDArray[np.float64]:
    """Return a percentile of the tissue of every section; 0 where there is too little of it.

    Holds one block and one histogram per section; exact to 0.25 %.
    """
    owner = [max(plane, key=lambda i: plane[i]) if plane else -1 for plane in sections.shares]
    n_bins = int((_HIGHEST - _LOWEST) * _BINS_PER_E)
    counts = np.zeros((len(sections.names), n_bins), dtype=np.int64)
    for block in blocks:
        voxels = read(block)
        for i, z in enumerate(range(block[0].start, block[0].stop)):
            tissue = voxels[i][voxels[i] > max(tissue_threshold, 0.0)]
            if owner[z] >= 0 and tissue.size:
                counts[owner[z]] += log_histogram(tissue, n_bins)
    return np.array([log_percentile(count, percentile, MIN_VOXELS) for count in counts])


def log_histogram(values: Voxels, n_bins: int) -> NDArray[np.int64]:
    """Count positive values in even bins of their logarithm."""
    bins = (np.log(values.astype(np.float64)) - _LOWEST) * _BINS_PER_E
    counts: NDArray[np.int64] = np.bincount(
        np.clip(bins, 0, n_bins - 1).astype(np.int64), minlength=n_bins
    )
    return counts


def log_percentile(counts: NDArray[np.int64], percentile: float, at_least: int = 1) -> float:
    """Return a percentile of what `log_histogram` counted; 0.0 where it counted too little."""
    total = int(counts.sum())
    if total < at_least:
        return 0.0
    place = np.searchsorted(np.cumsum(counts), percentile / 100 * total)
    return math.exp(_LOWEST + (float(place) + 0.5) / _BINS_PER_E)


def n_log_bins() -> int:
    """Return how many bins a `log_histogram` over all intensities has."""
    return int((_HIGHEST - _LOWEST) * _BINS_PER_E)


def _halves(plane: Mapping[str, float], index: Mapping[str, int]) -> dict[int, float]:
    """Return the neighbours of an interpolated slot, half each; nothing for a gap."""
    if not plane:
        return {}
    number = int(next(iter(plane)))
    before = [i for name, i in index.items() if int(name) < number]
    after = [i for name, i in index.items() if int(name) > number]
    return dict.fromkeys([*before[-1:], *after[:1]], 0.5)


def _steps(
    read: Read, planes: slice, windows: Sequence[Window], threshold: float
) -> list[float] | None:
    """Return ln ratios of neighbouring planes, or None where too little tissue is common.

    All are of the same tissue, that of all planes: what the anatomy changes is then alike in all.
    """
    n = planes.stop - planes.start
    sums, count = np.zeros(n), 0
    for rows, columns in windows:
        voxels = read((planes, rows, columns))
        tissue = np.all(voxels != 0, axis=0) & (voxels.mean(axis=0) > threshold)
        sums += voxels[:, tissue].sum(axis=1, dtype=np.float64)
        count += int(np.count_nonzero(tissue))
    if count < MIN_VOXELS or np.any(sums <= 0):
        return None
    return [float(step) for step in np.diff(np.log(sums))]
