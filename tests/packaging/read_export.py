"""Where SimpleITK and brainglobe-utils find the brightest voxel of an export, as JSON.

Runs in an environment of its own, which readers.py makes.
"""

import json
import sys

import numpy as np
import SimpleITK
from brainglobe_utils.IO.image import load_any


def describe(nifti, tiff):
    """Return the brightest voxel: in mm as ITK places it (left, posterior, superior), and as index.

    brainglobe-utils gives arrays without a position: the index along each axis as a share of it.
    """
    image = SimpleITK.ReadImage(nifti)
    voxels = SimpleITK.GetArrayFromImage(image)
    z, y, x = np.unravel_index(np.argmax(voxels), voxels.shape)
    found = {
        "itk_lps_mm": image.TransformIndexToPhysicalPoint([int(x), int(y), int(z)]),
        "itk_spacing_mm": image.GetSpacing(),
        "itk_centre_lps_mm": image.TransformContinuousIndexToPhysicalPoint(
            [(n - 1) / 2 for n in image.GetSize()]
        ),
    }
    for name, path in (("nifti", nifti), ("tiff", tiff)):
        array = load_any(path)
        where = np.unravel_index(np.argmax(array), array.shape)
        found[f"brainglobe_{name}"] = [
            int(i) / (n - 1) for i, n in zip(where, array.shape, strict=True)
        ]
    return found


if __name__ == "__main__":
    sys.stdout.write("\n" + json.dumps(describe(*sys.argv[1:])))
