"""Each stage earns its place: its fault alone, planted by the simulator, with it and without it.

An error is the distance from the simulator's truth, in units of the anatomy: µm, degrees, or
brightness relative to reflectivity. With the stage it must be at most a third of what it is
without. What one fault does beside others is in the demo, the sweep and the accuracy figures.
"""

import csv

import numpy as np
import pytest

from linumpy.io import omezarr, shifts, transforms
from linumpy.scripts import linum_detect_rehoming as detect_rehoming
from linumpy.scripts import linum_generate_slice_config as generate_slice_config
from linumpy.scripts import linum_normalize_z_intensity as normalize_z
from linumpy.scripts import linum_register_pairwise as register_pairwise
from linumpy.scripts import linum_stack_slices_motor as stack_slices
from linumpy.stack.shifts import build_cumulative_shifts
from linumpy.synth import Faults, Scene
from linumpy.synth.noise import BandNoise
from tests.stories.one_fault import acquire, blocks, call, rig_with, slice_of


def earns(*, without, with_stage, visible):
    """The fault is there (``visible``, in the error's unit), and the stage takes it away."""
    assert without > visible, f"the planted fault does too little: {without:.3g}"
    assert with_stage <= without / 3, f"{without:.3g} without the stage, {with_stage:.3g} with it"


def rms(errors):
    return float(np.sqrt(np.mean(np.square(errors))))


def relative(brightness, anatomy):
    """Brightness over reflectivity, 1 in the middle; NaN outside tissue."""
    is_tissue = (anatomy > 0.3) & (brightness > 0)
    ratio = np.where(is_tissue, brightness, np.nan) / np.where(is_tissue, anatomy, 1)
    return ratio / np.nanmedian(ratio)


def test_flat_field(tmp_path):
    "Vignetting alone: the relative error of brightness over a plane, in squares of 80 µm."
    acquired = acquire(tmp_path, rig_with(vignetting=0.3), grid=(4, 4))
    error = {}
    for wanted in (False, True):
        (volume,) = acquired.process(f"flat_{wanted}", flat_field=wanted)
        planes = range(0, volume.shape[0], 2)
        ratio = relative(volume.array[::2].mean(axis=0), acquired.anatomy(volume, planes).mean(0))
        error[wanted] = np.nanstd(blocks(ratio, 4))
    earns(without=error[False], with_stage=error[True], visible=0.05)


def test_axial_profile(tmp_path):
    "Focus and even attenuation alone: the relative error of brightness along depth."
    rig = rig_with(focus_um=80, focus_range_um=150, attenuation_per_mm=3)
    acquired = acquire(tmp_path, rig)
    error = {}
    for wanted in (False, True):
        (volume,) = acquired.process(f"axial_{wanted}", axial_profile=wanted)
        planes = range(volume.shape[0])
        ratio = relative(volume.array[:], acquired.anatomy(volume, planes))
        error[wanted] = np.std(np.nanmean(ratio, axis=(1, 2)))
    earns(without=error[False], with_stage=error[True], visible=0.1)


class Sides:
    """Tissue whose right side scatters twice as much as its left, the same at every depth."""

    def __init__(self, width_mm, seed):
        self.width_mm = width_mm
        self.grain = BandNoise(0.06, np.random.default_rng(seed))

    def __call__(self, z, y, x):
        right = np.clip(np.asarray(x, np.float32) / self.width_mm * 10 - 4.5, 0, 1)
        flat = np.zeros_like(z)
        return (0.35 + 0.5 * right) * np.exp(np.float32(0.12) * self.grain(flat, y, x))


def test_attenuation(tmp_path):
    """Attenuation that follows reflectivity, alone; what all tissue shares is corrected in both.

    The relative error of brightness from the upper third to the lower one, in squares of 400 µm.
    """
    rig = rig_with(attenuation_per_mm=4, attenuation_contrast=1, image_depth_um=360)
    width, height = rig.extent_for(4, 3)
    scene = Scene(Sides(width, 1), (0.5, height, width))
    acquired = acquire(tmp_path, rig, scene=scene)
    error = {}
    for wanted in (False, True):
        (volume,) = acquired.process(f"attn_{wanted}", axial_profile=True, attenuation=wanted)
        planes = volume.array[:]
        third = len(planes) // 3
        upper, lower = planes[1 : 1 + third].mean(axis=0), planes[-third:].mean(axis=0)
        change = np.where(lower > 0, lower, np.nan) / np.where(upper > 0, upper, np.nan)
        change = blocks(change, 20)
        error[wanted] = np.nanstd(change / np.nanmedian(change))
    earns(without=error[False], with_stage=error[True], visible=0.1)


def test_interface(tmp_path):
    """Water, tilt and field curvature alone: how far from the surface plane 0 lies, µm.

    A layer 120 µm under the surface shows it. Without the stage one depth would be taken for the
    surface everywhere; at best the middle one.
    """
    rig = rig_with(water_um=70, tilt_deg=(1.2, -0.8), field_curvature_um=15)
    width, height = rig.extent_for(3, 3)

    def layered(z, y, x):
        layer = np.exp(-(((np.asarray(z, np.float32) - 0.12) / 0.03) ** 2))
        return 0.4 + 0.6 * layer + 0 * y + 0 * x

    acquired = acquire(tmp_path, rig, scene=Scene(layered, (0.6, height, width)))
    (volume,) = acquired.process("slices", resolution=10)
    mosaic = omezarr.open_volume(tmp_path / "mosaics" / "mosaic_grid_3d_z00.ome.zarr")
    raw_um = layer_depth_um(mosaic)
    earns(without=np.std(raw_um), with_stage=rms(layer_depth_um(volume) - 120), visible=10)


def layer_depth_um(volume):
    """Where the bright layer lies under squares of 320 µm: the middle of what is bright."""
    size = round(320 / volume.spacing.zyx_um[2])
    columns = blocks(volume.array[:].astype(np.float64), size)
    columns = columns[:, np.isfinite(columns).all(axis=0) & (columns > 0).any(axis=0)]
    bright = np.clip(columns - 0.75 * columns.max(axis=0), 0, None)
    depth_um = (np.arange(len(columns)) + 0.5) * volume.spacing.zyx_um[0]
    return depth_um @ bright / bright.sum(axis=0)


def test_refinement_of_tile_positions(tmp_path):
    "A stage that misplaces its tiles alone: how far tiles of tissue lie from their place, µm."
    rig = rig_with(unreported_jitter_um=25, tile_px=(64, 64))
    acquired = acquire(tmp_path, rig, grid=(4, 3))
    true = slice_of(acquired.truth, 0).tile_truths
    tissue = {place for place in true if _holds_tissue(acquired, place)}
    error = {}
    for wanted in (False, True):
        acquired.process(f"placed_{wanted}", refine_positions=wanted)
        with (tmp_path / f"placed_{wanted}" / "slice_z00_tiles.csv").open() as stream:
            rows = {(int(row["col"]), int(row["row"])): row for row in csv.DictReader(stream)}
        off = np.array([
            np.array([float(rows[place][f"placed_{axis}_um"]) for axis in "xy"])
            - np.multiply(1000, true[place].origin_mm)
            for place in sorted(tissue)
        ])  # fmt: skip
        # where the slice as a whole lies is not for its tiles to say
        error[wanted] = rms(np.hypot(*(off - off.mean(axis=0)).T))
    earns(without=error[False], with_stage=error[True], visible=20)


def _holds_tissue(acquired, place):
    """Whether tissue fills most of a tile; agarose tells nothing about where a tile lies."""
    x, y = slice_of(acquired.truth, 0).tile_truths[place].origin_mm
    across, down = acquired.truth.rig.fov_mm
    seen = acquired.scene.on_axes(
        np.array([0.1]), y + down * np.linspace(0, 1, 20), x + across * np.linspace(0, 1, 20)
    )
    return (seen > 0.1).mean() > 0.5


def test_galvo(tmp_path):
    "A mistimed sweep alone: the relative error of brightness in the mosaic, on that slice only."
    mosaics = {}
    for name, faults in (("flawless", Faults()), ("rolled", Faults(galvo={1: (17, 0.5)}))):
        acquired = acquire(tmp_path / name, rig_with(ids=(0, 1)), faults=faults)
        mosaics[name] = acquired.mosaics()
    record = tmp_path / "slice_config.csv"
    call(
        generate_slice_config,
        input=tmp_path / "rolled" / "raw",
        output_file=record,
        from_tiles=True,
        exclude_first=0,
        detect_galvo=True,
    )
    mosaics["corrected"] = acquired.mosaics("corrected", slice_config=record)
    good, rolled, corrected = (
        [omezarr.open_volume(path).array[:] for path in sorted(mosaics[name].glob("*.ome.zarr"))]
        for name in ("flawless", "rolled", "corrected")
    )
    np.testing.assert_array_equal(corrected[0], good[0])
    without, with_stage = (np.abs(seen[1] - good[1]).mean() for seen in (rolled, corrected))
    level = good[1].mean()
    earns(without=without / level, with_stage=with_stage / level, visible=0.2)


@pytest.mark.parametrize(
    "faults",
    [Faults(rehome={3: (-0.9, 0.7)}), Faults(glitch={3: (0.8, -0.6)})],
    ids=["rehoming", "glitch"],
)
def test_rehoming(tmp_path, faults):
    "A stage that reports a wrong position alone: how far slices lie from their place, µm."
    rig = rig_with(ids=tuple(range(6)), lateral_um=40, drift_um=15)
    acquired = acquire(tmp_path, rig, grid=(3, 2), faults=faults)
    clean = tmp_path / "detect_rehoming" / "shifts_xy_clean.csv"
    call(
        detect_rehoming,
        in_shifts=acquired.shifts,
        out_shifts=clean,
        mosaics=acquired.mosaics(fix_galvo_shift=True),
        acquisition=tmp_path / "acquisition.json",
    )
    first = slice_of(acquired.truth, 0).origin_mm
    error = []
    for path in (acquired.shifts, clean):
        placed = build_cumulative_shifts(shifts.read(path), list(acquired.truth.slices))
        off = [
            np.subtract(placed[key], np.subtract(one.origin_mm, first))
            for key, one in acquired.truth.slices.items()
        ]
        error.append(1000 * np.hypot(*np.transpose(off)).max())
    earns(without=error[0], with_stage=error[1], visible=500)


@pytest.mark.parametrize(
    ("faults", "visible"),
    [
        (Faults(rotation_deg={1: 1.5}), {"deg": 1.0, "um": 20}),
        (Faults(hidden_shift_um={1: (70, -50)}), {"um": 50}),
    ],
    ids=["rotation", "translation"],
)
def test_pairwise_registration(tmp_path, faults, visible):
    "Motion that the stage does not report, alone: degrees, and µm over the field of the anatomy."
    rig = rig_with(ids=(0, 1), slice_um=100, lateral_um=25)
    acquired = acquire(tmp_path, rig, grid=(4, 3), faults=faults)
    fixed, moving = sorted(acquired.common_space().glob("*.ome.zarr"))
    out = tmp_path / "slice_z01_normalize"
    call(register_pairwise, in_fixed=fixed, in_moving=moving, out_directory=out)
    found = transforms.read_pairwise(out).motion
    one = slice_of(acquired.truth, 1)
    if "deg" in visible:
        off = found.rotation_deg - one.rotation_deg
        earns(without=one.rotation_deg, with_stage=abs(off), visible=visible["deg"])
    volume = omezarr.open_volume(moving)
    _, n_y, n_x = volume.shape
    y, x = np.mgrid[0.2:0.8:7j, 0.2:0.8:7j] * np.array([n_y, n_x])[:, None, None]
    seen = np.array(acquired.stage_mm(volume, y, x))
    centre = np.array(acquired.stage_mm(volume, (n_y - 1) / 2, (n_x - 1) / 2))[:, None, None]
    true = np.array(one.anatomy_from_stage(*seen, acquired.truth.centre_mm))
    cos, sin = (f(np.deg2rad(found.rotation_deg)) for f in (np.cos, np.sin))
    turned = np.einsum("ab,byx->ayx", [[cos, -sin], [sin, cos]], seen - centre) + centre
    moved = turned + np.array([found.dx_um, found.dy_um])[:, None, None] / 1000
    without, with_stage = (1000 * rms(np.hypot(*(true - place))) for place in (seen, moved))
    earns(without=without, with_stage=with_stage, visible=visible["um"])


def test_z_normalisation(tmp_path):
    "Brightness that drifts from slice to slice, alone: the largest relative step between slices."
    rig = rig_with(ids=tuple(range(8)), lateral_um=40, gain_drift=0.35, image_depth_um=330)
    acquired = acquire(tmp_path, rig, grid=(2, 2))
    stack, final = tmp_path / "stack" / "stack.ome.zarr", tmp_path / "3d_volume.ome.zarr"
    stack.parent.mkdir()
    call(
        stack_slices,
        in_slices_dir=acquired.common_space(),
        in_shifts=acquired.shifts,
        out_stack=stack,
    )
    call(normalize_z, in_zarr=stack, out_zarr=final)
    per_slice = round(rig.slice_um / rig.lateral_um)
    # a plane from the middle of each slice's own section
    planes = [per_slice * i + per_slice // 2 for i in range(len(rig.ids))]
    anatomy = acquired.anatomy(omezarr.open_volume(stack), planes)
    step = []
    for path in (stack, final):
        ratio = relative(omezarr.open_volume(path).array[:][planes], anatomy)
        step.append(np.abs(np.diff(np.log(np.nanmean(ratio, axis=(1, 2))))).max())
    earns(without=step[0], with_stage=step[1], visible=0.05)
