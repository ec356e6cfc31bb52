"""Mutants of the record that no test can notice, and why each is let live.

A pattern is held against the changed lines as `checks/mutation.py` prints them; a mutant that lives
and has no pattern here fails ``make mutation``, as does a reason that docs/record-tests.md lacks.
"""

import re
from dataclasses import dataclass
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "record-tests.md"


@dataclass(frozen=True)
class Survivor:
    """What is let live: a pattern of its name and lines, and the reason, as on the page."""

    pattern: str
    why: str


SURVIVORS = (
    Survivor(
        r"\+.*zip\(.*(strict=(None|False|True)|, \))",
        "what is zipped is of one length by construction; `strict` turns a later mistake into "
        "an error",
    ),
    Survivor(
        r'\+.*("UTF-8(-SIG)?"|(count|rfind)\(b"\\n", None, |, "F"\))',
        "the same by the definition of Python",
    ),
    Survivor(r'\+.*get\("auto_excluded", (None)?\)', "both are false"),
    Survivor(
        r'(format|parse)_column.*\n-.*\n\+.*(kind == "(XX\w+XX|TEXT|ID)"|< _EXACT)',
        "the other path gives the same cells, more slowly",
    ),
    Survivor(
        r"merge_fragments.*\n-.*\n\+.*use=(True|None)",
        "`use=false` is stamped over it",
    ),
    Survivor(
        r"merge_fragments.*\n-.*\n\+.*_update\(None",
        "values of a fragment were checked when it was read",
    ),
    Survivor(
        r"merge_fragments.*\n-.*\n\+.*stamps, append_notes=(None|True)",
        "its notes were taken out before",
    ),
    Survivor(
        r'\+.*Column\((None, "text", ""|name, "text", (None|"XXXX"))\)',
        "text is never refused, so no message names it",
    ),
    Survivor(
        r"\+.*(super\(\).__init__\(None\)|next\(records, \(2, None\)\)|header_line.*hint, \))",
        "nothing reads it, or it is what stands there anyway",
    ),
    Survivor(
        r"_read_fragment.*\n-.*\n\+.*or True",
        "the problem of the file stands before any of its cells, and the first is told",
    ),
    Survivor(
        r'_delimiter.*\n-.*\n\+.*(lstrip\(None\)|lstrip\("XX|"XXXX")',
        "more letters, fewer blanks: it decides by `;` and `,`",
    ),
    Survivor(
        r"\+.*(re\.split\(.*(head, \)|maxsplit=2)|field_size_limit.*len\(text\) (- 1|\+ 2))",
        "the same first part; the limit is only ever too large",
    ),
)


def reason(difference: str) -> str:
    """Return why a mutant may live; empty where nothing says so."""
    return next((one.why for one in SURVIVORS if re.search(one.pattern, difference)), "")


def missing_on_the_page() -> list[str]:
    """Return the reasons that the page does not give."""
    page = PAGE.read_text(encoding="utf-8")
    return [one.why for one in SURVIVORS if one.why not in page]
