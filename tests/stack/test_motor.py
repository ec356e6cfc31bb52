import numpy as np
import pytest

from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId
from linumpy.stack.motor import Link, link_sigma_um, relative, solve_positions

NOISE_UM = 8.0


def solve(truth, *, noise=0.0, seed=0, missing=(), wrong=(), unreliable=()):
    "Positions from noisy links between slices at ``truth`` (n, 3: x, y µm, degrees)."
    rng = np.random.default_rng(seed)
    ids = [SliceId(n) for n in range(len(truth))]
    at = [Rigid2D(float(a), float(x), float(y)) for x, y, a in truth]
    links = []
    for k in range(1, len(ids)):
        motion = relative(at[k - 1], at[k])
        dx, dy = rng.normal(0, noise, 2) + (200 if k in wrong else 0)
        moved = Rigid2D(motion.rotation_deg, motion.dx_um + dx, motion.dy_um + dy)
        sigma = 60.0 if k in wrong else max(noise, 1.0)
        if k not in missing:
            links.append(Link(ids[k - 1], ids[k], moved, sigma))
    sigmas = {ids[k]: 500.0 for k in unreliable}
    found = solve_positions(ids, links, arm_um=3000.0, step_sigma_um=sigmas)
    return np.array([(found[i].dx_um, found[i].dy_um, found[i].rotation_deg) for i in ids])


def test_a_slice_that_moved_alone_is_put_back_and_the_next_stays():
    "A hidden shift and rotation of one slice does not reach its followers."
    truth = np.zeros((9, 3))
    truth[5] = (80, -55, 0.6)
    np.testing.assert_allclose(solve(truth), truth, atol=1.0)


def test_a_shift_that_lasts_is_followed():
    "Where the specimen slipped for good, all later slices move with it."
    truth = np.zeros((20, 3))
    truth[10:] = (120, 60, 0)
    found = solve(truth, noise=NOISE_UM)
    step = found[10:, :2].mean(axis=0) - found[:10, :2].mean(axis=0)
    np.testing.assert_allclose(step, (120, 60), atol=15)


@pytest.mark.parametrize("seed", range(3))
def test_registration_noise_does_not_add_up(seed):
    "Over 60 good slices the stage's word stands: no random walk."
    found = solve(np.zeros((60, 3)), noise=NOISE_UM, seed=seed)
    error = np.hypot(found[:, 0], found[:, 1])
    assert np.median(error) < NOISE_UM
    assert error.max() < 5 * NOISE_UM


def test_one_wrong_registration_of_low_confidence_moves_nothing():
    "200 µm at σ 60 µm is not believed against the stage."
    found = solve(np.zeros((20, 3)), noise=2.0, wrong=(10,))
    assert np.abs(found[:, :2]).max() < 15


def test_across_a_gap_the_stage_decides():
    "Without a link there is no correction to follow."
    truth = np.zeros((8, 3))
    truth[2] = (70, 0, 0)
    np.testing.assert_allclose(solve(truth, missing=(5,)), truth, atol=1.0)


def test_an_unreliable_step_lets_registration_decide():
    "A small lasting step is followed where the stage's step cannot be trusted, else shrunk."
    truth = np.zeros((8, 3))
    truth[4:] = (18, 0, 0)
    trusted = np.diff(solve(truth, noise=NOISE_UM)[:, 0])[3]
    free = np.diff(solve(truth, noise=NOISE_UM, unreliable=(4,))[:, 0])[3]
    assert abs(free) > abs(trusted)
    assert solve(truth, unreliable=(4,))[4, 0] - solve(truth, unreliable=(4,))[3, 0] == (
        pytest.approx(18, abs=1)
    )


def test_the_first_slice_is_the_frame():
    "What lasts from slice 3 on moves those behind it by all of it, those before by nothing."
    truth = np.zeros((8, 3))
    truth[3:] = (25, -15, 0.1)
    found = solve(truth, noise=2.0, unreliable=(3,))
    np.testing.assert_allclose(found[:3, :2], 0, atol=4)
    np.testing.assert_allclose(found[3:, :2], truth[3:, :2], atol=8)


def test_one_slice_needs_no_link():
    "A stack of one is where the stage put it."
    assert solve_positions([SliceId(3)], [], arm_um=1.0) == {SliceId(3): Rigid2D()}


def test_confidence_becomes_an_error():
    "0.6 is half a voxel, 1 a tenth."
    assert link_sigma_um(0.6, 10.0) == pytest.approx(5.1, abs=0.01)
    assert link_sigma_um(1.0, 10.0) == pytest.approx(1.0)


def test_what_a_person_has_set_is_never_disbelieved():
    "Against the stage and all registrations, after a turned slice, to a hundredth of a micrometre."
    ids = [SliceId(n) for n in range(5)]
    turned = Link(ids[0], ids[1], Rigid2D(3.0, 20, -10), 4.0)
    far = Rigid2D(-2.9, -1000, 118)
    by_hand = Link(ids[1], ids[2], far, 0.01, is_exact=True)
    back = Link(ids[2], ids[3], Rigid2D(0, 2, 1), 4.0)
    found = solve_positions(ids, [turned, by_hand, back], arm_um=1000)
    motion = relative(found[ids[1]], found[ids[2]])
    assert motion.dx_um == pytest.approx(far.dx_um, abs=0.01)
    assert motion.dy_um == pytest.approx(far.dy_um, abs=0.01)
    assert motion.rotation_deg == pytest.approx(far.rotation_deg, abs=0.001)
