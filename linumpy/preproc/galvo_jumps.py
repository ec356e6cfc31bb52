"""Where in the sweep the galvo return lies: evidence pooled over B-scans and tiles.

The record of a sweep is cyclic: nx A-lines of image, n of fly-back, then the next sweep. The image
part is continuous, and in every tile the return lies at the same A-lines. So a hypothesis "the
return starts at A-line s" is judged by three things that texture does not do at one A-line in many
B-scans and tiles at once:

* jumps: log-intensity steps up (or down) at s and back at s + n, by the gain of the return;
* breaks: neighbouring A-lines differ more at both borders than elsewhere;
* retrace: the mirror flies back over the same tissue, so the return is the sweep in reverse.

"The return is already at the end" (s = nx) is one of the hypotheses. No decision here; see
`linumpy.preproc.xyzcorr`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Array = NDArray[np.float64]

# Brightness: A-lines count from this fraction of the bright level (P95) on, so that borders of
# tissue and empty agarose, where a log is noise, say little.
_FULL_WEIGHT = 0.25
_LOG_FLOOR = 0.01
_RETRACE_FLOOR = 0.1
# A step is clipped at this multiple of the typical one: a strong edge counts once, not ten times.
_CLIP = 2.5
# Texture is coherent over neighbouring B-scans: they are summed before their scatter is taken.
_BSCANS_PER_BLOCK = 8
_WINDOW = 21  # A-lines over which the scatter and the trend of steps are taken
_MAX_Z = 10.0  # more is as certain; a straight border of tissue must not outvote all else
# Independent samples in a return, as the correlation counts them; texture is smooth, they are few.
_RETRACE_SAMPLES = 30
_MAX_CORRELATION = 0.97
_MAX_RETRACE_BSCANS = 200
_SMOOTHNESS = (0.0, 0.5, 1.0)  # how softly the mirror turns is not written anywhere
# What likeness may add to the evidence of the borders: this many times theirs, plus this much.
_CREDIT, _CREDIT_ALONE = 4.0, 25.0


@dataclass(frozen=True, slots=True)
class Hypotheses:
    """How well each start of the return explains the tiles.

    ``strength[s]`` is in standard deviations. ``start`` is the strongest misplaced one and ``best``
    the part of its strength that counts; ``end`` is the strength of "already at the end",
    ``second`` the best of unrelated starts: what texture alone reaches here.
    """

    strength: Array
    retrace: Array
    start: int
    best: float
    end: float
    second: float


def judge(aips: Sequence[NDArray[np.float32]], n_pixel_return: int) -> Hypotheses:
    """Judge every start of a return of ``n_pixel_return`` A-lines.

    ``strength² = ½ e² + ½ j² + r²``: j is the weaker border's jump (0 where both go the same way),
    e that of √(jump² + break²), and r² = −m ln(1 − ρ²) is twice the log-likelihood ratio of the
    retrace correlation ρ > 0 over m samples. In ``best`` and ``second`` r² counts up to
    4 (½ e² + ½ j²) + 25; in ``end`` it counts whole.

    Parameters
    ----------
    aips : sequence of array, shape (N, n_bscans)
        Mean over depth of each tile, A-lines first; N = nx + n is the same for all.
    n_pixel_return : int
        n, at least 1 and less than N.
    """
    n_lines = aips[0].shape[0]
    steps = _pool_steps(aips)
    jump = _jumps(steps)
    jump_back = np.roll(jump, -n_pixel_return)
    edge = np.hypot(jump, _breaks(steps))
    weaker_jump = np.minimum(np.abs(jump), np.abs(jump_back)) * (jump * jump_back < 0)
    weaker_edge = np.minimum(edge, np.roll(edge, -n_pixel_return))
    retrace = _retrace(aips, n_pixel_return)
    positive = np.clip(retrace, 0.0, _MAX_CORRELATION)
    borders = 0.5 * weaker_edge**2 + 0.5 * weaker_jump**2
    likeness = -_RETRACE_SAMPLES * np.log1p(-(positive**2))
    end = n_lines - n_pixel_return
    strength = np.sqrt(borders + likeness)
    misplaced = strength.copy()
    misplaced[end] = -1.0
    start = int(np.argmax(misplaced))
    # Tissue can look like its own reverse: likeness may clear a slice, alone it moves little.
    credited = np.sqrt(borders + np.minimum(likeness, _CREDIT * borders + _CREDIT_ALONE))
    return Hypotheses(
        strength=strength,
        retrace=retrace,
        start=start,
        best=float(credited[start]),
        end=float(strength[end]),
        second=_best_unrelated(credited, (start, end), n_pixel_return),
    )


@dataclass(frozen=True, slots=True)
class _Steps:
    """Weighted sums over blocks of B-scans, shape (n_blocks, N): steps, their size, weights.

    ``limit`` is where steps were clipped.
    """

    signed: Array
    size: Array
    weight: Array
    limit: float


def _pool_steps(aips: Sequence[NDArray[np.float32]]) -> _Steps:
    bright = _bright_level(aips)
    tiles = [_steps_of(aip, bright) for aip in aips]
    sizes = np.concatenate([np.abs(step).ravel() for step, _weight in tiles])
    weights = np.concatenate([weight.ravel() for _step, weight in tiles])
    limit = _CLIP * _weighted_median(sizes, weights) + 1e-4
    signed, size, weight_sums = [], [], []
    for step, weight in tiles:
        clipped = weight * np.clip(step, -limit, limit)
        starts = np.arange(0, step.shape[1], _BSCANS_PER_BLOCK)
        signed.append(np.add.reduceat(clipped, starts, axis=1).T)
        size.append(np.add.reduceat(np.abs(clipped), starts, axis=1).T)
        weight_sums.append(np.add.reduceat(weight, starts, axis=1).T)
    return _Steps(np.concatenate(signed), np.concatenate(size), np.concatenate(weight_sums), limit)


def _steps_of(aip: NDArray[np.float32], bright: float) -> tuple[Array, Array]:
    """Return ln A(k) − ln A(k − 1), cyclic, and the weight of each step in [0, 1]."""
    values = aip.astype(np.float64)
    before = np.roll(values, 1, axis=0)
    step = np.log((values + _LOG_FLOOR * bright) / (before + _LOG_FLOOR * bright))
    weight = np.clip(np.minimum(values, before) / (_FULL_WEIGHT * bright), 0.0, 1.0) ** 2
    return step, weight


def _jumps(steps: _Steps) -> Array:
    """Return the pooled signed step at each A-line, in standard deviations.

    Self-normalised: the scatter is that of the blocks of the neighbouring A-lines, so sparse tissue
    and coherent texture widen it. Slow trends (vignetting) are taken out.
    """
    variance = (steps.signed**2).sum(axis=0)
    # limit²: where there is less tissue than one bright pixel, nothing is significant
    local = _running_median(variance) + 0.05 * float(np.median(variance)) + steps.limit**2
    z = steps.signed.sum(axis=0) / np.sqrt(local)
    z -= _running_median(z)
    # independent blocks would give a deviation of 1; correlated ones give more, none can give less
    jumps: Array = np.clip(z / max(_robust_deviation(z), 1.0), -_MAX_Z, _MAX_Z)
    return jumps


def _breaks(steps: _Steps) -> Array:
    """Return by how much steps are larger at each A-line than around it, in deviations, ≥ 0."""
    size = steps.size.sum(axis=0) / np.maximum(steps.weight.sum(axis=0), 1e-9)
    excess = size / np.maximum(_running_median(size), 1e-9) - 1
    breaks: Array = np.clip(excess / max(_robust_deviation(excess), 0.02), 0.0, _MAX_Z)
    return breaks


def _retrace(aips: Sequence[NDArray[np.float32]], n: int) -> Array:
    """Return for each start the correlation of the return with the sweep in reverse.

    Means over A-lines and over B-scans are taken out of both: brightness of a tile and vignetting
    would correlate under every hypothesis.
    """
    n_lines = aips[0].shape[0]
    nx = n_lines - n
    logs = _bright_logs(aips)
    if logs.shape[1] == 0:
        return np.zeros(n_lines)
    twice = np.concatenate([logs, logs])
    found = np.full(n_lines, -1.0)
    ways = [_way_back(nx, n, smoothness) for smoothness in _SMOOTHNESS]
    for start in range(n_lines):
        sweep = twice[start + n : start + n_lines]
        returned = _centred(twice[start : start + n])
        energy = (returned**2).sum()
        for low, high, share in ways:
            reverse = _centred(sweep[low] * (1 - share) + sweep[high] * share)
            scale = np.sqrt((reverse**2).sum() * energy)
            found[start] = max(found[start], (reverse * returned).sum() / max(scale, 1e-9))
    return found


def _way_back(
    nx: int, n: int, smoothness: float
) -> tuple[NDArray[np.int_], NDArray[np.int_], Array]:
    """Return between which A-lines of the sweep the mirror is at each of the return, and the share.

    ``smoothness`` 0: at one speed; 1: as a half period of a cosine, at rest at both ends.
    """
    time = (np.arange(n) + 0.5) / n
    way = (1 - smoothness) * time + smoothness * (1 - np.cos(np.pi * time)) / 2
    place = np.clip((1 - way) * nx - 0.5, 0, nx - 1)
    low = np.floor(place).astype(int)
    return low, np.minimum(low + 1, nx - 1), (place - low)[:, None]


def _bright_logs(aips: Sequence[NDArray[np.float32]]) -> Array:
    """Return log intensities, shape (N, n_bscans), of B-scans that hold more than background."""
    bright = _bright_level(aips)
    columns = np.concatenate(aips, axis=1).astype(np.float64)
    mean = columns.mean(axis=0)
    chosen = np.flatnonzero(mean >= _RETRACE_FLOOR * bright)
    if len(chosen) > _MAX_RETRACE_BSCANS:
        places = np.linspace(0, len(chosen) - 1, _MAX_RETRACE_BSCANS).round().astype(int)
        chosen = chosen[places]
    return np.log(columns[:, chosen] + _RETRACE_FLOOR * bright + 1e-12)


def _best_unrelated(strength: Array, known: tuple[int, ...], n: int) -> float:
    """Return the best strength away from the known starts and from starts that share a border."""
    n_lines = len(strength)
    far = np.ones(n_lines, dtype=bool)
    reach = max(2, n // 4)  # the retrace correlation falls off slowly around its start
    for start in known:
        far[np.arange(start - reach, start + reach + 1) % n_lines] = False
        for border in (start - n, start + n):
            far[np.arange(border - 1, border + 2) % n_lines] = False
    return float(strength[far].max()) if far.any() else 0.0


def _bright_level(aips: Sequence[NDArray[np.float32]]) -> float:
    return max(float(np.percentile(np.concatenate([aip.ravel() for aip in aips]), 95)), 1e-12)


def _running_median(values: Array) -> Array:
    window = min(_WINDOW, (len(values) - 1) // 2 * 2 + 1)
    smooth: Array = ndimage.median_filter(values, size=window, mode="wrap")
    return smooth


def _robust_deviation(values: Array) -> float:
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _weighted_median(values: Array, weights: Array) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    if total[-1] <= 0:
        return 0.0
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def _centred(values: Array) -> Array:
    centred: Array = values - values.mean(axis=0)
    centred -= centred.mean(axis=1, keepdims=True)
    return centred
