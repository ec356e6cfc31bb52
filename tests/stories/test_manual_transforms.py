"""One bad slice by hand: it lies right, and only what depends on it is done again.

What is planted are shifts and a turn that the stage does not report, and no registration counts;
the truth file gives the corrections that undo them, in the signs of a transform by hand.
"""

import csv
import dataclasses

import pytest

from linumpy.core.slice_id import SliceId
from linumpy.io import history, manual
from linumpy.io.manual import Transform
from linumpy.synth import Faults, plan, preset
from tests.conftest import write_acquisition
from tests.stories.driver_runs import FLAGS, Run

pytestmark = pytest.mark.story
HEADER = "slice_id,dx_um,dy_um,rotation_deg,note\n"
STACKED = {"stack", "normalize_z_intensity"}
PLANTED = {
    "to larger columns": Faults(hidden_shift_um={2: (150.0, 0.0)}),
    "to smaller columns": Faults(hidden_shift_um={2: (-150.0, 0.0)}),
    "to larger rows": Faults(hidden_shift_um={2: (0.0, 150.0)}),
    "to smaller rows": Faults(hidden_shift_um={2: (0.0, -150.0)}),
    "clockwise": Faults(rotation_deg={2: 12.0}),
    "anticlockwise": Faults(rotation_deg={2: -12.0}),
    "all at once": Faults(hidden_shift_um={2: (120.0, -90.0)}, rotation_deg={2: 8.0}),
}


def agreement(run):
    "How well slice 02 agrees with the one above it, in their overlap."
    with (run.out / "stack" / "stacking_decisions.csv").open(newline="") as table:
        return {row["slice_id"]: float(row["correlation"]) for row in csv.DictReader(table)}["02"]


@pytest.mark.parametrize("name", PLANTED)
def test_the_signs_are_those_of_the_picture(name, tmp_path, inline):
    "By the planted correction the slice agrees with its neighbour, by its opposite less than ever."
    faults = PLANTED[name]
    chosen = preset("tiny")
    scene = chosen.scene()
    rig = dataclasses.replace(chosen.rig, image_depth_um=500.0)  # neighbours overlap in depth
    raw = write_acquisition(tmp_path / "raw", scene, plan(scene, rig, faults, 0)).raw
    run = Run(raw, tmp_path / "out", (*FLAGS, "--confidence_low", 1))
    assert run.go() == 0
    before = agreement(run)
    dx, dy = faults.hidden_shift_um.get(2, (0.0, 0.0))
    angle = faults.rotation_deg.get(2, 0.0)
    path = tmp_path / "by_hand.csv"
    found = {}
    for sign in (1, -1):
        path.write_text(f"{HEADER}02,{sign * dx},{sign * dy},{sign * angle},planted\n")
        assert run.go("--manual_transforms", path) == 0
        found[sign] = agreement(run)
    assert found[1] > 0.8
    assert found[1] > before + 0.1
    assert found[-1] < before


def test_only_what_depends_on_it_is_done_again(run, tmp_path):
    "The note, auto-exclusion, the stack and what follows; without the flag all is as it was."
    before = run.volume_bytes()
    path = tmp_path / "by_hand.csv"
    path.write_text(f"{HEADER}02,60,-20,1.5,by eye\n")
    flag = ("--manual_transforms", path)
    assert run.redone(*flag) == {"note_manual_transforms", "auto_exclude_slices", *STACKED}
    assert run.redone(*flag) == set()
    path.write_text(f"{HEADER}02,60,-20,1.4,by eye\n")
    assert run.redone(*flag) == {"note_manual_transforms", "auto_exclude_slices", *STACKED}
    assert run.redone() == {"auto_exclude_slices", *STACKED}
    assert run.volume_bytes() == before


def test_record_history_and_tables_say_it(run, tmp_path):
    "The note with its numbers, who wrote it, and the stack's decision; other slices have no note."
    path = tmp_path / "by_hand.csv"
    path.write_text(f"{HEADER}2,60,-20,1.5,by eye\n")
    run.redone("--manual_transforms", path)
    said = "manual_transform (dx 60 µm, dy -20 µm, 1.5°): by eye"
    assert [row["notes"] for row in run.final.values()] == ["", "", said, ""]
    changes = history.read(run.out / "slice_config_final.csv")
    (change,) = (c for c in changes if c.column == "notes" and c.slice == "02")
    assert change.command == "linum_note_manual_transforms.py"
    with (run.out / "stack" / "stacking_decisions.csv").open(newline="") as table:
        decided = {row["slice_id"]: row["manual_override"] for row in csv.DictReader(table)}
    assert decided == {"01": "false", "02": "true", "03": "false"}
    used = manual.read(run.out / "stack" / "transforms.csv")["02"]
    assert used.motion.dx_um == pytest.approx(60, abs=0.5)
    assert used.motion.dy_um == pytest.approx(-20, abs=0.5)
    assert used.motion.rotation_deg == pytest.approx(1.5, abs=0.01)


def test_a_row_is_copied_and_edited(run, tmp_path):
    "What the run found, given back, leaves the slices where they are; edited, it moves one."
    path = run.out / "stack" / "transforms.csv"
    found = manual.read(path)
    mine = tmp_path / "by_hand.csv"
    manual.write(mine, {key: found[key] for key in ("02",)})
    run.redone("--manual_transforms", mine)
    again = manual.read(path)
    for key, one in found.items():
        assert again[key].motion.dx_um == pytest.approx(one.motion.dx_um, abs=1.0)
        assert again[key].motion.dy_um == pytest.approx(one.motion.dy_um, abs=1.0)
    motion = dataclasses.replace(found["02"].motion, dx_um=found["02"].motion.dx_um + 100)
    manual.write(mine, {SliceId(2): Transform(motion)})
    run.redone("--manual_transforms", mine)
    moved = manual.read(path)["02"].motion
    assert moved.dx_um == pytest.approx(motion.dx_um, abs=0.5)


def test_it_is_noted_with_auto_exclusion_off(run, tmp_path):
    path = tmp_path / "by_hand.csv"
    path.write_text(f"{HEADER}02,60,0,0,\n")
    run.redone("--manual_transforms", path, "--no_auto_exclude_enabled")
    assert run.final["02"]["notes"].startswith("manual_transform")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ("02,x,0,0,\n", "line 2"),
        ("02,1,0,0,\n2,1,0,0,\n", "already"),
        ("09,1,0,0,\n", "slice_id 09: no such slice in this run"),
    ],
)
def test_a_file_that_cannot_be_right_ends_it_before_anything_runs(
    run, tmp_path, capsys, rows, words
):
    "Exit code 2, and OUT is as it was."
    path = tmp_path / "by_hand.csv"
    path.write_text(HEADER + rows)
    before = run.volume_bytes()
    assert run.go("--manual_transforms", path) == 2
    assert words in capsys.readouterr().err
    assert run.volume_bytes() == before
