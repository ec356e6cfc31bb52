"""Leave the commit in what is built, so that an installed linumpy knows which one it is."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PLACE = "linumpy/COMMIT"  # linumpy/cli/cite.py reads it
GIVEN = "LINUMPY_COMMIT"  # for a build that sees no repository, as in a container


class CommitHook(BuildHookInterface):  # type: ignore[type-arg]
    """Writes `PLACE` into wheel and sdist; a checkout that is installed editable asks git."""

    PLUGIN_NAME = "custom"
    _folder: Path | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Find the commit; an sdist holds it already."""
        found = os.environ.get(GIVEN) or _of_checkout(self.root)
        if version == "editable" or not found:
            return
        self._folder = Path(tempfile.mkdtemp())
        left = self._folder / "COMMIT"
        left.write_text(f"{found}\n", encoding="ascii")
        build_data["force_include"][str(left)] = PLACE

    def finalize(self, version: str, build_data: dict[str, Any], artifact: str) -> None:  # noqa: ARG002
        """Remove what `initialize` has made."""
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _of_checkout(root: str) -> str:
    if not (Path(root) / ".git").exists():
        return ""
    words = ["git", "-C", root, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"]
    try:
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return ""
