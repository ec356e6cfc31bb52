"""Which slice a voxel comes from: labels/slices in the final volume."""

import numpy as np
import pytest
import zarr
from ome_zarr_models.v05 import ImageLabel, Labels

from linumpy.core import fate
from linumpy.errors import BadFile
from linumpy.io import labels, omezarr, slice_config

pytestmark = pytest.mark.story


@pytest.fixture(scope="module")
def volume(whole_run):
    return whole_run / "3d_volume.ome.zarr"


def test_a_label_says_where_there_is_data(volume):
    "At every level: 0 exactly where the volume is 0, on the same grid."
    for level in range(omezarr.n_levels(volume)):
        image, found = (
            omezarr.open_volume(volume, level=level),
            labels.open_labels(volume, level=level),
        )
        assert found.array.dtype == np.uint32
        assert (found.spacing, found.origin_mm) == (image.spacing, image.origin_mm)
        np.testing.assert_array_equal(found.array[:] > 0, omezarr.read_block(image) != 0)


def test_a_label_is_the_slices_id_and_one(whole_run, volume):
    "All slices that show, and no other; each within its own planes; interpolated ones are listed."
    rows = slice_config.read(whole_run / "slice_config_final.csv")
    shown = {i for i, row in rows.items() if fate.fate(row) in {"measured", "interpolated"}}
    found = labels.open_labels(volume)
    values = found.array[:]
    assert {f"{v - 1:02d}" for v in np.unique(values[values > 0])} == {str(i) for i in shown}
    filled = [str(i) for i, row in rows.items() if fate.fate(row) == "interpolated"]
    assert found.attributes["interpolated_ids"] == filled != []
    for entry in omezarr.open_volume(volume).attributes["slices"]:
        planes = np.flatnonzero((values == int(entry["slice_id"]) + 1).any(axis=(1, 2)))
        assert entry["z_start"] <= planes.min() <= planes.max() < entry["z_stop"]


def test_the_labels_are_ngff(volume):
    "A public validator takes the group of labels and the label image."
    Labels.from_zarr(zarr.open_group(volume / "labels", mode="r"))
    found = ImageLabel.from_zarr(zarr.open_group(volume / "labels" / "slices", mode="r"))
    ome = found.attributes.model_dump(by_alias=True)["ome"]
    assert ome["image-label"]["source"]["image"] == "../../"


def test_a_volume_without_labels_says_so(tmp_path):
    level = omezarr.Level((1, 1, 1), omezarr.Spacing(1, 1, 1), (1, 1, 1))
    with omezarr.create(tmp_path / "v.ome.zarr", [level]):
        pass
    with pytest.raises(BadFile, match="no labels/slices"):
        labels.open_labels(tmp_path / "v.ome.zarr")
