"""The final volume in napari: the right size, with its unit, neither black nor burnt out.

In an environment of its own (readers.py): napari's reader plugin for OME-Zarr.
Its version 0.10 reads NGFF 0.5 with units but drops ``translation``; 0.8 did the reverse.
"""

import numpy as np
import pytest

from linumpy.io.levels import read_window
from linumpy.io.omezarr import n_levels, open_volume, read_block
from tests.packaging.readers import read_with

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def shown(whole_run):
    """What a napari layer made of the volume shows."""
    return read_with("read_in_napari.py", whole_run / "3d_volume.ome.zarr")


def test_the_volume_opens_at_its_size(whole_run, shown):
    "Scale and unit are those of the file; coarser levels fit to a voxel at the far end."
    path = whole_run / "3d_volume.ome.zarr"
    assert shown["kind"] == "image"
    assert shown["axis_labels"] == ["z", "y", "x"]
    assert shown["units"] == ["millimeter"] * 3
    assert len(shown["shapes"]) == n_levels(path) > 1
    for i, (shape, scale) in enumerate(zip(shown["shapes"], shown["scales"], strict=True)):
        ours = open_volume(path, level=i)
        assert tuple(shape) == ours.shape
        # napari takes the ratio of shapes for the step between levels
        np.testing.assert_allclose(scale, ours.spacing.zyx_mm, rtol=1 / min(shape))
    np.testing.assert_allclose(shown["scales"][0], open_volume(path).spacing.zyx_mm, rtol=1e-9)


def test_the_slices_lie_over_the_volume(shown):
    "napari shows labels/slices as a layer of labels."
    ((kind, name),) = shown["overlays"]
    assert kind == "labels"
    assert name.endswith("slices")


def test_the_volume_opens_neither_black_nor_burnt_out(whole_run, shown):
    "It opens with the window of the file; tissue spans the greys and is hardly clipped."
    path = whole_run / "3d_volume.ome.zarr"
    low, high = shown["contrast_limits"]
    window = read_window(path)
    assert (low, high) == (window.low, window.high)
    assert shown["colormap"] == "gray"
    volume = open_volume(path)
    voxels = read_block(volume)
    tissue = voxels[voxels > volume.attributes["tissue_threshold"]]
    assert np.mean(tissue <= low) < 0.05
    assert np.mean(tissue >= high) < 0.02
    dark, middle, bright = np.percentile((tissue - low) / (high - low), [10, 50, 90])
    assert 0.15 < middle < 0.85
    assert bright - dark > 0.3
