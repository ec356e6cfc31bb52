"""Parameters of a workflow, as the engine hands them over: unknown, missing, out of bounds."""

import dataclasses
import difflib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args, get_type_hints

from linumpy.cli import runtime
from linumpy.core.slice_id import parse_ids
from linumpy.errors import BadValue
from linumpy.pipeline import nextflow
from linumpy.pipeline.linum_reconstruct import ID_PARAMETERS, check_atlas
from linumpy.pipeline.nextflow import Workflow


def check_parameters(name: str, text: str) -> None:
    """Check the parameters of a workflow, but for whether paths exist: a container sees none.

    Parameters
    ----------
    name : {"preproc", "reconst_3d"}
        Which workflow.
    text : str
        Its ``params``, as JSON.

    Raises
    ------
    BadValue
        Names what is unknown, missing or out of its bounds.
    """
    workflow = next(one for one in nextflow.WORKFLOWS if one.name == name)
    given = json.loads(text)
    check_known(workflow, given)
    params = check_bounds(workflow, given)
    check_atlas(getattr(params, "atlas", None), getattr(params, "input_orientation", None))


def check_known(workflow: Workflow, given: Iterable[str]) -> None:
    """Refuse names that are no parameters of a workflow.

    Raises
    ------
    BadValue
        Names them, and the nearest that there is.
    """
    fields = [f.name for f in dataclasses.fields(workflow.params)]
    unknown = [key for key in given if key not in fields]
    if unknown:
        near = difflib.get_close_matches(unknown[0], fields, n=1)
        raise BadValue(
            f"{', '.join(f'--{key}' for key in unknown)}: no such parameter of {workflow.file}",
            hint=f"did you mean --{near[0]}?" if near else "--help lists all",
        )


def check_bounds(workflow: Workflow, given: Mapping[str, Any]) -> Any:  # Any: its params
    """Return the parameters of a workflow as values, each complete and within its bounds.

    Raises
    ------
    BadValue
        Names what is missing or out of its bounds.
    """
    kind = workflow.params
    values = from_json(kind, given)
    missing = [f.name for f in dataclasses.fields(kind) if _is_missing(f) and f.name not in values]
    if missing:
        raise BadValue(f"--{missing[0]} is missing", hint="--help lists all parameters")
    params = runtime.validate(kind(**values))
    for key in ID_PARAMETERS:
        parse_ids(getattr(params, key, ()))
    return params


def from_json(kind: type[Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters as values of ``kind``'s fields, from what the engine or run.json holds.

    Lists become tuples, texts paths where the field is one; what is empty is left to its default.
    """
    hints = get_type_hints(kind)
    values: dict[str, Any] = {}
    for key, value in given.items():
        if value is None or value == "":
            continue
        options = [hints[key], *get_args(hints[key])]
        if any(getattr(one, "__origin__", None) is tuple for one in options):
            parts = value if isinstance(value, list) else str(value).split()
            values[key] = tuple(_text(key, part) for part in parts)
        elif Path in options or str in options:
            values[key] = Path(str(value)) if Path in options else str(value)
        else:
            values[key] = value
    return values


def _is_missing(field: dataclasses.Field[Any]) -> bool:
    return runtime.default_of(field) is dataclasses.MISSING


def _text(key: str, part: object) -> object:
    """Return one value of a list; ids are text, also those that the engine took for numbers."""
    return str(part) if key in ID_PARAMETERS else part
