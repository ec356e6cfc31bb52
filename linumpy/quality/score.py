"""The quality score of a slice: how well it continues its neighbours.

S = 0.5 s + 0.3 e + 0.2 v, on pictures that were brought over each other beforehand. Structure s and
edges e count as shares of what the same tissue reaches in other speckle (`Ceiling`): speckle says
nothing of quality. What the score cannot see is in `quality.damage`.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from linumpy.quality.edges import edge_score
from linumpy.quality.ssim import mean_ssim

Planes = NDArray[np.float32]

SSIM, EDGE, VARIANCE = 0.5, 0.3, 0.2
"""Weights of structure, edges and signal variance; they sum to 1."""
_EMPTY_STD = 1e-6
_SMOOTH_PX = 2.5  # speckle differs from slice to slice and says nothing of quality
_FAINT = 0.2  # a plane with less than this share of the best plane's contrast shows no tissue
_MIN_COMMON_PX = 3
_LOWEST_CEILING = 0.5  # with less, pictures show speckle and little else; it excuses no more


@dataclass(frozen=True, slots=True)
class Ceiling:
    """What pictures of the same tissue in other speckle reach, each above 0 up to 1."""

    ssim: float = 1.0
    edge: float = 1.0


@dataclass(frozen=True, slots=True)
class Score:
    """The score of one slice and its parts, each 0 … 1, as they are found on the pictures.

    ``ssim_before`` and ``ssim_after`` are None at an end of the stack.
    """

    ssim_before: float | None
    ssim_after: float | None
    edge: float
    variance: float
    ceiling: Ceiling = Ceiling()

    @property
    def ssim(self) -> float:
        """Mean of the two, or the one there is."""
        found = [value for value in (self.ssim_before, self.ssim_after) if value is not None]
        return float(np.mean(found)) if found else 0.0

    @property
    def overall(self) -> float:
        """S with s and e as shares of their ceilings; three decimals, as the record holds it."""
        return _weigh(
            min(1.0, self.ssim / self.ceiling.ssim),
            min(1.0, self.edge / self.ceiling.edge),
            self.variance,
        )

    @property
    def plain(self) -> float:
        """S with s and e as they are: the feature page's number on these pictures."""
        return _weigh(self.ssim, self.edge, self.variance)


NOTHING = Score(None, None, 0.0, 0.0)


def ceiling_of(looks: Planes) -> Ceiling:
    """Return what two slices of this tissue would reach, from two looks at one slice.

    Parameters
    ----------
    looks : array, shape (2, n_planes, Y, X)
        The same planes twice, in other speckle: from every other plane of the tiles each.

    Notes
    -----
    A look has half the planes, so it is noisier than a slice. The reliability of a whole is
    2 r / (1 + r), r that of its halves (Spearman 1910, Brown 1910).
    """
    one, other = (_smooth(stack) for stack in looks)
    shown = _planes_with_tissue(one)
    one, other = one[shown], other[shown]
    middle = len(one) // 2
    found = (mean_ssim(one, other), edge_score(one[middle], other[middle]))
    return Ceiling(*(max(2 * half / (1 + half), _LOWEST_CEILING) for half in found))


def score(
    planes: Planes, before: Planes | None, after: Planes | None, ceiling: Ceiling | None = None
) -> Score:
    """Score a slice against its neighbours.

    Parameters
    ----------
    planes, before, after : array, shape (n_planes, Y, X)
        Planes of the same depth, lying on each other; a missing neighbour is None. 0 is outside
        the data and is left out: the pictures are cut to what all of them cover.
    ceiling : Ceiling, optional
        Of the acquisition; by default 1, as for pictures without speckle.

    Returns
    -------
    Score
        `NOTHING` for a slice without data or without neighbours.

    Notes
    -----
    Edges are compared with the mean of the neighbours on the middle plane; the variance term is
    min(1, 2 / (1 + |ln r|)), r = the slice's variance over the neighbours': 1 up to a factor of e.
    """
    neighbours = [planes_of for planes_of in (before, after) if planes_of is not None]
    if not neighbours or float(planes.std()) < _EMPTY_STD:
        return NOTHING
    box = _common_box([planes, *neighbours])
    if box is None:
        return NOTHING
    own, *cut = (_smooth(stack[box]) for stack in (planes, *neighbours))
    expected = np.stack(cut).mean(axis=0, dtype=np.float32)
    shown = _planes_with_tissue(expected)
    own, expected, cut = own[shown], expected[shown], [stack[shown] for stack in cut]
    similar = [mean_ssim(own, stack) for stack in cut]
    middle = len(own) // 2
    return Score(
        ssim_before=None if before is None else similar[0],
        ssim_after=None if after is None else similar[-1],
        edge=edge_score(own[middle], expected[middle]),
        variance=variance_score(float(own.var()), float(np.mean([c.var() for c in cut]))),
        ceiling=ceiling or Ceiling(),
    )


def variance_score(own: float, reference: float) -> float:
    """Return min(1, 2 / (1 + |ln(own / reference)|)); 0 where one has no variance.

    Examples
    --------
    >>> variance_score(2.0, 2.0), round(variance_score(1.0, 100.0), 3), variance_score(0.0, 1.0)
    (1.0, 0.357, 0.0)
    """
    if own <= 0 or reference <= 0:
        return 0.0
    return min(1.0, 2.0 / (1.0 + abs(math.log(own / reference))))


def _weigh(ssim: float, edge: float, variance: float) -> float:
    total = SSIM * ssim + EDGE * edge + VARIANCE * variance
    return round(min(1.0, max(0.0, total)), 3)


def _smooth(planes: Planes) -> Planes:
    smooth: Planes = ndimage.gaussian_filter(planes, (0, _SMOOTH_PX, _SMOOTH_PX))
    return smooth


def _planes_with_tissue(expected: Planes) -> NDArray[np.bool_]:
    """Return which planes the neighbours show something on: not water, not the deep noise."""
    contrast = expected.std(axis=(1, 2))
    shown: NDArray[np.bool_] = contrast >= _FAINT * contrast.max()
    return shown


def _common_box(stacks: Sequence[Planes]) -> tuple[slice, slice, slice] | None:
    """Return the bounding box of what every stack covers, or None when it is next to nothing."""
    covered = np.all([np.any(stack != 0, axis=0) for stack in stacks], axis=0)
    rows, columns = np.flatnonzero(covered.any(axis=1)), np.flatnonzero(covered.any(axis=0))
    if len(rows) < _MIN_COMMON_PX or len(columns) < _MIN_COMMON_PX:
        return None
    return (slice(None), slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
