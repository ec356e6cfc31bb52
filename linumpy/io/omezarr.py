"""OME-Zarr volumes: lazy arrays with their voxel size, origin and our own attributes.

Written: Zarr v3, NGFF 0.5, arrays "0", "1", … in the root group, mm, sharded, blosc-lz4 with
bitshuffle. Read: also NGFF 0.4 on Zarr v2. A volume appears at its name when it is whole.
"""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np
import zarr
from ome_zarr_models.v05.axes import Axis
from ome_zarr_models.v05.multiscales import Dataset, Multiscale
from zarr.codecs import BloscCodec, BloscShuffle

from linumpy.core.spacing import Spacing
from linumpy.errors import BadFile, MissingFile
from linumpy.io.atomic import replacing

VoxelUnit = Literal["mm", "um"]
_MM_PER_UNIT = {
    "millimeter": 1.0,
    "mm": 1.0,
    "micrometer": 1e-3,
    "um": 1e-3,
    "meter": 1e3,
    "nanometer": 1e-6,
}
OURS = "linumpy"
"""Key of our own attributes in the root group."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One level of an OME-Zarr volume.

    ``array`` is lazy, shape (z, y, x); ``origin_mm`` is the centre of its first voxel.
    """

    path: Path
    array: Any  # Any: zarr.Array indexes to numpy; its stubs say a union of everything
    spacing: Spacing
    origin_mm: tuple[float, float, float]
    attributes: Mapping[str, Any]  # Any: JSON

    @property
    def shape(self) -> tuple[int, int, int]:
        """(z, y, x) in voxels."""
        z, y, x = self.array.shape
        return (z, y, x)


@dataclass(frozen=True, slots=True)
class Level:
    """What a level to be written looks like."""

    shape: tuple[int, int, int]
    spacing: Spacing
    chunks: tuple[int, int, int]
    shards: tuple[int, int, int] | None = None
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    dtype: str = "float32"


@dataclass(frozen=True, slots=True)
class Window:
    """Display window of the volume, for viewers (NGFF ``omero``)."""

    low: float
    high: float
    minimum: float = 0.0
    maximum: float = 1.0


@dataclass(frozen=True, slots=True)
class NewVolume:
    """A volume that is being written: its open arrays, finest first, and its attributes."""

    path: Path
    levels: list[Any]  # Any: zarr.Array
    group: Any = field(repr=False)

    @property
    def array(self) -> Any:
        """The finest level."""
        return self.levels[0]

    def set_window(self, window: Window) -> None:
        """Write the display window that viewers open the volume with."""
        ome = dict(self.group.attrs["ome"])
        ome["omero"] = {
            "channels": [
                {
                    "label": "reflectivity",
                    "color": "FFFFFF",
                    "active": True,
                    "window": {
                        "start": window.low,
                        "end": window.high,
                        "min": window.minimum,
                        "max": window.maximum,
                    },
                }
            ],
            "rdefs": {"model": "greyscale"},
        }
        self.group.attrs["ome"] = ome


@contextlib.contextmanager
def create(
    path: str | Path,
    levels: Sequence[Level],
    *,
    attributes: Mapping[str, object] | None = None,
) -> Iterator[NewVolume]:
    """Create a volume to fill; it appears at ``path`` when the block ends without an error.

    Parameters
    ----------
    path : path
        ``….ome.zarr``; what stands there is replaced at the end.
    levels : sequence of Level
        Finest first.
    attributes : mapping, optional
        JSON values stored under "linumpy" in the root group.

    Yields
    ------
    NewVolume
        Voxels that are never written read as 0 and take no space.
    """
    path = Path(path)
    with replacing(path) as partial:
        group = zarr.open_group(partial, mode="w", zarr_format=3)
        name = path.name.removesuffix(".zarr").removesuffix(".ome")
        arrays = write_multiscale(group, name, levels, attributes=attributes or {})
        yield NewVolume(path=partial, levels=arrays, group=group)


def write_multiscale(
    group: Any,  # Any: zarr.Group
    name: str,
    levels: Sequence[Level],
    *,
    dtype: str | None = None,
    ome: Mapping[str, object] = MappingProxyType({}),
    attributes: Mapping[str, object],
) -> list[Any]:  # Any: zarr.Array
    """Write the metadata of an image into an empty group; return its arrays, finest first.

    ``dtype`` overrides that of the levels, ``ome`` adds to the NGFF metadata, ``attributes`` are
    our own.
    """
    group.attrs["ome"] = {"version": "0.5", "multiscales": [_multiscale(name, levels)], **ome}
    group.attrs[OURS] = dict(attributes)
    typed = [replace(level, dtype=dtype or level.dtype) for level in levels]
    return [_create_array(group, str(i), level) for i, level in enumerate(typed)]


def open_volume(path: str | Path, *, level: int = 0, voxel_unit: VoxelUnit | None = None) -> Volume:
    """Open one level of a volume, lazily.

    Parameters
    ----------
    path : path
        An OME-Zarr folder, NGFF 0.4 or 0.5.
    level : int
        0 is the finest.
    voxel_unit : {"mm", "um"}, optional
        Used only where the file has no unit.

    Raises
    ------
    MissingFile
        If there is no such folder.
    BadFile
        If it is no OME-Zarr volume with axes z, y, x, the level is absent, or the unit is missing.
    """
    path = Path(path)
    if not path.is_dir():
        raise MissingFile(f"{path}: no such OME-Zarr volume", hint="check the path")
    try:
        group = zarr.open_group(path, mode="r")
    except (
        zarr.errors.GroupNotFoundError,
        zarr.errors.NodeTypeValidationError,
        ValueError,
    ) as error:
        raise BadFile(
            f"{path}: not a Zarr group ({error})", hint="write the volume again"
        ) from error
    attributes: dict[str, Any] = dict(group.attrs)
    multiscale = _find_multiscale(path, attributes)
    datasets = multiscale["datasets"]
    if not 0 <= level < len(datasets):
        raise BadFile(f"{path}: level {level} is absent; it has levels 0 to {len(datasets) - 1}")
    name = str(datasets[level]["path"])
    if name not in group:
        raise BadFile(f"{path}: the metadata name level {name!r}, which is absent")
    mm = [_mm_per_unit(path, axis, voxel_unit) for axis in multiscale["axes"]]
    scale, translation = _transforms(datasets[level], len(mm))
    z, y, x = (s * m for s, m in zip(scale, mm, strict=True))
    oz, oy, ox = (t * m for t, m in zip(translation, mm, strict=True))
    return Volume(
        path=path,
        array=group[name],
        spacing=Spacing(z, y, x),
        origin_mm=(oz, oy, ox),
        attributes=attributes.get(OURS, {}),
    )


def n_levels(path: str | Path) -> int:
    """Return how many levels a volume has."""
    group = zarr.open_group(Path(path), mode="r")
    return len(_find_multiscale(Path(path), dict(group.attrs))["datasets"])


def read_block(volume: Volume, block: tuple[slice, ...] | None = None) -> np.ndarray[Any, Any]:
    """Read part of a volume as float32, or all of it.

    Raises
    ------
    BadFile
        If a chunk is broken; names the volume and the place.
    """
    return read_stored(volume, block).astype(np.float32, copy=False)


def read_stored(volume: Volume, block: tuple[slice, ...] | None = None) -> np.ndarray[Any, Any]:
    """Read part of a volume in the type that it is stored in, or all of it.

    Raises
    ------
    BadFile
        If a chunk is broken; names the volume and the place.
    """
    where = block if block is not None else (slice(None),) * 3
    try:
        return _read_by_rows(volume.array, where)
    except (RuntimeError, ValueError, OSError) as error:
        raise BadFile(
            f"{volume.path}: a chunk in {_say(where)} cannot be read ({error})",
            hint="make this volume again; running the same command does it",
        ) from error


def _read_by_rows(array: Any, where: tuple[slice, ...]) -> np.ndarray[Any, Any]:
    """Read one row of chunks or shards after the other: zarr holds what it reads three times."""
    lengths = [len(range(*part.indices(n))) for part, n in zip(where, array.shape, strict=False)]
    n_rows = (array.shards or array.chunks)[1]
    if len(where) == 1:
        where, lengths = (*where, slice(None)), [*lengths, array.shape[1]]
    start, stop, step = where[1].indices(array.shape[1])
    if step != 1 or start // n_rows >= (stop - 1) // n_rows:
        return np.asarray(array[where])
    found = np.empty((*lengths, *array.shape[len(lengths) :]), array.dtype)
    for row in range(start - start % n_rows, stop, n_rows):
        rows = slice(max(row, start), min(row + n_rows, stop))
        found[:, rows.start - start : rows.stop - start] = array[(where[0], rows, *where[2:])]
    return found


def sharded(
    shape: tuple[int, int, int], chunks: tuple[int, int, int], *, max_bytes: int = 2**26
) -> tuple[int, int, int]:
    """Return a shard of whole chunks, at most about ``max_bytes`` of float32 before compression.

    The shard grows along x, then y, then z, and never far beyond the array.
    """
    shard = list(chunks)
    for axis in (2, 1, 0):
        needed = math.ceil(shape[axis] / chunks[axis])
        room = max(1, max_bytes // (4 * math.prod(shard)))
        shard[axis] = chunks[axis] * min(needed, room)
    return (shard[0], shard[1], shard[2])


def _multiscale(name: str, levels: Sequence[Level]) -> dict[str, Any]:
    axes = [Axis(name=axis, type="space", unit="millimeter") for axis in "zyx"]
    datasets = tuple(
        Dataset.build(path=str(i), scale=level.spacing.zyx_mm, translation=level.origin_mm)
        for i, level in enumerate(levels)
    )
    multiscale = Multiscale(axes=axes, datasets=datasets, name=name)
    found: dict[str, Any] = multiscale.model_dump(mode="json", exclude_none=True)
    return found


def _create_array(group: Any, name: str, level: Level) -> Any:
    return group.create_array(
        name,
        shape=level.shape,
        chunks=level.chunks,
        shards=level.shards,
        dtype=level.dtype,
        fill_value=0,
        # Measured on float32 speckle: smaller and about twice as fast as zstd-1.
        compressors=BloscCodec(cname="lz4", clevel=1, shuffle=BloscShuffle.bitshuffle),
        dimension_names=["z", "y", "x"],
    )


def _find_multiscale(path: Path, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    holder = attributes.get("ome", attributes)
    try:
        (multiscale,) = holder["multiscales"]
        names = [axis["name"] for axis in multiscale["axes"]]
        datasets = multiscale["datasets"]
    except (KeyError, ValueError, TypeError) as error:
        raise BadFile(
            f"{path}: no OME-Zarr image in its metadata", hint="NGFF 0.4 and 0.5 images are read"
        ) from error
    if names != ["z", "y", "x"] or not datasets:
        raise BadFile(f"{path}: axes are {names}; z, y, x are needed")
    found: Mapping[str, Any] = multiscale
    return found


def _mm_per_unit(path: Path, axis: Mapping[str, Any], voxel_unit: VoxelUnit | None) -> float:
    unit = axis.get("unit") or voxel_unit
    if unit is None:
        raise BadFile(
            f"{path}: axis {axis['name']!r} has no unit",
            hint="pass --voxel_unit um or mm, or write the unit into the file",
        )
    if unit not in _MM_PER_UNIT:
        raise BadFile(f"{path}: unit {unit!r}; allowed: {', '.join(_MM_PER_UNIT)}")
    return _MM_PER_UNIT[unit]


def _transforms(dataset: Mapping[str, Any], n_axes: int) -> tuple[list[float], list[float]]:
    scale, translation = [1.0] * n_axes, [0.0] * n_axes
    for transform in dataset["coordinateTransformations"]:
        if transform["type"] == "scale":
            scale = [float(v) for v in transform["scale"]]
        elif transform["type"] == "translation":
            translation = [float(v) for v in transform["translation"]]
    return scale, translation


def _say(block: tuple[slice, ...]) -> str:
    return ", ".join(
        f"{axis} {part.start or 0}:{'' if part.stop is None else part.stop}"
        for axis, part in zip("zyx", block, strict=False)
    )
