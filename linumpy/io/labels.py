"""Which slice a voxel comes from: the label volume ``labels/slices`` inside an OME-Zarr volume.

A label is the slice's id + 1; 0 is no data. Viewers overlay it on the volume.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import zarr

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io.omezarr import Level, NewVolume, Volume, open_volume, write_multiscale

NAME = "slices"


def create_labels(
    new: NewVolume, levels: Sequence[Level], interpolated: Sequence[SliceId]
) -> list[Any]:  # Any: zarr.Array
    """Create the label volume inside a volume that is being written; return its open arrays.

    Parameters
    ----------
    new : NewVolume
    levels : sequence of Level
        Those of the volume; labels are uint32 on the same grids.
    interpolated : sequence of SliceId
        Slices whose label marks voxels that nobody measured; listed in the metadata.
    """
    group = new.group.create_group("labels")
    group.attrs["ome"] = {"version": "0.5", "labels": [NAME]}
    return write_multiscale(
        group.create_group(NAME),
        NAME,
        levels,
        dtype="uint32",
        ome={"image-label": {"source": {"image": "../../"}}},
        attributes={
            "kind": "labels",
            "label": "slice id + 1; 0: no data",
            "interpolated_ids": [str(slice_id) for slice_id in interpolated],
        },
    )


def has_labels(path: str | Path) -> bool:
    """Say whether a volume has the label volume."""
    return f"labels/{NAME}" in zarr.open_group(Path(path), mode="r")


def open_labels(path: str | Path, *, level: int = 0) -> Volume:
    """Open one level of the label volume of a volume, lazily; its array is uint32.

    Raises
    ------
    BadFile
        If the volume has none.
    """
    if not has_labels(path):
        raise BadFile(
            f"{path}: it has no labels/{NAME}", hint="make the volume again with this version"
        )
    return open_volume(Path(path) / "labels" / NAME, level=level)
