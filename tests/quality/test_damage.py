"""Damage is found by comparison: planted kinds, few slices, good neighbours left alone."""

from dataclasses import replace

import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.quality.damage import (
    Finding,
    Surroundings,
    compare_surroundings,
    find_damage,
    worst,
)
from linumpy.quality.traits import Meter, measure_tile
from tests.quality import brains

RIG = brains.Rig(tile=40, grid=(2, 3), nz=10)
IDS = [SliceId(n) for n in (0, 1, 2, 5)]  # with a gap, and few


def measure(piece):
    meter = Meter()
    for (row, col), tile in piece.tiles.items():
        place = (float(row * RIG.step), float(col * RIG.step))
        meter.add((row, col), place, measure_tile(tile))
    return meter.finish()


@pytest.fixture(scope="module")
def maps():
    return brains.anatomy(np.random.default_rng(8), RIG, len(IDS), "regions")


@pytest.fixture(scope="module")
def good(maps):
    pieces = [
        brains.acquire(np.random.default_rng(n), RIG, m, speckle_seed=n) for n, m in enumerate(maps)
    ]
    return {key: measure(piece) for key, piece in zip(IDS, pieces, strict=True)}


def severity(findings):
    found = worst(findings)
    return 0.0 if found is None else found.severity


def test_nothing_is_found_in_a_good_acquisition(good):
    "No test of any good slice comes near its limit."
    found = find_damage(good, IDS)
    assert {key for key in found if severity(found[key]) > 0.8} == set()


@pytest.mark.parametrize("variant", range(4))
@pytest.mark.parametrize("kind", ["motion", "blur", "dropout", "noise", "saturation", "empty"])
def test_a_damaged_slice_is_found_and_no_other(maps, good, kind, variant):
    "Damage that anyone sees is found among four slices, and its neighbours stay in."
    if (kind, variant % 2) == ("empty", 1):
        variant = 2  # the other variant is a darker slice, which is no damage
    rng = np.random.default_rng(1)
    hurt = brains.acquire(
        rng, RIG, maps[1], speckle_seed=1, damage=kind, severity=0.9, variant=variant
    )
    found = find_damage({**good, IDS[1]: measure(hurt)}, IDS)
    assert severity(found[IDS[1]]) >= 1, found[IDS[1]]
    assert all(severity(found[key]) < 1 for key in IDS if key != IDS[1])


def test_a_limit_widens_with_the_scatter_of_the_others(good):
    "Where good slices differ, a slice must stand out from them; three steps are always enough."
    ids = [SliceId(n) for n in range(9)]
    scattered = {key: replace(good[IDS[0]], dropout=0.1 * (n % 5)) for n, key in enumerate(ids)}
    limits = {f.test: f.limit for f in find_damage(scattered, ids)[ids[0]]}
    assert limits["dropout"] == pytest.approx(0.36)  # three steps of 0.12
    assert limits["noise"] == pytest.approx(0.32)


def test_two_damaged_of_five_do_not_hide_each_other(good):
    "The good majority says what is usual."
    ids = [SliceId(n) for n in range(5)]
    acquisition = dict.fromkeys(ids, good[IDS[0]])
    acquisition[ids[1]] = acquisition[ids[2]] = replace(good[IDS[0]], noise=0.8)
    found = find_damage(acquisition, ids)
    assert [severity(found[key]) >= 1 for key in ids] == [False, True, True, False, False]


def test_two_slices_cannot_judge_each_other(good):
    "With one other slice nothing is tested."
    pair = {key: good[key] for key in IDS[:2]}
    assert find_damage(pair, IDS[:2]) == {IDS[0]: (), IDS[1]: ()}


def test_slices_outside_the_references_are_tested_but_do_not_count(good):
    "A calibration slice is held against the others and never the other way round."
    strange = {**good, IDS[0]: replace(good[IDS[0]], noise=0.9)}
    found = find_damage(strange, IDS[1:])
    assert severity(found[IDS[0]]) >= 1
    assert all(severity(found[key]) < 1 for key in IDS[1:])


def test_surroundings_are_judged_more_mildly_at_an_end():
    "The same missing share counts inside the stack and not at its end."
    whole = Surroundings(0.0, -0.1, is_between=True)
    inside, end = Surroundings(0.4, 0.0, is_between=True), Surroundings(0.4, 0.0, is_between=False)
    found = compare_surroundings(dict(zip(IDS, (whole, inside, whole, end), strict=True)), IDS)
    assert [severity(found[key]) >= 1 for key in IDS] == [False, True, False, False]


def test_a_finding_says_value_and_limit():
    "The text of the record."
    assert str(Finding("jitter", 1.7, 0.7)) == "jitter 1.70, limit 0.70"
    assert Finding("jitter", 1.4, 0.7).severity == pytest.approx(2)
    assert worst([]) is None
