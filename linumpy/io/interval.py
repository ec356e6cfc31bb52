"""The cut interval of an acquisition: from stage z, from the instrument's JSON, never assumed."""

import itertools
import json
import math
import statistics
from collections.abc import Iterable, Sequence
from pathlib import Path

from linumpy.core.acquisition import Acquisition, RawSlice
from linumpy.errors import BadFile, BadValue

TOLERANCE = 0.01
"""Two sources agree when they differ by no more than this fraction."""

_KEY = "slice_thickness"


def slicing_interval_mm(acquisition: Acquisition, roots: Iterable[str | Path] = ()) -> float | None:
    """Return the distance between slices whose ids differ by one, mm.

    The median over neighbouring slices of Δz/Δid of the stage; else ``slice_thickness`` (mm) of the
    slices' ``metadata.json`` (median); else that of ``state.json`` in one of ``roots``.

    Parameters
    ----------
    acquisition : Acquisition
        As `linumpy.io.tiles.discover` gives it.
    roots : iterable of path
        Where ``state.json`` may lie; the folders that were searched.

    Returns
    -------
    float or None
        None where no source says it: the stage has no z, or stood still, and no JSON has the key.

    Raises
    ------
    BadFile
        If two sources differ by more than 1 %, or a JSON file that is there cannot be right.
    """
    sources = [
        ("stage z of info.txt", _from_stage(acquisition)),
        *_from_metadata(acquisition, list(map(Path, roots))),
        *_from_state(roots),
    ]
    known = [(name, value) for name, value in sources if value is not None]
    if not known:
        return None
    name, interval = known[0]
    for other_name, other in known[1:]:
        if abs(other - interval) > TOLERANCE * interval:
            raise BadFile(
                f"the cut interval is {interval:g} mm by {name}, {other:g} mm by {other_name}; "
                f"they may differ by {TOLERANCE:.0%}",
                hint="find out which one is right and correct the other file",
            )
    return interval


def choose_mm(found: float | None, given: float | None, *, where: str | Path) -> float:
    """Return the cut interval, mm: as the acquisition says, else as the flag says.

    Raises
    ------
    BadValue
        If neither says it, or they differ by more than 1 %; ``where`` is what was read.
    """
    chosen = given or found
    if chosen is None:
        raise BadValue(
            f"{where}: neither stage z nor metadata.json says how far apart the slices were cut",
            hint="pass --slicing_interval_mm",
        )
    if found is not None and given is not None and abs(given / found - 1) > TOLERANCE:
        raise BadValue(
            f"--slicing_interval_mm {given:g} but the acquisition says {found:g} mm",
            hint="leave the flag out, or mend stage z / metadata.json",
        )
    return chosen


def stage_z_mm(raw_slice: RawSlice) -> float | None:
    """Return the median stage z over the tiles of a slice that have one, mm."""
    values = [t.info.stage_z_mm for t in raw_slice.tiles if t.info.stage_z_mm is not None]
    return statistics.median(values) if values else None


def metadata_places(parent: Path) -> tuple[Path, Path]:
    """Return where metadata.json may lie for tiles in ``parent``: beside them, or one folder up."""
    return (parent / "metadata.json", parent.parent / "metadata.json")


def _from_stage(acquisition: Acquisition) -> float | None:
    """Return the median |Δz/Δid|; the stage may count down."""
    heights = [(key.number, stage_z_mm(raw)) for key, raw in acquisition.slices.items()]
    known = [(number, z) for number, z in heights if z is not None]
    steps = [(z2 - z1) / (n2 - n1) for (n1, z1), (n2, z2) in itertools.pairwise(known)]
    # 1e-6 mm: far below any stage, and 0.6 − 0.4 is 0.2 again
    interval = round(abs(statistics.median(steps)), 6) if steps else 0.0
    return interval or None


def _from_metadata(acquisition: Acquisition, roots: Sequence[Path]) -> list[tuple[str, float]]:
    """Return the median of what the slices' metadata.json say, for each raw folder that has one.

    One slice may be cut thicker; the sessions of one acquisition may not.
    """
    by_root: dict[Path | None, list[Path]] = {}
    for raw_slice in acquisition.slices.values():
        for parent in dict.fromkeys(tile.folder.parent for tile in raw_slice.tiles):
            root = next((root for root in roots if parent.is_relative_to(root)), None)
            by_root.setdefault(root, []).append(parent)
    return [one for parents in by_root.values() for one in _median_of(parents)]


def _median_of(parents: Iterable[Path]) -> list[tuple[str, float]]:
    found: list[tuple[Path, float]] = []
    for parent in parents:
        for path in metadata_places(parent):
            value = _read_thickness(path)
            if value is not None:
                found.append((path, value))
                break
    if not found:
        return []
    middle = statistics.median_low(value for _path, value in found)
    path = next(path for path, value in found if value == middle)
    return [(f"{_KEY} in {path}", middle)]


def _from_state(roots: Iterable[str | Path]) -> list[tuple[str, float | None]]:
    paths = [Path(root) / "state.json" for root in roots]
    return [(f"{_KEY} in {path}", _read_thickness(path)) for path in paths]


def _read_thickness(path: Path) -> float | None:
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BadFile(f"{path}: not JSON ({error})", hint="copy it again or remove it") from error
    value = content.get(_KEY) if isinstance(content, dict) else None
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise BadFile(f"{path}: {_KEY}={value!r}; allowed: a length in mm above 0")
    return float(value)
