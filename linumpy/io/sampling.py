"""Axial sampling: the flag and the key of ``info.txt``, which must agree. Nothing is assumed."""

from collections.abc import Iterable
from pathlib import Path

from linumpy.core.acquisition import Tile
from linumpy.errors import BadValue
from linumpy.io.info import AXIAL_KEYS

TOLERANCE = 0.01
"""The flag and the key agree when they differ by no more than this fraction."""


def axial_um(given_um: float | None, tiles: Iterable[Tile]) -> float:
    """Return the axial sampling, µm in tissue.

    Parameters
    ----------
    given_um : float or None
        ``--axial_resolution``.
    tiles : iterable of Tile
        Their headers may hold the key.

    Raises
    ------
    BadValue
        If neither says it, or they differ by more than 1 %; names both.
    """
    value, source = given_um, "--axial_resolution"
    for tile in tiles:
        header = tile.info.axial_um
        if header is None:
            continue
        path = str(Path(tile.folder, "info.txt"))
        if value is None:
            value, source = header, path
        elif abs(header - value) > TOLERANCE * value:
            raise BadValue(
                f"the axial sampling is {value:g} µm by {source}, {header:g} µm by {path}; "
                f"they may differ by {TOLERANCE:.0%}",
                hint="find out which one is right (µm in tissue = µm in air ÷ refractive index), "
                "then correct the other or leave the flag out",
            )
    if value is None:
        raise BadValue(
            f"the axial sampling is unknown: no --axial_resolution, and info.txt has none of "
            f"{', '.join(AXIAL_KEYS)}",
            hint="pass --axial_resolution, µm in tissue: the µm in air of the rig's data sheet "
            "÷ the refractive index of tissue (about 1.4)",
        )
    return value
