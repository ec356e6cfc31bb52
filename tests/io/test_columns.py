"""What a cell means, without a file."""

import pytest

from linumpy.errors import BadValue
from linumpy.io import columns
from linumpy.io.columns import Column


def test_text_is_kept_character_for_character():
    "Blanks included."
    assert columns.parse(Column("notes", "text", ""), " a ") == " a "


@pytest.mark.parametrize(
    ("score", "text"),
    [(0.0, "0.000"), (1.0, "1.000"), (0.1 + 0.2, "0.30000000000000004"), (5e-5, "0.00005")],
)
def test_a_score_is_short_and_reads_back(score, text):
    "Three decimals at least, never in scientific form."
    assert columns.format_score(score) == text
    assert float(text) == score


def test_a_required_cell_may_not_be_empty():
    "The message says what is needed."
    with pytest.raises(BadValue, match="is empty, a number is needed"):
        columns.parse(Column("x_shift", "number", "", is_required=True), " ")
