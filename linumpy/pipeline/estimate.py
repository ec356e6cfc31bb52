"""What a run will need, from the headers alone: bytes on disk, memory."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from linumpy.cli.runtime import Job
from linumpy.core.acquisition import RawSlice
from linumpy.errors import NoSpace
from linumpy.pipeline.clean import bytes_away
from linumpy.pipeline.state import State

FLOAT = 4
# All of these were measured on simulated acquisitions of 1 MB to 2.4 GB, 1 to 3 workers.
MOSAIC_LEFT = 0.87
"""Share that blosc leaves of the float32 speckle of a mosaic."""
WORKED_LEFT = 0.6
"""The same at working resolution, where there is less noise and zeros around the tissue."""
SLICE_COPIES = 2.0
"""Volumes of the size of a slice: processed, in the common space."""
VOLUME_COPIES = 2.15
"""Volumes of the size of the whole: the stack, and the final one with its pyramid."""
PAGES_BYTES = 1.4e6
"""The report, the record, pictures and diagnostics."""
VOLUME_FILES = 2
"""The metadata of a volume of one level."""
SLICE_FILES = 10
"""Of a slice: diagnostics, metrics, preview and tiles, and the records of its tasks."""
PAIR_FILES = 6
"""Of two neighbours: transform, offsets, metrics, picture, the record of the task."""
RUN_FILES = 68
"""Reports, versions of the record, diagnostics, metadata of the volume and its levels."""
SHARD_BYTES = 2**24
"""Bytes of a volume at working resolution that one file holds, before compression."""
LABELLED = 2
"""The stack and the volume have labels of the same shape beside them."""
PROCESS_BYTES = 100e6
"""What one process holds of its own before it reads a tile: the libraries are shared."""
TILES_IN_FLIGHT = 2
"""Raw tiles that a worker has in memory."""
BLOCKS_IN_FLIGHT = 3
BLOCK_BYTES = 40e6
"""A worker's blocks at working resolution: a whole slice where that is smaller."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes and files that a run needs and what the machine has."""

    raw: float
    disk: float
    files: int
    disk_free: float
    memory: float
    memory_allowed: float


def needs(state: State, job: Job) -> Needs:
    """Return what the run needs, within a factor of 1.5 of what is then measured."""
    slices = [state.acquisition.slices[s] for s in state.selected()]
    raw = sum(_raw_bytes(s) for s in slices)
    mosaics = sum(_mosaic_bytes(s) for s in slices)
    worked = SLICE_COPIES * sum(_worked_voxels(s, state) for s in slices)
    worked += VOLUME_COPIES * _volume_voxels(slices, state)
    tile = max(_tile_bytes(s) for s in slices)
    block = min(max(_worked_voxels(s, state) for s in slices) * FLOAT, BLOCK_BYTES)
    each = PROCESS_BYTES + TILES_IN_FLIGHT * tile + BLOCKS_IN_FLIGHT * block
    return Needs(
        raw=raw,
        disk=MOSAIC_LEFT * mosaics + WORKED_LEFT * FLOAT * worked + PAGES_BYTES,
        files=round(_files(slices, state)),
        disk_free=shutil.disk_usage(_existing(state.layout.out)).free,
        memory=PROCESS_BYTES + job.workers * each,
        memory_allowed=job.max_memory_bytes,
    )


def check_disk(state: State, job: Job) -> None:
    """Refuse to start what the disk cannot hold.

    Raises
    ------
    NoSpace
        Says how much is needed, how much is free and what is there already.
    """
    found = needs(state, job)
    held = sum(p.stat().st_size for p in state.layout.out.rglob("*") if p.is_file())
    missing = found.disk - held - found.disk_free
    if missing > 0:
        missing -= bytes_away(state.layout)  # only what is needed again comes back
    if missing > 0:
        raise NoSpace(
            f"{state.layout.out}: the run needs {found.disk / 1e9:.2f} GB, "
            f"{found.disk_free / 1e9:.2f} GB are free",
            hint=f"free {missing / 1e9:.2f} GB, or choose another OUT or a coarser --resolution",
        )


def _files(slices: list[RawSlice], state: State) -> float:
    """Return the files of the run: stored blocks of volumes, and what stands beside them."""
    blocks = sum(math.ceil(_worked_voxels(s, state) * FLOAT / SHARD_BYTES) for s in slices)
    whole = math.ceil(_volume_voxels(slices, state) * FLOAT / SHARD_BYTES)
    mosaics = sum(math.ceil(len(s.tiles) / state.params.sharding_factor**2) for s in slices)
    each = (1 + SLICE_COPIES) * VOLUME_FILES + SLICE_FILES + PAIR_FILES
    volumes = SLICE_COPIES * blocks + LABELLED * VOLUME_COPIES * whole
    return float(mosaics + volumes + each * len(slices) + RUN_FILES)


def _raw_bytes(raw: RawSlice) -> float:
    return float(sum(path.stat().st_size for tile in raw.tiles for path in tile.images))


def _tile_bytes(raw: RawSlice) -> float:
    info = raw.tiles[0].info
    return float(FLOAT * info.nz * info.ny * (info.nx + info.n_extra))


def _mosaic_bytes(raw: RawSlice) -> float:
    info = raw.tiles[0].info
    return float(FLOAT * info.nz * info.ny * info.nx * len(raw.tiles))


def _worked_voxels(raw: RawSlice, state: State) -> float:
    """Return the voxels of a slice at working resolution."""
    depth_px = math.ceil(_depth_um(raw, state) / state.params.resolution)
    return _plane_pixels(raw, state) * float(depth_px)


def _volume_voxels(slices: list[RawSlice], state: State) -> float:
    """Return the voxels of the whole: a cut interval for each slice, the last one in full."""
    numbers = [s.slice_id.number for s in slices]
    interval_um = state.slicing_interval_mm * 1000
    depth_um = (max(numbers) - min(numbers)) * interval_um + _depth_um(slices[-1], state)
    plane = max(_plane_pixels(s, state) for s in slices)
    return plane * float(math.ceil(depth_um / state.params.resolution))


def _plane_pixels(raw: RawSlice, state: State) -> float:
    """Return the pixels of a plane at working resolution, overlaps (20 %) counted once."""
    info, (rows, columns) = raw.tiles[0].info, raw.grid
    resolution = state.params.resolution
    height = (1 + 0.8 * (rows - 1)) * info.height_um / resolution
    width = (1 + 0.8 * (columns - 1)) * info.width_um / resolution
    return float(math.ceil(height) * math.ceil(width))


def _depth_um(raw: RawSlice, state: State) -> float:
    info = raw.tiles[0].info
    axial_um = state.params.axial_resolution or info.axial_um or state.params.resolution
    return float(min(info.nz * axial_um, state.params.crop_interface_out_depth))


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
