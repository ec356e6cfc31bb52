"""Why a slice is not measured, in words, from its row of the record."""

from collections.abc import Mapping

from linumpy.core.fate import Fate, failures, notes_of
from linumpy.report import words
from linumpy.report.evidence import Value

Row = Mapping[str, Value]


def reason_of(fate: Fate, row: Row) -> str:
    """Return why; empty for a measured slice."""
    if fate == "measured":
        return ""
    if fate == "failed":
        return failures(row)[0]
    given = [_text(row.get("auto_exclude_reason"))] if row.get("auto_excluded") else []
    given += [words.explain(_text(row.get("interpolation_fallback_reason")))]
    given += [words.explain(note) for note in notes_of(row)]
    return "; ".join(dict.fromkeys(g for g in given if g)) or "use=false, no reason was noted"


def _text(value: Value) -> str:
    return str(value) if value else ""
