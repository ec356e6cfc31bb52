"""Slices cut from a known anatomy, written as the stages before would: truth by construction."""

import itertools
from pathlib import Path

import numpy as np
from scipy import ndimage

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.io import omezarr, shifts

STEP_UM = 50.0
INTERVAL = 4  # planes
DEPTH = 6  # planes of a slice


def anatomy(seed: int = 0, shape: tuple[int, int, int] = (40, 64, 72)) -> np.ndarray:
    "A textured ellipsoid-like body in the middle; exactly 0 nowhere but outside."
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.normal(size=shape), (2.5, 2.0, 2.0))
    texture = 0.5 + 0.12 * texture / texture.std()
    y, x = np.ogrid[-1 : 1 : shape[1] * 1j, -1 : 1 : shape[2] * 1j]
    body = (y / 0.75) ** 2 + (x / 0.7) ** 2 < 1
    return (np.clip(texture, 0.05, None) * body + 0.02).astype(np.float32)


def cut(
    volume: np.ndarray,
    number: int,
    *,
    corner: tuple[int, int] = (0, 0),
    size: tuple[int, int] | None = None,
    motion: tuple[float, float, float] = (0.0, 0.0, 0.0),
    gain: float = 1.0,
    first: int = 0,
) -> np.ndarray:
    """Return slice ``number``; its content was moved by −motion (rotation_deg, dy_px, dx_px)."""
    start = (number - first) * INTERVAL
    slab = volume[start : start + DEPTH]
    angle, dy, dx = motion
    if any(motion):
        a = np.deg2rad(angle)
        matrix = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])  # R in (y, x)
        centre = (np.array(slab.shape[1:]) - 1) / 2
        # content was moved by the inverse of p → R(p − c) + c + t: s(q) = v(R(q − c) + c + t)
        offset = centre - matrix @ centre + np.array([dy, dx])
        slab = np.stack([ndimage.affine_transform(p, matrix, offset, order=3) for p in slab])
        slab = np.clip(slab, 1e-3, None)
    size = size or slab.shape[1:]
    y, x = corner
    return (gain * slab[:, y : y + size[0], x : x + size[1]]).astype(np.float32)


def write_slice(
    folder: Path,
    number: int,
    voxels: np.ndarray,
    *,
    corner: tuple[int, int] = (0, 0),
    name: str = "normalize",
    lattice: bool = True,
    **attributes: object,
) -> Path:
    """Write a slice whose first voxel is voxel ``corner`` of the common lattice."""
    step = STEP_UM / 1000
    path = folder / f"slice_z{number:02d}_{name}.ome.zarr"
    origin = (0.0, (corner[0] + 0.5) * step, (corner[1] + 0.5) * step)
    ours = {
        "kind": "slice" if lattice else "foreign",
        "slice_id": f"{number:02d}",
        "position_um": {"y": corner[0] * STEP_UM, "x": corner[1] * STEP_UM},
        "slicing_interval_mm": INTERVAL * step,
        **attributes,
    }
    level = omezarr.Level(voxels.shape, Spacing(step, step, step), voxels.shape, None, origin)
    with omezarr.create(path, [level], attributes=ours) as new:
        new.array[...] = voxels
    return path


def write_shifts(
    path: Path, corners: dict[int, tuple[int, int]], unreliable: tuple[int, ...] = ()
) -> Path:
    """Write the shifts that lead to ``corners`` (y, x voxels), the first slice's at the origin."""
    numbers = sorted(corners)
    rows = []
    for fixed, moving in itertools.pairwise(numbers):
        dy, dx = np.subtract(corners[moving], corners[fixed])
        mm = STEP_UM / 1000
        reliable = moving not in unreliable
        ids = SliceId(fixed), SliceId(moving)
        rows.append(Shift(*ids, dx * 1.0, dy * 1.0, dx * mm, dy * mm, reliable))
    shifts.write(path, rows)
    return path
