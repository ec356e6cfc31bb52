"""Two toy commands with files, for tests of the runner: no science, milliseconds."""

from dataclasses import dataclass

from linumpy.cli.command import Command, Product, Source, SourceFlag
from linumpy.cli.runtime import Job
from linumpy.errors import BadFile
from linumpy.io import atomic


@dataclass(frozen=True, kw_only=True)
class DoubleParams:
    """Double a number."""

    source: Source
    """file with a number"""
    product: Product
    """file with twice the number"""
    table: SourceFlag = None
    """a table of which the result uses one value"""
    add: int = 0
    """added to the result"""


def double(p: DoubleParams, job: Job) -> None:
    text = p.source.read_text()
    if text.strip() == "broken":
        raise BadFile(f"{p.source}: not a number")
    job.progress(1, 2)
    atomic.write_text(p.product, str(2 * int(text) + p.add))


DOUBLE = Command(DoubleParams, double)
