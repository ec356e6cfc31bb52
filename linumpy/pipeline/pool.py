"""A few worker processes that do tasks, their progress and their log lines."""

import logging
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from types import TracebackType
from typing import Self

from linumpy.errors import OutOfMemory
from linumpy.pipeline import worker
from linumpy.pipeline.worker import Order, Outcome

Watch = Callable[[str, float], None]
"""Called with a task's label and the fraction of it that is done."""


class Pool:
    """Worker processes for a whole run; ``with Pool(2, watch) as pool: pool.perform(orders)``."""

    def __init__(self, n_processes: int, watch: Watch) -> None:
        context = multiprocessing.get_context("spawn")  # fork and library threads deadlock
        self.n_processes = n_processes
        self._messages = context.Queue()
        self._watch = watch
        self._executor = ProcessPoolExecutor(
            n_processes, mp_context=context, initializer=worker.start, initargs=(self._messages,)
        )
        self._listener = threading.Thread(target=self._listen, daemon=True)

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
            for process in multiprocessing.active_children():
                process.terminate()
        time.sleep(0.01)  # the last lines of the log are on their way
        self._messages.put(None)
        self._listener.join(timeout=2)

    def perform(self, orders: Iterable[Order]) -> Iterable[Outcome]:
        """Do the orders, as many at a time as there are processes; yield outcomes as they come.

        Raises
        ------
        OutOfMemory
            If a worker was ended from outside.
        """
        try:
            yield from self._perform(orders)
        except BrokenProcessPool as error:
            raise OutOfMemory(
                "a worker process was ended from outside, as a rule for want of memory",
                hint="run the same command again with fewer --workers; what is done stays done",
            ) from error

    def _perform(self, orders: Iterable[Order]) -> Iterable[Outcome]:
        waiting: set[Future[Outcome]] = {
            self._executor.submit(worker.perform, order) for order in orders
        }
        while waiting:
            finished, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                yield future.result()

    def _listen(self) -> None:
        while (message := self._messages.get()) is not None:
            if isinstance(message, logging.LogRecord):
                logging.getLogger(message.name).handle(message)
            else:
                self._watch(*message)
