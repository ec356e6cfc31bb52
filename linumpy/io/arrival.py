"""An acquisition that has stopped or still runs: the last slice, and the tile being written.

A rig fills one slice after the other, so only the last one can be on its way. Two things show it:
a tile that is shorter than its header says and was written just now, and places without a tile that
the slice before has. An old short tile is no arrival but a damage: `tiles.check_images` refuses it.
"""

import time
from collections.abc import Mapping, Set
from pathlib import Path

from linumpy.core.acquisition import INCOMPLETE, Tile, Unfinished
from linumpy.core.slice_id import SliceId
from linumpy.io.tile_folders import Place, written_ns

YOUNG_S = 600.0
"""A tile takes seconds to a minute; what was untouched for ten minutes is not being written."""


def has_header(path: Path) -> bool:
    """Say whether ``info.txt`` is there and holds something; what it holds is not looked at."""
    return path.exists() and path.stat().st_size > 0


def is_young(folder: Path) -> bool:
    """Say whether a tile was written within `YOUNG_S` of now (clocks of disks may run ahead)."""
    return abs(time.time() - written_ns(folder) / 1e9) < YOUNG_S


def being_written(tiles: Mapping[Place, Tile], unread: Mapping[Place, Path]) -> Unfinished | None:
    """Say whether a tile of the last slice is being written.

    Parameters
    ----------
    tiles : mapping
        Tiles of the slice that have a header.
    unread : mapping
        Young folders of the slice without a header.
    """
    for (y, x), folder in unread.items():
        slice_id = SliceId(folder.name.rpartition("_z")[2])
        return _written(slice_id, (y, x), f"{_short(folder)}: no header yet", is_seen=bool(tiles))
    last = max(tiles.values(), key=lambda tile: written_ns(tile.folder))
    n_bytes = sum(path.stat().st_size for path in last.images)
    if n_bytes >= last.info.n_bytes or not is_young(last.folder):
        return None
    found = f"{_short(last.folder)}: {n_bytes} of {last.info.n_bytes} bytes"
    return _written(last.slice_id, (last.y, last.x), found, is_seen=True)


def in_part(places: Mapping[SliceId, Set[Place]]) -> Unfinished | None:
    """Say whether the last slice has only a part of the tiles of the one before.

    A grid may also shrink where the tissue ends. The slice is left out when everything before had
    one grid, or when it alone is no full rectangle; otherwise it is used and only told.

    Parameters
    ----------
    places : mapping
        The places that have a tile, by slice.
    """
    *earlier, last = sorted(places)
    if not earlier or not places[last] < places[earlier[-1]]:
        return None
    n, of = len(places[last]), len(places[earlier[-1]])
    found = f"slice {last}, the last, has {n} of the {of} tiles of slice {earlier[-1]}"
    is_steady = len(earlier) > 1 and len({frozenset(places[key]) for key in earlier}) == 1
    is_ragged_alone = _is_ragged(places[last]) and not any(_is_ragged(places[k]) for k in earlier)
    if not (is_steady or is_ragged_alone):
        return Unfinished(last, f"{found}: its grid shrank, or its end is missing")
    said = f"{found}: the acquisition has stopped there, or still runs"
    return Unfinished(last, said, note=f"{INCOMPLETE}{n} of {of} tiles")


def _written(slice_id: SliceId, place: Place, found: str, *, is_seen: bool) -> Unfinished:
    y, x = place
    tile = f"tile x={x}, y={y}"
    return Unfinished(
        slice_id,
        f"{tile} of slice {slice_id} is being written ({found})",
        note=f"{INCOMPLETE}{tile} was being written" if is_seen else "",
        is_written=True,
    )


def _short(folder: Path) -> str:
    return "/".join(folder.parts[-2:])


def _is_ragged(places: Set[Place]) -> bool:
    """Say whether places within the rectangle around them have no tile."""
    rows, columns = {y for y, _ in places}, {x for _, x in places}
    height, width = max(rows) - min(rows) + 1, max(columns) - min(columns) + 1
    return len(places) < height * width
