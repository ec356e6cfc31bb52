"""An acquisition that suffers one fault alone, taken through single stages.

Speckle and the noise floor are always there; everything else that a rig does to a slice is off
until a test asks for it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linumpy.cli import runtime
from linumpy.core.slice_id import SliceId
from linumpy.io import omezarr
from linumpy.io.omezarr import Volume
from linumpy.scripts import linum_align_mosaics_3d_from_shifts as align
from linumpy.scripts import linum_create_mosaic_grid_3d as mosaic_grid
from linumpy.scripts import linum_estimate_xy_shift_from_metadata as shifts_from_stage
from linumpy.scripts import linum_process_slice as process_slice
from linumpy.synth import Faults, Rig, Scene, SliceTruth, Truth, plan
from linumpy.synth.presets import make_scene
from tests.conftest import write_acquisition

FLAWLESS: dict[str, Any] = {
    "lateral_um": 20,
    "axial_um": 10,
    "tile_px": (48, 48),
    "n_extra": 8,
    "ids": (0,),
    "image_depth_um": 300,
    "margin_mm": 0.1,
    "water_jitter_um": 0,
    "jitter_um": 0,
    "drift_um": 0,
    "vignetting": 0,
    "focus_range_um": 0,
    "attenuation_per_mm": 0,
    "gain_drift": 0,
}
NO_CORRECTION = dict.fromkeys(
    ("refine_positions", "flat_field", "axial_profile", "attenuation"), False
)


def rig_with(**effects: Any) -> Rig:
    """Return a rig that does nothing to a slice but what ``effects`` say."""
    return Rig(**{**FLAWLESS, **effects})


def call(command: Any, **params: Any) -> None:
    """Run a command in this process."""
    given = runtime.validate(command.COMMAND.params(**params))
    runtime.run(command.COMMAND, given, runtime.make_job(command.COMMAND, given))


@dataclass(frozen=True)
class Acquired:
    """Raw tiles on disk, what they were made from, and the stages that a test wants."""

    folder: Path
    scene: Scene
    truth: Truth

    @property
    def shifts(self) -> Path:
        """Shifts as the stage reports them."""
        return self.folder / "shifts_xy.csv"

    def mosaics(self, name: str = "mosaics", **flags: Any) -> Path:
        """Make the mosaic grid of every slice; without flags no sweep is looked at."""
        (self.folder / name).mkdir()
        for slice_id in self.truth.slices:
            call(
                mosaic_grid,
                output_zarr=self.folder / name / f"mosaic_grid_3d_z{slice_id}.ome.zarr",
                from_root_directory=self.folder / "raw",
                slice=int(slice_id),
                axial_resolution=self.truth.rig.axial_um,
                acquisition=self.folder / "acquisition.json",
                **{"fix_galvo_shift": False, **flags},
            )
        return self.folder / name

    def process(self, name: str, **flags: Any) -> list[Volume]:
        """Process every slice, with those corrections alone that ``flags`` turn on."""
        mosaics = self.folder / "mosaics"
        if not mosaics.exists():
            self.mosaics()
        (self.folder / name).mkdir()
        made = []
        for slice_id in self.truth.slices:
            out = self.folder / name / f"slice_z{slice_id}_normalize.ome.zarr"
            call(
                process_slice,
                in_mosaic=mosaics / f"mosaic_grid_3d_z{slice_id}.ome.zarr",
                out_slice=out,
                shifts=self.shifts if len(self.truth.slices) > 1 else None,
                slicing_interval_mm=self.truth.rig.slice_um / 1000,
                use_gpu=False,
                **{"resolution": self.truth.rig.lateral_um, **NO_CORRECTION, **flags},
            )
            made.append(omezarr.open_volume(out))
        return made

    def common_space(self) -> Path:
        """Process every slice without corrections and bring all onto one canvas."""
        self.process("slices")
        call(
            align,
            in_mosaics_dir=self.folder / "slices",
            in_shifts=self.shifts,
            out_directory=self.folder / "common",
        )
        return self.folder / "common"

    def stage_mm(self, volume: Volume, y_px: Any, x_px: Any) -> tuple[Any, Any]:
        """Return where the stage places voxels of a volume, (x, y) mm in the anatomy's frame."""
        first: SliceTruth = next(iter(self.truth.slices.values()))
        return (
            first.origin_mm[0] + volume.origin_mm[2] + np.asarray(x_px) * volume.spacing.x_mm,
            first.origin_mm[1] + volume.origin_mm[1] + np.asarray(y_px) * volume.spacing.y_mm,
        )

    def anatomy(self, volume: Volume, planes: Iterable[int]) -> NDArray[np.float32]:
        """Return the reflectivity at the voxels of some planes of a volume, (planes, y, x)."""
        _, n_y, n_x = volume.shape
        x, y = self.stage_mm(volume, np.arange(n_y), np.arange(n_x))
        z = (np.array(list(planes)) + 0.5) * volume.spacing.z_mm
        return self.scene.on_axes(z, y, x)


def acquire(
    folder: Path,
    rig: Rig,
    *,
    scene: Scene | None = None,
    grid: tuple[int, int] = (3, 3),
    faults: Faults | None = None,
    seed: int = 3,
) -> Acquired:
    """Image an anatomy (default: a small brain) and read the shifts from the stage."""
    scene = scene or make_scene("brain", rig, grid, seed)
    truth = plan(scene, rig, faults or Faults(), seed)
    write_acquisition(folder / "raw", scene, truth)
    call(shifts_from_stage, directory=folder / "raw", output_file=folder / "shifts_xy.csv")
    return Acquired(folder, scene, truth)


def blocks(plane: NDArray[Any], size: int) -> NDArray[Any]:
    """Return means over squares of ``size`` voxels; NaN voxels are left out."""
    *lead, n_y, n_x = plane.shape
    n_y, n_x = n_y // size, n_x // size
    cut = plane[..., : n_y * size, : n_x * size].reshape(*lead, n_y, size, n_x, size)
    known = np.isfinite(cut)
    total = np.where(known, cut, 0).sum(axis=(-3, -1))
    count = known.sum(axis=(-3, -1))
    return np.where(count > size * size / 2, total / np.maximum(count, 1), np.nan)


def slice_of(truth: Truth, number: int) -> SliceTruth:
    """Return the truth of a slice."""
    return truth.slices[SliceId(number)]
