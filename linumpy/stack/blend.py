"""Which slice shows in which plane of the volume, and with what weight.

Neighbours overlap in depth: the deep planes of the upper slice and the shallow planes of the lower
one show the same tissue. No pixels are read here except by `compose`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from linumpy.core.slice_id import SliceId

Voxels = NDArray[np.float32]
Labels = NDArray[np.uint32]

FLOOR = 1e-4
"""Smallest weight: a voxel that only one slice measured shows that slice, whatever its weight."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One slice in the stack: where its surface lies and what of it counts.

    ``start`` is a plane of the volume, ``n_planes`` the slice's depth, ``skip`` the planes at its
    top that are kept only where nothing else was measured.
    """

    slice_id: SliceId
    start: int
    n_planes: int
    skip: int = 0
    is_interpolated: bool = False

    @property
    def end(self) -> int:
        """First plane of the volume below the slice."""
        return self.start + self.n_planes


@dataclass(frozen=True, slots=True)
class Overlap:
    """Planes shared with the slices above, from the moving slice's first plane that counts."""

    n_planes: int
    n_blended: int


@dataclass(frozen=True, slots=True)
class Share:
    """One slice in one plane of the volume: its own plane and its weight there."""

    layer: Layer
    plane: int
    weight: float


def hann_weights(n: int) -> NDArray[np.float64]:
    """Return the weights of the moving slice over ``n`` blended planes: ½ (1 − cos(π k/(n − 1))).

    One plane is shared evenly.

    Examples
    --------
    >>> hann_weights(5).round(4).tolist()
    [0.0, 0.1464, 0.5, 0.8536, 1.0]
    """
    if n == 1:
        return np.array([0.5])
    return 0.5 * (1 - np.cos(np.pi * np.arange(n) / max(n - 1, 1)))


def find_overlaps(
    layers: Sequence[Layer], max_blended: int | None = None
) -> dict[SliceId, Overlap]:
    """Return, for every measured slice, how far it overlaps those above it.

    Parameters
    ----------
    layers : sequence of Layer
        Sorted by start; interpolated ones are passed over, they never blend.
    max_blended : int, optional
        Longest blend, planes.
    """
    overlaps, reached = {}, None
    for layer in layers:
        if layer.is_interpolated:
            continue
        shared = (
            0 if reached is None else max(0, min(reached, layer.end) - layer.start - layer.skip)
        )
        blended = shared if max_blended is None else min(shared, max_blended)
        overlaps[layer.slice_id] = Overlap(shared, blended)
        reached = layer.end if reached is None else max(reached, layer.end)
    return overlaps


def share_planes(
    layers: Sequence[Layer], overlaps: dict[SliceId, Overlap], n_planes: int
) -> list[list[Share]]:
    """Return the shares of every plane of the volume; the weights of measured slices sum to 1.

    Parameters
    ----------
    layers : sequence of Layer
        Sorted by start.
    overlaps : dict
        From `find_overlaps`.
    n_planes : int
        Depth of the volume.

    Notes
    -----
    A slice enters over the slices above it by a ramp w along its blended planes, so slice k ends
    with w_k Π (1 − w_j) over the slices j below it: three slices may overlap. Weights are at least
    `FLOOR`. Interpolated slices come last, with weight 0.
    """
    shares: list[list[Share]] = [[] for _ in range(n_planes)]
    rest = np.ones(n_planes)
    for layer in reversed([layer for layer in layers if not layer.is_interpolated]):
        ramp = _ramp(layer, overlaps[layer.slice_id])
        span = slice(layer.start, layer.end)
        for i, weight in enumerate(ramp * rest[span]):
            share = Share(layer, i, max(float(weight), FLOOR))
            shares[layer.start + i].insert(0, share)
        rest[span] *= 1 - ramp
    for layer in (layer for layer in layers if layer.is_interpolated):
        for i in range(min(layer.n_planes, n_planes - layer.start)):
            shares[layer.start + i].append(Share(layer, i, 0.0))
    return [_normalised(plane) for plane in shares]


def compose(shares: Sequence[Share], posed: Callable[[Share], Voxels]) -> Voxels:
    """Return one plane: the weighted mean of what was measured, else what was interpolated.

    Parameters
    ----------
    shares : sequence of Share
        At least one.
    posed : callable
        Share → its plane on the canvas, shape (y, x), float32, 0 where not measured.
    """
    measured = [share for share in shares if share.weight > 0]
    filling = [share for share in shares if share.weight == 0]
    if len(measured) == 1:
        plane = posed(measured[0])
    else:
        plane = _mean(measured, posed) if measured else np.zeros_like(posed(shares[0]))
    for share in filling:
        plane = np.where(plane == 0, posed(share), plane)
    return plane


def attribute(shares: Sequence[Share], posed: Callable[[Share], Voxels]) -> Labels:
    """Return which slice every voxel of one plane shows: its id + 1, 0 where nothing is.

    Where several do, the one with the largest weight. Interpolated slices stand where no measured
    one does. Parameters as for `compose`; a label is 0 exactly where `compose` gives 0.
    """
    labels = np.zeros_like(posed(shares[0]), dtype=np.uint32)
    for share in sorted(shares, key=lambda one: -one.weight):
        labels[(labels == 0) & (posed(share) != 0)] = share.layer.slice_id.number + 1
    return labels


def _mean(measured: Sequence[Share], posed: Callable[[Share], Voxels]) -> Voxels:
    planes = [posed(share) for share in measured]
    total = np.zeros_like(planes[0])
    weight = np.zeros_like(planes[0])
    for share, plane in zip(measured, planes, strict=True):
        total += np.float32(share.weight) * plane
        weight += np.float32(share.weight) * (plane != 0)
    mean: Voxels = np.divide(total, weight, out=total, where=weight > 0)
    return mean


def _ramp(layer: Layer, overlap: Overlap) -> NDArray[np.float64]:
    ramp = np.ones(layer.n_planes)
    if overlap.n_planes > 0:
        ramp[: layer.skip] = 0.0
        ramp[layer.skip : layer.skip + overlap.n_blended] = hann_weights(overlap.n_blended)
    return ramp


def _normalised(shares: list[Share]) -> list[Share]:
    total = math.fsum(share.weight for share in shares)
    if total == 0:
        return shares
    return [Share(share.layer, share.plane, share.weight / total) for share in shares]
