"""What lies in the folder of a run: its tasks, its volume, what is half-written.

Read from outside: only the files of a run are looked at, none of its code is asked.
"""

import hashlib
import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from linumpy.io import slice_config

REPORT = "report"
"""Stands for all that comes after the last stage: final record, run.json, report."""
COMPARED = ("slice_config_final.csv", "3d_volume.ome.zarr", "3d_volume_ras.ome.zarr")
LAST = (
    "slice_config_final.csv",
    "slice_config_final_history.jsonl",
    "run.json",
    "quality_report.html",
    "quality_report.json",
)
AFTER_GENERATE = ("slice_config.csv", "slice_config_history.jsonl")


@dataclass(frozen=True)
class Out:
    """The folder that `linum_reconstruct.py` writes to."""

    path: Path

    @property
    def done(self) -> Path:
        """Folder of the records of finished tasks, one folder per stage."""
        return self.path / ".linumpy" / "done"

    def tasks(self, suffix: str) -> set[str]:
        """Return tasks as "stage/unit": finished (".json") or at least begun (".begun")."""
        found = self.done.rglob(f"*{suffix}")
        return {path.relative_to(self.done).with_suffix("").as_posix() for path in found}

    def tasks_of_last_run(self) -> set[str]:
        """Return the tasks that the last run has done, those that were current left aside."""
        stages = json.loads((self.path / "run.json").read_text(encoding="utf-8"))["stages"]
        return {f"{t['stage']}/{t['slice'] or 'all'}" for t in stages if t["status"] != "current"}

    def log(self) -> str:
        """Return the lines of all runs into this folder."""
        path = self.path / "linumpy.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def spans_s(self) -> dict[str, float]:
        """Return how long each stage took, in the order of the stages."""
        ended = re.findall(r"INFO (\w+): \d+ of \d+ done now, ([\d.]+) s", self.log())
        return {stage: float(seconds) for stage, seconds in ended} | {REPORT: 1.0}

    def stage(self, stages: list[str]) -> str:
        """Return the stage that is under way, as the log tells it."""
        log = self.log()
        begun = [stage for stage in stages if f"INFO {stage}: begins" in log]
        if not begun:
            return ""
        is_over = re.search(rf"INFO {stages[-2]}: \d+ of \d+ done now", log)
        return REPORT if is_over else begun[-1]

    def half_written(self) -> list[Path]:
        """Return half-written files and folders."""
        return list(self.path.rglob(".*.partial"))

    def outputs(self, stage: str) -> list[str]:
        """Return the files that a finished stage has made, relative to this folder."""
        records = (self.done / stage).glob("*.json")
        return [
            name
            for record in records
            for name in json.loads(record.read_text(encoding="utf-8"))["outputs"]
        ]

    def maker(self, path: Path) -> str:
        """Return the stage of this finished run that makes a file, or what is below a folder."""
        name = path.relative_to(self.path).as_posix()
        if path.is_relative_to(self.done):
            return path.relative_to(self.done).parts[0]
        if name in LAST:
            return REPORT
        stages = [folder.name for folder in self.done.iterdir()]
        made = ((one, output) for one in stages for output in self.outputs(one))
        return next((one for one, output in made if f"{output}/".startswith(f"{name}/")), "")

    def copy_before(self, stage: str, stages: list[str], target: Path) -> "Out":
        """Copy this finished run as it stood when ``stage`` had not begun."""
        earlier = stages[: stages.index(stage)]
        kept = {name for one in earlier for name in self.outputs(one)}
        kept |= {
            path.relative_to(self.path).as_posix()
            for one in earlier
            for path in (self.done / one).iterdir()
        }
        if "generate_slice_config" in earlier:
            private = (self.path / ".linumpy").glob("slice_config*")
            kept |= {*AFTER_GENERATE, *(f".linumpy/{path.name}" for path in private)}
        for name in kept:
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(self.path / name, target / name)
        (target / ".linumpy").mkdir(parents=True, exist_ok=True)
        return Out(target)

    def fingerprint(self) -> str:
        """Return one digest of the final record and of every file of the volumes."""
        total = hashlib.sha256()
        for top in (self.path / name for name in COMPARED):
            for path in sorted(top.rglob("*")) if top.is_dir() else [top]:
                if path.is_file():
                    total.update(path.relative_to(self.path).as_posix().encode())
                    total.update(hashlib.sha256(path.read_bytes()).digest())
        return total.hexdigest()

    def broken(self) -> list[str]:
        """Return what is not whole under its final name: each record and each JSON is read."""
        wrong = []
        for path in sorted(self.path.rglob("*")):
            if any(part.endswith(".partial") for part in path.relative_to(self.path).parts):
                continue
            try:
                if path.suffix == ".json":
                    json.loads(path.read_bytes())
                elif path.suffix == ".csv" and path.name.startswith("slice_config"):
                    slice_config.read(path)
            except (OSError, ValueError) as error:
                wrong.append(f"{path}: {error}")
        return wrong
