"""Tables of plain records: one dataclass, one row."""

from dataclasses import dataclass

from linumpy.io import rows


@dataclass(frozen=True)
class Match:
    """A row."""

    name: str
    is_used: bool
    ncc: float | None
    n: int


def test_rows_are_written_by_kind(tmp_path):
    "Booleans as words, four decimals, nothing as an empty cell; quotes where they are needed."
    some = [Match("a, b", is_used=True, ncc=0.5, n=3), Match("c", is_used=False, ncc=None, n=0)]
    rows.write_rows(tmp_path / "m.csv", some, Match)
    assert (tmp_path / "m.csv").read_text() == (
        'name,is_used,ncc,n\n"a, b",true,0.5000,3\nc,false,,0\n'
    )


def test_no_row_is_a_header(tmp_path):
    "A stage that found nothing says so."
    rows.write_rows(tmp_path / "m.csv", [], Match)
    assert (tmp_path / "m.csv").read_text() == "name,is_used,ncc,n\n"
