"""The last fraction of a pixel between two strips, with the filter that their own noise asks for.

Both strips show one anatomy, each under its own speckle. Where the spectra of their mean and of
their difference say that a width of detail stands out of the noise, it counts; elsewhere it does
not. That is the maximum likelihood weighting of a delay between two noisy signals (Knapp & Carter
1976, doi:10.1109/TASSP.1976.1162830), inside a Gauss–Newton on the overlap.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.ndimage import gaussian_filter, map_coordinates

Plane = NDArray[np.float64]
Vector = NDArray[np.float64]

BORDER_PX = 2
MIN_SIDE_PX = 4
MIN_PIXELS = 100
_STEPS = 20
_CONVERGED_PX = 2e-3
_MAX_STEP_PX = 1.0
_QUADRATIC = ((0, 0), (1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
_N_RINGS = 10
"""Rings of spatial frequency in which spectra are averaged, up to half a cycle per pixel."""
_NYQUIST = 0.5
_PAD_PX = 8
NOISE_PX, TEXTURE_PX = 8, 24
"""Beyond these distances speckle, and texture, is taken as independent."""
_LOCAL_PX = 4.0
_LEAST_NOISE = 1e-3  # share of the noisiest ring
_UNRELATED = 1e-9


@dataclass(frozen=True, slots=True)
class SubpixelFit:
    """Where two strips match, and how well that is known.

    ``ncc`` is the correlation of the filtered strips, ``evidence`` the log likelihood ratio of
    "these match" against "these do not"; ``information`` is the inverse covariance of the
    offset, 1/px².
    """

    offset_px: Vector
    ncc: float
    evidence: float
    information: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Common:
    """Two strips on their overlap, illumination taken out, and the basis that was."""

    moved: Plane
    still: Plane
    basis: NDArray[np.float64]

    @property
    def residual(self) -> Plane:
        return self.still - self.moved

    @property
    def mean(self) -> Plane:
        return (self.still + self.moved) / 2


def refine_offset(a: Plane, b: Plane, start_px: Vector) -> SubpixelFit | None:
    """Find the offset at which a(p + offset) = b(p) + quadratic(p), least squares.

    Parameters
    ----------
    a, b : array, shape (y, x)
        Log brightness of two strips.
    start_px : array, shape (2,)
        (y, x), right to about two pixels.

    Returns
    -------
    SubpixelFit or None
        None where too little overlaps.

    Notes
    -----
    With r = b − a and q the gradient of the filtered mean of both, a step is
    (Σ q gᵀ)⁻¹ Σ q r. The noise of the mean is uncorrelated with that of the difference, so the
    result is not pulled to whole pixels. Its covariance is the sandwich H⁻¹ Γ H⁻¹: H from the
    product of the two strips' gradients, to which the noise of either does not add, Γ from the
    autocovariances of r and q, so correlated noise counts for what it is.
    """
    offset = np.array(start_px, dtype=np.float64)
    common, weight = None, np.zeros(_N_RINGS)
    for _ in range(_STEPS):
        common = _common_part(a, b, offset)
        if common is None:
            return None
        weight = _ring_weights(common)
        q = _gradient(_filtered(common.mean, weight), common.basis)
        g = _gradient(common.mean, common.basis)
        normal = q @ g.T
        normal = normal + 1e-6 * max(float(np.trace(normal)), 1e-12) * np.eye(2)
        step = np.linalg.pinv(normal, rcond=1e-4) @ (q @ common.residual.ravel())
        offset = offset + np.clip(step, -_MAX_STEP_PX, _MAX_STEP_PX)
        if np.abs(step).max() < _CONVERGED_PX:
            break
    return None if common is None else _judge(common, weight, offset)


def even_contrast(plane: Plane) -> Plane:
    """Divide by the local spread, so that the outline of the tissue is one detail among many.

    Left as strong as it is, it outweighs all texture, and agrees wherever it lies on itself.
    """
    spread = gaussian_filter(np.square(plane), _LOCAL_PX)
    return np.asarray(plane / np.sqrt(spread + np.median(spread) + 1e-30), dtype=np.float64)


def _common_part(a: Plane, b: Plane, offset: Vector) -> _Common | None:
    """Return a moved onto b, and b, where both are there, less their best quadratic in (y, x)."""
    low = np.maximum(0, np.ceil(-offset)).astype(int) + BORDER_PX
    high = np.minimum(b.shape, np.floor(np.array(a.shape) - 1 - offset) + 1).astype(int)
    size = high - BORDER_PX - low
    if size.min() < MIN_SIDE_PX or np.prod(size) < MIN_PIXELS:
        return None
    y, x = (np.arange(i, i + n) for i, n in zip(low, size, strict=True))
    # A window with a rim for the spline: the rest of the strip is not needed.
    first = np.maximum(np.floor(low + offset).astype(int) - _PAD_PX, 0)
    last = np.floor(low + size + offset).astype(int) + _PAD_PX
    window = a[first[0] : last[0], first[1] : last[1]]
    places = np.meshgrid(y + offset[0] - first[0], x + offset[1] - first[1], indexing="ij")
    moved = np.asarray(map_coordinates(window, places, order=3, mode="nearest"))
    still = b[low[0] : low[0] + size[0], low[1] : low[1] + size[1]]
    u, v = (np.linspace(-1, 1, n) for n in size)
    terms = [np.outer(u**i, v**j).ravel() for i, j in _QUADRATIC]
    basis, _ = np.linalg.qr(np.stack(terms, axis=1))
    return _Common(_without(moved, basis), _without(still, basis), np.asarray(basis))


def _without(plane: Plane, basis: NDArray[np.float64]) -> Plane:
    flat = plane.ravel()
    return np.asarray(flat - basis @ (basis.T @ flat)).reshape(plane.shape)


def _gradient(plane: Plane, basis: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the gradient (2, n), less what illumination may explain."""
    along_y, along_x = np.gradient(plane)
    parts = (np.asarray(along_y, np.float64), np.asarray(along_x, np.float64))
    return np.stack([_without(part, basis).ravel() for part in parts])


def _ring_weights(common: _Common) -> NDArray[np.float64]:
    """Return the weight of each ring: S / ((S + N / 2) N), largest 1.

    S is the spectrum of the anatomy, N that of the difference. Their mean has S + N / 4.
    """
    shape = common.mean.shape
    ring = np.minimum((_frequency(shape) / _NYQUIST * _N_RINGS).astype(np.intp), _N_RINGS - 1)
    count = np.maximum(np.bincount(ring.ravel(), minlength=_N_RINGS), 1)
    taper = np.outer(*(_taper(n) for n in shape))

    def spectrum(plane: Plane) -> NDArray[np.float64]:
        power = np.abs(fft.rfft2(plane * taper)) ** 2
        rings = np.bincount(ring.ravel(), power.ravel(), _N_RINGS) / count
        smooth = np.convolve(np.pad(rings, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
        return np.asarray(smooth, dtype=np.float64)

    of_mean, noise = spectrum(common.mean), spectrum(common.residual)
    noise = np.maximum(noise, _LEAST_NOISE * noise.max() + 1e-30)
    signal = np.maximum(of_mean - noise / 4, 0)
    weight = signal / np.maximum(of_mean, 1e-30) / noise
    return np.asarray(weight / max(float(weight.max()), 1e-30))


def _filtered(plane: Plane, weight: NDArray[np.float64]) -> Plane:
    padded = np.pad(plane, _PAD_PX, mode="symmetric")
    centres = (np.arange(_N_RINGS) + 0.5) / _N_RINGS * _NYQUIST
    gain = np.interp(_frequency(padded.shape), centres, weight)
    back = fft.irfft2(fft.rfft2(padded) * gain, padded.shape)
    return np.asarray(back[_PAD_PX:-_PAD_PX, _PAD_PX:-_PAD_PX], dtype=np.float64)


def _frequency(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the length of the spatial frequency of each place of a real transform, cycles/px."""
    return np.asarray(np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])))


def _taper(n: int) -> NDArray[np.float64]:
    """Return a window that rises over an eighth of its length at both ends."""
    place = np.arange(n) + 0.5
    return np.asarray(np.minimum(1.0, np.minimum(place, n - place) / max(2.0, n / 8)))


def _judge(common: _Common, weight: NDArray[np.float64], offset: Vector) -> SubpixelFit:
    """Return what a converged offset is worth."""
    seen = [_filtered(plane, weight) for plane in (common.moved, common.still)]
    grad_a, grad_b = (_gradient(plane, common.basis) for plane in (common.moved, common.still))
    q_a, q_b = (_gradient(plane, common.basis) for plane in seen)
    # The noise of one strip is not in the other's gradient, so it adds no information.
    cross = (q_a @ grad_b.T + q_b @ grad_a.T) / 2
    values, vectors = np.linalg.eigh((cross + cross.T) / 2)
    hessian = (vectors * np.maximum(values, 0)) @ vectors.T
    gamma = _score_covariance(common.residual, (q_a + q_b) / 2)
    scale = max(float(np.trace(gamma)), 1e-30)
    information = hessian @ np.linalg.inv(gamma + 1e-9 * scale * np.eye(2)) @ hessian
    one, other = (even_contrast(plane) for plane in seen)
    size = float(np.sqrt(np.vdot(one, one) * np.vdot(other, other)))
    if size < _UNRELATED:
        return SubpixelFit(offset, 0.0, 0.0, np.zeros((2, 2)))
    ncc = float(np.vdot(one, other)) / size
    area = area_of_one_sample(one, other)
    n_samples = max(one.size / area - len(_QUADRATIC), 0.0)
    rho = min(max(ncc, 0.0), 0.9999)
    evidence = -0.5 * n_samples * float(np.log1p(-(rho**2)))
    return SubpixelFit(offset, ncc, evidence, np.asarray((information + information.T) / 2))


def _score_covariance(residual: Plane, q: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the covariance of Σ q r for noise r with the autocovariance that it shows."""
    of_r = _autocovariance(residual, residual, NOISE_PX)
    gamma = np.zeros((2, 2))
    y, x = (part.reshape(residual.shape) for part in q)
    for i, j, one, other in ((0, 0, y, y), (0, 1, y, x), (1, 1, x, x)):
        gamma[i, j] = gamma[j, i] = _window_sum(
            of_r * _autocovariance(one, other, NOISE_PX), NOISE_PX
        )
    return gamma * residual.size


def area_of_one_sample(a: Plane, b: Plane) -> float:
    """Return Σ ρ_a(t) ρ_b(t): how many pixels count as one when independent fields correlate."""
    product = np.ones(())
    for plane in (a, b):
        covariance = _autocovariance(plane, plane, TEXTURE_PX)
        product = product * covariance / max(float(covariance[0, 0]), 1e-30)
    return max(_window_sum(product, TEXTURE_PX), 1.0)


def _autocovariance(one: Plane, other: Plane, reach_px: int) -> NDArray[np.float64]:
    """Return the mean of one(p) · other(p + t), cyclic layout in t, padded against wrapping."""
    shape = [fft.next_fast_len(n + reach_px, real=True) for n in one.shape]
    product = fft.rfft2(one, shape) * np.conj(fft.rfft2(other, shape))
    return np.asarray(fft.irfft2(product, shape) / one.size, dtype=np.float64)


def _window_sum(values: NDArray[np.float64], reach_px: int) -> float:
    """Sum over near displacements under a triangle, which keeps sums of covariances positive."""
    lines = []
    for n in values.shape:
        place = np.minimum(np.arange(n), n - np.arange(n))
        lines.append(np.clip(1 - place / reach_px, 0, None))
    return float(lines[0] @ values @ lines[1])
