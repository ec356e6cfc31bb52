"""The shared acquisition of a real brain's anatomy, reconstructed and held against its truth."""

import json
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from accuracy.anatomy import REAL_VOLUME, SHARED
from accuracy.compare import Views, compare, look
from accuracy.measure import Measure, NotRun, Trial
from accuracy.measures.reconstruction import TARGETS, reconstruct, values_of, zero_mm
from accuracy.oracle import Tile
from accuracy.views import show_views
from linumpy.core.spacing import Spacing
from linumpy.synth import Scene, SliceTruth, Truth, from_array, plan_like
from linumpy.synth.truth import TileTruth

SAMPLE = REAL_VOLUME.parent
VOXEL_UM = 50.0
HOW = """
The shared acquisition `allen-coronal-9`, made by another simulator from a real brain's average
anatomy: nine slices, one of them thick, one shaken, rolls of the galvo, a glitch, a re-homing and
unreported motion. Compared as the simulated acquisitions are, with its `truth_volume.npy`; where a
tile was comes from its own header, less the error that `truth.json` lists. One acquisition: nothing
varies, so there are no quartiles. No threshold was set on it.
"""


def trial(seed: int) -> Trial:
    """Reconstruct and compare; the seed changes nothing."""
    found, ideal = compare(views())
    return Trial(seed=seed, drawn={}, found=values_of(found), oracle=values_of(ideal))


def views() -> Views:
    """Return what is compared.

    Raises
    ------
    NotRun
        If the acquisition is not there.
    """
    if not REAL_VOLUME.exists():
        raise NotRun(f"{SAMPLE.name} is not there (../{SHARED.name})")
    scene, truth = read_truth()
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        out = Path(folder) / "out"
        run = reconstruct(SAMPLE / "raw", out, truth, VOXEL_UM, zero_mm(truth))

    def tiles_of(one: SliceTruth) -> Iterator[Tile]:
        for place in one.tile_truths:
            yield place, _pixels(_folder(one, place), truth, one)

    return look(run, scene, truth, tiles_of)


def read_truth() -> tuple[Scene, Truth]:
    """Return the anatomy and the truth, each tile where its header and the truth file put it."""
    said = json.loads((SAMPLE / "truth.json").read_text(encoding="utf-8"))
    volume = np.load(REAL_VOLUME).astype(np.float32)
    scene = from_array(volume, Spacing.from_um(VOXEL_UM, VOXEL_UM, VOXEL_UM), name=SAMPLE.name)
    truth = plan_like(scene, said, int(said["seed"]))
    slices = {key: _with_tiles(one, truth) for key, one in truth.slices.items()}
    return scene, replace(truth, slices=slices)


def _with_tiles(one: SliceTruth, truth: Truth) -> SliceTruth:
    places = {}
    for place in one.tile_truths:
        lines = (_folder(one, place) / "info.txt").read_text(encoding="utf-8").splitlines()
        info = dict(line.split(": ") for line in lines if ": " in line)
        x, y = (
            float(info[f"stage_{axis}_pos_mm"]) - fov / 2 - error
            for axis, fov, error in zip("xy", truth.rig.fov_mm, one.reported_error_mm, strict=True)
        )
        places[place] = TileTruth((x, y), (0.0, 0.0))
    return replace(one, tile_truths=places)


def _folder(one: SliceTruth, place: tuple[int, int]) -> Path:
    name = f"tile_x{place[0]:02d}_y{place[1]:02d}_z{one.number:02d}"
    return SAMPLE / "raw" / f"z{one.number:02d}" / name


def _pixels(folder: Path, truth: Truth, one: SliceTruth) -> np.ndarray:
    nx, ny = truth.rig.tile_px
    found = np.fromfile(folder / "image_00000.bin", dtype="<f4")
    return found.reshape((one.nz, nx + truth.rig.n_extra, ny), order="F")


def picture(seed: int) -> Figure:  # noqa: ARG001  there is one acquisition
    """Show the worst plane and what there is of all planes."""
    return show_views(views(), SAMPLE.name)


MEASURE = Measure(
    name="allen-coronal-9",
    how=HOW,
    trial=trial,
    targets=TARGETS,
    quick=1,
    full=1,
    worst_by="error_voxel",
    picture=picture,
)
