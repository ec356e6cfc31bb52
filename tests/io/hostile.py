"""Files that a record may meet, and what becomes of each; the docs show the same table.

``python -m tests.io.record_page`` writes it into docs/slice_config.md.
"""

from dataclasses import dataclass
from pathlib import Path

from linumpy.errors import LinumpyError
from linumpy.io import slice_config

HEAD = "slice_id,use,notes\n"


@dataclass(frozen=True)
class Case:
    """``says`` is a part of the message of a refusal; ``cell`` = (slice, column, value) is read."""

    name: str
    content: bytes
    says: str = ""
    cell: tuple = ()


def text(name, content, **expected):
    return Case(name, content.encode(), **expected)


CASES = (
    # accepted quietly
    text("minimal file", HEAD + "00,true,\n", cell=("00", "use", True)),
    text("byte order mark", "\ufeff" + HEAD + "00,true,é\n", cell=("00", "notes", "é")),
    text("CRLF", "slice_id,use\r\n07,no\r\n", cell=("07", "use", False)),
    text("CR only (old Macs)", "slice_id,use\r07,no\r", cell=("07", "use", False)),
    text("no newline at the end", "slice_id,use\n07,yes", cell=("07", "use", True)),
    text("blank lines", "\n\nslice_id,use\n\n  \n07,1\n\n", cell=("07", "use", True)),
    text("header in any case", "Slice_ID, USE ,Notes\n07,TRUE,x\n", cell=("07", "notes", "x")),
    text("columns in another order", "notes,use,slice_id\nx,0,07\n", cell=("07", "use", False)),
    text("booleans in any case, padded", HEAD + "07, Yes ,\n", cell=("07", "use", True)),
    text("id 0", HEAD + "0,true,\n", cell=("00", "slice_id", "00")),
    text("id 0.0", HEAD + "0.0,true,\n", cell=("00", "slice_id", "00")),
    text("id '7 '", HEAD + "7 ,true,\n", cell=("07", "slice_id", "07")),
    text("id 100", HEAD + "100,true,\n", cell=("100", "slice_id", "100")),
    text("quoted comma", HEAD + '07,true,"a, b"\n', cell=("07", "notes", "a, b")),
    text("quotes in notes", HEAD + '07,true,"say ""hm"""\n', cell=("07", "notes", 'say "hm"')),
    text("newline in notes", HEAD + '07,true,"a\r\nb\nc"\n', cell=("07", "notes", "a\r\nb\nc")),
    text("blanks around notes", HEAD + "07,true, a \n", cell=("07", "notes", " a ")),
    text("emoji", HEAD + "07,true,🧠 torn\n", cell=("07", "notes", "🧠 torn")),
    text(
        "formula-like notes",
        HEAD + "07,true,=cmd|' /C'!A0\n",
        cell=("07", "notes", "=cmd|' /C'!A0"),
    ),
    text("1 MB of notes", HEAD + f"07,true,{'n' * 10**6}\n", cell=("07", "notes", "n" * 10**6)),
    text("semicolons", "slice_id;use;notes\n07;true;a, b\n", cell=("07", "notes", "a, b")),
    text(
        "semicolons and decimal comma",
        "slice_id;use;quality_score\n07;true;0,812\n",
        cell=("07", "quality_score", 0.812),
    ),
    text(
        "semicolons, comma in a quoted name",
        'slice_id;use;"a, b"\n07;true;x\n',
        cell=("07", "a, b", "x"),
    ),
    text(
        "score in scientific form",
        "slice_id,use,quality_score\n07,1,8.12E-1\n",
        cell=("07", "quality_score", 0.812),
    ),
    text(
        "empty cells are defaults",
        "slice_id,use,quality_score,galvo_fix\n07,1,,\n",
        cell=("07", "galvo_fix", False),
    ),
    text(
        "older schema: extra column",
        "slice_id,use,exclude_reason\n07,1,thin\n",
        cell=("07", "exclude_reason", "thin"),
    ),
    text(
        "later schema: extra columns",
        "slice_id,use,new_flag\n07,1,maybe\n",
        cell=("07", "new_flag", "maybe"),
    ),
    text("header without rows", HEAD),
    # refused
    Case("empty file", b"", "line 1: the file is empty"),
    Case("only blank lines", b"\n \n\n", "line 1: the file is empty"),
    Case("UTF-16", HEAD.encode("utf-16"), "line 1: the file is UTF-16, not UTF-8"),
    Case("UTF-16 without a mark", HEAD.encode("utf-16-le"), "line 1: a NUL byte"),
    Case(
        "Latin-1",
        HEAD.encode() + "07,true,é\n".encode("latin-1"),
        "line 2: byte 9 is b'\\xe9', which is not UTF-8",
    ),
    Case("NUL bytes", HEAD.encode() + b"07,true,a\0b\n", "line 2: a NUL byte"),
    text(
        "boolean misspelt",
        HEAD + "07,flase,\n",
        says="line 2: use='flase' is not a boolean (true, 1, yes, false, 0, no)",
    ),
    text(
        "boolean in German",
        HEAD + "00,true,\n07,WAHR,\n",
        says="line 3: use='WAHR' is not a boolean",
    ),
    text("empty use", HEAD + "07,,\n", says="line 2: use='' is empty, a boolean is needed"),
    text(
        "no column use",
        "slice_id,notes\n07,x\n",
        says="line 1: there is no column 'use'; the header names 'slice_id, notes'",
    ),
    text("no column slice_id", "id,use\n07,true\n", says="line 1: there is no column 'slice_id'"),
    text("tab-separated", "slice_id\tuse\n07\ttrue\n", says="there is no column 'slice_id'"),
    text(
        "no header",
        "00,true\n01,true\n",
        says="there is no column 'slice_id'; the header names '00, true'",
    ),
    text(
        "duplicate id",
        HEAD + "07,true,\n7.0,false,\n",
        says="line 3: slice_id='7.0' is slice 07, which already stands on line 2",
    ),
    text(
        "duplicate column",
        "slice_id,use,USE\n07,true,true\n",
        says="line 1: column 'use' stands twice",
    ),
    text("column without a name", "slice_id,use,\n07,true,\n", says="line 1: column 3 has no name"),
    text("negative id", HEAD + "-1,true,\n", says="line 2: slice_id='-1' is not a slice id"),
    text(
        "id that is no number",
        HEAD + "z07,true,\n",
        says="line 2: slice_id='z07' is not a slice id",
    ),
    text(
        "id made a date by a spreadsheet",
        HEAD + "01-Mar,true,\n",
        says="line 2: slice_id='01-Mar' is not a slice id",
    ),
    text(
        "id in scientific form",
        HEAD + "1E+02,true,\n",
        says="line 2: slice_id='1E+02' is not a slice id",
    ),
    text("half an id", HEAD + "7.5,true,\n", says="line 2: slice_id='7.5' is not a slice id"),
    text("id of 5000 digits", HEAD + f"{'9' * 5000},true,\n", says="line 2: slice_id='999"),
    text("empty id", HEAD + ",true,\n", says="line 2: slice_id='' is empty, a slice id is needed"),
    text(
        "row too short",
        HEAD + "07,true\n",
        says="line 2: 2 cells where the header names 3 columns: '07,true'",
    ),
    text(
        "row too long",
        HEAD + "07,true,a,b\n",
        says="line 2: 4 cells where the header names 3 columns",
    ),
    text(
        "quote that never ends",
        HEAD + '00,true,\n07,true,"a\nb\n',
        says="line 3: the quotes of the record",
    ),
    text(
        "text after a quote",
        HEAD + '07,true,"a"b\n',
        says="line 2: the quotes of the record",
    ),
    text(
        "score over 1",
        "slice_id,use,quality_score\n07,1,1.001\n",
        says="line 2: quality_score='1.001' is outside 0 to 1",
    ),
    text(
        "negative score",
        "slice_id,use,quality_score\n07,1,-0.1\n",
        says="line 2: quality_score='-0.1' is outside 0 to 1",
    ),
    text(
        "score not a number",
        "slice_id,use,galvo_confidence\n07,1,high\n",
        says="line 2: galvo_confidence='high' is not a number from 0 to 1",
    ),
    text(
        "score NaN",
        "slice_id,use,quality_score\n07,1,nan\n",
        says="line 2: quality_score='nan' is not a number",
    ),
    text(
        "score infinite",
        "slice_id,use,quality_score\n07,1,1e999\n",
        says="line 2: quality_score='1e999' is outside 0 to 1",
    ),
    text(
        "decimal comma among commas",
        'slice_id,use,quality_score\n07,1,"0,812"\n',
        says="line 2: quality_score='0,812' is not a number",
    ),
    text(
        "unknown rehoming_reliable",
        "slice_id,use,rehoming_reliable\n07,1,?\n",
        says="line 2: rehoming_reliable='?' is not a boolean",
    ),
    text(
        "lines counted through notes",
        HEAD + '00,true,"a\nb\n"\n07,x,\n',
        says="line 5: use='x' is not a boolean",
    ),
)


def verdict(case: Case, folder: Path) -> str:
    """Return what `read` makes of a case: its rows, or the whole message."""
    path = folder / "slice_config.csv"
    path.write_bytes(case.content)
    try:
        rows = slice_config.read(path)
    except LinumpyError as error:
        return f"refused: {str(error).replace(str(path), path.name)}"
    if not case.cell:
        return f"read: {len(rows)} slices"
    key, column, value = case.cell
    assert rows[key][column] == value
    return f"read: slice {key} has {column} = {shown(value)}"


def shown(value) -> str:
    line = repr(value)
    return line if len(line) <= 40 else f"{line[:20]}… ({len(str(value))} characters)"
