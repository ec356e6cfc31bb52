"""A raw tile from above: coarse, from few of its A-lines, or whole.

Few A-lines are read without the rest of the file: a glance at a tile of 300 MB takes about 1 MB.
"""

import mmap

import numpy as np
from numpy.typing import NDArray

from linumpy.core.acquisition import Tile
from linumpy.errors import BadFile
from linumpy.io.tiles import map_images, read_tile

_MOST_DEPTHS = 128
_BSCANS_AT_ONCE = 32


def glance(tile: Tile, *, side: int) -> NDArray[np.float32]:
    """Return about ``side`` × ``side`` A-lines of a tile, averaged over depth.

    Parameters
    ----------
    tile : Tile
    side : int
        A-lines of a sweep, and sweeps, that are read at most, evenly spread.

    Returns
    -------
    array, shape (A-lines, B-scans), float32
        Galvo return cropped; of repeated frames the first.

    Raises
    ------
    MissingFile, BadFile
        If the tile cannot be read, or a value is not finite.
    """
    info = tile.info
    lines, scans = _spread(info.nx, side), _spread(info.ny, side) * info.n_repeat
    depths = slice(None, None, max(1, info.nz // _MOST_DEPTHS))
    seen = np.empty((len(lines), len(scans)), np.float32)
    first = 0
    for frames in map_images(tile):
        if isinstance(frames, np.memmap) and frames.base is not None:
            _read_no_further(frames)
        here = np.flatnonzero((scans >= first) & (scans < first + frames.shape[2]))
        for i in here:
            frame = frames[depths, :, scans[i] - first]
            seen[:, i] = frame[:, lines].mean(axis=0, dtype=np.float32)
        first += frames.shape[2]
    return _checked(tile, seen)


def project(tile: Tile) -> NDArray[np.float32]:
    """Return the mean over depth of a whole tile, a few B-scans at a time.

    Returns
    -------
    array, shape (A-lines, B-scans), float32
        Galvo return included.

    Raises
    ------
    MissingFile, BadFile
        As `glance`.
    """
    pixels = read_tile(tile)
    parts = [
        pixels[:, :, start : start + _BSCANS_AT_ONCE].mean(axis=0, dtype=np.float32)
        for start in range(0, pixels.shape[2], _BSCANS_AT_ONCE)
    ]
    return _checked(tile, np.concatenate(parts, axis=1))


def _spread(n: int, most: int) -> NDArray[np.int64]:
    """Return at most ``most`` indices below ``n``, in the middles of equal parts."""
    count = min(n, most)
    return np.floor((np.arange(count) + 0.5) * n / count).astype(np.int64)


def _read_no_further(frames: "np.memmap[tuple[int, ...], np.dtype[np.float32]]") -> None:
    """Ask the system not to read ahead of the pages that are used."""
    mapped = getattr(frames, "_mmap", None)
    if isinstance(mapped, mmap.mmap) and hasattr(mmap, "MADV_RANDOM"):
        mapped.madvise(mmap.MADV_RANDOM)


def _checked(tile: Tile, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(plane).all():
        raise BadFile(
            f"slice {tile.slice_id}: {tile.folder} holds NaN or infinite pixels",
            hint="copy the tile again from the instrument, or exclude the slice (use=false)",
        )
    return plane
