"""Mosaic grids reduced to small pictures and numbers, for the commands that compare slices.

Reading is in `io`, the pictures in `mosaic.projection`, the numbers in `quality.traits`; this is
the walk over tiles that feeds both.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linumpy.compute.blocks import ordered_map
from linumpy.compute.device import Device
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, InputError
from linumpy.io.mosaic_tiles import MosaicTiles, Place, open_mosaic_tiles
from linumpy.io.omezarr import open_volume
from linumpy.io.spill import Kept, Spill
from linumpy.mosaic.coarse import Displacement, displacement
from linumpy.mosaic.projection import Canvas, Projection, pixel_size_mm
from linumpy.quality.score import Ceiling, ceiling_of
from linumpy.quality.traits import Meter, TileMeasure, Traits, measure_tile

log = logging.getLogger(__name__)
N_LOOKS = 2
"""Pictures of one slice in other speckle: what two slices of the same tissue would reach."""
_NOTHING = np.zeros((0, 0), dtype=np.float32)
VIEWS_IN_MEMORY = 6
"""A slice is compared with two on either side; one more is being read."""


@dataclass(frozen=True, slots=True)
class View:
    """What is kept of a slice: its picture, and its numbers where they were asked for.

    ``ceiling`` is what a slice of the same tissue would reach; None where that was not asked for.
    """

    projection: Projection
    traits: Traits | None
    ceiling: Ceiling | None = None

    @classmethod
    def of(cls, projection: Projection, traits: Traits | None) -> "View":
        """Return a view that keeps of the picture's looks only what they say of the speckle."""
        if projection.looks is None:
            return cls(projection, traits)
        return cls(replace(projection, looks=None), traits, ceiling_of(projection.looks))


class Views(Mapping[SliceId, View]):
    """Views by slice, in the order they were added; their pictures lie on disk.

    At most `VIEWS_IN_MEMORY` pictures are held, so that a long series needs what a short one does.
    """

    def __init__(self) -> None:
        self._spill = Spill()
        self._kept: dict[SliceId, tuple[Kept, Kept, View]] = {}
        self._get = lru_cache(maxsize=VIEWS_IN_MEMORY)(self._read)

    def add(self, key: SliceId, view: View) -> None:
        """Keep the view of a slice."""
        planes, cover = (
            self._spill.put(a) for a in (view.projection.planes, view.projection.cover)
        )
        bare = replace(view.projection, planes=_NOTHING, cover=_NOTHING.astype(bool))
        self._kept[key] = (planes, cover, replace(view, projection=bare))

    def __getitem__(self, key: SliceId) -> View:
        return self._get(key)

    def __iter__(self) -> Iterator[SliceId]:
        return iter(self._kept)

    def __len__(self) -> int:
        return len(self._kept)

    def __contains__(self, key: object) -> bool:
        return key in self._kept

    def _read(self, key: SliceId) -> View:
        planes, cover, view = self._kept[key]
        picture = replace(
            view.projection, planes=self._spill.get(planes), cover=self._spill.get(cover)
        )
        return replace(view, projection=picture)


@dataclass(frozen=True, slots=True)
class Looking:
    """How mosaics are looked at."""

    device: Device
    workers: int
    n_slabs: int = 1
    roi_px: int = 0
    measures: bool = False


def open_all(
    paths: Mapping[SliceId, Path],
) -> tuple[dict[SliceId, MosaicTiles], dict[SliceId, str]]:
    """Open mosaics; return those that can be read, and why the others cannot."""
    opened: dict[SliceId, MosaicTiles] = {}
    failed: dict[SliceId, str] = {}
    for slice_id, path in paths.items():
        try:
            opened[slice_id] = _open(path, slice_id)
        except InputError as error:
            failed[slice_id] = error.message
    return opened, failed


def _open(path: Path, slice_id: SliceId) -> MosaicTiles:
    """Open a mosaic grid; one without our attributes has its tiles side by side, chunk by chunk."""
    volume = open_volume(path)
    if "tiles" in volume.attributes:
        return open_mosaic_tiles(path)
    nz, ny, nx = volume.shape
    _, ty, tx = volume.array.chunks
    ty, tx = min(ty, ny), min(tx, nx)
    if ny % ty or nx % tx:
        raise BadFile(
            f"{path}: {ny} × {nx} pixels are not whole tiles of {ty} × {tx} (its chunks)",
            hint="make it with linum_create_mosaic_grid_3d.py",
        )
    places = [(row, col) for row in range(ny // ty) for col in range(nx // tx)]
    step = (ty * volume.spacing.y_mm, tx * volume.spacing.x_mm)
    return MosaicTiles(
        volume=volume,
        slice_id=slice_id,
        tile_shape=(nz, ty, tx),
        stage_mm={place: (place[0] * step[0], place[1] * step[1]) for place in places},
        files=dict.fromkeys(places, ""),
        slicing_interval_mm=None,
    )


def depth_mm(mosaic: MosaicTiles) -> float:
    """Return the imaged depth of a mosaic."""
    return mosaic.tile_shape[0] * mosaic.volume.spacing.z_mm


def extent_mm(mosaic: MosaicTiles) -> tuple[float, float]:
    """Return the size of a mosaic, (y, x)."""
    _, ny, nx = mosaic.tile_shape
    spacing = mosaic.volume.spacing
    y, x = (max(corner[axis] for corner in mosaic.stage_mm.values()) for axis in (0, 1))
    return (y + ny * spacing.y_mm, x + nx * spacing.x_mm)


def look(
    mosaics: Mapping[SliceId, MosaicTiles],
    looking: Looking,
    progress: Callable[[float, float], None],
) -> tuple[Views, dict[SliceId, str]]:
    """Reduce mosaics to views of one pixel size; return them, and why some have none.

    Holds one tile per worker and the picture of one slice.
    """
    views = Views()
    failed: dict[SliceId, str] = {}
    if not mosaics:
        return views, failed
    sampling = min(min(m.volume.spacing.zyx_mm[1:]) for m in mosaics.values())
    pixel_mm = pixel_size_mm([extent_mm(m) for m in mosaics.values()], sampling)
    shared_mm = float(np.median([depth_mm(m) for m in mosaics.values()]))
    for n, (slice_id, mosaic) in enumerate(mosaics.items()):
        canvas = Canvas(
            pixel_mm,
            n_slabs=looking.n_slabs,
            depth_mm=shared_mm,
            n_looks=N_LOOKS if looking.measures else 1,
        )
        try:
            views.add(slice_id, _look_at(mosaic, canvas, looking))
        except InputError as error:
            failed[slice_id] = error.message
        progress(n + 1, len(mosaics))
    return views, failed


def _look_at(mosaic: MosaicTiles, canvas: Canvas, looking: Looking) -> View:
    spacing = mosaic.volume.spacing

    def reduce(place: Place) -> tuple[NDArray[np.float32], TileMeasure | None]:
        tile = looking.device.put(mosaic.read_tile(place))
        slabs = canvas.slabs(tile, spacing.z_mm)
        return slabs, measure_tile(tile) if looking.measures else None

    places = _in_roi(mosaic, looking.roi_px)
    meter = Meter()
    brightest = 0.0
    reduced = ordered_map(reduce, places, workers=looking.workers)
    for place, (slabs, measure) in zip(places, reduced, strict=True):
        y_mm, x_mm = mosaic.stage_mm[place]
        canvas.add_slabs(slabs, (y_mm, x_mm), (spacing.y_mm, spacing.x_mm))
        if measure is not None:
            meter.add(place, (y_mm / spacing.y_mm, x_mm / spacing.x_mm), measure)
        brightest = max(brightest, float(np.abs(slabs).max()))
    if brightest == 0:
        raise BadFile(f"{mosaic.volume.path}: every voxel is zero", hint="make the mosaic again")
    return View.of(canvas.finish(), meter.finish() if looking.measures else None)


def _in_roi(mosaic: MosaicTiles, roi_px: int) -> list[Place]:
    """Return the tiles that the central square of ``roi_px`` touches; 0: all of them."""
    places = sorted(mosaic.stage_mm)
    if roi_px == 0:
        return places
    spacing, extent = mosaic.volume.spacing, extent_mm(mosaic)
    size = (mosaic.tile_shape[1] * spacing.y_mm, mosaic.tile_shape[2] * spacing.x_mm)
    half = (roi_px * spacing.y_mm / 2, roi_px * spacing.x_mm / 2)
    chosen = [
        place
        for place in places
        if all(
            abs(mosaic.stage_mm[place][i] + size[i] / 2 - extent[i] / 2) < half[i] + size[i] / 2
            for i in (0, 1)
        )
    ]
    return chosen or places[:1]


def register(
    views: Mapping[SliceId, View], pairs: Iterable[tuple[SliceId, SliceId]], *, workers: int
) -> dict[tuple[SliceId, SliceId], Displacement]:
    """Return the displacement of each pair (fixed, moving)."""
    wanted = sorted(set(pairs))

    def one(pair: tuple[SliceId, SliceId]) -> Displacement:
        fixed, moving = (views[key].projection for key in pair)
        return displacement((fixed.average, fixed.cover), (moving.average, moving.cover))

    return dict(zip(wanted, ordered_map(one, wanted, workers=workers), strict=True))
