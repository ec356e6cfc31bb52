"""Where a run stands: its parameters, the acquisition, and the record as it is now."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from linumpy.cli import runtime
from linumpy.core.acquisition import Acquisition
from linumpy.core.slice_id import SliceId, parse_ids
from linumpy.core.subject import subject_of
from linumpy.io import selection, slice_config
from linumpy.pipeline.graph import Step
from linumpy.pipeline.layout import Layout
from linumpy.pipeline.restore import Absent
from linumpy.pipeline.task import Task


@dataclass
class State:
    """A run in progress; ``record`` is the newest slice_config.csv, replaced stage by stage."""

    params: Any  # Any: linum_reconstruct.Params, which is made from the commands
    layout: Layout
    acquisition: Acquisition
    slicing_interval_mm: float
    record: Path
    absent: Absent = field(default_factory=Absent, kw_only=True)

    def holds(self, product: Path) -> bool:
        """Say whether a product of this run was made: it is there, or was cleaned."""
        return product.exists() or product in self.absent

    @property
    def roots(self) -> list[Path]:
        """Return the folders of raw tiles, in the order given."""
        return [self.params.raw, *self.params.more_raw]

    @property
    def rows(self) -> dict[SliceId, dict[str, Any]]:
        """The record as it is now."""
        return slice_config.read(self.record)

    @property
    def headers(self) -> Path:
        """What the raw headers said, acquisition.json."""
        return self.layout.acquisition

    @property
    def subject(self) -> str:
        """The name of the brain.

        Raises
        ------
        BadValue
            If ``--subject`` cannot be part of a file's name.
        """
        return subject_of(self.params.raw, self.params.subject)

    def used(self) -> list[SliceId]:
        """Return the slices that go on to the next stage, in order."""
        return selection.used(self.rows)

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
        return selection.failures(self.rows)

    def interpolated(self) -> list[SliceId]:
        """Return the slices whose slot an interpolated volume fills."""
        return selection.interpolated(self.rows)

    def gaps(self) -> list[tuple[SliceId, SliceId, SliceId]]:
        """Return (before, missing, after) of the gaps to interpolate, ``--leave_gap`` heeded."""
        return selection.gaps(self.rows, left=parse_ids(self.params.leave_gap))

    def pairs(self) -> list[tuple[SliceId, SliceId]]:
        """Return (fixed, moving) for every two used slices with neighbouring ids."""
        return selection.pairs(self.rows)
