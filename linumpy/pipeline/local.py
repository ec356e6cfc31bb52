"""Run the stages on one machine: in order, in worker processes, only what is not yet done."""

import errno
import fcntl
import logging
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from linumpy.cli import runtime
from linumpy.cli.runtime import Job
from linumpy.core.fate import failure_note
from linumpy.core.slice_id import SliceId
from linumpy.errors import Defect, InputError, LinumpyError, OutOfMemory
from linumpy.io import atomic, digest, history, slice_config
from linumpy.pipeline.display import Display
from linumpy.pipeline.graph import Step
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.pool import Pool
from linumpy.pipeline.state import State
from linumpy.pipeline.task import BEGUN, Task, retire
from linumpy.pipeline.worker import Order, Outcome

log = logging.getLogger(__name__)
DISK_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Runner:
    """Runs steps; remembers what each task cost and what every known file holds."""

    state: State
    job: Job
    version: str
    pool: Pool
    display: Display
    verify: bool
    known: dict[str, digest.Entry] = field(default_factory=dict)
    outcomes: list[Outcome] = field(default_factory=list)

    def run(self, steps: Sequence[Step]) -> None:
        """Run the steps that are switched on, in order.

        Raises
        ------
        LinumpyError
            If a stage that works on the whole acquisition fails.
        """
        for step in steps:
            is_on = not step.when or getattr(self.state.params, step.when)
            tasks = step.plan(step, self.state) if is_on else []
            self._retire(step, tasks)
            if not is_on:
                log.info("%s: off (--%s)", step.stage, step.when)
                continue
            if tasks:
                self._run_stage(step, tasks)
            self.state.record = _new_record(step, tasks) or self.state.record

    def _retire(self, step: Step, tasks: list[Task]) -> None:
        """Remove what was made for slices, gaps and pairs that are none any more.

        A stage that reads a folder would take a transform to a slice that is now left out.
        """
        if step.over == "all":
            return
        planned = {task.unit for task in tasks}
        out = self.state.layout
        for begun in list(out.done(step.stage, "any").parent.glob(f"*{BEGUN}")):
            if begun.stem not in planned:
                retire(begun, out.out)

    def _run_stage(self, step: Step, tasks: list[Task]) -> None:
        started = time.monotonic()
        log.info("%s: begins, %d tasks", step.stage, len(tasks))
        outcomes = []
        with self.display.stage(step.stage, [task.label for task in tasks]) as show:
            for outcome in self._perform(tasks):
                outcomes.append(outcome)
                show(outcome.task.label)
                _say(outcome)
        self.outcomes += sorted(outcomes, key=lambda outcome: outcome.task.unit)
        fresh = sum(outcome.status != "current" for outcome in outcomes)
        log.info(
            "%s: %d of %d done now, %.1f s",
            step.stage,
            fresh,
            len(tasks),
            time.monotonic() - started,
        )
        failed = [outcome for outcome in outcomes if outcome.status == "failed"]
        if failed:
            self._record_failures(step, failed)

    def _perform(self, tasks: list[Task]) -> Iterator[Outcome]:
        """Do the tasks; a slice that fails is tried once more before it counts as failed."""
        again: list[Task] = []
        starved: list[Task] = []
        yield from self._try(tasks, again, starved)
        if starved:
            self._restore(starved)
            yield from self._try(starved, again, [])
        for outcome in self.pool.perform([self._order(task, len(again)) for task in again]):
            yield self._learn(outcome)

    def _try(self, tasks: list[Task], again: list[Task], starved: list[Task]) -> Iterator[Outcome]:
        """Do the tasks; collect those to try again, and those whose input was cleaned."""
        for outcome in self.pool.perform([self._order(task, len(tasks)) for task in tasks]):
            if outcome.status == "starved":
                starved.append(outcome.task)
                continue
            if outcome.status == "failed" and outcome.task.unit and not _is_users(outcome):
                log.warning("%s: failed (%s); trying again", outcome.task.label, outcome.error)
                again.append(outcome.task)
                continue
            yield self._learn(outcome)

    def _restore(self, starved: list[Task]) -> None:
        """Make again what ``--clean`` has removed and these tasks read.

        Raises
        ------
        LinumpyError
            If it cannot be made again: the disk is full, or raw data have gone meanwhile.
        """
        stages = self.state.absent.makers(starved)
        self.state.absent.check_space((t for tasks in stages for t in tasks), self.state.layout.out)
        for tasks in stages:
            log.info("%s: %d made again after --clean", tasks[0].stage, len(tasks))
            orders = [
                replace(self._order(task, len(tasks)), is_restored=True, absent={})
                for task in tasks
            ]
            for outcome in self.pool.perform(orders):
                self._learn(outcome)
                if outcome.error is not None:
                    raise outcome.error
                _say(outcome)
                label = outcome.task.label
                self.outcomes = [outcome if o.task.label == label else o for o in self.outcomes]

    def _learn(self, outcome: Outcome) -> Outcome:
        """Remember what was read and made; a fault of the machine is no slice's and ends the run.

        Raises
        ------
        OSError, OutOfMemory
            Disk full, read-only, no memory: the next slices would meet it too.
        """
        error = outcome.error
        if isinstance(error, MemoryError):
            raise OutOfMemory(
                f"{outcome.task.label}: not enough memory ({error})",
                hint="run the same command again with fewer --workers; what is done stays done",
            ) from error
        if isinstance(error, OSError) and error.errno in DISK_FAULTS:
            raise error
        self.known.update(outcome.entries or {})
        self.state.absent.learn(outcome.task, outcome.away)
        return outcome

    def _order(self, task: Task, n_tasks: int) -> Order:
        at_once = min(n_tasks, self.pool.n_processes)
        reads = [path for paths in task.reads().values() for path in paths]
        files = (str(path) for path in digest.list_files(reads))
        return Order(
            task=task,
            out=self.state.layout.out,
            record=self.state.layout.done(task.stage, task.unit),
            version=self.version,
            known={path: self.known[path] for path in files if path in self.known},
            verify=self.verify,
            workers=max(1, self.job.workers // at_once),
            max_memory_bytes=self.job.max_memory_bytes // at_once,
            absent=self.state.absent.entries_for(task),
        )

    def _record_failures(self, step: Step, failed: list[Outcome]) -> None:
        """Record ``failed: <stage>: <reason>``; a stage on the whole acquisition ends the run.

        A slice that is left out anyway does not fail the run.
        """
        for outcome in failed:
            if not outcome.task.unit:
                raise _of_all(step, outcome)
        rows = self.state.rows
        updates: dict[SliceId, dict[str, object]] = {}
        for outcome in failed:
            slice_id = SliceId(outcome.task.unit)
            if step.over == "slice" and not rows[slice_id]["use"]:
                log.warning("z%s has use=false, so the run goes on without it", slice_id)
                continue
            note = failure_note(step.stage, self._reason(outcome))
            updates[slice_id] = {"use": False, "notes": note}
        if not updates:
            return
        rows = slice_config.stamp_many(rows, updates, append_notes=True)
        path = self.state.layout.stage(step.stage) / "slice_config_failed.csv"
        path.parent.mkdir(parents=True, exist_ok=True)
        history.write_record(path, rows, before=self.state.record, author=self.job)
        self.state.record = path

    def _reason(self, outcome: Outcome) -> str:
        """Return what the record says: the same wherever the raw data and the run lie."""
        error = outcome.error
        text = error.message if isinstance(error, LinumpyError) else str(error)
        for root in (
            *(root.absolute() for root in self.state.roots),
            *self.state.roots,
            self.state.layout.out,
        ):
            text = text.replace(f"{root}/", "")
        return text.removeprefix(f"slice {outcome.task.unit}: ")


def _of_all(step: Step, outcome: Outcome) -> BaseException:
    """Return the error that ends the run; a fault of ours names its stage."""
    error = outcome.error or Defect("failed")
    if not isinstance(error, Defect):
        return error
    return Defect(f"{step.stage}: {error.message}", hint=error.hint)


def _new_record(step: Step, tasks: list[Task]) -> Path | None:
    """Return the version of the record that a stage on the whole acquisition has written."""
    if step.over != "all":
        return None
    made = [
        path
        for task in tasks
        for path in runtime.paths(task.command, task.params, sources=False).values()
    ]
    return next((path for path in made if path.name == "slice_config.csv"), None)


def _is_users(outcome: Outcome) -> bool:
    """Say whether trying again is in vain: the input itself is wrong."""
    return isinstance(outcome.error, InputError)


def _say(outcome: Outcome) -> None:
    if outcome.status == "failed":
        log.error("%s: failed: %s", outcome.task.label, outcome.error)
    elif outcome.status == "done":
        log.info(
            "%s: %.1f s, peak %.0f MB",
            outcome.task.label,
            outcome.seconds,
            outcome.peak_bytes / 1e6,
        )


@contextmanager
def exclusive(layout: Layout) -> Iterator[None]:
    """Hold OUT for this run; two runs into one OUT would undo each other's work.

    Raises
    ------
    InputError
        If another run is working there.
    """
    layout.private.mkdir(parents=True, exist_ok=True)
    with (layout.private / "lock").open("w", encoding="ascii") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{layout.out}: another run is working there",
                hint="wait for it to end, or choose another OUT",
            ) from error
        _sweep(layout)
        try:
            yield
        finally:
            _sweep(layout)


def _sweep(layout: Layout) -> None:
    for path in list(layout.sweep_partial()):
        atomic.remove(path)


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Append every log line, with its time, to ``path``."""
    handler = logging.FileHandler(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logging.getLogger().addHandler(handler)
    try:
        yield
    except KeyboardInterrupt:
        handler.handle(logging.makeLogRecord({"msg": "interrupted", "levelname": "WARNING"}))
        raise
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
