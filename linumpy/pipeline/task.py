"""One unit of work of a stage, and the record that it was done: the base of resume.

A task is up to date when the command, its version, its parameters and the content of what it
reads are those of the record, and what it made is still there as it was made.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linumpy.cli import runtime
from linumpy.cli.command import AnyCommand
from linumpy.io import atomic, digest

BEGUN = ".begun"


@dataclass(frozen=True)
class Task:
    """One call of one command.

    Parameters
    ----------
    stage : str
        The folder of the stage under OUT.
    unit : str
        The slice id that the task works on; empty for a task on the whole acquisition.
    command, params
        What is called.
    makes : tuple of Path
        Files and folders that exist afterwards; a pattern (``slice_z03*``) stands for all matches.
    views : mapping
        Field name → what of that input the result depends on: paths (their content counts) or a
        JSON value. A source field that is not named here counts with all its content.
    """

    stage: str
    unit: str
    command: AnyCommand
    params: Any  # Any: the command's own Params
    makes: tuple[Path, ...]
    views: Mapping[str, object] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """As the log names it: ``process_slice z03``."""
        return f"{self.stage} z{self.unit}" if self.unit else self.stage

    def reads(self) -> dict[str, list[Path]]:
        """Return the files and folders whose content the result depends on, by field."""
        sources = runtime.paths(self.command, self.params, sources=True)
        whole = {name: [path] for name, path in sources.items() if name not in self.views}
        viewed = {name: _paths(view) for name, view in self.views.items() if _paths(view)}
        return whole | viewed

    def key(self, entries: digest.Entries, version: str) -> str:
        """Return what identifies the result: command, version, parameters, content read."""
        roles = runtime.roles(self.command.params)
        settings = {
            name: value
            for name, value in runtime.plain(self.params).items()
            if name not in roles and name not in self.views
        }
        present = sorted(name for name in roles if getattr(self.params, name) is not None)
        contents = {name: digest.digests_of(paths, entries) for name, paths in self.reads().items()}
        values = {
            name: runtime.plain(view) for name, view in self.views.items() if not _paths(view)
        }
        identity = [self.command.name, version, settings, present, contents, values]
        return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()

    def made(self) -> list[Path]:
        """Return what the task has made, patterns expanded."""
        return _expand(self.makes)


@dataclass(frozen=True)
class Done:
    """The record of a finished task."""

    key: str
    command: str
    seconds: float
    peak_bytes: int
    inputs: dict[str, digest.Entry]
    outputs: dict[str, digest.Entry]
    cleaned: tuple[str, ...] = ()
    """Products that ``--clean`` has removed, or is about to."""

    def away(self) -> dict[Path, dict[str, digest.Entry]]:
        """Return what the cleaned products that are not there held: product → file → entry."""
        return {
            Path(product): {
                name: entry
                for name, entry in self.outputs.items()
                if name.startswith(f"{product}{os.sep}")
            }
            for product in self.cleaned
            if not Path(product).exists()
        }

    @property
    def bytes_written(self) -> int:
        """Size of all that was made."""
        return sum(entry.size for entry in self.outputs.values())


def read_done(path: Path, out: Path) -> Done | None:
    """Return the record at ``path``; None where there is none or it cannot be read.

    A record that cannot be read only means that its task is done again. Files below ``out`` stand
    in it by their place there, so that a folder that was moved or copied is still a finished run.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        for name in ("inputs", "outputs"):
            entries = {key: digest.Entry(*entry) for key, entry in found[name].items()}
            found[name] = {str(out / key): entry for key, entry in entries.items()}
        found["cleaned"] = tuple(str(out / key) for key in found.get("cleaned", ()))
        return Done(**found)
    except (OSError, ValueError, TypeError, AttributeError):
        return None


def write_done(path: Path, done: Done, out: Path) -> None:
    """Write the record, whole or not at all; see `read_done` for ``out``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    below = f"{out}{os.sep}"
    placed: dict[str, object] = {
        name: {key.removeprefix(below): entry for key, entry in getattr(done, name).items()}
        for name in ("inputs", "outputs")
    }
    placed["cleaned"] = [name.removeprefix(below) for name in done.cleaned]
    atomic.write_json(path, {**vars(done), **placed})


def write_begun(path: Path, task: Task, out: Path) -> None:
    """Leave beside a task's record what it is about to make, and which process is at it.

    What it makes is for whom it must be removed; the process, for whom finds it dead.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    makes = [os.path.relpath(made, out) for made in task.makes]
    atomic.write_json(path.with_suffix(BEGUN), {"makes": makes, "process": os.getpid()})


def process_at(path: Path) -> int | None:
    """Return the process that began a task last, by the path of the task's record."""
    begun = path.with_suffix(BEGUN)
    if not begun.exists():
        return None
    return int(json.loads(begun.read_text(encoding="utf-8"))["process"])


def retire(begun: Path, out: Path) -> None:
    """Remove what a task has made, finished or not, and its record."""
    makes = json.loads(begun.read_text(encoding="utf-8"))["makes"]
    for path in _expand(out / made for made in makes):
        atomic.remove(path)
    begun.with_suffix(".json").unlink(missing_ok=True)
    begun.unlink()


def is_current(
    task: Task, done: Done, entries: digest.Entries, made: digest.Entries, version: str
) -> bool:
    """Say whether the record is of this very task and what it made is still as it was made.

    Parameters
    ----------
    entries, made : mapping
        What the task reads, and what it has made: as it is on the disk, and what was cleaned.
    """
    held = {path: entry.sha256 for path, entry in made.items()}
    wanted = {path: entry.sha256 for path, entry in done.outputs.items()}
    return held == wanted and task.key(entries, version) == done.key


def _expand(makes: Iterable[Path]) -> list[Path]:
    found: list[Path] = []
    for path in makes:
        found += sorted(path.parent.glob(path.name)) if "*" in path.name else [path]
    return [path for path in found if path.exists()]


def _paths(view: object) -> list[Path]:
    if isinstance(view, (list, tuple)) and view and all(isinstance(part, Path) for part in view):
        return list(view)
    return [view] if isinstance(view, Path) else []
