"""A raw tile from above: coarse, from a few of its B-scans, or whole.

A B-scan lies in one piece on disk: a few of them are read at the speed of the disk, single A-lines
would each be a seek.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linumpy.core.acquisition import Tile
from linumpy.errors import BadFile
from linumpy.io.tiles import check_images, read_tile

_BSCANS_AT_ONCE = 32


def glance(tile: Tile, *, lines: int, scans: int) -> NDArray[np.float32]:
    """Return a coarse plane of a tile, the mean over depth, from a few of its B-scans.

    Parameters
    ----------
    tile : Tile
    lines : int
        Along a sweep; each is the mean of the A-lines that it stands for.
    scans : int
        B-scans that are read, evenly spread; of repeated ones the first.

    Returns
    -------
    array, shape (lines, scans) or less where the tile has less, float32
        Galvo return cropped.

    Raises
    ------
    MissingFile, BadFile
        If the tile cannot be read, or a value is not finite.
    """
    check_images(tile)
    info = tile.info
    wanted = _spread(info.ny, scans) * info.n_repeat
    edges = np.linspace(0, info.nx, min(info.nx, lines) + 1).round().astype(np.int64)
    shape = (info.nx + info.n_extra, info.nz)
    seen = np.empty((len(edges) - 1, len(wanted)), np.float32)
    frames = _frames(tile.images, wanted, info.frame_bytes)
    for i, (path, offset) in enumerate(frames):
        frame = np.fromfile(path, "<f4", shape[0] * shape[1], offset=offset).reshape(shape)
        profile = frame[: info.nx].mean(axis=1, dtype=np.float32)
        seen[:, i] = np.add.reduceat(profile, edges[:-1]) / np.diff(edges)
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


def _frames(
    images: Sequence[Path], wanted: NDArray[np.int64], frame_bytes: int
) -> list[tuple[Path, int]]:
    """Return the file and the byte at which each frame begins; files hold whole frames in order."""
    ends = np.cumsum([path.stat().st_size // frame_bytes for path in images])
    at = np.searchsorted(ends, wanted, side="right")
    return [
        (images[i], int(frame - (ends[i - 1] if i else 0)) * frame_bytes)
        for i, frame in zip(at, wanted, strict=True)
    ]


def _checked(tile: Tile, plane: NDArray[np.float32]) -> NDArray[np.float32]:
    if not np.isfinite(plane).all():
        raise BadFile(
            f"slice {tile.slice_id}: {tile.folder} holds NaN or infinite pixels",
            hint="copy the tile again from the instrument, or exclude the slice (use=false)",
        )
    return plane
