"""What a run will need, from the headers alone: bytes on disk, memory."""

import math
import shutil
from dataclasses import dataclass
from pathlib import Path

from linumpy.cli.runtime import Job
from linumpy.core.acquisition import RawSlice
from linumpy.errors import NoSpace
from linumpy.pipeline.state import State

FLOAT = 4
COMPRESSED = 0.88
"""Share that blosc leaves of float32 speckle; ``make bench`` prints the measured one."""
PROCESS_BYTES = 200e6
"""What one Python process holds with its libraries before it reads a tile."""
TILES_IN_FLIGHT = 6
COPIES = 3.0
"""Copies of a slice at working resolution: processed, common space, stack and pyramid."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Bytes that a run needs and what the machine has."""

    raw: float
    disk: float
    disk_free: float
    memory: float
    memory_allowed: float


def needs(state: State, job: Job) -> Needs:
    """Return what the run needs, within a factor of 1.5 of what is then measured."""
    slices = [state.acquisition.slices[s] for s in state.selected()]
    raw = sum(_raw_bytes(s) for s in slices)
    mosaics = sum(_mosaic_bytes(s) for s in slices)
    worked = sum(_worked_voxels(s, state) for s in slices) * FLOAT
    tile = max(_tile_bytes(s) for s in slices)
    return Needs(
        raw=raw,
        disk=COMPRESSED * mosaics + COPIES * COMPRESSED * worked,
        disk_free=shutil.disk_usage(_existing(state.layout.out)).free,
        memory=(job.workers + 1) * PROCESS_BYTES + job.workers * TILES_IN_FLIGHT * tile,
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
        raise NoSpace(
            f"{state.layout.out}: the run needs {found.disk / 1e9:.2f} GB, "
            f"{found.disk_free / 1e9:.2f} GB are free",
            hint=f"free {missing / 1e9:.2f} GB, or choose another OUT or a coarser --resolution",
        )


def _raw_bytes(raw: RawSlice) -> float:
    return float(sum(path.stat().st_size for tile in raw.tiles for path in tile.images))


def _tile_bytes(raw: RawSlice) -> float:
    info = raw.tiles[0].info
    return float(FLOAT * info.nz * info.ny * (info.nx + info.n_extra))


def _mosaic_bytes(raw: RawSlice) -> float:
    info = raw.tiles[0].info
    return float(FLOAT * info.nz * info.ny * info.nx * len(raw.tiles))


def _worked_voxels(raw: RawSlice, state: State) -> float:
    """Voxels of a slice at working resolution, overlaps counted once (20 % on each side)."""
    info, (rows, columns) = raw.tiles[0].info, raw.grid
    resolution = state.params.resolution
    axial_um = state.params.axial_resolution or info.axial_um or resolution
    depth = min(info.nz * axial_um, state.params.crop_interface_out_depth) / resolution
    height = (1 + 0.8 * (rows - 1)) * info.height_um / resolution
    width = (1 + 0.8 * (columns - 1)) * info.width_um / resolution
    return float(math.ceil(depth) * math.ceil(height) * math.ceil(width))


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
