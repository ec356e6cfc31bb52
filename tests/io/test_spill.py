import threading

import numpy as np
import pytest

from linumpy.io.spill import Spill


@pytest.mark.parametrize("dtype", ["float32", "bool", "int64"])
def test_an_array_comes_back_as_it_was(dtype):
    spill = Spill()
    first = (np.arange(24).reshape(2, 3, 4) % 3).astype(dtype)
    kept = [spill.put(array) for array in (first, first[:, ::2], first[:0])]
    for array, one in zip((first, first[:, ::2], first[:0]), kept, strict=True):
        found = spill.get(one)
        assert found.dtype == array.dtype
        assert found.shape == array.shape
        assert np.array_equal(found, array)


def test_what_comes_back_may_be_changed_and_the_kept_stays():
    spill = Spill()
    kept = spill.put(np.ones(3))
    spill.get(kept)[:] = 5
    assert spill.get(kept).tolist() == [1, 1, 1]


def test_threads_do_not_mix_arrays():
    spill, found = Spill(), {}

    def work(n):
        kept = [spill.put(np.full(1000, n * 100 + i)) for i in range(20)]
        found[n] = all((spill.get(one) == n * 100 + i).all() for i, one in enumerate(kept))

    threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(4), True)
