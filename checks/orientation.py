"""Which way do the tiles lie? Simulated acquisitions, each orientation taken as the one in force.

``python checks/orientation.py [FIRST LAST] [--alone]``: seeds; every slice by itself.
Prints how many correct acquisitions would have been stopped, how many of the seven wrong
orientations were named, and how many were named wrongly.
"""

import argparse
import sys
import warnings
from collections import Counter
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from accuracy.acquisitions import draw_acquisition
from accuracy.measure import NotRun
from linumpy.core import tile_orientation
from linumpy.mosaic import orientation
from linumpy.preproc import xyzcorr
from linumpy.synth import Rig, render
from linumpy.synth.acquire import SimulatedTile

RIGHT = tile_orientation.STANDARD


def main() -> None:
    """Draw, ask, count."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[0, 40])
    parser.add_argument("--alone", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    counts: Counter[str] = Counter()
    for seed in range(*given.seeds):
        try:
            slices = _slices(seed)
        except NotRun:
            continue
        for group in [[one] for one in slices] if given.alone else [slices]:
            _ask(group, counts)
    print(
        f"{counts['asked']} asked, {counts['stopped']} correct ones stopped; of "
        f"{7 * counts['asked']} wrong orientations {counts['named']} named, "
        f"{counts['named wrongly']} named wrongly"
    )


def _slices(seed: int) -> list[orientation.Fits]:
    """Return what the overlaps of each slice say, the one with the most tissue first."""
    truth = draw_acquisition(seed, 6)
    rig = truth.truth.rig
    found = []
    for one in render(truth.scene, truth.truth, workers=2):
        tiles = list(one.tiles)
        planes = _planes(tiles, rig)
        tissue = sum(float(plane.plane.std()) for plane in planes)
        found.append((tissue, orientation.compare(planes, rig.pixel_mm)))
    return [fits for _, fits in sorted(found, key=lambda one: -one[0])]


def _planes(tiles: list[SimulatedTile], rig: Rig) -> list[orientation.TilePlane]:
    roll, _ = xyzcorr.detect_galvo_for_slice([tile.pixels for tile in tiles], rig.n_extra)
    nx, ny = rig.tile_px
    return [
        orientation.TilePlane(
            np.roll(tile.pixels.mean(axis=0, dtype=np.float32), roll, axis=0)[:nx, :ny],
            tile.row,
            tile.column,
            rig.stage_sign_y * (tile.info.stage_y_mm or 0),
            rig.stage_sign_x * (tile.info.stage_x_mm or 0),
        )
        for tile in tiles
    ]


def _ask(slices: list[orientation.Fits], counts: Counter[str]) -> None:
    counts["asked"] += 1
    for in_force in tile_orientation.ALL:
        verdict = orientation.judge_in_turn(slices[: orientation.MOST_SLICES], in_force)
        if in_force == RIGHT:
            counts["stopped"] += bool(verdict.better)
        elif verdict.better:
            counts["named" if verdict.better[0] == RIGHT else "named wrongly"] += 1


if __name__ == "__main__":
    main()
