"""Files drawn as bytes: read right, or refused at the line of the fault; how often each was met."""

from collections import Counter

import pytest
from hypothesis import given

from linumpy.errors import InputError
from linumpy.io import slice_config
from tests.io.odd_files import FAULTS, ODDITIES, odd_files
from tests.strategies import N_EXAMPLES, N_SHORT, law

LEAST = 100  # times that each is met, from as many examples on:
LONG = 100_000


def test_files_of_bytes_are_read_right_or_refused_in_place(tmp_path, record_property):
    "Any mixture of oddities is read as what it means; one fault among them is found."
    path = tmp_path / "slice_config.csv"
    met = Counter(dict.fromkeys(("files", *ODDITIES, *FAULTS), 0))

    @law
    @given(odd_files())
    def check(file):
        path.write_bytes(file.content)
        met["files"] += 1
        if not file.fault:
            assert slice_config.read(path) == file.rows
            met.update(file.oddities)
            return
        with pytest.raises(InputError) as caught:
            slice_config.read(path)
        assert file.says in str(caught.value)
        assert f"{path} line {file.line or ''}" in str(caught.value)
        met[file.fault] += 1

    check()
    if N_EXAMPLES > N_SHORT:
        record_property("met", [*met.items()])
    if N_EXAMPLES >= LONG:
        assert min(met.values()) >= LEAST
