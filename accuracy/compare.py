"""A reconstruction against the anatomy, and against what the truth alone would have made of it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from accuracy.lattice import FINER, Reconstruction, Voxels, anatomy_on, planes_at
from accuracy.oracle import Placed, Placer, Tile
from accuracy.planes import correlation, depth_step, displacement
from linumpy.synth import Scene, SliceTruth, Truth

Shift = tuple[float, float]
TilesOf = Callable[[SliceTruth], Iterable[Tile]]
_TISSUE = 0.02
_LEAST_TISSUE = 100
"""Voxels of tissue that a plane needs before it says anything about its place."""
_DEPTH_STEPS = 3 * FINER
_MEASURED = 0.4
"""Share of a voxel that samples must fill: a slice begins at the plane that is nearest to it."""
_REACH_VOXEL = 2
"""A placement error of that size is no invention."""
FAR_VOXEL = 10.0
"""Written where a plane shows so little of the anatomy that it has no place."""


@dataclass(frozen=True)
class Comparison:
    """Per plane of a used slice: displacement (y, x) and NCC; per pair of slices: spacing error.

    ``unsourced`` counts, for all planes of the volume, voxels that no used slice measured.
    Distances in voxels. ``planes`` are the indices of the planes.
    """

    planes: tuple[int, ...]
    moved: tuple[Shift, ...]
    ncc: tuple[float, ...]
    spacing: tuple[float, ...]
    unsourced: tuple[float, ...]

    @property
    def error(self) -> tuple[float, ...]:
        """Lateral error of each plane."""
        return tuple(float(np.hypot(*moved)) for moved in self.moved)


@dataclass(frozen=True)
class Views:
    """What is compared, for pictures too: the run's volume, the anatomy, the oracle's volume."""

    run: Reconstruction
    anatomy_fine: Voxels
    oracle: Placed
    measured: NDArray[np.bool_]
    truth: Truth

    @property
    def anatomy(self) -> Voxels:
        """The anatomy per plane of the volume."""
        return planes_at(self.anatomy_fine)


def look(run: Reconstruction, scene: Scene, truth: Truth, tiles_of: TilesOf) -> Views:
    """Put anatomy and oracle on the lattice of a run; damaged slices are not for the oracle."""
    oracle, measured = Placer(truth, run.lattice), Placer(truth, run.lattice)
    for one in truth.slices.values():
        if one.number not in run.used:
            continue
        good = one.quality == "good"
        for tile in tiles_of(one):
            (oracle if good else measured).add(one, [tile])
    placed = oracle.volume()
    covered = placed.measured + measured.volume().measured >= _MEASURED
    return Views(run, anatomy_on(scene, run.lattice), placed, covered, truth)


def compare(views: Views) -> tuple[Comparison, Comparison]:
    """Return (the run, the oracle) against the anatomy, on the same planes where both can be."""
    used = [one.number for one in views.truth.slices.values() if one.number in views.run.used]
    good = [n for n in used if _slice(views, n).quality == "good"]
    masks = views.measured & ((views.run.voxels != 0) | (views.anatomy > _TISSUE))
    found = _against(views, views.run.voxels, masks, used)
    ideal = _against(views, views.oracle.voxels, views.oracle.measured >= _MEASURED, good)
    return (
        Comparison(*found, _unsourced(views)),
        Comparison(*ideal, (0.0,) * len(views.run.voxels)),
    )


def _against(
    views: Views, voxels: Voxels, masks: NDArray[np.bool_], numbers: Sequence[int]
) -> tuple[tuple[int, ...], tuple[Shift, ...], tuple[float, ...], tuple[float, ...]]:
    wanted = views.anatomy
    planes, moves, nccs, depths = [], [], [], []
    for number in numbers:
        own = [k for k in own_slot(views, number) if _shows_tissue(wanted[k], masks[k])]
        for k in own:
            planes.append(k)
            nccs.append(correlation(voxels[k], wanted[k], masks[k]))
            moved = displacement(voxels[k], wanted[k], masks[k])
            moves.append(moved if np.isfinite(moved).all() else (FAR_VOXEL, FAR_VOXEL))
        if own:
            depths.append(_depth(voxels, views.anatomy_fine, masks, own))
    spacing = np.abs(np.diff(depths))
    return tuple(planes), tuple(moves), tuple(nccs), tuple(float(s) for s in spacing)


def _shows_tissue(wanted: Voxels, mask: NDArray[np.bool_]) -> bool:
    return bool(np.count_nonzero(mask & (wanted > _TISSUE)) >= _LEAST_TISSUE)


def _depth(voxels: Voxels, fine: Voxels, masks: NDArray[np.bool_], own: Sequence[int]) -> float:
    """Return how much too deep the content of a slice lies, voxels."""
    around = {
        step: planes_at(fine, step)[own] for step in range(-_DEPTH_STEPS - 1, _DEPTH_STEPS + 2)
    }
    found, where = voxels[own], masks[own]

    def score(step: int) -> float:
        some = [correlation(*planes) for planes in zip(found, around[step], where, strict=True)]
        return float(np.nanmean(some)) if np.isfinite(some).any() else -1.0

    best = max(range(-_DEPTH_STEPS, _DEPTH_STEPS + 1), key=score)
    slope = (around[best + 1] - around[best - 1]) / 2
    part = depth_step(list(found), list(around[best]), list(slope), list(where))
    # Content that fits the anatomy deeper down lies too high: its depth is minus that.
    return -(best + float(np.clip(np.nan_to_num(part), -1, 1))) / FINER


def _unsourced(views: Views) -> tuple[float, ...]:
    near = np.ones((3, 2 * _REACH_VOXEL + 1, 2 * _REACH_VOXEL + 1), bool)
    invented = (views.run.voxels != 0) & ~binary_dilation(views.measured, near)
    for number in views.run.interpolated:
        own = own_slot(views, number)
        invented[own.start : own.stop] = False
    return tuple(float(n) for n in invented.sum((1, 2)))


def own_slot(views: Views, number: int) -> range:
    """Return the planes between a slice's surface and the next cut, acquired or not."""
    lattice, rig = views.run.lattice, views.truth.rig
    top = (rig.z_mm(number) - lattice.edge_mm[0]) / lattice.step_mm
    height = rig.slice_um / 1000 / lattice.step_mm
    return range(max(0, round(top)), max(0, min(lattice.shape[0], round(top + height))))


def _slice(views: Views, number: int) -> SliceTruth:
    return next(one for one in views.truth.slices.values() if one.number == number)
