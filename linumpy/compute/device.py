"""Where arrays are computed: decided once per run, said in one log line.

The only file that imports an accelerator's library. Algorithms take their namespace from their
input (`array_api_compat.array_namespace`), so they know no device.
"""

import importlib
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_compat.numpy as np_compat
import numpy as np
from array_api_compat import array_namespace
from numpy.typing import NDArray

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Device:
    """An array library, and the way there and back."""

    name: str
    xp: Any  # Any: a module of the array API
    put: Callable[[NDArray[np.float32]], Any]  # Any: an array of ``xp``
    get: Callable[[Any], NDArray[np.float32]]  # Any: an array of ``xp``

    @property
    def is_gpu(self) -> bool:
        """Whether work leaves the processor."""
        return self.xp is not np_compat


CPU = Device("cpu", np_compat, lambda array: array, np.asarray)


def pick(*, use_gpu: bool) -> Device:
    """Return the device to compute on and log one line about it.

    CuPy is tried first, then PyTorch; without a working GPU the processor is taken.
    """
    if use_gpu:
        for attempt in (_cupy, _torch):
            device = attempt()
            if device is not None:
                log.info("computing on %s", device.name)
                return device
        log.info("no GPU found: computing on the CPU")
        return CPU
    log.info("computing on the CPU")
    return CPU


def namespace(*arrays: Any) -> Any:  # Any: arrays of one namespace → its module
    """Return the array namespace of the arguments."""
    return array_namespace(*arrays)


def _cupy() -> Device | None:
    try:
        cupy: Any = importlib.import_module("cupy")  # Any: not installed where types are checked
        if cupy.cuda.runtime.getDeviceCount() < 1:
            return None
        name = cupy.cuda.runtime.getDeviceProperties(0)["name"].decode()
        xp: Any = importlib.import_module("array_api_compat.cupy")
        return Device(f"cuda:0 ({name}, CuPy)", xp, cupy.asarray, cupy.asnumpy)
    except (ImportError, RuntimeError, OSError):
        # CuPy's runtime errors are RuntimeErrors; a missing driver is an OSError or ImportError.
        return None


def _torch() -> Device | None:
    try:
        torch: Any = importlib.import_module("torch")  # Any: not installed where types are checked
        if not torch.cuda.is_available():
            return None
        xp: Any = importlib.import_module("array_api_compat.torch")
    except (ImportError, OSError):
        return None
    return Device(
        f"cuda:0 ({torch.cuda.get_device_name(0)}, PyTorch)",
        xp,
        lambda array: torch.from_numpy(array).to("cuda"),
        lambda array: array.cpu().numpy(),
    )
