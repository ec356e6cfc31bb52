"""Planes made small, to see whether two of them show the same tissue: anatomy, not speckle."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.registration.bands import even_out
from linumpy.registration.pairwise import AGREE_BROAD_PX, AGREE_FINE_PX, AGREE_SIDE_PX
from linumpy.registration.planes import MaskedPlane, Plane

LOOK_SIDE_PX, LOOK_SIGMA_PX = 256, 1.0
"""Size and smoothing at which planes are compared: anatomy, not speckle."""
_MIN_PIXELS = 16


@dataclass(frozen=True, slots=True)
class Look:
    """A plane made small: raw values, and where its tissue is."""

    plane: MaskedPlane
    tissue: NDArray[np.bool_]

    @classmethod
    def at(cls, plane: Plane, threshold: float) -> "Look":
        """Make a plane small; what is brighter than ``threshold`` is tissue."""
        has_data = np.isfinite(plane) & (plane != 0)
        values = np.where(has_data, plane, 0).astype(np.float32)
        small = MaskedPlane(values, has_data.astype(np.float32))
        small = _shrink(small, LOOK_SIDE_PX).smooth(LOOK_SIGMA_PX)
        return cls(small, (small.mask > 0) & (small.values > threshold))

    @property
    def tissue_share(self) -> float:
        """The share of the data that is tissue; of the plane where tissue is not told."""
        n = float(self.plane.mask.sum())
        return float(self.tissue.sum()) / n if n else 0.0

    def correlate(self, other: "Look") -> float:
        """Return the correlation over what is tissue in either and data in both."""
        where = (self.tissue | other.tissue) & (self.plane.mask > 0) & (other.plane.mask > 0)
        return _correlation(self.plane.values[where], other.plane.values[where])


def band_agreement(one: Plane, two: Plane) -> float:
    """Return the correlation in the band in which `registration.pairwise` judges a pair.

    Neither speckle nor shading lies in it, so planes of the same tissue come near 1 however noisy
    they are; planes of other tissue stay at 0.4 to 0.6, as outlines are alike.
    """
    first, second = (
        _shrink(even_out(plane, ""), AGREE_SIDE_PX).band(AGREE_FINE_PX, AGREE_BROAD_PX)
        for plane in (one, two)
    )
    both = (first.mask > 0) & (second.mask > 0)
    return _correlation(first.values[both], second.values[both])


def _shrink(plane: MaskedPlane, side_px: int) -> MaskedPlane:
    while max(plane.values.shape) > side_px:
        plane = plane.halve()
    return plane


def _correlation(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    if one.size < _MIN_PIXELS:
        return 0.0
    a, b = one.astype(np.float64), two.astype(np.float64)
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(np.clip(a @ b / scale, -1, 1)) if scale > 0 else 0.0
