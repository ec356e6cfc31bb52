"""Corrections along the raw axes of a tile: the galvo return, where it is and how to move it.

The galvo mirror sweeps over nx A-lines and flies back over n more. When the acquisition starts late
the record of every sweep of a slice is rotated, and the return lies inside the image. Found here
(once per slice, decisions 5), undone here (a roll, never an interpolation). Raw pixels are (depth,
A-line, B-scan), AIPs (A-line, B-scan).
"""

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.errors import BadValue
from linumpy.preproc import galvo_jumps
from linumpy.preproc.galvo_score import GalvoTerms, score_band

log = logging.getLogger(__name__)

THRESHOLD = 0.6
"""Confidence from which a return is taken as misplaced."""

MAX_BSCANS = 64  # per tile; more add nothing that other tiles do not, and cost reading time
_CANDIDATES = 3  # times n_samples
# Calibrated on simulated slices, never on a real one (docs/decisions/0002-galvo.md).
_EVEN_RATIO = 1.4
_STEEPNESS = 4.0
_DECIMALS = 3


@dataclass(frozen=True, slots=True)
class GalvoEvidence:
    """What was measured about the galvo return of a slice, and what follows from it.

    ``shift`` is the roll to apply along the A-lines when the fix is applied, 0 where the return is
    best explained at the end; whether it is applied, ``confidence`` says. ``candidate_shift`` is
    the roll of the best misplaced hypothesis, however weak.
    """

    shift: int
    candidate_shift: int
    confidence: float
    n_extra: int
    best: float
    end: float
    second: float
    retrace: float
    terms: GalvoTerms
    tiles: tuple[int, ...]
    are_brightest: bool
    profile: tuple[float, ...]

    def to_json(self) -> dict[str, object]:
        """Return the numbers behind the decision; `confidence_of` gives it again from them."""
        return {
            "shift_px": self.shift,
            "candidate_shift_px": self.candidate_shift,
            "confidence": self.confidence,
            "n_extra": self.n_extra,
            "strength": {"candidate": self.best, "end": self.end, "second": self.second},
            "retrace_correlation": self.retrace,
            "terms": {
                "contrast": self.terms.contrast,
                "sharpness": self.terms.sharpness,
                "anomaly": self.terms.anomaly,
                "score": self.terms.score,
            },
            "tiles": list(self.tiles),
            "tiles_are_brightest": self.are_brightest,
            "profile": list(self.profile),
        }


def detect_galvo_shift(aip: NDArray[np.floating], n_pixel_return: int) -> tuple[int, float]:
    """Find the roll that brings the galvo return of one tile to the end.

    Parameters
    ----------
    aip : array, shape (N, n_bscans)
        Mean over depth, galvo-return A-lines included.
    n_pixel_return : int
        n, A-lines of the return.

    Returns
    -------
    shift : int
        In [0, N): roll to apply towards larger indices, (N − s − n) mod N for a return that starts
        at A-line s; 0 where the return is best explained at the end.
    confidence : float
        In [0, 1]; from 0.6 on a roll is present.

    Raises
    ------
    BadValue
        If ``aip`` is not 2-D or n does not fit into it.

    Examples
    --------
    >>> aip = np.full((440, 3), 100.0)
    >>> aip[150:190] = 60
    >>> shift, confidence = detect_galvo_shift(aip, 40)
    >>> (shift, confidence > 0.9)
    (250, True)
    """
    evidence = evidence_of([np.asarray(aip, dtype=np.float32)], n_pixel_return)
    return evidence.shift, evidence.confidence


def detect_galvo_for_slice(
    tiles: Sequence[NDArray[np.float32]],
    n_extra: int,
    threshold: float = THRESHOLD,
    n_samples: int = 5,
    axial_resolution: float | None = None,  # noqa: ARG001  depth plays no part in the evidence
    min_intensity: float = 20.0,
) -> tuple[int, float]:
    """Find the roll of a slice from several of its tiles.

    Parameters
    ----------
    tiles : sequence of array, shape (nz, nx + n_extra, ny)
        All tiles of the slice, raw; `linumpy.io.tiles.PixelSequence` opens them as needed.
    n_extra : int
        A-lines of the return; with 0 there is none.
    threshold : float
        Below this confidence the shift is 0.
    n_samples : int
        At most 3 × this many tiles are used, spread over the slice.
    axial_resolution : float, optional
        Accepted for compatibility.
    min_intensity : float
        Tiles with a lower mean are background. When fewer than ``n_samples`` are brighter, the
        brightest are used.

    Returns
    -------
    (shift, confidence)
        As `detect_galvo_shift`; (0, 0.0) without tiles or without a return.
    """
    if len(tiles) == 0 or n_extra <= 0:
        return 0, 0.0
    evidence = measure_galvo(tiles, n_extra, n_samples=n_samples, min_intensity=min_intensity)
    return (evidence.shift if evidence.confidence >= threshold else 0), evidence.confidence


def measure_galvo(
    tiles: Sequence[NDArray[np.float32]],
    n_extra: int,
    *,
    n_samples: int = 5,
    min_intensity: float = 20.0,
) -> GalvoEvidence:
    """Return all that `detect_galvo_for_slice` decides by; same parameters.

    Holds the mean projections of 3 × ``n_samples`` tiles, at most 64 B-scans of each.

    Raises
    ------
    BadValue
        If there is no tile or no return.
    """
    if len(tiles) == 0 or n_extra <= 0:
        raise BadValue(
            f"{len(tiles)} tiles with n_extra={n_extra}: no galvo return to look at",
            hint="at least one tile and n_extra of at least 1 are needed",
        )
    chosen, are_brightest = _choose(tiles, n_samples, min_intensity)
    aips = [_project(tiles[index], MAX_BSCANS) for index in chosen]
    return evidence_of(aips, n_extra, tiles=chosen, are_brightest=are_brightest)


def evidence_of(
    aips: Sequence[NDArray[np.float32]],
    n_extra: int,
    *,
    tiles: Sequence[int] = (0,),
    are_brightest: bool = False,
) -> GalvoEvidence:
    """Pool projections of tiles, judge every start of the return, and score the best.

    Parameters
    ----------
    aips : sequence of array, shape (N, n_bscans)
        One per tile; N is the same for all.
    tiles : sequence of int
        Which tiles they are, for the record.

    Raises
    ------
    BadValue
        If the shapes do not fit each other or ``n_extra``.
    """
    n_lines = _check(aips, n_extra)
    found = galvo_jumps.judge(aips, n_extra)
    profile = np.concatenate([aip.mean(axis=1, keepdims=True) for aip in aips], axis=1).mean(axis=1)
    best, end, second = (round(v, 6) for v in (found.best, found.end, found.second))
    candidate = (n_lines - found.start - n_extra) % n_lines
    return GalvoEvidence(
        shift=candidate if found.best > found.end else 0,
        candidate_shift=candidate,
        confidence=confidence_of(best, end, second),
        n_extra=n_extra,
        best=best,
        end=end,
        second=second,
        retrace=round(float(found.retrace[found.start]), 6),
        terms=score_band(profile.astype(np.float64), found.start, n_extra),
        tiles=tuple(int(index) for index in tiles),
        are_brightest=are_brightest,
        profile=tuple(float(f"{value:.5g}") for value in profile),
    )


def confidence_of(best: float, end: float, second: float) -> float:
    """Return the confidence that the return is misplaced, in [0, 1].

    ``q = best / (end + ½ second + 1)``: the best misplaced start against "already at the end" and
    against what texture reaches elsewhere. ``confidence = σ(ln(0.6/0.4) + 4 ln(q / q₀))``, so that
    it is 0.6 at q₀; three decimals, as the record holds it.

    Examples
    --------
    >>> [round(confidence_of(best, 1.0, 2.0), 2) for best in (1.0, 4.2, 12.0)]
    [0.01, 0.6, 0.99]
    """
    ratio = best / (end + second / 2 + 1)
    if ratio <= 0:
        return 0.0
    odds = math.log(THRESHOLD / (1 - THRESHOLD)) + _STEEPNESS * math.log(ratio / _EVEN_RATIO)
    return round(1 / (1 + math.exp(-odds)), _DECIMALS)


def fix_galvo_shift(tile: NDArray[np.float32], shift: int, axis: int = 1) -> NDArray[np.float32]:
    """Return a tile rolled along its A-lines by ``shift`` towards larger indices.

    Pixels move, none is interpolated: a roll by −shift gives the input back.

    Parameters
    ----------
    tile : array
        Raw pixels (depth, A-line, B-scan), not cropped.
    shift : int
        As `detect_galvo_shift` returns it.
    axis : int
        The axis of A-lines.
    """
    return np.roll(tile, shift, axis=axis)


def _choose(
    tiles: Sequence[NDArray[np.float32]], n_samples: int, min_intensity: float
) -> tuple[list[int], bool]:
    """Return which tiles to use, and whether they are just the brightest for want of bright ones.

    Brightness is taken on two B-scans of each tile, so that choosing reads little.
    """
    brightness = np.array([float(_project(tiles[i], 2).mean()) for i in range(len(tiles))])
    bright = np.flatnonzero(brightness >= min_intensity)
    if len(bright) < n_samples:
        brightest = np.argsort(-brightness, kind="stable")[:n_samples]
        return sorted(int(index) for index in brightest), len(bright) < len(brightest)
    n_wanted = min(len(bright), _CANDIDATES * n_samples)
    places = np.linspace(0, len(bright) - 1, n_wanted).round().astype(int)
    return [int(index) for index in bright[places]], False


def _project(tile: NDArray[np.float32], max_bscans: int) -> NDArray[np.float32]:
    """Return the mean over depth of evenly spaced B-scans, shape (N, n)."""
    n_bscans = tile.shape[2]
    n = min(n_bscans, max_bscans)
    # centres of n equal parts: an edge B-scan alone would be a poor sample
    places = ((np.arange(n) + 0.5) * n_bscans / n).astype(int)
    # B-scans first: of a tile on disk, which is column-major, only these are read
    bscans = tile.T[places]
    aip: NDArray[np.float32] = bscans.mean(axis=2, dtype=np.float32).T
    return aip


def _check(aips: Sequence[NDArray[np.float32]], n_extra: int) -> int:
    """Return N; a return needs at least as many A-lines of image as two borders take."""
    shapes = {aip.shape[0] for aip in aips if aip.ndim == 2}  # noqa: PLR2004  (A-line, B-scan)
    if len(shapes) != 1 or any(aip.ndim != 2 or aip.size == 0 for aip in aips):  # noqa: PLR2004
        raise BadValue(
            f"projections have shapes {[aip.shape for aip in aips]}; (A-lines, B-scans) with one "
            "number of A-lines are needed"
        )
    n_lines = int(shapes.pop())
    if not 1 <= n_extra < n_lines:
        raise BadValue(
            f"a return of {n_extra} A-lines in a sweep of {n_lines}; allowed: 1 to {n_lines - 1}"
        )
    return n_lines
