"""Whole files or none: everything that linumpy writes appears at its name complete.

A reader sees the old content or the new one. What a killed writer leaves behind has a name that
starts with ``.`` and ends in ``.partial``; no reader of the project takes it for a product.
"""

import contextlib
import json
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

PARTIAL = ".partial"


def write_bytes(path: str | Path, content: bytes) -> None:
    """Replace the file at ``path`` by ``content``, durably and in one step.

    Sibling temporary file, fsync, rename, fsync of the folder. A symbolic link at ``path`` is
    replaced, its target is left alone; a missing folder is made; permissions are kept.

    Raises
    ------
    OSError
        Whatever the disk says (full, read-only, …); the old file is then still whole.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.{secrets.token_hex(6)}{PARTIAL}"
    # The system applies the umask, which no thread can read without setting it for all.
    handle = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666)
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        if path.is_file() and not path.is_symlink():
            partial.chmod(path.stat().st_mode & 0o777)
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    _sync_folder(path.parent)


def write_text(path: str | Path, text: str) -> None:
    """Replace the file at ``path`` by ``text`` in UTF-8; see `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def write_json(path: str | Path, value: object) -> None:
    """Write ``value`` as JSON; NaN and Infinity are refused (ValueError), keys keep their order."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


@contextlib.contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Give a sibling path to write a file or folder to; move it to ``path`` on success.

    On an exception the partial work is removed and what stood at ``path`` still stands.

    Yields
    ------
    Path
        Does not exist yet; same parent folder, so the move is a rename.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.parent / f".{path.name}.{os.getpid()}{PARTIAL}"
    remove(partial)
    try:
        yield partial
        _move(partial, path)
    except BaseException:
        remove(partial)
        raise
    _sync_folder(path.parent)


def remove(path: Path) -> None:
    """Remove a file, a folder or a link (never its target), if it is there."""
    if path.is_symlink() or path.is_file():
        path.unlink()
    elif path.is_dir():
        shutil.rmtree(path)


def discard(path: Path) -> None:
    """Remove a folder so that it is whole or gone at its name, whenever the process is killed."""
    aside = _set_aside(path)
    _sync_folder(path.parent)
    remove(aside)


def _set_aside(path: Path) -> Path:
    """Give what is at ``path`` a name that no reader takes, and return it."""
    aside = path.parent / f".{path.name}.{os.getpid()}.old{PARTIAL}"
    remove(aside)
    path.rename(aside)
    return aside


def _move(partial: Path, path: Path) -> None:
    if partial.is_dir() and path.is_dir() and not path.is_symlink():
        # A folder cannot be renamed over a full one: the old one steps aside first.
        aside = _set_aside(path)
        partial.rename(path)
        shutil.rmtree(aside)
        return
    if path.is_symlink() or (path.is_dir() != partial.is_dir()):
        remove(path)
    partial.replace(path)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
