"""The generated tables of docs/slice_config.md; ``python -m tests.io.record_page`` writes them."""

import importlib
import pkgutil
import re
import tempfile
from pathlib import Path

from linumpy import scripts
from linumpy.io import shifts, slice_config
from tests.io.hostile import CASES, verdict

PAGE = Path(__file__).parents[2] / "docs" / "slice_config.md"
BLOCK = "<!-- generated: {} -->\n"
KINDS = {
    "id": "id",
    "boolean": "boolean",
    "optional_boolean": "boolean, may be empty",
    "score": "number from 0 to 1, may be empty",
    "number": "number",
    "text": "text",
}


def columns() -> str:
    """Every column, and who stamps it by its own declaration."""
    stamps: dict[str, list[str]] = {}
    for module in pkgutil.iter_modules(scripts.__path__):
        if module.name.startswith("linum_"):
            command = importlib.import_module(f"linumpy.scripts.{module.name}").COMMAND
            for name in command.stamps:
                stamps.setdefault(name, []).append(f"`{command.name}`")
    rows = [
        (f"`{one.name}`", KINDS[one.kind], ", ".join(stamps.get(one.name, [])), one.description)
        for one in slice_config.COLUMNS
    ]
    return table(("column", "holds", "stamped by", "meaning"), rows)


def shift_columns() -> str:
    """The columns of the shifts file."""
    rows = [(f"`{one.name}`", KINDS[one.kind], one.description) for one in shifts.COLUMNS]
    return table(("column", "holds", "meaning"), rows)


def files() -> str:
    """What becomes of each hostile file."""
    with tempfile.TemporaryDirectory() as folder:
        rows = [(case.name, shown(case.content), verdict(case, Path(folder))) for case in CASES]
    return table(("file", "content", "verdict"), rows)


def shown(content: bytes) -> str:
    text = repr(content)[2:-1] if len(content) < 90 else f"{content[:40]!r}… ({len(content)} bytes)"
    return f"`{text}`" if text else ""


def table(header, rows) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(
        f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines
    )


TABLES = {"columns": columns, "shift columns": shift_columns, "files": files}


def filled(text: str, *names: str) -> str:
    """Return the page with the named tables made again."""
    for name in names:
        start, end = BLOCK.format(name), BLOCK.format(f"end of {name}")
        pattern = re.compile(f"{re.escape(start)}.*?{re.escape(end)}", re.DOTALL)
        assert pattern.search(text), f"docs/slice_config.md has no table {name!r}"
        block = f"{start}\n{TABLES[name]()}\n\n{end}"
        text = pattern.sub(lambda _, block=block: block, text)
    return text


if __name__ == "__main__":
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8"), *TABLES), encoding="utf-8")
