"""A marker on the left is on the left for SimpleITK and for BrainGlobe, too."""

import pytest

from linumpy.io import omezarr
from tests.packaging.readers import read_with
from tests.scripts.test_linum_export_volume import ORIGIN_MM, STEP, export_to, with_marker

pytestmark = pytest.mark.story
CODE = "PIR"  # z to posterior, y to inferior, x to the right: what is left comes first along x


def test_other_programs_find_the_marker_on_the_left(tmp_path):
    "SimpleITK by millimetres, brainglobe-utils by the letters of the printed line."
    voxels, where = with_marker(CODE)
    _write(tmp_path / "v.ome.zarr", voxels)
    nifti, tiff = (
        export_to(tmp_path / name, tmp_path / "v.ome.zarr", input_orientation=CODE)
        for name in ("v.nii.gz", "v.tif")
    )
    found = read_with("read_export.py", nifti, tiff)
    z, y, x = (o + i * s for o, i, s in zip(ORIGIN_MM, where, STEP.zyx_mm, strict=True))
    # left = -x, posterior = +z, superior = -y
    assert found["itk_lps_mm"] == pytest.approx([-x, z, -y], abs=1e-6)
    assert found["itk_lps_mm"][0] > found["itk_centre_lps_mm"][0]
    assert found["itk_spacing_mm"] == pytest.approx(STEP.zyx_mm[::-1])
    # --orientation asl for TIFF and lsa for NIfTI: the axis with letter l starts on the left
    assert found["brainglobe_tiff"]["asl".index("l")] == 0
    assert found["brainglobe_nifti"]["lsa".index("l")] == 0


def _write(path, voxels):
    level = omezarr.Level(voxels.shape, STEP, (4, 8, 10), origin_mm=ORIGIN_MM)
    with omezarr.create(path, [level]) as new:
        new.array[...] = voxels
