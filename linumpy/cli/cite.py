"""Which linumpy this is, to the commit, and how to cite it. Never asked for by ``--help``."""

import functools
import os
from pathlib import Path

import linumpy
from linumpy.core.software import AUTHORS, UNKNOWN, short_commit

BUILT = "COMMIT"
"""File in the package in which the build leaves the commit; see ``hatch_build.py``."""
_PATIENCE_S = 10.0


@functools.cache
def commit() -> str:
    """Return the commit of the code that runs, with ``-dirty`` where files were changed since.

    From git in a checkout, else as the build left it, else `UNKNOWN`. Never fails.
    """
    package = Path(linumpy.__file__).parent
    if (package.parent / ".git").exists():
        return _of_checkout(package.parent) or UNKNOWN
    built = package / BUILT
    return built.read_text(encoding="ascii").strip() if built.is_file() else UNKNOWN


def how_to_cite(version: str) -> str:
    """Return what ``--version`` prints."""
    said = f"version {version}, commit {short_commit(commit())}"
    return (
        f"linumpy {version}, commit {commit()}\n"
        "\n"
        "If you use linumpy in your work, please cite it:\n"
        f"  {AUTHORS}. linumpy ({said}) [Computer software].\n"
        "\n"
        "CITATION.cff holds this for reference managers. quality_report.html ends with a methods\n"
        "paragraph of the run, and with the references of the methods that it used.\n"
    )


def _of_checkout(root: Path) -> str:
    """Ask git; empty where it is not installed or does not trust the folder."""
    import subprocess  # noqa: PLC0415  --help stays light

    words = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*words, "--exclude=*"],
            capture_output=True,
            text=True,
            timeout=_PATIENCE_S,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()
