"""How the levels of a final volume are stored: chunks of 64³, shards of about 16 MB."""

from pathlib import Path
from typing import Any

import zarr

from linumpy.core.spacing import Spacing
from linumpy.io.omezarr import Level, Window, sharded

CHUNKS = (64, 64, 64)  # z, y, x
SHARD_BYTES = 2**24


def make_level(
    shape: tuple[int, int, int], spacing: Spacing, origin_mm: tuple[float, float, float]
) -> Level:
    """Return a level of a final volume; shards are what one worker holds."""
    z, y, x = (max(1, min(n, step)) for n, step in zip(shape, CHUNKS, strict=True))
    shards = sharded(shape, (z, y, x), max_bytes=SHARD_BYTES)
    return Level(shape, spacing, (z, y, x), shards, origin_mm)


def read_window(path: str | Path) -> Window | None:
    """Return the display window of a volume; None where it has none that can be used."""
    ome: Any = zarr.open_group(Path(path), mode="r").attrs.get("ome", {})  # Any: JSON
    try:
        found = ome["omero"]["channels"][0]["window"]
        return Window(found["start"], found["end"], found["min"], found["max"])
    except (KeyError, IndexError, TypeError):
        return None
