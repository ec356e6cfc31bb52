"""Look at slice_config.csv, check it, compare it, edit it, and ask why a slice is as it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from linumpy.cli.command import Command, Count, Role, Source
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from collections.abc import Mapping, Sized

    from linumpy.core.slice_id import SliceId
    from linumpy.io.history import Change
    from linumpy.io.slice_config import Rows

New = Annotated[Path, tyro.conf.arg(aliases=["-o"]), Role(is_source=False)]
Values = Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="COLUMN=VALUE")]


@dataclass(frozen=True, kw_only=True)
class Show:
    """Show the record as a table."""

    file: Source
    """slice_config.csv"""
    json: bool = False
    """print JSON"""


@dataclass(frozen=True, kw_only=True)
class Validate:
    """Name everything that is wrong with a record, at once; ends with 2 if something is."""

    file: Source
    """slice_config.csv"""
    json: bool = False
    """print JSON"""


@dataclass(frozen=True, kw_only=True)
class Diff:
    """Show what differs between two records, per slice and column."""

    old: Source
    """slice_config.csv"""
    new: Source
    """another one"""
    json: bool = False
    """print JSON"""


@dataclass(frozen=True, kw_only=True)
class History:
    """Show who changed what and when, and why a slice is as it is."""

    file: Source
    """slice_config.csv, its history beside it"""
    slice: str = ""
    """only these slices: 07, 03-05"""
    json: bool = False
    """print JSON"""


@dataclass(frozen=True, kw_only=True)
class Restore:
    """Write the record as it was after a revision of its history."""

    file: Source
    """slice_config.csv, its history beside it"""
    to: Count
    """number of the revision, as `history` shows it"""
    out: New
    """the restored record"""
    json: bool = False
    """print the changes as JSON"""


@dataclass(frozen=True, kw_only=True)
class Set:
    """Change cells by hand: set FILE --slice 07 use=false --note "torn" -o NEW."""

    file: Source
    """slice_config.csv"""
    values: Values = ()
    """what to set: use=false"""
    slice: str
    """slices to change: 07, 03-05"""
    note: str = ""
    """text to append to the notes"""
    out: New
    """the changed record"""
    json: bool = False
    """print the changes as JSON"""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Show how many slices met which fate, and which ones."""

    file: Source
    """slice_config.csv"""
    json: bool = False
    """print JSON"""


Action = (
    Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Validate, tyro.conf.subcommand("validate")]
    | Annotated[Diff, tyro.conf.subcommand("diff")]
    | Annotated[History, tyro.conf.subcommand("history")]
    | Annotated[Restore, tyro.conf.subcommand("restore")]
    | Annotated[Set, tyro.conf.subcommand("set")]
    | Annotated[Summary, tyro.conf.subcommand("summary")]
)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Look at slice_config.csv, check it, compare it, edit it, ask why a slice is as it is."""

    action: tyro.conf.OmitSubcommandPrefixes[Action]
    """what to do; each has its own --help"""


def run(p: Params, job: Job) -> None:
    """Do what the subcommand says."""
    match p.action:
        case Show():
            _show(p.action)
        case Validate():
            _validate(p.action)
        case Diff():
            _diff(p.action)
        case History():
            _history(p.action)
        case Restore():
            _restore(p.action, job)
        case Set():
            _set(p.action, job)
        case Summary():
            _summary(p.action)


def _show(p: Show) -> None:
    from linumpy.io import slice_config

    rows = slice_config.read(p.file)
    used = dict.fromkeys(name for row in rows.values() for name in row)
    _print([{name: row.get(name, "") for name in used} for row in rows.values()], as_json=p.json)


def _validate(p: Validate) -> None:
    from linumpy.errors import BadFile
    from linumpy.io import plausible, slice_config

    rows, problems = slice_config.parse(p.file)
    found = [
        {"line": one.line, "column": one.column, "problem": one.message, "hint": one.hint}
        for one in problems
    ]
    odd = [{"slice": key, "warning": what} for key, what in plausible.doubts(rows)]
    if p.json:
        _print({"file": str(p.file), "problems": found, "warnings": odd}, as_json=True)
    else:
        _say([f"{one['problem']}; {one['hint']}" for one in found])
        _say([f"slice {one['slice']}: {one['warning']}" for one in odd])
        counts = f"{_count(rows, 'slice')}, no problem, {_count(odd, 'warning')}"
        _say([] if found else [f"{p.file}: {counts}"])
    if found:
        raise BadFile(f"{p.file}: {_count(found, 'problem')}", hint="mend as said")


def _diff(p: Diff) -> None:
    from linumpy.io import history, slice_config

    old, new = slice_config.read(p.old), slice_config.read(p.new)
    _print_changes(history.compare(old, new, author=history.Person()), as_json=p.json)


def _history(p: History) -> None:
    from linumpy.io import history, slice_config

    rows = slice_config.read(p.file)
    wanted = _named(p.slice, rows) if p.slice else ()
    groups = history.revisions([*history.read(p.file), *history.hand_edits(p.file)])
    numbered = [
        {"revision": number, **_plain(change), "by": f"{change.command} {change.version}".strip()}
        for number, group in enumerate(groups, start=1)
        for change in group
        if not wanted or change.slice in wanted
    ]
    _print(numbered, as_json=p.json)
    if not p.json:
        _say([_why(key, rows[key], numbered) for key in wanted])


def _restore(p: Restore, job: Job) -> None:
    from linumpy.errors import BadValue
    from linumpy.io import history, slice_config

    rows = slice_config.read(p.file)
    groups = history.revisions([*history.read(p.file), *history.hand_edits(p.file)])
    if p.to > len(groups):
        raise BadValue(
            f"--to {p.to}: the history of {p.file} has {len(groups)} revisions",
            hint="`history` shows them with their numbers",
        )
    restored = history.undo(rows, [change for group in groups[p.to :] for change in group])
    _write(p.file, p.out, rows, restored, job, as_json=p.json)


def _set(p: Set, job: Job) -> None:
    from linumpy.errors import BadValue
    from linumpy.io import slice_config

    pairs = [text.partition("=") for text in p.values]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong or not (pairs or p.note):
        raise BadValue(
            f"{' '.join(wrong) or 'nothing'} is no COLUMN=VALUE", hint="write it as in use=false"
        )
    values = {name: value for name, _, value in pairs}
    rows = slice_config.read(p.file)
    ids = _named(p.slice, rows)
    changed = slice_config.stamp_many(rows, dict.fromkeys(ids, values))
    notes = {key: {"notes": p.note} for key in ids}
    changed = slice_config.stamp_many(changed, notes, append_notes=True)
    _write(p.file, p.out, rows, changed, job, as_json=p.json)


def _summary(p: Summary) -> None:
    from linumpy.core.fate import FATES, fate
    from linumpy.io import slice_config

    rows = slice_config.read(p.file)
    met = {one: [key for key, row in rows.items() if fate(row) == one] for one in FATES}
    if p.json:
        _print({"fates": met, "sum": len(rows)}, as_json=True)
        return
    _say([f"{one:12} {len(ids):5}  {' '.join(ids)}".rstrip() for one, ids in met.items()])
    _say([f"{'sum':12} {len(rows):5}"])


def _named(text: str, rows: "Rows") -> "tuple[SliceId, ...]":
    """Return the slices that ``--slice`` names; each must stand in the record."""
    from linumpy.core.slice_id import parse_ids
    from linumpy.errors import BadValue, UnknownSlice

    ids = parse_ids([text])
    if not ids:
        raise BadValue(f"--slice {text!r} names no slice", hint="write it as in 07 or 03-05")
    if missing := [slice_id for slice_id in ids if slice_id not in rows]:
        raise UnknownSlice(
            f"slice {', '.join(missing)} is not in the record",
            hint=f"it holds {', '.join(rows) or 'no slice'}",
        )
    return ids


def _count(things: "Sized", name: str) -> str:
    return f"{len(things)} {name}{'' if len(things) == 1 else 's'}"


def _write(path: Path, out: Path, old: "Rows", new: "Rows", job: Job, *, as_json: bool) -> None:
    from linumpy.io import history

    author = history.Person(version=job.version, parameters=job.parameters)
    history.write_record(out, new, before=path, author=author)
    _print_changes(history.compare(old, new, author=author), as_json=as_json)


def _why(key: str, row: "Mapping[str, object]", changes: "list[dict[str, object]]") -> str:
    """Return one sentence: the fate of a slice, and who last decided about it."""
    from linumpy.core.fate import fate
    from linumpy.io.columns import as_text

    about = ("use", "auto_excluded", "interpolated", "interpolation_failed")
    last = [one for one in changes if one["slice"] == key and one["column"] in about][-1:]
    since = "".join(
        f"; {one['column']}={as_text(one['new'])} since revision {one['revision']} by {one['by']}"
        for one in last
    )
    notes = f"; notes: {row['notes']}" if row["notes"] else ""
    return f"slice {key} is {fate(row)}{since}{notes}"


def _print_changes(changes: "Sequence[Change]", *, as_json: bool) -> None:
    keep = ("slice", "column", "old", "new")
    _print([{name: getattr(one, name) for name in keep} for one in changes], as_json=as_json)


def _plain(change: "Change") -> dict[str, object]:
    names = ("time", "slice", "column", "old", "new", "parameters")
    return {name: getattr(change, name) for name in names}


def _print(value: object, *, as_json: bool) -> None:
    """Print JSON, or a list of records as a table."""
    import json

    from linumpy.io.columns import as_text

    if as_json:
        _say([json.dumps(value, indent=1, ensure_ascii=False)])
        return
    assert isinstance(value, list)
    if not value:
        _say(["nothing"])
        return
    names = [name for name in value[0] if name != "parameters"]
    _table(names, [[as_text(one[name]) for name in names] for one in value])


def _table(names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    table = Table(*names, box=box.SIMPLE_HEAD if console.is_terminal else None, pad_edge=False)
    for row in rows:
        table.add_row(*map(Text, row))
    if not console.is_terminal:
        console.width = 10_000  # a file or a pipe: nothing is cut
    console.print(table)


def _say(lines: Sequence[str]) -> None:
    for line in lines:
        print(line)  # noqa: T201  text is this command's product


COMMAND = Command(Params, run)
main = COMMAND.main
