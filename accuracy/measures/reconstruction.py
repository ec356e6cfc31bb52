"""The whole reconstruction against the anatomy."""

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from matplotlib.figure import Figure

from accuracy.acquisitions import Acquisition, draw_acquisition
from accuracy.compare import Comparison, Views, compare, look
from accuracy.lattice import Reconstruction, read_run
from accuracy.measure import Measure, Target, Trial
from accuracy.oracle import Tile
from accuracy.statistics import quantile, total
from accuracy.views import show_views
from linumpy.io.raw_writer import RawWriter
from linumpy.synth import SliceTruth, Truth, render

HOW = """
Acquisitions are drawn from seeds (rig, anatomy, faults of every kind on at most half of the
slices), written as raw tiles and reconstructed by `linum_reconstruct.py` with its defaults,
`--detect_galvo` and `--auto_assess_quality`, at a working resolution of 1 to 1.6 times the coarser
sampling. Every plane between the surface of a used slice and the next cut is compared with the
anatomy at the same physical place, absolutely: no offset is taken off. Lateral error: least squares
of the band-passed plane against the displaced anatomy, within what was measured. NCC: over all
voxels that were measured and show tissue or hold a value. Spacing: the depth at which the planes of
a slice fit the anatomy best, against the same of the slice before. Slices begin at whole planes,
so where the cut interval is no multiple of the voxel, rounding alone puts up to a voxel between
two. A voxel has no measured source
when it is not 0 and no used slice imaged a point within two voxels of it; planes of interpolated
slices, which the record marks, are left out. The oracle puts the same tiles where the truth says,
each sample spread over the voxels that it covers, divided by the response of the optics: it loses
only speckle, noise and sampling.
"""
FLAGS = ("--detect_galvo", "--auto_assess_quality", "--workers", "1")
TARGETS = (
    Target(
        label="lateral error of a plane, median",
        statistic=quantile("error_voxel", 0.5),
        needs=("error_voxel",),
        sense="at most",
        bound=0.25,
        unit="voxel",
    ),
    Target(
        label="lateral error of a plane, p95",
        statistic=quantile("error_voxel", 0.95),
        needs=("error_voxel",),
        sense="at most",
        bound=0.75,
        unit="voxel",
    ),
    Target(
        label="lateral error of a plane, largest",
        statistic=quantile("error_voxel", 1),
        needs=("error_voxel",),
        sense="at most",
        bound=1.5,
        unit="voxel",
    ),
    Target(
        label="spacing of slices, largest error",
        statistic=quantile("spacing_voxel", 1),
        needs=("spacing_voxel",),
        sense="at most",
        bound=1,
        unit="voxel",
    ),
    Target(
        label="NCC of a plane, median",
        statistic=quantile("ncc", 0.5),
        needs=("ncc",),
        sense="at least",
        bound=0.95,
    ),
    Target(
        label="voxels without a measured source",
        statistic=total("unsourced"),
        needs=("unsourced",),
        sense="at most",
        bound=0,
    ),
)


def trial(seed: int) -> Trial:
    """Simulate, reconstruct, compare."""
    one = draw(seed)
    found, ideal = compare(views_of(one))
    return Trial(
        seed=seed,
        drawn=one.drawn,
        kinds={"anatomy": one.scene.name},
        found=values_of(found),
        oracle=values_of(ideal),
    )


def draw(seed: int) -> Acquisition:
    """Return the acquisition of a seed: 4 to 8 slices, one in six of them up to 60."""
    return draw_acquisition(seed, most_slices=60 if seed % 6 == 5 else 8)


def views_of(one: Acquisition) -> Views:
    """Return what is compared."""
    truth = one.truth
    with tempfile.TemporaryDirectory(prefix="accuracy-") as folder:
        raw, out = Path(folder) / "raw", Path(folder) / "out"
        write_raw(one, raw)
        run = reconstruct(raw, out, truth, one.resolution_um, zero_mm(truth))

    def tiles_of(slice_truth: SliceTruth) -> Iterator[Tile]:
        alone = replace(truth, slices={slice_truth.slice_id: slice_truth})
        for part in render(one.scene, alone):
            for tile in part.tiles:
                yield (tile.column, tile.row), tile.pixels

    return look(run, one.scene, truth, tiles_of)


def write_raw(one: Acquisition, folder: Path) -> None:
    """Write the tiles as the rig does."""
    writer = RawWriter(folder)
    for part in render(one.scene, one.truth):
        for tile in part.tiles:
            writer.write(part.slice_id, tile.name, tile.pixels, tile.info)


def reconstruct(
    raw: Path, out: Path, truth: Truth, resolution_um: float, zero_mm: tuple[float, float]
) -> Reconstruction:
    """Run the command on raw tiles and read what it made.

    Raises
    ------
    RuntimeError
        If it fails; the message is its last line.
    """
    rig = truth.rig
    command = Path(sys.executable).parent / "linum_reconstruct.py"
    sampling = ("--axial_resolution", f"{rig.axial_um:g}", "--resolution", f"{resolution_um:g}")
    done = subprocess.run(
        [command, raw, out, *sampling, *FLAGS], check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise RuntimeError(f"exit code {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return read_run(out, zero_mm, rig.ids[0], rig.slice_um / 1000)


def zero_mm(truth: Truth) -> tuple[float, float]:
    """Return where in the anatomy (x, y) the frame of a run has its zero.

    That is the first slice's lower edge as the stage reports it, less what is planted on the slice.
    """
    first = min(truth.slices.values(), key=lambda one: one.number)
    tiles = first.tile_truths.values()
    x, y = (min(t.origin_mm[axis] + t.error_mm[axis] for t in tiles) for axis in (0, 1))
    return x, y


def picture(seed: int) -> Figure:
    """Show the worst plane of an acquisition and what there is of all planes."""
    one = draw(seed)
    return show_views(views_of(one), f"seed {seed}, {one.scene.name}, {one.truth.faults}")


def values_of(found: Comparison) -> dict[str, tuple[float, ...]]:
    """Return the pooled values' names and values."""
    return {
        "error_voxel": found.error,
        "ncc": found.ncc,
        "spacing_voxel": found.spacing,
        "unsourced": found.unsourced,
    }


MEASURE = Measure(
    name="whole reconstruction",
    how=HOW,
    trial=trial,
    targets=TARGETS,
    quick=3,
    full=60,
    worst_by="error_voxel",
    picture=picture,
)
