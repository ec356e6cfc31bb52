"""A volume on disk as the planes that registration and interpolation read."""

from linumpy.io.omezarr import Volume, read_block
from linumpy.registration.pairwise import PlaneSource


def plane_source(volume: Volume, *, may_be_dark: bool = False) -> PlaneSource:
    """Return the volume as a source of planes; a broken chunk is an error that names it."""
    return PlaneSource(
        name=str(volume.path),
        n_planes=volume.shape[0],
        read=lambda start, stop: read_block(volume, (slice(start, stop),)),
        may_be_dark=may_be_dark,
    )
