"""The overlaps say which way the tiles lie, and say nothing where they do not know."""

from dataclasses import replace

import numpy as np
import pytest

from linumpy.core import tile_orientation
from linumpy.mosaic import orientation
from linumpy.synth import Faults, Rig, plan, render
from linumpy.synth.presets import make_scene
from tests.lying import to_lie

RIG = Rig(lateral_um=25, tile_px=(48, 40), n_extra=0, ids=(0,), image_depth_um=180, overlap=0.2)


def tiles_of(rig=RIG, grid=(3, 3), seed=1, anatomy="brain"):
    """Tile planes of one slice as `right_down` lays them, and their sampling."""
    scene = make_scene(anatomy, rig, grid, seed)
    (one,) = render(scene, plan(scene, rig, Faults(), seed))
    found = [
        orientation.TilePlane(
            tile.pixels.mean(axis=0), tile.row, tile.column, tile.info.stage_y_mm,
            tile.info.stage_x_mm,
        )
        for tile in one.tiles
    ]  # fmt: skip
    return found, rig.pixel_mm


@pytest.fixture(scope="module")
def brain():
    return tiles_of()


def lain(found, lies):
    return [replace(tile, plane=to_lie(tile.plane, lies)) for tile in found]


@pytest.mark.parametrize("lies", tile_orientation.ALL)
def test_each_orientation_is_found(brain, lies):
    "Tiles that lie one of eight ways: that one is named under the seven others, itself is left."
    found, pixel_mm = brain
    sampling = pixel_mm[::-1] if tile_orientation.is_turned(lies) else pixel_mm
    fits = orientation.compare(lain(found, lies), sampling)
    for in_force in tile_orientation.ALL:
        verdict = orientation.judge(fits, in_force)
        assert verdict.n_pairs == {"x": 6, "y": 6}
        if in_force == lies:
            assert verdict.better == ()
            assert verdict.is_seen
        else:
            assert verdict.better[0] == lies
            assert not verdict.is_seen


@pytest.mark.parametrize("axis", ["x", "y"])
def test_a_wrong_sign_is_a_mirrored_tile(brain, axis):
    "To an overlap they are the same."
    found, pixel_mm = brain
    name = f"{axis}_mm"
    wrong = [replace(tile, **{name: -getattr(tile, name)}) for tile in found]
    verdict = orientation.judge(orientation.compare(wrong, pixel_mm), "right_down")
    assert verdict.better[0] == tile_orientation.mirrored("right_down", axis)


def noise(found, seed=0):
    rng = np.random.default_rng(seed)
    return [replace(t, plane=rng.gamma(50, 2, t.plane.shape).astype(np.float32)) for t in found]


def stripes(found):
    "Every tile has the same stripes along its B-scans, and nothing else but noise."
    wave = 1 + 0.5 * np.sin(np.arange(found[0].plane.shape[0]) / 3)[:, None]
    return [replace(t, plane=(t.plane * wave).astype(np.float32)) for t in noise(found)]


def symmetric(found):
    "The same disc in every tile, seen from anywhere."
    y, x = np.mgrid[-1:1:48j, -1:1:40j]
    disc = (100 + 50 * (x**2 + y**2 < 0.5)).astype(np.float32)
    return [replace(t, plane=t.plane * disc / 100) for t in noise(found)]


def empty(found):
    return [replace(t, plane=np.zeros_like(t.plane)) for t in found]


@pytest.mark.parametrize("make", [noise, stripes, symmetric, empty])
@pytest.mark.parametrize("in_force", tile_orientation.ALL)
def test_what_does_not_tell_stops_nothing(brain, make, in_force):
    "Uncorrelated speckle, what all tiles share, nothing at all."
    found, pixel_mm = brain
    verdict = orientation.judge(orientation.compare(make(found), pixel_mm), in_force)
    assert verdict.better == ()


def test_few_overlaps_stop_nothing(brain):
    "A single tile, a pair."
    found, pixel_mm = brain
    for some in (found[:1], found[:2]):
        fits = orientation.compare(some, pixel_mm)
        assert not any(orientation.judge(fits, one).better for one in tile_orientation.ALL)
    assert orientation.judge(orientation.NOTHING, "right_down").n_pairs == {"x": 0, "y": 0}


def test_one_row_of_tiles():
    "Only x is known: the orientation with fewest changes is named first, its equal beside it."
    found, pixel_mm = tiles_of(grid=(6, 1))
    verdict = orientation.judge(orientation.compare(found, pixel_mm), "left_down")
    assert verdict.better == ("right_down", "right_up")


@pytest.mark.parametrize("overlap", [0.05, 0.3])
@pytest.mark.parametrize("anatomy", ["vessels", "layers"])
def test_a_correct_acquisition_is_never_stopped(overlap, anatomy):
    "Narrow and wide overlaps, one look."
    rig = replace(RIG, overlap=overlap, looks=1, unreported_jitter_um=15)
    found, pixel_mm = tiles_of(rig, seed=5, anatomy=anatomy)
    assert orientation.judge(orientation.compare(found, pixel_mm), "right_down").better == ()


def test_slices_are_pooled(brain):
    "Twice the pairs, and the same answer."
    found, pixel_mm = brain
    fits = orientation.compare(found, pixel_mm)
    verdict = orientation.judge(orientation.pooled([fits, fits]), "up_left")
    assert verdict.n_pairs == {"x": 12, "y": 12}
    assert verdict.better[0] == "right_down"
    assert orientation.is_decided(verdict)
    assert not orientation.is_decided(orientation.judge(fits, "up_left"))  # six pairs an axis
