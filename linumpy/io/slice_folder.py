"""Which volume in a folder belongs to which slice: ids are read from names, never from order."""

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, EmptySelection, MissingFile
from linumpy.io import slice_config
from linumpy.io.omezarr import Volume, open_volume
from linumpy.io.slice_config import RowsLike

INTERPOLATED = "_interpolated"
log = logging.getLogger(__name__)
_ID = re.compile(r"z(\d+)")
_SAME = 1e-6  # relative difference below which two voxel sizes are one


def find_slices(folder: str | Path) -> dict[SliceId, Path]:
    """Return the measured volumes of a folder by slice, ids ascending; interpolated ones are not.

    Parameters
    ----------
    folder : path
        Holds ``….ome.zarr`` folders; the id is the first ``z<digits>`` of a name.

    Raises
    ------
    MissingFile
        If no name has an id.
    BadFile
        If two volumes have one id.
    """
    found = _by_id(
        path for path in Path(folder).glob("*.ome.zarr") if INTERPOLATED not in path.name
    )
    if not found:
        raise MissingFile(
            f"{folder}: no *.ome.zarr with z and a number in its name",
            hint="give the folder that holds slice_z00_….ome.zarr and the like",
        )
    return found


def find_interpolated(folder: str | Path) -> dict[SliceId, Path]:
    """Return the interpolated volumes of a folder by slice; there may be none."""
    return _by_id(Path(folder).glob(f"*{INTERPOLATED}.ome.zarr"))


def choose(
    paths: Mapping[SliceId, Path], rows: RowsLike | None
) -> tuple[dict[SliceId, Path], tuple[SliceId, ...]]:
    """Return the volumes of the slices to use, and the ids that are left out; logs both.

    Parameters
    ----------
    paths : mapping
        From `find_slices`.
    rows : mapping or None
        The record; None: every slice is used.

    Returns
    -------
    tuple
        Used volumes by id, ids ascending; and every id, of the folder or of the record, that is
        not used.

    Raises
    ------
    EmptySelection
        If no slice is left.
    """
    kept = set(paths) if rows is None else set(slice_config.filter_slices_to_use(rows))
    used = {slice_id: path for slice_id, path in paths.items() if slice_id in kept}
    left_out = tuple(sorted((set(paths) | set(rows or ())) - set(used)))
    log.info("included: %s; excluded: %s", " ".join(used) or "none", " ".join(left_out) or "none")
    unknown = [] if rows is None else [slice_id for slice_id in paths if slice_id not in rows]
    if unknown:
        log.warning("not in slice_config, so not used: %s", " ".join(unknown))
    absent = [slice_id for slice_id in left_out if slice_id in kept]
    if absent:
        log.warning("use=true but without a volume: %s", " ".join(absent))
    if not used:
        raise EmptySelection(
            f"no slice is left: the folder holds {', '.join(paths)} and none of them is used",
            hint="set use=true for at least one of them in slice_config.csv",
        )
    return used, left_out


def open_slices(paths: Mapping[SliceId, Path]) -> dict[SliceId, Volume]:
    """Open the volumes, all of one voxel size, square in the plane.

    Raises
    ------
    BadFile
        If one differs from the first, or its pixels are not square; names the file.
    """
    volumes = {slice_id: open_volume(path) for slice_id, path in paths.items()}
    first = next(iter(volumes.values()))
    for volume in volumes.values():
        z, y, x = volume.spacing.zyx_um
        same = zip(volume.spacing.zyx_mm, first.spacing.zyx_mm, strict=True)
        if abs(y - x) > _SAME * x or any(abs(one - two) > _SAME * two for one, two in same):
            raise BadFile(
                f"{volume.path}: voxels are {z:g} × {y:g} × {x:g} µm (z, y, x); square pixels of "
                f"{first.spacing.x_mm * 1000:g} µm are needed, as in {first.path.name}",
                hint="process all slices with one --resolution",
            )
    return volumes


def find_interval_mm(volumes: Mapping[SliceId, Volume], given_mm: float | None) -> float:
    """Return the cut interval: as given, else as the volumes say.

    Raises
    ------
    BadValue
        If neither says it, or they disagree by more than 1 %.
    """
    said = (volume.attributes.get("slicing_interval_mm") for volume in volumes.values())
    known = sorted({float(one) for one in said if one is not None})
    values = ([given_mm] if given_mm is not None else []) + known
    if not values:
        raise BadValue(
            "the cut interval is not known: the volumes do not say it",
            hint="pass --slicing_interval_mm",
        )
    if max(values) - min(values) > 0.01 * max(values):
        raise BadValue(
            f"the cut interval is {' and '.join(f'{one:g}' for one in values)} mm "
            "(flag first, then the volumes)",
            hint="one interval is needed; check --slicing_interval_mm against the acquisition",
        )
    return values[0]


def _by_id(paths: Iterable[Path]) -> dict[SliceId, Path]:
    found: dict[SliceId, Path] = {}
    for path in sorted(paths):
        match = _ID.search(path.name)
        if match is None:
            continue
        slice_id = SliceId(match[1])
        if slice_id in found:
            raise BadFile(
                f"{path.parent}: {found[slice_id].name} and {path.name} are both slice {slice_id}",
                hint="keep one volume per slice in this folder",
            )
        found[slice_id] = path
    return dict(sorted(found.items()))
