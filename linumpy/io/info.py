"""``info.txt``: the header of a raw tile, text ↔ `TileInfo`.

``key: value`` lines after a heading. A block may be repeated; the first value of a key counts.
"""

import math
from collections.abc import Mapping
from pathlib import Path

from linumpy.core.acquisition import TileInfo
from linumpy.errors import BadFile, MissingFile
from linumpy.io import atomic

AXIAL_KEYS = ("axial_resolution", "z_resolution", "axial_res", "dz")
"""Keys that may hold the axial sampling, µm in tissue; the first one present counts."""


def read_info(path: str | Path) -> TileInfo:
    """Read one ``info.txt``.

    Raises
    ------
    MissingFile
        If the file does not exist.
    BadFile
        If it cannot be read, a needed key is missing, or a value is not a number in its range.
    """
    path = Path(path)
    keys = _Keys(path, read_keys(path))
    top_z, nz = keys.depth()
    focus = keys.optional_number("focus_z")
    focus_px = None if focus is None else round(focus) - top_z
    stage_x, stage_y = keys.stage_xy_mm()
    return TileInfo(
        nx=keys.count("nx"),
        ny=keys.count("ny"),
        nz=nz,
        n_extra=keys.count("n_extra", default=0, minimum=0),
        n_repeat=keys.count("n_repeat", default=1),
        width_um=keys.length_um("width"),
        height_um=keys.length_um("height"),
        stage_x_mm=stage_x,
        stage_y_mm=stage_y,
        stage_z_mm=keys.optional_number("stage_z_pos_mm"),
        axial_um=keys.axial_um(),
        # focus_z counts like top_z; a focus outside the kept depths says nothing about the tile
        focus_z_px=focus_px if focus_px is not None and 0 <= focus_px < nz else None,
    )


def write_info(path: str | Path, info: TileInfo) -> None:
    """Write ``info`` so that `read_info` gives it back."""
    pairs: dict[str, float | None] = {
        "nx": info.nx,
        "ny": info.ny,
        "n_repeat": info.n_repeat,
        "width": info.width_um,
        "height": info.height_um,
        "n_extra": info.n_extra,
        "top_z": 0,
        "bottom_z": info.nz - 1,
        "focus_z": info.focus_z_px,
        "stage_x_pos_mm": info.stage_x_mm,
        "stage_y_pos_mm": info.stage_y_mm,
        "stage_z_pos_mm": info.stage_z_mm,
        "axial_resolution": info.axial_um,
    }
    lines = [f"{key}: {_text(value)}" for key, value in pairs.items() if value is not None]
    atomic.write_text(path, "\n".join(["Scan info", *lines]) + "\n")


def read_keys(path: Path) -> dict[str, str]:
    """Return the keys of one header with their texts; the first of a repeated key.

    Raises
    ------
    MissingFile, BadFile
        If the file is absent or no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise MissingFile(
            f"{path}: no such file; every tile needs its header",
            hint="copy it again from the instrument, or move the tile's folder away",
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(
            f"{path}: cannot be read ({error})",
            hint="info.txt is UTF-8 text, one `key: value` a line; copy it again",
        ) from error
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, colon, value = line.partition(":")
        if colon:
            found.setdefault(key.strip(), value.strip())
    return found


class _Keys:
    """The keys of one file, each parsed with its range and named in its error."""

    def __init__(self, path: Path, texts: Mapping[str, str]) -> None:
        self._path = path
        self._texts = texts

    def count(self, key: str, *, default: int | None = None, minimum: int = 1) -> int:
        if default is not None and key not in self._texts:
            return default
        value = self.number(key)
        if value != round(value) or value < minimum:
            raise self._wrong(key, f"a whole number from {minimum} up")
        return round(value)

    def length_um(self, key: str) -> float:
        value = self.number(key)
        if value <= 0:
            raise self._wrong(key, "a length in µm above 0")
        return value

    def axial_um(self) -> float | None:
        present = [key for key in AXIAL_KEYS if key in self._texts]
        return self.length_um(present[0]) if present else None

    def stage_xy_mm(self) -> tuple[float | None, float | None]:
        if "stage_x_pos_mm" not in self._texts and "stage_y_pos_mm" not in self._texts:
            return None, None
        return self.number("stage_x_pos_mm"), self.number("stage_y_pos_mm")

    def depth(self) -> tuple[int, int]:
        """Return (first kept depth sample, number of depth samples)."""
        if "top_z" not in self._texts and "bottom_z" not in self._texts:
            if "n_samples" not in self._texts:
                raise self._missing("bottom_z (or n_samples)")
            # half of the spectral samples are depths: the other half mirrors them
            return 0, self.count("n_samples", minimum=2) // 2
        top = self.count("top_z", minimum=0)
        bottom = self.count("bottom_z", minimum=0)
        if bottom < top:
            raise self._wrong("bottom_z", f"a depth sample from top_z = {top} up")
        return top, bottom - top + 1

    def optional_number(self, key: str) -> float | None:
        return self.number(key) if key in self._texts else None

    def number(self, key: str) -> float:
        if key not in self._texts:
            raise self._missing(key)
        try:
            value = float(self._texts[key])
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self._wrong(key, "a number")
        return value

    def _missing(self, key: str) -> BadFile:
        return BadFile(
            f"{self._path}: no key {key}",
            hint=f"add the line `{key.split(maxsplit=1)[0]}: …`, or copy the header again",
        )

    def _wrong(self, key: str, allowed: str) -> BadFile:
        return BadFile(
            f"{self._path}: {key}={self._texts[key]!r}; allowed: {allowed}",
            hint="correct the line, or copy the header again",
        )


def _text(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))
