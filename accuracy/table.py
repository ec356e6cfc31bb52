"""The table on the terminal."""

import math
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from accuracy.rows import Part, Row

_COLOUR = {"met": "green", "missed": "bold red", "not run": "yellow"}


def show(rows: Sequence[Row], console: Console) -> None:
    """Print one line per target; below each result, the worst of every varied quantity."""
    table = Table(title="Measured against what was planted", show_lines=True)
    for name in ("measure", "target"):
        table.add_column(name, ratio=2, overflow="fold")
    for name in ("result", "n", "oracle"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("worst quartile of each varied quantity (its range; all drawn)", ratio=5)
    table.add_column("", no_wrap=True)
    for row in rows:
        parts = Text("\n").join(_part_text(part) for part in row.parts)
        table.add_row(
            row.measure,
            target_text(row),
            number(row.value),
            str(row.n),
            number(row.oracle),
            parts if row.state != "not run" else Text(row.why),
            Text(row.state, _COLOUR[row.state]),
        )
    console.print(table)
    for row in rows:
        if row.state != "met":
            colour = _COLOUR[row.state]
            console.print(
                Text(f"{row.state.upper()}: {row.measure}, {target_text(row)}: {row.why}", colour)
            )


def target_text(row: Row) -> str:
    """Return the target with its bound: ``median error ≤ 0.1 px``."""
    target = row.target
    sign = "≤" if target.sense == "at most" else "≥"
    return f"{target.label} {sign} {number(target.bound)} {target.unit}".rstrip()


def part_words(part: Part) -> str:
    """Return the result of a part with the values that it covers."""
    if not part.counts:
        return f"{where(part)}: " + (f"n too small ({part.n})" if part.n < 30 else "not defined")
    return f"{where(part)}: {number(part.value)}"


def where(part: Part) -> str:
    """Return the range of a part and of all trials, or the kind."""
    if part.kind:
        return f"{part.quantity} {part.kind}"
    return (
        f"{part.quantity} {number(part.low)}…{number(part.high)}"
        f" ({number(part.smallest)}…{number(part.largest)})"
    )


def number(value: float) -> str:
    """Return three or four digits; a dash where there is no number."""
    if math.isnan(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.4g}" if abs(value) >= 0.9 else f"{value:.3g}"


def _part_text(part: Part) -> Text:
    missed = part.counts and not part.met
    return Text(part_words(part), "red" if missed else "" if part.counts else "dim")
