"""Pairs of slices: which planes match, confidence, neighbours that do not overlap in depth."""

import numpy as np
import pytest
from planted import pair, source, speckle, tissue, view

from linumpy.errors import BadFile, BadValue
from linumpy.registration.pairwise import (
    Settings,
    confidence_of,
    formula_confidence,
    register_pair,
    start_motions,
)
from linumpy.registration.planes import Motion
from linumpy.registration.refine import Bounds, RigidFit

MOTION = (1.5, 4.0, -3.0)
INTERVAL = 6


@pytest.fixture(scope="module")
def slices() -> tuple[np.ndarray, np.ndarray]:
    """Fixed and moving, 14 planes each, cut 6 planes apart, moving dimmer and moved."""
    brain = tissue(5, 24, 130, along_z=2.0)
    fixed = np.stack([view(plane, 96, MOTION) for plane in brain[:14]])
    moving = np.stack([view(plane, 96, (0, 0, 0)) for plane in brain[INTERVAL : INTERVAL + 14]])
    return speckle(1, fixed, 8), speckle(2, 0.6 * moving, 8)


def check_motion(found, px=0.35, deg=0.3):
    assert found.motion.rotation_deg == pytest.approx(MOTION[0], abs=deg)
    assert (found.motion.dx_px, found.motion.dy_px) == pytest.approx(MOTION[1:], abs=px)


@pytest.mark.parametrize("moving_z", [0, 2])
def test_plane_m_matches_one_interval_deeper(slices, moving_z):
    "Plane m of moving is found at interval + m of fixed, and the motion with it."
    found = register_pair(*map(source, slices), Settings(INTERVAL, 3, moving_z))
    assert (found.depth.fixed_z, found.depth.moving_z) == (INTERVAL + moving_z, moving_z)
    assert found.depth.offset_planes == pytest.approx(0, abs=0.25)
    assert found.depth.drift_planes == 0
    check_motion(found)
    assert found.confidence > 0.6
    assert found.correlation > 0.9


@pytest.mark.parametrize("wrong", [-1, 2])
def test_a_wrong_expectation_shows_as_an_offset(slices, wrong):
    "Where the interval is off by some planes, the offset says by how many."
    found = register_pair(*map(source, slices), Settings(INTERVAL - wrong, 3))
    assert found.depth.fixed_z == INTERVAL
    assert found.depth.offset_planes == pytest.approx(wrong, abs=0.25)
    assert found.depth.drift_planes == abs(wrong)
    check_motion(found)


def test_a_match_beyond_the_search_is_said(slices):
    "The best plane at the end of the search is a warning, its offset unknown."
    found = register_pair(*map(source, slices), Settings(INTERVAL - 3, 1))
    assert found.depth.is_at_edge
    assert found.depth.offset_planes is None


def test_slices_that_do_not_overlap_in_depth(slices):
    "The last planes of fixed meet the first of moving."
    fixed, moving = slices
    found = register_pair(source(fixed[:INTERVAL]), source(moving), Settings(INTERVAL, 3))
    assert not found.depth.is_overlapping
    assert (found.depth.fixed_z, found.depth.moving_z) == (INTERVAL - 3, 0)
    assert found.depth.offset_planes is None
    check_motion(found, px=0.8, deg=0.6)


def test_shallow_slices(slices):
    "A moving index beyond the depth is clamped, a fixed slice of one plane works."
    fixed, moving = slices
    found = register_pair(source(fixed), source(moving[:2]), Settings(INTERVAL, 2, 9))
    assert found.depth.moving_z == 1
    found = register_pair(source(fixed[:1]), source(moving[:1]), Settings(INTERVAL, 2))
    assert found.depth.fixed_z == 0


def test_identical_slices(slices):
    "A slice on itself: no motion, full confidence."
    found = register_pair(source(slices[0]), source(slices[0]), Settings(0, 2))
    assert found.motion.translation_px < 1e-3
    assert found.confidence > 0.99


def test_unrelated_slices_have_no_confidence(slices):
    "Other tissue gives a confidence below every gate."
    other = speckle(9, np.stack([view(p, 96, (0, 0, 0)) for p in tissue(8, 14, 130)]), 8)
    found = register_pair(source(slices[0]), source(other), Settings(INTERVAL, 3))
    assert found.confidence < 0.3
    assert found.correlation < 0.5


def test_an_empty_slice_is_named(slices):
    "Planes without data are an error that names slice and planes."
    empty = np.zeros_like(slices[1])
    with pytest.raises(BadFile, match="z07: planes 0 to 7 hold no data"):
        register_pair(source(slices[0]), source(empty, "z07"), Settings(INTERVAL, 3))


def test_constant_slices_have_nothing_to_compare():
    "Constant planes: no motion, confidence 0."
    flat = np.ones((10, 64, 64), np.float32)
    found = register_pair(source(flat), source(flat), Settings(3, 2))
    assert found.motion == Motion()
    assert found.confidence == 0


def test_canvases_must_agree(slices):
    "Two canvases are refused."
    with pytest.raises(BadValue, match="one canvas is needed"):
        register_pair(source(slices[0]), source(slices[1][:, :-1]), Settings(INTERVAL, 3))


def test_the_formula_of_the_field():
    "Worked number: ρ = 0.8, 20 of 200 px, 1 of 5°: 0.83; clipped at both ends."
    assert formula_confidence(0.8, 20, 1, Bounds(5, 200)) == pytest.approx(0.83)
    assert formula_confidence(-1, 1e9, 90, Bounds(5, 200)) == 0
    assert formula_confidence(1, 0, 0, Bounds(0, 0)) == 1


@pytest.mark.parametrize(
    ("change", "low", "high"),
    [
        ({}, 0.85, 0.95),
        ({"error_px": 0.5}, 0.59, 0.61),
        ({"error_px": 1.75}, 0.29, 0.31),
        ({"ncc": -0.1}, 0, 0),
        ({"is_found": False}, 0, 0),
        ({"overlap": 0.03}, 0, 0.1),
        ({"motion": Motion(5.0, 0, 0)}, 0, 0.25),
        ({"motion": Motion(0, 120, 160)}, 0, 0.25),
    ],
)
def test_confidence_follows_the_error(change, low, high):
    "0.6 at half a pixel, 0.3 at 1.75 px, little on a bound or a small overlap."
    good = {
        "motion": Motion(1, 2, 3), "ncc": 0.8, "overlap": 0.9, "error_px": 0.1,
        "rotation_error_deg": 0.1, "is_found": True,
    }  # fmt: skip
    assert low <= confidence_of(RigidFit(**{**good, **change}), Bounds(5, 200)) <= high


@pytest.mark.parametrize(
    ("method", "n", "tolerance"), [("none", 1, 30), ("com", 1, 5), ("gradient", 1, 1)]
)
def test_starts_point_the_right_way(method, n, tolerance):
    "Content displaced by (+12, −9) has a start of (+12, −9), not of the opposite."
    fixed, moving = pair((0, 12, -9))
    (start,) = start_motions(fixed, moving, method=method, max_translation_px=50)
    assert np.hypot(start.dx_px - 12, start.dy_px + 9) < tolerance
    assert len(start_motions(fixed, moving, method="both", max_translation_px=50)) == 3
