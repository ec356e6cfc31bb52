"""Every effect of the optics and every damage, alone, asked back from raw pixels."""

import numpy as np
import pytest

from linumpy.synth import DAMAGE_KINDS, Faults, brain, vessels
from tests.synth.plain import even, plain_rig
from tests.synth.test_acquire import pixels, tiles_of


def middle(rig, scene=None, faults=None):
    """The middle tile of slice 1 as (z, y, x)."""
    return pixels(tiles_of(scene or even(), rig, faults)[1, 1, 1])


def test_speckle():
    "Speckle keeps the mean and has the contrast 1 / sqrt(looks)."
    tissue = middle(plain_rig(looks=4.0))[6:]
    assert tissue.mean() == pytest.approx(50, rel=0.03)
    assert tissue.std() / tissue.mean() == pytest.approx(0.5, rel=0.05)


def test_noise_floor():
    "Above the tissue the floor has its mean."
    assert middle(plain_rig(noise=3.0))[:3].mean() == pytest.approx(3.0, rel=0.05)


def test_vignetting():
    "The middle of an edge loses the planted share, a corner twice that."
    plane = middle(plain_rig(vignetting=0.2))[10]
    assert plane[10, 0] / 50 == pytest.approx(1 - 0.2 * (23 / 24) ** 2, abs=0.01)
    assert plane[0, 0] / 50 == pytest.approx(0.635, abs=0.02)


def test_focus():
    "The signal halves one focus range away from the focus."
    line = middle(plain_rig(focus_um=60, focus_range_um=80))[:, 10, 10]
    depth = (np.arange(20) + 0.5) * 10 - 40
    assert line[6:] == pytest.approx(50 / (1 + ((depth[6:] - 60) / 80) ** 2), rel=1e-4)


@pytest.mark.parametrize("contrast", [0.0, 1.0])
def test_attenuation(contrast):
    "Signal falls by exp(−μ t); with contrast μ follows the reflectivity."
    rig = plain_rig(attenuation_per_mm=3.0, attenuation_contrast=contrast)
    line = middle(rig, even(0.3))[:, 10, 10]
    slope = np.polyfit((np.arange(6, 20) + 0.5) * 0.01, np.log(line[6:]), 1)[0]
    assert slope == pytest.approx(-3.0 if contrast == 0 else -1.5, rel=0.02)


def surface_px(tile):
    """Depth sample at which tissue begins, per pixel."""
    return (tile < 25).sum(axis=0)


def test_tilt():
    "The surface is deeper to larger x by the tangent of the tilt."
    tile = middle(plain_rig(axial_um=1, image_depth_um=150, tilt_deg=(3.0, 0.0)))
    depth = surface_px(tile).astype(float)
    assert np.polyfit(np.arange(24) * 20, depth.mean(axis=0), 1)[0] == pytest.approx(
        np.tan(np.radians(3)), rel=0.05
    )
    assert np.ptp(depth.mean(axis=1)) < 1


def test_field_curvature():
    "The surface of every tile is deeper at the middle of its edge."
    tile = middle(plain_rig(axial_um=1, image_depth_um=150, field_curvature_um=20))
    depth = surface_px(tile).astype(float)
    assert depth[10, 0] - depth[10, 12] == pytest.approx(20 * (23 / 24) ** 2, abs=1.5)


def test_gain_drift():
    "Slices differ in brightness by the drift, and not without it."
    levels = [
        np.mean([pixels(tile)[8:].mean() for p, tile in tiles_of(even(), rig).items() if p[0] == n])
        for rig in (plain_rig(gain_drift=0.3),)
        for n in (0, 1, 2)
    ]
    flat = [pixels(tiles_of(even(), plain_rig())[n, 1, 1])[8:].mean() for n in (0, 1, 2)]
    assert np.ptp(levels) / np.mean(levels) > 0.03
    assert np.ptp(flat) < 1e-3


@pytest.fixture(scope="module")
def damaged():
    """One brain, seen whole and with each damage: {kind: mean plane of the middle tile}."""
    rig = plain_rig(lateral_um=10, tile_px=(40, 36), noise=1.0, looks=6.0, ids=(0, 1))
    scene = brain((0.6, 0.8, 1.0), 4, finest_um=40)
    found = {}
    for kind in ("good", *DAMAGE_KINDS):
        faults = Faults() if kind == "good" else Faults(quality={1: kind}, severity={1: 0.8})
        tiles = tiles_of(scene, rig, faults, seed=2)
        found[kind] = pixels(tiles[1, 1, 1])
        found[kind, "neighbour"] = pixels(tiles[0, 1, 1])
    return found


def ncc(one, other):
    return np.corrcoef(one.ravel(), other.ravel())[0, 1]


@pytest.mark.parametrize("kind", DAMAGE_KINDS)
def test_damage_touches_its_slice_alone(damaged, kind):
    "The neighbour of a damaged slice has the bytes of the flawless acquisition."
    assert np.array_equal(damaged[kind, "neighbour"], damaged["good", "neighbour"])
    assert not np.array_equal(damaged[kind], damaged["good"])


def test_motion(damaged):
    "B-scans are displaced against each other: neighbouring lines agree less."
    good, moved = (damaged[kind][6:].mean(axis=0) for kind in ("good", "motion"))
    steps = [np.abs(np.diff(plane, axis=0)).mean() for plane in (good, moved)]
    assert ncc(good, moved) < 0.8
    assert steps[1] > 1.3 * steps[0]


def test_blur():
    "Lateral detail is gone."
    scene, rig = vessels((0.6, 0.8, 1.0), 4), plain_rig()
    good = middle(rig, scene)[8]
    blurred = middle(rig, scene, Faults(quality={1: "blur"}, severity={1: 0.8}))[8]
    assert np.abs(np.diff(blurred)).mean() < 0.3 * np.abs(np.diff(good)).mean()
    assert blurred.mean() == pytest.approx(good.mean(), rel=0.2)


def test_dropout(damaged):
    "About half of the B-scans are dark, the others as they were."
    share = damaged["dropout"][8:].mean(axis=(0, 2)) / damaged["good"][8:].mean(axis=(0, 2))
    assert 0.3 < (share < 0.2).mean() < 0.7
    assert share[share > 0.5] == pytest.approx(1, abs=0.08)  # the speckle is another one


def test_noise(damaged):
    "The floor rises to the level of the signal."
    assert damaged["noise"][:3].mean() > 20 * damaged["good"][:3].mean()


def test_saturation(damaged):
    "Most of the tissue sits at the detector's limit."
    tissue = damaged["saturation"][6:12]
    assert (tissue == tissue.max()).mean() > 0.5


def test_bad_cut():
    "The surface is no plane any more."
    good = middle(plain_rig())
    torn = middle(plain_rig(), faults=Faults(quality={1: "bad_cut"}, severity={1: 0.8}))
    assert np.ptp(surface_px(good)) == 0
    assert np.ptp(surface_px(torn)) > 5


def test_empty(damaged):
    "No signal, only the floor."
    assert damaged["empty"].mean() == pytest.approx(1.0, rel=0.05)


def test_severity_grades_the_damage():
    "More severe is less like the flawless slice."
    rig = plain_rig(lateral_um=10, tile_px=(40, 36), ids=(0, 1))
    scene = brain((0.6, 0.8, 1.0), 4, finest_um=40)
    good = middle(rig, scene)[6:].mean(axis=0)
    agreement = [
        ncc(good, middle(rig, scene, Faults(quality={1: "blur"}, severity={1: s}))[6:].mean(axis=0))
        for s in (0.1, 0.4, 0.9)
    ]
    assert agreement == sorted(agreement, reverse=True)
    assert agreement[0] > 0.9
