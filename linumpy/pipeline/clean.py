"""Free the disk of what a run can make again; its record, results and evidence stay.

What goes are the volumes between the raw tiles and the final one. The record of each task keeps
the digests of what it made, marked as cleaned, so the task counts as done while its volumes are
away; `linumpy.pipeline.restore` makes them again when a task that has to be done needs them.
"""

import dataclasses
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from linumpy.errors import BadValue
from linumpy.io import atomic, digest
from linumpy.pipeline import local
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.task import Done, read_done, write_done

VOLUME_SUFFIX = ".ome.zarr"


@dataclass
class Freed:
    """What was removed, by the folder of OUT that it stood in, and what stays."""

    n_bytes: Counter[str] = field(default_factory=Counter)
    n_files: Counter[str] = field(default_factory=Counter)
    kept_bytes: int = 0
    kept_files: int = 0

    def add(self, folder: str, files: list[Path]) -> None:
        """Count files that go."""
        self.n_bytes[folder] += sum(path.stat().st_size for path in files)
        self.n_files[folder] += len(files)

    def lines(self, out: Path, *, is_done: bool) -> list[str]:
        """Return what people read."""
        n_bytes, n_files = self.n_bytes.total(), self.n_files.total()
        parts = ", ".join(f"{folder} {n / 1e9:.3f} GB" for folder, n in self.n_bytes.most_common())
        verb = "removed" if is_done else "would remove"
        return [
            f"{verb} {n_bytes / 1e9:.3f} GB in {n_files} files of {out}"
            + (f": {parts}" if parts else ": nothing is left that can be made again"),
            f"kept {self.kept_bytes / 1e9:.3f} GB in {self.kept_files} files: the volume, the "
            "record and its history, the report, transforms, diagnostics, run.json, the log",
            "the command that made the run redoes nothing while inputs and parameters stand; where "
            "they do not, it first makes again what it needs",
        ]


def clean(out: Path, *, is_check: bool) -> Freed:
    """Remove what the tasks of a finished run can make again.

    Each record is written before what it names is moved away, in one step: killed at any moment,
    a product is there whole, or is known to be away.

    Parameters
    ----------
    out : path
        Folder of the run.
    is_check : bool
        Only count.

    Raises
    ------
    BadValue
        If it is no run, or has no volume yet.
    InputError
        If a run is working there.
    """
    layout = Layout(out.absolute())
    _check_is_run(layout)
    freed = Freed()
    with local.exclusive(layout):
        for record, done in _records(layout):
            _clean_task(layout, record, done, freed, is_check=is_check)
        files = [path for path in layout.out.rglob("*") if path.is_file()]
        gone = freed.n_bytes.total(), freed.n_files.total()
        freed.kept_bytes = sum(path.stat().st_size for path in files) - gone[0] * is_check
        freed.kept_files = len(files) - gone[1] * is_check
    return freed


def bytes_away(layout: Layout) -> int:
    """Return the bytes of what was cleaned and is not there."""
    away = (held for _, done in _records(layout) for held in done.away().values())
    return sum(entry.size for held in away for entry in held.values())


def _clean_task(layout: Layout, record: Path, done: Done, freed: Freed, *, is_check: bool) -> None:
    products = [path for path in sorted(_volumes(done, layout)) if path.exists()]
    if products and not is_check:
        cleaned = tuple(sorted({*done.cleaned, *map(str, products)}))
        write_done(record, dataclasses.replace(done, cleaned=cleaned), layout.out)
    for path in products:
        freed.add(path.relative_to(layout.out).parts[0], digest.list_files([path]))
        if not is_check:
            atomic.discard(path)


def _records(layout: Layout) -> Iterator[tuple[Path, Done]]:
    for record in sorted(layout.private.glob("done/*/*.json")):
        done = read_done(record, layout.out)
        if done is not None:
            yield record, done


def _volumes(done: Done, layout: Layout) -> set[Path]:
    """Return the volumes that a task has made below OUT, but for the final ones."""
    found: set[Path] = set()
    for text in done.outputs:
        path = Path(text)
        if not path.is_relative_to(layout.out):
            continue
        above = (path, *path.parents)
        found.update(p for p in above if p.name.endswith(VOLUME_SUFFIX))
    return found - {layout.volume, layout.volume_ras}


def _check_is_run(layout: Layout) -> None:
    if not layout.private.is_dir():
        raise BadValue(
            f"{layout.out} holds no run",
            hint="give the OUT of a run: linum_reconstruct.py OUT --clean",
        )
    if not layout.volume.is_dir():
        raise BadValue(
            f"{layout.out} has no volume yet: what would go is what the run needs to go on",
            hint="run it to its end first, or remove the folder",
        )
