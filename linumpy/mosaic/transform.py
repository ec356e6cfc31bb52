"""One tile transform for many slices: (row, column) → (y, x) px, from pooled overlaps."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Step:
    """One overlap: the true step (dy, dx), px, between neighbours along a row or a column.

    ``information`` is the inverse covariance of the step, 1/px².
    """

    is_horizontal: bool
    dy_px: float
    dx_px: float
    information: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class TileTransform:
    """Position of tile (i, j) = A (i, j), A = [[a, b], [c, d]] px, i = row.

    ``fallback`` names the directions that no overlap shows: their step is the expected one.
    """

    matrix: NDArray[np.float64]
    rms_px: float
    n_used: int
    fallback: tuple[str, ...]

    @property
    def theta_deg(self) -> float:
        """Angle from scan to stage, atan2(−b, d)."""
        return float(np.degrees(np.arctan2(-self.matrix[0, 1], self.matrix[1, 1])))

    @property
    def phi_deg(self) -> float:
        """Angle between the motor axes, θ + atan2(a, c); ideally 90."""
        return self.theta_deg + float(np.degrees(np.arctan2(self.matrix[0, 0], self.matrix[1, 0])))

    def overlap_fraction(self, tile_px: tuple[int, int]) -> tuple[float, float]:
        """Return the overlap along (y, x): 1 − |step| / tile."""
        steps = np.hypot(*self.matrix)
        return float(1 - steps[0] / tile_px[0]), float(1 - steps[1] / tile_px[1])


def fit_tile_transform(steps: Sequence[Step], expected: NDArray[np.float64]) -> TileTransform:
    """Fit A to all overlaps, robustly.

    Parameters
    ----------
    steps : sequence of Step
        Conclusive overlaps only.
    expected : array, shape (2, 2), px
        By the stage; a direction without overlaps keeps its column.

    Notes
    -----
    The second column of A is the step between horizontal neighbours, the first that between
    vertical ones, so each is a mean weighted by information, with Geman-McClure weights against
    wrong matches. A grid of one row never makes a zero column.
    """
    matrix = np.array(expected, dtype=np.float64)
    residuals: list[NDArray[np.float64]] = []
    fallback = []
    for column, name, is_horizontal in ((1, "horizontal", True), (0, "vertical", False)):
        chosen = [step for step in steps if step.is_horizontal is is_horizontal]
        if not chosen:
            fallback.append(name)
            continue
        observed = np.array([(step.dy_px, step.dx_px) for step in chosen])
        information = np.stack([step.information for step in chosen]) + 1e-6 * np.eye(2)
        matrix[:, column] = _robust_mean(observed, information)
        residuals.append(observed - matrix[:, column])
    rms = float(np.sqrt(np.mean(np.concatenate(residuals) ** 2))) if residuals else 0.0
    return TileTransform(matrix, rms, len(steps), tuple(fallback))


def _robust_mean(
    observed: NDArray[np.float64], information: NDArray[np.float64]
) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = np.median(observed, axis=0)
    for _ in range(_ROUNDS):
        residual = observed - mean
        scale = max(1.4826 * float(np.median(np.abs(residual))), 0.05)
        trust = (1 + (residual**2).sum(axis=1) / (3 * scale) ** 2) ** -2.0
        weight = information * trust[:, None, None]
        mean = np.linalg.solve(weight.sum(axis=0), np.einsum("pij,pj->i", weight, observed))
    return mean
