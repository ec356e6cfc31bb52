"""The name of the brain: as given, else of the folder that holds it; it becomes part of names."""

import re
from pathlib import Path

from linumpy.errors import BadValue

MEANS_NOTHING = frozenset({"raw", "tiles", "data", "out", "output"})
"""Names of folders that say what is in them, not of which brain."""
_ALLOWED = re.compile(r"[\w.+-]+")
_NOT_ALLOWED = re.compile(r"[^\w.+-]+")


def subject_of(folder: Path, given: str | None = None) -> str:
    """Return the name that was given, else that of a folder, or of the one above it.

    Parameters
    ----------
    folder : Path
        Where the raw tiles are; its own name is passed over when it `MEANS_NOTHING`.
    given : str, optional

    Raises
    ------
    BadValue
        If the given name cannot be part of a file's name.

    Examples
    --------
    >>> subject_of(Path("/data/mouse 22/raw")), subject_of(Path("/data/m22"), "sub-22")
    ('mouse-22', 'sub-22')
    """
    if given is not None:
        return check_subject(given)
    named = [part for part in reversed(folder.absolute().parts) if part.strip("/")]
    chosen = next((part for part in named if part.lower() not in MEANS_NOTHING), "subject")
    return _NOT_ALLOWED.sub("-", chosen).strip(".-") or "subject"


def check_subject(given: str) -> str:
    """Return a name that may be part of a file's name.

    Raises
    ------
    BadValue
        Says what is allowed.
    """
    if not _ALLOWED.fullmatch(given) or given.startswith("."):
        raise BadValue(
            f"--subject {given!r} cannot be part of a file's name",
            hint="take letters, digits, - _ + and dots inside, as in sub-22",
        )
    return given
