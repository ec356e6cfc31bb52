"""Which code made a result."""

import functools
import hashlib
from pathlib import Path

import linumpy
from linumpy.cli import runtime


@functools.cache
def code_version() -> str:
    """Return the version and a digest of the installed source.

    Two runs with the same text here compute the same; after a change of the code, what it made is
    made again.
    """
    root = Path(linumpy.__file__).parent
    total = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        total.update(path.relative_to(root).as_posix().encode())
        total.update(path.read_bytes())
    return f"{runtime.version()}+{total.hexdigest()[:12]}"
