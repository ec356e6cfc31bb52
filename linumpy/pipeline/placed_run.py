"""A finished run whose placement a second contrast takes: where its files are, what they say."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from linumpy.cli import runtime
from linumpy.core.acquisition import Acquisition, RawSlice
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue, MissingFile
from linumpy.io import omezarr, slice_config, tile_table
from linumpy.io.diagnostics import read_json
from linumpy.pipeline import check
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.linum_reconstruct import COMMAND

_SAME_UM = 1e-3
_SHOWN = 5
OF_BRIGHTNESS = "brightness"
"""Key of a volume's slice table that is not about places."""


@dataclass(frozen=True)
class PlacedRun:
    """The first contrast.

    ``layout`` is where the volume is, ``preproc`` where raw headers and galvo decisions are.
    """

    layout: Layout
    preproc: Layout
    params: Any  # Any: linum_reconstruct.Params, which is made from the commands
    slicing_interval_mm: float
    ids: tuple[SliceId, ...]
    subject: str | None = None

    @property
    def rows(self) -> slice_config.Rows:
        """Its final record."""
        return slice_config.read(self.layout.final_config)

    @property
    def shifts(self) -> Path:
        """The shifts that placed its slices in depth order."""
        corrected = self.layout.stage("detect_rehoming") / "shifts_xy_clean.csv"
        return corrected if self.params.detect_rehoming else self.preproc.shifts

    @property
    def common_shifts(self) -> Path:
        """The shifts as the common canvas was made from them."""
        return self.layout.common_space / "shifts_xy_common.csv"

    @property
    def manual_transforms(self) -> Path | None:
        """The transforms by hand as the run has read them; None where it had none."""
        kept = self.layout.stage("note_manual_transforms") / "manual_transforms.csv"
        return kept if self.params.manual_transforms is not None and kept.exists() else None

    def processed(self, slice_id: SliceId) -> Path:
        """Return where the tiles of one slice were put."""
        return self.layout.stage("process_slice") / f"slice_z{slice_id}_process.json"

    def morph(self, slice_id: SliceId) -> Path:
        """Return how one gap was filled."""
        folder = self.layout.stage("interpolate_missing_slice")
        return folder / f"slice_z{slice_id}_interpolated_diagnostics.json"


def open_run(run: Path, preproc: Path | None) -> PlacedRun:
    """Open a finished run.

    Raises
    ------
    MissingFile, BadFile
        If it is not finished, or does not hold what a second contrast needs; names the file.
    """
    layout = Layout(run.absolute())
    before = Layout((preproc or run).absolute())
    _check_there(layout, before)
    facts: Any = read_json(layout.run_json)
    kind = COMMAND.params
    known = {name for name in kind.__dataclass_fields__ if name not in ("raw", "out")}
    given = {name: value for name, value in facts["parameters"].items() if name in known}
    values = check.from_json(kind, given)
    params = runtime.validate(kind(**values, raw=Path("raw"), out=layout.out))
    found = layout.stage("process_slice").glob("slice_z*_process.json")
    ids = sorted(SliceId(path.name.split("_")[1].removeprefix("z")) for path in found)
    first = PlacedRun(
        layout,
        before,
        params,
        float(facts["slicing_interval_mm"]),
        tuple(ids),
        facts.get("subject"),
    )
    _check_whole(first)
    return first


def check_raw(first: PlacedRun, acquisition: Acquisition, raw: Path) -> None:
    """Refuse raw tiles that are not those of the first contrast, before any is read.

    Raises
    ------
    BadValue
        Names slice, tiles, what was found and what the first contrast has.
    """
    for slice_id in first.ids:
        _check_slice(first, slice_id, acquisition.slices.get(slice_id), raw)


def describe(first: PlacedRun) -> dict[str, object]:
    """Return what the second volume tells of the run that placed it."""
    volume, record = first.layout.volume / "zarr.json", first.layout.final_config
    return {
        "run": first.layout.out.name,
        "volume": first.layout.volume.name,
        "volume_metadata_sha256": hashlib.sha256(volume.read_bytes()).hexdigest(),
        "record_sha256": hashlib.sha256(record.read_bytes()).hexdigest(),
        "slices": [str(slice_id) for slice_id in first.ids],
    }


def check_grids(first: PlacedRun, made: Path) -> None:
    """Compare the first volume with a stack: one grid, every slice and plane from the same place.

    Raises
    ------
    BadFile
        If they differ: files of the first run were changed since.
    """
    one, two = omezarr.open_volume(first.layout.volume), omezarr.open_volume(made)
    for what in ("shape", "spacing", "origin_mm"):
        if getattr(one, what) != getattr(two, what):
            raise _apart(first, f"{what} {getattr(two, what)}, not {getattr(one, what)}")
    for what, found in _places(two.attributes).items():
        if found != _places(one.attributes)[what]:
            raise _apart(first, f"other {what}")


def _places(attributes: Mapping[str, Any]) -> dict[str, object]:  # Any: JSON
    """Return what a volume says of where its voxels come from."""
    table = [
        {key: value for key, value in entry.items() if key != OF_BRIGHTNESS}
        for entry in attributes["slices"]
    ]
    names = ("tile_frames", "plane_sources")
    return {"slices": table, **{name: attributes[name] for name in names}}


def _apart(first: PlacedRun, what: str) -> BadFile:
    return BadFile(
        f"the second volume came out with {what} of {first.layout.volume}",
        hint="files of the first run were changed after its volume was made: run it again, then "
        "this command",
    )


def _check_there(layout: Layout, preproc: Layout) -> None:
    for path in (layout.volume, layout.final_config, layout.run_json):
        if not path.exists():
            raise MissingFile(
                f"{layout.out}: no {path.name}: the run is not finished, or this is no run",
                hint="let the first contrast's reconstruction end, then take its folder",
            )
    if not preproc.acquisition.exists():
        raise MissingFile(
            f"{preproc.out}: no {preproc.acquisition.name}",
            hint="the workflows have two folders: give that of preproc with --preproc",
        )


def _check_whole(first: PlacedRun) -> None:
    """Refuse a run that lacks a file that the placement needs."""
    filled = [s for s, row in first.rows.items() if row["interpolated"]]
    needed = [first.shifts, first.common_shifts, *map(first.morph, map(SliceId, filled))]
    needed += [first.layout.tiles_of(slice_id) for slice_id in first.ids]
    for path in needed:
        if not path.exists():
            raise MissingFile(
                f"{path}: no such file; the placement needs it",
                hint="run the first contrast again: what is done stays done",
            )
    volume = omezarr.open_volume(first.layout.volume)
    stacked = {e["slice_id"] for e in volume.attributes["slices"] if e["fate"] == "measured"}
    lost = sorted(stacked - {str(s) for s in first.ids})
    if lost:
        raise MissingFile(
            f"{first.processed(SliceId(lost[0]))}: no such file; the placement needs it",
            hint="run the first contrast again: what is done stays done",
        )


def _check_slice(first: PlacedRun, slice_id: SliceId, raw: RawSlice | None, root: Path) -> None:
    rows = tile_table.read(first.layout.tiles_of(slice_id))
    wanted = {Path(row.file).name for row in rows}
    found = {tile.folder.name for tile in raw.tiles} if raw else set()
    for what, names in (
        ("lacks", wanted - found),
        ("has, and the first contrast not,", found - wanted),
    ):
        if names:
            shown = ", ".join(sorted(names)[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")
            raise BadValue(
                f"{root} {what} {len(names)} tiles of slice {slice_id}: {shown}",
                hint="a second contrast has the same tiles as the first",
            )
    assert raw is not None  # its tiles were found
    info, scan = raw.tiles[0].info, json.loads(first.processed(slice_id).read_bytes())["scan"]
    (nz, *sides), (_, *steps) = scan["tile_shape"], scan["native_um"]
    facts = (
        ("depth samples", info.nz, nz),
        ("pixels along the sides of a tile", sorted((info.ny, info.nx)), sorted(sides)),
        ("A-lines of galvo return", info.n_extra, scan["n_extra"]),
    )
    for what, seen, known in facts:
        if seen != known:
            raise _differs(root, slice_id, f"{what}: {seen}", known)
    own = sorted((info.y_um, info.x_um))
    if any(abs(a - b) > _SAME_UM for a, b in zip(own, sorted(steps), strict=True)):
        raise _differs(root, slice_id, f"sampling (µm): {own}", sorted(steps))


def _differs(root: Path, slice_id: SliceId, found: str, known: object) -> BadValue:
    return BadValue(
        f"{root}, slice {slice_id}: {found}; the first contrast has {known}",
        hint="only a contrast that was acquired with the first can take its placement",
    )
