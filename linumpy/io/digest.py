"""What a file or folder holds, as a digest; a file whose stat stands is trusted, as git does."""

import bisect
import hashlib
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from linumpy.io.atomic import PARTIAL


class Entry(NamedTuple):
    """One file as it was when it was read: its stat, and the SHA-256 of its content."""

    size: int
    inode: int
    mtime_ns: int
    ctime_ns: int
    sha256: str


Entries = Mapping[str, Entry]
"""Absolute path → entry."""


def read_entries(
    paths: Iterable[Path], known: Entries | None = None, *, verify: bool = False
) -> dict[str, Entry]:
    """Return an entry for every file under ``paths``, in sorted order.

    Parameters
    ----------
    paths : iterable of Path
        Files and folders; a folder stands for all files below it, left-over partial ones aside.
    known : mapping, optional
        Entries of an earlier look. A file whose stat is the same keeps its digest unread.
    verify : bool
        Read every file, whatever its stat says.

    Raises
    ------
    OSError
        If a file cannot be read.
    """
    known = {} if verify or known is None else known
    return {str(path): _read_entry(path, known.get(str(path))) for path in list_files(paths)}


def list_files(paths: Iterable[Path]) -> list[Path]:
    """Return every file at or below ``paths``, sorted, each once; absent paths give nothing."""
    found: set[Path] = set()
    for path in paths:
        if path.is_dir():
            for folder, folders, names in os.walk(path):
                folders[:] = [name for name in folders if not name.endswith(PARTIAL)]
                found.update(Path(folder, name) for name in names if not name.endswith(PARTIAL))
        elif path.exists():
            found.add(path)
    return sorted(found)


def digests_of(paths: Iterable[Path], entries: Entries) -> list[str]:
    """Return one digest for each file or folder: names relative to it, and contents.

    Moving a folder does not change its digest; adding, removing or changing a file does. What is
    below a folder is told by ``entries``, not looked up: it need not be on the disk.
    """
    names = sorted(entries)
    return [_digest_of(str(path), names, entries) for path in paths]


def _digest_of(path: str, names: Sequence[str], entries: Entries) -> str:
    total = hashlib.sha256()
    if path in entries:
        total.update(f"\0{entries[path].sha256}\n".encode())
    below = f"{path}{os.sep}"
    for name in itertools.islice(names, bisect.bisect_left(names, below), None):
        if not name.startswith(below):
            break
        total.update(f"{name.removeprefix(below)}\0{entries[name].sha256}\n".encode())
    return total.hexdigest()


def _read_entry(path: Path, known: Entry | None) -> Entry:
    before = _stat(path)
    if known is not None and known[:4] == before:
        return known
    with path.open("rb") as stream:
        content = hashlib.file_digest(stream, "sha256").hexdigest()
    return Entry(*before, content)


def _stat(path: Path) -> tuple[int, int, int, int]:
    found = path.stat()
    return (found.st_size, found.st_ino, found.st_mtime_ns, found.st_ctime_ns)
