"""CSV files as tables of text: what is shared by every record of the project.

Bytes to cells and back, with the line of every cell. What a cell means is in `io.columns`; which
columns a record has is in `io.slice_config` and `io.shifts`.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from linumpy.errors import BadFile, BadValue, InputError, MissingFile

LONGEST_QUOTE = 60  # characters of a cell that an error message repeats
_NEEDS_QUOTES = re.compile(r'[",;\r\n]|\0\s|\s\0')  # a NUL on either side of every text
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong in a file: where, what was found, what is allowed, what to do.

    ``line`` counts from 1 as an editor does; ``column`` is a column's name, empty where the whole
    line is meant; ``found`` is the text of the cell or line.
    """

    line: int
    column: str
    found: str
    what: str
    hint: str
    kind: type[InputError] = BadFile

    @property
    def message(self) -> str:
        """``line 4: use='flase' is not a boolean (…)``; without the file."""
        subject = f"{self.column}={quote(self.found)} " if self.column else ""
        return f"line {self.line}: {subject}{self.what}"

    def error(self, path: Path) -> InputError:
        """Return the error that a reader of ``path`` raises."""
        return self.kind(f"{path} {self.message}", hint=self.hint)


@dataclass(frozen=True, slots=True)
class Table:
    """The cells of a CSV file; every record has one cell per column.

    ``header_line`` is the line of the header, ``lines[i]`` the one on which ``records[i]`` starts.
    ``decimal`` is "," in a semicolon-separated file, as spreadsheets of those countries write it,
    else ".".
    """

    path: Path
    columns: tuple[str, ...]
    records: list[tuple[str, ...]]
    lines: list[int]
    decimal: str
    header_line: int


class _Unreadable(Exception):
    """Carries the problem after which no further cell can be trusted."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.problem = problem


def scan(path: str | Path, known: Sequence[str]) -> tuple[Table, list[Problem]]:
    """Read a CSV file and everything that is wrong with its structure.

    Parameters
    ----------
    path : path
        UTF-8, with or without a byte order mark; comma or semicolon; any line ends.
    known : sequence of str
        Column names that are recognised in any case; other names keep theirs.

    Returns
    -------
    table : Table
        The records that are sound; without any when the file cannot be read further.
    problems : list of Problem
        In the order of lines.

    Raises
    ------
    MissingFile
        If there is no such file.
    BadFile
        If the path is a folder.
    """
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise MissingFile(f"{path} does not exist", hint="check the path") from error
    except IsADirectoryError as error:
        raise BadFile(f"{path} is a folder", hint="give a CSV file") from error
    try:
        return _parse(path, _decode(raw), {name.casefold(): name for name in known})
    except _Unreadable as stop:
        return Table(path, (), [], [], ".", 1), [stop.problem]


def to_bytes(columns: Mapping[str, Sequence[str]]) -> bytes:
    """Return the bytes of a table: comma-separated UTF-8, lines end with LF.

    Parameters
    ----------
    columns : mapping
        Name to the texts of its cells, all of one length.

    Raises
    ------
    BadValue
        If a text cannot be stored: a NUL character or half of a surrogate pair.
    """
    cells = map(_quoted, columns.values())
    lines = [",".join(_quoted([*columns])), *map(",".join, zip(*cells, strict=True))]
    text = "\n".join(lines) + "\n"
    if "\0" in text:
        raise BadValue("a text of the table holds a NUL character", hint="remove it")
    try:
        return text.encode("utf-8")
    except UnicodeEncodeError as error:
        bad = quote(text[error.start : error.end])
        raise BadValue(
            f"a text of the table holds {bad}, half of a surrogate pair", hint="remove it"
        ) from error


def quote(text: str) -> str:
    """Return a text as an error message shows it, long ones cut."""
    return repr(text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…")


def _quoted(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts with quotes around those that need them; mostly one search finds none."""
    distinct = set(texts)
    if not _needs_quotes(distinct):
        return texts
    quoted = {
        text: '"' + text.replace('"', '""') + '"' for text in distinct if _needs_quotes([text])
    }
    return [quoted.get(text, text) for text in texts]


def _needs_quotes(texts: Iterable[str]) -> bool:
    return _NEEDS_QUOTES.search("\0" + "\0".join(texts) + "\0") is not None


def _decode(raw: bytes) -> str:
    if raw.startswith(_UTF16):
        raise _Unreadable(
            Problem(1, "", "", "the file is UTF-16, not UTF-8", "save it as 'CSV UTF-8'")
        )
    if b"\0" in raw:
        line = raw.count(b"\n", 0, raw.index(b"\0")) + 1
        raise _Unreadable(
            Problem(line, "", "\0", "a NUL byte '\\x00' is not text", "save it as 'CSV UTF-8'")
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        bad = raw[error.start : error.end]
        start = raw.rfind(b"\n", 0, error.start) + 1
        raise _Unreadable(
            Problem(
                line,
                "",
                repr(bad),
                f"byte {error.start - start + 1} is {bad!r}, which is not UTF-8",
                "save it as 'CSV UTF-8'",
            )
        ) from error


def _parse(path: Path, text: str, known: dict[str, str]) -> tuple[Table, list[Problem]]:
    delimiter = _delimiter(text)
    records = _records(text, delimiter)
    header_line, header = next(records, (1, None))
    if header is None:
        raise _Unreadable(
            Problem(1, "", "", "the file is empty", "its first line names the columns")
        )
    columns, problems = _header(header_line, header, known)
    table = Table(path, columns, [], [], "," if delimiter == ";" else ".", header_line)
    for line, cells in records:
        if len(cells) == len(columns):
            table.lines.append(line)
            table.records.append(cells)
        else:
            what = f"{len(cells)} cells where the header names {len(columns)} columns"
            shown = delimiter.join(cells)
            problems.append(
                Problem(
                    line,
                    "",
                    shown,
                    f"{what}: {quote(shown)}",
                    "give every column a cell, and quote a text that holds the separator",
                )
            )
    return table, problems


def _delimiter(text: str) -> str:
    """Return ";" when the first line with text has, outside quotes, semicolons and no comma."""
    head = text.lstrip("\r\n \t")
    first = re.sub('"[^"]*"', "", re.split(r"[\r\n]", head, maxsplit=1)[0])
    return ";" if ";" in first and "," not in first else ","


def _records(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yield (first line, cells) of every record that is not a blank line."""
    # A process-wide limit of 128 kB per cell by default; it is only ever raised.
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    line = 1
    try:
        for cells in reader:
            if len(cells) > 1 or (cells and cells[0].strip()):
                yield line, tuple(cells)
            line = reader.line_num + 1
    except csv.Error as error:
        start = quote(re.split(r"\r\n|\r|\n", text)[line - 1])
        raise _Unreadable(
            Problem(
                line,
                "",
                start,
                f"the quotes of the record {start} do not match ({error})",
                'write " inside quotes as ""',
            )
        ) from error


def _header(
    line: int, cells: Sequence[str], known: dict[str, str]
) -> tuple[tuple[str, ...], list[Problem]]:
    names = tuple(known.get(cell.strip().casefold(), cell.strip()) for cell in cells)
    problems = []
    for i, name in enumerate(names):
        if not name:
            problems.append(
                Problem(line, "", "", f"column {i + 1} has no name", "name it or remove it")
            )
        elif name in names[:i]:
            what = f"column {quote(name)} stands twice"
            problems.append(Problem(line, "", name, what, "keep one of them"))
    return names, problems
