"""Steps of the stage that cannot be trusted, checked against the images of the two slices."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.registration.phase import phase_shift
from linumpy.stack.pose import Source

Plane = NDArray[np.float32]

N_PLANES = 4
"""Averaged before they are compared: less speckle."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When the images are not believed; 0 switches a limit off."""

    max_discrepancy_px: float = 0.0
    min_correlation: float = 0.3


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the images say about one step, in voxels: how much further the content must go."""

    dy_px: float
    dx_px: float
    ncc: float
    is_accepted: bool
    reason: str

    @property
    def discrepancy_px(self) -> float:
        """Distance between what the images and what the stage say."""
        return math.hypot(self.dy_px, self.dx_px)


def matching_planes(fixed: Source, moving: Source, n_between: int) -> tuple[Plane, Plane]:
    """Return one plane of each slice that show the same tissue, each a mean of a few.

    Parameters
    ----------
    fixed, moving : Source
        The upper and the lower slice.
    n_between : int
        Planes from the surface of ``fixed`` to that of ``moving``. Where ``fixed`` is not that
        deep, its last planes and the first of ``moving`` are the nearest there is.

    Returns
    -------
    tuple of array, shape (y, x), float32
        0 where not measured. Holds a few planes of each.
    """
    n = max(1, min(N_PLANES, moving.shape[0], fixed.shape[0] - n_between))
    start = max(0, min(n_between, fixed.shape[0] - n))
    return _mean_plane(fixed, start, n), _mean_plane(moving, 0, n)


def check_step(
    fixed: Plane, moving: Plane, expected_px: tuple[float, float], limits: Limits
) -> Verdict:
    """Compare two planes of the same tissue and say whether the stage's step is to be corrected.

    Parameters
    ----------
    fixed, moving : array, shape (y, x), float32
        Each from its own first voxel; 0 where not measured.
    expected_px : tuple of float
        (y, x) from the first voxel of ``fixed`` to that of ``moving``, as the stage has it.
    limits : Limits

    Returns
    -------
    Verdict
        Not accepted where the images hold no answer or break a limit; the reason says which.
    """
    found = phase_shift(fixed, moving)
    dy, dx = found.dy_px - expected_px[0], found.dx_px - expected_px[1]
    away = math.hypot(dy, dx)
    if found.confidence == 0:
        return Verdict(0.0, 0.0, 0.0, is_accepted=False, reason="the images show no match")
    if found.ncc < limits.min_correlation:
        reason = f"ncc {found.ncc:.2f} < {limits.min_correlation:g}"
    elif 0 < limits.max_discrepancy_px < away:
        reason = f"{away:.1f} px from the stage > {limits.max_discrepancy_px:g}"
    else:
        return Verdict(dy, dx, found.ncc, is_accepted=True, reason=f"ncc {found.ncc:.2f}")
    return Verdict(dy, dx, found.ncc, is_accepted=False, reason=reason)


def _mean_plane(source: Source, start: int, n: int) -> Plane:
    whole = slice(0, source.shape[1]), slice(0, source.shape[2])
    planes = source.read((slice(start, start + n), *whole))
    measured = np.maximum((planes != 0).sum(axis=0), 1)
    mean: Plane = (planes.sum(axis=0) / measured).astype(np.float32)
    return mean
