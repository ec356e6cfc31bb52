"""What the findings of several stages say together; numbers in, numbers out."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from linumpy.report.evidence import PairFinding

TOLERANCE = 0.05
"""An axial sampling that is off by more than this is reported."""
MIN_PAIRS = 3
MIN_CONFIDENCE = 0.3
_ROUNDING_PLANES = 0.29  # standard deviation of rounding to whole planes, 1/√12


@dataclass(frozen=True, slots=True)
class ImpliedAxial:
    """What the matched planes say about the axial sampling.

    ``factor`` is true sampling ÷ the sampling that was given. ``is_off`` when it differs from 1 by
    more than 5 % and by more than twice its standard error.
    """

    factor: float
    n_pairs: int
    standard_error: float

    @property
    def is_off(self) -> bool:
        """Whether the given sampling should be doubted."""
        return abs(self.factor - 1) > max(TOLERANCE, 2 * self.standard_error)


def implied_axial(
    pairs: Iterable[PairFinding], *, interval_mm: float, spacing_z_mm: float
) -> ImpliedAxial | None:
    """Return the factor by which the axial sampling seems to be off.

    Two neighbouring slices are cut ``interval_mm`` apart, so the plane of the upper one that
    matches the top of the lower one lies interval / r_z planes deeper. Where it is found after d
    planes instead, a plane is interval / d thick: factor = interval / (d · r_z).

    Parameters
    ----------
    pairs : iterable of PairFinding
        Pairs of slices that are not neighbours, or of low confidence, are left out.
    interval_mm, spacing_z_mm : float
        Cut interval and voxel depth of the registered slices.

    Returns
    -------
    ImpliedAxial or None
        None with fewer than three usable pairs. d is the mean of the middle half of the pairs:
        robust as the median, and not bound to whole planes.

    Examples
    --------
    >>> from linumpy.core.slice_id import SliceId as Id
    >>> found = [
    ...     PairFinding(Id(k + 1), Id(k), 0, 0, 0, 0.9, 0.9, 25.0, "ok") for k in range(4)
    ... ]
    >>> implied_axial(found, interval_mm=0.2, spacing_z_mm=0.01).factor
    0.8
    """
    depths = np.sort(
        [p.depth_planes for p in pairs if p.depth_planes is not None and _is_usable(p)]
    )
    if len(depths) < MIN_PAIRS:
        return None
    quarter = len(depths) // 4
    middle = depths[quarter : len(depths) - quarter]
    depth = float(middle.mean())
    if depth <= 0:
        return None
    is_whole = bool(np.all(depths == np.round(depths)))
    spread = max(float(middle.std()), _ROUNDING_PLANES if is_whole else 0.0)
    factor = interval_mm / (depth * spacing_z_mm)
    error = factor * spread / depth / float(np.sqrt(len(middle)))
    return ImpliedAxial(round(factor, 4), len(depths), round(error, 4))


def _is_usable(pair: PairFinding) -> bool:
    are_neighbours = pair.fixed is None or pair.moving.number - pair.fixed.number == 1
    return are_neighbours and (pair.confidence or 0.0) >= MIN_CONFIDENCE
