"""Which steps of the stage are doubted, and how much."""

import itertools

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.stack.plan import REPAIRED_UM, UNRELIABLE_UM, arrival_sigmas_um

IDS = [SliceId(n) for n in range(8)]


def steps(unreliable=()):
    return [
        Shift(a, b, 0, 0, 0.0, 0.0, reliable=b.number not in unreliable)
        for a, b in itertools.pairwise(IDS)
    ]


def sigmas(*, used=IDS, unreliable=(), repaired=()):
    found = arrival_sigmas_um(used, steps(unreliable), {IDS[n] for n in repaired})
    return {slice_id.number: sigma for slice_id, sigma in found.items()}


def test_a_stage_that_is_exact_is_not_doubted():
    assert sigmas() == {}


def test_an_unreliable_step_says_nearly_nothing():
    assert sigmas(unreliable=(3,)) == {3: UNRELIABLE_UM}


def test_a_corrected_step_is_known_to_a_coarse_pixel():
    "So registration may finish what rehoming began."
    assert sigmas(repaired=(3,)) == {3: REPAIRED_UM}


def test_a_report_that_jumped_and_returned_is_right_behind():
    "The sum of a run was kept: nothing lasts."
    assert sigmas(repaired=(3, 4, 6)) == {6: REPAIRED_UM}


def test_steps_over_an_excluded_slice_count():
    "The doubt reaches the next slice that is used."
    used = [slice_id for slice_id in IDS if slice_id.number != 3]
    assert sigmas(used=used, repaired=(3,)) == {4: REPAIRED_UM}
    assert sigmas(used=used, unreliable=(3,)) == {4: UNRELIABLE_UM}


def test_a_slice_that_no_step_leads_to_is_doubted():
    more = [*IDS, SliceId(11)]
    assert sigmas(used=more) == {11: UNRELIABLE_UM}
