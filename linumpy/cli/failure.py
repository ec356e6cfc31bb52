"""A slice that cannot be processed, written down instead of ending the run.

Under ``--record_failure STAGE/slice_z07_manifest.csv`` a command that fails on its slice leaves a
fragment of the record there and ends well, so that a workflow goes on with the others. What is no
slice's fault ends with `MACHINE`, and the workflow tries again.
"""

import csv
import errno
import io
import re
from pathlib import Path

from linumpy.core.fate import failure_note
from linumpy.errors import BadValue, LinumpyError
from linumpy.io import atomic

MACHINE = 75
"""Exit code of a fault of the machine (EX_TEMPFAIL of sysexits.h)."""
_MACHINE_ERRNOS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO, errno.ENOMEM, errno.EMFILE)
_NAME = re.compile(r"slice_z(\d+)_manifest\.csv")


def is_machines(error: BaseException) -> bool:
    """Say whether the machine gave up, so that the next slice would meet it too."""
    is_disk = isinstance(error, OSError) and error.errno in _MACHINE_ERRNOS
    return is_disk or isinstance(error, MemoryError)


def check_fragment(path: Path | None) -> None:
    """Refuse a name that does not say the slice, before any work.

    Raises
    ------
    BadValue
        Says what the name must look like.
    """
    if path is not None and not _NAME.fullmatch(path.name):
        raise BadValue(
            f"--record_failure {path}: the name does not say the slice",
            hint="name it STAGE/slice_z07_manifest.csv",
        )


def write_fragment(path: Path, error: BaseException) -> None:
    """Write ``slice_id,use,notes`` of the slice in the name; the folder's name is the stage."""
    match = _NAME.fullmatch(path.name)
    assert match is not None
    reason = error.message if isinstance(error, LinumpyError) else str(error)
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("slice_id", "use", "notes"))
    table.writerow((match[1], "false", failure_note(path.absolute().parent.name, reason)))
    atomic.write_text(path, text.getvalue())
