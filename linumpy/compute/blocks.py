"""Independent pieces of work over a few threads, in order and with bounded memory.

numpy, BLAS and zarr release the GIL, so threads are enough. Results come back in the order of the
items whatever the number of workers: what is summed from them is the same bit for bit.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def ordered_map(
    function: Callable[[Item], Result], items: Iterable[Item], *, workers: int
) -> Iterator[Result]:
    """Yield ``function(item)`` in the order of the items; at most ``workers + 1`` are alive.

    Parameters
    ----------
    function : callable
        Called from several threads; must not change shared state.
    items : iterable
        Read lazily.
    workers : int
        Threads; 1 calls in this thread.

    Raises
    ------
    Exception
        Whatever ``function`` raised, at the place of its item; later items are not started.

    Examples
    --------
    >>> list(ordered_map(lambda n: n * n, range(4), workers=2))
    [0, 1, 4, 9]
    """
    if workers <= 1:
        yield from map(function, items)
        return
    pending: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for item in items:
                pending.append(pool.submit(function, item))
                if len(pending) > workers:
                    yield pending.popleft().result()
            while pending:
                yield pending.popleft().result()
        finally:
            for future in pending:
                future.cancel()
