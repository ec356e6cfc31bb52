"""In-plane rigid motion of a slice."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rigid2D:
    """Rotation about the centre of the canvas, then translation: where the content goes.

    ``rotation_deg`` is positive from +X towards +Y (clockwise on a screen whose rows go down);
    ``dx_um`` is positive to larger columns, ``dy_um`` to larger rows.
    """

    rotation_deg: float = 0.0
    dx_um: float = 0.0
    dy_um: float = 0.0
