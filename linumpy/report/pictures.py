"""Small pictures of volumes: a thumbnail of a slice, three planes through the brain.

Memory: one band of rows of one plane; of the final volume one coarse level, at most 64 MB.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.image import imread
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.io import omezarr
from linumpy.io.omezarr import Volume

Plane = NDArray[np.float32]
FINE_ENOUGH_PX = 360
"""A level whose longest side has this many voxels is fine enough for the views."""
MAX_BYTES = 64 * 2**20
THUMBNAIL_DEPTH = 1 / 3
"""Where in its depth a slice is shown: under the surface, above the noise."""


@dataclass(frozen=True, slots=True)
class Views:
    """Three planes of the final volume through the middle of what it holds.

    ``xy`` has shape (y, x), ``xz`` (z, x), ``yz`` (y, z), so that each shares an axis with ``xy``.
    Positions are voxel centres, mm; ``shape`` and ``spacing`` are those of the finest level.
    """

    xy: Plane
    xz: Plane
    yz: Plane
    cut_mm: tuple[float, float, float]
    origin_mm: tuple[float, float, float]
    level_spacing: Spacing
    level: int
    n_levels: int
    shape: tuple[int, int, int]
    spacing: Spacing


@dataclass(frozen=True, slots=True)
class Borders:
    """Where the slices begin in the volume: ``top_mm[i]`` is the top of ``ids[i]``."""

    ids: tuple[SliceId, ...]
    top_mm: tuple[float, ...]
    interval_mm: float
    interpolated: frozenset[SliceId]


def spacing_of(path: Path) -> Spacing | None:
    """Return the voxel size of a volume, or None when there is no such volume."""
    return omezarr.open_volume(path).spacing if path.is_dir() else None


def thumbnail(path: Path, *, max_px: int) -> Plane:
    """Return one plane of a volume, averaged down so that no side exceeds ``max_px``.

    Parameters
    ----------
    path : path
        A slice or a mosaic grid.
    max_px : int
        Longest side of the thumbnail.

    Returns
    -------
    array, shape (y, x), float32
        The mean over blocks of voxels; voxels beyond the last whole block are left out.

    Raises
    ------
    BadFile
        If the volume cannot be read.
    """
    volume = _coarsest(_levels(path), at_least_px=max_px)
    n_z, n_y, n_x = volume.shape
    plane = min(n_z - 1, round(n_z * THUMBNAIL_DEPTH))
    block = math.ceil(max(n_y, n_x) / max_px)
    band = block * math.ceil(_chunk_rows(volume) / block)
    bands = []
    for top in range(0, max(1, n_y - n_y % block), band):
        rows = slice(top, min(n_y, top + band))
        pixels = omezarr.read_block(volume, (slice(plane, plane + 1), rows, slice(0, n_x)))[0]
        bands.append(_block_mean(pixels, block))
    return np.concatenate(bands)


def views(path: Path) -> Views:
    """Return three orthogonal planes through the final volume.

    They are cut through the middle of the voxels that hold data, on the coarsest level that is
    fine enough for the page.

    Raises
    ------
    BadFile
        If the volume cannot be read.
    """
    levels = _levels(path)
    volume = _coarsest(levels, at_least_px=FINE_ENOUGH_PX, max_bytes=MAX_BYTES)
    where = _middle_of_data(levels[-1], volume)
    z, y, x = where
    full = (slice(None), slice(None), slice(None))
    xy = omezarr.read_block(volume, (slice(z, z + 1), *full[1:]))[0]
    xz = omezarr.read_block(volume, (full[0], slice(y, y + 1), full[2]))[:, 0]
    yz = omezarr.read_block(volume, (*full[:2], slice(x, x + 1)))[:, :, 0].T
    finest = levels[0]
    cut = tuple(
        o + i * s for o, i, s in zip(volume.origin_mm, where, volume.spacing.zyx_mm, strict=True)
    )
    return Views(
        xy=xy,
        xz=xz,
        yz=yz,
        cut_mm=(cut[0], cut[1], cut[2]),
        origin_mm=volume.origin_mm,
        level_spacing=volume.spacing,
        level=levels.index(volume),
        n_levels=len(levels),
        shape=finest.shape,
        spacing=finest.spacing,
    )


def shrink_png(path: Path, *, max_px: int) -> NDArray[np.uint8]:
    """Return a PNG as RGB, shape (y, x, 3), averaged down so that no side exceeds ``max_px``."""
    pixels = np.asarray(imread(path), dtype=np.float32)
    rgb = np.repeat(pixels[:, :, None], 3, axis=2) if pixels.ndim == 2 else pixels[:, :, :3]  # noqa: PLR2004
    block = math.ceil(max(rgb.shape[:2]) / max_px)
    small = np.stack([_block_mean(rgb[:, :, i], block) for i in range(3)], axis=2)
    eight_bit: NDArray[np.uint8] = np.round(np.clip(small, 0, 1) * 255).astype(np.uint8)
    return eight_bit


def to_grey(plane: NDArray[Any], *, gamma: float = 0.8) -> NDArray[np.uint8]:
    """Return a plane as grey levels, dark to light between its 1st and 99.7th percentile.

    Zeros are outside the data and stay black; ``gamma`` < 1 lifts the dark tissue.
    """
    inside = plane[plane > 0]
    if inside.size == 0:
        return np.zeros(plane.shape, dtype=np.uint8)
    low, high = np.percentile(inside, (1.0, 99.7))
    scaled = np.clip((plane - low) / max(float(high - low), 1e-12), 0, 1) ** gamma
    grey: NDArray[np.uint8] = np.where(plane > 0, np.round(scaled * 255), 0).astype(np.uint8)
    return grey


def _coarsest(levels: list[Volume], *, at_least_px: int, max_bytes: int | None = None) -> Volume:
    """Return the coarsest level that is fine enough, or the finest of those that may be read."""
    for volume in reversed(levels):
        if max(volume.shape) >= at_least_px:
            fits = max_bytes is None or 4 * math.prod(volume.shape) <= max_bytes
            return volume if fits else levels[min(levels.index(volume) + 1, len(levels) - 1)]
    return levels[0]


def _levels(path: Path) -> list[Volume]:
    """Return every level, finest first."""
    finest = omezarr.open_volume(path)  # says what is wrong with a folder that is no volume
    others = range(1, omezarr.n_levels(path))
    return [finest, *(omezarr.open_volume(path, level=i) for i in others)]


def _middle_of_data(coarse: Volume, volume: Volume) -> tuple[int, int, int]:
    """Return the voxel of ``volume`` in the middle of the data, found on a coarse level."""
    if 4 * math.prod(coarse.shape) > MAX_BYTES:
        return tuple(n // 2 for n in volume.shape)  # type: ignore[return-value]
    found = np.nonzero(omezarr.read_block(coarse))
    if found[0].size == 0:
        return tuple(n // 2 for n in volume.shape)  # type: ignore[return-value]
    share = [
        (float(axis.min()) + float(axis.max()) + 1) / 2 / n
        for axis, n in zip(found, coarse.shape, strict=True)
    ]
    z, y, x = (min(n - 1, int(s * n)) for s, n in zip(share, volume.shape, strict=True))
    return (z, y, x)


def _chunk_rows(volume: Volume) -> int:
    shards = getattr(volume.array, "shards", None) or volume.array.chunks
    return int(shards[1])


def _block_mean(pixels: Plane, block: int) -> Plane:
    n_y, n_x = (max(1, n // block) for n in pixels.shape)
    whole = pixels[: n_y * block, : n_x * block]
    size_y, size_x = whole.shape[0] // n_y, whole.shape[1] // n_x
    blocks = whole.reshape(n_y, size_y, n_x, size_x)
    mean: Plane = blocks.mean(axis=(1, 3), dtype=np.float32)
    return mean
