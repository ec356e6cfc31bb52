"""The filter under which two noisy planes of one anatomy tell most about their motion.

Where the spectra of their mean and of their difference say that a width of detail stands out of
the noise it counts, elsewhere it does not: the maximum likelihood weighting of a delay between two
noisy signals (Knapp & Carter 1976, doi:10.1109/TASSP.1976.1162830).
"""

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from linumpy.registration.planes import MaskedPlane, Plane

N_RINGS = 16
"""Rings of spatial frequency in which spectra are averaged, up to half a cycle per pixel."""
CHANCE_SIGMAS = 2.0
_NYQUIST = 0.5
_PAD_PX = 16
_LEAST_NOISE = 1e-3  # share of the noisiest ring


def matched_gain(fixed: Plane, moving: Plane) -> NDArray[np.float64]:
    """Return the gain of each ring for planes that lie on each other, largest 1.

    Parameters
    ----------
    fixed, moving : array, shape (y, x), float32
        Standardised over what both hold, 0 elsewhere.

    Returns
    -------
    array, shape (N_RINGS,)
        √W, W = S / ((S + N / 2) N), S the spectrum of the anatomy, N that of the difference;
        their mean has S + N / 4. Applied to both planes, their product is weighed by W.
    """
    ring = np.minimum((_frequency(fixed.shape) / _NYQUIST * N_RINGS).astype(np.intp), N_RINGS - 1)
    count = np.maximum(np.bincount(ring.ravel(), minlength=N_RINGS), 1)

    def spectrum(plane: Plane) -> NDArray[np.float64]:
        power = np.abs(fft.rfft2(plane)) ** 2
        rings = np.bincount(ring.ravel(), power.ravel(), N_RINGS) / count
        smooth = np.convolve(np.pad(rings, 1, mode="edge"), (0.25, 0.5, 0.25), "valid")
        return np.asarray(smooth, dtype=np.float64)

    of_mean, noise = spectrum((fixed + moving) * np.float32(0.5)), spectrum(moving - fixed)
    noise = np.maximum(noise, _LEAST_NOISE * noise.max() + 1e-30)
    # Unrelated planes agree by chance in some ring: what noise alone gives is not signal.
    n_free = np.maximum(count * float(np.mean(fixed != 0)), 1)
    chance = CHANCE_SIGMAS * np.sqrt(2 / n_free) * noise / 4
    signal = np.maximum(of_mean - noise / 4 - chance, 0)
    gain = np.sqrt(signal / np.maximum(of_mean, 1e-30) / noise)
    return np.asarray(gain / max(float(gain.max()), 1e-30))


def apply_gain(plane: MaskedPlane, gain: NDArray[np.float64]) -> MaskedPlane:
    """Return a plane filtered by a gain per ring; the mask loses the rim that the filter mixes."""
    shape = [fft.next_fast_len(n + _PAD_PX, real=True) for n in plane.values.shape]
    centres = (np.arange(N_RINGS) + 0.5) / N_RINGS * _NYQUIST
    response = np.interp(_frequency(tuple(shape)), centres, gain)
    rows, columns = plane.values.shape
    values = fft.irfft2(fft.rfft2(plane.values, shape) * response, shape)[:rows, :columns]
    core = plane.band(1.0, 2.0).mask
    return MaskedPlane(np.asarray(values * core, dtype=np.float32), core)


def _frequency(shape: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the length of the spatial frequency of each place of a real transform, cycles/px."""
    return np.asarray(np.hypot(fft.fftfreq(shape[0])[:, None], fft.rfftfreq(shape[1])))
