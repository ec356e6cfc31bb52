"""The record at the two ends of a run: the user's edits come in, the final version goes out."""

import json
import logging
from collections.abc import Callable
from pathlib import Path

from linumpy.cli.runtime import Job
from linumpy.core import fate
from linumpy.core.slice_id import parse_ids
from linumpy.errors import BadValue, InputError
from linumpy.io import atomic, history, manual, roll_call, slice_config
from linumpy.io.slice_config import Rows
from linumpy.pipeline.linum_reconstruct import ID_PARAMETERS
from linumpy.pipeline.state import State

log = logging.getLogger(__name__)


def publish_start(state: State, job: Job) -> None:
    """Write OUT/slice_config.csv: what was generated, the user's cells over it, the selection.

    A cell of the file there that differs from what the run wrote last is the user's and wins;
    ``--slice_config FILE`` is the user's as a whole.
    """
    out = state.layout
    generated = out.stage("generate_slice_config") / "slice_config.csv"
    written = out.private / "slice_config_written.csv"
    fresh = slice_config.read(generated)
    with_edits = _with_edits(fresh, state, written)
    edited = out.private / "slice_config.csv"
    history.write_record(
        edited, with_edits, before=generated, author=history.Person(version=job.version)
    )
    rows = _with_selection(roll_call.leave_out_absent(with_edits, state.acquisition.ids), state)
    history.write_record(out.slice_config, rows, before=edited, author=job)
    slice_config.write(written, _with_selection(fresh, state))
    state.record = out.slice_config


def check_input(state: State) -> None:
    """Read the record that the run starts from, and every flag that names slices.

    Raises
    ------
    MissingFile, BadFile, BadValue
        If the record, or the file of transforms by hand, cannot be read; names file, line, column.
    UnknownSlice
        If a flag, or that file, names a slice that was not acquired.
    """
    given, there = state.params.slice_config, state.layout.slice_config
    if given is not None or there.exists():
        slice_config.read(given or there)
    roll_call.check_known(
        {name: getattr(state.params, name) for name in ID_PARAMETERS},
        acquired=state.acquisition.ids,
        never_acquired=state.acquisition.never_acquired,
        where=state.params.raw,
    )
    by_hand = state.params.manual_transforms
    if by_hand is not None:
        acquisition = state.acquisition
        known = (*acquisition.ids, *acquisition.never_acquired)
        manual.check_ids(by_hand, manual.read(by_hand), known)


def check_selection(state: State) -> None:
    """Refuse another ``--slices`` in an OUT that holds a run.

    Raises
    ------
    BadValue
        Names both selections.
    """
    path = state.layout.private / "selection.json"
    wanted = [str(s) for s in parse_ids(state.params.slices)] if state.params.slices else None
    if path.exists():
        held = json.loads(path.read_text(encoding="utf-8"))
        if held != wanted:
            raise BadValue(
                f"--slices selects {_say(wanted)}; {state.layout.out} holds a run of {_say(held)}",
                hint="a quick look has an OUT of its own: choose another folder",
            )
    atomic.write_json(path, wanted)


def publish_final(state: State, job: Job) -> dict[fate.Fate, int]:
    """Write slice_config_final.csv and return how many slices met which fate.

    Raises
    ------
    Defect
        If a slice that was seen has no row, or the fates do not add up.
    """
    rows = state.rows
    acquisition = state.acquisition
    counts = roll_call.final_count(rows, acquisition.ids, acquisition.never_acquired)
    history.write_record(state.layout.final_config, rows, before=state.record, author=job)
    return counts


def warn_of_late_edits(state: State) -> None:
    """Say that a slice_config was edited after this run had read it; nothing is lost.

    That is OUT/slice_config.csv, and the file of ``--slice_config``.
    """
    _warn_of(state.layout.slice_config, history.hand_edits)
    if state.params.slice_config is not None:
        _warn_of(state.params.slice_config, lambda path: _edits_since(_given(state), path))


def _warn_of(path: Path, edits: Callable[[Path], list[history.Change]]) -> None:
    try:
        changes = edits(path)
    except InputError as error:
        log.warning("edited during the run, and not readable: %s", error)
        return
    for change in changes:
        log.warning(
            "%s was edited during the run (slice %s, %s: %s → %s): the edit counts in the next run",
            path.name,
            change.slice,
            change.column,
            change.old,
            change.new,
        )


def _edits_since(before: Path, path: Path) -> list[history.Change]:
    return history.compare(
        slice_config.read(before), slice_config.read(path), author=history.Person()
    )


def _given(state: State) -> Path:
    """Return where the file of ``--slice_config`` is kept as this run has read it."""
    return state.layout.private / "slice_config_given.csv"


def _with_edits(fresh: Rows, state: State, written: Path) -> Rows:
    """Lay what the user changed over what was generated."""
    given, there = state.params.slice_config, state.layout.slice_config
    if given is not None:
        atomic.write_bytes(_given(state), given.read_bytes())
        cells = roll_call.given_cells(given, fresh)
        return roll_call.lay_edits(fresh, written=None, edited=cells)
    if not there.exists() or not written.exists():
        return fresh
    before, edited = slice_config.read(written), slice_config.read(there)
    return roll_call.lay_edits(fresh, written=before, edited=edited)


def _with_selection(rows: Rows, state: State) -> Rows:
    left_out = sorted(set(state.acquisition.ids) - set(state.selected()))
    return roll_call.leave_out_unselected(rows, left_out)


def _say(selection: list[str] | None) -> str:
    return "all slices" if selection is None else f"slices {', '.join(selection)}"
