"""Files as they are found: a reader that says what is wrong and goes on.

For the report, which must be written also for a run that broke off. Where a wrong file must stop
the work, use the strict readers of this room.
"""

import csv
import io
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A file that is there and cannot be read, and why."""

    path: Path
    why: str


@dataclass(slots=True)
class Reader:
    """Reads what it can; ``unreadable`` collects what it could not, in order.

    A file that is absent is no fault: a stage may not have run.
    """

    unreadable: list[Unreadable] = field(default_factory=list)

    def text(self, path: Path) -> str | None:
        """Return a text file, or None when it is absent or cannot be read."""
        try:
            return path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            self.reject(path, f"cannot be read as text ({error})")
            return None

    def json(self, path: Path) -> dict[str, Any]:  # Any: JSON
        """Return a JSON object; empty when it is absent or is none."""
        text = self.text(path)
        if text is None:
            return {}
        return self._object(path, text) or {}

    def json_lines(self, path: Path) -> list[dict[str, Any]]:  # Any: JSON
        """Return the objects of a JSON-lines file; a broken line is left out and named."""
        lines = (self.text(path) or "").splitlines()
        found = [
            self._object(path, line, where=f"line {number}: ")
            for number, line in enumerate(lines, start=1)
            if line.strip()
        ]
        return [one for one in found if one is not None]

    def table(self, path: Path) -> list[dict[str, str]]:
        """Return the rows of a CSV file by column name; missing cells are empty."""
        text = self.text(path)
        if text is None:
            return []
        try:
            rows = list(csv.DictReader(io.StringIO(text, newline=""), restval=""))
        except csv.Error as error:
            self.reject(path, f"is not a table ({error})")
            return []
        return [{str(k): str(v) for k, v in row.items() if k is not None} for row in rows]

    def reject(self, path: Path, why: str) -> None:
        """Note that a file cannot be used, and why."""
        self.unreadable.append(Unreadable(path, why))

    def _object(self, path: Path, text: str, where: str = "") -> dict[str, Any] | None:
        try:
            value = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            self.reject(path, f"{where}is not whole JSON ({error})")
            return None
        if not isinstance(value, dict):
            self.reject(path, f"{where}holds a {type(value).__name__}, not an object")
            return None
        return value
