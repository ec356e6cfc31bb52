"""How a volume was made, as it travels with it: in run.json and in the volume's attributes.

One object with the same keys in both. What changes from run to run (times, host, workers, where
OUT lies) is no part of it, so the same inputs and parameters give the same bytes.
"""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linumpy.core.geometry import Scan
from linumpy.errors import BadFile, MissingFile
from linumpy.io.acquisition import describe_instrument

KEY = "provenance"
"""Where it stands among our attributes of a volume."""
FIELDS = (
    "subject",
    "version",
    "commit",
    "command",
    "parameters",
    "python",
    "libraries",
    "acquisition",
    "record_sha256",
)


def read(path: Path) -> dict[str, Any]:  # Any: JSON
    """Return what travels, from a run.json or from a file that holds nothing else.

    Raises
    ------
    MissingFile, BadFile
        If the file cannot be read, or says nothing of that.
    """
    from linumpy.io.diagnostics import read_json  # noqa: PLC0415  --help stays light

    if not path.is_file():
        raise MissingFile(f"{path}: no such file", hint="give run.json of the run")
    found: Any = read_json(path)
    told = {name: found[name] for name in FIELDS if name in found}
    if not told:
        raise BadFile(f"{path}: has none of {', '.join(FIELDS)}", hint="give run.json of the run")
    return told


def of_volume(attributes: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
    """Return what a volume says of its making; empty where it says nothing."""
    found = attributes.get(KEY)
    return dict(found) if isinstance(found, Mapping) else {}


def digest_of(record: bytes) -> str:
    """Return the digest of a record, as ``sha256sum slice_config_final.csv`` prints it."""
    return hashlib.sha256(record).hexdigest()


def describe_scan(scan: Scan) -> dict[str, Any]:  # Any: JSON
    """Return what is known of an acquisition: what it consists of, and what its headers say."""
    rig = scan.rig
    return {
        "n_slices": len(scan.extents),
        "n_tiles": sum(extent.n_tiles for extent in scan.extents.values()),
        "never_acquired": [str(slice_id) for slice_id in scan.never_acquired],
        "tile_fov_mm": {"x": rig.fov_mm.x, "y": rig.fov_mm.y},
        "tile_step_mm": {"x": rig.step_x_mm, "y": rig.step_y_mm},
        "lateral_um": {"x": rig.lateral_um.x, "y": rig.lateral_um.y},
        "axial_um": scan.axial_um,
        "slicing_interval_mm": scan.slicing_interval_mm,
        "orientation": rig.orientation,
        "stage_sign": {"x": rig.stage_sign.x, "y": rig.stage_sign.y},
        "instrument": describe_instrument(scan.instrument),
    }
