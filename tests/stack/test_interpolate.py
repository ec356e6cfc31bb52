"""zmorph: its gates, its geometry in depth, its gain over the average."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage
from skimage.metrics import structural_similarity

sys.path.insert(0, str(Path(__file__).parents[1] / "registration"))
from planted import source, speckle, tissue, view

from linumpy.errors import BadValue
from linumpy.registration.affine import Affine2D, AffineFit
from linumpy.registration.planes import Motion, Plane
from linumpy.registration.refine import RigidFit
from linumpy.scripts.interpolate_steps import explain
from linumpy.stack.interpolate import (
    Neighbours,
    average_planes,
    depth_share,
    morph_between,
    morph_planes,
    plan_morph,
    weighted_planes,
)
from linumpy.stack.morph_gates import Gates, Morph, decide

INTERVAL, N = 6, 96
MOVES = (2.0, 5.0, -4.0)  # per interval: degrees, px, px


def brain(moves=MOVES, depth=7, looks=12.0, seed=1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return before, after and what lies between; the content moves with depth."""
    still = tissue(seed, 2 * INTERVAL + depth, 130, along_z=12.0)
    middle = INTERVAL + depth / 2
    moved = np.stack(
        [
            view(plane, N, tuple(m * (z - middle) / INTERVAL for m in moves))
            for z, plane in enumerate(still)
        ]
    )
    cuts = (moved[:depth], moved[2 * INTERVAL :][:depth], moved[INTERVAL:][:depth])
    return speckle(2, cuts[0], looks), speckle(3, cuts[1], looks), cuts[2]


def around(before, after, interval=INTERVAL) -> Neighbours:
    return Neighbours(source(before, "before"), source(after, "after"), interval)


def ssim(made: list[Plane], truth: np.ndarray) -> float:
    span = float(truth.max() - truth.min())
    scores = [
        structural_similarity(a, np.asarray(b, np.float32), data_range=span)
        for a, b in zip(made, truth, strict=True)
    ]
    return float(np.mean(scores))


def test_deforming_neighbours_beat_the_average():
    "SSIM with what was there is at least a tenth above that of the plain average."
    before, after, truth = brain()
    neighbours = around(before, after)
    morph = plan_morph(neighbours, Gates(), tissue_threshold=0.2)
    assert morph.reason is None
    assert not morph.is_identity
    made = list(morph_planes(neighbours, morph, Gates()))
    assert ssim(made, truth) > 1.1 * ssim(list(average_planes(neighbours)), truth)


def test_aligned_neighbours_are_accepted():
    "Planes that agree already may be morphed without a motion."
    before, _, _ = brain((0, 0, 0), looks=50)
    neighbours = around(before, before[::-1].copy())
    morph = plan_morph(neighbours, Gates(), tissue_threshold=0.2)
    assert morph.reason is None
    assert morph.pre_ncc > 0.8
    assert morph.affine.translation == pytest.approx([0, 0], abs=0.2)


def test_identical_neighbours_take_the_identity():
    "Registration cannot improve what agrees wholly: the identity, not a refusal."
    plane = brain()[0][:1]
    same = np.repeat(plane, 7, axis=0)
    morph = plan_morph(around(same, same), Gates())
    assert (morph.reason, morph.is_identity) == (None, True)


def test_noisy_neighbours_in_place_are_accepted():
    "Speckle keeps the correlation low; registration is sure that nothing moved."
    before, after, _ = brain((0, 0, 0), looks=6)
    morph = plan_morph(around(before, after), Gates(aligned_ncc=1.0), tissue_threshold=0.2)
    assert (morph.reason, morph.is_identity) == (None, True)


def test_unrelated_neighbours_are_refused():
    "Other tissue has too low a correlation."
    before, _, _ = brain()
    _, after, _ = brain(seed=9)
    morph = plan_morph(around(before, after), Gates(), tissue_threshold=0.2)
    assert morph.reason in {"low_overlap_ncc", "reg_did_not_improve"}


def test_registration_that_does_not_help_is_refused():
    "Planes that do not agree and do not get better."
    before, _, _ = brain(looks=1.0)
    _, after, _ = brain(looks=1.0, seed=9)
    gates = Gates(min_overlap_correlation=-1.0)
    assert plan_morph(around(before, after), gates).reason == "reg_did_not_improve"


def test_blank_planes_are_refused():
    "Without tissue at the boundary nothing is made."
    before, after, _ = brain()
    blank = np.zeros_like(before)
    assert plan_morph(around(before, blank), Gates()).reason == "no_foreground_planes"
    dim = np.full_like(before, 0.1)
    morph = plan_morph(around(dim, after), Gates(), tissue_threshold=0.2)
    assert morph.reason == "no_foreground_planes"


def test_a_failed_registration_is_refused():
    "Flat planes leave nothing to register."
    flat = np.ones((7, N, N), np.float32)
    gates = Gates(min_overlap_correlation=0.0)
    assert plan_morph(around(flat, flat), gates).reason == "registration_exception"


def test_a_mirrored_result_is_refused(monkeypatch):
    "A determinant that is not positive turns the tissue over."
    before, after, _ = brain()
    mirror = Affine2D(np.diag([-1.0, 1.0]), np.zeros(2))
    rigid = RigidFit(Motion(0, 9, 9), 0.5, 1.0, 0.1, 0.1, is_found=True)
    fit = AffineFit(mirror, rigid)
    monkeypatch.setattr("linumpy.stack.interpolate.refine_affine", lambda *_, **__: fit)
    morph = plan_morph(around(before, after), Gates(aligned_ncc=1.0))
    assert morph.reason == "affine_determinant_non_positive"


def test_alpha_is_the_share_of_the_depth_between_the_boundaries():
    "A gap of 6 planes between plane 5 of before and plane 0 of after at depth 12."
    flat = np.ones((6, 4, 4), np.float32)
    neighbours = around(flat, flat)
    morph = Morph(None, ref_before=5, ref_after=0)
    shares = [depth_share(neighbours, morph, k) for k in range(6)]
    assert shares == pytest.approx([(1 + k) / 7 for k in range(6)])


def test_measured_planes_are_taken_as_measured():
    "Where a neighbour reaches into the slot, its own planes stand there."
    before, after, _ = brain(depth=9)
    neighbours = around(before, after)
    morph = Morph(None, ref_before=8, ref_after=0)
    made = list(morph_planes(neighbours, morph, Gates()))
    assert len(made) == 9
    for k in range(3):  # depths 6, 7, 8 of before
        np.testing.assert_array_equal(made[k], before[6 + k])
    for k in range(6, 9):  # depths 12, 13, 14: planes 0, 1, 2 of after
        np.testing.assert_array_equal(made[k], after[k - 6])


def test_slices_deeper_than_two_intervals_need_no_morph():
    "Then the boundary planes overlap, and every plane was measured."
    before, after, _ = brain(depth=16)
    neighbours = around(before, after)
    assert neighbours.last_before == 2 * INTERVAL
    morph = plan_morph(neighbours, Gates(), tissue_threshold=0.2)
    assert morph.reason is None
    shares = {depth_share(neighbours, morph, k) for k in range(neighbours.n_out)}
    assert {0.0, 1.0} <= shares


def test_a_translation_is_shared_between_both_planes():
    "t = (4, 0), α = 0.25: before shifted by a quarter, after back by three quarters, 3 : 1."
    rows = np.arange(40, dtype=np.float32)[:, None]
    before = np.broadcast_to(1 + rows, (40, 20)).copy()
    after = np.broadcast_to(5 + rows, (40, 20)).copy()  # after(y) = before(y + 4)
    affine = Affine2D(np.eye(2), np.array([4.0, 0.0]))
    made = morph_between(before, after, affine, 0.25, "linear")
    np.testing.assert_allclose(made[10:30], before[10:30] + 1, atol=1e-4)
    other = morph_between(before, after + 8, affine, 0.25, "linear")
    np.testing.assert_allclose(other[10:30], before[10:30] + 1 + 0.25 * 8, atol=1e-4)


@pytest.mark.parametrize("blend", ["gaussian", "linear"])
def test_one_source_stands_alone_and_none_gives_zero(blend):
    "Where only one plane has data it keeps its brightness; without any the result is 0."
    before, after = np.zeros((2, 30, 30), np.float32)
    before[5:20, 5:25], after[10:25, 5:25] = 3, 5
    made = morph_between(before, after, Affine2D(np.eye(2), np.zeros(2)), 0.5, blend)
    assert made[7, 15] == pytest.approx(3)
    assert made[22, 15] == pytest.approx(5)
    assert 3 < made[15, 15] < 5
    assert not made[:5].any()
    assert not made[25:].any()


def test_average_and_weighted():
    "The mean of both at equal depth; smoothed along z it keeps a constant."
    before = np.arange(1, 9, dtype=np.float32)[:, None, None] * np.ones((1, 4, 4), np.float32)
    after = before + 2
    after[:, 0, 0] = 0
    neighbours = around(before, after[:6])
    made = np.stack(list(average_planes(neighbours)))
    assert made.shape == (6, 4, 4)
    np.testing.assert_array_equal(made[:, 1, 1], np.arange(2, 8))
    np.testing.assert_array_equal(made[:, 0, 0], np.arange(1, 7))
    smooth = np.stack(list(weighted_planes(neighbours)))
    kernel = ndimage.gaussian_filter1d(np.eye(6), 2.0, axis=0, mode="constant", truncate=3)
    kernel /= kernel.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(smooth[:, 1, 1], kernel @ np.arange(2, 8), rtol=1e-5)


def test_canvases_must_agree():
    "Two canvases are refused."
    before, after, _ = brain()
    with pytest.raises(BadValue, match="unlike size"):
        plan_morph(around(before, after[:, :-2]), Gates())


@pytest.mark.parametrize("case", ["moves", "still", "torn", "other"])
def test_the_diagnostics_give_the_same_decision_again(case):
    "Taken anew from the numbers in the JSON."
    moves = MOVES if case == "moves" else (0.0, 0.0, 0.0)
    before, after, _ = brain(moves, looks=6)
    if case == "torn":
        after[:, :, N // 2 :] = np.roll(after[:, :, N // 2 :], 14, axis=1)
    if case == "other":
        after = brain(moves, looks=6, seed=9)[1]
    neighbours, gates = around(before, after), Gates()
    morph = plan_morph(neighbours, gates, tissue_threshold=0.2)
    said = json.loads(json.dumps(explain(neighbours, "zmorph", morph, gates)))
    again = decide(
        Morph(
            None,
            search_ncc=said["search_ncc"],
            pre_ncc=said["pre_reg_ncc"],
            post_ncc=said["post_reg_ncc"],
            band_pre=said["band_agreement_before"],
            band_post=said["band_agreement_after"],
            shorter_px=said["canvas_shorter_px"],
            fitted=Affine2D(
                np.array(said["fitted_matrix"])[::-1, ::-1],
                np.array(said["fitted_translation"])[::-1],
            ),
            rigid_motion_px=said["rigid_motion_px"],
            rigid_error_px=said["rigid_error_px"],
        ),
        gates,
    )
    assert (again.reason, again.is_identity) == (morph.reason, morph.is_identity)
    assert (morph.reason is None) == (case in {"moves", "still"})
