"""The plan refuses what cannot be planted, and its file says all of it."""

import json

import numpy as np
import pytest

from linumpy.errors import BadFile, BadValue
from linumpy.synth import PRESETS, SWEEP, Faults, Rig, plan, plan_like, preset, render, to_json
from linumpy.synth.planting import draw_faults, split_words
from tests.synth.plain import even, plain_rig

SAMPLE_KEYS = {
    "origin_mm",
    "reported_error_mm",
    "tiles",
    "rotation_deg",
    "hidden_shift_um",
    "galvo_roll",
    "quality",
    "gain",
    "water_um",
    "nz",
}


def test_file_has_the_layout_of_the_sample():
    "Readers of the real-anatomy acquisition read ours."
    chosen = preset("tiny")
    truth = to_json(plan(even(), chosen.rig, chosen.faults, chosen.seed))
    assert {"rig", "faults", "seed", "slices"} <= truth.keys()
    assert list(truth["slices"]) == ["00", "01", "02", "03"]
    assert truth["slices"]["02"].keys() >= SAMPLE_KEYS
    assert truth["slices"]["02"]["reported_error_mm"] == [0.5, -0.4]
    assert truth["slices"]["01"]["galvo_roll"] == 11
    assert truth["faults"]["galvo"] == {"1": (11, 0.4)}
    json.dumps(truth, allow_nan=False)


def test_a_truth_file_makes_the_same_acquisition_again():
    "JSON and back gives the same bytes."
    rig = plain_rig(looks=4.0, jitter_um=8, drift_um=10, gain_drift=0.2, tilt_deg=(0.1, 0.0))
    faults = Faults(
        galvo={1: (7, 0.4)},
        quality={2: "dropout"},
        rotation_deg={1: 1.0},
        missing_tiles={0: ((0, 0),)},
        growth={2: (0, 1, 0, 0)},
    )
    truth = plan(even(), rig, faults, 5)
    again = plan_like(even(), json.loads(json.dumps(to_json(truth))), 5)
    assert again == truth
    for one, other in zip(render(even(), truth), render(even(), again), strict=True):
        for tile, same in zip(one.tiles, other.tiles, strict=True):
            assert tile.info == same.info
            assert np.array_equal(tile.pixels, same.pixels)


def test_the_samples_own_layout_is_read():
    "A file without our further keys gives its geometry; tile jitter is drawn."
    one = {
        "origin_mm": [-0.2, -0.3],
        "reported_error_mm": [0.5, 0.0],
        "tiles": [2, 3],
        "rotation_deg": 0.5,
        "hidden_shift_um": [10.0, 5.0],
        "galvo_roll": 21,
        "quality": "good",
        "gain": 0.9,
        "water_um": 38.0,
        "nz": 17,
    }
    like = {
        "rig": {"lateral_um": 50.0, "axial_um": 8.0, "tile_px": 48, "orientation": "standard"},
        "faults": {"galvo": {"3": [21, 0.5]}, "missing": [], "gain_drift": 0.15},
        "seed": 1,
        "slices": {"03": one},
    }
    found = plan_like(even(), like, 1).slices["03"]
    assert found.origin_mm == (-0.2, -0.3)
    assert (found.tiles, found.nz, found.galvo_roll, found.galvo_gain) == ((2, 3), 17, 21, 0.5)
    assert len(found.tile_truths) == 6


def test_other_json_is_refused():
    "A file that is no truth file is named so."
    with pytest.raises(BadFile, match="not a truth file"):
        plan_like(even(), {"rig": {}}, 0)


@pytest.mark.parametrize(
    ("faults", "match"),
    [
        ({"galvo": {7: (3, 0.5)}}, "slice 7, which is not acquired"),
        ({"galvo": {1: (30, 0.5)}}, "galvo roll 30 on slice 1; allowed: 0 to 29"),
        ({"missing": (0, 1, 2)}, "no slice is left"),
        ({"growth": {1: (-9, 0, 0, 0)}}, "growth leaves slice 1"),
        ({"missing_tiles": {1: ((40, 0),)}}, "no tile"),
    ],
)
def test_what_cannot_be_planted(faults, match):
    "A fault that would have no effect is an error."
    with pytest.raises(BadValue, match=match):
        plan(even(), plain_rig(), Faults(**faults), 0)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Faults(quality={1: "dirt"}), "allowed: motion"),
        (lambda: Faults(quality={1: "blur"}, severity={1: 2.0}), "0 to 1"),
        (lambda: Rig(ids=(2, 1)), "ids"),
        (lambda: Rig(overlap=1.0), "overlap"),
        (lambda: Rig(axial_um=0.0), "axial_um"),
        (lambda: Rig(margin_mm=9.0).extent_for(1, 1), "margins"),
        (lambda: preset("nonsense"), "no preset"),
        (lambda: split_words("--galvo", ["3:x:1"], (int, float)), "ID:int:float"),
    ],
)
def test_values_out_of_range(make, match):
    "What is allowed stands in the message."
    with pytest.raises(BadValue, match=match):
        make()


@pytest.mark.parametrize("name", PRESETS)
def test_presets_can_be_planned(name):
    "Each preset plants what it says on slices that exist; its grid is the one it names."
    chosen = PRESETS[name]
    columns, rows = chosen.grid
    size = chosen.rig.extent_for(columns, rows)
    scene = even(size_mm=(5.0, size[1], size[0]))
    truth = plan(scene, chosen.rig, chosen.faults, chosen.seed)
    assert next(iter(truth.slices.values())).tiles == chosen.grid
    assert set(truth.slices) >= {f"{number:02d}" for number in chosen.faults.quality}


def test_the_sweep_covers_what_it_promises():
    "Twelve rows, every damage, a falling stage, a wrong axial value, one clean, sizes to 150 MB."
    rows = [PRESETS[name] for name in SWEEP]
    assert len(rows) == len({row.seed for row in rows}) == 12
    kinds = {kind for row in rows for kind in row.faults.quality.values()}
    assert kinds == {"motion", "blur", "dropout", "noise", "saturation", "bad_cut", "empty"}
    assert {row.rig.stage_sign_x for row in rows} == {1, -1}
    assert [row.name for row in rows if row.said_axial_um] == ["sweep-09"]
    assert rows[0].faults == Faults()
    assert rows[8].reconstruct_flags == ("--axial_resolution", "6", "--resolution", "30")
    assert {row.rig.slice_um for row in rows} >= {100, 400}
    assert {row.anatomy for row in rows} == {"brain", "vessels", "layers"}


def test_drawn_faults():
    "Drawn faults lie on slices after the first, one each, and follow the seed."
    rig = plain_rig(ids=tuple(range(9)))
    one = draw_faults(rig, (4, 3), 3, 7)
    planted = [n for name in SAMPLE_FAULTS for n in getattr(one, name)]
    assert len(planted) == len(set(planted)) == 7
    assert 0 not in planted
    assert draw_faults(rig, (4, 3), 3, 7) == one
    assert draw_faults(rig, (4, 3), 4, 7) != one
    plan(even(), rig, Faults(galvo=one.galvo, glitch=one.glitch), 0)


SAMPLE_FAULTS = (
    "quality",
    "glitch",
    "rehome",
    "hidden_shift_um",
    "rotation_deg",
    "missing_tiles",
    "galvo",
)
