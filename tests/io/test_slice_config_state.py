"""The record against a plain dict: any sequence of stamps, merges, writes and reads agrees."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from linumpy.errors import UnknownSlice
from linumpy.io import slice_config
from tests.io.test_slice_config_laws import write_fragments
from tests.strategies import N_EXAMPLES, law, slice_ids, stamps, texts


class Record(RuleBasedStateMachine):
    """``rows`` goes through the module, ``model`` is kept by hand."""

    def __init__(self):
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.path = Path(self.folder.name) / "slice_config.csv"
        self.rows, self.model = {}, {}

    @rule(key=slice_ids(), use=st.booleans())
    def add(self, key, use):
        if key not in self.rows:
            self.rows = {**self.rows, key: slice_config.new_row(key, use=use)}
            self.model[key] = slice_config.new_row(key, use=use)

    @precondition(lambda self: self.model)
    @rule(data=st.data(), values=stamps())
    def stamp(self, data, values):
        key = data.draw(st.sampled_from(list(self.model)))
        self.rows = slice_config.stamp(self.rows, key, values)
        self.model[key] = self.model[key] | values

    @precondition(lambda self: self.model)
    @rule(data=st.data(), note=texts())
    def annotate(self, data, note):
        key = data.draw(st.sampled_from(list(self.model)))
        self.rows = slice_config.stamp(self.rows, key, {"notes": note}, append_notes=True)
        old = self.model[key]["notes"]
        for part in note.split("; "):
            if part and part not in old.split("; "):
                old = f"{old}; {part}" if old else part
        self.model[key]["notes"] = old

    @rule(key=slice_ids(), values=stamps())
    def stamp_unknown(self, key, values):
        if key not in self.model:
            with pytest.raises(UnknownSlice):
                slice_config.stamp(self.rows, key, values)

    @rule(given_stamps=st.dictionaries(slice_ids(), stamps(), max_size=3))
    def merge(self, given_stamps):
        given_stamps = {
            key: {name: value for name, value in values.items() if name != "notes"}
            for key, values in given_stamps.items()
        }
        with tempfile.TemporaryDirectory() as folder:
            write_fragments(Path(folder), given_stamps)
            self.rows = slice_config.merge_fragments(self.rows, folder)
        for key in sorted(given_stamps):
            is_new = key not in self.model
            row = self.model.setdefault(key, slice_config.new_row(key, use=False))
            row.update(given_stamps[key])
            row["use"] = row["use"] and not is_new

    @rule()
    def write_and_read(self):
        slice_config.write(self.path, self.rows)
        self.rows = slice_config.read(self.path)
        extra = dict.fromkeys(name for row in self.model.values() for name in row)
        self.model = {key: dict.fromkeys(extra, "") | row for key, row in self.model.items()}

    @invariant()
    def agree(self):
        assert self.rows == self.model
        assert list(self.rows) == list(self.model)

    def teardown(self):
        self.folder.cleanup()


TestRecord = Record.TestCase
TestRecord.settings = settings(law, max_examples=max(10, N_EXAMPLES // 5), stateful_step_count=15)
