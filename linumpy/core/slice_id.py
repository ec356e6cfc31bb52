"""Slice ids: a value, never an index.

The text form has at least two digits ("00", "07", "100"); ordering is numeric.
"""

import re
from collections.abc import Iterable
from typing import Self

from linumpy.errors import BadValue

_TEXT = re.compile(r"\s*(\d+)(?:\.0*)?\s*")
_NORMAL = re.compile(r"[0-9]{2}|[1-9][0-9]{2,17}")
_RANGE = re.compile(r"\s*(\d+)\s*-\s*(\d+)\s*")


class SliceId(str):
    """The number of a slice in file names and in the record, in its normal form.

    It is a ``str``, so it works as a key, in CSV and in JSON; it sorts by number.

    Parameters
    ----------
    value : str or int or float
        "7", 7, 7.0, "7.0", " 07 " all give "07".

    Raises
    ------
    BadValue
        If the value is negative, not a whole number or not a number.

    Examples
    --------
    >>> SliceId("7.0"), SliceId(100), sorted([SliceId("100"), SliceId("20")])
    ('07', '100', ['20', '100'])
    """

    __slots__ = ()

    def __new__(cls, value: object) -> Self:
        """Return the normal form of ``value``."""
        if type(value) is cls:
            return value
        if type(value) is str and _NORMAL.fullmatch(value):  # most of the ids of a large record
            return super().__new__(cls, value)
        found = _TEXT.fullmatch(str(value)) if not isinstance(value, bool) else None
        if found is None or not found[1].isascii():
            raise BadValue(
                f"{str(value)!r} is not a slice id",
                hint="write a whole number from 0 up, as in 07 or 100",
            )
        return super().__new__(cls, f"{int(found[1]):02d}")

    @property
    def number(self) -> int:
        """The id as an integer, for order and for distances between slices."""
        return int(self)

    def __lt__(self, other: str) -> bool:
        return self.number < int(other)

    def __le__(self, other: str) -> bool:
        return self.number <= int(other)

    def __gt__(self, other: str) -> bool:
        return self.number > int(other)

    def __ge__(self, other: str) -> bool:
        return self.number >= int(other)

    __hash__ = str.__hash__


def parse_ids(texts: Iterable[object]) -> tuple[SliceId, ...]:
    """Return the ids that a flag names, sorted, each once.

    Parameters
    ----------
    texts : iterable of str or int
        Ids, comma lists and ranges, mixed: ``["2", "03-05,07"]``.

    Raises
    ------
    BadValue
        If a part is neither an id nor a rising range.

    Examples
    --------
    >>> parse_ids(["2", "03-05,07"])
    ('02', '03', '04', '05', '07')
    """
    ids: set[SliceId] = set()
    for part in (part for text in texts for part in str(text).split(",") if part.strip()):
        span = _RANGE.fullmatch(part)
        if span is None:
            ids.add(SliceId(part))
            continue
        first, last = int(span[1]), int(span[2])
        if last < first:
            raise BadValue(f"{part!r} is a falling range", hint=f"write {last:02d}-{first:02d}")
        ids.update(SliceId(number) for number in range(first, last + 1))
    return tuple(sorted(ids))
