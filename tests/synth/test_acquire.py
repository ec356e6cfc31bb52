"""What the renderer writes is what the rig's format and the truth say."""

import itertools

import numpy as np
import pytest

from linumpy.synth import Faults, plan, preset, render, simulate, vessels
from tests.synth.plain import MARK_MM, even, marked, plain_rig


def tiles_of(scene, rig, faults=None, seed=0, workers=1):
    return {
        (one.truth.number, tile.column, tile.row): tile
        for one in simulate(scene, rig, faults or Faults(), seed, workers=workers)
        for tile in one.tiles
    }


def pixels(tile):
    """Kept A-lines as (z, y, x)."""
    return tile.pixels[:, : tile.info.nx].transpose(0, 2, 1)


def mean_lines(tile):
    return tile.pixels.mean(axis=(0, 2))


@pytest.fixture(scope="module")
def tiny():
    """The preset and its anatomy, grown once."""
    chosen = preset("tiny")
    return chosen, chosen.scene()


def test_same_seed_same_bytes_at_any_number_of_workers(tiny):
    "The seed decides every byte; workers and order do not."
    chosen, scene = tiny
    one = tiles_of(scene, chosen.rig, chosen.faults, chosen.seed)
    other = tiles_of(scene, chosen.rig, chosen.faults, chosen.seed, workers=3)
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[place].pixels, other[place].pixels) for place in one)
    assert [tile.info for tile in one.values()] == [tile.info for tile in other.values()]


def test_another_seed_gives_other_bytes(tiny):
    "Noise and jitter follow the seed."
    chosen, scene = tiny
    one = tiles_of(scene, chosen.rig, seed=1)
    other = tiles_of(scene, chosen.rig, seed=2)
    assert not np.array_equal(one[0, 0, 0].pixels, other[0, 0, 0].pixels)
    assert one[0, 0, 0].info.stage_x_mm != other[0, 0, 0].info.stage_x_mm


def test_tiles_do_not_depend_on_other_tiles(tiny):
    "Leaving a tile out moves no random number of another."
    chosen, scene = tiny
    whole = tiles_of(scene, chosen.rig, seed=1)
    less = tiles_of(scene, chosen.rig, Faults(missing_tiles={1: ((0, 0),)}), seed=1)
    assert set(whole) - set(less) == {(1, 0, 0)}
    assert all(np.array_equal(whole[place].pixels, less[place].pixels) for place in less)


def test_format():
    "Pixels are float32, column-major, depth × (nx + n_extra) × frames, never negative."
    rig = plain_rig(n_repeat=2, noise=2.0, looks=4.0)
    tile = tiles_of(even(), rig)[0, 0, 0]
    assert tile.pixels.shape == (20, 30, 40)
    assert tile.pixels.dtype == np.float32
    assert tile.pixels.flags.f_contiguous
    assert tile.pixels.min() >= 0
    assert tile.name == "tile_x00_y00_z00"
    assert (tile.info.nx, tile.info.ny, tile.info.nz) == (24, 20, 20)
    assert (tile.info.n_extra, tile.info.n_repeat) == (6, 2)
    assert (tile.info.width_um, tile.info.height_um) == (480, 400)
    assert tile.info.axial_um is None
    # repeats of one B-scan share the anatomy, not the speckle
    assert not np.array_equal(tile.pixels[:, :, 0], tile.pixels[:, :, 1])


def test_tiles_come_one_at_a_time():
    "A tile is rendered when it is asked for, apart from the one that is in work."
    asked = []
    scene = even()
    rig = plain_rig(ids=(0,))

    def sample(z, y, x):
        asked.append(1)
        return scene.sampler(z, y, x)

    slices = simulate(type(scene)(sample, scene.size_mm), rig)
    assert not asked
    tiles = next(slices).tiles
    assert not asked
    next(tiles)
    assert asked


@pytest.mark.parametrize("sign", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_stage_positions_are_tile_centres(sign):
    "u = s · stage is the tile's centre; neighbours are one step apart, whatever the sense."
    rig = plain_rig(stage_sign_x=sign[0], stage_sign_y=sign[1], stage_zero_mm=(7.0, -3.0, 1.0))
    tiles = tiles_of(even(), rig)
    for (number, column, row), tile in tiles.items():
        x = sign[0] * (tile.info.stage_x_mm - 7.0)
        y = sign[1] * (tile.info.stage_y_mm + 3.0)
        assert x == pytest.approx(-0.1 + column * 0.384 + 0.24, abs=1e-5)
        assert y == pytest.approx(-0.1 + row * 0.32 + 0.2, abs=1e-5)
        assert tile.info.stage_z_mm == pytest.approx(1.0 + 0.2 * number)


def find_mark_mm(tiles, number):
    """Centroid of the bright mark, by the stage position of the tile that has it in its middle."""
    planes = {
        place: np.clip(pixels(tile)[6:].mean(axis=0) - 45, 0, None)
        for place, tile in tiles.items()
        if place[0] == number
    }
    middle = (slice(7, 13), slice(8, 16))
    place = max(planes, key=lambda place: planes[place][middle].sum() - planes[place].sum() / 4)
    plane, info = planes[place], tiles[place].info
    y, x = np.mgrid[: plane.shape[0], : plane.shape[1]] + 0.5
    where = np.array([(plane * x).sum(), (plane * y).sum()]) / plane.sum() * 0.02
    return where + np.array([info.stage_x_mm - 0.24, info.stage_y_mm - 0.2])


def test_content_lies_where_the_stage_says():
    "A mark of the anatomy is found at its place through the stage positions."
    rig = plain_rig(ids=(0,), overlap=0.7, jitter_um=15)
    found = find_mark_mm(tiles_of(marked(), rig), 0)
    assert found == pytest.approx(MARK_MM, abs=0.003)


def test_hidden_motion_is_undone_by_the_truth():
    "What is seen at a stage position belongs at R(θ)(p − c) + c + h."
    faults = Faults(rotation_deg={1: 4.0}, hidden_shift_um={1: (60.0, -40.0)})
    rig = plain_rig(overlap=0.7)
    scene = marked()
    seen = find_mark_mm(tiles_of(scene, rig, faults), 1)
    one = plan(scene, rig, faults, 0).slices["01"]
    assert np.hypot(*(seen - MARK_MM)) > 0.05
    assert one.anatomy_from_stage(*seen, scene.centre_xy_mm) == pytest.approx(MARK_MM, abs=0.005)


def test_rotation_is_positive_from_x_towards_y():
    "The correction of a point right of the centre moves it to larger y."
    one = plan(even(), plain_rig(), Faults(rotation_deg={1: 10.0}), 0).slices["01"]
    x, y = one.anatomy_from_stage(1.0, 0.0, (0.0, 0.0))
    assert (x, y) == pytest.approx((np.cos(np.radians(10)), np.sin(np.radians(10))))


def test_depth():
    "Tissue begins at the water depth; deeper samples show deeper anatomy."
    scene = even()

    def ramp(z, y, x):
        return (0.2 + z + 0 * y + 0 * x).astype(np.float32)

    tile = tiles_of(type(scene)(ramp, scene.size_mm), plain_rig(water_um=45))[1, 1, 1]
    line = pixels(tile)[:, 10, 10]
    assert np.all(line[:4] == 0)
    assert line[4] == pytest.approx(0.5 * 100 * 0.4, abs=0.3)  # half water, half tissue
    depth_mm = (np.arange(6, 20) + 0.5) * 0.010 - 0.045
    assert line[6:] == pytest.approx(100 * (0.2 + 0.2 + depth_mm), rel=0.01)


def test_calibration_slices_are_thick():
    "A calibration slice has twice the depth samples; the others do not."
    tiles = tiles_of(even(), plain_rig(), Faults(calibration=(0,)))
    assert tiles[0, 0, 0].info.nz == 40
    assert tiles[1, 0, 0].info.nz == 20


def test_galvo_roll_is_undone_by_the_planted_roll():
    "np.roll by the planted roll gives the sweep of the flawless acquisition, band at the end."
    faults = Faults(galvo={1: (11, 0.5), 2: (29, 1.8)})
    rig = plain_rig(looks=3.0)
    clean, rolled = tiles_of(marked(), rig), tiles_of(marked(), rig, faults)
    dark, bright = rolled[1, 1, 1], rolled[2, 1, 1]
    assert np.array_equal(np.roll(dark.pixels, 11, axis=1), clean[1, 1, 1].pixels)
    undone = np.roll(bright.pixels, 29, axis=1)
    assert np.array_equal(undone[:, :24], clean[2, 1, 1].pixels[:, :24])
    assert undone[:, 24:].mean() == pytest.approx(
        clean[2, 1, 1].pixels[:, 24:].mean() * 1.8 / 0.5, rel=1e-5
    )
    start = (30 - 11 - 6) % 30  # N − s − n
    lines = mean_lines(dark)
    assert lines[start : start + 6].max() < 0.8 * np.delete(lines, range(start, start + 6)).min()


def test_the_fly_back_retraces_the_sweep():
    "Fly-back A-lines run backwards over the sweep."
    lines = mean_lines(tiles_of(marked(), plain_rig())[1, 1, 1])
    sweep = lines[:24].reshape(6, 4).mean(axis=1)
    assert lines[24:] == pytest.approx(0.5 * sweep[::-1], rel=0.1)


def test_glitch_and_rehoming_move_the_report_only():
    "A stage fault changes what the stage says, from its slice on or there alone, and no pixel."
    faults = Faults(glitch={1: (0.3, -0.2)}, rehome={2: (-0.48, 0.0)})
    clean, wrong = tiles_of(marked(), plain_rig()), tiles_of(marked(), plain_rig(), faults)
    errors = {0: (0.0, 0.0), 1: (0.3, -0.2), 2: (-0.48, 0.0)}
    for place, tile in wrong.items():
        assert np.array_equal(tile.pixels, clean[place].pixels)
        assert tile.info.stage_x_mm - clean[place].info.stage_x_mm == pytest.approx(
            errors[place[0]][0]
        )
        assert tile.info.stage_y_mm - clean[place].info.stage_y_mm == pytest.approx(
            errors[place[0]][1]
        )


def test_growth_adds_tiles_and_keeps_the_others_in_place():
    "A column on the left shifts indices, not stage positions."
    faults = Faults(growth={1: (1, 0, 0, 1)})
    clean, grown = tiles_of(marked(), plain_rig()), tiles_of(marked(), plain_rig(), faults)
    columns = {number: max(p[1] for p in grown if p[0] == number) for number in (0, 1, 2)}
    rows = {number: max(p[2] for p in grown if p[0] == number) for number in (0, 1, 2)}
    assert columns[1] == columns[2] == columns[0] + 1
    assert rows[1] == rows[2] == rows[0] + 1
    same, other = clean[1, 0, 0], grown[1, 1, 0]
    assert other.info.stage_x_mm == pytest.approx(same.info.stage_x_mm)
    assert np.allclose(other.pixels, same.pixels, atol=1e-3)


def test_missing_slices_and_ids():
    "Slices that are left out do not come; the anatomy goes on below them."
    rig = plain_rig(ids=(98, 99, 101, 102))
    slices = list(render(even(), plan(even(), rig, Faults(missing=(99,)), 0)))
    assert [one.slice_id for one in slices] == ["98", "101", "102"]
    assert [one.truth.z_mm for one in slices] == pytest.approx([0.0, 0.6, 0.8])


def test_the_axial_value_that_is_written_may_be_wrong():
    "info.txt says what it is told to say; the pixels are of the true sampling."
    right, wrong = plain_rig(), plain_rig(axial_written_um=12.0)
    one, other = tiles_of(marked(), right)[0, 0, 0], tiles_of(marked(), wrong)[0, 0, 0]
    assert (one.info.axial_um, other.info.axial_um) == (None, 12.0)
    assert np.array_equal(one.pixels, other.pixels)


def test_unreported_jitter_moves_the_content_only():
    "The stage says the nominal place; the truth says by how much it is wrong."
    rig = plain_rig(unreported_jitter_um=30, backlash_um=20)
    truth = plan(marked(), rig, Faults(), 3)
    for number, tiles in itertools.groupby(tiles_of(marked(), rig, seed=3), key=lambda p: p[0]):
        assert {p[1:] for p in tiles} == set(truth.slices[f"{number:02d}"].tile_truths)
    nominal = tiles_of(marked(), plain_rig(), seed=3)
    for (number, *place), tile in tiles_of(marked(), rig, seed=3).items():
        assert tile.info.stage_x_mm == pytest.approx(nominal[number, *place].info.stage_x_mm)
        one = truth.slices[f"{number:02d}"].tile_truths[tuple(place)]
        assert one.origin_mm[0] + one.error_mm[0] + 0.24 == pytest.approx(
            tile.info.stage_x_mm, abs=1e-5
        )
    errors = [t.error_mm for s in truth.slices.values() for t in s.tile_truths.values()]
    assert 0.02 < np.std(errors) < 0.045


def test_flawless_rig_shows_the_anatomy():
    "With every effect off, a voxel is brightness × reflectivity."
    scene = vessels((0.8, 0.8, 1.1), 3)
    rig = plain_rig(ids=(0,), overlap=0.0)
    tile = tiles_of(scene, rig)[0, 0, 0]
    x, y = tile.info.stage_x_mm - 0.24, tile.info.stage_y_mm - 0.2
    z_mm = (np.arange(8, 20) + 0.5) * 0.01 - 0.04
    wanted = 100 * scene.on_axes(
        z_mm, y + (np.arange(20) + 0.5) * 0.02, x + (np.arange(24) + 0.5) * 0.02
    )
    assert np.corrcoef(wanted.ravel(), pixels(tile)[8:].ravel())[0, 1] > 0.97
