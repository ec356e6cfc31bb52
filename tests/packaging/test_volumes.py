"""Every volume that a run writes is OME-Zarr to a public validator."""

import ome_zarr_models
import pytest
from ome_zarr_models.v05 import Image

pytestmark = pytest.mark.story

KINDS = {
    "mosaic": "mosaics/mosaic_grid_3d_z02.ome.zarr",
    "slice": "process_slice/slice_z02_normalize.ome.zarr",
    "common space": "bring_to_common_space/slice_z02_normalize.ome.zarr",
    "interpolated": "interpolate_missing_slice/slice_z03_interpolated.ome.zarr",
    "stack": "stack/stack.ome.zarr",
    "final": "3d_volume.ome.zarr",
    "RAS": "3d_volume_ras.ome.zarr",
}


def test_every_volume_passes_the_validator(whole_run):
    "ome-zarr-models takes each for an image of NGFF 0.5; no kind is missing from the run."
    found = {path.relative_to(whole_run).as_posix() for path in whole_run.rglob("*.ome.zarr")}
    assert set(KINDS.values()) <= found
    for name in sorted(found):
        image = ome_zarr_models.open_ome_zarr(whole_run / name)
        assert isinstance(image, Image), name
        (multiscale,) = image.attributes.ome.multiscales
        assert [axis.name for axis in multiscale.axes] == ["z", "y", "x"], name
        assert {axis.unit for axis in multiscale.axes} == {"millimeter"}, name
        for dataset in multiscale.datasets:
            kinds = [one.type for one in dataset.coordinateTransformations]
            assert kinds == ["scale", "translation"], name
