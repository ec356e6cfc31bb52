"""Raw tiles into one of the folder layouts that rigs use."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from linumpy.core.acquisition import TileInfo
from linumpy.core.slice_id import SliceId
from linumpy.io import atomic
from linumpy.io.tiles import write_tile


@dataclass(frozen=True)
class RawWriter:
    """Writes tiles below ``root``.

    ``layout``: "flat" (``tile_…``), "nested" (``z00/tile_…``), or "software"
    (``slice_z00/tiles/tile_…`` with ``metadata.json`` beside, as acquisition software has it).
    """

    root: Path
    layout: Literal["flat", "nested", "software"] = "nested"
    n_files: int = 1

    def write(
        self, slice_id: SliceId, name: str, pixels: NDArray[np.float32], info: TileInfo
    ) -> None:
        """Write one tile; folders are made as needed."""
        folder = self._folder(slice_id)
        folder.mkdir(parents=True, exist_ok=True)
        write_tile(folder / name, pixels, info, n_files=self.n_files)

    def write_metadata(
        self, slice_id: SliceId, *, slice_thickness_mm: float, overlap_fraction: float
    ) -> None:
        """Write what the acquisition software says about a slice; other layouts say nothing."""
        if self.layout != "software":
            return
        content = {"slice_thickness": slice_thickness_mm, "overlap_fraction": overlap_fraction}
        atomic.write_json(self._folder(slice_id).parent / "metadata.json", content)

    def _folder(self, slice_id: SliceId) -> Path:
        match self.layout:
            case "flat":
                return self.root
            case "nested":
                return self.root / f"z{slice_id}"
            case "software":
                return self.root / f"slice_z{slice_id}" / "tiles"
