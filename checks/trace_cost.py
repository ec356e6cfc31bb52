"""What a slice costs on a cluster, from the traces of a real run; predictions for larger ones.

python checks/trace_cost.py w1/trace.txt w2/trace.txt --raw RAW --small s1.txt s2.txt --slice_gb 20

Reads what Nextflow wrote under ``-with-trace``. ``--small``: traces of a run on nearly no data, of
which the start of a process is taken: it costs the same for any slice, the rest grows with the raw
data. Processor time is that of the attempts that ran to their end. Bytes are those that programs
asked for, the system's cache included.
"""

import argparse
import csv
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from linumpy.pipeline import nextflow

FANNED = ("create_mosaic_grid", "process_slice", "register_pairwise", "interpolate_missing_slice")
UNITS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
POWERS = {"B": 0, "KB": 1, "MB": 2, "GB": 3, "TB": 4}


@dataclass(frozen=True)
class Cost:
    """Processor hours, gigabytes read and written, tasks."""

    cpu_h: float = 0.0
    read_gb: float = 0.0
    written_gb: float = 0.0
    n_tasks: float = 0

    def __add__(self, other: "Cost") -> "Cost":
        mine, its = vars(self).values(), vars(other).values()
        return Cost(*(a + b for a, b in zip(mine, its, strict=True)))

    def times(self, factor: float) -> "Cost":
        """Return the cost of that many tasks, or of that many times the data."""
        return Cost(*(factor * value for value in vars(self).values()))

    def above(self, floor: "Cost") -> "Cost":
        """Return what lies above the cost of starting as many tasks; never less than nothing."""
        per_task = vars(floor.times(self.n_tasks)).values()
        return Cost(*(max(0.0, a - b) for a, b in zip(vars(self).values(), per_task, strict=True)))


def main() -> None:
    """Print the costs of each process, of a slice, of 60 and of 5000 slices."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("traces", nargs="+", type=Path)
    parser.add_argument("--raw", type=Path, required=True, help="folder of raw tiles of that run")
    parser.add_argument("--small", nargs="+", type=Path, required=True, help="traces, tiny data")
    parser.add_argument("--slice_gb", type=float, help="raw data of a slice to predict, GB")
    given = parser.parse_args()
    costs, small = _read(given.traces), _read(given.small)
    raw_gb = sum(p.stat().st_size for p in given.raw.rglob("*") if p.is_file()) / 1e9
    n_slices = costs["create_mosaic_grid"].n_tasks
    _print(f"{n_slices:.0f} slices, {raw_gb:.3f} GB raw", costs)
    total = sum(costs.values(), Cost())
    _print("", {"all": total, "a slice": total.times(1 / n_slices)})
    slice_gb = given.slice_gb or raw_gb / n_slices
    starts = {name: small.get(name, Cost()) for name in costs}
    starts = {name: cost.times(1 / max(cost.n_tasks, 1)) for name, cost in starts.items()}
    print(f"\npredicted for slices of {slice_gb:.3g} GB raw")
    predicted = {}
    for n in (60, 5000):
        data = n * slice_gb / raw_gb
        parts = [
            starts[name].times(cost.n_tasks * (n / n_slices if name in FANNED else 1))
            + cost.above(starts[name]).times(data)
            for name, cost in costs.items()
        ]
        predicted[f"{n} slices"] = replace(sum(parts, Cost()), n_tasks=nextflow.n_tasks(n))
    _print("", predicted)


def _read(traces: Iterable[Path]) -> dict[str, Cost]:
    """Return the cost of each process, all its tasks together."""
    costs: dict[str, Cost] = {}
    for name, cost in (row for trace in traces for row in _rows(trace)):
        costs[name] = costs.get(name, Cost()) + cost
    return costs


def _rows(trace: Path) -> Iterable[tuple[str, Cost]]:
    """Yield (process, cost) of every task that ran."""
    with trace.open(encoding="utf-8") as lines:
        for row in csv.DictReader(lines, delimiter="\t"):
            if row["status"] == "CACHED" or row["realtime"] == "-":
                continue
            cores = float(row["%cpu"].rstrip("%")) / 100 if row["%cpu"] != "-" else 0.0
            hours = cores * _seconds(row["realtime"]) / 3600
            read, written = (_bytes(row[name]) / 1e9 for name in ("rchar", "wchar"))
            yield row["name"].partition(" ")[0], Cost(hours, read, written, 1)


def _seconds(text: str) -> float:
    """Return the seconds of ``1h 2m 3.5s``."""
    return sum(float(n) * UNITS[unit] for n, unit in re.findall(r"([\d.]+)(ms|[smhd])", text))


def _bytes(text: str) -> float:
    """Return the bytes of ``7.2 MB``."""
    if text in ("-", "0"):
        return 0.0
    number, unit = text.split()
    return float(number) * 1024 ** POWERS[unit]


def _print(title: str, costs: dict[str, Cost]) -> None:
    print(f"{title:<34} {'tasks':>7} {'CPU-hours':>11} {'GB read':>11} {'GB written':>11}")
    for name, cost in costs.items():
        print(
            f"{name:<34} {cost.n_tasks:>7.0f} {cost.cpu_h:>11.4f} {cost.read_gb:>11.3f} "
            f"{cost.written_gb:>11.3f}"
        )


if __name__ == "__main__":
    main()
