"""Where the tiles of an acquisition lie: folder names to places, in one or several raw folders.

Names only; what stands in the headers is `linumpy.io.tiles`.
"""

import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile

Place = tuple[int, int]
"""(y, x) in the tile grid of a slice."""
OnDuplicate = Literal["newest", "first"]
"""Which of two folders of one tile is taken: the one written last, or that of the first folder."""

log = logging.getLogger(__name__)
_TILE = re.compile(r"tile_x(\d+)_y(\d+)_z(\d+)")
_IMAGE = re.compile(r"image_\d+\.bin")


def by_place(
    roots: Iterable[str | Path], *, on_duplicate: OnDuplicate | None = None
) -> dict[SliceId, dict[Place, Path]]:
    """Return the tile folders below ``roots``, by slice and place; the order is that of the paths.

    Parameters
    ----------
    roots : iterable of path
        Folders to search, or tile folders; links are followed.
    on_duplicate : {"newest", "first"}, optional
        Which folder is taken where a tile is found twice; each such tile is logged.

    Raises
    ------
    MissingFile
        If a root is missing.
    BadFile
        If two folders claim one tile, and ``on_duplicate`` is not given or cannot tell.
    """
    claims: dict[SliceId, dict[Place, list[Path]]] = {}
    for folder in _tile_folders(roots):
        x, y, slice_id = parse_name(folder.name)
        claims.setdefault(slice_id, {}).setdefault((y, x), []).append(folder)
    return {
        slice_id: {
            place: _one_of(slice_id, place, folders, on_duplicate)
            for place, folders in places.items()
        }
        for slice_id, places in claims.items()
    }


def parse_name(name: str) -> tuple[int, int, SliceId]:
    """Return x, y and the slice that a tile's folder is named by.

    Raises
    ------
    BadValue
        If it is not a tile's name.
    """
    found = _TILE.match(name)
    if found is None:
        raise BadValue(f"{name!r} is not a tile's name", hint="write tile_x<n>_y<n>_z<n>")
    return int(found[1]), int(found[2]), SliceId(int(found[3]))


def images(folder: Path) -> tuple[Path, ...]:
    """Return the files of pixels of a tile, by name."""
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if _IMAGE.fullmatch(entry.name))
    return tuple(folder / name for name in names)


def written_ns(folder: Path) -> int:
    """Return when a tile was last written, ns: its pixels, or its folder where it has none."""
    return max((path.stat().st_mtime_ns for path in images(folder) or (folder,)), default=0)


def _one_of(
    slice_id: SliceId, place: Place, folders: list[Path], on_duplicate: OnDuplicate | None
) -> Path:
    if len(folders) == 1:
        return folders[0]
    y, x = place
    twice = f"tile x={x}, y={y} of slice {slice_id} is there twice"
    named = " and ".join(map(str, folders))
    if on_duplicate is None:
        raise BadFile(
            f"{twice}: {named}",
            hint="keep one of the folders, or pass --on_duplicate newest (the one written last) "
            "or --on_duplicate first (that of the raw folder given first)",
        )
    chosen = folders[0]
    if on_duplicate == "newest":
        written = {folder: written_ns(folder) for folder in folders}
        chosen = max(folders, key=lambda folder: written[folder])
        if list(written.values()).count(written[chosen]) > 1:
            raise BadFile(
                f"{twice}, written at the same time: {named}",
                hint="--on_duplicate newest cannot tell; keep one of them, or pass "
                "--on_duplicate first",
            )
    log.info("%s; the %s is taken: %s", twice, on_duplicate, chosen)
    return chosen


def _tile_folders(roots: Iterable[str | Path]) -> Iterator[Path]:
    """Yield tile folders, root by root; a folder linked or given twice is seen once."""
    seen: set[tuple[int, int]] = set()
    for root in map(Path, roots):
        if not root.is_dir():
            raise MissingFile(f"{root}: no such folder of raw tiles", hint="check the path")
        if _TILE.match(root.absolute().name):
            yield root.absolute() if not root.name else root
            continue
        yield from _below(root, seen)


def _below(folder: Path, seen: set[tuple[int, int]]) -> Iterator[Path]:
    status = folder.stat()
    if (status.st_dev, status.st_ino) in seen:
        return
    seen.add((status.st_dev, status.st_ino))
    with os.scandir(folder) as entries:
        names = sorted(entry.name for entry in entries if entry.is_dir())
    for name in names:
        if _TILE.match(name):
            yield folder / name
        elif not name.startswith("."):
            yield from _below(folder / name, seen)
