"""Write one page with a row per brain."""

from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source, SourceFlag
from linumpy.cli.runtime import Job


@dataclass(frozen=True, kw_only=True)
class Params:
    """Write one page with a row per brain: slices by fate, size, picture, link to its report.

    Folders of linum_reconstruct.py and of the workflows, of a second contrast, finished or not. The
    links lead to folders beside the page, so it belongs into INPUT_DIR. Memory: one coarse level of
    a volume (64 MB).
    """

    input_dir: Source
    """folder that holds a folder per brain"""
    output_page: Product
    """the page, one offline file; its rows go beside it as <stem>.json"""
    outcomes: SourceFlag = None
    """folder of <subject>.outcome.json: how the runs of a workflow ended"""


def run(p: Params, job: Job) -> None:
    """Look into every folder, write the page."""
    import logging

    from linumpy.report import overview

    job.progress(0, 2)
    brains = overview.gather(p.input_dir, p.outcomes)
    job.progress(1, 2)
    overview.write(brains, p.output_page)
    job.progress(2, 2)
    logging.getLogger(__name__).info("%s: %s", p.output_page, overview.verdict(brains))


COMMAND = Command(Params, run)
main = COMMAND.main
