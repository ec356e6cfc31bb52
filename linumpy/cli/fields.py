"""Fields that many commands share, worded once."""

from pathlib import Path
from typing import Annotated

import tyro

from linumpy.cli.command import Role

SliceConfig = Annotated[
    Path | None,
    Role(is_source=True),
    tyro.conf.arg(
        help="slice_config.csv: slices with use=false are left out; default: all are used"
    ),
]
UseGpu = Annotated[
    bool,
    tyro.conf.arg(
        help="compute on a GPU when there is one; without one the CPU is used and a line says so"
    ),
]
