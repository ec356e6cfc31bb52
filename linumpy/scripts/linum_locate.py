"""Say which raw tile, A-line, B-scan and depth a voxel comes from, and the other way round."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import tyro

from linumpy.cli.command import Command, CountOrZero, Source
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping

    from linumpy.core.slice_id import SliceId
    from linumpy.io.omezarr import Volume
    from linumpy.mosaic.locate import PlacedTile, Scan, Surface

VOLUME, LENGTH = "3d_volume.ome.zarr", 3


@dataclass(frozen=True, kw_only=True)
class Params:
    """Say which raw tile, A-line, B-scan and depth a voxel comes from, and the other way round.

    Reads the volume's labels, slice_zNN_tiles.csv and slice_zNN_process.json of the run; raw data
    and mosaics are not needed. Indices count from 0; a voxel is one of the finest level.
    """

    out: Source
    """folder of a run"""
    position: Annotated[tuple[float, ...], tyro.conf.Positional] = ()
    """z y x: a voxel of 3d_volume.ome.zarr, or with --in_mm a position as viewers show it"""
    in_mm: bool = False
    """the position is in mm"""
    tile: str | None = None
    """the other way round: a tile as slice_zNN_tiles.csv names it, z03/tile_x02_y01_z03"""
    a_line: CountOrZero = 0
    """with --tile: A-line of the raw file, galvo return included"""
    b_scan: CountOrZero = 0
    """with --tile: B-scan of the raw file"""
    depth: Annotated[float, tyro.conf.arg(metavar="SAMPLES")] = 0.0
    """with --tile: depth sample of the raw file"""
    json: bool = False
    """print JSON"""


@dataclass(frozen=True)
class _Slice:
    """What is known of the tiles of one slice."""

    slice_id: "SliceId"
    tiles: "list[PlacedTile]"
    scan: "Scan"
    surface: "Surface"
    matrix_um: Any  # Any: array (2, 2)
    offset_um: Any  # Any: array (2,)
    z_start: int


def run(p: Params, job: Job) -> None:
    """Look in one direction, print what was found."""
    del job
    from linumpy.errors import BadValue
    from linumpy.io.omezarr import open_volume

    if (p.tile is None) == (not p.position):
        raise BadValue(
            "give a position z y x, or --tile with --a_line, --b_scan and --depth; one of the two",
            hint="linum_locate.py OUT 120 340 410",
        )
    volume = open_volume(p.out / VOLUME)
    found = _forward(p, volume) if p.tile is None else _back(p, volume, p.tile)
    if p.json:
        print(json.dumps(found, indent=1))  # noqa: T201  what the command is for
        return
    width = max(map(len, found))
    for name, value in found.items():
        print(f"{name.replace('_', ' '):<{width}}  {_say(value)}")  # noqa: T201


def _forward(p: Params, volume: "Volume") -> dict[str, Any]:
    from linumpy.io.labels import open_labels
    from linumpy.io.omezarr import read_stored
    from linumpy.mosaic.locate import covering, to_raw

    voxel = _voxel(p, volume)
    block = tuple(slice(i, i + 1) for i in voxel)
    label = int(read_stored(open_labels(p.out / VOLUME), block).item())
    found: dict[str, Any] = {"voxel": list(voxel), "position_mm": _mm(volume, voxel)}
    if label == 0:
        return found | {"slice": None, "says": "no slice was measured here"}
    entry = _entry(volume, label - 1)
    slice_id = entry["slice_id"]
    if entry["fate"] == "interpolated":
        return found | {"slice": slice_id, "says": "interpolated: no raw tile shows it"}
    one = _open_slice(p.out, volume, entry)
    y_um, x_um = (one.matrix_um @ voxel[1:] + one.offset_um).tolist()
    below_um = (voxel[0] - one.z_start + 0.5) * volume.spacing.zyx_um[0]
    tiles = covering(one.tiles, one.scan, y_um, x_um)
    found |= {"slice": slice_id, "plane_of_slice": voxel[0] - one.z_start}
    if not tiles:
        return found | {"says": "between tiles: blended from the voxels beside it"}
    pixel = to_raw(tiles[0], one.scan, one.surface, y_um=y_um, x_um=x_um, below_um=below_um)
    return found | {
        "tile": tiles[0].file,
        "tile_x": tiles[0].column,
        "tile_y": tiles[0].row,
        "a_line": pixel.a_line,
        "b_scan": pixel.b_scan,
        "depth_sample": math.floor(pixel.depth_px),
        "also_in": [tile.file for tile in tiles[1:]],
    }


def _back(p: Params, volume: "Volume", file: str) -> dict[str, Any]:
    import numpy as np

    from linumpy.mosaic.locate import RawPixel, from_raw

    one, tile = _find_tile(p.out, volume, file)
    pixel = RawPixel(p.a_line, p.b_scan, math.floor(p.depth) + 0.5)
    y_um, x_um, below_um = from_raw(tile, one.scan, one.surface, pixel)
    y, x = np.linalg.solve(one.matrix_um, np.array([y_um, x_um]) - one.offset_um).tolist()
    z = one.z_start + below_um / volume.spacing.zyx_um[0] - 0.5
    voxel = [round(z), round(y), round(x)]
    inside = all(0 <= i < n for i, n in zip(voxel, volume.shape, strict=True))
    found: dict[str, Any] = {
        "tile": tile.file,
        "slice": str(one.slice_id),
        "voxel": voxel,
        "position_mm": _mm(volume, (z, y, x)),
        "below_the_cut_um": round(below_um, 2),
    }
    if below_um < 0:
        found["says"] = "above the cut surface: it is water, and not in the volume"
    elif not inside:
        found["says"] = "outside the volume"
    return found


def _voxel(p: Params, volume: "Volume") -> tuple[int, int, int]:
    from linumpy.errors import BadValue

    if len(p.position) != LENGTH:
        raise BadValue(f"a position has three numbers, z y x; {len(p.position)} were given")
    place = p.position
    if p.in_mm:
        grid = zip(p.position, volume.origin_mm, volume.spacing.zyx_mm, strict=True)
        place = tuple((value - origin) / step for value, origin, step in grid)
    z, y, x = (round(value) for value in place)
    if not all(0 <= i < n for i, n in zip((z, y, x), volume.shape, strict=True)):
        raise BadValue(
            f"voxel {(z, y, x)} is outside the volume of {volume.shape} voxels (z, y, x)",
            hint="a position in mm needs --in_mm",
        )
    return z, y, x


def _mm(volume: "Volume", voxel: tuple[float, ...]) -> list[float]:
    grid = zip(voxel, volume.origin_mm, volume.spacing.zyx_mm, strict=True)
    return [round(origin + i * step, 6) for i, origin, step in grid]


def _entry(volume: "Volume", number: int) -> "Mapping[str, Any]":
    table = volume.attributes["slices"]
    found: Mapping[str, Any] = next(e for e in table if int(e["slice_id"]) == number)
    return found


def _open_slice(out: Path, volume: "Volume", entry: "Mapping[str, Any]") -> _Slice:
    """Read the tables of a slice that shows in the volume."""
    import numpy as np

    from linumpy.core.slice_id import SliceId
    from linumpy.errors import BadFile
    from linumpy.io import diagnostics, tile_table
    from linumpy.mosaic.locate import PlacedTile, Scan
    from linumpy.preproc.interface import Surface

    slice_id = SliceId(entry["slice_id"])
    stem = out / "process_slice" / f"slice_z{slice_id}"
    try:
        frame = volume.attributes["tile_frames"][str(slice_id)]
        details: Any = diagnostics.read_json(Path(f"{stem}_process.json"))
        said, cut = details["scan"], details["surface"]
        scan = Scan(
            tile_shape=tuple(said["tile_shape"]),
            native_um=tuple(said["native_um"]),
            n_extra=said["n_extra"],
            galvo_shift_px=said["galvo_shift_px"],
            orientation=said["orientation"],
        )
        surface = Surface(cut["depth_vox"], cut["per_y"], cut["per_x"], tuple(cut["tile_terms"]))
    except KeyError as error:
        raise BadFile(
            f"{out}: made by a version that did not record {error} of slice {slice_id}",
            hint="run linum_reconstruct.py again",
        ) from error
    _, step_y, step_x = scan.native_um
    at_y, at_x = frame["position_um"]
    tiles = [
        PlacedTile(
            row=row.row,
            column=row.col,
            y_um=row.placed_y_um,
            x_um=row.placed_x_um,
            start_y_px=(row.placed_y_um - at_y) / step_y - row.correction_y_px,
            start_x_px=(row.placed_x_um - at_x) / step_x - row.correction_x_px,
            file=row.file,
        )
        for row in tile_table.read(f"{stem}_tiles.csv")
    ]

    def depth(y: float, x: float, v: float, u: float) -> float:
        return float(surface.at(*(np.array(value) for value in (y, x, v, u))))

    return _Slice(
        slice_id,
        tiles,
        scan,
        depth,
        np.array(frame["matrix_um"]),
        np.array(frame["offset_um"]),
        int(entry["z_start"]),
    )


def _find_tile(out: Path, volume: "Volume", file: str) -> "tuple[_Slice, PlacedTile]":
    from linumpy.errors import BadValue

    for entry in volume.attributes["slices"]:
        if entry["fate"] == "interpolated":
            continue
        one = _open_slice(out, volume, entry)
        for tile in one.tiles:
            if tile.file == file or tile.file.endswith(f"/{file}"):
                return one, tile
    raise BadValue(
        f"{file}: no slice in the volume has this tile",
        hint="give the name as in slice_zNN_tiles.csv; an excluded slice is not in the volume",
    )


def _say(value: object) -> str:
    if isinstance(value, list):
        return " ".join(map(str, value)) or "-"
    return "-" if value is None else str(value)


COMMAND = Command(Params, run)
main = COMMAND.main
