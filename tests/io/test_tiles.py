"""Raw tiles: found whole, refused by name, read as they lie on disk."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from linumpy.core.acquisition import TileInfo
from linumpy.core.tile_orientation import to_zyx
from linumpy.errors import BadFile, BadValue, MissingFile, UnknownSlice
from linumpy.io import info as info_file
from linumpy.io import interval, tiles

NX, NY, NZ, N_EXTRA = 4, 3, 5, 2


def header(**changes):
    values = {
        "nx": NX, "ny": NY, "nz": NZ, "n_extra": N_EXTRA, "n_repeat": 1,
        "width_um": 40.0, "height_um": 30.0,
        "stage_x_mm": 1.25, "stage_y_mm": -0.5, "stage_z_mm": 0.2,
    }  # fmt: skip
    return TileInfo(**{**values, **changes})


def pixels(info, seed=0):
    shape = (info.nz, info.nx + info.n_extra, info.ny * info.n_repeat)
    return np.random.default_rng(seed).random(shape, dtype=np.float32) + 1


def put(folder, info=None, *, seed=0, **options):
    info = info or header()
    values = pixels(info, seed)
    tiles.write_tile(folder, values, info, **options)
    return values


def the_tile(root):
    (raw,) = tiles.discover(root).slices.values()
    (tile,) = raw.tiles
    return tile


def bin_of(root):
    return the_tile(root).images[0]


@pytest.mark.parametrize(
    "layout", ["{tile}", "z07/{tile}", "slice_z07/tiles/{tile}", "metadata/slice_z07/tiles/{tile}"]
)
def test_every_layout_is_found(tmp_path, layout):
    "Flat, nested, as the acquisition software has it; stray files are no tiles."
    for x in (3, 4):
        put(tmp_path / layout.format(tile=f"tile_x{x:02d}_y00_z07"))
    (tmp_path / "tile_x00_y00_z07").write_text("a stray file")
    (tmp_path / "quick_stitch_z07.jpg").write_text("")
    (tmp_path / "state.json").write_text("{}")
    found = tiles.discover(tmp_path)
    assert found.ids == ("07",)
    assert [(tile.x, tile.y) for tile in found.slices[found.ids[0]].tiles] == [(3, 0), (4, 0)]
    assert found.slices[found.ids[0]].grid == (1, 2)


def test_ids_are_integers_in_order(tmp_path):
    "z5 is not z105, whatever a name ends in; ids need not follow each other."
    for number in (105, 5, 0):
        put(tmp_path / f"tile_x00_y00_z{number:02d}")
    found = tiles.discover(tmp_path)
    assert found.ids == ("00", "05", "105")
    assert tiles.discover(tmp_path, only=[found.ids[1]]).ids == ("05",)
    assert len(found.never_acquired) == 103


def test_a_root_may_be_a_tile(tmp_path):
    "--from_tiles_list gives the tile folders themselves."
    folders = [tmp_path / f"tile_x{x:02d}_y01_z02" for x in (0, 1)]
    for folder in folders:
        put(folder)
    assert len(tiles.discover(*folders).slices["02"].tiles) == 2


def test_tiles_are_sorted_by_row_then_column(tmp_path):
    "Missing places are counted."
    for x, y in ((12, 1), (2, 2), (2, 1)):
        put(tmp_path / f"tile_x{x:02d}_y{y:02d}_z00")
    raw = tiles.discover(tmp_path).slices["00"]
    assert [(tile.y, tile.x) for tile in raw.tiles] == [(1, 2), (1, 12), (2, 2)]
    assert (raw.grid, raw.n_missing) == ((2, 11), 19)


def test_links_are_followed_once(tmp_path):
    "A workflow stages folders as links; a loop ends."
    put(tmp_path / "raw" / "tile_x00_y00_z00")
    (tmp_path / "raw" / "again").symlink_to(tmp_path / "raw")
    (tmp_path / "staged").symlink_to(tmp_path / "raw")
    assert len(tiles.discover(tmp_path / "staged").slices["00"].tiles) == 1


def test_what_cannot_be_found(tmp_path):
    "Missing folder, empty folder, missing slice: each says what is there."
    with pytest.raises(MissingFile, match="nowhere: no such folder of raw tiles"):
        tiles.discover(tmp_path / "nowhere")
    with pytest.raises(MissingFile, match="no tile found"):
        tiles.discover(tmp_path)
    put(tmp_path / "tile_x00_y00_z03")
    wanted = type(tiles.discover(tmp_path).ids[0])(4)
    with pytest.raises(UnknownSlice, match=r"no tile of slice 04.*slices with tiles: 03"):
        tiles.discover(tmp_path, only=[wanted])


def test_one_place_one_tile(tmp_path):
    "Two folders of one tile are named, neither is chosen."
    put(tmp_path / "a" / "tile_x00_y00_z03")
    put(tmp_path / "b" / "tile_x000_y00_z03")
    with pytest.raises(BadFile, match=r"twice: .*/a/tile_x00_y00_z03 and .*/b/tile_x000_y00_z03"):
        tiles.discover(tmp_path)


@pytest.mark.parametrize("changed", [{"nx": 5}, {"nz": 6}, {"n_extra": 0}, {"width_um": 41.0}])
def test_mixed_tile_sizes(tmp_path, changed):
    "Within a slice all tiles are alike; between slices the depth may change."
    put(tmp_path / "tile_x00_y00_z03")
    put(tmp_path / "tile_x01_y00_z03", header(**changed))
    with pytest.raises(BadFile, match=f"slice 03: tiles differ in {next(iter(changed))}"):
        tiles.discover(tmp_path)


def test_half_of_the_stage_positions(tmp_path):
    "All tiles of a slice have their position, or none."
    put(tmp_path / "tile_x00_y00_z03")
    put(tmp_path / "tile_x01_y00_z03", header(stage_x_mm=None, stage_y_mm=None))
    with pytest.raises(BadFile, match="only one has stage_x_pos_mm"):
        tiles.discover(tmp_path)


def test_a_missing_header(tmp_path):
    "The file that is missing is named."
    put(tmp_path / "tile_x00_y00_z03")
    (tmp_path / "tile_x00_y00_z03" / "info.txt").unlink()
    with pytest.raises(MissingFile, match=r"tile_x00_y00_z03/info\.txt: no such file"):
        tiles.discover(tmp_path)


GOOD = "Scan info\nnx: 4\nny: 3\nwidth: 40\nheight: 30\ntop_z: 2\nbottom_z: 6\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD.replace("nx: 4\n", ""), "no key nx"),
        (GOOD.replace("bottom_z: 6\n", ""), "no key bottom_z"),
        (GOOD.replace("top_z: 2\nbottom_z: 6\n", ""), "no key bottom_z .or n_samples."),
        (GOOD.replace("nx: 4", "nx: four"), "nx='four'; allowed: a number"),
        (GOOD.replace("nx: 4", "nx: 4.5"), "nx='4.5'; allowed: a whole number from 1 up"),
        (GOOD.replace("nx: 4", "nx: 0"), "nx='0'; allowed: a whole number from 1 up"),
        (GOOD.replace("width: 40", "width: -40"), "width='-40'; allowed: a length in µm above 0"),
        (GOOD.replace("width: 40", "width: nan"), "width='nan'; allowed: a number"),
        (GOOD.replace("bottom_z: 6", "bottom_z: 1"), "bottom_z='1'; allowed: a depth sample from"),
        (GOOD + "stage_x_pos_mm: 1.5\n", "no key stage_y_pos_mm"),
        (GOOD + "dz: 0\n", "dz='0'; allowed: a length in µm above 0"),
    ],
)
def test_a_header_that_cannot_be_right(tmp_path, text, message):
    "File, key, text found, what is allowed."
    path = tmp_path / "info.txt"
    path.write_text(text)
    with pytest.raises(BadFile, match=rf"info\.txt: {message}"):
        tiles.read_info(path)


def test_a_header_that_is_not_text(tmp_path):
    "Binary rubbish is refused, not decoded."
    path = tmp_path / "info.txt"
    path.write_bytes(b"\xff\xfe\x00nx")
    with pytest.raises(BadFile, match="cannot be read"):
        tiles.read_info(path)


def test_header_defaults(tmp_path):
    "Old rigs have no return and no repeats; BOM, CRLF and repeated blocks are fine."
    path = tmp_path / "info.txt"
    text = GOOD + "focus_z: 4\nScan info\nnx: 99\naxial_res: 3.5\ndz: 7\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert tiles.read_info(path) == TileInfo(4, 3, 5, 0, 1, 40.0, 30.0, axial_um=3.5, focus_z_px=2)
    path.write_text(GOOD.replace("top_z: 2\nbottom_z: 6\n", "n_samples: 20\n"))
    assert tiles.read_info(path).nz == 10


numbers = st.floats(-1e3, 1e3)


@settings(max_examples=25)
@given(
    st.builds(
        TileInfo,
        nx=st.integers(1, 999), ny=st.integers(1, 999), nz=st.integers(1, 999),
        n_extra=st.integers(0, 99), n_repeat=st.integers(1, 4),
        width_um=st.floats(1e-3, 1e5), height_um=st.floats(1e-3, 1e5),
        stage_x_mm=numbers, stage_y_mm=numbers, stage_z_mm=st.none() | numbers,
        axial_um=st.none() | st.floats(1e-3, 1e2),
    )
)  # fmt: skip
def test_header_round_trip(tmp_path_factory, written):
    "Writing then reading gives the header back."
    path = tmp_path_factory.getbasetemp() / "info.txt"
    info_file.write_info(path, written)
    assert tiles.read_info(path) == written


def test_bytes_are_column_major(tmp_path):
    "Domain facts A.1: float q belongs to depth q mod 4, A-line q/4 mod 8, frame q/32."
    info = header(nx=6, nz=4)
    put(tmp_path / "tile_x00_y00_z00", info)
    path = bin_of(tmp_path)
    np.arange(96, dtype="<f4").tofile(path)
    read = tiles.read_tile(the_tile(tmp_path))
    assert read.shape == (4, 8, 3)
    for q in (0, 5, 37, 95):
        assert read[q % 4, q // 4 % 8, q // 32] == q
    assert to_zyx(read)[1, 2, 3] == read[1, 3, 2]


@pytest.mark.parametrize("n_files", [1, 2, 3])
def test_pixels_round_trip(tmp_path, n_files):
    "Several files are joined by name; one file is mapped, not read."
    written = put(tmp_path / "tile_x00_y00_z00", n_files=n_files)
    tile = the_tile(tmp_path)
    assert len(tile.images) == n_files
    read = tiles.read_tile(tile)
    np.testing.assert_array_equal(read, written)
    assert read.dtype == np.float32
    assert read.flags.f_contiguous
    if n_files == 1:
        assert isinstance(read, np.memmap)
        assert not read.flags.writeable


@pytest.mark.parametrize("n_files", [1, 3])
def test_repeats_are_averaged(tmp_path, n_files):
    "The repeat varies fastest among the frames."
    info = header(n_repeat=2)
    written = put(tmp_path / "tile_x00_y00_z00", info, n_files=n_files)
    read = tiles.read_tile(the_tile(tmp_path))
    np.testing.assert_allclose(read, (written[..., ::2] + written[..., 1::2]) / 2, rtol=1e-6)


def test_frames_beyond_the_kept_ones_are_left_out(tmp_path):
    "B-scans after ny belong to the turn of the slow axis."
    written = put(tmp_path / "tile_x00_y00_z00")
    path = bin_of(tmp_path)
    path.write_bytes(path.read_bytes() + bytes(4 * NZ * (NX + N_EXTRA)))
    np.testing.assert_array_equal(tiles.read_tile(the_tile(tmp_path)), written)


EXPECTED = 4 * NZ * (NX + N_EXTRA) * NY


@pytest.mark.parametrize(
    ("n_bytes", "message"),
    [
        (EXPECTED - 4, f"image_00000.bin is truncated .* found {EXPECTED - 4} bytes, expected 360"),
        (EXPECTED - 3, f"found {EXPECTED - 3} bytes, expected 360"),
        (EXPECTED // 2, "found 180 bytes, expected 360"),
        (EXPECTED // 3, "found 120 bytes, expected 360"),
        (0, "found 0 bytes, expected 360"),
        (2 * EXPECTED, "twice the 360 of .*complex64 or float64"),
    ],
)
def test_files_of_a_wrong_size(tmp_path, n_bytes, message):
    "Truncated files and other formats are refused with slice, file, bytes found and expected."
    put(tmp_path / "tile_x00_y00_z03")
    tile = the_tile(tmp_path)
    tile.images[0].write_bytes(bytes(n_bytes))
    for read in (tiles.read_tile, tiles.check_images):
        with pytest.raises(BadFile, match=f"slice 03: .*{message}"):
            read(tile)


def test_the_truncated_one_of_several_files_is_named(tmp_path):
    "Not the first, not the folder."
    put(tmp_path / "tile_x00_y00_z03", n_files=3)
    tile = the_tile(tmp_path)
    tile.images[1].write_bytes(tile.images[1].read_bytes()[:-8])
    with pytest.raises(BadFile, match=r"image_00001\.bin is truncated .* found 112 .* 120"):
        tiles.read_tile(tile)
    tile.images[1].write_bytes(b"")
    with pytest.raises(BadFile, match="over 3 files"):
        tiles.read_tile(tile)


def test_other_formats_are_refused_by_name(tmp_path):
    "A purged tile, or one of another rig."
    put(tmp_path / "tile_x00_y00_z03")
    path = bin_of(tmp_path)
    path.rename(path.with_name("volume.npy"))
    with pytest.raises(MissingFile, match=r"slice 03: no image_\*\.bin in .*holds volume\.npy"):
        tiles.read_tile(the_tile(tmp_path))


def test_a_file_that_vanishes(tmp_path):
    "Between the headers and the pixels."
    put(tmp_path / "tile_x00_y00_z03")
    tile = the_tile(tmp_path)
    tile.images[0].unlink()
    with pytest.raises(BadFile, match=r"slice 03: .*image_00000\.bin cannot be read"):
        tiles.read_tile(tile)


def test_writing_refuses_what_it_could_not_read(tmp_path):
    "Name, shape, number of files."
    info = header()
    with pytest.raises(BadValue, match="'tile_1' is not a tile's name"):
        tiles.write_tile(tmp_path / "tile_1", pixels(info), info)
    with pytest.raises(BadValue, match="the header says"):
        tiles.write_tile(tmp_path / "tile_x0_y0_z0", pixels(info)[1:], info)
    with pytest.raises(BadValue, match="n_files=4; allowed: 1 to 3"):
        tiles.write_tile(tmp_path / "tile_x0_y0_z0", pixels(info), info, n_files=4)
    assert list(tmp_path.iterdir()) == []


def test_pixel_sequence_opens_on_demand(tmp_path):
    "A detector indexes tiles without holding them."
    for x in range(3):
        put(tmp_path / f"tile_x{x:02d}_y00_z00", seed=x)
    raw = tiles.discover(tmp_path).slices["00"]
    sequence = tiles.PixelSequence(raw.tiles)
    assert len(sequence) == 3
    np.testing.assert_array_equal(sequence[2], pixels(header(), 2))
    assert len(sequence[1:]) == 2


def stack_at(root, heights, **changes):
    for number, z in heights.items():
        folder = root / f"slice_z{number:02d}" / "tiles" / f"tile_x00_y00_z{number:02d}"
        put(folder, header(stage_z_mm=z, **changes))
    return tiles.discover(root)


@pytest.mark.parametrize("sign", [1, -1])
def test_interval_from_stage_z(tmp_path, sign):
    "Median of the steps per id; gaps count by their ids, the stage may count down."
    heights = {0: 0.0, 2: sign * 0.4, 3: sign * 0.6, 4: sign * 0.95, 100: sign * 20.15}
    assert tiles.slicing_interval_mm(stack_at(tmp_path, heights)) == 0.2


def test_interval_from_json(tmp_path):
    "metadata.json of the slices, then state.json; a thick first slice does not decide."
    found = stack_at(tmp_path, {0: None, 1: None, 2: None})
    assert tiles.slicing_interval_mm(found, [tmp_path]) is None
    (tmp_path / "state.json").write_text('{"slice_thickness": 0.15}')
    assert tiles.slicing_interval_mm(found, [tmp_path]) == 0.15
    for number, thickness in enumerate((0.5, 0.15, 0.15)):
        path = tmp_path / f"slice_z{number:02d}" / "metadata.json"
        path.write_text(json.dumps({"slice_thickness": thickness}))
    assert tiles.slicing_interval_mm(found) == 0.15


def test_interval_sources_that_disagree(tmp_path):
    "Both are named; within a hundredth they agree."
    found = stack_at(tmp_path, {0: 0.0, 1: 0.2})
    path = tmp_path / "slice_z00" / "metadata.json"
    path.write_text('{"slice_thickness": 0.201}')
    assert tiles.slicing_interval_mm(found) == 0.2
    path.write_text('{"slice_thickness": 0.25}')
    with pytest.raises(BadFile, match=r"0\.2 mm by stage z of info\.txt, 0\.25 mm by .*metadata"):
        tiles.slicing_interval_mm(found)


@pytest.mark.parametrize("text", ["{", '{"slice_thickness": "thick"}', '{"slice_thickness": 0}'])
def test_interval_json_that_cannot_be_right(tmp_path, text):
    "Refused, not skipped."
    found = stack_at(tmp_path, {0: None})
    (tmp_path / "state.json").write_text(text)
    with pytest.raises(BadFile, match=r"state\.json"):
        tiles.slicing_interval_mm(found, [tmp_path])


def test_a_stage_that_stands_still_says_nothing(tmp_path):
    "One slice, or z that never changes: unknown."
    assert tiles.slicing_interval_mm(stack_at(tmp_path, {3: 0.2})) is None
    found = stack_at(tmp_path / "b", {3: 0.2, 4: 0.2})
    assert interval.slicing_interval_mm(found) is None
