"""The command on a simulated stage: files, stamps, evidence from mosaics."""

import dataclasses
import json
from itertools import pairwise

import numpy as np
import pytest
from scipy import ndimage

from linumpy.cli import runtime
from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.errors import BadValue
from linumpy.io import diagnostics, omezarr, shifts, slice_config
from linumpy.preproc.rehoming import correct
from linumpy.preproc.stage_evidence import ImageShift, Limits
from linumpy.scripts.linum_detect_rehoming import COMMAND, Params

PIXEL_MM = 0.05
SIDE, GRID, STEP = 40, (3, 3), 32
DRIFT = {0: (0, 0), 1: (1, -1), 2: (2, 1), 3: (1, 2), 4: (0, 1), 6: (2, 0)}  # px (x, y)


def write_shifts(path, origins_px):
    rows = []
    ids = sorted(origins_px)
    for a, b in pairwise(ids):
        x, y = (q - p for p, q in zip(origins_px[a], origins_px[b], strict=True))
        rows.append(Shift(SliceId(a), SliceId(b), x, y, x * PIXEL_MM, y * PIXEL_MM, True))
    shifts.write(path, rows)


def anatomy(seed=0, n=130):
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[-1 : 1 : n * 1j, -1 : 1 : n * 1j]
    inside = 1 / (1 + np.exp((np.hypot(y, x) - 0.6) * 30))
    field = ndimage.gaussian_filter(rng.normal(size=(n, n)), 3)
    return (100 * inside * (1 + 0.4 * field / field.std()).clip(0.1)).astype(np.float32)


def write_mosaic(folder, number, brain, origin_px, rng, galvo="clean"):
    x0, y0 = origin_px
    shape = (3, GRID[0] * SIDE, GRID[1] * SIDE)
    tiles, places = {}, []
    for r in range(GRID[0]):
        for c in range(GRID[1]):
            y, x = 10 + y0 + r * STEP, 10 + x0 + c * STEP
            tile = brain[y : y + SIDE, x : x + SIDE]
            tiles[r, c] = tile * rng.gamma(10, 0.1, (3, SIDE, SIDE))
            step = STEP * PIXEL_MM
            places.append({"row": r, "col": c, "y_mm": r * step, "x_mm": c * step, "file": ""})
    attributes = {
        "slice_id": f"{number:02d}",
        "tile_shape": [3, SIDE, SIDE],
        "grid": list(GRID),
        "tiles": places,
        "galvo": galvo,
    }
    level = omezarr.Level(shape, Spacing(0.01, PIXEL_MM, PIXEL_MM), (3, SIDE, SIDE))
    path = folder / f"mosaic_grid_3d_z{number:02d}.ome.zarr"
    with omezarr.create(path, [level], attributes=attributes) as new:
        for (r, c), tile in tiles.items():
            new.array[:, r * SIDE : (r + 1) * SIDE, c * SIDE : (c + 1) * SIDE] = tile


@pytest.fixture(scope="module")
def mosaics(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mosaics")
    rng = np.random.default_rng(3)
    brain = anatomy()
    for number, origin in DRIFT.items():
        write_mosaic(folder, number, brain, origin, rng)
    return folder


def detect(folder, **params):
    given = Params(
        in_shifts=folder / "shifts_xy.csv",
        out_shifts=folder / "out" / "shifts_xy_clean.csv",
        slice_config_in=folder / "slice_config.csv",
        slice_config_out=folder / "out" / "slice_config.csv",
        **params,
    )
    COMMAND.run(given, runtime.make_job(COMMAND, given))
    return shifts.read(given.out_shifts), slice_config.read(given.slice_config_out)


@pytest.fixture
def folder(tmp_path):
    rows = {SliceId(n): slice_config.new_row(n, use=True) for n in DRIFT}
    slice_config.write(tmp_path / "slice_config.csv", rows)
    (tmp_path / "out").mkdir()
    return tmp_path


def stamped(rows):
    return {key: (row["rehomed"], row["rehoming_reliable"]) for key, row in rows.items()}


def test_a_stage_that_lost_its_place_is_put_right_by_the_tissue(folder, mosaics):
    "From slice 03 on the stage reports 30 px too little; the tissue did not move."
    reported = {n: (x - (30 if n >= 3 else 0), y) for n, (x, y) in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    fixed, rows = detect(folder, mosaics=mosaics)
    assert [row.moving for row in fixed] == ["01", "02", "03", "04", "06"]
    assert stamped(rows) == {
        "00": (False, None),
        "01": (False, True),
        "02": (False, True),
        "03": (True, True),
        "04": (False, True),
        "06": (False, True),
    }
    path = np.cumsum([(row.x_px, row.y_px) for row in fixed], axis=0)
    np.testing.assert_allclose(path, [DRIFT[n] for n in (1, 2, 3, 4, 6)], atol=0.5)


@pytest.mark.parametrize(
    ("galvo", "states"),
    [
        ("doubtful", {2: "doubtful"}),  # 01 and 03 vouch for the path behind it
        ("unexamined", dict.fromkeys(DRIFT, "unexamined")),
    ],
)
def test_a_sweep_that_may_be_rolled_does_not_move_a_slice(folder, caplog, galvo, states):
    "All content of 02 lies 10 px off along x, as a roll does it: the stage stays, and it is said."
    rng, brain = np.random.default_rng(3), anatomy()
    for number, (x, y) in DRIFT.items():
        origin = (x + 10, y) if number == 2 else (x, y)
        write_mosaic(folder, number, brain, origin, rng, states.get(number, "clean"))
    write_shifts(folder / "shifts_xy.csv", DRIFT)
    fixed, rows = detect(folder, mosaics=folder)
    assert not any(row["rehomed"] for row in rows.values())
    assert fixed == tuple(
        dataclasses.replace(row, reliable=galvo == "doubtful" or row.moving not in ("02", "03"))
        for row in shifts.read(folder / "shifts_xy.csv")
    )
    ids = ", ".join(f"{n:02d}" for n in states)
    assert f"galvo {galvo}: {ids}; their pictures do not overrule the stage" in caplog.text
    report = json.loads((folder / "out" / "rehoming_report.json").read_text())
    assert report["pictures_not_trusted"] == {f"{n:02d}": galvo for n in states}
    metrics = diagnostics.read_metrics(folder / "out" / "rehoming_detection_metrics.json")
    assert [text[:9] for text in metrics.warnings] == ["z01 → z02", "z02 → z03"]


def test_a_step_beside_a_doubtful_slice_is_seen_across_it(folder):
    "The stage loses 30 px at 02, whose picture counts for nothing; 01 and 03 say so."
    rng, brain = np.random.default_rng(3), anatomy()
    for number, origin in DRIFT.items():
        write_mosaic(folder, number, brain, origin, rng, "doubtful" if number == 2 else "clean")
    reported = {n: (x - (30 if n >= 2 else 0), y) for n, (x, y) in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    fixed, rows = detect(folder, mosaics=folder)
    assert [key for key, row in rows.items() if row["rehomed"]] == ["02"]
    path = np.cumsum([(row.x_px, row.y_px) for row in fixed], axis=0)
    np.testing.assert_allclose(path[2:], [DRIFT[n] for n in (3, 4, 6)], atol=0.6)


def test_a_glitch_flags_both_transitions(folder, mosaics):
    "Slice 02 is reported elsewhere: it and the next slice are flagged, and the path returns."
    reported = {
        n: (x + (17 if n == 2 else 0), y - (14 if n == 2 else 0)) for n, (x, y) in DRIFT.items()
    }
    write_shifts(folder / "shifts_xy.csv", reported)
    fixed, rows = detect(folder, mosaics=mosaics)
    assert [key for key, row in rows.items() if row["rehomed"]] == ["02", "03"]
    path = np.cumsum([(row.x_px, row.y_px) for row in fixed], axis=0)
    np.testing.assert_allclose(path[2:], [DRIFT[n] for n in (3, 4, 6)], atol=1e-3)
    np.testing.assert_allclose(path[1], DRIFT[2], atol=0.7)


def test_the_report_gives_the_same_decision(folder, mosaics):
    "A glitch of 01 and a lost place from 03 on, corrected again from rehoming_report.json alone."
    moved = {1: (40, -30), 3: (-30, 0), 4: (-30, 0), 6: (-30, 0)}
    reported = {n: tuple(np.add(at, moved.get(n, (0, 0)))) for n, at in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    fixed, rows = detect(folder, mosaics=mosaics)
    report = json.loads((folder / "out" / "rehoming_report.json").read_text())
    said = report["limits"]
    del said["contradiction_mm"]
    images, steps = {}, []
    for one in report["transitions"]:
        pair = SliceId(one["fixed_id"]), SliceId(one["moving_id"])
        x, y = one["stage_mm"]
        steps.append(Shift(*pair, x / PIXEL_MM, y / PIXEL_MM, x, y, one["grid_unchanged"]))
        if one["images"] is not None:
            images[pair] = ImageShift(**one["images"])
    for name, image in report["bridges"].items():
        first, last = name.split("-")
        images[SliceId(first), SliceId(last)] = ImageShift(**image)
    again, events = correct(steps, limits=Limits(**said), image_shifts=images)
    assert [(r.x_mm, r.y_mm, r.reliable) for r in again] == [
        (r.x_mm, r.y_mm, r.reliable) for r in fixed
    ]
    assert {event.moving for event in events} == {k for k, row in rows.items() if row["rehomed"]}
    assert [event.kind for event in events] == ["spike", "spike", "rehoming"]
    assert report["n_corrected"] == len(events)


def test_without_mosaics_the_pattern_decides(folder, caplog):
    "The spike goes; files, metrics and plot are there; ids of a gap are carried."
    reported = {n: (x + (17 if n == 2 else 0), y) for n, (x, y) in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    caplog.set_level("INFO")
    _, rows = detect(folder)
    assert [key for key, row in rows.items() if row["rehomed"]] == ["02", "03"]
    report = json.loads((folder / "out/rehoming_report.json").read_text())
    assert report["n_corrected"] == 2
    assert [one["moving_id"] for one in report["corrected_spikes"]] == ["02", "03"]
    assert report["corrected_tile_offsets"] == []
    assert (folder / "out/rehoming_plot.png").read_bytes().startswith(b"\x89PNG")
    metrics = diagnostics.read_metrics(folder / "out/rehoming_detection_metrics.json")
    assert metrics.number("n_spike_corrected") == 2
    assert "decided by the stage's pattern" in caplog.text


def test_a_common_step_is_said_without_the_field_of_view(folder, caplog):
    "Two steps by 35 px: 1.75 mm is named."
    reported = {n: (x + 35 * (n >= 2) + 35 * (n >= 6), y) for n, (x, y) in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    detect(folder)
    assert "pass --tile_fov_mm" in caplog.text
    report = json.loads((folder / "out/rehoming_report.json").read_text())
    assert report["common_step_mm"] == pytest.approx(1.75, abs=0.1)


def test_a_mosaic_that_cannot_be_read_leaves_it_to_the_pattern(folder, mosaics, tmp_path):
    "Two slices have no picture: their spike is found all the same."
    some = tmp_path / "some"
    some.mkdir()
    for number in (0, 4, 6):
        name = f"mosaic_grid_3d_z{number:02d}.ome.zarr"
        (some / name).symlink_to(mosaics / name)
    (some / "mosaic_grid_3d_z02.ome.zarr").mkdir()
    reported = {n: (x + (17 if n == 2 else 0), y) for n, (x, y) in DRIFT.items()}
    write_shifts(folder / "shifts_xy.csv", reported)
    _, rows = detect(folder, mosaics=some)
    assert [key for key, row in rows.items() if row["rehomed"]] == ["02", "03"]


def test_stamping_needs_both_ends(folder):
    "An input without an output is refused."
    write_shifts(folder / "shifts_xy.csv", DRIFT)
    given = Params(
        in_shifts=folder / "shifts_xy.csv",
        out_shifts=folder / "out.csv",
        slice_config_in=folder / "slice_config.csv",
    )
    with pytest.raises(BadValue, match="belong together"):
        COMMAND.run(given, runtime.make_job(COMMAND, given))


def test_a_slice_without_a_row_is_said_and_passed_over(folder, caplog):
    "The config knows fewer slices than the shifts."
    rows = {SliceId(n): slice_config.new_row(n, use=True) for n in (0, 1)}
    slice_config.write(folder / "slice_config.csv", rows)
    write_shifts(folder / "shifts_xy.csv", DRIFT)
    _, stamped_rows = detect(folder)
    assert list(stamped_rows) == ["00", "01"]
    assert "in the shifts but not in the config: 02, 03, 04, 06" in caplog.text
