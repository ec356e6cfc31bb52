"""Fields that many commands share, worded once."""

from pathlib import Path
from typing import Annotated, Literal

import tyro
from annotated_types import Ge, Interval

from linumpy.cli.command import CountOrZero, Fraction, Ids, Millimetres, Pixels, Role

CalibrationRatio = Annotated[
    float,
    Ge(1),
    tyro.conf.arg(help="thicker means deeper than this × the median depth"),
]
DetectCalibration = Annotated[
    bool,
    tyro.conf.arg(help="leave out a slice among the first three that is thicker than the others"),
]
ExcludeFirst = Annotated[
    CountOrZero,
    tyro.conf.arg(help="leave out the N lowest ids as calibration slices"),
]
ForceOrientation = Annotated[
    bool,
    tyro.conf.arg(help="go on although the overlaps say that the tiles lie otherwise"),
]
Fragments = Annotated[
    Path | None,
    Role(is_source=True),
    tyro.conf.arg(help="folder of slice_zNN_manifest.csv, or one of them"),
]
GalvoThreshold = Annotated[
    Fraction,
    tyro.conf.arg(help="confidence from which the fix is applied, 0 to 1"),
]
Keep = Annotated[
    Ids,
    tyro.conf.arg(help="slices that no automatic test may leave out (note kept_by_user)"),
]
LegacyOrientation = Annotated[
    bool,
    tyro.conf.arg(help="old acquisitions: short for --tile_orientation up_left"),
]
ManualTransforms = Annotated[
    Path | None,
    Role(is_source=True),
    tyro.conf.arg(
        help="transforms by hand (slice_id,dx_um,dy_um,rotation_deg,note), rows as in "
        "stack/transforms.csv; each replaces what was found for its slice"
    ),
]
MaxBlendRefinement = Annotated[
    Pixels,
    tyro.conf.arg(help="largest error of a tile position that is looked for, native pixels"),
]
MoreRaw = Annotated[
    tuple[Path, ...],
    tyro.conf.arg(
        help="further folders of raw tiles of the same acquisition, which was stopped and went on"
    ),
]
OnDuplicate = Annotated[
    Literal["newest", "first"] | None,
    tyro.conf.arg(
        help="of a tile found twice take the one written last, or that of the raw folder given "
        "first; default: it is an error that names both"
    ),
]
OverlapFraction = Annotated[
    float,
    Interval(ge=0, lt=1),
    tyro.conf.arg(
        help="overlap of neighbouring tiles, used only where info.txt has no stage positions, "
        "0 to 1"
    ),
]
SliceConfig = Annotated[
    Path | None,
    Role(is_source=True),
    tyro.conf.arg(
        help="slice_config.csv: slices with use=false are left out; default: all are used"
    ),
]
SlicingInterval = Annotated[
    Millimetres | None,
    tyro.conf.arg(help="cut interval; default: as the slices say"),
]
StageSignX = Annotated[
    Literal[1, -1] | None,
    tyro.conf.arg(
        help="1: stage x rises with the tile index, -1: it falls; default: from the headers"
    ),
]
StageSignY = Annotated[
    Literal[1, -1] | None,
    tyro.conf.arg(help="as --stage_sign_x, along y"),
]
TileOrientation = Annotated[
    Literal[
        "right_down",
        "left_down",
        "right_up",
        "left_up",
        "down_right",
        "down_left",
        "up_right",
        "up_left",
    ],
    tyro.conf.arg(
        help="where the A-lines and the B-scans of a tile advance: right is to larger columns, "
        "down to larger rows"
    ),
]
UseGpu = Annotated[
    bool,
    tyro.conf.arg(
        help="compute on a GPU when there is one; without one the CPU is used and a line says so"
    ),
]
