import numpy as np
import pytest

from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.errors import BadFile
from linumpy.io import omezarr
from linumpy.io.omezarr import Level
from linumpy.report import checks, pictures, style, view_figure
from linumpy.report.contexts import Charts, Headline, SliceRow, StageCost, Warn
from linumpy.report.evidence import GalvoFinding, PairFinding
from linumpy.report.pictures import Borders


def write(path, array, n_levels=1):
    levels = [
        Level(
            tuple(n // 2**k for n in array.shape),
            Spacing(*(0.01 * 2**k,) * 3),
            (4, 16, 16),
            (4, 32, 32),
            (0.005 * (2**k - 1),) * 3,
        )
        for k in range(n_levels)
    ]
    with omezarr.create(path, levels) as new:
        for k, target in enumerate(new.levels):
            target[...] = array[:: 2**k, :: 2**k, :: 2**k][
                : target.shape[0], : target.shape[1], : target.shape[2]
            ]
    return path


@pytest.mark.parametrize("shape", [(6, 100, 130), (1, 31, 7), (3, 5, 3), (9, 64, 200)])
def test_a_thumbnail_is_the_mean_over_blocks(tmp_path, shape):
    "Bands of rows give what one read would give."
    array = np.random.default_rng(1).random(shape, dtype=np.float32)
    found = pictures.thumbnail(write(tmp_path / "a.ome.zarr", array), max_px=24)
    block = -(-max(shape[1:]) // 24)
    plane = array[min(shape[0] - 1, round(shape[0] / 3))]
    n_y, n_x = (max(1, n // block) for n in plane.shape)
    size = (min(block, plane.shape[0]), min(block, plane.shape[1]))
    whole = plane[: n_y * size[0], : n_x * size[1]].reshape(n_y, size[0], n_x, size[1])
    np.testing.assert_allclose(found, whole.mean(axis=(1, 3)), rtol=1e-5)
    assert max(found.shape) <= 24


def test_views_cut_through_the_middle_of_the_data_on_a_coarse_level(tmp_path):
    array = np.zeros((16, 800, 32), np.float32)
    array[4:12, 600:640, 8:24] = 1
    found = pictures.views(write(tmp_path / "v.ome.zarr", array, n_levels=3))
    assert found.level == 1  # 400 px: fine enough; the finest is never read
    assert found.cut_mm == pytest.approx((0.08, 6.2, 0.16), abs=0.03)
    assert found.xy.max() == found.xz.max() == found.yz.max() == 1
    assert found.shape == (16, 800, 32)


def test_a_volume_of_nothing_is_shown_as_nothing(tmp_path):
    found = pictures.views(write(tmp_path / "v.ome.zarr", np.zeros((8, 20, 20), np.float32)))
    assert not found.xy.any()
    assert not pictures.to_grey(found.xy).any()


@pytest.mark.parametrize("depth", [6, 90])
def test_views_are_drawn_for_shallow_and_deep_stacks(tmp_path, depth):
    array = np.random.default_rng(2).random((depth, 40, 30), dtype=np.float32)
    views = pictures.views(write(tmp_path / "v.ome.zarr", array))
    ids = tuple(SliceId(i) for i in range(3))
    borders = Borders(ids, (0.0, 0.02, 0.04), 0.02, frozenset(ids[1:2]))
    picture = view_figure.orthogonal_views(views, borders)
    assert picture.mime == "image/jpeg"
    assert "3 slices" in picture.alt


def test_outside_the_data_stays_black():
    plane = np.array([[0.0, 0.2], [0.6, 1.0]], np.float32)
    grey = pictures.to_grey(plane)
    assert grey[0, 0] == 0
    assert grey[1, 1] == 255
    assert grey[0, 1] <= grey[1, 0]


def test_a_folder_that_is_no_volume_is_refused(tmp_path):
    (tmp_path / "v.ome.zarr").mkdir()
    with pytest.raises(BadFile, match="not a Zarr group"):
        pictures.views(tmp_path / "v.ome.zarr")


def test_the_band_is_where_the_shift_says():
    "A band that starts at s* has shift N − s* − n; shift 0 leaves it at the end."
    profile = np.zeros(60)
    found = GalvoFinding(SliceId(3), 0.9, 21, 12, profile)
    assert found.band_px == (27, 12)
    assert GalvoFinding(SliceId(3), 0.1, 0, 12, profile).band_px == (48, 12)
    assert GalvoFinding(SliceId(3), 0.9, 55, 12, profile).band_px == (53, 12)  # wraps
    assert GalvoFinding(SliceId(3), None, None, 12, profile).band_px is None


def pair(moving, depth, confidence=0.9, fixed=None):
    fixed = moving - 1 if fixed is None else fixed
    return PairFinding(
        SliceId(moving), SliceId(fixed), 0, 0, 0, confidence, 0.9, float(depth), "ok"
    )


def test_pairs_that_say_nothing_do_not_count_for_the_axial_sampling():
    "Gaps, low confidence and too few pairs give no verdict."
    settings = {"interval_mm": 0.2, "spacing_z_mm": 0.01}
    good = [pair(k, 20) for k in range(1, 4)]
    assert checks.implied_axial(good, **settings).factor == 1
    assert checks.implied_axial(good[:2], **settings) is None
    noisy = [pair(9, 3, confidence=0.1), pair(12, 40, fixed=10)]
    assert checks.implied_axial([*good, *noisy], **settings).n_pairs == 3


def test_one_wrong_pair_does_not_move_the_verdict():
    found = checks.implied_axial(
        [*(pair(k, 20) for k in range(1, 9)), pair(9, 5)], interval_mm=0.2, spacing_z_mm=0.01
    )
    assert found.factor == 1
    assert not found.is_off


@pytest.mark.parametrize("context", [Charts, Headline, SliceRow, StageCost, Warn])
def test_every_field_of_a_context_is_explained(context):
    from linumpy.cli.runtime import field_help

    assert set(field_help(context)) == set(context.__dataclass_fields__)


@pytest.mark.parametrize("colour", [*style.FATE_COLOURS.values(), style.MUTED, style.INK])
def test_text_colours_stand_out_from_white(colour):
    "Contrast of at least 4.5 : 1 (WCAG AA)."
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    luminance = sum(w * c for w, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    assert 1.05 / (luminance + 0.05) >= 4.5
