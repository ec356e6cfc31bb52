"""``acquisition.json``: what the raw headers said, for the stages that never see raw tiles."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from linumpy.core.acquisition import Unfinished
from linumpy.core.geometry import XY, RigGeometry, Scan, SliceExtent, StageSign
from linumpy.core.instrument import Instrument
from linumpy.core.slice_id import SliceId
from linumpy.core.tile_orientation import ALL
from linumpy.errors import BadFile, LinumpyError, MissingFile
from linumpy.io import atomic

FILE_NAME = "acquisition.json"


def write(path: str | Path, scan: Scan) -> None:
    """Write ``scan``; lengths are mm or µm as the keys say."""
    rig = scan.rig
    atomic.write_json(
        path,
        {
            "slice_ids": list(scan.extents),
            "never_acquired": list(scan.never_acquired),
            "stage_sign": {"x": rig.stage_sign.x, "y": rig.stage_sign.y},
            "tile_fov_mm": _pair(rig.fov_mm),
            "tile_step_mm": {"x": rig.step_x_mm, "y": rig.step_y_mm},
            "lateral_um": _pair(rig.lateral_um),
            "orientation": rig.orientation,
            "overlap_fraction": rig.overlap_fraction,
            "n_extra": scan.n_extra,
            "axial_um": scan.axial_um,
            "slicing_interval_mm": scan.slicing_interval_mm,
            "unfinished": [dataclasses.asdict(one) for one in scan.unfinished],
            "instrument": describe_instrument(scan.instrument),
            "slices": {slice_id: _slice(extent) for slice_id, extent in scan.extents.items()},
        },
    )


def read(path: str | Path) -> Scan:
    """Read an ``acquisition.json``.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile
        If it is not JSON or lacks a key; names it.
    """
    path = Path(path)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise MissingFile(
            f"{path}: no such file",
            hint="linum_estimate_xy_shift_from_metadata.py writes it beside shifts_xy.csv",
        ) from error
    except (OSError, ValueError) as error:
        raise BadFile(f"{path}: not JSON ({error})", hint="make it again") from error
    try:
        return _scan(content)
    except (KeyError, TypeError, ValueError, LinumpyError) as error:
        what = f"no key {error}" if isinstance(error, KeyError) else str(error)
        raise BadFile(
            f"{path}: not an acquisition file ({what})",
            hint="make it again with linum_estimate_xy_shift_from_metadata.py",
        ) from error


def describe_instrument(found: Instrument) -> dict[str, Any]:  # Any: JSON
    """Return what the instrument wrote down, as JSON values."""
    return {
        "header": dict(found.header),
        "metadata": dict(found.metadata),
        "dates": None if found.dates is None else list(found.dates),
    }


def _pair(pair: XY) -> dict[str, float]:
    return {"x": pair.x, "y": pair.y}


def _slice(extent: SliceExtent) -> dict[str, object]:
    return {
        "grid": list(extent.grid),
        "n_tiles": extent.n_tiles,
        "origin_mm": _pair(extent.origin_mm),
        "far_mm": _pair(extent.far_mm),
        "stage_z_mm": extent.stage_z_mm,
        "nz": extent.nz,
    }


def _scan(content: Mapping[str, Any]) -> Scan:  # Any: JSON
    sign, step = content["stage_sign"], content["tile_step_mm"]
    if content["orientation"] not in ALL or not {sign["x"], sign["y"]} <= {1, -1}:
        raise ValueError(f"orientation {content['orientation']!r}, stage_sign {sign}")
    rig = RigGeometry(
        stage_sign=StageSign(sign["x"], sign["y"]),
        fov_mm=_xy(content["tile_fov_mm"]),
        lateral_um=_xy(content["lateral_um"]),
        step_x_mm=_number(step["x"]),
        step_y_mm=_number(step["y"]),
        orientation=content["orientation"],
        overlap_fraction=_number(content["overlap_fraction"]),
    )
    return Scan(
        rig=rig,
        extents={SliceId(key): _extent(value) for key, value in content["slices"].items()},
        never_acquired=tuple(SliceId(key) for key in content["never_acquired"]),
        n_extra=int(content["n_extra"]),
        axial_um=_number(content["axial_um"]),
        slicing_interval_mm=_number(content["slicing_interval_mm"]),
        # files of earlier versions do not have it
        unfinished=tuple(_unfinished(one) for one in content.get("unfinished", ())),
        instrument=_instrument(content.get("instrument") or {}),
    )


def _unfinished(value: Mapping[str, Any]) -> Unfinished:  # Any: JSON
    return Unfinished(
        slice_id=SliceId(value["slice_id"]),
        said=str(value["said"]),
        note=str(value["note"]),
        is_written=bool(value["is_written"]),
    )


def _instrument(content: Mapping[str, Any]) -> Instrument:
    dates = content.get("dates")
    return Instrument(
        header=dict(content.get("header") or {}),
        metadata=dict(content.get("metadata") or {}),
        dates=None if not dates else (str(dates[0]), str(dates[1])),
    )


def _extent(value: Mapping[str, Any]) -> SliceExtent:  # Any: JSON
    rows, columns = value["grid"]
    return SliceExtent(
        origin_mm=_xy(value["origin_mm"]),
        far_mm=_xy(value["far_mm"]),
        grid=(int(rows), int(columns)),
        n_tiles=int(value["n_tiles"]),
        nz=int(value["nz"]),
        stage_z_mm=_number(value["stage_z_mm"]),
    )


def _xy(value: Mapping[str, float]) -> XY:
    return XY(float(value["x"]), float(value["y"]))


def _number(value: float | None) -> float | None:
    return None if value is None else float(value)
