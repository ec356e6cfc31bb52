"""What the instrument wrote down about an acquisition, under its own keys. Values only."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Said: TypeAlias = "bool | int | float | str | Mapping[str, int | float]"
"""A value that all slices share; numbers that differ: {"min": …, "max": …}."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """Headers of an acquisition; empty where nothing was written down.

    Parameters
    ----------
    header : mapping
        ``info.txt`` of the first tile of every slice, stage positions aside.
    metadata : mapping
        ``metadata.json`` of the slices.
    dates : tuple of str or None
        The dates of the first and the last slice, as they stand there. None: no key says one. The
        time stamps of files are never taken for it: copying changes them.
    """

    header: Mapping[str, Said] = field(default_factory=dict)
    metadata: Mapping[str, Said] = field(default_factory=dict)
    dates: tuple[str, str] | None = None
