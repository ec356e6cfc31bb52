"""Where everything of a run lies under OUT; no other module spells these names."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from linumpy.core.slice_id import SliceId

VOLUME = "3d_volume.ome.zarr"
VOLUME_RAS = "3d_volume_ras.ome.zarr"
MOSAIC = "mosaic_grid_3d_z{}.ome.zarr"
SLICE = "slice_z{}_normalize.ome.zarr"
INTERPOLATED = "slice_z{}_interpolated.ome.zarr"


@dataclass(frozen=True, slots=True)
class Layout:
    """The paths of one run."""

    out: Path

    def stage(self, name: str) -> Path:
        """Return the folder of a stage."""
        return self.out / name

    def done(self, stage: str, unit: str) -> Path:
        """Return the record of a finished task."""
        return self.private / "done" / stage / f"{unit or 'all'}.json"

    def mosaic(self, slice_id: SliceId) -> Path:
        """Return the mosaic grid of a slice."""
        return self.mosaics / MOSAIC.format(slice_id)

    def processed(self, slice_id: SliceId) -> Path:
        """Return the normalised slice."""
        return self.stage("process_slice") / SLICE.format(slice_id)

    def common(self, slice_id: SliceId) -> Path:
        """Return the slice on the common canvas."""
        return self.common_space / SLICE.format(slice_id)

    def interpolated(self, slice_id: SliceId) -> Path:
        """Return the volume that fills the slot of a missing slice."""
        return self.stage("interpolate_missing_slice") / INTERPOLATED.format(slice_id)

    def sweep_partial(self) -> Iterable[Path]:
        """Return what a killed run has left half-written."""
        return self.out.rglob(".*.partial")

    @property
    def private(self) -> Path:
        """What only the runner reads: records of finished tasks, the last written config."""
        return self.out / ".linumpy"

    @property
    def shifts(self) -> Path:
        """Shifts from the stage."""
        return self.out / "shifts_xy.csv"

    @property
    def acquisition(self) -> Path:
        """What the raw headers said."""
        return self.out / "acquisition.json"

    @property
    def slice_config(self) -> Path:
        """The record as preproc made it; the user's place to edit."""
        return self.out / "slice_config.csv"

    @property
    def final_config(self) -> Path:
        """The whole record."""
        return self.out / "slice_config_final.csv"

    @property
    def mosaics(self) -> Path:
        """Folder of mosaic grids."""
        return self.out / "mosaics"

    @property
    def common_space(self) -> Path:
        """Folder of slices on the common canvas."""
        return self.stage("bring_to_common_space")

    @property
    def volume(self) -> Path:
        """The final volume, stage axes."""
        return self.out / VOLUME

    @property
    def volume_ras(self) -> Path:
        """The final volume in atlas axes."""
        return self.out / VOLUME_RAS

    def tiles_of(self, slice_id: SliceId) -> Path:
        """Return where the tiles of one slice were placed."""
        return self.stage("process_slice") / f"slice_z{slice_id}_tiles.csv"

    @property
    def tiles(self) -> Path:
        """Where the tiles of all slices were placed."""
        return self.out / "tiles.csv"

    @property
    def report(self) -> Path:
        """The page that people read."""
        return self.out / "quality_report.html"

    @property
    def run_json(self) -> Path:
        """What ran, with which parameters, how long."""
        return self.out / "run.json"

    @property
    def preview(self) -> Path:
        """Every slice before anything ran."""
        return self.out / "preview.png"

    @property
    def log(self) -> Path:
        """Plain lines of every run into this OUT."""
        return self.out / "linumpy.log"
