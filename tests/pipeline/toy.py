"""Two toy commands with files, for tests of the runner: no science, milliseconds."""

import mmap
import os
import signal
from dataclasses import dataclass
from pathlib import Path

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
    if text.strip() == "cut short":
        read_a_file_that_is_cut_short(p.product.with_suffix(".raw"))
    if text.strip() == "out of memory":
        os.kill(os.getpid(), signal.SIGKILL)
    job.progress(1, 2)
    atomic.write_text(p.product, str(2 * int(text) + p.add))


def read_a_file_that_is_cut_short(path: Path) -> int:
    with path.open("w+b") as file:
        file.truncate(4 * mmap.PAGESIZE)
        pixels = mmap.mmap(file.fileno(), 0)
        file.truncate(0)
        return pixels[mmap.PAGESIZE]  # SIGBUS


DOUBLE = Command(DoubleParams, double)
