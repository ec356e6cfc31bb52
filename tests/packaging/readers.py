"""An environment with the programs that people open our files with, kept between runs."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import linumpy
from tests.packaging.conftest import make_once

PROJECT = Path(linumpy.__file__).parents[1]
HERE = Path(__file__).parent
PACKAGES = (
    "napari==0.9.2",
    "napari-ome-zarr==0.10.0",
    "SimpleITK==2.5.7",
    "brainglobe-utils==0.11.2",
)


def read_with(script: str, *arguments: object) -> Any:
    """Run a script of this folder in the readers' environment; return the JSON it ends with."""
    argv = [_environment() / "bin" / "python", HERE / script, *arguments]
    done = subprocess.run(
        [str(part) for part in argv], capture_output=True, text=True, check=False, env={}
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def _environment() -> Path:
    folder = PROJECT / ".venv-readers"
    made_of = folder / ".packages"
    if made_of.exists() and made_of.read_text("utf-8") != "\n".join(PACKAGES):
        (folder / ".made").unlink(missing_ok=True)
    return make_once(folder, _make)


def _make(folder: Path) -> None:
    uv = (sys.executable, "-m", "uv")
    subprocess.run([*uv, "venv", "--quiet", "--allow-existing", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--quiet", "--python", python, *PACKAGES], check=True)
    (folder / ".packages").write_text("\n".join(PACKAGES), "utf-8")
