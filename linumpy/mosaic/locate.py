"""From a point of a stitched slice to the raw tile that shows it, and back.

A point is (y, x) in µm in the frame that tiles are placed in; a pixel of a tile is (y, x) in native
pixels, 0 at its first edge. The raw file counts A-lines and B-scans.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from linumpy.core import tile_orientation
from linumpy.core.tile_orientation import TileOrientation
from linumpy.errors import BadValue

Surface = Callable[[float, float, float, float], float]
"""(y, x) native px in the mosaic's frame, (v, u) in the tile, −1 to 1 → depth of the cut, px."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedTile:
    """One tile: where it was placed, and where the stage had put it.

    ``y_um``, ``x_um`` are its first pixel edge as placed; ``start_y_px``, ``start_x_px`` the same
    edge by the stage, native px in the mosaic's frame.
    """

    row: int
    column: int
    y_um: float
    x_um: float
    start_y_px: float
    start_x_px: float
    file: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """How the tiles of a slice were scanned and sampled.

    Attributes
    ----------
    tile_shape : tuple of int
        (nz, ny, nx) of a tile without its galvo-return A-lines.
    native_um : tuple of float
        Voxel (z, y, x).
    galvo_shift_px : int
        Roll that was applied to the A-lines of the raw sweep.
    """

    tile_shape: tuple[int, int, int]
    native_um: tuple[float, float, float]
    n_extra: int
    galvo_shift_px: int
    orientation: TileOrientation


@dataclass(frozen=True, slots=True)
class RawPixel:
    """A place in a raw file: indices of A-line and B-scan, depth in samples (0.5: middle of 0)."""

    a_line: int
    b_scan: int
    depth_px: float


def covering(tiles: Sequence[PlacedTile], scan: Scan, y_um: float, x_um: float) -> list[PlacedTile]:
    """Return the tiles that hold a point, the one that it lies deepest in first."""

    def inside_um(tile: PlacedTile) -> float:
        _, ny, nx = scan.tile_shape
        _, step_y, step_x = scan.native_um
        y, x = y_um - tile.y_um, x_um - tile.x_um
        return min(y, ny * step_y - y, x, nx * step_x - x)

    held = [tile for tile in tiles if inside_um(tile) > 0]
    return sorted(held, key=lambda tile: -inside_um(tile))


def to_raw(
    tile: PlacedTile, scan: Scan, surface: Surface, *, y_um: float, x_um: float, below_um: float
) -> RawPixel:
    """Return the raw pixel at a point of a tile, ``below_um`` under the cut surface."""
    _, step_y, step_x = scan.native_um
    y, x = (y_um - tile.y_um) / step_y, (x_um - tile.x_um) / step_x
    depth = _surface_px(tile, scan, surface, y, x) + below_um / scan.native_um[0]
    a_line, b_scan = tile_orientation.to_raw(
        scan.orientation, math.floor(y), math.floor(x), scan.tile_shape[1:]
    )
    return RawPixel((a_line - scan.galvo_shift_px) % _sweep(scan), b_scan, depth)


def from_raw(
    tile: PlacedTile, scan: Scan, surface: Surface, pixel: RawPixel
) -> tuple[float, float, float]:
    """Return (y, x) in µm of the middle of a raw pixel, and how far below the cut it lies, µm.

    Raises
    ------
    BadValue
        If the pixel lies outside the tile, or was recorded while the mirror went back.
    """
    n_a, n_b = _kept(scan)
    if not (0 <= pixel.a_line < n_a + scan.n_extra and 0 <= pixel.b_scan < n_b):
        raise BadValue(
            f"A-line {pixel.a_line}, B-scan {pixel.b_scan} is outside {tile.file}",
            hint=f"A-lines 0 to {n_a + scan.n_extra - 1}, B-scans 0 to {n_b - 1}",
        )
    a_line = (pixel.a_line + scan.galvo_shift_px) % _sweep(scan)
    if a_line >= n_a:
        raise BadValue(
            f"A-line {pixel.a_line} of {tile.file} was recorded while the mirror went back",
            hint="it is not in the volume",
        )
    row, column = tile_orientation.from_raw(
        scan.orientation, a_line, pixel.b_scan, scan.tile_shape[1:]
    )
    y, x = row + 0.5, column + 0.5
    _, step_y, step_x = scan.native_um
    below = (pixel.depth_px - _surface_px(tile, scan, surface, y, x)) * scan.native_um[0]
    return tile.y_um + y * step_y, tile.x_um + x * step_x, below


def _sweep(scan: Scan) -> int:
    return _kept(scan)[0] + scan.n_extra


def _kept(scan: Scan) -> tuple[int, int]:
    """Return how many A-lines and B-scans are kept."""
    _, ny, nx = scan.tile_shape
    return (ny, nx) if tile_orientation.is_turned(scan.orientation) else (nx, ny)


def _surface_px(tile: PlacedTile, scan: Scan, surface: Surface, y: float, x: float) -> float:
    _, ny, nx = scan.tile_shape
    return surface(tile.start_y_px + y, tile.start_x_px + x, 2 * y / ny - 1, 2 * x / nx - 1)
