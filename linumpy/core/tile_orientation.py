"""Which way a tile lies in its mosaic: where its A-lines and its B-scans advance.

A name is two directions, that of the A-lines and that of the B-scans: ``right`` to larger columns,
``down`` to larger rows. ``right_down`` is decision 1; ``up_left`` its anti-transpose, as old
acquisitions have it. Anatomical directions are `linumpy.core.orientation`.
"""

from typing import Any, Literal, TypeVar, get_args

from numpy.typing import NDArray

from linumpy.errors import BadValue

T = TypeVar("T", bound=NDArray[Any])

TileOrientation = Literal[
    "right_down",
    "left_down",
    "right_up",
    "left_up",
    "down_right",
    "down_left",
    "up_right",
    "up_left",
]
ALL: tuple[TileOrientation, ...] = get_args(TileOrientation)
STANDARD: TileOrientation = "right_down"
LEGACY: TileOrientation = "up_left"
_MIRROR = {"right": "left", "left": "right", "up": "down", "down": "up"}


def choose(named: TileOrientation, *, is_legacy: bool) -> TileOrientation:
    """Return the orientation that ``--tile_orientation`` and ``--legacy_orientation`` ask for.

    Raises
    ------
    BadValue
        If they contradict each other.

    Examples
    --------
    >>> choose("left_down", is_legacy=False), choose("right_down", is_legacy=True)
    ('left_down', 'up_left')
    """
    if not is_legacy:
        return named
    if named not in (STANDARD, LEGACY):
        raise BadValue(
            f"--legacy_orientation is --tile_orientation {LEGACY}; {named} was given as well",
            hint="give one of the two",
        )
    return LEGACY


def is_turned(orientation: TileOrientation) -> bool:
    """Say whether A-lines run along Y."""
    return orientation.startswith(("up", "down"))


def mirrored(orientation: TileOrientation, axis: Literal["x", "y"]) -> TileOrientation:
    """Return the orientation of tiles that are mirrored along one axis of the mosaic.

    Examples
    --------
    >>> mirrored("right_down", "x"), mirrored("up_left", "y")
    ('left_down', 'down_left')
    """
    words = ("right", "left") if axis == "x" else ("up", "down")
    turned = "_".join(_MIRROR[w] if w in words else w for w in orientation.split("_"))
    return next(one for one in ALL if one == turned)


def to_zyx(pixels: T, orientation: TileOrientation = STANDARD) -> T:
    """Return a view of raw pixels as they lie in the mosaic.

    Parameters
    ----------
    pixels : array, shape (…, A-lines, B-scans)
    orientation : TileOrientation

    Returns
    -------
    array, shape (…, y, x)
    """
    lying = pixels if is_turned(orientation) else pixels.swapaxes(-1, -2)
    rows = slice(None, None, -1 if "up" in orientation else 1)
    columns = slice(None, None, -1 if "left" in orientation else 1)
    turned: T = lying[..., rows, columns]  # type: ignore[assignment]  # a view has the same type
    return turned


def to_raw(
    orientation: TileOrientation, row: int, column: int, shape: tuple[int, int]
) -> tuple[int, int]:
    """Return (A-line, B-scan) of a pixel of a tile of ``shape`` (ny, nx)."""
    y = shape[0] - 1 - row if "up" in orientation else row
    x = shape[1] - 1 - column if "left" in orientation else column
    return (y, x) if is_turned(orientation) else (x, y)


def from_raw(
    orientation: TileOrientation, a_line: int, b_scan: int, shape: tuple[int, int]
) -> tuple[int, int]:
    """Return (row, column) in a tile of ``shape`` (ny, nx) of a raw pixel."""
    y, x = (a_line, b_scan) if is_turned(orientation) else (b_scan, a_line)
    row = shape[0] - 1 - y if "up" in orientation else y
    column = shape[1] - 1 - x if "left" in orientation else x
    return row, column
