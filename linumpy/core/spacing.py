"""Voxel size with its unit."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Spacing:
    """Distance between neighbouring voxel centres, in mm, along (z, y, x)."""

    z_mm: float
    y_mm: float
    x_mm: float

    @classmethod
    def from_um(cls, z_um: float, y_um: float, x_um: float) -> Self:
        """Return the spacing given in µm.

        Examples
        --------
        >>> Spacing.from_um(8, 50, 50).zyx_mm
        (0.008, 0.05, 0.05)
        """
        return cls(z_um / 1000, y_um / 1000, x_um / 1000)

    @property
    def zyx_mm(self) -> tuple[float, float, float]:
        """(z, y, x) in mm."""
        return (self.z_mm, self.y_mm, self.x_mm)

    @property
    def zyx_um(self) -> tuple[float, float, float]:
        """(z, y, x) in µm."""
        return (self.z_mm * 1000, self.y_mm * 1000, self.x_mm * 1000)
