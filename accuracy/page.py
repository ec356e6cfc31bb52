"""docs/accuracy.md: one section per measure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from accuracy.measure import Measure
from accuracy.results import Result
from accuracy.rows import Part, Row
from accuracy.table import number, part_words, target_text

HEAD = """# Accuracy

What every detector, and the whole reconstruction, gets right against what was planted. Written by
`make accuracy`; every figure is drawn from seeds and can be computed again.

```console
make accuracy                                # the quick form, held-out seeds
make accuracy FULL=1                         # the full form
make accuracy ONLY=tiles SEEDS=development   # one measure, while improving it
```

* **Seeds.** Whoever improves an algorithm looks at development seeds (from 0). The figures of this
  page are from held-out seeds (from 1000000) that nobody improved on.
* **n** is the number of pooled values (tiles, pairs, planes …). A result of several trials pools
  their values first.
* **Worst quartile.** Trials are sorted by each quantity that varied, in four quarters; the table
  shows the worst of the four with its range, in brackets the smallest and largest value drawn. The
  target holds there too, where a quarter has 30 values or more.
* **Oracle**: the same figure by an answer that knows what was planted, on the same data. It is
  the ceiling; – where none is computed.
* A trial that crashes misses every target of its measure. Without the shared real anatomy the
  trials that drew it are left out, and the section says how many.
"""


@dataclass(frozen=True)
class Section:
    """A measure, what was drawn for it, and its rows."""

    measure: Measure
    result: Result
    rows: Sequence[Row]


def markdown(sections: Sequence[Section], figures: Path) -> str:
    """Return the page, with the figures that are in a folder."""
    rows = [row for section in sections for row in section.rows]
    n_met = sum(row.state == "met" for row in rows)
    parts = [HEAD, f"**{n_met} of {len(rows)} targets met.**", _overview(rows)]
    for section in sections:
        parts += [_section(section), _figures(section.measure, figures)]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def slug(name: str) -> str:
    """Return a measure's name as file names and anchors have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def plot_name(measure: Measure) -> str:
    """Return the file name of a measure's plot."""
    return f"{slug(measure.name)}.png"


def worst_name(measure: Measure, seed: int) -> str:
    """Return the file name of a picture of a bad case."""
    return f"{slug(measure.name)}-seed-{seed}.png"


def _overview(rows: Sequence[Row]) -> str:
    lines = ["| measure | target | result | n | oracle | |", "|---|---|---|---|---|---|"]
    lines += [
        f"| {_cell(row.measure)} | {_cell(target_text(row))} | {number(row.value)} | {row.n} | "
        f"{number(row.oracle)} | {_state(row)} |"
        for row in rows
    ]
    return "\n".join(lines)


def _section(section: Section) -> str:
    measure, result, rows = section.measure, section.result, section.rows
    drawn = result.drawn
    said = (
        f"{result.form.capitalize()} form, seeds {result.seeds[0]} to {result.seeds[1]}, "
        f"{len(drawn.trials)} trials; `{result.command}` at commit {result.commit}."
    )
    if drawn.not_run:
        reason = next(iter(drawn.not_run.values()))
        said += f" **NOT RUN: {len(drawn.not_run)} trials** ({reason})."
    if drawn.failed:
        said += f" **{len(drawn.failed)} trials failed.**"
    parts = [f"## {measure.name}", " ".join(measure.how.split()), said, _table(rows)]
    parts += [f"Missed: {_cell(target_text(row))}: {row.why}." for row in rows if row.why]
    return "\n\n".join(parts)


def _figures(measure: Measure, folder: Path) -> str:
    parts = []
    if (folder / plot_name(measure)).exists():
        file = f"figures/accuracy/{plot_name(measure)}"
        parts.append(f"![{measure.name}: found against drawn]({file})")
    for path in sorted(folder.glob(f"{slug(measure.name)}-seed-*.png")):
        seed = path.stem.rpartition("-")[2]
        file = f"figures/accuracy/{path.name}"
        parts.append(f"![{measure.name}: one of the worst cases, seed {seed}]({file})")
    return "\n\n".join(parts)


def _table(rows: Sequence[Row]) -> str:
    lines = [
        "| target | result | n | oracle | worst quartile of each varied quantity | |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        parts = "<br>".join(_part(part) for part in row.parts)
        lines.append(
            f"| {_cell(target_text(row))} | {number(row.value)} | {row.n} | {number(row.oracle)} | "
            f"{row.why if row.state == 'not run' else parts} | {_state(row)} |"
        )
    return "\n".join(lines)


def _part(part: Part) -> str:
    words = _cell(part_words(part))
    return f"**{words}**" if part.counts and not part.met else words


def _state(row: Row) -> str:
    return {"met": "met", "missed": "**missed**", "not run": "NOT RUN"}[row.state]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
