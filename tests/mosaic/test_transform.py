"""The pooled tile transform."""

import numpy as np
import pytest

from linumpy.mosaic.transform import Step, TileTransform, fit_tile_transform

TRUE = np.array([[320.0, 2.0], [-1.0, 322.0]])


def steps_of(n, rng, horizontal=True, vertical=True):
    found = []
    for column, is_horizontal, wanted in ((1, True, horizontal), (0, False, vertical)):
        if wanted:
            noise = 0.1 * rng.standard_normal((n, 2))
            found += [Step(is_horizontal, *(TRUE[:, column] + d), 100 * np.eye(2)) for d in noise]
    return found


def test_angles_and_overlaps_of_the_worked_example():
    "θ = −0.356°, φ = 89.823°, overlaps 0.1950 and 0.2000 (domain.md A.12)."
    model = TileTransform(TRUE, 0.0, 0, ())
    assert model.theta_deg == pytest.approx(-0.356, abs=1e-3)
    assert model.phi_deg == pytest.approx(89.823, abs=1e-3)
    y, x = model.overlap_fraction((400, 400))
    assert (x, y) == pytest.approx((0.1950, 0.2000), abs=1e-4)


def test_noise_averages_and_a_wrong_match_does_not_count():
    "The transform comes back to a few hundredths of a pixel beside gross errors."
    rng = np.random.default_rng(0)
    wrong = [Step(True, 40.0, 250.0, 100 * np.eye(2)) for _ in range(5)]
    found = fit_tile_transform(steps_of(50, rng) + wrong, np.diag([300.0, 300.0]))
    np.testing.assert_allclose(found.matrix, TRUE, atol=0.06)
    assert found.fallback == ()


def test_one_row_keeps_the_expected_vertical_step():
    "A direction that no overlap shows is not zero but the expected one, and is named (V4)."
    found = fit_tile_transform(
        steps_of(5, np.random.default_rng(1), vertical=False), np.diag([300.0, 310.0])
    )
    np.testing.assert_array_equal(found.matrix[:, 0], [300, 0])
    assert found.fallback == ("vertical",)
