"""Write the report of a run: one page that shows what happened to every slice."""

from dataclasses import dataclass
from typing import Literal

from linumpy.cli.command import Command, Product, Source
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Write the report of a run: one page that shows what happened to every slice.

    It reads what the stages left and calls none of them, so it works on a run that broke off, and
    on an empty folder. Memory: one plane of a slice, one coarse level of the volume (64 MB).
    """

    input_dir: Source
    """folder of a run"""
    output_report: Product
    """the report; its facts go beside it as <stem>.json"""
    title: str = "Pipeline Quality Report"
    """heading of the page"""
    format: Literal["html", "text", "zip", "auto"] = "auto"
    """html: one offline page; zip: the page with its pictures as files; text: no pictures;
    auto: by the suffix of the output (.html, .zip, else text)"""


def run(p: Params, job: Job) -> None:
    """Read the folder, build the page, write it and its JSON sibling."""
    import logging

    from linumpy.report import page

    page.check_output(p.output_report)
    job.progress(0, 2)
    found = page.build(
        p.input_dir, title=p.title, sibling=p.output_report.with_suffix(".json").name
    )
    job.progress(1, 2)
    page.write(found, p.output_report, p.format)
    job.progress(2, 2)
    logging.getLogger(__name__).info("%s: %s", p.output_report, found.verdict)


COMMAND = Command(Params, run)
main = COMMAND.main
