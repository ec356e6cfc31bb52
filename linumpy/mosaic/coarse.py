"""How far the tissue of one picture lies from that of another, and whether that can be trusted.

Translation only, from the whole picture, over every displacement that leaves enough overlap.
Finer registration, with rotation, is in the registration room.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft, ndimage

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]

SEARCH_SIDE_PX = 160  # whole-range search runs on pictures of at most this side
MIN_OVERLAP = 0.3  # share of the smaller picture that must overlap
_REFINE_PX = 2  # the fine search goes this many coarse pixels around the coarse answer
_DETAIL_PX = (1.0, 4.0)  # band of the detail picture: sigma of the blurs that bound it


@dataclass(frozen=True, slots=True)
class Agreement:
    """How well two pictures agree at one displacement.

    ``broad`` is the NCC of brightness, outline included; ``detail`` the NCC of what stands out
    from its surroundings. Broad finds the place from anywhere, detail pins it down.
    """

    broad: float
    detail: float

    @property
    def score(self) -> float:
        """Mean of the two, -1 … 1."""
        return (self.broad + self.detail) / 2


@dataclass(frozen=True, slots=True)
class Displacement:
    """Where the content of the moving picture goes to lie on the fixed one, pixels."""

    y_px: float
    x_px: float
    agreement: Agreement


def displacement(
    fixed: tuple[Plane, Mask], moving: tuple[Plane, Mask], *, min_overlap: float = MIN_OVERLAP
) -> Displacement:
    """Find the translation that brings the moving picture onto the fixed one.

    Parameters
    ----------
    fixed, moving : (plane, cover)
        Brightness, shape (Y, X), and where it was measured; shapes may differ, the pixel is one.
    min_overlap : float
        Share of the smaller picture that an answer must leave in common.

    Returns
    -------
    Displacement
        Content at p in ``moving`` belongs at p + (y_px, x_px) in ``fixed``. Pictures without
        contrast give 0 with an agreement of 0.

    Notes
    -----
    Masked normalised cross-correlation over all displacements (Padfield 2012, doi
    10.1109/TIP.2011.2181402) on a reduced picture, then a local search and a parabola.
    """
    factor = max(1, -(-max(*fixed[0].shape, *moving[0].shape) // SEARCH_SIDE_PX))
    small = [_layers(*_reduce(plane, cover, factor)) for plane, cover in (fixed, moving)]
    start = _search(small[0], small[1], min_overlap)
    if start is None:
        return Displacement(0.0, 0.0, Agreement(0.0, 0.0))
    full = [_layers(*picture) for picture in (fixed, moving)] if factor > 1 else small
    return _refine(full[0], full[1], (start[0] * factor, start[1] * factor), _REFINE_PX * factor)


def agreement_at(
    fixed: tuple[Plane, Mask], moving: tuple[Plane, Mask], shift_px: tuple[float, float]
) -> Agreement | None:
    """Return the agreement at one displacement (y, x), or None where too little overlaps."""
    whole = (round(shift_px[0]), round(shift_px[1]))
    a, b = (_layers(*picture) for picture in (fixed, moving))
    overlap = _overlap(a[2].shape, b[2].shape, whole)
    least = MIN_OVERLAP * min(a[2].sum(), b[2].sum())
    if overlap is None or (a[2][overlap[0]] & b[2][overlap[1]]).sum() < least:
        return None
    return _agree(a, b, whole)


def moved(plane: Plane, shift_px: tuple[float, float], shape: tuple[int, int]) -> Plane:
    """Return a picture displaced by (y, x) on a canvas of ``shape``; 0 where it does not reach."""
    rows, columns = np.arange(shape[0]) - shift_px[0], np.arange(shape[1]) - shift_px[1]
    grid = np.meshgrid(rows, columns, indexing="ij")
    displaced: Any = ndimage.map_coordinates(
        plane, grid, order=1, mode="constant", output=np.float32
    )
    return np.asarray(displaced, dtype=np.float32)


_Layers = tuple[Plane, Plane, Mask]


def _layers(plane: Plane, cover: Mask) -> _Layers:
    """Return brightness (square root: speckle of even spread), its detail, and the cover."""
    root = np.sqrt(np.clip(plane, 0, None)).astype(np.float32)
    weight = cover.astype(np.float32)
    low, high = (_masked_blur(root, weight, sigma) for sigma in _DETAIL_PX)
    return root * weight, (low - high) * weight, cover


def _masked_blur(plane: Plane, weight: Plane, sigma: float) -> Plane:
    total = ndimage.gaussian_filter(plane * weight, sigma)
    share = ndimage.gaussian_filter(weight, sigma)
    return np.asarray(total / np.maximum(share, 1e-3), dtype=np.float32)


def _reduce(plane: Plane, cover: Mask, factor: int) -> tuple[Plane, Mask]:
    if factor == 1:
        return plane, cover
    y, x = (-(-n // factor) * factor for n in plane.shape)
    pad = ((0, y - plane.shape[0]), (0, x - plane.shape[1]))
    blocks = (y // factor, factor, x // factor, factor)
    weight = np.pad(cover.astype(np.float32), pad).reshape(blocks).sum(axis=(1, 3))
    total = np.pad(plane * cover, pad).reshape(blocks).sum(axis=(1, 3))
    return (total / np.maximum(weight, 1)).astype(np.float32), weight > factor * factor / 2


def _search(fixed: _Layers, moving: _Layers, min_overlap: float) -> tuple[int, int] | None:
    """Return the best whole displacement on reduced pictures, or None without contrast."""
    broad = _correlate_everywhere(fixed[0], fixed[2], moving[0], moving[2], min_overlap)
    detail = _correlate_everywhere(fixed[1], fixed[2], moving[1], moving[2], min_overlap)
    score = broad + detail
    if not score.max() > 0:
        return None
    y, x = np.unravel_index(int(score.argmax()), score.shape)
    return int(y) - (moving[2].shape[0] - 1), int(x) - (moving[2].shape[1] - 1)


def _correlate_everywhere(
    fixed: Plane, fixed_mask: Mask, moving: Plane, moving_mask: Mask, min_overlap: float
) -> NDArray[np.float64]:
    """Return the masked NCC at every displacement; entry (i, j) is shift (i, j) - (shape - 1)."""
    shape = tuple(a + b - 1 for a, b in zip(fixed.shape, moving.shape, strict=True))
    fast = [fft.next_fast_len(n, real=True) for n in shape]

    def transform(plane: NDArray[np.float64]) -> NDArray[np.complex128]:
        spectrum: NDArray[np.complex128] = fft.rfft2(plane, fast)
        return spectrum

    def product(a: NDArray[np.complex128], b: NDArray[np.complex128]) -> NDArray[np.float64]:
        everywhere: NDArray[np.float64] = fft.irfft2(a * b, fast)
        return everywhere[: shape[0], : shape[1]]

    f, m = fixed.astype(np.float64), moving[::-1, ::-1].astype(np.float64)
    # Centred first: the variances below are small differences of large sums otherwise.
    fm, mm = fixed_mask.astype(np.float64), moving_mask[::-1, ::-1].astype(np.float64)
    f, m = (f - (f * fm).sum() / fm.sum()) * fm, (m - (m * mm).sum() / mm.sum()) * mm
    F, M, FM, MM = (transform(plane) for plane in (f, m, fm, mm))
    count = np.maximum(np.round(product(FM, MM)), 1.0)
    sum_f, sum_m = product(F, MM), product(FM, M)
    cross = product(F, M) - sum_f * sum_m / count
    var_f = product(transform(f * f), MM) - sum_f**2 / count
    var_m = product(FM, transform(m * m)) - sum_m**2 / count
    # A patch with next to no variance correlates with anything: it does not count.
    floor = 1e-3 * max(float((f * f).sum()), float((m * m).sum()), 1e-12)
    enough = count >= min_overlap * min(fm.sum(), mm.sum())
    valid = enough & (var_f > floor) & (var_m > floor)
    norm = np.sqrt(np.where(valid, var_f * var_m, 1.0))
    return np.where(valid, cross / norm, -1.0)


def _refine(fixed: _Layers, moving: _Layers, start: tuple[int, int], reach: int) -> Displacement:
    """Climb from ``start`` over whole displacements, then fit a parabola along each axis."""
    known: dict[tuple[int, int], Agreement] = {}

    def at(y: int, x: int) -> float:
        if (y, x) not in known:
            known[y, x] = _agree(fixed, moving, (y, x))
        return known[y, x].score

    step, best = max(1, reach // 2), start
    while True:
        around = [
            (best[0] + dy, best[1] + dx) for dy in (-step, 0, step) for dx in (-step, 0, step)
        ]
        better = max(around, key=lambda p: (at(*p), p == best))
        if better != best:
            best = better
        elif step == 1:
            break
        else:
            step //= 2
    y, x = best
    top = at(y, x)
    dy = _vertex(at(y - 1, x), top, at(y + 1, x))
    dx = _vertex(at(y, x - 1), top, at(y, x + 1))
    return Displacement(y + dy, x + dx, known[best])


def _vertex(before: float, top: float, after: float) -> float:
    """Return the place of a parabola's top through three neighbours, -0.5 … 0.5."""
    curvature = before - 2 * top + after
    return 0.0 if curvature >= 0 else float(np.clip((before - after) / (2 * curvature), -0.5, 0.5))


def _agree(fixed: _Layers, moving: _Layers, shift: tuple[int, int]) -> Agreement:
    overlap = _overlap(fixed[2].shape, moving[2].shape, shift)
    if overlap is None:
        return Agreement(-1.0, -1.0)
    f, m = overlap
    both = fixed[2][f] & moving[2][m]
    return Agreement(
        *(_ncc(a[f][both], b[m][both]) for a, b in zip(fixed[:2], moving[:2], strict=True))
    )


def _overlap(
    fixed: tuple[int, ...], moving: tuple[int, ...], shift: tuple[int, int]
) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
    low = [max(0, s) for s in shift]
    high = [min(a, b + s) for a, b, s in zip(fixed, moving, shift, strict=True)]
    if any(a >= b for a, b in zip(low, high, strict=True)):
        return None
    where = (slice(low[0], high[0]), slice(low[1], high[1]))
    return where, (
        slice(low[0] - shift[0], high[0] - shift[0]),
        slice(low[1] - shift[1], high[1] - shift[1]),
    )


def _ncc(a: Plane, b: Plane) -> float:
    """Return the normalised cross-correlation of two sets of pixels; 0 without contrast."""
    if a.size == 0:
        return -1.0
    a, b = a - a.mean(dtype=np.float64), b - b.mean(dtype=np.float64)
    norm = float(np.sqrt((a * a).sum(dtype=np.float64) * (b * b).sum(dtype=np.float64)))
    return float((a * b).sum(dtype=np.float64)) / norm if norm > 0 else 0.0
