"""Where each slice lies: the stage's word and the pairwise registrations, weighed together.

The stage is exact most of the time and wrong by a lot now and then; a registration is right to a
fraction of a voxel and wrong by a lot now and then. Adding registrations up along the chain makes
a random walk; ignoring them leaves what the stage did not report. So both enter one small robust
least-squares problem. No pixels here: `blend` resamples, `registration` measures.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solveh_banded

from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId

# σ of the two ways in which a stage errs, µm: J, a slice alone is off; B, all from here on are.
# Both have heavy tails: a small error is shrunk to nothing, a large one is believed whole.
RETURNING_UM, LASTING_UM = 5.0, 1.0
LINK_TAIL = 2.0  # σ beyond which a registration starts to be disbelieved
LEAST_ERROR_PX, ERROR_AT_HALF_PX = 0.1, 0.75  # of a registration: the least, at confidence 0.5
_ROUNDS, _FIRST_SCALE, _COOLING = 40, 30.0, 0.8
_RIDGE = 1e-9
_BANDS = 4  # J and B of neighbours touch: the matrix has three diagonals above the main one


@dataclass(frozen=True, slots=True)
class Link:
    """One measured motion: what brings ``moving`` onto ``fixed``, both placed by the stage.

    ``sigma_um`` is the standard error of the translation, and of the rotation at the rim;
    ``is_exact`` says that a person set it: it is never disbelieved.
    """

    fixed: SliceId
    moving: SliceId
    motion: Rigid2D
    sigma_um: float
    is_exact: bool = False


def solve_positions(
    ids: Sequence[SliceId],
    links: Sequence[Link],
    *,
    arm_um: float,
    step_sigma_um: Mapping[SliceId, float] | None = None,
) -> dict[SliceId, Rigid2D]:
    """Return the correction of every slice to where the stage put it.

    Parameters
    ----------
    ids : sequence of SliceId
        The slices, in order.
    links : sequence of Link
        At most one per pair of neighbours in ``ids``; others are ignored.
    arm_um : float
        Distance from the canvas centre at which a rotation is weighed as a translation, µm.
    step_sigma_um : mapping, optional
        σ of the step by which the stage reached a slice, where it is not LASTING_UM.

    Returns
    -------
    dict
        id → Rigid2D: where the content goes, about the canvas centre. An error that lasts moves
        the slices behind it, not those before: the first slice is the frame.

    Notes
    -----
    p = (x, y, arm·θ). The correction of slice k is A = J + B, and the sum over all slices of

        log(1 + |J_k|²/σ_J²) + log(1 + |B_k − B_{k−1}|²/σ_B²) + c² log(1 + r_k²/c²)

    with r_k = |A_k − A_{k−1} − M_k|/σ_k and c = 2 (∞ for an exact link) is minimised by reweighted
    least squares; σ_J and σ_B start wide and narrow down, which keeps the result off the local
    minima. Measured in docs/stacking.md.

    Examples
    --------
    >>> ids = [SliceId(n) for n in range(3)]
    >>> off = Link(ids[0], ids[1], Rigid2D(0, 80, -55), 5.0)
    >>> back = Link(ids[1], ids[2], Rigid2D(0, -80, 55), 5.0)
    >>> found = solve_positions(ids, [off, back], arm_um=1000)
    >>> [round(found[i].dx_um) for i in ids]
    [0, 80, 0]
    """
    n = len(ids)
    pairs = {(link.fixed, link.moving): link for link in links}
    chain = [pairs.get(pair) for pair in itertools.pairwise(ids)]
    measured = np.array([_vector(link, arm_um) for link in chain]).reshape(n - 1, 3)
    inverse_sigma = np.array([1.0 / link.sigma_um if link else 0.0 for link in chain])
    tail = np.array([np.inf if link and link.is_exact else LINK_TAIL for link in chain])
    known = step_sigma_um or {}
    lasting = np.array([known.get(slice_id, LASTING_UM) for slice_id in ids[1:]])
    alone, together = np.zeros((n, 3)), np.zeros((n, 3))
    for turn in range(_ROUNDS):
        scale = max(1.0, _FIRST_SCALE * _COOLING**turn)
        total = alone + together
        step = _turned(measured, total[:-1, 2] / arm_um)
        miss = np.linalg.norm(np.diff(total, axis=0) - step, axis=1) * inverse_sigma
        weights = inverse_sigma**2 / (1.0 + (miss / tail) ** 2)
        alone, together = _least_squares(
            step,
            weights,
            _cauchy(alone, np.full(n, RETURNING_UM * scale)),
            _cauchy(np.diff(together, axis=0), lasting * scale),
        )
    total = _as_set(alone + together - together[0], chain, measured, arm_um)
    return dict(zip(ids, (_rigid(row, arm_um) for row in total), strict=True))


def _as_set(
    total: NDArray[np.float64],
    chain: Sequence[Link | None],
    measured: NDArray[np.float64],
    arm_um: float,
) -> NDArray[np.float64]:
    """Return the positions with every exact link held to the last digit.

    The rounds turn a step by the angle of the round before, so they leave a little of it. Slices
    that are linked to one that is moved here follow it.
    """
    held, offset = total.copy(), np.zeros(3)
    for k, link in enumerate(chain):
        if link is None:
            offset = np.zeros(3)
        elif link.is_exact:
            step = _turned(measured[k : k + 1], held[k : k + 1, 2] / arm_um)[0]
            offset = held[k] + step - total[k + 1]
        held[k + 1] += offset
    return held


def relative(fixed: Rigid2D, moving: Rigid2D) -> Rigid2D:
    """Return the motion M with moving = fixed ∘ M: what brings the moving slice onto the fixed."""
    x, y = _rotate(moving.dx_um - fixed.dx_um, moving.dy_um - fixed.dy_um, -fixed.rotation_deg)
    return Rigid2D(moving.rotation_deg - fixed.rotation_deg, x, y)


def link_sigma_um(confidence: float, resolution_um: float) -> float:
    """Return the standard error of a registration, µm.

    Parameters
    ----------
    confidence : float
        Above 0: at 0 a registration says nothing and is no link.
    resolution_um : float
        Voxel size in the plane.

    Notes
    -----
    Registration says confidence = 1 / (1 + e / 0.75 px) for an expected error of e; this is e
    again, on top of a tenth of a voxel that no registration falls below.
    """
    expected_px = ERROR_AT_HALF_PX * (1 / confidence - 1)
    return math.hypot(LEAST_ERROR_PX, expected_px) * resolution_um


def _least_squares(
    step: NDArray[np.float64],
    link: NDArray[np.float64],
    alone: NDArray[np.float64],
    together: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Solve for J and B, unknowns in the order J_0, B_0, J_1, B_1, … (upper bands)."""
    n = len(alone)
    bands, right = np.zeros((_BANDS, 2 * n)), np.zeros((2 * n, 3))
    j, b = np.arange(0, 2 * n, 2), np.arange(1, 2 * n, 2)
    towards = np.zeros(n)  # weight of all links that end at a slice
    towards[1:] += link
    towards[:-1] += link
    rise = np.zeros(n)
    rise[1:] += together
    rise[:-1] += together
    bands[3, j] = alone + towards
    bands[3, b] = rise + towards + _RIDGE  # the ridge holds B, which is known up to a constant
    bands[2, b] = towards  # J_k with B_k
    bands[1, j[1:]] = -link  # J_{k-1} with J_k
    bands[1, b[1:]] = -link - together  # B_{k-1} with B_k
    bands[2, j[1:]] = -link  # B_{k-1} with J_k
    bands[0, b[1:]] = -link  # J_{k-1} with B_k
    pull = link[:, None] * step
    for one in (j, b):
        right[one[1:]] += pull
        right[one[:-1]] -= pull
    solved: NDArray[np.float64] = solveh_banded(bands, right, check_finite=False)
    return solved[j], solved[b]


def _cauchy(values: NDArray[np.float64], sigma: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weight 1/(σ² + |v|²) that reweighting gives log(1 + |v|²/σ²)."""
    weights: NDArray[np.float64] = 1.0 / (sigma**2 + np.sum(values**2, axis=1))
    return weights


def _vector(link: Link | None, arm_um: float) -> tuple[float, float, float]:
    if link is None:
        return (0.0, 0.0, 0.0)
    motion = link.motion
    return (motion.dx_um, motion.dy_um, math.radians(motion.rotation_deg) * arm_um)


def _turned(step: NDArray[np.float64], angle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the steps in the frame of the canvas: a slice that is turned turns the next step."""
    cos, sin = np.cos(angle), np.sin(angle)
    return np.stack(
        [cos * step[:, 0] - sin * step[:, 1], sin * step[:, 0] + cos * step[:, 1], step[:, 2]], 1
    )


def _rigid(row: NDArray[np.float64], arm_um: float) -> Rigid2D:
    return Rigid2D(math.degrees(row[2] / arm_um), float(row[0]), float(row[1]))


def _rotate(x: float, y: float, angle_deg: float) -> tuple[float, float]:
    cos, sin = math.cos(math.radians(angle_deg)), math.sin(math.radians(angle_deg))
    return (cos * x - sin * y, sin * x + cos * y)
