"""Where linum_process_slice.py put a slice: written for a second contrast, and read by it.

``slice_zNN_process.json`` holds places, surface and depth, ``slice_zNN_process_mask.png`` what is
tissue. Everything that decides where a voxel lies is here; nothing that decides how bright it is.
"""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import image
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io import diagnostics
from linumpy.io.mosaic_tiles import MosaicTiles
from linumpy.mosaic.overlap import PairShift
from linumpy.mosaic.stitch import Pair, Place, Refined
from linumpy.preproc.interface import Surface

_SAME = 1e-6
"""Relative difference of lengths that is rounding."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one slice was put.

    ``position_um`` and ``start_px`` are (y, x); ``mask`` is on the grid of the slice's overview.
    """

    slice_id: SliceId
    tile_shape: tuple[int, int, int]
    native_um: tuple[float, float, float]
    resolution_um: float
    position_um: tuple[float, float]
    start_px: Mapping[Place, tuple[float, float]]
    refined: Refined
    pairs: tuple[Pair, ...]
    surface: Surface
    n_planes: int
    mask: NDArray[np.bool_]


def describe(
    *,
    resolution_um: float,
    position_um: tuple[float, float],
    n_planes: int,
    start_px: Mapping[Place, tuple[float, float]],
    refined: Refined,
) -> dict[str, object]:
    """Return the key ``placement`` of the diagnostics; a tile is row, column, start, correction."""
    return {
        "resolution_um": resolution_um,
        "position_um": position_um,
        "n_planes": n_planes,
        "tiles": [
            [*place, *start_px[place], *refined.correction_px[place]] for place in sorted(start_px)
        ],
    }


def mask_path(process_json: Path) -> Path:
    """Return where the mask lies beside ``slice_zNN_process.json``."""
    return process_json.with_name(process_json.stem + "_mask.png")


def draw_mask(mask: NDArray[np.bool_]) -> bytes:
    """Return the mask as a picture: white is tissue."""
    png = io.BytesIO()
    image.imsave(png, mask.astype(np.uint8), cmap="gray", vmin=0, vmax=1, format="png")
    return png.getvalue()


def read(path: Path) -> Placement:
    """Read where a slice was put.

    Parameters
    ----------
    path : path
        ``slice_zNN_process.json``, the mask beside it.

    Raises
    ------
    MissingFile, BadFile
        If a file is absent, or was written by a version that did not record the placement.
    """
    details: Any = diagnostics.read_json(path)
    picture = mask_path(path)
    if not picture.exists():
        raise MissingFile(f"{picture}: no such file", hint=_hint(path))
    try:
        return _placement(details, image.imread(picture)[..., 0] > 0)
    except (KeyError, TypeError, ValueError, IndexError, OSError) as error:
        raise BadFile(
            f"{path}: holds no placement ({type(error).__name__} {error})", hint=_hint(path)
        ) from error


def check_fits(placed: Placement, grid: MosaicTiles, *, resolution_um: float) -> None:
    """Refuse a mosaic that cannot have been acquired together with the placed one.

    Raises
    ------
    BadValue
        If slice, tile shape, sampling, tiles or working resolution differ; names both.
    """
    where = grid.volume.path
    facts = [
        ("slice", grid.slice_id, placed.slice_id),
        ("tiles of (z, y, x)", grid.tile_shape, placed.tile_shape),
    ]
    for what, found, wanted in facts:
        if found != wanted:
            raise _differs(f"{where}: {what} {found}; the placement is of {wanted}")
    if not np.allclose(grid.volume.spacing.zyx_um, placed.native_um, rtol=_SAME, atol=0):
        raise _differs(
            f"{where}: sampling (z, y, x) {grid.volume.spacing.zyx_um} µm; the placement is of "
            f"{placed.native_um} µm"
        )
    if resolution_um != placed.resolution_um:
        raise BadValue(
            f"--resolution {resolution_um:g}; the placement was found at {placed.resolution_um:g}",
            hint="give the resolution of the first contrast",
        )
    missing = sorted(set(placed.start_px) - set(grid.stage_mm))
    extra = sorted(set(grid.stage_mm) - set(placed.start_px))
    if missing or extra:
        what = "lacks the" if missing else "has other"
        raise _differs(f"{where}: {what} tiles (row, column) {missing or extra}")


def _differs(message: str) -> BadValue:
    return BadValue(message, hint="only a contrast of the same tiles can take its placement")


def _hint(path: Path) -> str:
    return f"process the first contrast again: it writes {path.name} and its mask"


def _placement(details: Any, mask: NDArray[np.bool_]) -> Placement:  # Any: JSON
    scan, placed, said = details["scan"], details["placement"], details["positions"]
    surface = details["surface"]
    tiles = {(int(t[0]), int(t[1])): tuple(map(float, t[2:])) for t in placed["tiles"]}
    depth, height, width = (int(n) for n in scan["tile_shape"])
    z_um, y_um, x_um = (float(step) for step in scan["native_um"])
    at_y, at_x = (float(edge) for edge in placed["position_um"])
    return Placement(
        slice_id=SliceId(details["slice_id"]),
        tile_shape=(depth, height, width),
        native_um=(z_um, y_um, x_um),
        resolution_um=float(placed["resolution_um"]),
        position_um=(at_y, at_x),
        start_px={place: (t[0], t[1]) for place, t in tiles.items()},
        refined=Refined(
            correction_px={place: (t[2], t[3]) for place, t in tiles.items()},
            flagged=frozenset(_place(p) for p in said["flagged"]),
            rejected=tuple((_place(a), _place(b)) for a, b in said["rejected"]),
            stage_sigma_px=(said["stage_sigma_px"][0], said["stage_sigma_px"][1]),
            rms_residual_px=float(said["rms_residual_px"]),
        ),
        pairs=tuple(_pair(one) for one in said["pairs"]),
        surface=Surface(**{**surface, "tile_terms": tuple(surface["tile_terms"])}),
        n_planes=int(placed["n_planes"]),
        mask=mask,
    )


def _pair(said: Mapping[str, Any]) -> Pair:  # Any: JSON
    information = np.diag([0.0 if s is None else float(s) ** -2 for s in said["sigma_px"]])
    return Pair(
        _place(said["first"]),
        _place(said["second"]),
        PairShift(
            float(said["dy_px"]),
            float(said["dx_px"]),
            float(said["ncc"]),
            information,
            is_conclusive=bool(said["is_conclusive"]),
        ),
    )


def _place(said: Any) -> Place:  # Any: JSON
    row, column = said
    return int(row), int(column)
