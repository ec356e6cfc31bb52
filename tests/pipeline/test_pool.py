"""Worker processes that end suddenly: whose task it was is known, and nobody else suffers."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
from toy import DOUBLE, DoubleParams

from linumpy.errors import Defect, OutOfMemory
from linumpy.pipeline.pool import Pool, _uninterrupted
from linumpy.pipeline.task import Task
from linumpy.pipeline.worker import Order


def orders_in(place, texts):
    made = []
    for number, text in enumerate(texts):
        source, product = place / f"in_{number}.txt", place / f"out_{number}.txt"
        source.write_text(text)
        params = DoubleParams(source=source, product=product)
        task = Task("double", f"{number:02d}", DOUBLE, params, (product,))
        record = place / "done" / f"{number:02d}.json"
        made.append(
            Order(task, place, record, "1", {}, verify=False, workers=1, max_memory_bytes=1)
        )
    return made


def test_a_task_that_crashes_its_process_fails_alone(tmp_path):
    "SIGBUS, as from a memory-mapped tile that is cut short: named, and all others are done."
    orders = orders_in(tmp_path, ["1", "2", "cut short", "4", "5", "6"])
    with Pool(2, lambda _label, _share: None) as pool:
        outcomes = {outcome.task.unit: outcome for outcome in pool.perform(orders)}
    assert {unit: outcome.status for unit, outcome in outcomes.items()} == {
        f"{n:02d}": "failed" if n == 2 else "done" for n in range(6)
    }
    error = outcomes["02"].error
    assert isinstance(error, Defect)
    assert error.message == "its worker process crashed (SIGBUS)"
    assert "cut short" in str(error.hint)
    assert (tmp_path / "out_5.txt").read_text() == "12"


def test_a_process_that_is_killed_names_what_it_was_at(tmp_path):
    "SIGKILL comes from outside: the machine's fault, no slice's."
    with (
        Pool(1, lambda _label, _share: None) as pool,
        pytest.raises(OutOfMemory, match=r"from outside \(SIGKILL\) at double z01"),
    ):
        list(pool.perform(orders_in(tmp_path, ["1", "out of memory", "3"])))


def test_ctrl_c_is_not_for_the_workers(tmp_path):
    "A terminal sends SIGINT to the whole group: a worker goes on, the parent decides."
    script = textwrap.dedent(f"""
        import os, signal, sys
        sys.path[:0] = {sys.path!r}
        if __name__ == "__main__":
            from pathlib import Path
            from test_pool import Pool, orders_in
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            place = Path({str(tmp_path)!r})
            with Pool(1, lambda *_: None) as pool:
                list(pool.perform(orders_in(place, ["1"])))
                (pid,) = pool._processes
                os.kill(pid, signal.SIGINT)
                print([o.status for o in pool.perform(orders_in(place, ["2", "3"]))])
    """)
    (tmp_path / "script.py").write_text(script)
    found = subprocess.run(
        [sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False
    )
    assert (found.returncode, found.stderr) == (0, "")
    assert "done" in found.stdout


def test_signals_of_the_test_itself_are_left_as_they_were(tmp_path):
    "Ctrl-C is held back only while processes start."
    with Pool(1, lambda _label, _share: None) as pool:
        list(pool.perform(orders_in(tmp_path, ["1"])))
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
    assert os.getpid() not in pool._processes


def test_ctrl_c_waits_until_the_processes_have_started():
    "Another thread takes the signal, too; what stands in between is finished first."
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored here
    end, done = threading.Event(), []
    other = threading.Thread(target=end.wait)
    other.start()
    try:
        with pytest.raises(KeyboardInterrupt), _uninterrupted():  # noqa: PT012
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0.05)
            done.append("started")
    finally:
        end.set()
        other.join()
        after = signal.signal(signal.SIGINT, before)
    assert done == ["started"]
    assert after is signal.default_int_handler
