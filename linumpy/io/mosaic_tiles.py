"""A mosaic grid read back as a value: where each tile lies, and where the stage put it.

Writing one is `linumpy.io.mosaic_grid`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io.omezarr import Volume, open_volume, read_block

Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class MosaicTiles:
    """An open mosaic grid; tiles are read one by one.

    ``stage_mm`` maps (row, column) to the tile's first pixel edge (y, x) from the mosaic's origin;
    ``files`` to the raw tile's name. Places of the grid without a tile are absent from both.
    """

    volume: Volume
    slice_id: SliceId
    tile_shape: tuple[int, int, int]
    stage_mm: Mapping[Place, tuple[float, float]]
    files: Mapping[Place, str]
    slicing_interval_mm: float | None

    def read_tile(self, place: Place) -> NDArray[np.float32]:
        """Return one tile, shape (nz, ny, nx), float32.

        Raises
        ------
        BadFile
            If its chunk is broken, or holds values that are not finite.
        """
        _, ny, nx = self.tile_shape
        y, x = place[0] * ny, place[1] * nx
        tile = read_block(self.volume, (slice(None), slice(y, y + ny), slice(x, x + nx)))
        # One sum finds any NaN or Inf without a mask as large as the tile.
        if not np.isfinite(tile.sum()):
            raise BadFile(
                f"{self.volume.path}: tile {self.files.get(place, place)} holds NaN or Inf",
                hint="check the raw tile, then make this mosaic again",
            )
        return tile


def open_mosaic_tiles(path: str | Path, *, slicing_interval_mm: float | None = None) -> MosaicTiles:
    """Open a mosaic grid and check what it says about itself.

    Parameters
    ----------
    path : path
    slicing_interval_mm : float, optional
        Cut interval; default: what the mosaic says.

    Raises
    ------
    BadFile
        If it is no mosaic grid, or its tiles do not fit its shape.
    """
    volume = open_volume(path)
    attributes = volume.attributes
    try:
        nz, ny, nx = (int(n) for n in attributes["tile_shape"])
        rows, columns = (int(n) for n in attributes["grid"])
        tiles = list(attributes["tiles"])
        places = [(int(tile["row"]), int(tile["col"])) for tile in tiles]
        stage = [(float(tile["y_mm"]), float(tile["x_mm"])) for tile in tiles]
        slice_id = SliceId(attributes["slice_id"])
        interval = slicing_interval_mm or attributes.get("slicing_interval_mm")
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(
            f"{path}: not a mosaic grid: {type(error).__name__} {error} in its attributes",
            hint="make it with linum_create_mosaic_grid_3d.py",
        ) from error
    if volume.shape != (nz, rows * ny, columns * nx):
        raise BadFile(
            f"{path}: shape {volume.shape} is not {rows} × {columns} tiles of {(nz, ny, nx)}",
            hint="make it again",
        )
    outside = [p for p in places if not (0 <= p[0] < rows and 0 <= p[1] < columns)]
    if outside or not places or len(set(places)) < len(places):
        raise BadFile(f"{path}: its {len(places)} tiles do not fit a grid of {rows} × {columns}")
    return MosaicTiles(
        volume=volume,
        slice_id=slice_id,
        tile_shape=(nz, ny, nx),
        stage_mm=dict(zip(places, stage, strict=True)),
        files={p: str(t.get("file", "")) for p, t in zip(places, tiles, strict=True)},
        slicing_interval_mm=None if interval is None else float(interval),
    )


def read_transform(path: str | Path) -> NDArray[np.float64]:
    """Return a 2×2 tile transform: (row, column) → (y, x), native pixels.

    Raises
    ------
    BadFile
        If the file is no such array.
    """
    try:
        transform = np.load(Path(path), allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise BadFile(f"{path}: not a NumPy array ({error})") from error
    if transform.shape != (2, 2) or not np.isfinite(transform).all():
        raise BadFile(
            f"{path}: an array of 2 × 2 finite numbers is needed, found shape {transform.shape}",
            hint="make it with linum_estimate_global_transform.py",
        )
    matrix: NDArray[np.float64] = transform.astype(np.float64)
    return matrix
