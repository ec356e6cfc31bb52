"""The docs of the record say what the code does."""

import re

import pytest

from linumpy.io import slice_config
from tests.io import record_page


@pytest.mark.parametrize("name", record_page.TABLES)
def test_a_table_is_the_codes(name):
    "When this fails: python -m tests.io.record_page, and read the difference."
    text = record_page.PAGE.read_text(encoding="utf-8")
    assert record_page.filled(text, name) == text


def test_every_note_and_command_of_the_page_exists():
    "No subcommand is shown that is not there."
    text = record_page.PAGE.read_text(encoding="utf-8")
    shown = set(re.findall(r"linum_slice_config\.py (\w+)", text))
    assert shown == {"show", "validate", "diff", "history", "restore", "set", "summary"}
    assert all(f"`{name}`" in text for name in slice_config.CANONICAL_COLUMNS)
