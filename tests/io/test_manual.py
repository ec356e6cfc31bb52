import pytest

from linumpy.core.rigid import Rigid2D
from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile, BadValue
from linumpy.io import manual


def test_what_is_written_is_read(tmp_path):
    "Transforms come back, notes with commas too."
    given = {
        SliceId(3): manual.Transform(Rigid2D(0.5, -12.25, 3.0), 'by eye, "roughly"'),
        SliceId(100): manual.Transform(Rigid2D()),
    }
    manual.write(tmp_path / "transforms.csv", given)
    assert manual.read(tmp_path / "transforms.csv") == given


def test_bad_tables_name_the_line(tmp_path):
    "A doubled slice and a cell that is no number are refused where they stand."
    path = tmp_path / "transforms.csv"
    path.write_text("slice_id,dx_um,dy_um,rotation_deg\n3,0,0,0\n03,1,0,0\n")
    with pytest.raises(BadValue, match="line 3"):
        manual.read(path)
    path.write_text("slice_id,dx_um,dy_um,rotation_deg\n3,left,0,0\n")
    with pytest.raises((BadFile, BadValue), match="line 2: dx_um='left'"):
        manual.read(path)
