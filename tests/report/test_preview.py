"""The picture before the run: tiles where the stage put them, what is missing, what is far away."""

import io

import numpy as np
import pytest
from matplotlib.image import imread

from linumpy.core.slice_id import SliceId
from linumpy.report import preview
from linumpy.report.preview import Preview, PreviewSlice, PreviewTile

FOV = (1.0, 1.0)


def one(number=0, at=(0.0, 0.0), *, value=1.0, vacant=()):
    plane = np.full((8, 8), value, np.float32)
    plane[0, 0] = 0
    tiles = tuple(PreviewTile(plane, at[0] + y, at[1] + x) for y in (0, 0.8) for x in (0, 0.8))
    return PreviewSlice(SliceId(number), tiles, vacant)


def draw(*slices, **more):
    data = preview.to_png(Preview("title", "finding", False, FOV, slices, **more))
    return np.round(np.asarray(imread(io.BytesIO(data)))[..., :3] * 255).astype(int)


def count(pixels, colour):
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return int((np.abs(pixels - rgb).max(axis=2) <= 2).sum())


def test_the_same_acquisition_gives_the_same_bytes():
    "No date, no chance."
    picture = Preview("title", "finding", False, FOV, (one(), one(1)))
    assert preview.to_png(picture) == preview.to_png(picture)


def test_missing_and_unreadable_tiles_are_hatched():
    "Each in its colour; without any only the legend is."
    base = draw(one(), one(1))
    vacant = draw(one(), one(1, vacant=((0.0, 1.6),)))
    assert count(vacant, preview.HATCH) > 2 * count(base, preview.HATCH)
    unread = PreviewSlice(SliceId(1), (*one(1).tiles[1:], PreviewTile(None, 0.0, 0.0)))
    assert count(draw(one(), unread), preview.ALARM) > 0 == count(base, preview.ALARM)


def test_a_slice_that_jumped_is_seen_to_have_jumped():
    "Panels show the same part of the stage."
    low, size = preview._frame((one(), one(1, (0.3, 0.0)), one(2)), FOV)
    assert low == (0.0, 0.0)
    assert size == pytest.approx((2.1, 1.8))


def test_a_slice_far_away_does_not_shrink_the_others():
    "It is drawn in a frame of its own, and the distance stands above it."
    slices = (one(), one(1), one(2, (500.0, 0.0)), one(3))
    low, size = preview._frame(slices, FOV)
    assert (low, size) == ((0.0, 0.0), pytest.approx((1.8, 1.8)))
    assert preview._origin_of(slices[2], (low, size)) == ((500.0, 0.0), True)
    assert count(draw(*slices), preview.ALARM) > 0


def test_tiles_lie_where_the_stage_put_them():
    "Later tiles over earlier ones, NaN where there is none."
    some = PreviewSlice(SliceId(0), one().tiles[:1])
    canvas = preview._compose(some, (0.0, 0.0), ((2.0, 2.0), FOV), 10, (0.0, 1.0))
    assert canvas.shape == (20, 20)
    assert np.isfinite(canvas[:10, :10]).all()
    assert np.isnan(canvas[10:]).all()
    assert np.isnan(canvas[:, 10:]).all()
    assert canvas[0, 0] < canvas[9, 9] == 1


def test_gaps_single_slices_and_nothing_readable_can_be_drawn():
    "Never acquired, one slice only, no plane at all, both ways beside each other."
    nothing = PreviewSlice(SliceId(0), (PreviewTile(None, 0.0, 0.0),))
    for slices in ((one(), PreviewSlice(SliceId(1)), one(2)), (one(),), (nothing,)):
        assert draw(*slices).size
    both = {"in force": (one(), FOV), "would fit": (one(), FOV)}
    assert draw(one(), one(1), otherwise=both).shape[0] > draw(one(), one(1)).shape[0]
