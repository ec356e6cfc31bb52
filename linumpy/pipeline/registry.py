"""Every command that the package installs, by its name."""

import importlib
import pkgutil

from linumpy import scripts
from linumpy.cli.command import AnyCommand
from linumpy.pipeline import (
    linum_apply_transforms,
    linum_check_parameters,
    linum_check_samplesheet,
    linum_reconstruct,
    linum_record_run,
    linum_run_brain,
)


def commands() -> dict[str, AnyCommand]:
    """Return name → command, for all of ``linumpy.scripts`` and ``linumpy.pipeline``."""
    names = [m.name for m in pkgutil.iter_modules(scripts.__path__) if m.name.startswith("linum_")]
    found = [importlib.import_module(f"linumpy.scripts.{name}").COMMAND for name in names]
    drivers = [
        linum_apply_transforms.COMMAND,
        linum_check_parameters.COMMAND,
        linum_check_samplesheet.COMMAND,
        linum_reconstruct.COMMAND,
        linum_record_run.COMMAND,
        linum_run_brain.COMMAND,
    ]
    return {command.name: command for command in [*found, *drivers]}
