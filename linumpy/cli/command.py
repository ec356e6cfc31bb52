"""A command: its parameters, what it reads and makes, which columns it may stamp.

Types for the fields of a ``Params`` dataclass live here; the machinery is in `linumpy.cli.runtime`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Generic, TypeVar

import tyro
from annotated_types import Ge, Gt, Interval

if TYPE_CHECKING:
    from linumpy.cli.runtime import Job

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Role:
    """Marks a path field as something that is read or made."""

    is_source: bool


Source = Annotated[Path, tyro.conf.Positional, Role(is_source=True)]
"""A positional path that must exist."""
Product = Annotated[Path, tyro.conf.Positional, Role(is_source=False)]
"""A positional path that the command makes; refused when it exists, unless --overwrite."""
NamedProduct = Annotated[Path | None, tyro.conf.Positional, Role(is_source=False)]
"""A product to which the command gives a name when none is given."""
SourceFlag = Annotated[Path | None, Role(is_source=True)]
"""An optional flag whose path must exist when given."""
ProductFlag = Annotated[Path | None, Role(is_source=False)]
"""An optional flag whose path is made."""

Micrometres = Annotated[float, Gt(0)]
Millimetres = Annotated[float, Gt(0)]
Pixels = Annotated[float, Ge(0)]
Degrees = Annotated[float, Ge(0)]
Fraction = Annotated[float, Interval(ge=0, le=1)]
Count = Annotated[int, Ge(1)]
CountOrZero = Annotated[int, Ge(0)]
Ids = tuple[str, ...]
"""Slice ids in any form: ``2 5``, ``02,05``, ``03-05,07``; parse with `core.slice_id.parse_ids`."""


@dataclass(frozen=True)
class Command(Generic[P]):
    """One command line program.

    Parameters
    ----------
    params : type
        Frozen dataclass; the docstring under a field is its help, the class docstring the summary.
    run : callable
        ``run(params, job)``: glue between rooms. Raises `LinumpyError` for what the user can mend.
    stamps : tuple of str
        The columns of slice_config.csv that this command may change (`io.history` refuses others).
    is_driver : bool
        It runs other commands: it answers ``--check`` and shows progress itself.
    """

    params: type[P]
    run: Callable[[P, Job], None]
    stamps: tuple[str, ...] = field(default=())
    is_driver: bool = False

    @property
    def module(self) -> str:
        """The module that declares the command; its last part is the command's name."""
        return self.params.__module__

    @property
    def name(self) -> str:
        """As typed: ``linum_detect_rehoming.py``."""
        return self.module.rpartition(".")[2] + ".py"

    @property
    def stage(self) -> str:
        """The short name that folders and processes use: ``detect_rehoming``."""
        return self.module.rpartition(".")[2].removeprefix("linum_")

    def main(self, argv: Sequence[str] | None = None) -> None:
        """Run as a program: parse, check, run, leave with an exit code."""
        from linumpy.cli import runtime  # noqa: PLC0415  pydantic and logging only when a command runs

        sys.exit(runtime.main(self, sys.argv[1:] if argv is None else list(argv)))

    def argv(self, params: P) -> list[str]:
        """Return the command line, without the program's name, that parses to ``params``."""
        from linumpy.cli import runtime  # noqa: PLC0415

        return runtime.to_argv(self, params)

    def parse(self, argv: Sequence[str]) -> P:
        """Return the parameters of a command line; raises `BadValue` where it is wrong."""
        from linumpy.cli import runtime  # noqa: PLC0415

        return runtime.parse(self, list(argv))[0]


AnyCommand = Command[Any]  # Any: a registry holds commands of unlike parameters
