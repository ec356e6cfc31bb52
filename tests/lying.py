"""Raw tiles that lie another way in their mosaic than they were imaged."""

import dataclasses
from pathlib import Path

import numpy as np

from linumpy.core import tile_orientation
from linumpy.io import tiles
from linumpy.synth.optics import fly_back


def to_lie(pixels, orientation):
    """Return raw pixels (…, A, B) that ``orientation`` lays where ``right_down`` lays these."""
    zyx = tile_orientation.to_zyx(pixels)
    rows = slice(None, None, -1 if "up" in orientation else 1)
    columns = slice(None, None, -1 if "left" in orientation else 1)
    lying = zyx[..., rows, columns]
    return lying if tile_orientation.is_turned(orientation) else lying.swapaxes(-1, -2)


def rewrite(source: Path, target: Path, orientation: str) -> Path:
    """Write an acquisition whose tiles lie as ``orientation``; rolls of the galvo are lost."""
    for raw in tiles.discover(source).slices.values():
        for tile in raw.tiles:
            kept = tiles.read_tile(tile)[:, : tile.info.nx]
            pixels = to_lie(kept, orientation)
            info = tile.info
            if tile_orientation.is_turned(orientation):
                info = dataclasses.replace(
                    info, nx=info.ny, ny=info.nx, width_um=info.height_um, height_um=info.width_um
                )
            sweep = fly_back(np.asarray(pixels).transpose(2, 1, 0), info.n_extra, 0.5)
            place = target / f"z{raw.slice_id}"
            place.mkdir(parents=True, exist_ok=True)
            tiles.write_tile(place / tile.folder.name, sweep.transpose(2, 1, 0), info)
    return target
