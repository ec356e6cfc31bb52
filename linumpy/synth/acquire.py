"""Image a scene: from the truth to raw tiles, one after the other.

Nothing larger than one slab of anatomy and ``workers`` tiles is held. Random numbers belong to a
place (seed, slice, column, row), so order and workers change nothing.
"""

import itertools
import math
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.core.acquisition import TileInfo
from linumpy.core.slice_id import SliceId
from linumpy.synth.damage import TileDamage, tile_damage
from linumpy.synth.faults import Faults
from linumpy.synth.optics import axial_response, fly_back, speckle_and_noise, vignetting
from linumpy.synth.rig import Rig
from linumpy.synth.scene import Scene
from linumpy.synth.slab import Slab, cut_slab
from linumpy.synth.surface import surface_um
from linumpy.synth.truth import SURFACE, TILE, SliceTruth, Truth, generator, plan


@dataclass(frozen=True)
class SimulatedTile:
    """One tile as the rig writes it.

    ``pixels`` has shape (nz, nx + n_extra, ny · n_repeat), float32, column-major.
    """

    column: int
    row: int
    slice_id: SliceId
    info: TileInfo
    pixels: NDArray[np.float32]

    @property
    def name(self) -> str:
        """The name of its folder."""
        return f"tile_x{self.column:02d}_y{self.row:02d}_z{self.slice_id}"


@dataclass(frozen=True)
class SimulatedSlice:
    """One slice: its truth, and its tiles as they come."""

    truth: SliceTruth
    tiles: Iterator[SimulatedTile]

    @property
    def slice_id(self) -> SliceId:
        """The id in folder names."""
        return self.truth.slice_id


def simulate(
    scene: Scene, rig: Rig, faults: Faults | None = None, seed: int = 0, *, workers: int = 1
) -> Iterator[SimulatedSlice]:
    """Image ``scene`` with ``rig``; the same arguments give the same bytes.

    Take the tiles of a slice before asking for the next slice. `linumpy.synth.truth.plan` gives
    the truth for the same arguments.

    Raises
    ------
    BadValue
        As `plan`.
    """
    yield from render(scene, plan(scene, rig, faults or Faults(), seed), workers=workers)


def render(scene: Scene, truth: Truth, *, workers: int = 1) -> Iterator[SimulatedSlice]:
    """Image ``scene`` as a truth says, drawn by `plan` or read from a file."""
    for one in truth.slices.values():
        yield SimulatedSlice(one, _tiles(scene, truth, one, workers))


def _tiles(scene: Scene, truth: Truth, one: SliceTruth, workers: int) -> Iterator[SimulatedTile]:
    slab = cut_slab(scene, truth.rig, one, workers=workers)
    with ThreadPoolExecutor(workers) as pool:
        ahead: deque[Future[SimulatedTile]] = deque()
        places = iter(one.tile_truths)
        for column, row in itertools.islice(places, workers):
            ahead.append(pool.submit(_image_tile, slab, truth, one, column, row))
        while ahead:
            tile = ahead.popleft().result()
            for column, row in itertools.islice(places, 1):
                ahead.append(pool.submit(_image_tile, slab, truth, one, column, row))
            yield tile


def _image_tile(slab: Slab, truth: Truth, one: SliceTruth, column: int, row: int) -> SimulatedTile:
    rig = truth.rig
    rng = generator(truth.seed, TILE, one.number, column, row)
    x_mm, y_mm = _pixel_positions(rig, one.tile_truths[column, row].origin_mm)
    damage = tile_damage(
        one.quality,
        one.severity,
        rig,
        (x_mm, y_mm),
        (rng, generator(truth.seed, SURFACE, one.number)),
    )
    signal = _signal(slab, truth, one, (x_mm, y_mm), damage)
    sweep = fly_back(signal, rig.n_extra, one.galvo_gain)
    frames = speckle_and_noise(sweep, rig, damage, rng)
    # The sweep suffered the inverse of the roll that puts its band back to the end.
    pixels = np.roll(frames, -one.galvo_roll, axis=1) if one.galvo_roll else frames
    info = tile_info(truth, one, column, row)
    return SimulatedTile(column, row, one.slice_id, info, pixels.transpose(2, 1, 0))


def tile_info(truth: Truth, one: SliceTruth, column: int, row: int) -> TileInfo:
    """Return the header of a tile: what the rig says, not what is true."""
    rig = truth.rig
    nx, ny = rig.tile_px
    tile = one.tile_truths[column, row]
    said = [
        zero + sign * (origin + fov / 2 + own + common)
        for zero, sign, origin, fov, own, common in zip(
            rig.stage_zero_mm[:2],
            (rig.stage_sign_x, rig.stage_sign_y),
            tile.origin_mm,
            rig.fov_mm,
            tile.error_mm,
            one.reported_error_mm,
            strict=True,
        )
    ]
    focus_px = math.floor((rig.water_um + rig.focus_um) / rig.axial_um)
    return TileInfo(
        nx=nx,
        ny=ny,
        nz=one.nz,
        n_extra=rig.n_extra,
        n_repeat=rig.n_repeat,
        width_um=round(rig.fov_mm[0] * 1000, 6),
        height_um=round(rig.fov_mm[1] * 1000, 6),
        stage_x_mm=round(said[0], 6),
        stage_y_mm=round(said[1], 6),
        stage_z_mm=round(rig.stage_zero_mm[2] + rig.stage_sign_z * one.z_mm, 6),
        axial_um=rig.axial_written_um,
        focus_z_px=min(focus_px, one.nz - 1),
    )


def _pixel_positions(
    rig: Rig, origin_mm: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the stage positions (x, y) of pixel centres, each of shape (ny, nx)."""
    x, y = (
        origin + (np.arange(n) + 0.5) * pixel
        for origin, n, pixel in zip(origin_mm, rig.tile_px, rig.pixel_mm, strict=True)
    )
    return (np.broadcast_to(x, (len(y), len(x))), np.broadcast_to(y[:, None], (len(y), len(x))))


def _signal(
    slab: Slab,
    truth: Truth,
    one: SliceTruth,
    positions: tuple[NDArray[np.float64], NDArray[np.float64]],
    damage: TileDamage,
) -> NDArray[np.float32]:
    """Return the signal before speckle, shape (ny, nx, nz)."""
    rig = truth.rig
    if damage.gain == 0:
        return np.zeros((rig.tile_px[1], rig.tile_px[0], one.nz), np.float32)
    x_mm, y_mm = positions
    x_seen = x_mm + damage.moved_px[0][:, None] * rig.pixel_mm[0]
    y_seen = y_mm + damage.moved_px[1][:, None] * rig.pixel_mm[1]
    columns = slab.columns(*one.anatomy_from_stage(x_seen, y_seen, truth.centre_mm))
    surface = surface_um(rig, one.water_um, truth.centre_mm, positions) + damage.risen_um[:, None]
    signal = slab.along_depth(columns, surface, rig.axial_um, one.nz)
    axial_response(signal, surface, damage.cut_um, rig)
    plane = vignetting(rig) * (one.gain * damage.gain * damage.line_gain[:, None])
    signal *= np.asarray(plane, dtype=np.float32)[:, :, None]
    return signal
