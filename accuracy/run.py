"""`python -m accuracy.run`: draw the trials, print the table, write the page.

Held-out seeds write docs/accuracy.md and accuracy/results.json; development seeds write the same
below .accuracy/, which git ignores. Exit code 1 when a target is missed.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from accuracy import draw, page, plots, results, table
from accuracy.measure import HELD_OUT, Measure
from accuracy.results import Result
from accuracy.rows import rows_of
from linumpy.io import atomic

ROOT = Path(__file__).resolve().parents[1]
N_PICTURES = 3
"""Of the worst cases; the quick form draws one, of measures that miss a target."""


@dataclass(frozen=True)
class Places:
    """Where results, page and figures go."""

    results: Path
    page: Path

    @property
    def figures(self) -> Path:
        """The folder of plots and pictures, beside the page."""
        return self.page.parent / "figures" / "accuracy"


def main(argv: Sequence[str] | None = None) -> int:
    """Evaluate; 1 when a target is missed, naming it."""
    given = _parse(argv)
    chosen = {name: draw.load(name) for name in given.only or draw.names()}
    form = "full" if given.full else "quick"
    places = _places(given.seeds, given.out)
    console = Console(width=max(Console().width, 150))
    with draw.processes(given.workers) as pool:
        found = _evaluate(pool, chosen, form, given)
        results.write(places.results, {**_kept(places.results), **found})
        rows = [row for name in chosen for row in rows_of(chosen[name], found[name].drawn)]
        table.show(rows, console)
        if not given.no_page:
            missed = {row.measure for row in rows if row.state == "missed"}
            n_pictures = {
                name: N_PICTURES if form == "full" else int(measure.name in missed)
                for name, measure in chosen.items()
            }
            _draw_figures(pool, chosen, found, (places.figures, n_pictures))
            _write_page(places)
    return 1 if any(row.state == "missed" for row in rows) else 0


def _kept(path: Path) -> dict[str, Result]:
    """Return earlier results of the measures that there still are."""
    there = set(draw.names())
    return {name: result for name, result in results.read(path).items() if name in there}


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    names = draw.names()
    parser = argparse.ArgumentParser(prog="python -m accuracy.run", description=__doc__)
    parser.add_argument("--full", action="store_true", help="draw as many trials as the full form")
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    parser.add_argument("--seeds", choices=("development", "held-out"), default="held-out")
    parser.add_argument("--first", type=int, default=0, help="skip that many development seeds")
    parser.add_argument("--trials", type=int, help="this many trials instead of the form's")
    parser.add_argument("--workers", type=int, default=2, help="processes")
    parser.add_argument("--out", type=Path, help="folder for the page of development seeds")
    parser.add_argument("--no_page", action="store_true", help="no figures and no page")
    given = parser.parse_args(argv)
    if given.seeds == "held-out" and (given.first or given.trials or given.out):
        parser.error("--first, --trials and --out are for development seeds")
    return given


def _places(seeds: str, out: Path | None) -> Places:
    if seeds == "held-out":
        return Places(ROOT / "accuracy" / "results.json", ROOT / "docs" / "accuracy.md")
    folder = out or ROOT / ".accuracy"
    return Places(folder / "results.json", folder / "accuracy.md")


def _evaluate(
    pool: ProcessPoolExecutor, chosen: Mapping[str, Measure], form: str, given: argparse.Namespace
) -> dict[str, Result]:
    started = time.monotonic()
    first = HELD_OUT if given.seeds == "held-out" else given.first
    wanted = {}
    for name, measure in chosen.items():
        n = measure.full if form == "full" else measure.quick
        n = min(given.trials, measure.full) if given.trials else n
        wanted[name] = range(first, first + n)
    command = _command(given)
    commit = _commit()
    with Progress(console=Console(stderr=True)) as progress:
        bars = {name: progress.add_task(name, total=len(wanted[name])) for name in wanted}
        drawn = draw.draw(pool, wanted, lambda name: progress.advance(bars[name]))
    print(f"{sum(map(len, wanted.values()))} trials in {time.monotonic() - started:.0f} s")
    return {
        name: results.rounded(
            Result(
                drawn=drawn[name],
                form=form,
                seeds=(wanted[name][0], wanted[name][-1]),
                command=command,
                commit=commit,
            )
        )
        for name in wanted
    }


def _command(given: argparse.Namespace) -> str:
    words = ["make accuracy"]
    words += ["FULL=1"] if given.full else []
    words += [f'ONLY="{" ".join(given.only)}"'] if given.only else []
    words += ["SEEDS=development"] if given.seeds == "development" else []
    return " ".join(words)


def _commit() -> str:
    """Return the commit that was measured; says so when the code differs from it."""

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", *words], cwd=ROOT, check=False, capture_output=True, text=True
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "unknown"
    changed = git("status", "--porcelain", "--untracked-files=no", "linumpy", "accuracy/*.py")
    return f"{commit} with changes" if changed else commit


def _draw_figures(
    pool: ProcessPoolExecutor,
    chosen: Mapping[str, Measure],
    found: Mapping[str, Result],
    figures: tuple[Path, Mapping[str, int]],
) -> None:
    folder, n_pictures = figures
    folder.mkdir(parents=True, exist_ok=True)
    waiting = {}
    for name, measure in chosen.items():
        for old in folder.glob(f"{page.slug(measure.name)}-seed-*.png"):
            old.unlink()
        if measure.picture is not None:
            trials = found[name].drawn.trials
            for seed in draw.worst_seeds(measure, trials, n_pictures[name]):
                waiting[page.worst_name(measure, seed)] = draw.picture(pool, name, seed)
        figure = plots.against_drawn(measure, found[name].drawn.trials)
        if figure is not None:
            content = BytesIO()
            figure.savefig(content, format="png", dpi=draw.PICTURE_DPI)
            atomic.write_bytes(folder / page.plot_name(measure), content.getvalue())
    for file_name, future in waiting.items():
        atomic.write_bytes(folder / file_name, future.result())


def _write_page(places: Places) -> None:
    found = {name: (draw.load(name), result) for name, result in _kept(places.results).items()}
    sections = [
        page.Section(measure, result, rows_of(measure, result.drawn))
        for measure, result in found.values()
    ]
    atomic.write_text(places.page, page.markdown(sections, places.figures))
    print(
        f"written: {places.page.relative_to(ROOT) if ROOT in places.page.parents else places.page}"
    )


if __name__ == "__main__":
    sys.exit(main())
