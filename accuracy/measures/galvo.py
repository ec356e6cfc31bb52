"""The galvo return: a roll is found where there is one, and none where there is none."""

import csv
import functools
import json
import logging
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from accuracy.anatomy import draw_scene
from accuracy.measure import Measure, Target, Trial
from accuracy.statistics import auc, rate, total
from linumpy.cli import runtime
from linumpy.core.acquisition import TileInfo
from linumpy.io.omezarr import open_volume
from linumpy.io.tiles import write_tile
from linumpy.preproc import xyzcorr
from linumpy.scripts import linum_create_mosaic_grid_3d as mosaic
from linumpy.scripts import linum_generate_slice_config as config
from linumpy.synth import Rig, Scene
from linumpy.synth.damage import TileDamage
from linumpy.synth.optics import axial_response, speckle_and_noise, vignetting

SIDE_MM = 10.0
"""Of the anatomies; how many A-lines it spans is drawn."""
SLICES_PER_ANATOMY = 16
COMMANDS_EVERY = 16
"""Every so many seeds (clean and rolled in turn) the two commands run on the tiles, from disk."""
MAX_BSCANS = 64
_FINEST_SHARES = (30, 90, 270)
Pixels = NDArray[np.float32]
Places = dict[tuple[int, int], Pixels]


@dataclass(frozen=True, slots=True)
class Slice:
    """One slice before it is imaged; ``tissue_px`` and ``tissue_at_px`` are (y, x) A-lines."""

    seed: int
    rig: Rig
    grid: tuple[int, int]
    tissue_px: tuple[float, float]
    tissue_at_px: tuple[float, float]
    coverage: float
    contrast: float
    roll: int
    turn: float
    next_bscan: float

    @property
    def n_lines(self) -> int:
        """A-lines of a sweep with its return."""
        return self.rig.tile_px[0] + self.rig.n_extra

    @property
    def drawn(self) -> dict[str, float]:
        """The varied quantities."""
        return {
            "tile_px": float(self.rig.tile_px[0]),
            "n_extra": float(self.rig.n_extra),
            "band_gain_log": abs(float(np.log(self.rig.flyback_gain))),
            "looks": self.rig.looks,
            "tissue_contrast": self.contrast,
            "coverage_fraction": self.coverage,
            "n_tiles": float(self.grid[0] * self.grid[1]),
            "overlap_fraction": self.rig.overlap,
            "axial_um": self.rig.axial_um,
            "turn_of_mirror": self.turn,
        }


def draw(seed: int) -> Slice:
    """Draw a slice; odd seeds are rolled."""
    rng = np.random.default_rng([seed, 41])
    nx = round(float(np.exp(rng.uniform(np.log(40), np.log(400)))))
    axial_um = float(rng.uniform(1.4, 8))
    rig = Rig(
        axial_um=axial_um,
        tile_px=(nx, min(nx, MAX_BSCANS)),
        n_extra=int(rng.integers(8, min(60, 2 * nx // 3) + 1)),
        overlap=float(rng.uniform(0.05, 0.3)),
        image_depth_um=axial_um * (int(rng.integers(8, 17)) + 0.5),
        water_um=axial_um * float(rng.uniform(0, 3)),
        looks=float(np.exp(rng.uniform(0, np.log(16)))),
        vignetting=float(rng.uniform(0, 0.35)),
        attenuation_contrast=float(rng.uniform(0, 1)),
        flyback_gain=float(rng.uniform(0.3, 0.9) if rng.random() < 0.5 else rng.uniform(1.1, 2.5)),
    )
    grid = (int(rng.integers(1, 4)), int(rng.integers(2, 5)))
    coverage = float(rng.uniform(0.05, 1.0))
    share_y = coverage ** float(rng.uniform(0.3, 0.7))
    whole = np.array([((n - 1) * (1 - rig.overlap) + 1) * nx for n in grid])
    tissue = whole * (share_y, coverage / share_y)
    at = rng.uniform(0, 1, 2) * (whole - tissue)
    return Slice(
        seed=seed,
        rig=rig,
        grid=grid,
        tissue_px=(float(tissue[0]), float(tissue[1])),
        tissue_at_px=(float(at[0]), float(at[1])),
        coverage=coverage,
        contrast=float(rng.uniform(0.05, 1.5)),
        roll=int(rng.integers(1, nx + rig.n_extra)) if seed % 2 else 0,
        turn=float(rng.uniform(0, 0.9)),
        next_bscan=float(rng.uniform(0, 1)),
    )


def image(one: Slice) -> Places:
    """Return the raw tiles (nz, nx + n_extra, ny) by (row, column).

    The anatomy is taken at one depth, so texture is not averaged out along it. Of large tiles
    only as many B-scans are made as the detector reads.
    """
    rng = np.random.default_rng([one.seed, 42])
    finest_share = _FINEST_SHARES[int(rng.integers(len(_FINEST_SHARES)))]
    z_mm = np.array([rng.uniform(0.2, 0.8) * SIDE_MM])
    scene = _anatomy(one.seed // SLICES_PER_ANATOMY, finest_share)
    nx, ny = one.rig.tile_px
    tiles = {}
    for row, column in np.ndindex(*one.grid):
        step = nx * (1 - one.rig.overlap)
        y = row * step + (np.arange(ny) + 0.5) * nx / ny - one.tissue_at_px[0]
        x = column * step + np.arange(nx) + 0.5 - one.tissue_at_px[1]
        plane = scene.on_axes(z_mm, y * SIDE_MM / one.tissue_px[0], x * SIDE_MM / one.tissue_px[1])[
            0
        ]
        tiles[row, column] = _tile(plane ** np.float32(one.contrast), one, rng)
    return tiles


def _tile(reflectivity: Pixels, one: Slice, rng: np.random.Generator) -> Pixels:
    rig = one.rig
    signal = np.repeat(reflectivity[:, :, None], rig.nz(), axis=2)
    axial_response(signal, np.full(reflectivity.shape, rig.water_um, np.float32), None, rig)
    signal *= vignetting(rig).astype(np.float32)[:, :, None]
    back = np.float32(rig.flyback_gain) * returned(signal, one)
    sweep = np.concatenate([signal, back], axis=1).astype(np.float32)
    frames = speckle_and_noise(sweep, rig, TileDamage(), rng)
    return np.roll(frames, -one.roll, axis=1).transpose(2, 1, 0)


def returned(signal: Pixels, one: Slice) -> Pixels:
    """Return what the mirror sees on its way back, shape (ny, n_extra, nz).

    It turns more or less softly at both ends, and the slow axis has moved on meanwhile; the
    simulator's own return is even and stays in its B-scan.
    """
    ny, nx, _ = signal.shape
    time = (np.arange(one.rig.n_extra) + 0.5) / one.rig.n_extra
    way = time - one.turn * np.sin(2 * np.pi * time) / (2 * np.pi)
    place = np.clip((1 - way) * nx - 0.5, 0, nx - 1)
    low = np.minimum(place.astype(int), nx - 2)
    share = (place - low).astype(np.float32)[:, None]
    back = signal[:, low] * (1 - share) + signal[:, low + 1] * share
    after = back[np.minimum(np.arange(ny) + 1, ny - 1)]
    mixed: Pixels = np.float32(1 - one.next_bscan) * back + np.float32(one.next_bscan) * after
    return mixed


@functools.lru_cache(maxsize=6)
def _anatomy(number: int, finest_share: int) -> Scene:
    rng = np.random.default_rng([number, 43])
    size = (SIDE_MM, SIDE_MM, SIDE_MM)
    return draw_scene(rng, size, finest_um=1000 * SIDE_MM / finest_share)


def trial(seed: int) -> Trial:
    """Measure one slice; of some, also what the commands decide and apply."""
    one = draw(seed)
    tiles = image(one)
    evidence = xyzcorr.measure_galvo(list(tiles.values()), one.rig.n_extra)
    is_fixed = evidence.confidence >= xyzcorr.THRESHOLD
    found: dict[str, tuple[float, ...]] = {
        "confidence": (evidence.confidence,),
        "is_rolled": (float(one.roll != 0),),
        "is_misjudged": (abs(float(one.roll != 0) - evidence.confidence),),
    }
    if one.roll == 0:
        found["is_wrong_fix"] = (float(is_fixed),)
    else:
        found["is_found"] = (float(is_fixed),)
    if one.roll and is_fixed:
        error = (evidence.shift - one.roll) % one.n_lines
        found["is_within_1"] = (float(min(error, one.n_lines - error) <= 1),)
    if seed % COMMANDS_EVERY < 2:
        found["is_applied_as_decided"] = (float(is_applied(one, tiles)),)
    anatomy = _anatomy(seed // SLICES_PER_ANATOMY, _FINEST_SHARES[0]).name
    return Trial(seed=seed, drawn=one.drawn, found=found, kinds={"anatomy": anatomy})


def is_applied(one: Slice, tiles: Places) -> bool:
    """Run both commands on the tiles; say whether the mosaic is what the record decides.

    The confidence is computed once more from the JSON beside the record, and must be the record's.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for (row, column), pixels in tiles.items():
            write_tile(
                root / f"raw/tile_x{column:02d}_y{row:02d}_z00", pixels, _info(one, row, column)
            )
        decide = config.Params(
            input=root / "raw",
            output_file=root / "slice_config.csv",
            from_tiles=True,
            detect_galvo=True,
            exclude_first=0,
        )
        make = mosaic.Params(
            output_zarr=root / "mosaic_grid_3d_z00.ome.zarr",
            from_root_directory=root / "raw",
            slice_config=decide.output_file,
            axial_resolution=one.rig.axial_um,
            stage_sign_x=1,  # said, since one row of tiles does not show it
            stage_sign_y=1,
        )
        logging.getLogger("linumpy").setLevel(logging.ERROR)
        config.COMMAND.run(decide, runtime.make_job(config.COMMAND, decide))
        mosaic.COMMAND.run(make, runtime.make_job(mosaic.COMMAND, make))
        (row_of_record,) = csv.DictReader(decide.output_file.read_text().splitlines())
        evidence = json.loads((root / "galvo/slice_z00_galvo.json").read_text())
        strength = evidence["strength"]
        again = xyzcorr.confidence_of(strength["candidate"], strength["end"], strength["second"])
        decided = row_of_record["galvo_fix"] == "true"
        shift_px = (evidence["shift_px"] or evidence["candidate_shift_px"]) if decided else 0
        made = np.asarray(open_volume(make.output_zarr).array[:])
        return (
            again == float(row_of_record["galvo_confidence"])
            and decided == (again >= xyzcorr.THRESHOLD)
            and np.array_equal(made, _mosaic_of(tiles, one, shift_px))
        )


def _info(one: Slice, row: int, column: int) -> TileInfo:
    nx, ny = one.rig.tile_px
    side_mm = nx * one.rig.lateral_um / 1000
    step_mm = side_mm * (1 - one.rig.overlap)
    return TileInfo(
        nx=nx,
        ny=ny,
        nz=one.rig.nz(),
        n_extra=one.rig.n_extra,
        n_repeat=1,
        width_um=1000 * side_mm,
        height_um=1000 * side_mm,
        stage_x_mm=column * step_mm,
        stage_y_mm=row * step_mm,
        stage_z_mm=0.0,
    )


def _mosaic_of(tiles: Places, one: Slice, shift_px: int) -> Pixels:
    """Return the mosaic (z, y, x) of tiles rolled by ``shift_px`` and cropped."""
    nx = one.rig.tile_px[0]
    cropped = {
        place: np.roll(pixels, shift_px, axis=1)[:, :nx].transpose(0, 2, 1)
        for place, pixels in tiles.items()
    }
    rows, columns = one.grid
    whole: Pixels = np.block([[cropped[r, c] for c in range(columns)] for r in range(rows)])
    return whole


def picture(seed: int) -> Figure:
    """Draw the projections of the slice's tiles, and the pooled profile."""
    one = draw(seed)
    tiles = image(one)
    evidence = xyzcorr.measure_galvo(list(tiles.values()), one.rig.n_extra)
    figure = Figure(figsize=(9, 5), layout="constrained")
    above, below = figure.subplots(2, 1)
    above.imshow(np.concatenate([t.mean(axis=0).T for t in tiles.values()]), aspect="auto")
    below.plot(evidence.profile)
    true = (one.rig.tile_px[0] - one.roll) % one.n_lines
    for axes in (above, below):
        axes.axvline(true - 0.5, color="C3")
        axes.axvline((true + one.rig.n_extra) % one.n_lines - 0.5, color="C3", linestyle="--")
    figure.suptitle(
        f"seed {seed}: roll {one.roll}, found {evidence.candidate_shift}, "
        f"confidence {evidence.confidence:.3f}"
    )
    return figure


MEASURE = Measure(
    name="galvo",
    how=(
        "Every trial is one slice of 2 to 12 tiles, imaged through the simulator's optics; the "
        "return is made here: the mirror retraces the sweep, turns more or less softly, and the "
        "slow axis moves on meanwhile. It is shorter than two thirds of the sweep: one as long as "
        "the sweep could not be told from it. Odd seeds suffer a roll of any size, even ones none; "
        "contrast goes from even tissue to strong texture, coverage from 5 % up. The confidence "
        "of `preproc.xyzcorr.measure_galvo` is the score of the AUC; a wrong fix is a clean slice "
        "at 0.6 or above. Errors of the shift count modulo the sweep. Of every eighth slice the "
        "tiles are written to disk, and the record and the mosaic are made by their commands: the "
        "mosaic must be, voxel by voxel, what the record decides, and the confidence must follow "
        "again from the JSON beside it."
    ),
    trial=trial,
    targets=(
        Target(
            label="AUC, rolled against clean",
            statistic=auc("confidence", "is_rolled"),
            needs=("confidence", "is_rolled"),
            sense="at least",
            bound=0.995,
        ),
        Target(
            label="detections whose shift is within 1 A-line",
            statistic=rate("is_within_1"),
            needs=("is_within_1",),
            sense="at least",
            bound=0.99,
        ),
        Target(
            label="clean slices fixed at the default threshold",
            statistic=total("is_wrong_fix"),
            needs=("is_wrong_fix",),
            sense="at most",
            bound=0.0,
        ),
        Target(
            label="what was decided is what was applied",
            statistic=rate("is_applied_as_decided"),
            needs=("is_applied_as_decided",),
            sense="at least",
            bound=1.0,
        ),
    ),
    quick=160,
    full=2000,
    worst_by="is_misjudged",
    picture=picture,
)
