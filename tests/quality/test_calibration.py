"""Which slices are for calibration."""

from linumpy.core.slice_id import SliceId
from linumpy.quality.calibration import first_slices, thick_slices


def depths(*values, ids=None):
    return {SliceId(key): depth for key, depth in zip(ids or range(99), values, strict=False)}


def test_the_lowest_ids_count():
    "Whatever their order, and however many there are."
    ids = [SliceId(number) for number in (100, 20, 3)]
    assert first_slices(ids, 2) == ("03", "20")
    assert first_slices(ids, 0) == ()
    assert first_slices(ids, 9) == ("03", "20", "100")


def test_thicker_than_the_median():
    "Only among the first three, and only by more than the ratio."
    assert thick_slices(depths(82, 41, 41, 41), ratio=1.5) == ("00",)
    assert thick_slices(depths(41, 41, 41, 82), ratio=1.5) == ()
    assert thick_slices(depths(60, 40, 40), ratio=1.5) == ()
    assert thick_slices(depths(41, 41, 90, 41, ids=[2, 5, 100, 101]), ratio=1.5) == ("100",)
    assert thick_slices({}, ratio=1.5) == ()
