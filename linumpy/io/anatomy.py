"""Any volume file as an array with its voxel size: NIfTI, OME-Zarr, NPY."""

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from linumpy.core.spacing import Spacing
from linumpy.errors import BadFile, BadValue
from linumpy.io import omezarr

_UM_PER_UNIT = {"mm": 1000.0, "meter": 1e6, "micron": 1.0}


def read_anatomy(
    path: str | Path, voxel_um: tuple[float, ...] | None = None
) -> tuple[NDArray[Any], Spacing]:
    """Read a volume whole.

    Parameters
    ----------
    path : path
        ``.npy`` (z, y, x), ``.nii``/``.nii.gz`` (x, y, z), or an OME-Zarr folder (finest level).
    voxel_um : tuple of float, optional
        One size or (z, y, x), µm; needed for NPY and where a NIfTI has no unit, otherwise it must
        agree with the file within 1 %.

    Returns
    -------
    array, shape (z, y, x)
    Spacing

    Raises
    ------
    BadFile
        If the file is of no such kind or has other than three axes.
    BadValue
        If the voxel size is missing, or another than the file's.
    """
    path = Path(path)
    found: Spacing | None
    if path.is_dir():
        volume = omezarr.open_volume(path)
        array, found = omezarr.read_block(volume), volume.spacing
    elif path.suffix == ".npy":
        array, found = _read_npy(path), None
    elif path.name.endswith((".nii", ".nii.gz")):
        array, found = _read_nifti(path)
    else:
        raise BadFile(f"{path}: not .npy, .nii, .nii.gz or an OME-Zarr folder")
    if array.ndim != 3:  # noqa: PLR2004
        raise BadFile(f"{path}: shape {array.shape}; three axes are needed")
    return array, _spacing(path, found, voxel_um)


def _read_npy(path: Path) -> NDArray[Any]:
    try:
        return np.asarray(np.load(path, allow_pickle=False))
    except (ValueError, EOFError) as error:
        raise BadFile(f"{path}: not an array file ({error})") from error


def _read_nifti(path: Path) -> tuple[NDArray[Any], Spacing | None]:
    try:
        image: Any = nibabel.load(path)  # Any: its own type does not know its subclasses
        array = np.asarray(image.dataobj)
    except (nibabel.filebasedimages.ImageFileError, EOFError, ValueError) as error:
        raise BadFile(f"{path}: not a NIfTI volume ({error})") from error
    unit = image.header.get_xyzt_units()[0]
    zooms = [float(step) for step in image.header.get_zooms()[:3]]
    spacing = None
    if unit in _UM_PER_UNIT and len(zooms) == 3:  # noqa: PLR2004
        # Zooms are float32: 0.05 mm reads as 0.0500000007.
        x, y, z = (round(step * _UM_PER_UNIT[unit], 4) for step in zooms)
        spacing = Spacing.from_um(z, y, x)
    return array.transpose(), spacing


def _spacing(path: Path, found: Spacing | None, voxel_um: tuple[float, ...] | None) -> Spacing:
    if voxel_um is None:
        if found is None:
            raise BadValue(f"{path} does not say its voxel size", hint="pass --voxel_um")
        return found
    if len(voxel_um) not in (1, 3):
        raise BadValue(f"--voxel_um has {len(voxel_um)} values; one, or z y x")
    z, y, x = voxel_um if len(voxel_um) == 3 else voxel_um * 3  # noqa: PLR2004
    said = Spacing.from_um(z, y, x)
    if found is not None and not np.allclose(said.zyx_um, found.zyx_um, rtol=0.01):
        raise BadValue(
            f"{path} says voxels of {found.zyx_um} µm, --voxel_um says {said.zyx_um}",
            hint="leave --voxel_um out, or correct the file",
        )
    return said
