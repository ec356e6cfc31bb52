"""What several files say together: fates and their sum, cut interval, borders, sampling."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from linumpy.core import fate
from linumpy.core.fate import Fate
from linumpy.core.slice_id import SliceId
from linumpy.report import checks, folder, gallery
from linumpy.report.checks import ImpliedAxial
from linumpy.report.evidence import Evidence, Value, as_number
from linumpy.report.gallery import Gallery
from linumpy.report.pictures import Borders

MOTOR_ONLY = "motor_only"
UM_PER_MM = 1000.0
CONFIDENCE_LOW = 0.3
"""Default of the stack's --confidence_low, for a run that does not say."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the sections are written from."""

    evidence: Evidence
    gallery: Gallery
    fates: Mapping[SliceId, Fate]
    implied_axial: ImpliedAxial | None

    @property
    def rows(self) -> Mapping[SliceId, Mapping[str, Value]]:
        """The record, in cutting order."""
        return self.evidence.record.rows

    @property
    def counts(self) -> dict[Fate, int]:
        """How many slices had each fate."""
        found = list(self.fates.values())
        return {one: found.count(one) for one in fate.FATES}

    @property
    def expected_ids(self) -> frozenset[SliceId]:
        """Ids seen in the raw data and ids never acquired; empty when nothing says so."""
        return frozenset((*self.evidence.scan.ids, *self.evidence.scan.never_acquired))

    @property
    def adds_up(self) -> bool:
        """Whether every slice that was seen, or missed, has exactly one row."""
        return not self.expected_ids or self.expected_ids == set(self.rows)

    @property
    def interval_mm(self) -> float | None:
        """Distance between two cuts: as the run took it, else as the headers say."""
        return self.evidence.run.slicing_interval_mm or self.evidence.scan.slicing_interval_mm

    @property
    def expected_planes(self) -> float | None:
        """How many planes of the registered slices one cut interval spans."""
        spacing = self.gallery.slice_spacing_z_mm
        return self.interval_mm / spacing if self.interval_mm and spacing else None

    @property
    def confidence_low(self) -> float:
        """Registrations of less confidence do not count in the stack."""
        return as_number(self.evidence.run.parameter("confidence_low")) or CONFIDENCE_LOW

    @property
    def by_hand(self) -> frozenset[SliceId]:
        """Slices that lie on the one before as a person has set it."""
        return frozenset(d.slice_id for d in self.evidence.stack if d.is_manual)

    @property
    def borders(self) -> Borders | None:
        """Where the slices begin in the final volume.

        Slice k starts at (number(k) − number(first used)) · interval, its top edge.
        """
        views, interval = self.gallery.views, self.interval_mm
        shown = [i for i, f in self.fates.items() if f in ("measured", "interpolated")]
        if views is None or interval is None or not shown:
            return None
        top = views.origin_mm[0] - views.level_spacing.z_mm / 2
        return Borders(
            ids=tuple(shown),
            top_mm=tuple(top + (i.number - shown[0].number) * interval for i in shown),
            interval_mm=interval,
            interpolated=frozenset(i for i in shown if self.fates[i] == "interpolated"),
        )


def gather(root: Path) -> Facts:
    """Read a run folder and its volumes."""
    evidence = folder.read(root)
    rows = evidence.record.rows
    stacks = evidence.run.parameter("auto_excluded") == MOTOR_ONLY
    fates = {i: fate.fate(row, stacks_auto_excluded=stacks) for i, row in rows.items()}
    ids = rows or evidence.scan.ids
    previews = {g.slice_id: g.preview for g in evidence.gaps if g.preview is not None}
    found = gallery.read(root, ids, previews)
    facts = Facts(evidence, found, fates, None)
    interval, spacing = facts.interval_mm, found.slice_spacing_z_mm
    if interval is None or spacing is None:
        return facts
    implied = checks.implied_axial(evidence.pairs, interval_mm=interval, spacing_z_mm=spacing)
    return Facts(evidence, found, fates, implied)
