"""Records as bytes, drawn with oddities that must be read right and at most one fault.

Each file carries what was done to it and what must come of it, so that a law can count how often
each oddity and each fault was met.
"""

import re
from dataclasses import dataclass, field

from linumpy.core.slice_id import SliceId
from linumpy.io.slice_config import new_row
from tests.strategies import NASTY_TEXTS, tapes

TEXT_ODDITIES = {
    "line break in a text": "[\\r\\n\u2028]",
    "quote in a text": '"',
    "separator in a text": "[,;\\t]",
    "formula-like text": "^[=+@-]",
    "blanks around a text": r"^\s|\s$",
    "letters beyond ASCII": r"[^\0-\x7f]",
    "text that looks like a flag or a comment": r"^(true|0\.5|#.*|')$",
}


def text_oddity(text):
    """Return the first that a text shows; an empty one shows none."""
    return next((name for name, sign in TEXT_ODDITIES.items() if re.search(sign, text)), "")


BOOLEANS = (
    ("true", True, ""), ("false", False, ""), ("TRUE", True, "boolean in capitals"),
    ("Yes", True, "yes or no"), ("no", False, "yes or no"), ("1", True, "1 or 0"),
    ("0", False, "1 or 0"), (" false ", False, "padded boolean"),
)  # fmt: skip
CELLS = {  # text, value, oddity
    "use": BOOLEANS,
    "galvo_fix": (*BOOLEANS, ("", False, "empty boolean")),
    "rehoming_reliable": (*BOOLEANS, ("", None, "empty boolean"), ("  ", None, "blank cell")),
    "quality_score": (
        ("0.812", 0.812, ""), ("", None, "empty score"), ("8.12E-1", 0.812, "scientific score"),
        ("+.5", 0.5, "score without a leading digit"), ("1", 1.0, "whole score"),
        (" 0.25 ", 0.25, "padded score"), ("0.123456789", 0.123456789, "score of many digits"),
        ("-0", 0.0, "minus zero"),
    ),
    "notes": tuple((text, text, text_oddity(text)) for text in NASTY_TEXTS),
    "operator": (("JL", "JL", "extra column"), ("", "", "extra column")),
}  # fmt: skip
ID_FORMS = (
    ("{:02d}", ""), ("{}", "short id"), ("{}.0", "id with decimals"), (" {} ", "padded id"),
    ("{:05d}", "id with more zeros"),
)  # fmt: skip
LINE_ENDS = {"\n": "", "\r\n": "CRLF", "\r": "CR only"}

CELL_FAULTS = {  # name: (column, texts, what the message says)
    "boolean unknown": ("use", ("flase", "WAHR", "t", "2", "1.0", "ja"), "is not a boolean"),
    "boolean empty": ("use", ("", "  "), "is empty, a boolean is needed"),
    "flag unknown": ("galvo_fix", ("maybe", "-1", "True."), "is not a boolean"),
    "optional flag unknown": ("rehoming_reliable", ("?", "None", "n/a"), "is not a boolean"),
    "score outside": ("quality_score", ("1.001", "2", "-0.1", "1e999"), "is outside 0 to 1"),
    "score no number": ("quality_score", ("high", "nan", "inf", "0x1", "1_0", "٠"), "not a number"),
    "id negative": ("slice_id", ("-1", "-0"), "is not a slice id"),
    "id no number": ("slice_id", ("z07", "x", "٧", "1e2x"), "is not a slice id"),
    "id a date": ("slice_id", ("01-Mar", "2024-03-01"), "is not a slice id"),
    "id in scientific form": ("slice_id", ("1E+02",), "is not a slice id"),
    "half an id": ("slice_id", ("7.5", "7.01"), "is not a slice id"),
    "id too long": ("slice_id", ("9" * 5000,), "is not a slice id"),
    "id empty": ("slice_id", ("", " "), "is empty, a slice id is needed"),
}


class Raw(str):
    """A cell that is written as it stands."""

    __slots__ = ()


ROW_FAULTS = {
    "row too short": (lambda cells: cells[:-1], "cells where the header names"),
    "row too long": (lambda cells: [*cells, "x"], "cells where the header names"),
    "text after a quote": (lambda cells: [Raw('"a"b'), *cells[1:]], "the quotes of the record"),
    "quote never ends": (lambda cells: [*cells[:-1], Raw('"a')], "the quotes of the record"),
}
HEADER_FAULTS = {
    "column twice": (lambda names: [*names, "Use"], "stands twice"),
    "column without a name": (lambda names: [*names, " "], "has no name"),
    "no column use": (lambda names: ["used" if n == "use" else n for n in names], "column 'use'"),
    "no column slice_id": (
        lambda names: ["id" if n == "slice_id" else n for n in names],
        "there is no column 'slice_id'",
    ),
}
BYTE_FAULTS = {
    "UTF-16": (lambda raw: raw.decode().encode("utf-16"), "is UTF-16"),
    "UTF-16, big end first": (
        lambda raw: b"\xfe\xff" + raw.decode("utf-8-sig").encode("utf-16-be"),
        "is UTF-16",
    ),
    "UTF-16 without a mark": (lambda raw: raw.decode("utf-8-sig").encode("utf-16-le"), "NUL byte"),
    "not UTF-8": (lambda raw: raw + b"\xe9", "is not UTF-8"),
    "NUL": (lambda raw: raw + b"\0", "NUL byte"),
    "empty": (lambda _: b"", "the file is empty"),
    "blank lines alone": (lambda _: b"\r\n \n", "the file is empty"),
}
OTHER_FAULTS = ("id twice", "decimal comma among commas")
FAULTS = (*CELL_FAULTS, *ROW_FAULTS, *HEADER_FAULTS, *BYTE_FAULTS, *OTHER_FAULTS)
FILE_ODDITIES = (
    "CRLF", "CR only", "byte order mark", "blank lines", "no newline at the end", "semicolons",
    "decimal comma", "header in capitals", "padded header", "columns in another order",
    "columns missing", "needless quotes", "no rows",
)  # fmt: skip
ODDITIES = (
    *FILE_ODDITIES,
    *dict.fromkeys(
        what
        for what in (*(o for cells in CELLS.values() for *_, o in cells), *(o for _, o in ID_FORMS))
        if what
    ),
)


@dataclass
class OddFile:
    """``rows`` is what must be read; or ``says`` and ``line`` stand in the refusal."""

    content: bytes = b""
    oddities: set = field(default_factory=set)
    fault: str = ""
    says: str = ""
    line: int | None = None
    rows: dict = field(default_factory=dict)


def odd_files():
    """A file of at most four slices; every second one has a fault."""
    return tapes(128, an_odd_file)


def an_odd_file(tape):
    file = OddFile(fault=tape.pick(FAULTS) if tape.below(2) else "")
    is_odd = {name: tape.below(4) == 1 for name in FILE_ODDITIES}
    names, lines = grid(tape, file, is_odd)
    separator = ";" if is_odd["semicolons"] else ","
    target = plant(tape, file, names, lines, separator)
    file.content = rendered(tape, file, is_odd, separator, [names, *lines], target)
    if file.fault in BYTE_FAULTS:
        change, file.says = BYTE_FAULTS[file.fault]
        file.content, file.line = change(file.content), None
    return file


def grid(tape, file, is_odd):
    """Draw names and cells as texts, and the rows that they mean."""
    names = ["slice_id", "use", *tape.some([*CELLS][1:], 5)]
    wanted = CELL_FAULTS[file.fault][0] if file.fault in CELL_FAULTS else "use"
    names += [] if wanted in names else [wanted]
    if file.fault == "decimal comma among commas" and "quality_score" not in names:
        names.append("quality_score")
    if is_odd["columns in another order"]:
        names = tape.shuffled(names)
        file.oddities.add("columns in another order")
    if len(names) < len(CELLS) + 1:
        file.oddities.add("columns missing")
    n_rows = 0 if not file.fault and is_odd["no rows"] else 1 + tape.below(4)
    ids = [*dict.fromkeys(tape.below(1201) for _ in range(n_rows))]
    file.oddities |= set() if ids else {"no rows"}
    lines = []
    for number in ids:
        row = new_row(number, use=False) | ({"operator": ""} if "operator" in names else {})
        lines.append([])
        for name in names:
            text, value, odd = cell(tape, name, number)
            lines[-1].append(text)
            row[name] = value
            file.oddities |= {odd} - {""}
        file.rows[SliceId(number)] = row
    return names, lines


def cell(tape, name, number):
    if name == "slice_id":
        form, odd = tape.pick(ID_FORMS)
        return form.format(number), str(SliceId(number)), odd
    return tape.pick(CELLS[name])


def plant(tape, file, names, lines, separator):
    """Put the fault of the grid in; return the index of its row, 0 for the header."""
    target = 1 + tape.below(len(lines)) if lines else 0
    if file.fault in CELL_FAULTS:
        column, texts, file.says = CELL_FAULTS[file.fault]
        lines[target - 1][names.index(column)] = tape.pick(texts)
    elif file.fault == "decimal comma among commas":
        file.says = "is not a number from 0 to 1" if separator == "," else "is outside 0 to 1"
        text = "0,812" if separator == "," else "1,812"
        lines[target - 1][names.index("quality_score")] = text
    elif file.fault == "id twice":
        again = list(lines[target - 1])
        again[names.index("slice_id")] = f"{int(float(again[names.index('slice_id')]))}.00"
        lines.append(again)
        target, file.says = len(lines), "which already stands on line"
    elif file.fault in HEADER_FAULTS:
        change, file.says = HEADER_FAULTS[file.fault]
        names[:] = change(names)
        for cells in lines:
            cells.extend(["x"] * (len(names) - len(cells)))
        target = 0
    elif file.fault in ROW_FAULTS:
        change, file.says = ROW_FAULTS[file.fault]
        if file.fault == "quote never ends":  # before another quote it would end there
            target = len(lines)
        lines[target - 1] = change(lines[target - 1])
    return target


def rendered(tape, file, is_odd, separator, table, target):
    """Return the bytes of the grid and note the oddities that were applied."""
    end = tape.pick([*LINE_ENDS]) if is_odd["CRLF"] or is_odd["CR only"] else "\n"
    file.oddities |= {LINE_ENDS[end]} - {""}
    applied = {"byte order mark", "blank lines", "no newline at the end", "needless quotes"}
    applied |= {"semicolons", "header in capitals", "padded header"}
    file.oddities |= {name for name in applied if is_odd[name]}
    parts = []
    for i, cells in enumerate(table):
        shown = [
            written(file, is_odd, separator, name, text)
            for name, text in zip(padded(table[0], cells), cells, strict=True)
        ]
        if i == 0:
            shown = [header(is_odd, text) for text in shown]
        blank = (end + "  " + end) if is_odd["blank lines"] else ""
        if i == target:
            before = "".join(parts) + blank
            file.line = len(re.findall(r"\r\n|\r|\n", before)) + 1
        parts.append(blank + separator.join(shown) + end)
    text = "".join(parts)
    if is_odd["no newline at the end"]:
        text = text.removesuffix(end)
    return text.encode("utf-8-sig" if is_odd["byte order mark"] else "utf-8")


def padded(names, cells):
    return [*names, *[""] * (len(cells) - len(names))][: len(cells)]


def header(is_odd, name):
    name = name.upper() if is_odd["header in capitals"] and "perator" not in name else name
    return f" {name} " if is_odd["padded header"] and '"' not in name else name


def written(file, is_odd, separator, name, text):
    """Return a cell as a program writes it, with a decimal comma in semicolon files."""
    if isinstance(text, Raw):
        return text
    if separator == ";" and is_odd["decimal comma"] and name == "quality_score" and "." in text:
        file.oddities.add("decimal comma")
        text = text.replace(".", ",")
    if is_odd["needless quotes"] or re.search(r'["\r\n]', text) or separator in text:
        return '"' + text.replace('"', '""') + '"'
    return text
