"""The displacement between two slices."""

from dataclasses import dataclass

from linumpy.core.slice_id import SliceId


@dataclass(frozen=True, slots=True)
class Shift:
    """Where the content of ``moving`` goes relative to ``fixed``.

    +x to larger columns, +y to larger rows. ``reliable`` is None where the file does not say.
    """

    fixed: SliceId
    moving: SliceId
    x_px: float
    y_px: float
    x_mm: float
    y_mm: float
    reliable: bool | None = None
