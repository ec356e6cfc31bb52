"""What this process may use: processors and memory, from affinity and cgroup."""

import contextlib
import os
import re
from pathlib import Path

from linumpy.errors import BadValue

_ARENA_MAX = -8  # mallopt's number for M_ARENA_MAX
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
    "BLOSC_NTHREADS",
    # chunks that one reader holds at a time; several readers are our own threads
    "ZARR_ASYNC__CONCURRENCY",
)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}
_CGROUP = Path("/sys/fs/cgroup")


def cap_threads() -> None:
    """Cap the threads of numeric libraries, and the heaps of malloc, to one per process.

    Must run before they are imported; where numpy is already here, threadpoolctl does it.
    """
    import sys  # noqa: PLC0415

    for name in _THREAD_VARIABLES:
        os.environ[name] = "1"
    calm_allocator()
    if "numpy" in sys.modules:
        from threadpoolctl import threadpool_limits  # noqa: PLC0415

        threadpool_limits(limits=1)


def calm_allocator() -> None:
    """Let glibc keep one heap, not one per thread: a third less memory at the same speed.

    Nothing happens where the C library is another.
    """
    import ctypes  # noqa: PLC0415

    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)


def give_back_memory() -> None:
    """Return freed memory to the system, so that one task's peak is not the next one's floor."""
    import ctypes  # noqa: PLC0415
    import gc  # noqa: PLC0415

    gc.collect()
    with contextlib.suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def n_processors() -> int:
    """Return how many processors this process may use, at least one."""
    if hasattr(os, "sched_getaffinity"):
        allowed = len(os.sched_getaffinity(0))
    else:
        allowed = os.cpu_count() or 1
    quota = _cgroup_text("cpu.max").split()
    if len(quota) == 2 and quota[0].isdigit():  # noqa: PLR2004  "quota period", µs
        allowed = min(allowed, max(1, int(quota[0]) // int(quota[1])))
    return max(1, allowed)


def memory_bytes() -> int:
    """Return the memory that this process may use."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    limit = _cgroup_text("memory.max")
    return min(total, int(limit)) if limit.isdigit() else total


def memory_bound(text: str | None) -> int:
    """Return the bytes that a ``--max_memory`` text allows, or what the machine has.

    Raises
    ------
    BadValue
        If the text is not a size.

    Examples
    --------
    >>> memory_bound("8GB")
    8000000000
    """
    if text is None:
        return memory_bytes()
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]?)(i?)B?\s*", text, re.IGNORECASE)
    if found is None or float(found[1]) == 0:
        raise BadValue(f"--max_memory {text!r} is not a size", hint="write it as 8GB or 500MB")
    base = 1024 if found[3] else 1000
    return int(float(found[1]) * base ** _POWERS[found[2].upper()])


def _cgroup_text(name: str) -> str:
    """Return the tightest cgroup v2 setting that is found, or an empty text."""
    try:
        own = Path("/proc/self/cgroup").read_text(encoding="ascii").strip().rpartition("::/")[2]
    except OSError:
        return ""
    for folder in (_CGROUP / own, _CGROUP):
        try:
            return (folder / name).read_text(encoding="ascii").strip()
        except OSError:
            continue
    return ""
