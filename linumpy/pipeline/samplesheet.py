"""A samplesheet: one row per brain, the parameters in which its run differs from the others'.

``subject`` names the brain and its folder. ``raw`` is what preproc reads; ``input`` is what either
workflow reads; every other column is a parameter, by its name. One sheet serves both workflows: a
column that only the other one knows is passed over. An empty cell is the workflow's own value.
"""

import dataclasses
import difflib
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

from linumpy.cli import runtime
from linumpy.errors import BadFile, BadValue, LinumpyError, MissingFile
from linumpy.io import table
from linumpy.io.table import Table
from linumpy.pipeline import check, nextflow
from linumpy.pipeline.linum_reconstruct import check_atlas
from linumpy.pipeline.nextflow import Workflow

log = logging.getLogger(__name__)
SUBJECT, RAW, INPUT, OUTPUT = "subject", "raw", "input", "output"
OF_ALL = {OUTPUT, "samplesheet", "subjects_at_once", "help", "max_cpus", "max_memory"}
"""Parameters of the whole run: no column changes them for one brain."""
_REMOTE = "://"
_NAME = re.compile(r"[A-Za-z0-9][\w.+-]*")


@dataclass(frozen=True, slots=True)
class Brain:
    """One row: the name, and every parameter of its own run of the workflow."""

    subject: str
    params: Mapping[str, Any]  # Any: JSON


@dataclass(frozen=True, slots=True)
class _Cell:
    path: Path
    line: int
    column: str
    text: str

    def error(self, what: str, hint: str) -> BadValue:
        """Return the error that names the cell."""
        shown = table.quote(self.text)
        return BadValue(
            f"{self.path} line {self.line}, column {self.column}: {shown}: {what}", hint=hint
        )


def read(
    path: Path,
    workflow_name: str,
    given: Mapping[str, Any],  # Any: JSON
    *,
    launch_dir: Path,
    sees_paths: bool = True,
) -> tuple[Brain, ...]:
    """Read a samplesheet; everything that can be wrong with a brain's parameters is told here.

    Parameters
    ----------
    path : path
        CSV with a header.
    workflow_name : {"preproc", "reconst_3d"}
        Which workflow.
    given : mapping
        The parameters of the run, of which rows say what differs.
    launch_dir : path
        Relative paths are below it, as in flags.
    sees_paths : bool
        Whether to check that paths exist; a container sees none.

    Raises
    ------
    MissingFile, BadFile, BadValue
        Names the line and the column.
    """
    workflow = next(one for one in nextflow.WORKFLOWS if one.name == workflow_name)
    check.check_known(workflow, given)
    if not given.get(OUTPUT):
        raise BadValue("--output is missing", hint="it gets a folder per subject")
    found, problems = table.scan(path, (SUBJECT, RAW, INPUT))
    if problems:
        raise problems[0].error(path)
    _check_columns(found, workflow)
    if not found.records:
        raise BadFile(f"{path}: no brain", hint="write a line per brain below the header")
    brains: dict[str, Brain] = {}
    for line, record in zip(found.lines, found.records, strict=True):
        cells = {
            column: _Cell(path, line, column, text.strip())
            for column, text in zip(found.columns, record, strict=True)
        }
        subject = _subject(cells[SUBJECT], brains)
        params = _params(subject, cells, workflow, given)
        placed = _placed(params, workflow, launch_dir)
        if sees_paths:
            _check_paths(placed, cells, workflow)
        brains[subject] = Brain(subject, placed)
    return tuple(brains.values())


def _check_columns(found: Table, workflow: Workflow) -> None:
    own = _fields(workflow)
    known = {name for one in nextflow.WORKFLOWS for name in _fields(one)} | {SUBJECT, RAW}
    if SUBJECT not in found.columns:
        raise BadFile(
            f"{found.path} line {found.header_line}: no column {SUBJECT}",
            hint=f"the first line names the columns: {SUBJECT},{RAW},slice_config, and parameters",
        )
    for column in found.columns:
        where = f"{found.path} line {found.header_line}, column {column}"
        if column in OF_ALL:
            raise BadValue(
                f"{where}: holds for all brains", hint=f"give --{column} to the workflow"
            )
        if column not in known:
            near = difflib.get_close_matches(column, sorted(known), n=1)
            raise BadValue(
                f"{where}: no such parameter of a workflow",
                hint=f"did you mean {near[0]}?" if near else "--help lists all parameters",
            )
        if column not in {*own, SUBJECT, RAW}:
            log.info("column %s: not for %s, passed over", column, workflow.file)


def _fields(workflow: Workflow) -> set[str]:
    return {f.name for f in workflow.own_fields()} - OF_ALL


def _subject(cell: _Cell, seen: Mapping[str, Brain]) -> str:
    if not _NAME.fullmatch(cell.text):
        raise cell.error(
            "a subject names a folder", "letters, digits, and . _ + - behind the first of them"
        )
    if cell.text.casefold() in {name.casefold() for name in seen}:
        raise cell.error("stands twice", "give every brain a name of its own")
    return cell.text


def _params(
    subject: str, cells: Mapping[str, _Cell], workflow: Workflow, given: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the parameters of a brain, each cell checked on its own, then all together."""
    own = _fields(workflow)
    params = {k: v for k, v in given.items() if k not in ("samplesheet", "subjects_at_once")}
    params |= {INPUT: _input(subject, cells, workflow, given), OUTPUT: f"{given[OUTPUT]}/{subject}"}
    if SUBJECT in own:
        params[SUBJECT] = subject
    for column, cell in cells.items():
        if cell.text and column in own and column not in (SUBJECT, INPUT):
            alone = {**given, INPUT: params[INPUT], column: _value(workflow.params, cell)}
            params[column] = runtime.plain(getattr(_checked(workflow, alone, cell), column))
    checked = _checked(workflow, params, cells[SUBJECT])
    try:
        check_atlas(getattr(checked, "atlas", None), getattr(checked, "input_orientation", None))
    except LinumpyError as error:
        raise cells[SUBJECT].error(error.message, error.hint) from error
    return params


def _input(
    subject: str, cells: Mapping[str, _Cell], workflow: Workflow, given: Mapping[str, Any]
) -> str:
    """Return what a brain's run reads: its cell, else its folder in what preproc wrote."""
    wanted = (RAW, INPUT) if workflow.name == "preproc" else (INPUT,)
    for column in wanted:
        if column in cells and cells[column].text:
            return cells[column].text
    if workflow.name != "preproc" and given.get(INPUT):
        return f"{given[INPUT]}/{subject}"
    where = cells.get(wanted[0]) or dataclasses.replace(cells[SUBJECT], column=wanted[0], text="")
    raise where.error(
        "nothing says what this brain is read from",
        "give every brain its folder of raw tiles"
        if workflow.name == "preproc"
        else "give a column input, or --input FOLDER that holds a folder per subject",
    )


def _value(kind: type[Any], cell: _Cell) -> Any:  # Any: JSON
    """Return what a cell says, of the type that its parameter has."""
    if nextflow.is_many(get_type_hints(kind, include_extras=True)[cell.column]):
        return cell.text
    words = {"true": True, "false": False}
    return words.get(cell.text.lower(), cell.text)


def _checked(workflow: Workflow, params: Mapping[str, Any], cell: _Cell) -> Any:  # Any: params
    known = {f.name for f in workflow.own_fields()}
    try:
        return check.check_bounds(workflow, {k: v for k, v in params.items() if k in known})
    except LinumpyError as error:
        raise cell.error(error.message, error.hint) from error


def _placed(params: Mapping[str, Any], workflow: Workflow, launch_dir: Path) -> dict[str, Any]:
    """Return the parameters with every path absolute: a brain's run starts in another folder."""
    placed = dict(params)
    for name in (*_path_names(workflow), OUTPUT):
        value = params.get(name)
        if isinstance(value, list):
            placed[name] = [_absolute(part, launch_dir) for part in value]
        elif value:
            placed[name] = _absolute(value, launch_dir)
    return placed


def _absolute(text: str, launch_dir: Path) -> str:
    return text if _REMOTE in text else str(launch_dir / text)


def _check_paths(placed: Mapping[str, Any], cells: Mapping[str, _Cell], workflow: Workflow) -> None:
    for name in _path_names(workflow):
        value = placed.get(name) or []
        for text in value if isinstance(value, list) else [value]:
            if _REMOTE in text or Path(text).exists():
                continue
            column = RAW if name == INPUT and RAW in cells and cells[RAW].text else name
            cell = cells.get(column, cells[SUBJECT])
            raise MissingFile(
                f"{cell.path} line {cell.line}, column {cell.column}: --{name} {text} does not "
                "exist",
                hint="check the path; a relative one is below the folder where the workflow starts",
            )


def _path_names(workflow: Workflow) -> list[str]:
    """Return the parameters that are paths which a run reads."""
    hints = get_type_hints(workflow.params)
    paths = {Path, Path | None, tuple[Path, ...]}
    found = [name for name, hint in hints.items() if hint in paths]
    return [*(name for name in found if name not in (OUTPUT, "samplesheet")), "atlas"]
