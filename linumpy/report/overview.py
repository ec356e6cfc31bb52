"""Many brains on one page: a row for each folder of a run, as it stands on disk.

It opens the record and one coarse level of the volume of each; the report of a brain says the rest.
"""

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from linumpy.core import fate
from linumpy.errors import LinumpyError
from linumpy.io import atomic, slice_config
from linumpy.io.lenient import Reader
from linumpy.report import page, pictures, style
from linumpy.report.facts import MOTOR_ONLY
from linumpy.report.gallery import VOLUME
from linumpy.report.pictures import Views
from linumpy.report.style import Picture

State = Literal["done", "failed", "preprocessed", "unfinished"]
TONES: Mapping[State, str] = {
    "done": "ok",
    "failed": "bad",
    "preprocessed": "info",
    "unfinished": "look",
}
REPORT, RUN, DERIVED = "quality_report.html", "run.json", "derived_from.json"
RECORDS = ("slice_config_final.csv", "slice_config.csv")
MARKS = (RUN, "acquisition.json", *RECORDS)
"""A folder that holds one of these is a brain's."""


@dataclass(frozen=True, slots=True)
class Brain:
    """A row of the page; ``fates`` is None where there is no record that can be read."""

    subject: str
    state: State
    says: str
    fates: Mapping[str, int] | None
    shape: tuple[int, int, int] | None
    voxel_um: tuple[float, float, float] | None
    report: str | None
    picture: Picture | None

    @property
    def tone(self) -> str:
        """The colour of the state."""
        return TONES[self.state]

    @property
    def size_mm(self) -> tuple[float, ...] | None:
        """Extent of the volume (z, y, x)."""
        if self.shape is None or self.voxel_um is None:
            return None
        return tuple(n * step / 1000 for n, step in zip(self.shape, self.voxel_um, strict=True))


def gather(root: Path, outcomes: Path | None = None) -> tuple[Brain, ...]:
    """Return a row for every brain below ``root``, by name, and for every outcome.

    Parameters
    ----------
    root : path
        Its folders are brains when they hold what a run writes.
    outcomes : path, optional
        Folder of ``<subject>.outcome.json``, how the runs of a workflow ended.
    """
    reader = Reader()
    ended = {}
    for path in sorted(outcomes.glob("*.outcome.json")) if outcomes else ():
        told = reader.json(path)
        ended[str(told.get("subject") or path.name.partition(".")[0])] = told
    folders = {f.name for f in root.iterdir() if any((f / mark).exists() for mark in MARKS)}
    return tuple(
        _brain(root / name, ended.get(name), reader) for name in sorted({*folders, *ended})
    )


def write(brains: tuple[Brain, ...], path: Path) -> None:
    """Write the page, and its rows as JSON beside it; each file appears whole."""
    page.check_output(path)
    shown = page.environment().get_template("overview.html")
    sibling = path.with_suffix(".json")
    text = shown.render(brains=brains, fates=fate.FATES, link=page.data_uri, sibling=sibling.name)
    atomic.write_text(path, text)
    atomic.write_json(sibling, {"brains": [*map(_to_json, brains)]})


def verdict(brains: Iterable[Brain]) -> str:
    """Return how many brains are in which state."""
    states = [brain.state for brain in brains]
    return ", ".join(f"{states.count(s)} {s}" for s in TONES if s in states) or "no brain"


def _brain(folder: Path, ended: Mapping[str, Any] | None, reader: Reader) -> Brain:
    run = reader.json(folder / RUN)
    stacks = (run.get("parameters") or {}).get("auto_excluded") == MOTOR_ONLY
    fates = _fates(folder, stacks_auto_excluded=stacks)
    views = _views(folder / VOLUME)
    state, says = _state(folder, fates, ended, has_volume=views is not None)
    first = reader.json(folder / DERIVED).get("run")
    if first and not says:
        says = f"second contrast, placed as {first}"
    has_report = (folder / REPORT).exists()
    return Brain(
        subject=folder.name,
        state=state,
        says=says,
        fates=fates,
        shape=views.shape if views else None,
        voxel_um=views.spacing.zyx_um if views else None,
        report=f"{folder.name}/{REPORT}" if has_report else None,
        picture=_picture(folder.name, views),
    )


def _state(
    folder: Path,
    fates: Mapping[str, int] | None,
    ended: Mapping[str, Any] | None,
    *,
    has_volume: bool,
) -> tuple[State, str]:
    if ended is not None and ended.get("exit_code") != 0:
        return "failed", str(ended.get("message") or "the run ended with an error")
    if fates is not None and fates["failed"]:
        return "failed", f"{fates['failed']} slices failed; the report names them"
    if has_volume:
        return "done", ""
    if (folder / VOLUME).exists():
        return "failed", f"{VOLUME} cannot be read"
    if (folder / "mosaics").is_dir() and not (folder / RECORDS[0]).exists():
        return "preprocessed", "mosaics are made, no volume yet"
    return "unfinished", "no volume yet"


def _fates(folder: Path, *, stacks_auto_excluded: bool) -> Mapping[str, int] | None:
    for path in (folder / name for name in RECORDS):
        if path.exists():
            try:
                rows = slice_config.read(path)
            except (LinumpyError, OSError):
                return None
            found = fate.count(rows, stacks_auto_excluded=stacks_auto_excluded)
            return {str(name): n for name, n in found.items()}
    return None


def _views(volume: Path) -> Views | None:
    try:
        return pictures.views(volume) if volume.is_dir() else None
    except (LinumpyError, OSError):
        return None


def _picture(name: str, views: Views | None) -> Picture | None:
    if views is None:
        return None
    return style.photograph(views.xy, name=name, alt=f"The middle plane (x, y) of {name}")


def _to_json(brain: Brain) -> dict[str, object]:
    said = {f.name: getattr(brain, f.name) for f in dataclasses.fields(brain)}
    del said["picture"]
    return said
