"""The rig's geometry from headers and flags, one way for every command that has these flags."""

from typing import Protocol

from linumpy.core.acquisition import Acquisition
from linumpy.core.geometry import RigGeometry
from linumpy.core.tile_orientation import TileOrientation, choose
from linumpy.mosaic import grid


class RigFlags(Protocol):
    """Parameters of a command that finds the geometry itself, as `cli.fields` names them."""

    @property
    def stage_sign_x(self) -> int | None:
        """Sign of the stage along X; None: from the headers."""

    @property
    def stage_sign_y(self) -> int | None:
        """Sign of the stage along Y; None: from the headers."""

    @property
    def overlap_fraction(self) -> float:
        """Overlap of tiles, where the stage has no positions."""

    @property
    def tile_orientation(self) -> TileOrientation:
        """Which way the tiles lie."""

    @property
    def legacy_orientation(self) -> bool:
        """Whether they lie as in old acquisitions."""


def find_rig(found: Acquisition, flags: RigFlags) -> RigGeometry:
    """Return the geometry that headers and flags give; raises as `grid.find_geometry`."""
    return grid.find_geometry(
        found,
        sign_x=flags.stage_sign_x,
        sign_y=flags.stage_sign_y,
        overlap_fraction=flags.overlap_fraction,
        orientation=choose(flags.tile_orientation, is_legacy=flags.legacy_orientation),
    )
