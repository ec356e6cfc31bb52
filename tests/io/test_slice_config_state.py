"""The record against a plain dict: any sequence of stamps, merges, writes and reads agrees."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from linumpy.errors import UnknownSlice
from linumpy.io import slice_config
from tests.io.test_slice_config_laws import fragments
from tests.strategies import a_stamp, a_text, an_id, law, some_stamps, tapes


class Record(RuleBasedStateMachine):
    """``rows`` goes through the module, ``model`` is kept by hand."""

    def __init__(self):
        super().__init__()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "slice_config.csv"
        self.rows, self.model = {}, {}

    @rule(tape=tapes(12))
    def add(self, tape):
        key, use = an_id(tape), tape.pick([False, True])
        if key not in self.rows:
            self.rows = {**self.rows, key: slice_config.new_row(key, use=use)}
            self.model[key] = slice_config.new_row(key, use=use)

    @precondition(lambda self: self.model)
    @rule(tape=tapes(64))
    def stamp(self, tape):
        key, values = tape.pick([*self.model]), a_stamp(tape)
        self.rows = slice_config.stamp(self.rows, key, values)
        self.model[key] = self.model[key] | values

    @precondition(lambda self: self.model)
    @rule(tape=tapes(32))
    def annotate(self, tape):
        key, note = tape.pick([*self.model]), a_text(tape)
        self.rows = slice_config.stamp(self.rows, key, {"notes": note}, append_notes=True)
        old = self.model[key]["notes"]
        for part in note.split("; "):
            if part and part not in old.split("; "):
                old = f"{old}; {part}" if old else part
        self.model[key]["notes"] = old

    @rule(tape=tapes(64))
    def stamp_unknown(self, tape):
        key, values = an_id(tape), a_stamp(tape)
        if key not in self.model:
            with pytest.raises(UnknownSlice):
                slice_config.stamp(self.rows, key, values)

    @rule(given_stamps=tapes(128, some_stamps))
    def merge(self, given_stamps):
        given_stamps = {
            key: {name: value for name, value in values.items() if name != "notes"}
            for key, values in given_stamps.items()
        }
        with fragments(self.folder / "stage", given_stamps):
            self.rows = slice_config.merge_fragments(self.rows, self.folder / "stage")
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
        shutil.rmtree(self.folder)


TestRecord = Record.TestCase
TestRecord.settings = settings(law, stateful_step_count=10)
