"""The record at the two ends of a run: the user's edits come in, the final version goes out."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linumpy.cli.runtime import Job
from linumpy.core import fate
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadValue
from linumpy.io import atomic, history, slice_config
from linumpy.pipeline.state import NOT_IN_CONFIG, NOT_SELECTED, State

Row = dict[str, Any]  # Any: a cell is bool, float, None or str, by its column
Rows = dict[SliceId, Row]
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class User:
    """The person who edits the record by hand, as an author in its history."""

    version: str
    name: str = "user"
    parameters: Mapping[str, object] = field(default_factory=dict)
    stamps: tuple[str, ...] = slice_config.CANONICAL_COLUMNS


def publish_start(state: State, job: Job) -> None:
    """Write OUT/slice_config.csv: what was generated, the user's cells over it, the selection.

    A cell of the file there that differs from what the run wrote last is the user's and wins;
    ``--slice_config FILE`` is the user's as a whole.
    """
    out = state.layout
    generated = out.stage("generate_slice_config") / "slice_config.csv"
    base = out.private / "slice_config_generated.csv"
    rows = slice_config.read(generated)
    merged = _with_users_cells(rows, _users_rows(state, base))
    after_user = out.private / "slice_config.csv"
    history.write_record(after_user, merged, before=generated, author=User(job.version))
    history.write_record(
        out.slice_config, _with_selection(merged, state), before=after_user, author=job
    )
    slice_config.write(base, _with_selection(rows, state))
    state.record = out.slice_config


def check_selection(state: State) -> None:
    """Refuse another ``--slices`` in an OUT that holds a run.

    Raises
    ------
    BadValue
        Names both selections.
    """
    path = state.layout.private / "selection.json"
    wanted = [str(s) for s in state.selected()] if state.params.slices else "all"
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if held != wanted:
            raise BadValue(
                f"--slices selects {_say(wanted)}; {state.layout.out} holds a run of {_say(held)}",
                hint="a quick look has an OUT of its own: choose another folder",
            )
    atomic.write_json(path, wanted)


def publish_final(state: State, job: Job) -> dict[str, int]:
    """Write slice_config_final.csv and return how many slices met which fate.

    Raises
    ------
    Defect
        If a slice that was seen has no row, or the fates do not add up.
    """
    rows = state.rows
    counts = fate.check_sum(rows, state.acquisition.ids, state.acquisition.never_acquired)
    history.write_record(state.layout.final_config, rows, before=state.record, author=job)
    return counts


def failed_slices(rows: Mapping[SliceId, Row]) -> dict[SliceId, str]:
    """Return the slices that failed, each with ``<stage>: <reason>``."""
    return {
        slice_id: note.removeprefix("failed: ")
        for slice_id, row in rows.items()
        for note in str(row["notes"]).split("; ")
        if note.startswith("failed: ")
    }


def _users_rows(state: State, base: Path) -> dict[SliceId, Row | None]:
    """Return the user's cells by slice; None for a row that the user took out."""
    if state.params.slice_config is not None:
        given = slice_config.read(state.params.slice_config)
        absent = [s for s in state.acquisition.ids if s not in given]
        return {**given, **dict.fromkeys(absent)}
    if not state.layout.slice_config.exists() or not base.exists():
        return {}
    theirs, written = slice_config.read(state.layout.slice_config), slice_config.read(base)
    cells: dict[SliceId, Row | None] = dict.fromkeys(s for s in written if s not in theirs)
    for slice_id, row in theirs.items():
        before = written.get(slice_id, {})
        mine = {column: value for column, value in row.items() if before.get(column) != value}
        if mine:
            cells[slice_id] = mine
    return cells


def _with_users_cells(rows: Rows, cells: Mapping[SliceId, Row | None]) -> Rows:
    merged = {slice_id: dict(row) for slice_id, row in rows.items()}
    for slice_id, mine in cells.items():
        if mine is None:
            if slice_id in merged:
                log.warning("z%s has data but no row in the config: left out", slice_id)
                merged = slice_config.stamp(
                    merged, slice_id, {"use": False, "notes": NOT_IN_CONFIG}, append_notes=True
                )
        elif slice_id in merged:
            for column, value in mine.items():
                if merged[slice_id].get(column) != value:
                    log.info("z%s: %s=%r is the user's", slice_id, column, value)
            merged[slice_id] |= mine
        else:
            log.warning("z%s is in the config but has no raw tile: it stays a row", slice_id)
            merged[slice_id] = dict(mine) | {"use": False}
    return merged


def _with_selection(rows: Rows, state: State) -> Rows:
    left_out = set(state.acquisition.ids) - set(state.selected())
    return slice_config.stamp_many(
        rows,
        {s: {"use": False, "notes": NOT_SELECTED} for s in sorted(left_out)},
        append_notes=True,
    )


def _say(selection: object) -> str:
    return "all slices" if selection == "all" else f"slices {', '.join(map(str, selection))}"  # type: ignore[call-overload]
