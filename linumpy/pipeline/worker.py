"""Inside a worker process: look whether a task is current, else do it and record it."""

import contextlib
import logging
import logging.handlers
import multiprocessing
import os
import shlex
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from linumpy.cli import cost, machine, runtime
from linumpy.errors import Defect, LinumpyError
from linumpy.io import atomic, digest
from linumpy.pipeline.task import Done, Task, is_current, read_done, write_begun, write_done

if TYPE_CHECKING:
    from multiprocessing.queues import Queue

Status = Literal["current", "done", "failed", "starved"]
"""A starved task must be done, and what it reads was cleaned: `linumpy.pipeline.restore`."""
Message = tuple[str, float] | logging.LogRecord
"""(label, fraction done) of a task, or a line for the log."""

log = logging.getLogger(__name__)
_messages: "Queue[Message] | None" = None


@dataclass(frozen=True)
class Order:
    """A task with what the worker needs to know about the run."""

    task: Task
    out: Path
    record: Path
    version: str
    known: dict[str, digest.Entry]
    verify: bool
    workers: int
    max_memory_bytes: int
    absent: Mapping[str, digest.Entry] = field(default_factory=dict)
    """Files that the task reads and ``--clean`` has removed."""
    is_restored: bool = False
    """What the task has made is made again, whatever its record says."""


@dataclass(frozen=True)
class Outcome:
    """What came of a task."""

    task: Task
    status: Status
    seconds: float = 0.0
    peak_bytes: int = 0
    entries: dict[str, digest.Entry] | None = None
    bytes_written: int = 0
    error: BaseException | None = None
    away: Mapping[Path, Mapping[str, digest.Entry]] = field(default_factory=dict)
    """Products of a current task that were cleaned, and what they held."""


def start(messages: "Queue[Message]") -> None:
    """Prepare a worker process: one library thread, logs to the parent, end with the parent."""
    global _messages  # noqa: PLW0603  one queue per process, set once
    _messages = messages
    machine.cap_threads()
    # Locks that libraries make here then leave no name behind when the process is ended.
    multiprocessing.set_start_method("fork", force=True)
    root = logging.getLogger()
    root.handlers[:] = [logging.handlers.QueueHandler(messages)]
    root.setLevel(logging.INFO)
    logging.captureWarnings(capture=True)
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def perform(order: Order) -> Outcome:
    """Do one task, unless its record shows that it is done; its own error is an outcome."""
    try:
        return _perform(order)
    except (LinumpyError, OSError, MemoryError) as error:
        failure: BaseException = error
    except Exception as error:  # one slice's defect must not end the others' work
        log.exception("%s: a fault of linumpy", order.task.label)
        failure = Defect(f"{type(error).__name__}: {error}", hint="please report; see linumpy.log")
    if order.task.unit and not order.record.exists():
        # what an earlier run made of this slice belongs to other data
        for path in order.task.made():
            atomic.remove(path)
    return Outcome(order.task, "failed", error=failure)


def _perform(order: Order) -> Outcome:
    task = order.task
    reads = [path for paths in task.reads().values() for path in paths]
    done = read_done(order.record, order.out)
    known = {**(done.outputs | done.inputs if done else {}), **order.known}
    entries = digest.read_entries(reads, known, verify=order.verify) | {**order.absent}
    if done is not None and not order.is_restored:
        away = done.away()
        made = digest.read_entries(task.made(), done.outputs, verify=order.verify)
        made |= {name: entry for held in away.values() for name, entry in held.items()}
        if is_current(task, done, entries, made, order.version):
            return _current(order, done, entries, made, away)
        _say_damage(task, done, made)
    if order.absent:
        return Outcome(task, "starved")
    return _do(order, entries, done)


def _current(
    order: Order,
    done: Done,
    entries: dict[str, digest.Entry],
    made: dict[str, digest.Entry],
    away: Mapping[Path, Mapping[str, digest.Entry]],
) -> Outcome:
    _refresh(order, done, entries, made)
    return Outcome(
        order.task,
        "current",
        done.seconds,
        done.peak_bytes,
        entries | made,
        done.bytes_written,
        away=away,
    )


def _do(order: Order, entries: dict[str, digest.Entry], before: Done | None) -> Outcome:
    """Call the command and record what it has read and made."""
    task = order.task
    order.record.unlink(missing_ok=True)
    write_begun(order.record, task, order.out)
    _reset_peak()
    started = time.perf_counter()
    job = replace(
        runtime.make_job(task.command, task.params, progress=_report(task.label)),
        workers=order.workers,
        max_memory_bytes=order.max_memory_bytes,
    )
    for path in runtime.paths(task.command, task.params, sources=False).values():
        path.parent.mkdir(parents=True, exist_ok=True)
    try:
        runtime.run(task.command, task.params, job)
    finally:
        seconds, peak_bytes = time.perf_counter() - started, _peak_bytes()
        # the next task starts from the same floor, and a worker that waits holds nothing
        machine.give_back_memory()
    made = digest.read_entries(task.made())
    done = Done(
        key=task.key(entries, order.version),
        command=shlex.join([task.command.name, *runtime.to_argv(task.command, task.params)]),
        seconds=round(seconds, 3),
        peak_bytes=peak_bytes,
        inputs=entries,
        outputs=made,
    )
    write_done(order.record, done, order.out)
    if order.is_restored and before is not None:
        _compare(task, before, made)
    return Outcome(task, "done", seconds, done.peak_bytes, entries | made, done.bytes_written)


def _compare(task: Task, before: Done, made: dict[str, digest.Entry]) -> None:
    """Name what came out otherwise than before it was cleaned: the machine or its libraries did."""
    cleaned = tuple(f"{product}{os.sep}" for product in before.cleaned)
    for path, entry in before.outputs.items():
        if path.startswith(cleaned) and (path not in made or made[path].sha256 != entry.sha256):
            log.warning("%s: %s is not what it was before --clean", task.label, path)


def _refresh(
    order: Order, done: Done, entries: dict[str, digest.Entry], made: dict[str, digest.Entry]
) -> None:
    """Record the new stat of files that were touched but hold what they held."""
    if done.inputs != entries or done.outputs != made:
        write_done(order.record, replace(done, inputs=entries, outputs=made), order.out)


def _say_damage(task: Task, done: Done, made: dict[str, digest.Entry]) -> None:
    """Name files of an earlier run that are not what was written then."""
    for path, entry in done.outputs.items():
        now = made.get(path)
        if now is None:
            log.warning("%s: %s is gone; it is made again", task.label, path)
        elif now.sha256 != entry.sha256:
            log.warning("%s: %s is not what was written; it is made again", task.label, path)


def _report(label: str) -> Callable[[float, float], None]:
    last = 0.0

    def report(done: float, total: float) -> None:
        nonlocal last
        now = time.monotonic()
        if _messages is not None and (now - last > 0.1 or done >= total):  # noqa: PLR2004  10 Hz
            last = now
            _messages.put((label, done / total if total else 0.0))

    return report


def _reset_peak() -> None:
    # Linux keeps the peak per process; 5 resets it, so each task has its own.
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _peak_bytes() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return cost.peak_bytes()


def _end_with_parent(parent: int) -> None:
    """Leave when the parent is gone, so that a killed run does not work on behind the next one."""
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
