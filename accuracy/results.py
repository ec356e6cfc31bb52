"""The results file: what was drawn and found, from which table and page are made.

One line per trial, so that a run of one measure changes only its lines.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from accuracy.measure import Trial
from accuracy.rows import Drawn
from linumpy.io import atomic

_DIGITS = 5


@dataclass(frozen=True, kw_only=True)
class Result:
    """The trials of one measure, and how they came about."""

    drawn: Drawn
    form: str
    seeds: tuple[int, int]
    """first and last"""
    command: str
    commit: str


def read(path: Path) -> dict[str, Result]:
    """Return the results by measure; empty where there is no file."""
    if not path.exists():
        return {}
    content = json.loads(path.read_text(encoding="utf-8"))
    return {name: _from_json(said) for name, said in content.items()}


def write(path: Path, results: Mapping[str, Result]) -> None:
    """Write the results of all measures."""
    parts = [f"{json.dumps(name)}: {_to_json(results[name])}" for name in sorted(results)]
    atomic.write_text(path, "{\n" + ",\n".join(parts) + "\n}\n")


def rounded(result: Result) -> Result:
    """Return a result as the file holds it, so that the table is that of the file."""
    return _from_json(json.loads(_to_json(result)))


def _to_json(result: Result) -> str:
    head = {
        "form": result.form,
        "seeds": list(result.seeds),
        "command": result.command,
        "commit": result.commit,
        "failed": {str(seed): what for seed, what in result.drawn.failed.items()},
        "not_run": {str(seed): what for seed, what in result.drawn.not_run.items()},
    }
    lines = [json.dumps(_trial_to_json(trial), allow_nan=False) for trial in result.drawn.trials]
    opening = json.dumps(head, ensure_ascii=False)[:-1]
    return opening + ', "trials": [\n' + ",\n".join(lines) + "\n]}"


def _trial_to_json(trial: Trial) -> dict[str, Any]:
    content: dict[str, Any] = {
        "seed": trial.seed,
        "drawn": {name: _short(value) for name, value in trial.drawn.items()},
        "found": {name: [_short(v) for v in values] for name, values in trial.found.items()},
    }
    if trial.oracle:
        content["oracle"] = {n: [_short(v) for v in vs] for n, vs in trial.oracle.items()}
    if trial.kinds:
        content["kinds"] = dict(trial.kinds)
    return content


def _from_json(said: Mapping[str, Any]) -> Result:
    drawn = Drawn(
        trials=tuple(_trial_from_json(one) for one in said["trials"]),
        failed={int(seed): what for seed, what in said["failed"].items()},
        not_run={int(seed): what for seed, what in said["not_run"].items()},
    )
    return Result(
        drawn=drawn,
        form=said["form"],
        seeds=(said["seeds"][0], said["seeds"][1]),
        command=said["command"],
        commit=said["commit"],
    )


def _trial_from_json(said: Mapping[str, Any]) -> Trial:
    return Trial(
        seed=said["seed"],
        drawn=said["drawn"],
        found={name: tuple(_long(v) for v in values) for name, values in said["found"].items()},
        oracle={n: tuple(_long(v) for v in vs) for n, vs in said.get("oracle", {}).items()},
        kinds=said.get("kinds", {}),
    )


def _short(value: float) -> float | int | str | None:
    """Return a number of five digits; whole numbers stay so, nan is null."""
    value = float(value)
    if math.isnan(value):
        return None
    if math.isinf(value):
        return "inf" if value > 0 else "-inf"
    short = float(f"{value:.{_DIGITS}g}")
    return int(short) if short.is_integer() and abs(short) < 1e9 else short


def _long(value: float | str | None) -> float:
    return math.nan if value is None else float(value)
