"""The voxels of the stack, block by block, from slices that lie where they belong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from linumpy.core.slice_id import SliceId
from linumpy.stack.blend import Labels, Layer, Share, attribute, compose
from linumpy.stack.pose import Pose, Source, Voxels, read_posed


@dataclass(frozen=True, slots=True)
class Positioned:
    """A slice in the stack: its planes, where it lies in the plane, and where in depth."""

    layer: Layer
    source: Source
    pose: Pose


@dataclass(frozen=True, slots=True)
class Stacked:
    """A block of the stack: its voxels, and which slice each shows (id + 1; 0: none)."""

    voxels: Voxels
    labels: Labels


def stack_block(
    slices: Mapping[SliceId, Positioned],
    shares: Sequence[Sequence[Share]],
    block: tuple[slice, slice, slice],
) -> Stacked:
    """Return one block of the stack.

    Parameters
    ----------
    slices : mapping
    shares : sequence
        For every plane of the stack, from `blend.share_planes`.
    block : tuple of slice
        Of the stack, (z, y, x).

    Returns
    -------
    Stacked
        float32 and uint32, shape of the block; both 0 where nothing was measured. Holds the planes
        of every slice that shows in the block.
    """
    planes, rows, columns = block
    size = (planes.stop - planes.start, rows.stop - rows.start, columns.stop - columns.start)
    needed: dict[SliceId, list[int]] = {}
    for share in (share for z in range(planes.start, planes.stop) for share in shares[z]):
        needed.setdefault(share.layer.slice_id, []).append(share.plane)
    posed = {
        slice_id: _read_planes(slices[slice_id], slice(min(used), max(used) + 1), rows, columns)
        for slice_id, used in needed.items()
    }
    first = {slice_id: min(used) for slice_id, used in needed.items()}

    def plane_of(share: Share) -> Voxels:
        slice_id = share.layer.slice_id
        plane: Voxels = posed[slice_id][share.plane - first[slice_id]]
        return plane

    result = Stacked(np.zeros(size, dtype=np.float32), np.zeros(size, dtype=np.uint32))
    for i, z in enumerate(range(planes.start, planes.stop)):
        if shares[z]:
            result.voxels[i] = compose(shares[z], plane_of)
            result.labels[i] = attribute(shares[z], plane_of)
    return result


def _read_planes(one: Positioned, planes: slice, rows: slice, columns: slice) -> Voxels:
    return read_posed(one.source, one.pose, (planes, rows, columns))
