"""Lets a run kill itself, with all its processes, while a file of its own is half-written.

Put on PYTHONPATH as ``sitecustomize.py`` by `checks/crash.py`: Python tells an audit hook of every
file that is opened and every one that is renamed. ``CRASH_LOG`` names a file to which each such
moment goes; ``CRASH_AT`` is the moment, as it stands there, at which the process group ends.
"""

import os
import re
import signal
import sys

LOG, AT = os.environ.get("CRASH_LOG"), os.environ.get("CRASH_AT")
# .name.1a2b3c.partial, also with something below it; not at its creation: nothing is there yet
PARTIAL = re.compile(r"\.([^/]+)\.[0-9a-f]+(\.old)?\.partial(?=/|$)")


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Take note of a moment at which something half-written lies on the disk."""
    if event not in ("open", "os.rename") or not isinstance(arguments[0], (str, os.PathLike)):
        return
    path = os.fspath(arguments[0])
    found = PARTIAL.search(path)
    if found is None or (event == "open" and found.end() == len(path)):
        return
    moment = event + " " + PARTIAL.sub(r"\1", path)
    if moment == AT:
        os.kill(0, signal.SIGKILL)
    if LOG is not None:
        handle = os.open(LOG, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(handle, f"{moment}\n".encode())
        os.close(handle)


if LOG or AT:
    sys.addaudithook(watch)
