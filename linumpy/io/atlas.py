"""Templates to align to: a file or folder that the user gives, or a name that BrainGlobe knows.

Read whole, as (S, A, R), float32, with spacing and origin in mm.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import tifffile
from numpy.typing import NDArray

from linumpy.core.orientation import Orientation
from linumpy.core.spacing import Spacing
from linumpy.errors import BadFile, BadValue, MissingExtra, MissingFile
from linumpy.io.diagnostics import read_json
from linumpy.io.omezarr import n_levels, open_volume, read_block

METADATA, REFERENCE = "metadata.json", "reference.tiff"  # BrainGlobe up to 2
MANIFEST, TEMPLATE = "manifest.json", "template.ome.zarr"  # BrainGlobe from 3
_UM_PER_UNIT = {"mm": 1000.0, "micron": 1.0, "meter": 1e6}
_N_AXES = 3


@dataclass(frozen=True, slots=True)
class Template:
    """An atlas volume, axes (S, A, R); ``origin_mm`` is the centre of its first voxel."""

    name: str
    array: NDArray[np.float32]
    spacing: Spacing
    origin_mm: tuple[float, float, float]


def read_template(
    source: str,
    *,
    orientation: str | None = None,
    spacing_um: Sequence[float] | None = None,
) -> Template:
    """Read a template.

    Parameters
    ----------
    source : str
        A NIfTI file; a TIFF file or OME-Zarr folder with ``orientation``; a BrainGlobe atlas
        folder (``metadata.json`` and ``reference.tiff``, or from version 3 ``manifest.json``); or
        a BrainGlobe atlas name.
    orientation : str, optional
        Three letters, the direction in which each axis runs; only for files that do not say it.
    spacing_um : sequence of float, optional
        Voxel size along the axes of the file, or one number; only for files that do not say it.

    Raises
    ------
    MissingFile
        If it is a path and not there.
    BadFile, BadValue
        If the file cannot be a template, or does not say its orientation or unit; the hint names
        the flag.
    MissingExtra
        If it is a name and brainglobe-atlasapi is not installed.
    """
    path = Path(source)
    if (path / METADATA).is_file():
        return _read_brainglobe(path)
    if (path / MANIFEST).is_file():
        return _read_manifest(path)
    if source.endswith((".nii", ".nii.gz")):
        return _read_nifti(_existing(path), spacing_um)
    if source.endswith((".tif", ".tiff")):
        return _read_tiff(_existing(path), orientation, spacing_um)
    if source.rstrip("/").endswith(".zarr"):
        return _read_zarr(_existing(path), orientation)
    if path.exists() or len(path.parts) > 1:
        raise BadValue(
            f"{source}: not a template",
            hint="give .nii, .nii.gz, .tif, .ome.zarr, a BrainGlobe atlas folder, or a name",
        )
    return _read_by_name(source)


def orient(
    name: str, array: NDArray[Any], orientation: Orientation, spacing_um: Sequence[float]
) -> Template:
    """Return a volume of any orientation as a template, its corner at the origin."""
    turned = np.transpose(array, orientation.permutation)
    flips = tuple(slice(None, None, sign) for sign in orientation.signs)
    z, y, x = (float(spacing_um[axis]) for axis in orientation.permutation)
    voxels = np.ascontiguousarray(turned[flips], dtype=np.float32)
    origin = (z / 2000, y / 2000, x / 2000)
    return Template(name, voxels, Spacing.from_um(z, y, x), origin)


def to_tfm(matrix: NDArray[np.float64], offset: NDArray[np.float64]) -> str:
    """Return the text of an ITK transform that maps points in (x, y, z) mm."""
    numbers = " ".join(f"{value:.12g}" for value in [*matrix.ravel(), *offset])
    return (
        "#Insight Transform File V1.0\n#Transform 0\nTransform: AffineTransform_double_3_3\n"
        f"Parameters: {numbers}\nFixedParameters: 0 0 0\n"
    )


def _read_nifti(path: Path, spacing_um: Sequence[float] | None) -> Template:
    load: Any = nibabel  # Any: ships no types
    try:
        image = load.as_closest_canonical(load.load(path))
        voxels = np.asarray(image.dataobj, dtype=np.float32)
    except (nibabel.filebasedimages.ImageFileError, OSError, EOFError) as error:
        raise BadFile(f"{path}: not a NIfTI volume ({error})") from error
    if voxels.ndim != _N_AXES:
        raise BadFile(f"{path}: shape {voxels.shape}; a volume of three axes is needed")
    unit = image.header.get_xyzt_units()[0]
    if spacing_um is None and unit not in _UM_PER_UNIT:
        raise BadFile(f"{path}: its unit of length is {unit}", hint="pass --atlas_spacing_um")
    scale = _UM_PER_UNIT.get(unit, 1000.0)
    r, a, s = _three(spacing_um) if spacing_um else [z * scale for z in image.header.get_zooms()]
    corner = np.asarray(image.affine)[:3, 3] * scale / 1000
    origin = (float(corner[2]), float(corner[1]), float(corner[0]))
    turned = np.ascontiguousarray(np.transpose(voxels, (2, 1, 0)))
    return Template(path.name, turned, Spacing.from_um(s, a, r), origin)


def _read_tiff(path: Path, orientation: str | None, spacing_um: Sequence[float] | None) -> Template:
    if spacing_um is None:
        raise BadValue(
            f"{path}: a TIFF does not say its voxel size", hint="pass --atlas_spacing_um"
        )
    return orient(path.name, _tiff_voxels(path), _needed(path, orientation), _three(spacing_um))


def _read_zarr(path: Path, orientation: str | None) -> Template:
    volume = open_volume(path)
    needed = _needed(path, orientation)
    return orient(path.name, read_block(volume), needed, volume.spacing.zyx_um)


def _read_brainglobe(folder: Path) -> Template:
    metadata = read_json(folder / METADATA)
    resolution, code = metadata.get("resolution"), metadata.get("orientation")
    if not isinstance(resolution, list) or not isinstance(code, str):
        raise BadFile(f"{folder / METADATA}: resolution and orientation are needed")
    spacing_um = [float(str(value)) for value in resolution]
    voxels = _tiff_voxels(_existing(folder / REFERENCE))
    return orient(folder.name, voxels, Orientation.from_origin(code), spacing_um)


def _read_manifest(folder: Path) -> Template:
    """Read an atlas of BrainGlobe 3: atlases/NAME/VERSION with manifest.json, data beside it."""
    manifest = read_json(folder / MANIFEST)
    resolution, code = manifest.get("resolution"), manifest.get("orientation", "asr")
    try:
        place = manifest["annotation_set"]["template"]["location"]  # type: ignore[index,call-overload]
    except (KeyError, TypeError) as error:
        raise BadFile(f"{folder / MANIFEST}: names no template") from error
    path = folder.resolve().parents[2] / str(place).lstrip("/") / TEMPLATE
    if not isinstance(resolution, list) or not isinstance(code, str):
        raise BadFile(f"{folder / MANIFEST}: resolution and orientation are needed")
    wanted = [float(str(value)) for value in resolution]
    for level in range(n_levels(_existing(path))):
        volume = open_volume(path, level=level)
        if np.allclose(volume.spacing.zyx_um, wanted):
            turned = Orientation.from_origin(code)
            return orient(folder.parent.name, read_block(volume), turned, wanted)
    raise BadFile(f"{path}: no level of {wanted} µm, which {MANIFEST} names")


def _read_by_name(name: str) -> Template:
    try:
        from brainglobe_atlasapi import BrainGlobeAtlas  # noqa: PLC0415  an extra
    except ImportError as error:
        raise MissingExtra(
            f"{name!r} is neither a file nor, without brainglobe-atlasapi, an atlas name",
            hint="pip install 'linumpy[atlas]', or give a template file",
        ) from error
    try:
        atlas: Any = BrainGlobeAtlas(name, check_latest=False)
        # version 3 calls it template; version 2 knows only reference
        voxels = atlas.template if hasattr(type(atlas), "template") else atlas.reference
    except (ValueError, OSError) as error:
        raise BadValue(
            f"{name!r} is neither a file nor an atlas that BrainGlobe can give ({error})",
            hint="brainglobe list shows the names; or give a template file",
        ) from error
    return orient(name, voxels, Orientation.from_origin(atlas.orientation), atlas.resolution)


def _tiff_voxels(path: Path) -> NDArray[np.float32]:
    try:
        voxels = tifffile.imread(path)
    except (tifffile.TiffFileError, ValueError, OSError) as error:
        raise BadFile(f"{path}: not a TIFF volume ({error})") from error
    if voxels.ndim != _N_AXES:
        raise BadFile(f"{path}: shape {voxels.shape}; a volume of three axes is needed")
    return np.asarray(voxels, dtype=np.float32)


def _needed(path: Path, orientation: str | None) -> Orientation:
    if orientation is None:
        raise BadValue(f"{path} does not say its orientation", hint="pass --atlas_orientation")
    return Orientation.parse(orientation)


def _three(spacing_um: Sequence[float]) -> list[float]:
    values = [float(value) for value in spacing_um]
    if len(values) not in {1, _N_AXES} or min(values) <= 0:
        raise BadValue(f"the voxel size is {values} µm", hint="give one or three positive numbers")
    return values * _N_AXES if len(values) == 1 else values


def _existing(path: Path) -> Path:
    if not path.exists():
        raise MissingFile(f"{path}: no such template", hint="check --atlas")
    return path
