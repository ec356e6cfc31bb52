"""Ordered, bounded, and honest about errors."""

import threading
import time

import pytest

from linumpy.compute.blocks import ordered_map


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_results_keep_the_order_of_the_items(workers):
    "A slow first item does not let later ones overtake."

    def slow_first(n):
        time.sleep(0.02 if n == 0 else 0)
        return n * n

    assert list(ordered_map(slow_first, range(9), workers=workers)) == [n * n for n in range(9)]


def test_items_are_read_lazily():
    "No more than workers + 1 items are taken before the first result is given."
    taken = []

    def items():
        for n in range(50):
            taken.append(n)
            yield n

    results = ordered_map(lambda n: n, items(), workers=2)
    assert next(results) == 0
    assert len(taken) <= 3
    results.close()


def test_an_error_comes_through_and_stops_the_rest():
    "The error of an item is raised at its place, and the pool does not go on."
    done, lock = [], threading.Lock()

    def fail_at_two(n):
        if n == 2:
            raise ValueError("two")
        with lock:
            done.append(n)
        return n

    with pytest.raises(ValueError, match="two"):
        list(ordered_map(fail_at_two, range(100), workers=2))
    assert len(done) < 10
