"""Run a command: parse, check, cap threads, call, turn errors into exit codes.

Exit codes: 0 done, 2 the user's input, 1 a slice failed or a fault of ours, 130 after Ctrl-C.
"""

import contextlib
import dataclasses
import logging
import re
import shlex
import sys
import time
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import tyro

from linumpy.cli import cite, cost, failure, machine
from linumpy.cli.command import Command, Count, Role
from linumpy.errors import (
    BadValue,
    Defect,
    InputError,
    LinumpyError,
    MissingFile,
    OutOfMemory,
    OutputExists,
)
from linumpy.io import atomic

P = TypeVar("P")
ProgressHook = Callable[[float, float], None]
log = logging.getLogger("linumpy")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What every command has beside its own parameters."""

    workers: Count | None = None
    """parallel workers; default: the processors that this process may use (affinity, cgroup)"""
    max_memory: str | None = None
    """bound on memory, as in 8GB; default: what the cgroup or the machine has"""
    overwrite: Annotated[bool, tyro.conf.arg(aliases=["-f"])] = False
    """replace outputs that exist"""
    check: bool = False
    """check parameters and inputs, then stop"""
    verbose: Annotated[bool, tyro.conf.arg(aliases=["-v"])] = False
    """say more on standard error"""
    version: bool = False
    """print which linumpy this is and how to cite it, then stop"""
    record_failure: Path | None = None
    """STAGE/slice_z07_manifest.csv: where a failure on the slice is recorded; the command then ends
    well, so that a workflow goes on with the other slices"""


@dataclass(frozen=True)
class Job:
    """One run of one command: what its ``run`` may use beside its parameters."""

    name: str
    version: str
    parameters: Mapping[str, object]
    stamps: tuple[str, ...]
    workers: int = 1
    max_memory_bytes: int = 2**31
    check: bool = False
    progress: ProgressHook = lambda done, total: None  # noqa: ARG005


INTERRUPTED = 130
"""Exit code after Ctrl-C: 128 + SIGINT."""


def main(command: Command[P], argv: list[str]) -> int:
    """Run ``command`` on a command line and return the exit code."""
    if "--version" in argv:
        print(cite.how_to_cite(version()), end="")  # noqa: T201  this is what was asked for
        return 0
    try:
        params, options = parse(command, argv)
        failure.check_fragment(options.record_failure)
    except LinumpyError as error:
        return fail(command.name, error)
    try:
        _work(command, params, options)
    except Exception as error:  # noqa: BLE001  told to the user, recorded, or raised again
        return _end(command.name, error, options.record_failure)
    except KeyboardInterrupt:
        return _say_interrupted(command)
    return 0


def _say_interrupted(command: Command[P]) -> int:
    """Say in one line that the user ended it; return the exit code that shells use for that."""
    rest = "the same command goes on from here" if command.is_driver else "nothing is half-written"
    print(f"{command.name}: interrupted; {rest}", file=sys.stderr)  # noqa: T201
    return INTERRUPTED


def _work(command: Command[P], params: P, options: Options) -> None:
    _configure_logging(verbose=options.verbose)
    check_paths(command, params, overwrite=options.overwrite)
    if options.check and not command.is_driver:
        log.info("%s: parameters and inputs are fine", command.name)
        return
    show = silent_progress if command.is_driver else terminal_progress
    with show(command.stage) as progress:
        job = make_job(command, params, options, progress=progress)
        started = time.time()
        run(command, params, job)
        _write_done(command, params, time.time() - started)


def _end(name: str, error: Exception, fragment: Path | None) -> int:
    """Say what went wrong; record it as the slice's failure where a fragment is asked for."""
    told = error
    if isinstance(error, OSError) and not isinstance(error, LinumpyError):
        if not isinstance(error.errno, int):
            raise error
        told = from_os_error(error)
    if fragment is None:
        if isinstance(told, LinumpyError):
            return fail(name, told)
        raise error
    if failure.is_machines(error):
        fail(name, told if isinstance(told, LinumpyError) else OutOfMemory(str(error)))
        return failure.MACHINE
    if not isinstance(told, LinumpyError):
        log.error("%s: a fault of linumpy", name, exc_info=error)
        told = Defect(f"{type(error).__name__}: {error}", hint="please report")
    fail(name, told)
    failure.write_fragment(fragment, told)
    return 0


def run(command: Command[P], params: P, job: Job) -> None:
    """Call the command in this process, with library threads capped to one.

    Our workers are the only parallelism, so results do not depend on how many there are.
    """
    machine.cap_threads()
    command.run(params, job)


def make_job(
    command: Command[P],
    params: P,
    options: Options | None = None,
    *,
    progress: ProgressHook | None = None,
) -> Job:
    """Return the job for one run of ``command``; options default to one worker."""
    job = Job(
        name=command.name,
        version=version(),
        parameters=plain(params),
        stamps=command.stamps,
        progress=progress or (lambda _done, _total: None),
    )
    if options is None:
        return job
    return dataclasses.replace(
        job,
        workers=options.workers or machine.n_processors(),
        max_memory_bytes=machine.memory_bound(options.max_memory),
        check=options.check,
    )


def version() -> str:
    """Return the installed version of linumpy."""
    from importlib.metadata import version as installed  # noqa: PLC0415  36 ms that --help saves

    return installed("linumpy")


def parse(command: Command[P], argv: list[str]) -> tuple[P, Options]:
    """Parse and validate a command line; ends the program with 2 where tyro refuses it.

    Raises
    ------
    BadValue
        When a value is out of its bounds.
    """
    flat = dataclasses.make_dataclass(
        "flat", [*_flags(command.params), *_flags(Options)], kw_only=True
    )
    parsed: Any = tyro.cli(  # Any: the dataclass is made here
        flat,
        prog=command.name,
        description=command.params.__doc__,
        args=argv,
        use_underscores=True,
        config=(tyro.conf.CascadeSubcommandArgs,),  # --overwrite may stand behind a subcommand
    )

    def part(kind: type[Any]) -> Any:  # Any: Params of the command, or Options
        names = [field.name for field in dataclasses.fields(kind)]
        return validate(kind(**{name: getattr(parsed, name) for name in names}))

    return part(command.params), part(Options)


def _flags(params: type[object]) -> list[tuple[str, Any, Any]]:
    """Return the fields of a dataclass as flags: help from the docstrings, readable metavars."""
    helps = field_help(params)
    hints = _hints(params)
    flags: list[tuple[str, Any, Any]] = []
    for field in dataclasses.fields(params):  # type: ignore[arg-type]
        hint = hints[field.name]
        metavar = field.name.upper() if is_positional(params, field.name) else _metavar(hint)
        argument = tyro.conf.arg(help=helps.get(field.name), metavar=metavar)
        default = dataclasses.field(default=field.default)
        flags.append((field.name, Annotated[hint, argument], default))
    return flags


def _metavar(hint: object) -> str | None:
    """Say what a flag takes; None leaves it to tyro."""
    if get_origin(hint) is Annotated:
        return _metavar(get_args(hint)[0])
    if get_origin(hint) in (Union, types.UnionType):
        return _metavar(next(a for a in get_args(hint) if a is not type(None)))
    return {Path: "PATH", int: "N", float: "X", str: "TEXT"}.get(hint)  # type: ignore[call-overload,no-any-return]


def validate(params: P) -> P:
    """Check bounds and choices; return the parameters.

    Raises
    ------
    BadValue
        Names every field that is wrong, what it holds and what is allowed.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  after parsing only

    fields = dataclasses.fields(params)  # type: ignore[arg-type]
    values = {field.name: getattr(params, field.name) for field in fields}
    try:
        return TypeAdapter(type(params)).validate_python(values)
    except ValidationError as error:
        wrong = "; ".join(
            f"--{problem['loc'][0]} {problem['input']}: {problem['msg']}"
            for problem in error.errors()
        )
        raise BadValue(wrong, hint="--help lists what each flag allows") from error


def to_argv(command: Command[P], params: P) -> list[str]:
    """Return the command line that parses to ``params``; defaults are left out."""
    argv: list[str] = []
    flags: list[str] = []
    for field in dataclasses.fields(command.params):  # type: ignore[arg-type]
        value = getattr(params, field.name)
        if is_positional(command.params, field.name):
            parts = value if isinstance(value, tuple) else () if value is None else (value,)
            argv += [str(part) for part in parts]
        elif value == default_of(field):
            continue
        elif isinstance(value, bool):
            flags += [f"--{field.name}" if value else f"--no_{field.name}"]
        elif isinstance(value, tuple):
            flags += [f"--{field.name}", *(str(part) for part in value)]
        else:
            flags += [f"--{field.name}", str(value)]
    return argv + flags


def paths(command: Command[P], params: P, *, sources: bool) -> dict[str, Path]:
    """Return the source (or product) paths of ``params`` by field name, absent ones left out."""
    return {
        name: Path(getattr(params, name))
        for name, is_source in roles(command.params).items()
        if is_source is sources and getattr(params, name) is not None
    }


def roles(params: type[object]) -> dict[str, bool]:
    """Return which fields are paths with a role: name → is it a source."""
    found = {}
    for name, hint in _hints(params).items():
        for part in _annotations(hint):
            if isinstance(part, Role):
                found[name] = part.is_source
    return found


_known_hints: dict[type[object], dict[str, Any]] = {}


def _hints(params: type[object]) -> dict[str, Any]:
    """Return the types of the fields; evaluated once: it is slow."""
    if params not in _known_hints:
        _known_hints[params] = get_type_hints(params, include_extras=True)
    return _known_hints[params]


def is_positional(params: type[object], name: str) -> bool:
    """Say whether a field is given by position on the command line."""
    hint = _hints(params)[name]
    return any(part is get_args(tyro.conf.Positional[int])[1] for part in _annotations(hint))


def check_paths(command: Command[P], params: P, *, overwrite: bool) -> None:
    """Refuse missing sources, existing products, and a product that is a source.

    Raises
    ------
    MissingFile, OutputExists, BadValue
        Each names the field and the path.
    """
    for chosen in _subcommands(params):
        check_paths(Command(type(chosen), lambda _params, _job: None), chosen, overwrite=overwrite)
    sources = paths(command, params, sources=True)
    for name, path in sources.items():
        if not path.exists():
            raise MissingFile(f"{name}: {path} does not exist", hint="check the path")
    for name, path in paths(command, params, sources=False).items():
        for source_name, source in sources.items():
            if path.resolve() == source.resolve():
                raise BadValue(
                    f"{name} and {source_name} are the same path: {path}",
                    hint="no command writes over its input; choose another output",
                )
        if path.exists() and not overwrite:
            raise OutputExists(f"{name}: {path} exists", hint="pass --overwrite to replace it")


def _subcommands(params: object) -> list[object]:
    """Return the fields that are dataclasses themselves: the chosen subcommand."""
    values = (getattr(params, f.name) for f in dataclasses.fields(params))  # type: ignore[arg-type]
    return [value for value in values if dataclasses.is_dataclass(value)]


def plain(value: object) -> Any:  # Any: JSON
    """Return parameters as JSON values: dataclass → dict, tuple → list, Path → str."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def fail(name: str, error: LinumpyError) -> int:
    """Print message and hint, without a traceback; return the exit code."""
    print(f"{name}: {error.message}", file=sys.stderr)  # noqa: T201
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)  # noqa: T201
    return 2 if isinstance(error, InputError) else 1


def from_os_error(error: OSError) -> LinumpyError:
    """Turn what the system refused (full disk, read-only folder, …) into a message for the user."""
    where = f"{error.filename}: " if error.filename else ""
    return InputError(
        f"{where}{error.strerror or error}",
        hint="check that the folder exists, may be written and has free space; "
        "outputs that stood before are untouched",
    )


@contextlib.contextmanager
def silent_progress(_label: str) -> Iterator[ProgressHook]:
    """Show nothing."""
    yield lambda _done, _total: None


@contextlib.contextmanager
def terminal_progress(label: str) -> Iterator[ProgressHook]:
    """Show a bar on a terminal and nothing elsewhere; yields the hook."""
    if not sys.stderr.isatty():
        with silent_progress(label) as hook:
            yield hook
        return
    from rich.console import Console  # noqa: PLC0415  --help stays light
    from rich.progress import Progress  # noqa: PLC0415

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _annotations(hint: object) -> list[object]:
    """Return all Annotated metadata in a type, those inside unions included."""
    if get_origin(hint) is Annotated:
        inner, *parts = get_args(hint)
        return [*parts, *_annotations(inner)]
    if get_origin(hint) in (Union, types.UnionType):
        return [part for option in get_args(hint) for part in _annotations(option)]
    return []


def default_of(field: dataclasses.Field[Any]) -> object:
    """Return a field's default, MISSING where it has none."""
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _write_done(command: Command[P], params: P, seconds: float) -> None:
    """Leave ``<product>.done.json`` beside the first product: what ran, which version, how long."""
    products = list(paths(command, params, sources=False).values())
    if not products or not products[0].exists():
        return
    done = {
        "command": shlex.join([command.name, *to_argv(command, params)]),
        "version": version(),
        "seconds": round(seconds, 3),
        "peak_bytes": cost.peak_bytes(),
        "bytes_written": sum(map(cost.bytes_of, products)),
    }
    product = products[0]
    inside = product.is_dir() and product.suffix != ".zarr"
    path = product / "done.json" if inside else product.with_name(product.name + ".done.json")
    atomic.write_json(path, done)


def _configure_logging(*, verbose: bool) -> None:
    logging.basicConfig(
        stream=sys.stderr, level=logging.DEBUG if verbose else logging.INFO, format="%(message)s"
    )
    for noisy in ("matplotlib", "PIL", "numcodecs", "zarr", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    logging.captureWarnings(capture=True)


def field_help(params: type[object]) -> dict[str, str]:
    """Return the help of each field: the docstring under it, or the text in its annotation."""
    found: dict[str, str] = {}
    for base in reversed(params.__mro__[:-1]):
        if dataclasses.is_dataclass(base):
            found |= _docstrings(base)
    for name, hint in _hints(params).items():
        for part in _annotations(hint):
            text = getattr(part, "help", None)
            if isinstance(text, str) and text:
                found[name] = text
    return found


def _docstrings(params: type[object]) -> dict[str, str]:
    import ast  # noqa: PLC0415  only for documents and the driver
    import inspect  # noqa: PLC0415
    import textwrap  # noqa: PLC0415

    try:
        source = _source_of(params)
    except (OSError, TypeError):  # made at run time: its helps are in its annotations
        return {}
    (node,) = ast.parse(textwrap.dedent(source)).body
    assert isinstance(node, ast.ClassDef)
    found = {}
    for before, after in zip(node.body, node.body[1:], strict=False):
        if isinstance(before, ast.AnnAssign) and isinstance(before.target, ast.Name):
            text = after.value if isinstance(after, ast.Expr) else None
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                found[before.target.id] = inspect.cleandoc(text.value)
    return found


def _source_of(params: type[object]) -> str:
    """Return the source of a class; `inspect` takes ten times as long for one of a module."""
    import inspect  # noqa: PLC0415

    path = getattr(sys.modules.get(params.__module__), "__file__", None)
    if path is None or params.__qualname__ != params.__name__:
        return inspect.getsource(params)
    head, body = rf"^class {params.__name__}\b.*\n", r"(?:[ \t].*\n|\n)*"
    found = re.search(head + body, Path(path).read_text(encoding="utf-8"), re.MULTILINE)
    return found[0] if found else inspect.getsource(params)
