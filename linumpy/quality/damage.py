"""Which slices are damaged: every slice tested against itself and against the acquisition.

A test compares one number of a slice with the same number of the others. Its limit is what the
others have, plus what they scatter, and at least a fixed step below which no damage worth an
exclusion was ever seen. The numbers come from `quality.traits` and `quality.neighbours`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId
from linumpy.quality.traits import Traits

ANISOTROPY_STEP = (0.7, 1.3, 1.6, 1.8, 2.0, 2.0)
"""Least deviation of the line-to-line anisotropy that counts as jitter, per scale."""
TEXTURE_STEP = (5.5, 3.5, 1.9, 1.7, 1.7, 1.7)
"""Least loss of texture energy that counts as blur, per scale; log units."""
STEPS: Mapping[str, float] = MappingProxyType(
    {
        "overlap": 0.20,  # loss of correlation between two tiles that see the same tissue
        "noise": 0.32,  # share of the variance; √(1 - 0.32) is a correlation of 0.82
        "dropout": 0.12,  # share of the signal in lost lines
        "saturation": 0.40,  # share of the bright voxels that pile up at the top
        "emptiness": 1.5,  # loss of signal, log units: a factor of 4.5
        "missing": 0.30,  # share of the tissue that both neighbours have
        "oddity": 0.35,  # loss of likeness to the neighbours, among whom it does not occur
    }
)
"""Least deviation that counts, per test. How they were found: docs/decisions/0003-quality.md."""
_SIGMAS = 4.0  # where the others scatter, a slice must stand out by this much
_MAX_WIDENING = 3.0  # a scatter never raises a limit beyond this many steps
_MAD_TO_SIGMA = 1.4826
_MIN_FOR_SPREAD = 5  # fewer slices do not tell how far they scatter
_AT_AN_END = 1.6  # there the anatomy itself may change this much faster
_MIN_OTHERS = 2  # with one other slice nobody knows which of the two is damaged


@dataclass(frozen=True, slots=True)
class Finding:
    """One test of one slice: ``value`` is how far it is on the bad side of the others."""

    test: str
    value: float
    limit: float

    @property
    def severity(self) -> float:
        """1 at the limit, more beyond it."""
        return self.value / self.limit

    def __str__(self) -> str:
        return f"{self.test} {self.value:.2f}, limit {self.limit:.2f}"


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a slice is like beside its neighbours; see `quality.neighbours`."""

    missing: float
    oddity: float
    is_between: bool
    """Whether there is a neighbour on either side; anatomy runs out towards an end."""


def find_damage(
    traits: Mapping[SliceId, Traits], references: Sequence[SliceId]
) -> dict[SliceId, tuple[Finding, ...]]:
    """Test every slice against itself, with limits from the reference slices.

    Parameters
    ----------
    traits : mapping
        Of every slice.
    references : sequence of SliceId
        Slices that say what is usual: not the calibration slice, for one.

    Returns
    -------
    dict
        Per slice its findings, the most severe first; none where fewer than two others are left
        to compare with.
    """
    found: dict[SliceId, tuple[Finding, ...]] = {}
    for slice_id, own in traits.items():
        others = [traits[other] for other in references if other != slice_id]
        found[slice_id] = _sorted(_self_tests(own, others)) if len(others) >= _MIN_OTHERS else ()
    return found


def compare_surroundings(
    surroundings: Mapping[SliceId, Surroundings], references: Sequence[SliceId]
) -> dict[SliceId, tuple[Finding, ...]]:
    """Test every slice against its neighbours; as `find_damage`."""
    found: dict[SliceId, tuple[Finding, ...]] = {}
    for slice_id, own in surroundings.items():
        others = [surroundings[other] for other in references if other != slice_id]
        if len(others) < _MIN_OTHERS:
            found[slice_id] = ()
            continue
        widening = 1.0 if own.is_between else _AT_AN_END
        found[slice_id] = _sorted(
            [
                _one_sided(
                    name,
                    getattr(own, name),
                    [max(0.0, getattr(other, name)) for other in others],
                    widening * STEPS[name],
                )
                for name in ("missing", "oddity")
            ]
        )
    return found


def worst(findings: Sequence[Finding]) -> Finding | None:
    """Return the most severe finding, or None where nothing was tested."""
    return max(findings, key=lambda finding: finding.severity, default=None)


def _self_tests(own: Traits, others: Sequence[Traits]) -> list[Finding]:
    tests = [
        _jitter(own, others),
        _sharpness(own, others),
        _one_sided("noise", own.noise, [other.noise for other in others]),
        _one_sided("dropout", own.dropout, [other.dropout for other in others]),
        _one_sided("saturation", own.pile_up, [other.pile_up for other in others]),
        _one_sided("emptiness", -own.signal, [-other.signal for other in others]),
    ]
    overlaps = [-other.overlap for other in others if np.isfinite(other.overlap)]
    if len(overlaps) >= _MIN_OTHERS and np.isfinite(own.overlap):
        tests.append(_one_sided("overlap", -own.overlap, overlaps))
    return tests


def _jitter(own: Traits, others: Sequence[Traits]) -> Finding:
    """Return the scale at which lines jump most; either axis may be the one that moved."""
    n_scales = min(len(t.anisotropy) for t in (own, *others))
    return max(
        (
            _two_sided(
                "jitter", own.anisotropy[s], [o.anisotropy[s] for o in others], ANISOTROPY_STEP[s]
            )
            for s in range(n_scales)
        ),
        key=lambda finding: finding.severity,
    )


def _sharpness(own: Traits, others: Sequence[Traits]) -> Finding:
    """Return the scale at which most texture was lost."""
    n_scales = min(len(t.texture) for t in (own, *others))
    return max(
        (
            _one_sided(
                "sharpness", -own.texture[s], [-o.texture[s] for o in others], TEXTURE_STEP[s]
            )
            for s in range(n_scales)
        ),
        key=lambda finding: finding.severity,
    )


def _one_sided(
    test: str, own: float, others: Sequence[float], step: float | None = None
) -> Finding:
    """Compare a number whose larger values are worse."""
    deviations = np.sort(own - np.asarray(others, dtype=np.float64))
    return Finding(test, _lower_median(deviations), _limit(others, step or STEPS[test]))


def _two_sided(test: str, own: float, others: Sequence[float], step: float) -> Finding:
    """Compare a number that is worse the further it lies from the others'."""
    deviations = np.sort(np.abs(own - np.asarray(others, dtype=np.float64)))
    return Finding(test, _lower_median(deviations), _limit(others, step))


def _lower_median(deviations: NDArray[np.float64]) -> float:
    """Return the median, the lower of the two where there are two.

    So a good slice with one good and one damaged companion is like the good one.
    """
    return float(deviations[(len(deviations) - 1) // 2])


def _limit(others: Sequence[float], step: float) -> float:
    if len(others) < _MIN_FOR_SPREAD - 1:
        return step
    values = np.asarray(others, dtype=np.float64)
    sigma = _MAD_TO_SIGMA * float(np.median(np.abs(values - np.median(values))))
    return float(np.clip(_SIGMAS * sigma, step, _MAX_WIDENING * step))


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda finding: -finding.severity))
