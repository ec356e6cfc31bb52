"""Headers of raw tiles as the instrument wrote them: rates, focus, sampling, dates. No guesses.

``io.info`` reads what a reconstruction needs; here is what a publication needs beside it.
"""

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from linumpy.core.acquisition import Acquisition
from linumpy.core.instrument import Instrument, Said
from linumpy.io.info import read_keys
from linumpy.io.interval import metadata_places

LONGEST = 200
"""Letters of a value that are kept; what is longer is no setting."""
_STAGE = "stage_"
_DATE_WORDS = frozenset({"date", "datetime", "timestamp"})
_DATE_KEYS = frozenset({"time", "acquired", "start_time", "started", "acquisition_time"})


def read_instrument(acquisition: Acquisition) -> Instrument:
    """Return what the headers of the first tile of every slice and its metadata.json say.

    Raises
    ------
    MissingFile, BadFile
        If a header cannot be read.
    """
    headers = [
        {key: _parse(text) for key, text in read_keys(raw.tiles[0].folder / "info.txt").items()}
        for raw in acquisition.slices.values()
    ]
    metadata = [
        _metadata(metadata_places(raw.tiles[0].folder.parent))
        for raw in acquisition.slices.values()
    ]
    return Instrument(
        header=_summary(headers),
        metadata=_summary([found for found in metadata if found]),
        dates=_dates(headers) or _dates(metadata),
    )


def is_date(key: str) -> bool:
    """Say whether a key holds a point in time, by its name.

    Examples
    --------
    >>> is_date("acquisition_date"), is_date("exposure")
    (True, False)
    """
    name = key.strip().lower().replace(" ", "_")
    return name in _DATE_KEYS or not _DATE_WORDS.isdisjoint(name.split("_"))


def _summary(found: Sequence[Mapping[str, Any]]) -> dict[str, Said]:  # Any: JSON
    """Return each key once: its value where all agree, the range of numbers that differ."""
    told: dict[str, Said] = {}
    for key in dict.fromkeys(key for one in found for key in one):
        values = [one[key] for one in found if key in one]
        if key.startswith(_STAGE) or is_date(key) or not all(map(_is_plain, values)):
            continue
        if all(value == values[0] for value in values):
            told[key] = values[0]
        elif all(_is_number(value) for value in values):
            told[key] = {"min": min(values), "max": max(values)}
    return told


def _dates(found: Sequence[Mapping[str, Any]]) -> tuple[str, str] | None:
    said = [str(one[key]) for one in found for key in one if is_date(key) and _is_plain(one[key])]
    return (said[0], said[-1]) if said else None


def _metadata(places: Sequence[Path]) -> dict[str, Any]:  # Any: JSON
    """Return the first metadata.json that is there; what is no object says nothing."""
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # interval_mm, which needs it, refuses such a file by name
    return found if isinstance(found, dict) else {}


def _parse(text: str) -> bool | int | float | str:
    for kind in (int, float):
        try:
            number = kind(text)
        except ValueError:
            continue
        return number if math.isfinite(number) else text
    return text


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value: object) -> bool:
    """Say whether a value is a setting: text, a number or a switch, and not a whole page."""
    if isinstance(value, str):
        return 0 < len(value) <= LONGEST
    return isinstance(value, bool) or (_is_number(value) and math.isfinite(value))  # type: ignore[arg-type]
