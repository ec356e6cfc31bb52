"""Everything of the page that is read from volumes: thumbnails, views, voxel sizes."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from linumpy.core.slice_id import SliceId
from linumpy.errors import LinumpyError
from linumpy.io.lenient import Reader, Unreadable
from linumpy.report import pictures, style
from linumpy.report.pictures import Views
from linumpy.report.style import Picture

T = TypeVar("T")
VOLUME = "3d_volume.ome.zarr"
ATLAS_PREVIEW = "3d_volume_ras_preview.png"
PLACES = (
    ("process_slice/slice_z{}_normalize.ome.zarr", "processed"),
    ("bring_to_common_space/slice_z{}_normalize.ome.zarr", "processed"),
    ("interpolate_missing_slice/slice_z{}_interpolated.ome.zarr", "interpolated"),
    ("mosaics/mosaic_grid_3d_z{}.ome.zarr", "mosaic of its tiles, overlaps not removed"),
    ("mosaic_grid_3d_z{}.ome.zarr", "mosaic of its tiles, overlaps not removed"),
)
"""Where a picture of a slice is looked for, in this order."""
KEPT = "process_slice/slice_z{}_process_preview.png"
"""What there is of a slice when its volumes were cleaned away."""
THUMBNAIL_PX = 168
BUDGET_BYTES = 3_000_000
"""All thumbnails together; with many slices each gets smaller."""
BYTES_PER_PIXEL = 0.35
MIN_THUMBNAIL_PX = 48
MAX_PREVIEWS = 12
PREVIEW_PX = 1000


@dataclass(frozen=True, slots=True)
class Gallery:
    """What the volumes show."""

    thumbnails: Mapping[SliceId, Picture]
    previews: Mapping[SliceId, Picture]
    views: Views | None
    atlas: Picture | None
    slice_spacing_z_mm: float | None
    unreadable: tuple[Unreadable, ...]


def read(root: Path, ids: Iterable[SliceId], previews: Mapping[SliceId, Path]) -> Gallery:
    """Return pictures of the slices and of the volume; what cannot be read is named.

    Parameters
    ----------
    root : path
        The run folder.
    ids : iterable of SliceId
        The slices that get a thumbnail.
    previews : mapping
        PNG files that interpolation left; the first `MAX_PREVIEWS` are embedded.
    """
    reader = Reader()
    wanted = tuple(ids)
    max_px = thumbnail_px(len(wanted))
    thumbnails = {}
    for slice_id in wanted:
        picture = _thumbnail(root, slice_id, max_px, reader)
        if picture is not None:
            thumbnails[slice_id] = picture
    volume = root / VOLUME
    return Gallery(
        thumbnails=thumbnails,
        previews=_previews(previews, reader),
        views=_try(reader, volume, pictures.views) if volume.is_dir() else None,
        atlas=_atlas(root / ATLAS_PREVIEW, reader),
        slice_spacing_z_mm=_slice_spacing(root, wanted, reader),
        unreadable=tuple(dict.fromkeys(reader.unreadable)),
    )


def thumbnail_px(n_slices: int) -> int:
    """Return the longest side of a thumbnail, such that all of them stay within the budget.

    Examples
    --------
    >>> thumbnail_px(6), thumbnail_px(60), thumbnail_px(2000)
    (168, 168, 65)
    """
    fits = (BUDGET_BYTES / BYTES_PER_PIXEL / max(1, n_slices)) ** 0.5
    return max(MIN_THUMBNAIL_PX, min(THUMBNAIL_PX, int(fits)))


def _previews(paths: Mapping[SliceId, Path], reader: Reader) -> dict[SliceId, Picture]:
    found = {}
    for slice_id, path in list(paths.items())[:MAX_PREVIEWS]:
        plane = _try(reader, path, lambda p: pictures.shrink_png(p, max_px=PREVIEW_PX))
        if plane is not None:
            alt = f"Preview of the interpolation of slice {slice_id}"
            found[slice_id] = style.embed(plane, name=f"preview_z{slice_id}", alt=alt)
    return found


def _atlas(path: Path, reader: Reader) -> Picture | None:
    if not path.is_file():
        return None
    plane = _try(reader, path, lambda p: pictures.shrink_png(p, max_px=PREVIEW_PX))
    alt = "The volume as it came, as it was laid into the atlas, and the atlas: three planes each"
    return None if plane is None else style.embed(plane, name="atlas", alt=alt)


def _thumbnail(root: Path, slice_id: SliceId, max_px: int, reader: Reader) -> Picture | None:
    for place, kind in PLACES:
        path = root / place.format(slice_id)
        if not path.is_dir():
            continue
        plane = _try(reader, path, lambda p: pictures.thumbnail(p, max_px=max_px))
        if plane is not None:
            alt = f"Slice {slice_id}, {kind}"
            return style.photograph(plane, name=f"slice_z{slice_id}", alt=alt)
    kept = root / KEPT.format(slice_id)
    if not kept.is_file():
        return None
    preview = _try(reader, kept, lambda p: pictures.shrink_png(p, max_px=max_px))
    if preview is None:
        return None
    return style.embed(preview, name=f"slice_z{slice_id}", alt=f"Slice {slice_id}, processed")


def _slice_spacing(root: Path, ids: Iterable[SliceId], reader: Reader) -> float | None:
    """Return the depth of a voxel of the slices that were registered."""
    for slice_id in ids:
        for place, _ in PLACES[:2]:
            spacing = _try(reader, root / place.format(slice_id), pictures.spacing_of)
            if spacing is not None:
                return spacing.z_mm
    # the volume has the spacing of its slices, which may have been cleaned away
    whole = _try(reader, root / VOLUME, pictures.spacing_of)
    return None if whole is None else whole.z_mm


def _try(reader: Reader, path: Path, read_it: Callable[[Path], T]) -> T | None:
    # SyntaxError is what the PNG reader says of a truncated file
    try:
        return read_it(path)
    except (LinumpyError, OSError, SyntaxError) as error:
        why = error.message if isinstance(error, LinumpyError) else str(error)
        reader.reject(path, why.removeprefix(f"{path}: "))
        return None
