"""The report as a file: one HTML page, plain text or a zip, and its JSON sibling.

No algorithm is called and nothing is measured here; `report.sections` says what is shown.
"""

import base64
import dataclasses
import io
import json
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from linumpy.errors import BadValue
from linumpy.io import atomic
from linumpy.report import facts as facts_io
from linumpy.report.contexts import Context, Headline, Warnings
from linumpy.report.facts import Facts
from linumpy.report.sections import SECTIONS
from linumpy.report.style import Picture

Format = Literal["html", "text", "zip", "auto"]
BY_SUFFIX: dict[str, Format] = {".html": "html", ".htm": "html", ".zip": "zip"}
DEFAULT_TITLE = "Pipeline Quality Report"
_EPOCH = (1980, 1, 1, 0, 0, 0)  # of zip entries: the same facts give the same bytes


@dataclass(frozen=True, slots=True)
class Built:
    """A section with what fills it."""

    anchor: str
    title: str
    caption: str
    context: Context

    @property
    def kind(self) -> str:
        """Name of the context's type; it chooses the template."""
        return type(self.context).__name__

    @property
    def template(self) -> str:
        """The template that shows it."""
        return f"{self.kind.lower()}.html"


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that is printed."""

    title: str
    folder: str
    version: str
    finished: str
    sibling: str
    sections: tuple[Built, ...]
    facts: Facts

    @property
    def verdict(self) -> str:
        """The sentence at the top."""
        return next(s.context.verdict for s in self.sections if isinstance(s.context, Headline))


def build(root: Path, *, title: str = DEFAULT_TITLE, sibling: str = "quality_report.json") -> Page:
    """Read a run folder and build every section; an empty folder gives an almost empty page."""
    found = facts_io.gather(root)
    run = found.evidence.run
    finished = dict(run.versions).get("finished", "")
    return Page(
        title=f"{run.subject} · {title}" if run.subject else title,
        folder=str(root.absolute()),
        version=run.version,
        finished=finished.replace("T", " ")[:16],
        sibling=sibling,
        sections=tuple(Built(s.anchor, s.title, s.caption, s.build(found)) for s in SECTIONS),
        facts=found,
    )


def write(page: Page, path: Path, format_: Format = "auto") -> None:
    """Write the page, and its facts as JSON beside it; each file appears whole.

    Parameters
    ----------
    page : Page
        What `build` returned.
    path : path
        Where the report goes; ``<stem>.json`` goes beside it.
    format_ : {"html", "text", "zip", "auto"}
        auto goes by the suffix: .html, .zip, anything else is plain text.

    Raises
    ------
    BadValue
        If the path ends in .json, which is the sibling's name.
    OSError
        Whatever the disk says; what stood there still stands.
    """
    check_output(path)
    chosen = BY_SUFFIX.get(path.suffix.lower(), "text") if format_ == "auto" else format_
    if chosen == "html":
        atomic.write_text(path, to_html(page))
    elif chosen == "zip":
        atomic.write_bytes(path, to_zip(page))
    else:
        atomic.write_text(path, to_text(page))
    atomic.write_json(path.with_suffix(".json"), to_json(page))


def to_html(page: Page, *, link: Callable[[Picture], str] | None = None) -> str:
    """Return the page as HTML; pictures stand in it, unless ``link`` says where they are."""
    return environment().get_template("page.html").render(page=page, link=link or data_uri)


def to_text(page: Page) -> str:
    """Return the page as plain text, without pictures."""
    return environment().get_template("page.txt").render(page=page)


def to_zip(page: Page) -> bytes:
    """Return ``index.html`` with its pictures as files under ``previews/<section>/``."""
    stored: dict[str, str | bytes] = {}
    places = {
        id(picture): f"previews/{section.anchor}/{picture.name}"
        for section in page.sections
        for picture in _pictures(section.context)
    }

    def link(picture: Picture) -> str:
        stored[places[id(picture)]] = picture.data
        return places[id(picture)]

    index = to_html(dataclasses.replace(page, sibling="report.json"), link=link)
    facts = json.dumps(to_json(page), indent=1, ensure_ascii=False, allow_nan=False)
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        files: dict[str, str | bytes] = {"index.html": index, "report.json": facts, **stored}
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def to_json(page: Page) -> dict[str, Any]:  # Any: JSON
    """Return the facts of the page as JSON values; pictures by name and alternative text."""
    found = page.facts
    implied = found.implied_axial
    return {
        "title": page.title,
        "folder": page.folder,
        "version": page.version,
        "fates": dict(found.counts),
        "slices": len(found.rows),
        "adds_up": found.adds_up,
        "implied_axial": None
        if implied is None
        else {**dataclasses.asdict(implied), "is_off": implied.is_off},
        "warnings": [
            plain(item)
            for section in page.sections
            if isinstance(section.context, Warnings)
            for item in section.context.items
        ],
        "sections": {s.anchor: {"kind": s.kind, **plain(s.context)} for s in page.sections},
    }


def plain(value: object) -> Any:  # Any: JSON
    """Return a context as JSON values; a picture becomes its name and alternative text."""
    if isinstance(value, Picture):
        return {"name": value.name, "alt": value.alt}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value


def data_uri(picture: Picture) -> str:
    """Return a picture as a ``data:`` address."""
    return f"data:{picture.mime};base64,{base64.b64encode(picture.data).decode('ascii')}"


def environment() -> Environment:
    """Return what fills the templates of this room; every value is escaped."""
    return Environment(
        loader=PackageLoader("linumpy.report"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=False,
        keep_trailing_newline=True,
    )


def check_output(path: Path) -> None:
    """Refuse a report that its own JSON would overwrite.

    Raises
    ------
    BadValue
        If the path ends in .json.
    """
    if path.suffix.lower() == ".json":
        raise BadValue(
            f"{path}: the facts are written as JSON by themselves, beside the report",
            hint="name the report .html, .zip or .txt",
        )


def _pictures(value: object) -> list[Picture]:
    if isinstance(value, Picture):
        return [value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        parts = [getattr(value, f.name) for f in dataclasses.fields(value)]
        return [picture for part in parts for picture in _pictures(part)]
    if isinstance(value, tuple):
        return [picture for part in value for picture in _pictures(part)]
    return []
