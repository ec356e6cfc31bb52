"""Walks over a volume block by block, and how large a block may be."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from linumpy.compute.blocks import ordered_map

Block = tuple[slice, slice, slice]
Shape = tuple[int, int, int]


def blocks(shape: Shape, size: Shape) -> Iterator[Block]:
    """Yield the blocks of at most ``size`` that tile a volume, z slowest.

    Examples
    --------
    >>> [part[2] for part in blocks((1, 1, 5), (1, 1, 3))]
    [slice(0, 3, None), slice(3, 5, None)]
    """
    starts = [range(0, n, step) for n, step in zip(shape, size, strict=True)]
    for z in starts[0]:
        for y in starts[1]:
            for x in starts[2]:
                yield (
                    slice(z, min(z + size[0], shape[0])),
                    slice(y, min(y + size[1], shape[1])),
                    slice(x, min(x + size[2], shape[2])),
                )


def n_blocks(shape: Shape, size: Shape) -> int:
    """Return how many blocks `blocks` yields."""
    return math.prod(math.ceil(n / step) for n, step in zip(shape, size, strict=True))


def fit_chunks(shape: Shape, wanted: Shape) -> Shape:
    """Return the wanted chunk, no larger than the volume."""
    z, y, x = (max(1, min(n, step)) for n, step in zip(shape, wanted, strict=True))
    return (z, y, x)


def fill(
    target: Any,  # Any: zarr.Array or numpy array
    function: Callable[[Block], Any],  # Any: float32 array of the block's shape
    size: Shape,
    *,
    workers: int,
    progress: Callable[[int], None] = lambda _n: None,
) -> None:
    """Write every block of a volume: ``target[block] = function(block)``.

    Parameters
    ----------
    target : array
        Shape (z, y, x); ``size`` must be whole shards of it, so each has one writer.
    function : callable
        Block → its voxels; called from several threads.
    size : tuple of int
        Of a block; it and what ``function`` holds are in memory once per worker.
    workers : int
        Threads.
    progress : callable
        Gets 1 after each block.
    """

    def work(block: Block) -> int:
        voxels = function(block)
        if voxels.any():  # blocks of zeros need not exist on disk
            target[block] = voxels
        return 1

    for done in ordered_map(work, blocks(target.shape, size), workers=workers):
        progress(done)
