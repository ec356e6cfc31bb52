import json
import sys

import nibabel
import numpy as np
import pytest
import tifffile
from scipy import ndimage

from linumpy.cli import runtime
from linumpy.core.orientation import Orientation, all_codes
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue, MissingExtra, MissingFile
from linumpy.io import omezarr
from linumpy.io.atlas import read_template
from linumpy.registration import atlas
from linumpy.registration.atlas import Affine, Image, fit_to_atlas
from linumpy.registration.resample import Grid, enclosing_grid, resample_block
from linumpy.scripts.linum_align_to_ras import COMMAND, Params

STEP = 0.1


@pytest.fixture(autouse=True)
def few_points(monkeypatch):
    "A small phantom needs no more; the tests are quick."
    monkeypatch.setattr(atlas, "N_POINTS", 5000)


def phantom(shape=(22, 28, 24), seed=0):
    "An asymmetric body with texture, (S, A, R)."
    rng = np.random.default_rng(seed)
    texture = ndimage.gaussian_filter(rng.normal(size=shape), 2.5)
    z, y, x = np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij")
    body = (z / 0.75) ** 2 + (y / 0.85) ** 2 + ((x - 0.1 * y) / 0.75) ** 2 < 1
    return (body * np.clip(0.5 + 0.15 * texture / texture.std(), 0.1, 1)).astype(np.float32)


def write_nifti(path, array):
    "Store (S, A, R) as NIfTI, axes (R, A, S), first voxel half a voxel from the origin."
    affine = np.diag([STEP, STEP, STEP, 1.0])
    affine[:3, 3] = STEP / 2
    image = nibabel.Nifti1Image(np.transpose(array, (2, 1, 0)), affine)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def seen_as(array, code):
    "Return an (S, A, R) array as a volume of that orientation."
    orientation = Orientation.parse(code)
    flips = tuple(slice(None, None, sign) for sign in orientation.signs)
    return np.ascontiguousarray(np.transpose(array[flips], np.argsort(orientation.permutation)))


def write_volume(path, voxels):
    level = omezarr.Level(voxels.shape, Spacing(STEP, STEP, STEP), voxels.shape)
    with omezarr.create(path, [level]) as new:
        new.array[...] = voxels
        new.set_window(omezarr.Window(0.1, 0.9))


@pytest.mark.parametrize("code", all_codes())
def test_orientation_codes_turn_an_asymmetric_volume_back(code):
    "Each of the 48 codes, applied to what it names, gives the volume back in (S, A, R)."
    body = phantom((6, 8, 7))
    voxels = seen_as(body, code)
    source = Grid(voxels.shape, Spacing(STEP, STEP, STEP), (STEP / 2,) * 3)
    turn = Affine(Orientation.parse(code).matrix, np.zeros(3))
    target = enclosing_grid(source, turn, STEP)
    assert target.shape == body.shape
    whole = tuple(slice(0, n) for n in target.shape)
    found = resample_block(lambda block: voxels[block], source, target, turn.inverse, whole)
    np.testing.assert_allclose(found, body, atol=1e-5)


def test_pir_is_the_worked_example():
    "PIR → permutation (1, 0, 2), signs (−1, −1, +1)."
    found = Orientation.parse("pir")
    assert (found.permutation, found.signs) == ((1, 0, 2), (-1, -1, 1))


@pytest.mark.parametrize("code", ["PI", "PIRR", "PIX", "PAR", ""])
def test_wrong_codes_are_refused(code):
    "A code needs one letter of each pair."
    with pytest.raises(BadValue, match="one letter of each pair"):
        Orientation.parse(code)


@pytest.mark.parametrize("code", ["PIR", "LSA"])
def test_a_tilted_volume_is_found(code):
    "Tilted by 8°, shifted, contrast turned over: landmarks within half an atlas voxel."
    body = phantom()
    angle = np.deg2rad(8)
    tilt = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    volume = seen_as(body, code)
    turn = Orientation.parse(code).matrix
    matrix = tilt @ turn
    middle = (np.array(body.shape) - 1) / 2 * STEP
    own = (np.array(volume.shape) - 1) / 2 * STEP
    truth = Affine(matrix, middle + np.array([0.1, -0.15, 0.2]) - matrix @ own)
    grid = np.stack(np.meshgrid(*map(np.arange, volume.shape), indexing="ij"), -1).reshape(-1, 3)
    seen = ndimage.map_coordinates(body, truth(grid * STEP).T / STEP, order=1).reshape(volume.shape)
    seen = np.where(seen > 0.05, 1.2 - seen, 0).astype(np.float32)
    spacing = Spacing(STEP, STEP, STEP)
    fit = fit_to_atlas(
        Image(seen, spacing, (0.0, 0.0, 0.0)),
        Image(body, spacing, (0.0, 0.0, 0.0)),
        Orientation.parse(code),
    )
    landmarks = np.argwhere(seen > 0)[::53] * STEP
    error = np.linalg.norm(fit.transform(landmarks) - truth(landmarks), axis=1) / STEP
    assert np.median(error) < 0.5


def test_the_command_writes_volume_transform_and_preview(tmp_path):
    "The RAS volume lies on the atlas; a planted bright spot is where the atlas has it."
    body = phantom()
    body[13:17, 7:11, 14:18] = 3.0
    write_nifti(tmp_path / "atlas.nii.gz", body)
    write_volume(tmp_path / "volume.ome.zarr", seen_as(body, "PIR"))
    given = Params(
        input_zarr=tmp_path / "volume.ome.zarr",
        output_zarr=tmp_path / "ras.ome.zarr",
        input_orientation="PIR",
        atlas=str(tmp_path / "atlas.nii.gz"),
        pyramid_resolutions=(100.0, 200.0),
    )
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    for level in (0, 1):
        found = omezarr.open_volume(tmp_path / "ras.ome.zarr", level=level)
        voxels = found.array[...]
        spot = np.array(ndimage.center_of_mass(voxels * (voxels > voxels.max() / 2)))
        place = np.array(found.origin_mm) + spot * np.array(found.spacing.zyx_mm)
        np.testing.assert_allclose(place, np.array([15, 9, 16]) * STEP, atol=0.5 * STEP)
    assert (tmp_path / "ras_preview.png").read_bytes().startswith(b"\x89PNG")
    record = json.loads((tmp_path / "ras_transform.json").read_text())
    assert record["input_orientation"] == "PIR"
    assert "AffineTransform_double_3_3" in (tmp_path / "ras_transform.tfm").read_text()


def test_a_brainglobe_folder_is_read_offline(tmp_path):
    "In BrainGlobe's own layout, origin code asl, the template comes as (S, A, R)."
    body = phantom((5, 6, 7))
    folder = tmp_path / "tiny_mouse_100um_v1.2"
    folder.mkdir()
    tifffile.imwrite(folder / "reference.tiff", seen_as(body, "PIR"))
    metadata = {"name": "tiny_mouse", "resolution": [100.0, 100.0, 100.0], "orientation": "asl"}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    found = read_template(str(folder))
    np.testing.assert_array_equal(found.array, body)
    assert found.spacing.zyx_mm == (0.1, 0.1, 0.1)


def test_a_brainglobe_3_folder_is_read_offline(tmp_path):
    "atlases/NAME/VERSION with its manifest; the template stands beside, as OME-Zarr."
    body = phantom((5, 6, 7))
    folder = tmp_path / "atlases" / "tiny_mouse_100um" / "1_2"
    folder.mkdir(parents=True)
    write_volume(
        tmp_path / "templates" / "tiny" / "1_0" / "template.ome.zarr", seen_as(body, "PIL")
    )
    manifest = {
        "resolution": [100.0, 100.0, 100.0],
        "orientation": "asr",
        "annotation_set": {"template": {"location": "/templates/tiny/1_0"}},
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    found = read_template(str(folder))
    np.testing.assert_array_equal(found.array, body)
    assert found.name == "tiny_mouse_100um"


def test_templates_that_say_too_little_name_the_flag(tmp_path):
    "Orientation and voxel size of a TIFF come from flags; a wrong path is an error."
    body = phantom((5, 6, 7))
    tifffile.imwrite(tmp_path / "t.tif", seen_as(body, "PIR"))
    with pytest.raises(BadValue, match="--atlas_spacing_um"):
        read_template(str(tmp_path / "t.tif"), orientation="PIR")
    with pytest.raises(BadValue, match="--atlas_orientation"):
        read_template(str(tmp_path / "t.tif"), spacing_um=[100.0])
    found = read_template(str(tmp_path / "t.tif"), orientation="PIR", spacing_um=[100.0])
    np.testing.assert_array_equal(found.array, body)
    with pytest.raises(MissingFile, match="no such template"):
        read_template(str(tmp_path / "absent.nii.gz"))


def test_a_name_without_the_library_names_the_extra(monkeypatch):
    "An atlas name needs brainglobe-atlasapi; the hint is the pip line."
    monkeypatch.setitem(sys.modules, "brainglobe_atlasapi", None)
    with pytest.raises(MissingExtra, match=r"pip install 'linumpy\[atlas\]'"):
        read_template("allen_mouse_100um")
