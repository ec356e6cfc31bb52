"""Finished runs of linum_reconstruct.py on the tiny acquisition, to be copied, changed, run again.

Tasks are done in this process: what is decided is the same, and a run takes a second instead of
four. The pool of processes has its own stories (test_driver_workers.py).
"""

import json
import logging
import os
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

from linumpy.core.fate import FATES
from linumpy.io import slice_config
from linumpy.pipeline import worker
from linumpy.pipeline.worker import Order, Outcome
from tests.stories import runs

FLAGS = ("--subject", "tiny", "--axial_resolution", 10, "--resolution", 50, "--workers", 1)


class InlinePool:
    """`pipeline.pool.Pool` without processes."""

    def __init__(self, n_processes: int, _watch: object) -> None:
        self.n_processes = n_processes

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None: ...

    def perform(self, orders: Iterable[Order]) -> Iterator[Outcome]:
        """Do the orders, one after the other."""
        return (worker.perform(order) for order in orders)


@dataclass(frozen=True)
class Run:
    """Raw data, where the run goes, its flags."""

    raw: Path
    out: Path
    flags: tuple[object, ...] = FLAGS

    def go(self, *more: object) -> int:
        """Run the command; return its exit code."""
        logging.getLogger().setLevel(logging.INFO)
        return runs.reconstruct(self.raw, self.out, *self.flags, *more)

    def redone(self, *more: object, code: int = 0) -> set[str]:
        """Run again; return the tasks that were done, as "stage" or "stage z03"."""
        assert self.go(*more) == code
        self.check_fates()
        return {
            f"{task['stage']} z{task['slice']}" if task["slice"] else task["stage"]
            for task in self.tasks
            if task["status"] != "current"
        }

    def check_fates(self) -> None:
        """Every slice that was seen has one row, and one of the five fates."""
        from linumpy.core import fate
        from linumpy.io import tiles

        found = tiles.discover(self.raw)
        assert set(found.ids) | set(found.never_acquired) <= set(self.final)
        assert sum(fate.count(self.final).values()) == len(self.final)
        assert {fate.fate(row) for row in self.final.values()} <= set(FATES)

    @property
    def tasks(self) -> list[dict]:
        return json.loads((self.out / "run.json").read_text())["stages"]

    @property
    def final(self) -> slice_config.Rows:
        return slice_config.read(self.out / "slice_config_final.csv")

    @property
    def config(self) -> slice_config.Rows:
        return slice_config.read(self.out / "slice_config.csv")

    @property
    def log(self) -> str:
        return (self.out / "linumpy.log").read_text()

    def edit(self, slice_id: str, **cells: object) -> None:
        """Change cells of OUT/slice_config.csv, as a person does."""
        path = self.out / "slice_config.csv"
        slice_config.write(path, slice_config.stamp(slice_config.read(path), slice_id, cells))

    def copy_raw(self) -> "Run":
        """Return the run on raw data of its own, which may be harmed."""
        mine = self.out.parent / "raw"
        shutil.copytree(self.raw, mine)
        return replace(self, raw=mine)

    def age(self) -> None:
        """Set the clock of all raw data back: nobody is writing them."""
        for path in self.raw.rglob("*"):
            os.utime(path, (1e9, 1e9))

    def tile(self, slice_id: str, x: int = 0, y: int = 0) -> Path:
        """Return the pixels of a raw tile."""
        (path,) = self.raw.rglob(f"tile_x{x:02d}_y{y:02d}_z{slice_id}/image_00000.bin")
        return path

    def volume_bytes(self) -> dict[str, bytes]:
        """Return the final record and every file of the volume."""
        volume = self.out / "3d_volume.ome.zarr"
        files = [self.out / "slice_config_final.csv", *volume.rglob("*")]
        return {str(p.relative_to(self.out)): p.read_bytes() for p in files if p.is_file()}


def flip_byte(path: Path, where: int = -5) -> None:
    """Change one bit; the size stays."""
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
