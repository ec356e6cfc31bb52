"""What hypothesis draws: records, stamps, shifts, texts; and how many examples a law gets.

A normal test run draws 60 examples of each law, the same ones in every run. The long mode,
``LINUMPY_EXAMPLES=100000`` (``make fuzz``), draws new ones each time.

A record is drawn as one string of bytes that is read as a tape of choices: a tenth of the time of
a draw for each cell. Bytes that hypothesis shrinks towards zero are choices of what is plainest.
"""

import os
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io.slice_config import CANONICAL_COLUMNS, COLUMNS, new_row

N_SHORT = 60
N_EXAMPLES = int(os.environ.get("LINUMPY_EXAMPLES", N_SHORT))
# A busy machine is slow; that says nothing of us. No file of earlier failures: a run depends on
# nothing but the checkout.
CALM = {"deadline": None, "database": None, "suppress_health_check": list(HealthCheck)}
settings.register_profile("repeatable", **CALM, derandomize=True)
settings.register_profile("long", **CALM, print_blob=True)
settings.load_profile("repeatable" if N_EXAMPLES <= N_SHORT else "long")
law = settings(max_examples=N_EXAMPLES)

NASTY_TEXTS = (
    "", " ", "a; b", "; ", "=cmd|' /C calc'!A0", '"', '""', "a,b", "a;b", "line\nbreak", "\r\n",
    "\r", " padded ", "true", "0.5", "\u2028", "\ufeff", "é — 脳 🧠", "\t", "'", "# no comment",
)  # fmt: skip
SPECIAL_LETTERS = "a; ,\"\n\r'\t=\ufeff\u2028\x1c\x85é🧠0"
SCORES = (None, 0.0, 0.812, 1.0, 1e-5, 5e-324, 0.1 + 0.2, 1 - 2**-53)
EXTRA_NAMES = ("operator", "exclude_reason", "a,b", "a;b", "é", "a\nb", '"', "Operator", "=x")
SIZE = 256
"""Bytes of a tape: enough for a record of six slices."""


class Tape:
    """Choices, read from bytes; zeros when they are used up."""

    def __init__(self, raw):
        self._raw, self._next = raw, 0

    def below(self, n):
        """Return a whole number from 0 to n - 1."""
        n_bytes = 1 if n <= 256 else 3 if n <= 1 << 24 else 8
        start, self._next = self._next, self._next + n_bytes
        return int.from_bytes(self._raw[start : self._next], "little") % n

    def pick(self, options):
        return options[self.below(len(options))]

    def shuffled(self, options):
        left = list(options)
        return [left.pop(self.below(len(left))) for _ in range(len(left))]

    def some(self, options, most):
        return self.shuffled(options)[: self.below(most + 1)]


def tapes(size=SIZE, make=lambda tape: tape):
    return st.binary(min_size=size, max_size=size).map(lambda raw: make(Tape(raw)))


def a_text(tape):
    """Any text that UTF-8 can hold, without NUL; often one that breaks CSV readers."""
    kind = tape.below(4)
    if kind == 0:
        return ""
    if kind == 1:
        return tape.pick(NASTY_TEXTS)
    letters = range(tape.below(8))
    if kind == 2:
        return "".join(tape.pick(SPECIAL_LETTERS) for _ in letters)
    codes = (tape.below(0x10FFFF) + 1 for _ in letters)
    return "".join(chr(code) for code in codes if not 0xD800 <= code < 0xE000)


def an_id(tape):
    return SliceId(tape.below(tape.pick((8, 1200, 10**12))))


def a_score(tape):
    return tape.pick(SCORES) if tape.below(2) == 0 else tape.below(1 << 53) / (1 << 53)


def an_extra_name(tape):
    name = a_text(tape)
    taken = {name.casefold() for name in CANONICAL_COLUMNS}
    if not name.strip() or name != name.strip() or name.casefold() in taken:
        return tape.pick(EXTRA_NAMES)
    return name


VALUES = {
    "boolean": lambda tape: tape.below(2) == 1,
    "optional_boolean": lambda tape: tape.pick((None, False, True)),
    "score": a_score,
    "text": a_text,
}
STAMPABLE = {column.name: VALUES[column.kind] for column in COLUMNS if column.kind != "id"}


def a_stamp(tape):
    """What a stage may put into one row, typed as it is read back."""
    values = {name: STAMPABLE[name](tape) for name in tape.some(STAMPABLE, 4)}
    return values | {an_extra_name(tape): a_text(tape) for _ in range(tape.below(3))}


def some_stamps(tape):
    """Stamps for up to four slices."""
    return {an_id(tape): a_stamp(tape) for _ in range(tape.below(5))}


def a_record(tape, min_size=0, max_size=6):
    """A record as `read` gives it: all canonical columns, the same extra ones in every row."""
    n_rows = min_size + tape.below(max_size + 1 - min_size)
    ids = list(dict.fromkeys(an_id(tape) for _ in range(n_rows)))
    extra = list(dict.fromkeys(an_extra_name(tape) for _ in range(tape.below(3) if ids else 0)))
    rows = {}
    for key in ids:
        rows[key] = new_row(key, use=tape.below(2) == 1) | dict.fromkeys(extra, "")
        stamped = tape.shuffled(STAMPABLE)[: 6 + tape.below(8)]
        rows[key] |= {name: STAMPABLE[name](tape) for name in stamped}
        rows[key] |= {name: a_text(tape) for name in extra}
    return rows


def texts():
    return tapes(32, a_text)


def slice_ids():
    return tapes(12, an_id)


def stamps():
    return tapes(64, a_stamp)


def rows(min_size=0, max_size=6):
    return tapes(SIZE, lambda tape: a_record(tape, min_size, max_size))


@st.composite
def chains(draw, max_size=8):
    """Shifts between consecutive present ids, ids with holes."""
    ids = sorted(draw(st.sets(st.integers(0, 150), min_size=2, max_size=max_size)))
    number = st.floats(-1e4, 1e4).map(lambda value: value + 0.0)
    reliable = st.none() | st.booleans()
    return tuple(
        Shift(SliceId(fixed), SliceId(moving), *(draw(number) for _ in range(4)), draw(reliable))
        for fixed, moving in pairwise(ids)
    )
