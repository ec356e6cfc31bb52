"""Pairwise transforms on disk: ``transform.tfm``, ``offsets.txt`` and the metrics beside them.

The ``.tfm`` is ITK's text format, a 3D Euler transform about z, in pixels of level 0. It maps
points of the fixed slice to points of the moving one, as ITK resamples; a `Rigid2D` says where
the content of the moving slice goes, so one is the inverse of the other. Conversion only here.
"""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from linumpy.core.filenames import PAIRWISE_METRICS
from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, MissingFile
from linumpy.io import diagnostics
from linumpy.io.atomic import write_text

TRANSFORM, OFFSETS = "transform.tfm", "offsets.txt"
_HEADER = "#Insight Transform File V1.0"
_N_EULER, _N_FIXED = 6, 3
_ID = re.compile(r"z(\d+)")
_FLAT = 1e-9
"""A tilt below this many radians is none."""


@dataclass(frozen=True, slots=True)
class PairTransform:
    """What registration wrote about a pair: the motion of ``moving`` and how far to trust it.

    ``fixed`` and ``moving`` are None where the files do not say.
    """

    motion: Rigid2D
    confidence: float
    fixed: SliceId | None
    moving: SliceId | None
    offsets: tuple[int, int]


def write_transform(
    path: str | Path, motion: Rigid2D, *, shape: tuple[int, int], pixel_um: float
) -> None:
    """Write a motion as an ITK transform.

    Parameters
    ----------
    path : path
        ``….tfm``
    motion : Rigid2D
        Where the content of the moving slice goes, about the centre of the canvas.
    shape : tuple of int
        (y, x) of the canvas, pixels.
    pixel_um : float
        Pixel size.

    Notes
    -----
    The content goes by q = c + R(p − c) + t, R = R(θ) on (x, y). ITK: p = c + Rᵀ(q − c) + T, so
    the angle written is −θ and T = −Rᵀ t. The centre c is ((w − 1)/2, (h − 1)/2, 0): index
    coordinates, in which the centre of the first pixel is 0.
    """
    theta = math.radians(motion.rotation_deg)
    dx, dy = motion.dx_um / pixel_um, motion.dy_um / pixel_um
    tx, ty = _turn(-dx, -dy, -theta)
    cy, cx = _centre(shape)
    write_text(
        path,
        f"{_HEADER}\n#Transform 0\nTransform: Euler3DTransform_double_3_3\n"
        f"Parameters: 0 0 {-theta!r} {tx!r} {ty!r} 0\nFixedParameters: {cx!r} {cy!r} 0 0\n",
    )


def read_transform(path: str | Path, *, shape: tuple[int, int], pixel_um: float) -> Rigid2D:
    """Read an ITK Euler transform, about any centre, as a motion about the canvas centre.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile
        If it is no 2D or 3D Euler transform, or turns about another axis than z.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such transform", hint="register the pair again")
    kind, parameters, fixed = _parse(path)
    if kind.startswith("Euler2D") and len(parameters) == 3 and len(fixed) >= 2:  # noqa: PLR2004
        angle, tx, ty = parameters
    elif kind.startswith("Euler3D") and len(parameters) == _N_EULER and len(fixed) >= _N_FIXED:
        tilt_x, tilt_y, angle, tx, ty, _ = parameters
        if max(abs(tilt_x), abs(tilt_y)) > _FLAT:
            raise BadFile(f"{path}: turns about x or y; only turns about z can be used")
    else:
        raise BadFile(f"{path}: {kind or 'no transform'}; Euler2D and Euler3D are read")
    cy, cx = _centre(shape)
    off_x, off_y = cx - fixed[0], cy - fixed[1]
    # q = R(p − C − T) + C about the file's centre C; t is what that leaves about ours.
    x, y = _turn(off_x - tx, off_y - ty, -angle)
    return Rigid2D(-math.degrees(angle), (x - off_x) * pixel_um, (y - off_y) * pixel_um)


def write_offsets(path: str | Path, fixed_z: int, moving_z: int) -> None:
    """Write the indices of the matching planes: fixed, then moving, one per line."""
    write_text(path, f"{fixed_z}\n{moving_z}\n")


def read_offsets(path: str | Path) -> tuple[int, int]:
    """Read the indices of the matching planes (fixed, moving).

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile
        If it does not hold two whole numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise MissingFile(f"{path}: no such file", hint="register the pair again")
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        fixed_z, moving_z = (int(part) for part in text.split())
    except ValueError as error:
        raise BadFile(
            f"{path}: {text[:40]!r}; two whole numbers are needed, plane of fixed, plane of moving",
            hint="register the pair again",
        ) from error
    return fixed_z, moving_z


def read_pairwise(folder: str | Path) -> PairTransform:
    """Read what `linum_register_pairwise` wrote for one moving slice.

    The motion comes from the metrics, in µm, so neither canvas nor pixel size is needed.

    Raises
    ------
    MissingFile
        If a file is absent.
    BadFile
        If one cannot be read, or lacks the motion or the confidence.
    """
    folder = Path(folder)
    metrics = diagnostics.read_metrics(folder / PAIRWISE_METRICS)
    names = ("rotation", "translation_x_um", "translation_y_um", "registration_confidence")
    numbers = [metrics.number(name) for name in names]
    missing = [name for name, number in zip(names, numbers, strict=True) if number is None]
    if missing:
        raise BadFile(
            f"{folder / PAIRWISE_METRICS}: {', '.join(missing)} is absent or no number",
            hint="register the pair again",
        )
    rotation, dx, dy, confidence = (float(number or 0.0) for number in numbers)
    return PairTransform(
        motion=Rigid2D(rotation, dx, dy),
        confidence=confidence,
        fixed=id_of(metrics.text("fixed_volume")),
        moving=id_of(metrics.text("moving_volume")),
        offsets=read_offsets(folder / OFFSETS),
    )


def id_of(name: str | Path | None) -> SliceId | None:
    """Return the slice id in the last part of a path, the first ``z<digits>``, if there is one.

    Examples
    --------
    >>> id_of("z9/slice_z07_normalize.ome.zarr")
    '07'
    """
    found = _ID.search(Path(name).name) if name else None
    return SliceId(found[1]) if found else None


def _turn(x: float, y: float, theta: float) -> tuple[float, float]:
    cos, sin = math.cos(theta), math.sin(theta)
    return cos * x - sin * y, sin * x + cos * y


def _centre(shape: tuple[int, int]) -> tuple[float, float]:
    return (shape[0] - 1) / 2, (shape[1] - 1) / 2


def _parse(path: Path) -> tuple[str, Sequence[float], Sequence[float]]:
    """Return kind, parameters and fixed parameters of the only transform of a file."""
    found: dict[str, str] = {}
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        key, colon, value = line.partition(":")
        if colon and not line.startswith("#"):
            if key in found:
                raise BadFile(f"{path}: holds several transforms; one is needed")
            found[key] = value.strip()
    try:
        parameters = [float(part) for part in found["Parameters"].split()]
        fixed = [float(part) for part in found["FixedParameters"].split()]
    except (KeyError, ValueError) as error:
        raise BadFile(
            f"{path}: not an ITK text transform ({error})", hint="register the pair again"
        ) from error
    if not all(math.isfinite(number) for number in (*parameters, *fixed)):
        raise BadFile(f"{path}: holds a number that is not finite", hint="register the pair again")
    return found.get("Transform", ""), parameters, fixed
