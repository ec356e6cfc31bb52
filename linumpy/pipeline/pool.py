"""A few worker processes that do tasks, their progress and their log lines."""

import contextlib
import logging
import multiprocessing
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.process import BaseProcess
from types import TracebackType
from typing import Self

from linumpy.errors import Defect, OutOfMemory
from linumpy.pipeline import worker
from linumpy.pipeline.task import BEGUN, process_at
from linumpy.pipeline.worker import Order, Outcome

Watch = Callable[[str, float], None]
"""Called with a task's label and the fraction of it that is done."""
CRASHES = (signal.SIGBUS, signal.SIGSEGV, signal.SIGABRT, signal.SIGFPE, signal.SIGILL)
"""Signals that a process brings upon itself by what it works on; others come from outside."""
_PATIENCE_S = 5.0


class Pool:
    """Worker processes for a whole run; ``with Pool(2, watch) as pool: pool.perform(orders)``."""

    def __init__(self, n_processes: int, watch: Watch) -> None:
        self._context = multiprocessing.get_context("spawn")  # fork and library threads deadlock
        self.n_processes = n_processes
        self._messages = self._context.Queue()
        self._watch = watch
        self._start()
        self._listener = threading.Thread(target=self._listen, daemon=True)

    def _start(self) -> None:
        self._processes: dict[int, BaseProcess] = {}
        self._executor = ProcessPoolExecutor(
            self.n_processes,
            mp_context=self._context,
            initializer=worker.start,
            initargs=(self._messages,),
        )

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._executor.shutdown(wait=kind is None, cancel_futures=True)
        if kind is not None:
            _end(multiprocessing.active_children())
        time.sleep(0.01)  # the last lines of the log are on their way
        self._messages.put(None)
        self._listener.join(timeout=2)

    def perform(self, orders: Iterable[Order]) -> Iterator[Outcome]:
        """Do the orders, as many at a time as there are processes; yield outcomes as they come.

        A task whose process crashed has failed; the others go on in new processes.

        Raises
        ------
        OutOfMemory
            If a worker was ended from outside.
        """
        left = list(orders)
        while left:
            try:
                for order, outcome in self._perform(left):
                    left.remove(order)
                    yield outcome
            except BrokenProcessPool as error:
                crashed = self._crashed(left)
                if not crashed:
                    raise self._ended_from_outside(left) from error
                self._start()
                for order, name in crashed:
                    left.remove(order)
                    yield Outcome(order.task, "failed", error=_crash(name))

    def _perform(self, orders: Iterable[Order]) -> Iterator[tuple[Order, Outcome]]:
        with _uninterrupted():  # the processes that start here are not for Ctrl-C to end
            order_of: dict[Future[Outcome], Order] = {
                self._executor.submit(worker.perform, order): order for order in orders
            }
        self._processes |= {p.pid: p for p in multiprocessing.active_children() if p.pid}
        waiting = set(order_of)
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield order_of[future], future.result()

    def _signals(self) -> dict[int, signal.Signals]:
        """Return how the processes of a broken pool ended: process → signal."""
        for process in self._processes.values():
            _await_code(process)
        codes = {pid: process.exitcode or 0 for pid, process in self._processes.items()}
        return {pid: signal.Signals(-code) for pid, code in codes.items() if code < 0}

    def _crashed(self, left: list[Order]) -> list[tuple[Order, str]]:
        """Return the tasks whose processes crashed, each with the name of the signal."""
        found = []
        for pid, ended_by in self._signals().items():
            mine = [order for order in left if process_at(order.record) == pid]
            if ended_by in CRASHES and mine:
                found.append((max(mine, key=_begun_ns), ended_by.name))
        return found

    def _ended_from_outside(self, left: list[Order]) -> OutOfMemory:
        # the pool ends the others by SIGTERM itself
        ended = {pid: name for pid, name in self._signals().items() if name != signal.SIGTERM}
        labels = [order.task.label for order in left if process_at(order.record) in ended]
        by = ", ".join(sorted({name.name for name in ended.values()})) or "SIGTERM"
        at = f" at {', '.join(labels)}" if labels else ""
        return OutOfMemory(
            f"a worker process was ended from outside ({by}){at}, as a rule for want of memory",
            hint="run the same command again with fewer --workers; what is done stays done",
        )

    def _listen(self) -> None:
        while (message := self._messages.get()) is not None:
            if isinstance(message, logging.LogRecord):
                logging.getLogger(message.name).handle(message)
            else:
                self._watch(*message)


def _await_code(process: BaseProcess) -> None:
    """Wait until it is known how a process ended.

    The executor's own thread may collect it first: joining then returns before the code is noted.
    """
    process.join(_PATIENCE_S)
    deadline = time.monotonic() + _PATIENCE_S
    while process.exitcode is None and time.monotonic() < deadline:
        time.sleep(0.01)


def _crash(name: str) -> Defect:
    hint = "see linumpy.log; please report"
    if name == "SIGBUS":
        hint = "a file was cut short, or its disk failed, while it was read: copy the data again"
    return Defect(f"its worker process crashed ({name})", hint=hint)


def _begun_ns(order: Order) -> int:
    return order.record.with_suffix(BEGUN).stat().st_mtime_ns


def _end(processes: Iterable[BaseProcess]) -> None:
    """End processes and wait until they are gone, so that none works on behind the next run."""
    running = list(processes)
    for process in running:
        process.terminate()
    for process in running:
        process.join(_PATIENCE_S)
        if process.is_alive():
            process.kill()
            process.join()


@contextlib.contextmanager
def _uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C back until the end; processes that start inside never see it.

    They inherit the mask. It does not keep the signal from other threads of this process, from
    where it would interrupt this one, and leave a process that starts without its orders: so it is
    noted as well, and raised afterwards.
    """
    held: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: held.append(number))
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        signal.signal(signal.SIGINT, handler)
    if held:
        signal.raise_signal(signal.SIGINT)
