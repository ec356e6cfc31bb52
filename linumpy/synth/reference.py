"""The anatomy as a perfect reconstruction would show it: the volume to compare with."""

import math

import numpy as np
from numpy.typing import NDArray

from linumpy.synth.scene import Scene
from linumpy.synth.truth import Truth

_SAMPLES = 2
"""Points per voxel and axis that are averaged."""


def reference_volume(
    scene: Scene,
    truth: Truth,
    resolution_um: float,
    *,
    origin_mm: tuple[float, float, float] = (0.0, 0.0, 0.0),
    shape: tuple[int, int, int] | None = None,
    workers: int = 1,
) -> NDArray[np.float32]:
    """Return reflectivity averaged over isotropic voxels.

    Parameters
    ----------
    scene, truth
        What was imaged, and how: the depth that slices reach sets the default shape.
    resolution_um : float
        Voxel size.
    origin_mm : tuple of float
        Lower **edge** (z, y, x) of the first voxel in the anatomy's frame. For a reconstruction
        whose frame has the first slice's mosaic edge at 0, that is its ``origin_mm`` of the truth.
    shape : tuple of int, optional
        (z, y, x); default: the whole extent in the plane, and down to the deepest imaged sample.

    Returns
    -------
    array, shape (z, y, x), float32
        0 outside the extent. Nothing of the optics is in it.
    """
    step_mm = resolution_um / 1000
    if shape is None:
        deepest = max(
            one.z_mm + (one.nz * truth.rig.axial_um - one.water_um) / 1000
            for one in truth.slices.values()
        )
        lengths = (deepest, scene.size_mm[1], scene.size_mm[2])
        z, y, x = (math.ceil(length / step_mm - 1e-9) for length in lengths)
        shape = (z, y, x)
    z_mm, y_mm, x_mm = (
        start + (np.arange(n * _SAMPLES) + 0.5) * step_mm / _SAMPLES
        for start, n in zip(origin_mm, shape, strict=True)
    )
    out = np.empty(shape, np.float32)
    for plane in range(shape[0]):  # one plane of voxels at a time bounds the memory
        some = slice(plane * _SAMPLES, (plane + 1) * _SAMPLES)
        fine = scene.on_axes(z_mm[some], y_mm, x_mm, workers=workers)
        out[plane] = fine.reshape(_SAMPLES, shape[1], _SAMPLES, shape[2], _SAMPLES).mean(
            axis=(0, 2, 4)
        )
    return out
