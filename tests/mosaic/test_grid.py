"""From stage positions to layout: signs, origins, shifts, nominal positions."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from linumpy.core.acquisition import Acquisition, RawSlice, Tile, TileInfo
from linumpy.core.geometry import XY, StageSign
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, Suspicious, UnknownStageSign
from linumpy.mosaic import grid

FOV = 0.75


def tile(number, x, y, stage=None, **changes):
    sx, sy = stage or (None, None)
    info = {
        "nx": 30, "ny": 30, "nz": 4, "n_extra": 0, "n_repeat": 1,
        "width_um": 1000 * FOV, "height_um": 1000 * FOV, "stage_x_mm": sx, "stage_y_mm": sy,
    }  # fmt: skip
    folder = Path(f"z{number:02d}/tile_x{x:02d}_y{y:02d}_z{number:02d}")
    return Tile(SliceId(number), x, y, folder, TileInfo(**{**info, **changes}), ())


def acquisition(*slices):
    return Acquisition(
        {tiles[0].slice_id: RawSlice(tiles[0].slice_id, tuple(tiles)) for tiles in slices}
    )


def rectangle(number, *, sign=(1, 1), origin=(0.0, 0.0), columns=range(3), rows=range(2)):
    """Tiles at 0.6 mm whose content begins at ``origin`` in the frame u; stage = s · u."""
    return [
        tile(number, x, y, (
            sign[0] * (origin[0] + 0.6 * (x - columns[0]) + FOV / 2),
            sign[1] * (origin[1] + 0.6 * (y - rows[0]) + FOV / 2),
        ))
        for y in rows
        for x in columns
    ]  # fmt: skip


def extents(found, rig):
    return {key: grid.extent(raw, rig, stage_z_mm=None) for key, raw in found.slices.items()}


def shifts(found, **options):
    rig = grid.find_geometry(found, **options)
    return grid.pairwise_shifts(extents(found, rig), rig.lateral_um)


@pytest.mark.parametrize("sign", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_shifts_say_where_content_goes(sign):
    "Whatever the stage's sense: the second slice begins 0.1 mm further right, 0.2 mm further up."
    found = acquisition(
        rectangle(0, sign=sign, origin=(1.0, 2.0)), rectangle(1, sign=sign, origin=(1.1, 1.8))
    )
    assert grid.find_geometry(found).stage_sign == StageSign(*sign)
    (shift,) = shifts(found)
    assert (shift.x_mm, shift.y_mm) == pytest.approx((0.1, -0.2))
    assert (shift.x_px, shift.y_px) == pytest.approx((4.0, -8.0))
    assert shift.reliable is True


@pytest.mark.parametrize("sign", [1, -1])
def test_positions_are_never_negative(sign):
    "Tiles are placed from the mosaic's origin, in the frame where indices rise."
    found = acquisition(rectangle(4, sign=(sign, sign), origin=(-3.0, 5.0), columns=range(7, 9)))
    placed = grid.place_tiles(found.slices[SliceId(4)], grid.find_geometry(found))
    assert [(one.row, one.column) for one in placed] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    assert [one.x_mm for one in placed] == pytest.approx([0, 0.6, 0, 0.6])
    assert [one.y_mm for one in placed] == pytest.approx([0, 0, 0.6, 0.6])
    assert min(one.x_mm for one in placed) == 0


def test_extents_of_the_worked_numbers():
    "Domain facts A.3: centres 1.0, 1.6, 2.2 mm, width 0.75: 0.625 to 2.575 mm."
    found = acquisition([tile(0, x, 0, (1.0 + 0.6 * x, 0.0)) for x in range(3)])
    with pytest.warns(UnknownStageSign, match="one tile along y"):
        rig = grid.find_geometry(found)
    extent = grid.extent(found.slices[SliceId(0)], rig, stage_z_mm=None)
    assert (extent.origin_mm.x, extent.far_mm.x) == (0.625, 2.575)


def test_a_grown_grid_keeps_the_truth_of_the_stage():
    "A column more on the left: the origin moved by 0.6 mm, and the transition wants a look."
    found = acquisition(rectangle(0), rectangle(2, origin=(-0.6, 0.0), columns=range(4)))
    (shift,) = shifts(found)
    assert (shift.fixed, shift.moving) == ("00", "02")
    assert shift.x_mm == pytest.approx(-0.6)
    assert shift.reliable is False


@given(
    st.lists(st.tuples(st.floats(-5, 5), st.floats(-5, 5)), min_size=2, max_size=6),
    st.sampled_from([1, -1]),
    st.sampled_from([1, -1]),
)
def test_shifts_add_up_to_the_origins(origins, sx, sy):
    "Law: the sum of all shifts is the origin of the last slice against that of the first."
    found = acquisition(
        *(rectangle(3 * i, sign=(sx, sy), origin=origin) for i, origin in enumerate(origins))
    )
    found_shifts = shifts(found)
    assert sum(s.x_mm for s in found_shifts) == pytest.approx(
        origins[-1][0] - origins[0][0], abs=1e-7
    )
    assert sum(s.y_mm for s in found_shifts) == pytest.approx(
        origins[-1][1] - origins[0][1], abs=1e-7
    )


def test_a_glitch_does_not_turn_the_sign():
    "A slice whose stage reports 100 mm more still rises with the index."
    found = acquisition(rectangle(0), rectangle(1, origin=(100.0, 0.0)), rectangle(2))
    assert grid.find_geometry(found).stage_sign == StageSign(1, 1)


def test_one_slice_has_no_shift():
    "A single-slice acquisition is an acquisition."
    assert shifts(acquisition(rectangle(7))) == ()


def test_ids_from_100():
    "Order is by number, not by text."
    found = acquisition(rectangle(20), rectangle(100, origin=(0.3, 0.0)))
    (shift,) = shifts(found)
    assert (shift.fixed, shift.moving) == ("20", "100")


def test_one_column_needs_to_be_told():
    "The slope cannot be seen: +1 and a warning, or the flag."
    found = acquisition(rectangle(0, columns=range(1)), rectangle(1, columns=range(1)))
    with pytest.warns(UnknownStageSign, match="--stage_sign_x sets it"):
        rig = grid.find_geometry(found)
    assert (rig.stage_sign.x, rig.step_x_mm, rig.step_y_mm) == (1, None, 0.6)
    assert grid.find_geometry(found, sign_x=-1).stage_sign == StageSign(-1, 1)


def test_the_flag_overrides_the_slope():
    "A user who knows better is believed."
    assert grid.find_geometry(acquisition(rectangle(0)), sign_y=-1).stage_sign == StageSign(1, -1)


def test_nominal_positions():
    "Without stage keys tiles lie at index · fov · (1 − overlap), counted from index 0."
    found = acquisition([tile(0, x, 0) for x in range(2, 5)], [tile(1, x, 0) for x in range(1, 5)])
    (shift,) = shifts(found, overlap_fraction=0.2)
    assert shift.x_mm == pytest.approx(-0.6)
    rig = grid.find_geometry(found, overlap_fraction=0.1)
    assert (rig.overlap_fraction, rig.step_x_mm) == (0.1, pytest.approx(0.675))
    placed = grid.place_tiles(found.slices[SliceId(0)], rig)
    assert [one.x_mm for one in placed] == pytest.approx([0, 0.675, 1.35])


def test_vacant_places():
    "Where the tiles of their row and column lie; a column without any tile, a step from the next."
    raw = [tile(0, x, y, (0.6 * x + 0.01 * y, 0.6 * y)) for x, y in ((0, 0), (2, 0), (0, 1))]
    found = acquisition(raw)
    places = grid.vacant_mm(found.slices[SliceId(0)], grid.find_geometry(found))
    expected = [(0, 0.605), (0.6, 0.605), (0.6, 1.2)]
    assert len(places) == 3
    for place, wanted in zip(places, expected, strict=True):
        assert place == pytest.approx(wanted, abs=0.02)


def test_legacy_orientation_turns_the_field_of_view():
    "A-lines along Y: the width of a tile is its extent along Y."
    raw = [tile(0, x, y, (x, y), width_um=900, nx=30) for x in (0, 1) for y in (0, 1)]
    with pytest.warns(Suspicious, match="do not overlap"):
        rig = grid.find_geometry(acquisition(raw), orientation="up_left")
    assert rig.fov_mm == XY(0.75, 0.9)
    assert rig.lateral_um == XY(25, 30)


@pytest.mark.parametrize("changed", [{"nx": 31}, {"n_extra": 2}, {"width_um": 751.0}])
def test_slices_of_unlike_sampling(changed):
    "One acquisition has one lateral sampling; both headers are named."
    found = acquisition([tile(0, 0, 0, (0, 0))], [tile(1, 0, 0, (0, 0), **changed)])
    with pytest.raises(BadFile, match=rf"slices 00 and 01 differ in {next(iter(changed))}.*z01/"):
        grid.find_geometry(found)


def test_stage_keys_in_some_slices_only():
    "Stage and nominal positions have no common origin."
    found = acquisition([tile(0, 0, 0, (0, 0))], [tile(1, 0, 0)])
    with pytest.raises(BadFile, match="differ in stage_x_mm"):
        grid.find_geometry(found)


def test_a_stage_that_does_not_move():
    "Such headers cannot place tiles; all would lie on one another."
    found = acquisition([tile(0, x, 0, (1.0, 0.0)) for x in range(3)])
    with pytest.raises(BadFile, match="stage_x_pos_mm changes by 0 mm per tile"):
        grid.find_geometry(found)


def test_a_slice_that_runs_against_the_others():
    "It is named; a majority does not overrule it silently."
    found = acquisition(rectangle(0), rectangle(1), rectangle(5, sign=(-1, 1)))
    with pytest.raises(BadFile, match="stage_x_pos_mm of slice 05 runs against"):
        grid.find_geometry(found)
