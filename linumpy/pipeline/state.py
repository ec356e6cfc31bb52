"""Where a run stands: its parameters, the acquisition, and the record as it is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from linumpy.cli import runtime
from linumpy.core import fate
from linumpy.core.acquisition import Acquisition
from linumpy.core.slice_id import SliceId, parse_ids
from linumpy.io import slice_config
from linumpy.pipeline.graph import Step
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.task import Task

NOT_IN_CONFIG = "not_in_config"
NOT_SELECTED = "not_selected"


@dataclass
class State:
    """A run in progress; ``record`` is the newest slice_config.csv, replaced stage by stage."""

    params: Any  # Any: linum_reconstruct.Params, which is made from the commands
    layout: Layout
    acquisition: Acquisition
    slicing_interval_mm: float
    record: Path

    @property
    def rows(self) -> dict[SliceId, dict[str, Any]]:
        """The record as it is now."""
        return slice_config.read(self.record)

    def used(self) -> list[SliceId]:
        """Return the slices that go on to the next stage, in order."""
        return sorted(slice_config.filter_slices_to_use(self.rows))

    def selected(self) -> list[SliceId]:
        """Return the acquired slices that ``--slices`` names, or all."""
        wanted = set(parse_ids(self.params.slices)) if self.params.slices else None
        return [s for s in self.acquisition.ids if wanted is None or s in wanted]

    def task(
        self,
        step: Step,
        unit: str = "",
        *,
        makes: Sequence[Path],
        views: Mapping[str, object] | None = None,
        **wired: Any,  # Any: a field of the command's Params
    ) -> Task:
        """Return a task of ``step``: the run's settings, and the fields that the plan wires."""
        missing = set(step.wired) ^ set(wired)
        assert not missing, f"{step.stage}: wired fields differ: {missing}"
        params = step.command.params(**step.settings(self.params), **wired)
        return Task(
            stage=step.stage,
            unit=str(unit),
            command=step.command,
            params=runtime.validate(params),
            makes=tuple(makes),
            views=views or {},
        )

    def failed(self) -> dict[SliceId, str]:
        """Return the slices that failed, each with ``<stage>: <reason>``."""
        return {
            slice_id: note.removeprefix(fate.FAILED)
            for slice_id, row in self.rows.items()
            for note in str(row["notes"]).split("; ")
            if note.startswith(fate.FAILED)
        }

    def interpolated(self) -> list[SliceId]:
        """Return the slices whose slot an interpolated volume fills."""
        return sorted(s for s, row in self.rows.items() if row["interpolated"])

    def gaps(self) -> list[tuple[SliceId, SliceId, SliceId]]:
        """Return (before, missing, after) for every single slice between two used ones.

        A slice that the user left out of the config or of ``--slices``, or names in
        ``--leave_gap``, is not asked for.
        """
        rows, used = self.rows, self.used()
        left = set(parse_ids(self.params.leave_gap))
        found = []
        for before, after in pairwise(used):
            missing = SliceId(before.number + 1)
            if after.number - before.number != 2 or missing in left:  # noqa: PLR2004
                continue
            notes = str(rows[missing]["notes"]).split("; ") if missing in rows else []
            if NOT_IN_CONFIG not in notes and NOT_SELECTED not in notes:
                found.append((before, missing, after))
        return found

    def pairs(self) -> list[tuple[SliceId, SliceId]]:
        """Return (fixed, moving) for every two used slices with neighbouring ids."""
        used = self.used()
        return [
            (fixed, moving) for fixed, moving in pairwise(used) if moving.number - fixed.number == 1
        ]
