"""What hypothesis draws: rows, shifts, texts; and how many examples a law gets.

``LINUMPY_EXAMPLES=100000`` (``make fuzz``) is the long mode; a normal test run draws few.
"""

import os
from itertools import pairwise

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.io.slice_config import CANONICAL_COLUMNS, COLUMNS

N_EXAMPLES = int(os.environ.get("LINUMPY_EXAMPLES", "60"))
law = settings(
    max_examples=N_EXAMPLES,
    deadline=None,
    # a record that is drawn cell by cell takes long on a busy machine; that says nothing of us
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)

NASTY_TEXTS = (
    "", " ", "a; b", "; ", "=cmd|' /C calc'!A0", '"', '""', "a,b", "a;b", "line\nbreak", "\r\n",
    "\r", " padded ", "true", "0.5", "\u2028", "\ufeff", "é — 脳 🧠", "\t", "'", "# no comment",
)  # fmt: skip


def texts():
    """Any text that UTF-8 can hold, without NUL; often one that breaks CSV readers."""
    letters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
    return st.sampled_from(NASTY_TEXTS) | st.text(letters, max_size=20)


def slice_ids():
    return st.integers(0, 1200).map(SliceId)


def scores():
    return st.floats(0, 1).map(lambda score: score + 0.0) | st.sampled_from([0.0, 0.812, 1.0, 1e-5])


def extra_names():
    taken = {name.casefold() for name in CANONICAL_COLUMNS}
    names = st.sampled_from(["exclude_reason", "operator", "a,b", "é"]) | texts()
    return names.filter(lambda n: n.strip() and n == n.strip() and n.casefold() not in taken)


VALUES = {
    "boolean": st.booleans(),
    "optional_boolean": st.none() | st.booleans(),
    "score": st.none() | scores(),
    "text": texts(),
}
STAMPABLE = {column.name: VALUES[column.kind] for column in COLUMNS if column.kind != "id"}


def stamps():
    """What a stage may put into one row, typed as it is read back."""
    known = st.fixed_dictionaries({}, optional=STAMPABLE)
    extra = st.dictionaries(extra_names(), texts(), max_size=2)
    return st.builds(lambda one, other: {**one, **other}, known, extra)


@st.composite
def rows(draw, min_size=0, max_size=6):
    """A record as `read` gives it: all canonical columns, the same extra ones in every row."""
    ids = draw(st.lists(slice_ids(), unique=True, min_size=min_size, max_size=max_size))
    extra = draw(st.lists(extra_names(), unique=True, max_size=2)) if ids else []
    cells = {
        name: st.lists(v, min_size=len(ids), max_size=len(ids)) for name, v in STAMPABLE.items()
    }
    columns = {name: draw(cells[name]) for name in cells}
    columns |= {
        name: draw(st.lists(texts(), min_size=len(ids), max_size=len(ids))) for name in extra
    }
    return {
        key: {"slice_id": str(key), **{name: values[i] for name, values in columns.items()}}
        for i, key in enumerate(ids)
    }


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
