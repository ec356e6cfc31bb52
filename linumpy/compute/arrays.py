"""Results of any array namespace as NumPy arrays."""

from typing import Any

import numpy as np


def to_numpy(array: Any) -> Any:  # Any: an array of some namespace → numpy.ndarray
    """Return an array of any namespace in the processor's memory; NumPy arrays as they are.

    For a single result of a computation that does not know its device; whole volumes go through
    `compute.device.Device.get`.
    """
    if isinstance(array, np.ndarray):
        return array
    if hasattr(array, "get"):  # CuPy
        return array.get()
    if hasattr(array, "cpu"):  # PyTorch
        return array.cpu().numpy()
    return np.from_dlpack(array)
