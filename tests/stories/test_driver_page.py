"""The page is written again when it would say something else, and only then."""

import dataclasses
from types import SimpleNamespace

import pytest

from linumpy.io import atomic
from linumpy.pipeline import summary
from linumpy.scripts import linum_generate_pipeline_report as report

WRITE_REPORT = summary.write_report  # the fixture ``run`` puts another in its place


@pytest.fixture
def drawn(monkeypatch):
    """Write a page of one line, and count how often."""
    pages = []

    def draw(p, _job):
        pages.append(p.output_report)
        atomic.write_text(p.output_report, "page\n")
        atomic.write_json(p.output_report.with_suffix(".json"), {"implied_axial": None})

    stub = SimpleNamespace(COMMAND=dataclasses.replace(report.COMMAND, run=draw))
    monkeypatch.setattr(summary, "write_report", WRITE_REPORT)
    monkeypatch.setattr(summary, "report", stub)
    return pages


def test_the_page_is_written_when_it_would_say_something_else(run, drawn, monkeypatch):
    "Not by a run that has nothing to do; again when it was changed, lost, or a slice was edited."
    monkeypatch.setattr(summary, "write_report", WRITE_REPORT)
    for n_pages in (1, 1):
        assert run.go() == 0
        assert len(drawn) == n_pages
    page = run.out / "quality_report.html"
    page.write_text("somebody's line\n")
    assert run.go() == 0
    assert page.read_text() == "page\n"
    page.unlink()
    assert run.go() == 0
    assert page.exists()
    assert len(drawn) == 3
    run.edit("01", notes="a bubble")
    for _ in range(2):
        assert run.go() == 0
    assert len(drawn) == 4
