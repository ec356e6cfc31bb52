"""Translation between planes: sign, precision, background, overlap, nothing to compare."""

import numpy as np
import pytest
from scipy import ndimage

from linumpy.errors import BadValue
from linumpy.registration.phase import NOTHING, ncc_at, phase_shift


def texture(seed: int, n: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    fine = ndimage.gaussian_filter(rng.normal(size=(n, n)), 2.0)
    coarse = ndimage.gaussian_filter(rng.normal(size=(n, n)), 12.0)
    return (3 + fine / fine.std() + coarse / coarse.std()).astype(np.float32)


def pair(dy: float, dx: float, n: int = 200, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return (fixed, moving): moving must go by (dy, dx) to lie on fixed."""
    scene = texture(seed, n + 160)
    moved = ndimage.shift(scene, (dy, dx), order=3)
    window = np.s_[80 : 80 + n, 80 : 80 + n]
    return moved[window].copy(), scene[window].copy()


def test_sign_by_hand():
    "A dot at column 10 of moving that stands at column 14 of fixed must go by dx = +4."
    fixed, moving = np.full((2, 32, 32), 0.5, np.float32)
    moving[20, 10], fixed[17, 14] = 9, 9
    found = phase_shift(fixed, moving)
    assert (round(found.dy_px), round(found.dx_px)) == (-3, 4)


@pytest.mark.parametrize("shift", [(0.0, 0.0), (3.3, -7.6), (-20.5, 14.25), (61.4, -40.7)])
def test_subpixel_with_gain_and_offset(shift):
    "Gain and offset do not matter; the error stays below 0.05 px."
    fixed, moving = pair(*shift)
    found = phase_shift(1.7 * fixed + 4, moving)
    assert (found.dy_px, found.dx_px) == pytest.approx(shift, abs=0.05)
    assert found.confidence > 0.8


def test_zero_background_does_not_pull_to_zero():
    "Mosaic borders at the same place in both planes say nothing about the tissue."
    fixed, moving = pair(9.4, -5.2)
    for plane in (fixed, moving):
        plane[:40] = plane[:, -60:] = 0
    found = phase_shift(fixed, moving)
    assert (found.dy_px, found.dx_px) == pytest.approx((9.4, -5.2), abs=0.1)


def test_nan_is_no_data():
    "NaN counts as outside, as 0 does."
    fixed, moving = pair(2.0, 3.0)
    fixed[50:80] = np.nan
    found = phase_shift(fixed, moving)
    assert (found.dy_px, found.dx_px) == pytest.approx((2.0, 3.0), abs=0.05)


def test_partial_overlap_of_planes_of_unlike_shape():
    "Half of a smaller plane overlaps."
    scene = texture(2, 300)
    fixed, moving = scene[:200, :200].copy(), scene[60:180, 140:260].copy()
    found = phase_shift(fixed, moving)
    assert (found.dy_px, found.dx_px) == pytest.approx((60, 140), abs=0.05)
    assert found.overlap == pytest.approx(0.5, abs=0.02)


def test_large_planes_use_the_pyramid():
    "The answer of a plane that is halved twice is as precise."
    fixed, moving = pair(-70.6, 33.3, n=600)
    found = phase_shift(fixed, moving)
    assert (found.dy_px, found.dx_px) == pytest.approx((-70.6, 33.3), abs=0.05)


def test_bound_holds():
    "No answer lies beyond the bound."
    fixed, moving = pair(30.0, 0.0)
    found = phase_shift(fixed, moving, max_shift_px=10)
    assert max(abs(found.dy_px), abs(found.dx_px)) <= 10


def test_masks_replace_the_default():
    "A bright thing that moves otherwise is masked out."
    fixed, moving = pair(4.0, 4.0)
    fixed[90:110, 90:110] = moving[90:110, 90:110] = 80
    mask = np.ones((200, 200), bool)
    mask[80:120, 80:120] = False
    found = phase_shift(fixed, moving, fixed_mask=mask, moving_mask=mask)
    assert (found.dy_px, found.dx_px) == pytest.approx((4, 4), abs=0.05)


def test_noise_lowers_confidence():
    "The confidence falls with the noise, and unrelated planes get the least."
    fixed, moving = pair(3.0, 2.0)
    rng = np.random.default_rng(3)
    noise = rng.normal(size=fixed.shape).astype(np.float32)
    scores = [phase_shift(fixed + s * noise, moving).confidence for s in (0, 1, 4)]
    scores.append(phase_shift(texture(9, 200), moving).confidence)
    assert scores == sorted(scores, reverse=True)
    assert scores[-1] < 0.2


@pytest.mark.parametrize("value", [0.0, 3.0])
def test_nothing_to_compare(value):
    "Empty and constant planes give confidence 0 and no shift."
    flat = np.full((40, 40), value, np.float32)
    assert phase_shift(flat, texture(4, 40)) == NOTHING
    assert phase_shift(flat, flat) == NOTHING


def test_identical_planes():
    "A plane lies on itself."
    plane = texture(5, 64)
    found = phase_shift(plane, plane)
    assert (found.dy_px, found.dx_px) == pytest.approx((0, 0), abs=1e-3)
    assert found.ncc == pytest.approx(1, abs=1e-5)


def test_ncc_at_is_normalised_on_the_overlap():
    "The correlation of an overlap never leaves [-1, 1]."
    plane = texture(6, 64)
    assert ncc_at(plane, 2 * plane + 1, (0, 0)) == pytest.approx(1, abs=1e-5)
    assert ncc_at(plane, 10 - plane, (0, 0)) == pytest.approx(-1, abs=1e-5)
    assert ncc_at(plane, plane, (60, 0)) == 0.0


def test_wrong_shapes_are_refused():
    "Volumes and masks of another shape are refused."
    plane = texture(7, 32)
    with pytest.raises(BadValue, match=r"\(y, x\) is needed"):
        phase_shift(plane[None], plane)
    with pytest.raises(BadValue, match="moving mask has shape"):
        phase_shift(plane, plane, moving_mask=np.ones((3, 3), bool))
