"""Volumes as files that other programs read: NIfTI and ImageJ TIFF, written plane by plane."""

import gzip
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import nibabel
import numpy as np
import tifffile
from numpy.typing import NDArray

from linumpy.core.orientation import Orientation
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue
from linumpy.io.atomic import replacing

NIFTI1_LONGEST = 2**15 - 1  # voxels along an axis: NIfTI-1 counts in int16
IMAGEJ_BYTES = 2**32 - 2**20  # ImageJ's TIFF counts bytes in 32 bits; a little is for its header
_ALIGNED, _SCANNER = 2, 1  # NIfTI codes: the frame of a template, the frame of the specimen

Planes = Iterable[NDArray[Any]]
"""Planes (y, x) along z, already in the type that is stored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """What is exported, beside its planes.

    Attributes
    ----------
    shape : tuple of int
        (z, y, x).
    dtype : str
        Of the stored voxels.
    slope : float
        Intensity = slope × stored value.
    origin_mm : tuple of float
        Centre of the first voxel, along z, y, x.
    orientation : Orientation
        Which way z, y, x run in the head.
    is_aligned : bool
        The frame is an atlas's, not the microscope's.
    window : tuple of float, optional
        Intensities shown as black and as white.
    """

    shape: tuple[int, int, int]
    dtype: str
    slope: float
    spacing: Spacing
    origin_mm: tuple[float, float, float]
    orientation: Orientation
    is_aligned: bool
    window: tuple[float, float] | None = None

    @property
    def n_bytes(self) -> int:
        """Uncompressed voxels."""
        return int(np.prod(self.shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize


def affine_ras_mm(image: Image) -> NDArray[np.float64]:
    """Return the NIfTI affine, shape (4, 4): voxel (x, y, z) → (right, anterior, superior) mm."""
    turn = image.orientation.matrix  # (z, y, x) → (S, A, R)
    affine = np.eye(4)
    affine[:3, :3] = (turn * np.asarray(image.spacing.zyx_mm))[::-1, ::-1]
    affine[:3, 3] = (turn @ np.asarray(image.origin_mm))[::-1]
    return affine


def write_nifti(path: str | Path, image: Image, planes: Planes) -> None:
    """Write ``.nii`` or ``.nii.gz``, sform and qform alike, millimetres.

    NIfTI stores x fastest, as a plane (y, x) does: planes follow one another as they come.
    NIfTI-1 where it can count the voxels, else NIfTI-2.
    """
    header = _nifti_header(image)
    with replacing(path) as partial, ExitStack() as stack:
        raw = stack.enter_context(partial.open("wb"))
        stream: IO[bytes] = raw
        if Path(path).suffix.lower() == ".gz":
            zipped = gzip.GzipFile("", "wb", compresslevel=1, fileobj=raw, mtime=0)
            stream = cast("IO[bytes]", stack.enter_context(zipped))
        stream.write(header)
        for plane in planes:
            stream.write(np.ascontiguousarray(plane, dtype=image.dtype).tobytes())


def write_tiff(path: str | Path, image: Image, planes: Planes) -> None:
    """Write an ImageJ hyperstack with its voxel size in µm.

    Raises
    ------
    BadValue
        If it would be larger than an ImageJ TIFF can be; nothing is written.
    """
    if image.n_bytes > IMAGEJ_BYTES:
        raise BadValue(
            f"{path}: {image.n_bytes / 1e9:.1f} GB; a TIFF that ImageJ reads holds "
            f"{IMAGEJ_BYTES / 1e9:.1f} GB",
            hint="take a coarser --resolution, --dtype uint16, or .nii.gz",
        )
    z_um, y_um, x_um = image.spacing.zyx_um
    metadata: dict[str, object] = {
        "axes": "ZYX",
        "spacing": z_um,
        "unit": "um",
        "Info": f"intensity = {image.slope:.9g} * stored; axes z, y, x run to "
        f"{image.orientation.code}",
    }
    if image.window is not None:
        low, high = (value / image.slope for value in image.window)
        metadata |= {"min": low, "max": high}
    with replacing(path) as partial, tifffile.TiffWriter(partial, imagej=True) as tiff:
        tiff.write(
            iter(planes),
            shape=image.shape,
            dtype=np.dtype(image.dtype).newbyteorder(">"),
            resolution=(1 / x_um, 1 / y_um),
            metadata=metadata,
        )


def _nifti_header(image: Image) -> bytes:
    is_long = max(image.shape) > NIFTI1_LONGEST
    load: Any = nibabel  # Any: ships no types
    header = load.Nifti2Header() if is_long else load.Nifti1Header()
    header.set_data_dtype(image.dtype)
    header.set_data_shape(image.shape[::-1])
    affine = affine_ras_mm(image)
    code = _ALIGNED if image.is_aligned else _SCANNER
    header.set_qform(affine, code)
    header.set_sform(affine, code)
    header.set_xyzt_units("mm")
    header.set_slope_inter(image.slope, 0.0)
    if image.window is not None:
        header["cal_min"], header["cal_max"] = image.window
    no_extension = bytes(4)
    header["vox_offset"] = len(header.binaryblock) + len(no_extension)
    return bytes(header.binaryblock) + no_extension
