"""Raw tile folders: headers to values, pixels memory-mapped.

Here: finding tiles, ``info.txt``, ``image_*.bin``, and writing tiles (the simulator's way out).
Not here: what the positions mean (`linumpy.mosaic.grid`), the galvo (`linumpy.preproc.xyzcorr`).
Pixels are (depth, A-line, B-scan), column-major as on disk; how they lie in a
mosaic is `linumpy.core.tile_orientation`.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

from linumpy.core.acquisition import Acquisition, RawSlice, Tile, TileInfo, Unfinished
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile, UnknownSlice
from linumpy.io import arrival, atomic, tile_folders
from linumpy.io.info import read_info, write_info
from linumpy.io.interval import slicing_interval_mm
from linumpy.io.tile_folders import OnDuplicate, Place

__all__ = [
    "PixelSequence",
    "check_images",
    "discover",
    "read_info",
    "read_tile",
    "slicing_interval_mm",
    "write_tile",
]

INFO = "info.txt"
_PIXEL_TYPE = np.dtype("<f4")
_N_AXES = 3
# Fields that all tiles of a slice share: one shape, one sampling.
_SHARED = ("nx", "ny", "nz", "n_extra", "n_repeat", "width_um", "height_um", "axial_um")


def discover(
    *roots: str | Path,
    only: Iterable[SliceId] | None = None,
    on_duplicate: OnDuplicate | None = None,
) -> Acquisition:
    """Find the tiles below ``roots`` and read their headers; no pixel is read.

    Folders named ``tile_x<n>_y<n>_z<n>`` count, at any depth: flat, ``z00/tile_…``,
    ``slice_z00/tiles/tile_…``. A root may itself be a tile. Stray files are ignored. A tile of the
    last slice whose header is being written is left for later; `linumpy.io.arrival` says so.

    Parameters
    ----------
    *roots : path
        Folders to search, those of one acquisition; links are followed.
    only : iterable of SliceId, optional
        Read these slices and no other.
    on_duplicate : {"newest", "first"}, optional
        Which folder is taken where a tile is found twice: the one written last, or that of the
        root given first.

    Returns
    -------
    Acquisition
        Slices in the order of ids, tiles of a slice by (y, x).

    Raises
    ------
    MissingFile
        If a root, every tile, or an ``info.txt`` is missing.
    BadFile
        If a header cannot be right, two folders claim one tile, or tiles of a slice differ in size.
    UnknownSlice
        If a slice of ``only`` has no tile.
    """
    found = tile_folders.by_place(roots, on_duplicate=on_duplicate)
    wanted = None if only is None else set(only)
    _check_found(roots, wanted, set(found))
    last, slices = max(found), {}
    unfinished: list[Unfinished] = []
    for key in sorted(found if wanted is None else wanted):
        unread = _awaited(found[key]) if key == last else {}
        tiles = {p: _tile(key, p, f) for p, f in sorted(found[key].items()) if p not in unread}
        if key == last:
            unfinished = _ends(tiles, unread, {s: set(places) for s, places in found.items()})
        if tiles:
            slices[key] = _raw_slice(key, tiles)
    if not slices:
        read_info(next(iter(unread.values())) / INFO)  # no other tile: the header is missed now
    return Acquisition(slices=slices, unfinished=tuple(unfinished))


def _awaited(folders: Mapping[Place, Path]) -> dict[Place, Path]:
    """Return the folders without a header that were written just now."""
    return {
        place: folder
        for place, folder in folders.items()
        if not arrival.has_header(folder / INFO) and arrival.is_young(folder)
    }


def _tile(slice_id: SliceId, place: Place, folder: Path) -> Tile:
    y, x = place
    info, images = read_info(folder / INFO), tile_folders.images(folder)
    return Tile(slice_id=slice_id, x=x, y=y, folder=folder, info=info, images=images)


def _ends(
    tiles: Mapping[Place, Tile], unread: Mapping[Place, Path], places: Mapping[SliceId, set[Place]]
) -> list[Unfinished]:
    """Return what the last slice shows of an acquisition that has stopped, or still runs."""
    found = (arrival.being_written(tiles, unread), arrival.in_part(places) if tiles else None)
    return [one for one in found if one is not None]


def check_images(tile: Tile) -> None:
    """Check the sizes of a tile's files against its header, without reading pixels.

    Raises
    ------
    MissingFile
        If there is no ``image_*.bin``.
    BadFile
        If a file is truncated or holds other numbers than float32; names it, with bytes found and
        expected.
    """
    if not tile.images:
        others = sorted(p.name for p in tile.folder.iterdir() if p.name != INFO)
        raise MissingFile(
            f"slice {tile.slice_id}: no image_*.bin in {tile.folder}"
            + (f" (it holds {', '.join(others[:5])})" if others else ""),
            hint="raw tiles are float32 files image_00000.bin, image_00001.bin, …; "
            "copy the missing data, or exclude the slice",
        )
    _check_sizes(tile, [_size(tile, path) for path in tile.images])


def read_tile(tile: Tile) -> NDArray[np.float32]:
    """Return the pixels of a tile, galvo-return A-lines included.

    One file without repeats is memory-mapped: nothing is read before it is used, so a caller
    reduces a tile without holding it. Several files are joined by name, repeats are averaged.

    Returns
    -------
    array, float32, shape (nz, nx + n_extra, ny)
        Column-major (depth fastest), not to be written to; B-scans after ``ny`` are left out.

    Raises
    ------
    MissingFile, BadFile
        As `check_images`.
    """
    check_images(tile)
    info = tile.info
    n_frames = info.ny * info.n_repeat
    maps = [_map_file(tile, path) for path in tile.images]
    # joined transposed, which keeps the order of bytes
    frames = maps[0] if len(maps) == 1 else np.concatenate([m.T for m in maps]).T
    frames = frames[:, :, :n_frames]
    if info.n_repeat == 1:
        return frames
    # The repeat index varies fastest among the frames.
    repeats = frames.reshape(info.nz, -1, info.n_repeat, info.ny, order="F")
    return np.asfortranarray(repeats.mean(axis=2, dtype=np.float32))


class PixelSequence(Sequence[NDArray[np.float32]]):
    """Tiles as a sequence of pixel arrays, each opened when it is asked for."""

    def __init__(self, tiles: Sequence[Tile]) -> None:
        self._tiles = tiles

    def __len__(self) -> int:
        return len(self._tiles)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> "PixelSequence": ...
    def __getitem__(self, index: int | slice) -> "NDArray[np.float32] | PixelSequence":
        """Open one tile, or take a part of the sequence."""
        if isinstance(index, slice):
            return PixelSequence(self._tiles[index])
        return read_tile(self._tiles[index])


def write_tile(
    folder: str | Path, pixels: NDArray[Any], info: TileInfo, *, n_files: int = 1
) -> None:
    """Write one tile as the rig does; the folder appears whole.

    Parameters
    ----------
    folder : path
        ``…/tile_x02_y01_z03``; the name carries the tile's place.
    pixels : array of real numbers, shape (nz, nx + n_extra, ny · n_repeat)
        Depth, A-line, frame; of the frames the repeat varies fastest. Stored as float32.
    info : TileInfo
        Becomes ``info.txt``.
    n_files : int
        Over how many ``image_*.bin`` the frames are spread.

    Raises
    ------
    BadValue
        If the name is not a tile's, the pixels are complex, of several channels or not finite, the
        shape does not fit ``info``, or frames are too few.
    """
    folder = Path(folder)
    tile_folders.parse_name(folder.name)
    _check_pixels(folder, pixels)
    expected = (info.nz, info.nx + info.n_extra, info.ny * info.n_repeat)
    if pixels.shape != expected:
        raise BadValue(f"{folder}: pixels have shape {pixels.shape}, the header says {expected}")
    if not 1 <= n_files <= expected[2]:
        raise BadValue(f"{folder}: n_files={n_files}; allowed: 1 to {expected[2]} (frames)")
    with atomic.replacing(folder) as partial:
        partial.mkdir()
        write_info(partial / INFO, info)
        for number, frames in enumerate(np.array_split(pixels, n_files, axis=2)):
            with (partial / f"image_{number:05d}.bin").open("wb") as stream:
                # The transpose of a column-major array is row-major: bytes go out as they lie.
                np.ascontiguousarray(frames.T, dtype=_PIXEL_TYPE).tofile(stream)


def _check_pixels(folder: Path, pixels: NDArray[Any]) -> None:
    if np.iscomplexobj(pixels):
        raise BadValue(
            f"{folder}: pixels are complex ({pixels.dtype})",
            hint="a tile holds amplitudes: write np.abs(pixels)",
        )
    if pixels.ndim != _N_AXES:
        raise BadValue(
            f"{folder}: pixels have shape {pixels.shape}; three axes are needed: depth, A-line, "
            "B-scan",
            hint="of several channels write the reflectivity, one array per tile",
        )
    if pixels.dtype.kind not in "fiu" or not np.isfinite(pixels).all():
        raise BadValue(
            f"{folder}: pixels are {pixels.dtype} and not all finite real numbers",
            hint="write finite amplitudes, 0 where nothing was measured",
        )


class _Size(NamedTuple):
    path: Path
    n_bytes: int


def _check_found(
    roots: Sequence[str | Path], wanted: set[SliceId] | None, names_seen: set[SliceId]
) -> None:
    where = ", ".join(map(str, roots))
    if not names_seen:
        raise MissingFile(
            f"{where}: no tile found",
            hint="tiles are folders named tile_x<n>_y<n>_z<n>, at any depth below the path",
        )
    absent = sorted((wanted or set()) - names_seen)
    if absent:
        raise UnknownSlice(
            f"{where}: no tile of slice {', '.join(absent)}",
            hint=f"slices with tiles: {', '.join(sorted(names_seen))}",
        )


def _raw_slice(slice_id: SliceId, tiles: dict[tuple[int, int], Tile]) -> RawSlice:
    ordered = tuple(tiles[place] for place in sorted(tiles))
    first = ordered[0]
    for tile in ordered[1:]:
        for name in _SHARED:
            one, other = getattr(first.info, name), getattr(tile.info, name)
            if one != other:
                raise BadFile(
                    f"slice {slice_id}: tiles differ in {name}: {one} in {first.folder / INFO}, "
                    f"{other} in {tile.folder / INFO}",
                    hint="all tiles of a slice need one size and sampling; "
                    "move tiles of another acquisition away",
                )
        if (first.info.stage_x_mm is None) != (tile.info.stage_x_mm is None):
            raise BadFile(
                f"slice {slice_id}: of {first.folder / INFO} and {tile.folder / INFO} "
                "only one has stage_x_pos_mm",
                hint="all tiles need their stage position, or none",
            )
    return RawSlice(slice_id=slice_id, tiles=ordered)


def _size(tile: Tile, path: Path) -> _Size:
    try:
        return _Size(path, path.stat().st_size)
    except OSError as error:
        raise _unreadable(tile, path, error) from error


def _check_sizes(tile: Tile, sizes: Sequence[_Size]) -> None:
    info = tile.info
    frame, expected = info.frame_bytes, info.n_bytes
    total = sum(size.n_bytes for size in sizes)
    layout = (
        f"{info.nz} depths × {info.nx + info.n_extra} A-lines × {info.ny * info.n_repeat} frames "
        "of float32"
    )
    if total == 2 * expected:
        raise BadFile(
            f"slice {tile.slice_id}: {sizes[0].path} holds {total} bytes, twice the {expected} "
            f"of {layout}: complex64 or float64 numbers",
            hint="only float32 amplitudes are read; convert the tile",
        )
    broken = next((size for size in sizes if size.n_bytes % frame), None)
    if broken is None and total >= expected:
        return
    broken = broken or sizes[-1]
    others = total - broken.n_bytes
    raise BadFile(
        f"slice {tile.slice_id}: {broken.path} is truncated or of another format: found "
        f"{broken.n_bytes} bytes, expected {max(expected - others, frame)} ({layout}"
        + (f" over {len(sizes)} files)" if len(sizes) > 1 else ")"),
        hint="copy the file again from the instrument, or exclude the slice (use=false)",
    )


def _map_file(tile: Tile, path: Path) -> NDArray[np.float32]:
    info = tile.info
    n_frames = path.stat().st_size // info.frame_bytes
    shape = (info.nz, info.nx + info.n_extra, n_frames)
    if n_frames == 0:
        return np.empty(shape, np.float32, order="F")
    try:
        return np.memmap(path, dtype=_PIXEL_TYPE, mode="r", shape=shape, order="F")
    except OSError as error:
        raise _unreadable(tile, path, error) from error


def _unreadable(tile: Tile, path: Path, error: OSError) -> BadFile:
    return BadFile(
        f"slice {tile.slice_id}: {path} cannot be read ({error.strerror or error})",
        hint="check its permissions and the disk, or exclude the slice (use=false)",
    )
