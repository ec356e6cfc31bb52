"""The galvo return: found by what is the same in all tiles, moved without interpolation."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from linumpy.errors import BadValue
from linumpy.preproc import xyzcorr

NX, N_EXTRA, NY, NZ = 60, 12, 24, 6
N = NX + N_EXTRA


def scene(seed, *, scale=3.0, contrast=0.4):
    """Tissue-like texture, shape (NY, long x)."""
    texture = np.random.default_rng(seed).normal(size=(NY, 8 * NX))
    texture = ndimage.gaussian_filter(texture, scale)
    return 100 * np.exp(contrast * texture / texture.std())


def sweep(image, *, gain, retraced=True):
    """One tile's AIP (N, NY): the image, then the return."""
    lines = image.T
    if retraced:
        places = NX - 1 - (np.arange(N_EXTRA) + 0.5) * NX / N_EXTRA
        back = lines[np.clip(places.round().astype(int), 0, NX - 1)]
    else:
        back = np.full((N_EXTRA, NY), lines.mean())
    return np.concatenate([lines, gain * back])


def make_tiles(seed, *, roll=0, gain=0.5, n_tiles=7, retraced=True, **texture):
    """Raw tiles (NZ, N, NY) with speckle; the record is rolled so that ``roll`` undoes it."""
    rng = np.random.default_rng(seed)
    whole = scene(seed, **texture)
    tiles = []
    for i in range(n_tiles):
        aip = sweep(whole[:, i * NX : (i + 1) * NX], gain=gain, retraced=retraced)
        pixels = aip * rng.gamma(6.0, 1 / 6, (NZ, N, NY)) + rng.gamma(2.0, 0.5, (NZ, N, NY))
        tiles.append(np.roll(pixels, -roll, axis=1).astype(np.float32))
    return tiles


def detect(tiles, **options):
    return xyzcorr.detect_galvo_for_slice(tiles, N_EXTRA, **options)


@pytest.mark.parametrize("roll", [1, 5, N_EXTRA, 21, NX, NX + 5, N - 1])
@pytest.mark.parametrize("gain", [0.4, 1.8])
def test_every_roll_is_found(roll, gain):
    "From 1 to N − 1, bands that wrap around the end included, darker and brighter."
    shift, confidence = detect(make_tiles(3, roll=roll, gain=gain))
    assert shift == roll
    assert confidence >= 0.6


@pytest.mark.parametrize("seed", range(12))
def test_a_clean_slice_stays_as_it_is(seed):
    "Texture is no band, even when the page's score of a tile says so."
    scale = 1.0 + seed / 2
    for gain in (0.4, 0.9, 1.0, 1.1, 2.0):
        shift, confidence = detect(make_tiles(seed, gain=gain, scale=scale, n_tiles=5))
        assert (shift, confidence < 0.6) == (0, True), gain


@pytest.mark.parametrize("seed", range(6))
def test_a_return_of_other_tissue_is_found(seed):
    "The evidence does not rest on the retrace alone."
    roll = 7 + 9 * seed
    shift, confidence = detect(make_tiles(seed, roll=roll, gain=0.5, retraced=False))
    assert (shift, confidence >= 0.6) == (roll, True)


def test_empty_tiles_say_nothing():
    "Background is passed over; a few bright tiles among many decide."
    bright = make_tiles(5, roll=17, n_tiles=6)
    rng = np.random.default_rng(0)
    dark = [rng.gamma(2.0, 1.0, (NZ, N, NY)).astype(np.float32) for _ in range(40)]
    tiles = [*dark[:20], *bright, *dark[20:]]
    evidence = xyzcorr.measure_galvo(tiles, N_EXTRA)
    assert evidence.tiles == tuple(range(20, 26))
    assert not evidence.are_brightest
    assert detect(tiles)[0] == 17


def test_the_brightest_are_used_when_none_is_bright():
    "Rigs with other units of intensity; the evidence says so."
    tiles = [tile / 1000 for tile in make_tiles(5, roll=17)]
    evidence = xyzcorr.measure_galvo(tiles, N_EXTRA)
    assert evidence.are_brightest
    assert len(evidence.tiles) == 5
    assert evidence.shift == 17


def test_at_most_three_times_n_samples():
    "Candidates are spread over the slice."
    tiles = make_tiles(5, n_tiles=7) * 4
    evidence = xyzcorr.measure_galvo(tiles, N_EXTRA, n_samples=2)
    assert evidence.tiles == (0, 5, 11, 16, 22, 27)


@pytest.mark.parametrize("roll", [0, 21])
def test_the_decision_follows_from_the_evidence(roll):
    "What the JSON holds gives the same confidence and roll again, and survives JSON."
    evidence = xyzcorr.measure_galvo(make_tiles(2, roll=roll), N_EXTRA)
    found = json.loads(json.dumps(evidence.to_json(), allow_nan=False))
    strength = found["strength"]
    again = xyzcorr.confidence_of(strength["candidate"], strength["end"], strength["second"])
    assert again == found["confidence"]
    is_misplaced = strength["candidate"] > strength["end"]
    assert found["shift_px"] == (found["candidate_shift_px"] if is_misplaced else 0) == roll
    assert len(found["profile"]) == N
    assert {"contrast", "sharpness", "anomaly", "score"} == set(found["terms"])


def test_it_is_deterministic():
    "The same tiles give the same numbers."
    one, two = (xyzcorr.measure_galvo(make_tiles(2, roll=9), N_EXTRA) for _ in range(2))
    assert one == two


def test_the_threshold_is_the_callers():
    "Below it the shift is 0 and the confidence is still told."
    tiles = make_tiles(2, roll=9)
    confidence = detect(tiles)[1]
    assert 0.6 <= confidence < 1
    assert detect(tiles, threshold=1.0) == (0, confidence)


def test_nothing_to_look_at():
    "No tiles or no return: (0, 0.0), as the page has it; the full evidence refuses."
    assert detect([]) == (0, 0.0)
    assert xyzcorr.detect_galvo_for_slice(make_tiles(1), 0) == (0, 0.0)
    with pytest.raises(BadValue, match="no galvo return to look at"):
        xyzcorr.measure_galvo([], N_EXTRA)


@pytest.mark.parametrize(
    ("start", "shift"), [(150, 250), (400, 0), (0, 400), (420, 420), (399, 1), (401, 439)]
)
@pytest.mark.parametrize("level", [50.0, 150.0])
def test_the_worked_shifts(start, shift, level):
    "Domain facts A.2, N = 440, n = 40: (N − s − n) mod N, without any noise."
    aip = np.full((440, 5), 100.0)
    aip[(start + np.arange(40)) % 440] = level
    found, confidence = xyzcorr.detect_galvo_shift(aip, 40)
    assert found == shift
    assert (confidence >= 0.6) == (shift != 0)
    rolled = xyzcorr.fix_galvo_shift(aip, found, axis=0)
    assert (rolled[400:] == level).all()
    assert (rolled[:400] == 100).all()


@pytest.mark.parametrize("aip", [np.zeros((60, 4)), np.full((60, 4), 5.0)])
def test_a_flat_projection(aip):
    "No evidence, no roll."
    assert xyzcorr.detect_galvo_shift(aip, 12) == (0, 0.0)


@pytest.mark.parametrize(
    ("shape", "n", "message"),
    [
        ((60, 4), 60, "a return of 60 A-lines in a sweep of 60; allowed: 1 to 59"),
        ((60, 4), 0, "a return of 0 A-lines"),
        ((60,), 12, r"shapes .*\(60,\)"),
        ((60, 0), 12, "shapes"),
    ],
)
def test_projections_that_cannot_be(shape, n, message):
    "Shape and length are checked."
    with pytest.raises(BadValue, match=message):
        xyzcorr.detect_galvo_shift(np.ones(shape), n)


@given(st.integers(-200, 200), st.sampled_from([0, 1, 2]))
def test_fixing_moves_pixels_and_keeps_them(shift, axis):
    "A roll and its inverse give the tile back, bit for bit."
    tile = np.random.default_rng(0).random((3, 7, 5), dtype=np.float32)
    there = xyzcorr.fix_galvo_shift(tile, shift, axis)
    assert sorted(there.ravel()) == sorted(tile.ravel())
    np.testing.assert_array_equal(xyzcorr.fix_galvo_shift(there, -shift, axis), tile)
