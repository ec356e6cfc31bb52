"""Rigid and affine refinement: precision on planted motions, bounds, honest errors."""

import numpy as np
import pytest
from planted import pair, speckle, tissue, view

from linumpy.registration.affine import Affine2D, refine_affine
from linumpy.registration.planes import Motion
from linumpy.registration.refine import Bounds, refine_rigid


def check(fit, motion, *, px=0.25, deg=0.2):
    found = fit.motion
    assert found.rotation_deg == pytest.approx(motion[0], abs=deg)
    assert (found.dx_px, found.dy_px) == pytest.approx(motion[1:], abs=px)


@pytest.mark.parametrize("motion", [(0, 0, 0), (3, 2.3, -1.6), (-2.4, -3.2, 2.7)])
def test_planted_motion_is_found(motion):
    "Rotation and translation to a fraction of a pixel, under gain and speckle."
    fixed, moving = pair(motion)
    fit = refine_rigid(fixed, moving)
    check(fit, motion)
    assert fit.error_px < 0.3


def test_large_translation_from_a_start():
    "From a start some pixels off the large translation is found."
    motion = (1.5, 18.0, -14.0)
    fixed, moving = pair(motion)
    check(refine_rigid(fixed, moving, starts=[Motion(), Motion(0, 15, -16)]), motion)


def test_partial_overlap():
    "Data that end at different places do not pull the result."
    motion = (1.0, 2.5, -3.5)
    fixed, moving = pair(motion)
    fixed[:, :30] = 0
    moving[95:] = np.nan
    fit = refine_rigid(fixed, moving)
    check(fit, motion, px=0.4, deg=0.3)
    assert fit.overlap < 0.97


def test_translation_only():
    "A bound of 0 degrees leaves the rotation at exactly 0."
    fixed, moving = pair((0, 2.0, 1.0))
    fit = refine_rigid(fixed, moving, bounds=Bounds(rotation_deg=0))
    assert fit.motion.rotation_deg == 0
    check(fit, (0, 2.0, 1.0))


def test_bounds_hold():
    "The result lies within the bounds; the direction of the translation is kept."
    fixed, moving = pair((3, 6, 0))
    fit = refine_rigid(fixed, moving, bounds=Bounds(rotation_deg=1, translation_px=2))
    assert abs(fit.motion.rotation_deg) <= 1
    assert fit.motion.translation_px <= 2 + 1e-9
    assert Bounds(5, 5).clip(Motion(-9, 6, -8)) == Motion(-5, 3, -4)


def test_identical_planes():
    "A plane lies on itself, without an error."
    fixed, _ = pair((0, 0, 0))
    fit = refine_rigid(fixed, fixed)
    check(fit, (0, 0, 0), px=1e-3, deg=1e-3)
    assert fit.error_px < 1e-2


@pytest.mark.parametrize("value", [0.0, 0.7])
def test_nothing_to_compare(value):
    "Empty and constant planes leave the start."
    flat = np.full((60, 60), value, np.float32)
    fit = refine_rigid(flat, pair((0, 0, 0), n=60)[1], starts=[Motion(0, 1, 2)])
    assert not fit.is_found
    assert refine_affine(flat, flat, bounds=Bounds()) is None


def test_the_estimated_error_grows_with_the_noise():
    "Less light, larger estimated error; unrelated planes have the largest."
    errors = []
    for looks in (50, 1):
        fixed, moving = pair((1, 2, 3), looks=looks)
        errors.append(refine_rigid(fixed, moving).error_px)
    errors.append(refine_rigid(fixed, pair((0, 0, 0), seed=77)[1]).error_px)
    assert errors == sorted(errors)
    assert errors[-1] > 1


def test_the_result_is_the_same_every_time():
    "No random choice anywhere."
    fixed, moving = pair((2, 3, 1))
    assert refine_rigid(fixed, moving) == refine_rigid(fixed, moving)


def test_planted_affine_is_found():
    "Stretch and shear to a tenth of a percent or so: 0.3 px at the rim."
    scene = tissue(3, 1, 170, along_z=0.0)[0]
    pull = np.array([[1.04, 0.03], [-0.02, 0.97]])
    from scipy import ndimage

    centre, middle = 59.5, 84.5
    offset = middle + np.array([2.0, -1.5]) - pull @ [centre, centre]
    fixed = ndimage.affine_transform(scene, pull, offset, output_shape=(120, 120), order=1)
    moving = view(scene, 120, (0, 0, 0))
    found = refine_affine(speckle(1, fixed, 20), speckle(2, moving, 20), bounds=Bounds())
    assert found is not None
    assert found.affine.matrix == pytest.approx(pull, abs=0.006)
    assert found.affine.translation == pytest.approx([2.0, -1.5], abs=0.3)


def test_powers_of_a_translation():
    "M = I, t = (4, 0): a quarter of the way forth is t / 4, three quarters back −3 t / 4."
    shift = Affine2D(np.eye(2), np.array([0.0, 4.0]))
    assert shift.power(0.25)[0].translation.tolist() == [0, 1]
    assert shift.power(-0.75)[0].translation.tolist() == [0, -3]


def test_powers_multiply():
    "T^α after T^(1 − α) is T; the ends are exact."
    affine = Affine2D(np.array([[1.03, 0.1], [-0.08, 0.97]]), np.array([3.0, -5.0]))
    (one, lost), (two, _) = affine.power(0.3), affine.power(0.7)
    assert lost < 1e-12
    assert one.matrix @ two.matrix == pytest.approx(affine.matrix)
    assert one.matrix @ two.translation + one.translation == pytest.approx(affine.translation)
    assert affine.power(1)[0] is affine
    assert not affine.power(0)[0].translation.any()
