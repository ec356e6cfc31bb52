"""Clusters of bad pairs: exact runs, thresholds, gaps."""

from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.slice_id import SliceId
from linumpy.quality.exclude import Pairing, noisy_clusters, reason


def clusters(correlations, threshold=0.6, consecutive=3, bridging=()):
    pairings = {
        SliceId(n): Pairing(SliceId(n - (2 if n in bridging else 1)), z)
        for n, z in correlations.items()
    }
    return noisy_clusters(pairings, z_corr_threshold=threshold, consecutive_threshold=consecutive)


def test_worked_example():
    "Ids 2, 3, 4 are a cluster; 6 and 7 are not."
    found = dict(enumerate([0.9, 0.5, 0.5, 0.5, 0.8, 0.5, 0.5, 0.9], start=1))
    assert clusters(found) == [("02", "03", "04")]
    assert reason(clusters(found)[0]) == "noisy cluster (3 consecutive)"


def test_the_threshold_is_strict():
    "A correlation at the threshold is good."
    assert clusters({1: 0.6, 2: 0.6, 3: 0.6}) == []


def test_a_gap_breaks_a_run():
    "03 is missing: two and one are no cluster."
    assert clusters({1: 0.1, 2: 0.1, 4: 0.1}) == []


def test_a_pair_that_bridges_a_gap_is_no_evidence():
    "The pair 02 → 04 does not open a run."
    assert clusters({4: 0.1, 5: 0.1, 6: 0.1}, bridging={4}) == []
    assert clusters({4: 0.1, 5: 0.1, 6: 0.1, 7: 0.1}, bridging={4}) == [("05", "06", "07")]


@given(st.dictionaries(st.integers(1, 30), st.sampled_from([0.2, 0.9])), st.integers(1, 4))
def test_runs_are_found_exactly(correlations, consecutive):
    "An id is in a cluster if and only if its maximal run of bad neighbouring ids is long enough."
    bad = {n for n, z in correlations.items() if z < 0.6}

    def run_of(n):
        low = high = n
        while low - 1 in bad:
            low -= 1
        while high + 1 in bad:
            high += 1
        return high - low + 1

    wanted = {SliceId(n) for n in bad if run_of(n) >= consecutive}
    found = [key for run in clusters(correlations, consecutive=consecutive) for key in run]
    assert set(found) == wanted
    assert len(found) == len(wanted)
