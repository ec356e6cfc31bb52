"""A slice that is placed as another contrast of the same tiles was."""

import json

import numpy as np
import pytest
import zarr
from tile_phantom import Plant, write_mosaic

from linumpy.cli import runtime
from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io import omezarr
from linumpy.scripts.linum_process_slice import COMMAND

PLANT = Plant(
    jitter_px=4, vignette=0.4, looks=4, tilt=(0.02, 0.01), missing=((1, 2),), anatomy="brain"
)


def process(mosaic, out, **changes):
    params = COMMAND.params(in_mosaic=mosaic, out_slice=out, **({"use_gpu": False} | changes))
    runtime.run(COMMAND, params, runtime.make_job(COMMAND, params))
    return omezarr.open_volume(out)


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """The first contrast: a mosaic, the slice, what the stage wrote."""
    folder = tmp_path_factory.mktemp("first")
    write_mosaic(folder / "mosaic_grid_3d_z03.ome.zarr", PLANT)
    process(folder / "mosaic_grid_3d_z03.ome.zarr", folder / "slice_z03_normalize.ome.zarr")
    return folder


def test_the_same_tiles_give_the_same_voxels(first, tmp_path):
    "Positions, surface, mask and depth are taken as recorded; brightness is found again."
    again = process(
        first / "mosaic_grid_3d_z03.ome.zarr",
        tmp_path / "slice_z03_normalize.ome.zarr",
        placement=first / "slice_z03_process.json",
    )
    wanted = omezarr.open_volume(first / "slice_z03_normalize.ome.zarr")
    assert again.origin_mm == wanted.origin_mm
    assert np.array_equal(again.array[:], wanted.array[:])
    said = [json.loads((at / "slice_z03_process.json").read_text()) for at in (first, tmp_path)]
    assert said[0]["placement"] == said[1]["placement"]
    assert said[0]["surface"] == said[1]["surface"]


def test_another_contrast_lies_on_the_first(first, tmp_path):
    """Tiles that show nothing by which to place them, tile by tile of one value.

    As measured, the slice holds these values in the first one's mask and nothing elsewhere.
    """
    write_mosaic(tmp_path / "mosaic_grid_3d_z03.ome.zarr", PLANT)
    array = omezarr.open_volume(tmp_path / "mosaic_grid_3d_z03.ome.zarr")

    zarr.open_array(array.path / "0")[...] = 7.0
    second = process(
        tmp_path / "mosaic_grid_3d_z03.ome.zarr",
        tmp_path / "slice_z03_normalize.ome.zarr",
        placement=first / "slice_z03_process.json",
        brightness="as_measured",
    )
    wanted = omezarr.open_volume(first / "slice_z03_normalize.ome.zarr")
    assert second.shape == wanted.shape
    voxels = second.array[:]
    assert voxels[voxels != 0] == pytest.approx(7.0, rel=1e-5)
    assert not (voxels[wanted.array[:] > 0] == 0).any()


def test_what_does_not_fit_is_refused(first, tmp_path):
    "Another slice, resolution, tile or sampling; a stage that recorded no placement."
    out, kept = tmp_path / "slice.ome.zarr", first / "slice_z03_process.json"
    with pytest.raises(BadValue, match="--resolution 20; the placement was found at 10"):
        process(first / "mosaic_grid_3d_z03.ome.zarr", out, placement=kept, resolution=20.0)
    for plant, slice_id, named in (
        (PLANT, "04", "slice 04; the placement is of 03"),
        (Plant(tile=(40, 60, 64)), "03", r"tiles of \(z, y, x\)"),
        (Plant(native_um=(5.0, 5.0, 6.0)), "03", "sampling"),
        (Plant(), "03", r"has other tiles \(row, column\) \[\(1, 2\)\]"),
        (Plant(missing=((0, 0), (1, 2))), "03", r"lacks the tiles \(row, column\) \[\(0, 0\)\]"),
    ):
        other = tmp_path / f"{named[:5].strip()}.ome.zarr"
        write_mosaic(other, plant, slice_id)
        with pytest.raises(BadValue, match=named):
            process(other, out, placement=kept)
    alone = tmp_path / "slice_z03_process.json"
    alone.write_bytes(kept.read_bytes())
    with pytest.raises(MissingFile, match=r"slice_z03_process_mask.png"):
        process(first / "mosaic_grid_3d_z03.ome.zarr", out, placement=alone)
    (tmp_path / "slice_z03_process_mask.png").write_bytes(
        (first / "slice_z03_process_mask.png").read_bytes()
    )
    said = json.loads(kept.read_text())
    alone.write_text(json.dumps({k: v for k, v in said.items() if k != "placement"}))
    with pytest.raises(BadFile, match="holds no placement"):
        process(first / "mosaic_grid_3d_z03.ome.zarr", out, placement=alone)
