"""Which slices an input holds: from a shifts file, raw tiles or a folder of mosaics."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from linumpy.core.acquisition import Acquisition, Unfinished
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, MissingFile
from linumpy.io import acquisition, omezarr, shifts

_VOLUME = re.compile(r".*z(\d+).*\.ome\.zarr")  # greedy: the last z<digits> of the name


@dataclass(frozen=True, slots=True)
class Inventory:
    """The slices of an acquisition, ids ascending.

    ``never_acquired`` are ids between seen ones that have no tile; ``depth_px`` is the number of
    axial samples where the input says it; ``n_extra`` the galvo-return A-lines, 0 if not said;
    ``unfinished`` what the last slice lacks while an acquisition has stopped, or still runs.
    """

    ids: tuple[SliceId, ...]
    never_acquired: tuple[SliceId, ...] = ()
    depth_px: Mapping[SliceId, int] = field(default_factory=dict)
    n_extra: int = 0
    unfinished: tuple[Unfinished, ...] = ()

    def joined(self, other: "Inventory") -> "Inventory":
        """Return the slices of two views of one acquisition."""
        ids = {*self.ids, *other.ids}
        missing = {*self.never_acquired, *other.never_acquired} - ids
        return Inventory(
            tuple(sorted(ids)),
            tuple(sorted(missing)),
            {**self.depth_px, **other.depth_px},
            max(self.n_extra, other.n_extra),
            tuple(dict.fromkeys((*self.unfinished, *other.unfinished))),
        )


def in_shifts(path: str | Path) -> Inventory:
    """Return the slices of a shifts file, and of the ``acquisition.json`` beside it, if there.

    Raises
    ------
    MissingFile, BadFile, BadValue
        If one of the two cannot be read.
    """
    path = Path(path)
    named = {key for shift in shifts.read(path) for key in (shift.fixed, shift.moving)}
    beside = path.with_name(acquisition.FILE_NAME)
    if not beside.is_file():
        return _some(Inventory(tuple(sorted(named))), path)
    scan = acquisition.read(beside)
    ids = named | set(scan.extents)
    depths = {key: extent.nz for key, extent in scan.extents.items()}
    missing = set(scan.never_acquired) - ids
    known = tuple(sorted(ids)), tuple(sorted(missing))
    return _some(Inventory(*known, depths, scan.n_extra, scan.unfinished), path)


def in_tiles(raw: Acquisition) -> Inventory:
    """Return the slices of raw tiles."""
    first = {key: one.tiles[0].info for key, one in raw.slices.items()}
    return Inventory(
        raw.ids,
        raw.never_acquired,
        {key: info.nz for key, info in first.items()},
        max(info.n_extra for info in first.values()),
        raw.unfinished,
    )


def in_mosaics(folder: str | Path) -> Inventory:
    """Return the slices of a folder of volumes named ``*z<digits>*.ome.zarr``.

    Raises
    ------
    MissingFile
        If there is none.
    BadFile
        If two volumes have one id, or one cannot be read.
    """
    volumes = volumes_by_slice(folder)
    depths = {key: omezarr.open_volume(path).shape[0] for key, path in volumes.items()}
    return Inventory(tuple(volumes), depth_px=depths)


def volumes_by_slice(folder: str | Path) -> dict[SliceId, Path]:
    """Return the volumes of a folder by the last ``z<digits>`` of their names, ids ascending.

    Raises
    ------
    MissingFile
        If there is none.
    BadFile
        If two have one id.
    """
    folder = Path(folder)
    volumes: dict[SliceId, Path] = {}
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        found = _VOLUME.fullmatch(path.name)
        if found is None or path.name.startswith("."):
            continue
        earlier = volumes.setdefault(SliceId(found[1]), path)
        if earlier != path:
            raise BadFile(
                f"{earlier} and {path} are both slice {SliceId(found[1])}", hint="move one away"
            )
    if not volumes:
        raise MissingFile(
            f"{folder}: no *z<digits>*.ome.zarr found", hint="give the folder of the volumes"
        )
    return {key: volumes[key] for key in sorted(volumes)}


def _some(found: Inventory, path: Path) -> Inventory:
    if not found.ids:
        raise BadFile(f"{path} names no slice", hint="it has one row per pair of slices")
    return found
