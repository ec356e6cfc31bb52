"""Arrays kept on disk while a command runs, so that memory does not grow with their number."""

import os
import tempfile
import threading
import weakref
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Kept:
    """Where one array lies in a `Spill`."""

    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def n_bytes(self) -> int:
        """Size of the array."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize


class Spill:
    """A file without a name in the system's temporary folder (``TMPDIR``); gone with the process.

    Examples
    --------
    >>> spill = Spill()
    >>> kept = spill.put(np.arange(3))
    >>> spill.get(kept).tolist()
    [0, 1, 2]
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115  it lives as long as its owner
        weakref.finalize(self, self._file.close)
        self._lock = threading.Lock()
        self._end = 0

    def put(self, array: NDArray[Any]) -> Kept:
        """Store an array; several threads may.

        Raises
        ------
        OSError
            If the temporary folder is full.
        """
        content = np.ascontiguousarray(array)
        with self._lock:
            kept = Kept(self._end, array.shape, array.dtype)
            self._file.seek(self._end)
            self._file.write(content.data)
            self._file.flush()
            self._end += kept.n_bytes
        return kept

    def get(self, kept: Kept) -> NDArray[Any]:
        """Return a copy of a stored array; several threads may."""
        content = bytearray(kept.n_bytes)
        view, done = memoryview(content), 0
        while done < len(content):
            done += os.preadv(self._file.fileno(), [view[done:]], kept.offset + done)
        return np.frombuffer(content, dtype=kept.dtype).reshape(kept.shape)
