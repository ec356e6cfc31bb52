"""Make again what ``--clean`` has removed, only where a task that must be done reads it.

A task whose volumes are away still counts as done. The run knows them from its records (`Away`)
and hands their digests to the tasks that read them, so these are judged as if they were there.
One that is not current then lacks its input: the tasks that made it are done again first, and, in
turn, those that made what they read.
"""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from linumpy.errors import NoSpace
from linumpy.io.digest import Entry
from linumpy.pipeline.task import Task


@dataclass(frozen=True)
class Away:
    """A product that was cleaned: who makes it, and what it held."""

    maker: Task
    entries: Mapping[str, Entry]


class Absent:
    """The products of a run that are away, in the order of the stages that make them."""

    def __init__(self) -> None:
        self._away: dict[Path, Away] = {}

    def __contains__(self, path: Path) -> bool:
        """Say whether a product is away."""
        return path in self._away

    def learn(self, task: Task, entries: Mapping[Path, Mapping[str, Entry]]) -> None:
        """Note what is away of a task that is done; nothing, when it was done just now."""
        for path in [path for path, one in self._away.items() if one.maker.label == task.label]:
            del self._away[path]
        self._away |= {path: Away(task, held) for path, held in entries.items()}

    def read_by(self, task: Task) -> dict[Path, Away]:
        """Return the products that are away of those that a task reads."""
        reads = {path for paths in task.reads().values() for path in paths}
        return {path: one for path, one in self._away.items() if reads & {path, *path.parents}}

    def entries_for(self, task: Task) -> dict[str, Entry]:
        """Return file → entry of all that is away of what a task reads."""
        return {name: e for one in self.read_by(task).values() for name, e in one.entries.items()}

    def makers(self, starved: Iterable[Task]) -> list[list[Task]]:
        """Return the tasks to do again so that ``starved`` can be done, stage by stage."""
        wanted: set[str] = set()
        left = list(starved)
        while left:
            for one in self.read_by(left.pop()).values():
                if one.maker.label not in wanted:
                    wanted.add(one.maker.label)
                    left.append(one.maker)
        makers = {one.maker.label: one.maker for one in self._away.values()}
        ordered = [task for label, task in makers.items() if label in wanted]
        return [list(tasks) for _, tasks in groupby(ordered, key=lambda task: task.stage)]

    def check_space(self, tasks: Iterable[Task], out: Path) -> None:
        """Refuse to begin what the disk cannot hold.

        Raises
        ------
        NoSpace
            Says how much is needed and how much is free.
        """
        labels = {task.label for task in tasks}
        away = [one for one in self._away.values() if one.maker.label in labels]
        needed = sum(entry.size for one in away for entry in one.entries.values())
        free = shutil.disk_usage(out).free
        if needed > free:
            raise NoSpace(
                f"{out}: what --clean has removed is needed again, {needed / 1e9:.2f} GB; "
                f"{free / 1e9:.2f} GB are free",
                hint=f"free {(needed - free) / 1e9:.2f} GB and run the same command again",
            )
