"""Progress on a terminal: one bar per stage that moves within its tasks, with the time left."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class Display:
    """Bars on standard error when it is a terminal; silent otherwise (the log has the lines)."""

    def __init__(self) -> None:
        self._fractions: dict[str, float] = {}
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[now]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            disable=not sys.stderr.isatty(),
        )
        self._bar = self._progress.add_task("", total=None, visible=False, now="")

    def __enter__(self) -> Self:
        self._progress.start()
        for handler in logging.getLogger().handlers:
            # rich puts a stream in place of stderr that keeps lines and bars apart
            if type(handler) is logging.StreamHandler:
                handler.setStream(sys.stderr)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def watch(self, label: str, fraction: float) -> None:
        """Take the fraction of a task that is done."""
        if label in self._fractions:
            self._fractions[label] = min(fraction, 1.0)
            self._progress.update(self._bar, completed=sum(self._fractions.values()), now=label)

    @contextmanager
    def stage(self, name: str, labels: list[str]) -> Iterator[Callable[[str], None]]:
        """Show a stage; the function that it gives says that a task has ended."""
        self._fractions = dict.fromkeys(labels, 0.0)
        self._bar = self._progress.add_task(name, total=len(labels), now="")
        yield lambda label: self.watch(label, 1.0)
        self._progress.update(self._bar, completed=len(labels), now="")
