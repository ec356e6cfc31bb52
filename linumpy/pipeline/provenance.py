"""How a result was made, gathered: for run.json, and for the attributes of the volume."""

import shlex
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from linumpy.cli import cite, runtime
from linumpy.cli.command import AnyCommand
from linumpy.core.geometry import Scan
from linumpy.core.subject import subject_of
from linumpy.io import acquisition, atomic, provenance, slice_config
from linumpy.pipeline.state import State

LIBRARIES = ("numpy", "scipy", "scikit-image", "zarr", "ome-zarr-models")
OF_VOLUME = ("subject", "acquisition")
OF_NO_VOXEL = ("raw", "more_raw", "out", "verify", "clean")
"""Parameters of a run that say where files are, how carefully they are looked at, or kept."""


def gather(
    *,
    command: str,
    parameters: Mapping[str, Any],  # Any: JSON
    subject: str,
    scan: Scan,
    record: bytes | None,
) -> dict[str, Any]:  # Any: JSON
    """Return everything of `io.provenance.FIELDS`; ``record`` is slice_config_final.csv."""
    import platform  # noqa: PLC0415  --help stays light
    from importlib.metadata import version  # noqa: PLC0415

    return {
        "subject": subject,
        "version": runtime.version(),
        "commit": cite.commit(),
        "command": command,
        "parameters": dict(parameters),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in LIBRARIES},
        "acquisition": provenance.describe_scan(scan),
        "record_sha256": None if record is None else provenance.digest_of(record),
    }


def of_state(state: State, *, command: str) -> dict[str, Any]:  # Any: JSON
    """Return how a local run makes its volume; the record is the one that stands now."""
    return gather(
        command=command,
        parameters=runtime.plain(state.params),
        subject=state.subject,
        scan=acquisition.read(state.headers),
        record=slice_config.to_bytes(state.rows),
    )


def write_for_volume(state: State, command: AnyCommand, params: Any) -> Path:  # Any: its Params
    """Write what travels with the volume of a local run, and return the file.

    The command line is written from the parameters, and OUT by that name: the volume is the same
    wherever it lies, whatever number of workers made it.
    """
    words = runtime.to_argv(command, replace(params, out=Path("OUT"), verify=False))
    told = of_state(state, command=shlex.join([command.name, *words]))
    told["parameters"] = {k: v for k, v in told["parameters"].items() if k not in OF_NO_VOXEL}
    path = state.layout.private / "provenance.json"
    atomic.write_json(path, told)
    return path


def view_of(told: Path) -> dict[str, Any]:  # Any: JSON
    """Return for which part of it a volume is written again: another brain or scan.

    The rest says how its voxels were made when they were written, which stays true: a note that is
    added to the record later redoes no image.
    """
    made = provenance.read(told)
    return {name: made[name] for name in OF_VOLUME}


def subject_of_workflow(
    parameters: Mapping[str, Any], earlier: Mapping[str, Any]
) -> str:  # Any: JSON
    """Return the subject of a workflow: as given, as the one before it had it, by its input."""
    given = parameters.get("subject") or earlier.get("subject")
    return subject_of(Path(str(parameters.get("input") or ".")), given)
