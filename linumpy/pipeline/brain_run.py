"""One brain of a samplesheet: the engine as a child process, its exit code, its last word."""

import json
import logging
import os
import re
import shlex
import subprocess
from pathlib import Path

from linumpy.errors import MissingFile
from linumpy.io import atomic
from linumpy.pipeline.linum_run_brain import Params

log = logging.getLogger(__name__)
LOG, PARAMS = "nextflow.out", "params.json"
_OURS = re.compile(r"^\s*(linum_\w+\.py: .+)$", re.MULTILINE)
_ENGINES = re.compile(r"^ERROR ~ (.+)$", re.MULTILINE)


def run(p: Params) -> None:
    """Run the workflow for one brain and write how it ended.

    Raises
    ------
    MissingFile
        If there is no engine.
    """
    subject = p.brain.name.removesuffix(".brain.json")
    params = json.loads(p.brain.read_text(encoding="utf-8"))
    p.launch_dir.mkdir(parents=True, exist_ok=True)
    if "://" not in params["output"]:
        Path(params["output"]).mkdir(parents=True, exist_ok=True)
    # under one name, so that -resume finds the same command line again
    atomic.write_json(p.launch_dir / PARAMS, params)
    told = p.launch_dir / LOG
    argv = [
        find_engine(),
        *("run", str(p.script.absolute()), "-params-file", PARAMS),
        *("-work-dir", p.work_dir, "-ansi-log", "false", "-with-trace", "trace.txt"),
        *shlex.split(p.engine_args),
    ]
    log.info("%s: %s", subject, shlex.join(argv))
    try:
        with told.open("wb") as stream:
            done = subprocess.run(
                argv, cwd=p.launch_dir, stdout=stream, stderr=subprocess.STDOUT, check=False
            )
    except FileNotFoundError as error:
        raise MissingFile(f"{argv[0]}: no such engine", hint="put nextflow on the PATH") from error
    said = told.read_text(encoding="utf-8", errors="replace")
    log.info("%s: ended with exit code %d", subject, done.returncode)
    outcome = {
        "subject": subject,
        "exit_code": done.returncode,
        "message": "" if done.returncode == 0 else last_word(said),
        "output": params["output"],
        "log": str(told),
    }
    atomic.write_json(p.outcome, outcome)


def find_engine() -> str:
    """Return the engine that started this task, as its launcher says; else the one on the PATH."""
    return os.environ.get("NXF_CLI", "nextflow").partition(" run ")[0] or "nextflow"


def last_word(said: str) -> str:
    """Return why a run ended: what our command says, else the engine.

    Examples
    --------
    >>> last_word("ERROR ~ the engine's word; linum_x.py stands further down")
    "the engine's word; linum_x.py stands further down"
    """
    for pattern in (_OURS, _ENGINES):
        if found := pattern.findall(said):
            return str(found[-1]).strip()
    return "the engine ended with an error"
