"""Mosaic grids: every pixel in its place, the galvo decision as recorded, clear refusals."""

import json

import numpy as np
import pytest

from linumpy.core import tile_orientation
from linumpy.core.acquisition import TileInfo
from linumpy.io import galvo_json, omezarr, slice_config, tiles
from linumpy.scripts import linum_estimate_xy_shift_from_metadata as estimate
from linumpy.scripts.linum_create_mosaic_grid_3d import COMMAND

NX, NY, NZ, N_EXTRA = 24, 16, 4, 8


@pytest.fixture
def call(capsys):
    def run(*argv, command=COMMAND):
        with pytest.raises(SystemExit) as ended:
            command.main([str(arg) for arg in argv])
        return ended.value.code, capsys.readouterr().err

    return run


def write_tiles(root, number=3, *, roll=0, places=None, sign=1, first=(2, 5), **changes):
    """Tiles of noise by place (row, column); returns their kept pixels as (z, y, x)."""
    rng = np.random.default_rng(number)
    kept = {}
    for row, column in places or [(r, c) for r in range(2) for c in range(3)]:
        values = {
            "nx": NX, "ny": NY, "nz": NZ, "n_extra": N_EXTRA, "n_repeat": 1,
            "width_um": 480.0, "height_um": 320.0, "stage_x_mm": sign * (0.4 * column + 9),
            "stage_y_mm": sign * (0.25 * row - 3), "stage_z_mm": 0.2 * number, "axial_um": 4.0,
        }  # fmt: skip
        info = TileInfo(**{**values, **changes})
        pixels = rng.gamma(4.0, 30.0, (info.nz, NX + info.n_extra, NY)).astype(np.float32)
        pixels[:, NX:] *= 0.3
        kept[row, column] = pixels[:, :NX].transpose(0, 2, 1)
        name = f"tile_x{column + first[1]:02d}_y{row + first[0]:02d}_z{number:02d}"
        tiles.write_tile(root / f"z{number:02d}" / name, np.roll(pixels, -roll, axis=1), info)
    return kept


def make(call, tmp_path, *argv, slice_id=3):
    out = tmp_path / "mosaic_grid_3d_z03.ome.zarr"
    code, said = call(out, "--from_root_directory", tmp_path / "raw", "--slice", slice_id, *argv)
    return out, code, said


def check_pixels(out, kept, grid=(2, 3)):
    volume = omezarr.open_volume(out)
    assert volume.array.shape == (NZ, grid[0] * NY, grid[1] * NX)
    assert volume.array.chunks == (NZ, NY, NX)
    mosaic = omezarr.read_block(volume)
    for row in range(grid[0]):
        for column in range(grid[1]):
            place = mosaic[:, row * NY : (row + 1) * NY, column * NX : (column + 1) * NX]
            np.testing.assert_array_equal(place, kept.get((row, column), 0))
    return volume


@pytest.mark.parametrize("factor", [1, 2, 5])
def test_every_pixel_is_in_its_place(call, tmp_path, factor):
    "Row = tile y, column = tile x, counted from the smallest; a missing tile stays 0."
    places = [(0, 0), (0, 1), (1, 0), (1, 2)]
    kept = write_tiles(tmp_path / "raw", places=places)
    out, code, _ = make(call, tmp_path, "--sharding_factor", factor, "--workers", 2)
    assert code == 0
    volume = check_pixels(out, kept)
    assert volume.spacing.zyx_um == pytest.approx((4.0, 20.0, 20.0))
    found = volume.attributes
    assert found["kind"] == "mosaic_grid"
    assert (found["slice_id"], found["grid"], found["tile_shape"]) == ("03", [2, 3], [NZ, NY, NX])
    assert (found["n_extra"], found["galvo_shift_px"]) == (N_EXTRA, 0)
    last = found["tiles"][-1]
    assert (last["row"], last["col"]) == (1, 2)
    assert (last["x_mm"], last["y_mm"]) == pytest.approx((0.8, 0.25))
    assert last["file"] == "z03/tile_x07_y03_z03"


def test_workers_change_nothing(call, tmp_path):
    "The same bytes from one worker and from three."
    write_tiles(tmp_path / "raw")
    files = []
    for workers in (1, 3):
        out, code, _ = make(call, tmp_path, "--workers", workers, "-f")
        assert code == 0
        files.append({p.relative_to(out): p.read_bytes() for p in out.rglob("*") if p.is_file()})
    assert files[0] == files[1]


def test_from_a_list_of_tiles(call, tmp_path):
    "The tiles themselves, instead of a folder and an id."
    kept = write_tiles(tmp_path / "raw")
    folders = sorted((tmp_path / "raw").rglob("tile_*"))
    out = tmp_path / "m.ome.zarr"
    assert call(out, "--from_tiles_list", *folders)[0] == 0
    check_pixels(out, kept)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_acquisition_file_carries_sign_and_interval(call, tmp_path, sign):
    "One slice of one column cannot know them; the whole acquisition does."
    kept = write_tiles(tmp_path / "raw", 3, places=[(0, 0), (1, 0)], sign=sign)
    write_tiles(tmp_path / "raw", 4, sign=sign)
    shifts = tmp_path / "shifts_xy.csv"
    assert call(tmp_path / "raw", shifts, command=estimate.COMMAND)[0] == 0
    out, code, _ = make(call, tmp_path, "--acquisition", tmp_path / "acquisition.json")
    assert code == 0
    found = check_pixels(out, kept, (2, 1)).attributes
    assert found["stage_sign"] == {"x": sign, "y": sign}
    assert found["slicing_interval_mm"] == 0.2
    _, code, said = make(
        call, tmp_path, "--acquisition", tmp_path / "acquisition.json", "--legacy_orientation", "-f"
    )
    assert code == 2
    assert "was made with tiles right_down" in said


def test_legacy_orientation(call, tmp_path):
    "Each tile is anti-transposed; the sampling turns with it."
    kept = write_tiles(tmp_path / "raw", places=[(0, 0), (0, 1), (1, 0)], height_um=640.0)
    out, code, _ = make(call, tmp_path, "--legacy_orientation")
    assert code == 0
    volume = omezarr.open_volume(out)
    assert volume.array.chunks == (NZ, NX, NY)
    assert volume.spacing.zyx_um == pytest.approx((4.0, 20.0, 40.0))
    block = omezarr.read_block(volume)[:, :NX, NY : 2 * NY]
    np.testing.assert_array_equal(block, kept[0, 1][:, ::-1, ::-1].transpose(0, 2, 1))


@pytest.mark.filterwarnings("ignore:tiles are:linumpy.errors.Suspicious")  # when turned
@pytest.mark.parametrize("orientation", tile_orientation.ALL)
def test_each_orientation_lays_the_tiles(call, tmp_path, orientation):
    "The pixels of a place are the raw tile, turned and mirrored as the flag says."
    kept = write_tiles(tmp_path / "raw", places=[(0, 0), (0, 1), (1, 0)])
    out, code, _ = make(call, tmp_path, "--tile_orientation", orientation)
    assert code == 0
    turned = tile_orientation.to_zyx(kept[0, 1].transpose(0, 2, 1), orientation)
    _, ny, nx = turned.shape
    block = omezarr.read_block(omezarr.open_volume(out))[:, :ny, nx : 2 * nx]
    np.testing.assert_array_equal(block, turned)


def test_repeated_frames_and_several_files(call, tmp_path):
    "Averaged and joined on the way."
    rng = np.random.default_rng(0)
    info = TileInfo(NX, NY, NZ, 0, 2, 480.0, 320.0, axial_um=4.0)
    pixels = rng.random((NZ, NX, 2 * NY), dtype=np.float32)
    tiles.write_tile(tmp_path / "raw" / "tile_x00_y00_z03", pixels, info, n_files=3)
    out, code, _ = make(call, tmp_path)
    assert code == 0
    mean = (pixels[..., ::2] + pixels[..., 1::2]).transpose(0, 2, 1) / 2
    np.testing.assert_allclose(omezarr.read_block(omezarr.open_volume(out)), mean, rtol=1e-6)


def record(tmp_path, number=3, *, fix, confidence=0.9):
    path = tmp_path / "slice_config.csv"
    row = slice_config.new_row(slice_config.SliceId(number), use=True)
    rows = slice_config.stamp(
        {slice_config.SliceId(number): row},
        number,
        {"galvo_fix": fix, "galvo_confidence": confidence},
    )
    slice_config.write(path, rows)
    return path


def evidence(folder, number=3, **changes):
    folder.mkdir(exist_ok=True)
    found = {"n_extra": N_EXTRA, "shift_px": 5, "candidate_shift_px": 5, **changes}
    key = slice_config.SliceId(number)
    galvo_json.write(folder / galvo_json.file_name(slice_config.SliceId(3)), key, found)
    return folder


@pytest.mark.parametrize("where", ["file", "folder", "beside"])
def test_the_recorded_roll_is_applied(call, tmp_path, where):
    "As decided, wherever the JSON lies; nothing is detected again."
    kept = write_tiles(tmp_path / "raw", roll=5)
    config = record(tmp_path, fix=True)
    folder = evidence(tmp_path / "galvo" if where == "beside" else tmp_path / "g")
    given = {"file": [folder / "slice_z03_galvo.json"], "folder": [folder], "beside": []}[where]
    flags = ["--galvo_json", *given] if given else []
    out, code, _ = make(call, tmp_path, "--slice_config", config, *flags)
    assert code == 0
    assert check_pixels(out, kept).attributes["galvo_shift_px"] == 5


def test_a_users_fix_takes_the_best_candidate(call, tmp_path):
    "galvo_fix=true set by hand where the detector saw nothing."
    kept = write_tiles(tmp_path / "raw", roll=9)
    evidence(tmp_path / "galvo", shift_px=0, candidate_shift_px=9)
    out, code, _ = make(call, tmp_path, "--slice_config", record(tmp_path, fix=True))
    assert code == 0
    check_pixels(out, kept)


def test_no_recorded_fix_no_roll(call, tmp_path):
    "galvo_fix=false stands, even where a return is plainly inside."
    kept = write_tiles(tmp_path / "raw", roll=9)
    out, code, _ = make(call, tmp_path, "--slice_config", record(tmp_path, fix=False))
    assert code == 0
    assert omezarr.open_volume(out).attributes["galvo_shift_px"] == 0
    with pytest.raises(AssertionError):
        check_pixels(out, kept)


def test_without_a_record_it_decides_itself(call, tmp_path):
    "Or is told not to."
    kept = write_tiles(tmp_path / "raw", roll=9)
    out, code, _ = make(call, tmp_path)
    assert code == 0
    check_pixels(out, kept)
    out, code, _ = make(call, tmp_path, "--no-fix_galvo_shift", "-f")
    assert omezarr.open_volume(out).attributes["galvo_shift_px"] == 0


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (None, "slice_z03_galvo.json: no such file, and slice 03 has galvo_fix=true"),
        ({"number": 4}, "is of slice 04 with n_extra=8; slice 03"),
        ({"n_extra": 7}, "is of slice 03 with n_extra=7; slice 03 with n_extra=8 is needed"),
        ({"shift_px": None}, "not the galvo evidence of a slice"),
    ],
)
def test_a_fix_that_cannot_be_applied(call, tmp_path, changes, message):
    "galvo_fix=true with an unfixed mosaic cannot happen."
    write_tiles(tmp_path / "raw")
    if changes is not None:
        evidence(tmp_path / "galvo", **changes)
    out, code, said = make(call, tmp_path, "--slice_config", record(tmp_path, fix=True))
    assert code == 2
    assert message in said
    assert not out.exists()


def test_a_slice_that_is_not_in_the_record(call, tmp_path):
    "Named, with what to do."
    write_tiles(tmp_path / "raw")
    _, code, said = make(call, tmp_path, "--slice_config", record(tmp_path, 8, fix=False))
    assert (code, "has no row for slice 03" in said) == (2, True)


@pytest.mark.parametrize(
    ("header_um", "flag_um", "message"),
    [
        (None, None, "the axial sampling is unknown: no --axial_resolution"),
        (4.0, 4.1, "is 4.1 µm by --axial_resolution, 4 µm by"),
        (4.0, 4.03, None),
        (None, 3.0, None),
    ],
)
def test_axial_sampling_is_never_assumed(call, tmp_path, header_um, flag_um, message):
    "The flag, the key, or a refusal that explains tissue and air."
    write_tiles(tmp_path / "raw", axial_um=header_um)
    flags = [] if flag_um is None else ["--axial_resolution", flag_um]
    out, code, said = make(call, tmp_path, *flags)
    if message is None:
        assert code == 0
        assert omezarr.open_volume(out).spacing.z_mm == pytest.approx(flag_um / 1000)
        return
    assert code == 2
    assert message in said
    assert "air" in said
    assert "÷ refractive index" in said or "÷ the refractive index" in said


def test_which_tiles(call, tmp_path):
    "One of the two ways, and one slice."
    write_tiles(tmp_path / "raw")
    write_tiles(tmp_path / "raw", 105)
    out = tmp_path / "m.ome.zarr"
    assert "one of the two" in call(out)[1]
    code, said = call(out, "--from_root_directory", tmp_path / "raw")
    assert (code, "several slices, and no --slice" in said) == (2, True)
    assert "hint: slices with tiles: 03, 105" in said
    code, said = make(call, tmp_path, slice_id=5)[1:]
    assert (code, "no tile of slice 05" in said) == (2, True)
    out, code, _ = make(call, tmp_path, slice_id=105)
    assert omezarr.open_volume(out).attributes["slice_id"] == "105"


def broken_file(root, change):
    path = sorted(root.rglob("*.bin"))[1]
    path.write_bytes(change(path.read_bytes()))
    return path


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-4], "image_00000.bin is truncated"),
        (lambda content: b"\x00\x00\xc0\x7f" + content[4:], "holds NaN or infinite pixels"),
        (lambda content: content + content, "complex64 or float64"),
    ],
)
def test_an_unreadable_tile(call, tmp_path, change, message):
    "Slice and file are named, what stood before is untouched, nothing half-made is left."
    write_tiles(tmp_path / "raw")
    out, code, _ = make(call, tmp_path)
    before = sorted(tmp_path.iterdir())
    broken_file(tmp_path / "raw", change)
    _, code, said = make(call, tmp_path, "--no-fix_galvo_shift", "-f", "--workers", 2)
    assert code == 2
    assert message in said
    assert "slice 03: " in said
    assert "tile_x05_y03_z03" in said
    assert sorted(tmp_path.iterdir()) == before
    assert omezarr.open_volume(out).array[:].any()


def test_a_slice_of_zeros(call, tmp_path):
    "A blank mosaic is an error; one blank tile is not."
    write_tiles(tmp_path / "raw")
    broken_file(tmp_path / "raw", lambda content: bytes(len(content)))
    assert make(call, tmp_path)[1] == 0
    for path in (tmp_path / "raw").rglob("*.bin"):
        path.write_bytes(bytes(path.stat().st_size))
    out = tmp_path / "zero.ome.zarr"
    code, said = call(out, "--from_root_directory", tmp_path / "raw", "--no-fix_galvo_shift")
    assert code == 2
    assert "slice 03: all 6 tiles" in said
    assert not out.exists()


def test_evidence_is_json(tmp_path):
    "Written whole, with the slice it belongs to."
    folder = evidence(tmp_path / "g")
    found = json.loads((folder / "slice_z03_galvo.json").read_text())
    assert found["slice_id"] == "03"
