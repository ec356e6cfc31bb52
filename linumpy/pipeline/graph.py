"""A stage, declared once: its command, what it runs over, which flag turns it on."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import tyro

from linumpy.cli import runtime
from linumpy.cli.command import AnyCommand
from linumpy.errors import Defect

if TYPE_CHECKING:
    from linumpy.pipeline.state import State
    from linumpy.pipeline.task import Task


@dataclass(frozen=True)
class Step:
    """One stage.

    Parameters
    ----------
    stage : str
        Its folder under OUT and its word in the log.
    command : Command
        What it calls.
    plan : callable
        State of the run → the tasks of this stage, one per unit; it runs when the stage begins.
    over : {"all", "slice", "gap", "pair"}
        What one task works on.
    wired : sequence of str
        Fields of the command that the plan fills; every other field is a parameter of the run.
    renamed : mapping
        Command's field → the run's parameter, where the feature page gives them two names.
    defaults : mapping
        Run's parameter → default, where both drivers decide otherwise than the command alone.
    when : str
        The switch that turns the stage on; empty for always.
    """

    stage: str
    command: AnyCommand
    plan: "Callable[[Step, State], list[Task]]"
    over: Literal["all", "slice", "gap", "pair"] = "all"
    wired: Sequence[str] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, Any] = field(default_factory=dict)
    when: str = ""

    def parameters(self) -> dict[str, str]:
        """Return the run's parameters that this stage takes: parameter → field of the command."""
        fields = [f.name for f in dataclasses.fields(self.command.params)]
        return {self.renamed.get(name, name): name for name in fields if name not in self.wired}

    def settings(self, run: object) -> dict[str, Any]:
        """Return this command's share of the run's parameters, by the command's field names."""
        return {name: getattr(run, parameter) for parameter, name in self.parameters().items()}


def run_parameters(base: type[object], steps: Sequence[Step]) -> type[Any]:
    """Return the dataclass of a run: ``base`` and every parameter of every stage, each once.

    Raises
    ------
    Defect
        If two commands give one name another type or another default.
    """
    own = {f.name for f in dataclasses.fields(base)}  # type: ignore[arg-type]
    found: dict[str, tuple[Any, Any, str]] = {}
    for step in steps:
        hints = get_type_hints(step.command.params, include_extras=True)
        helps = runtime.field_help(step.command.params)
        fields = {f.name: f for f in dataclasses.fields(step.command.params)}
        for parameter, name in step.parameters().items():
            if parameter in own:
                continue
            default = step.defaults.get(parameter, fields[name].default)
            entry = (hints[name], default, helps.get(name, ""))
            if parameter in found and found[parameter][:2] != entry[:2]:
                raise Defect(
                    f"--{parameter} differs between commands: "
                    f"{found[parameter][:2]} and {entry[:2]} ({step.command.name})"
                )
            found.setdefault(parameter, entry)
    made: type[Any] = dataclasses.make_dataclass(
        "Params",
        [
            (name, Annotated[hint, tyro.conf.arg(help=text)], dataclasses.field(default=default))
            for name, (hint, default, text) in found.items()
        ],
        bases=(base,),
        frozen=True,
        kw_only=True,
    )
    made.__doc__ = base.__doc__
    made.__module__ = base.__module__
    return made
