"""Simulate a raw acquisition whose truth is known."""

from dataclasses import dataclass
from typing import Literal

from linumpy.cli.command import (
    Command,
    Count,
    CountOrZero,
    Fraction,
    Ids,
    Micrometres,
    Product,
    SourceFlag,
)
from linumpy.cli.runtime import Job

Signs = Literal[1, -1]


@dataclass(frozen=True, kw_only=True)
class Params:
    """Simulate a raw acquisition whose truth is known.

    Writes OUT/raw (tiles), OUT/truth.json (what was planted) and OUT/truth_volume.npy (the
    anatomy, z y x, float16). Holds one slab of anatomy and one tile per worker.
    """

    out: Product
    """folder to make"""
    preset: str = "demo"
    """acquisition to start from: demo, bench, tiny, sweep-01 … sweep-12; other flags change it"""
    simulation_seed: CountOrZero | None = None
    """another seed is another anatomy with other noise"""

    anatomy: Literal["brain", "vessels", "layers"] | None = None
    """procedural anatomy"""
    volume: SourceFlag = None
    """anatomy from a file: NIfTI, OME-Zarr, or NPY (z, y, x)"""
    voxel_um: tuple[Micrometres, ...] | None = None
    """voxel size of that file, one value or z y x, µm; needed for NPY"""
    truth: SourceFlag = None
    """truth.json whose rig, faults and geometry are simulated again"""
    reference_um: Micrometres | None = None
    """voxel of truth_volume.npy, µm; default: the preset's working resolution"""

    grid: tuple[Count, Count] | None = None
    """columns and rows of tiles"""
    ids: Ids | None = None
    """slices to acquire, as 0-5 or 97-101,103"""
    tile_px: tuple[Count, Count] | None = None
    """A-lines and B-scans of a tile"""
    n_extra: CountOrZero | None = None
    """fly-back A-lines of a sweep"""
    n_repeat: Count | None = None
    """frames per B-scan"""
    lateral_um: Micrometres | None = None
    """lateral sampling, µm"""
    axial_um: Micrometres | None = None
    """axial sampling in tissue, µm"""
    axial_written_um: Micrometres | None = None
    """axial sampling that info.txt says, right or wrong, µm; default: it says none"""
    overlap: Fraction | None = None
    """overlap of neighbouring tiles"""
    slice_um: Micrometres | None = None
    """cut interval, µm"""
    image_depth_um: Micrometres | None = None
    """imaged depth, µm"""
    stage_sign_x: Signs | None = None
    """-1: stage x falls with the tile index"""
    stage_sign_y: Signs | None = None
    """-1: stage y falls with the tile index"""
    jitter_um: float | None = None
    """reported jitter of tiles, standard deviation, µm"""
    unreported_jitter_um: float | None = None
    """jitter that the stage does not report, µm"""
    looks: float | None = None
    """speckle averages; 0: no speckle"""
    noise: float | None = None
    """noise floor"""
    vignetting: Fraction | None = None
    """loss of brightness at the edge of a tile"""
    attenuation_per_mm: float | None = None
    """loss of signal with depth, 1/mm"""
    tilt_deg: tuple[float, float] | None = None
    """tilt of the surface along x and y, degrees"""
    gain_drift: Fraction | None = None
    """change of brightness over the slices"""
    layout: Literal["flat", "nested", "software"] | None = None
    """folders: tile_…; z00/tile_…; slice_z00/tiles/tile_… with metadata.json"""
    n_files: Count | None = None
    """image files per tile"""

    faults: bool = True
    """plant the preset's faults"""
    random_faults: CountOrZero = 0
    """plant this many faults drawn from the seed, instead of the preset's"""
    galvo: tuple[str, ...] = ()
    """ID:ROLL:GAIN – band out of place; the roll that undoes it, brightness of the band"""
    glitch: tuple[str, ...] = ()
    """ID:DX:DY – error of the reported position on one slice, mm"""
    rehome: tuple[str, ...] = ()
    """ID:DX:DY – error of the reported position from a slice on, mm"""
    growth: tuple[str, ...] = ()
    """ID:LEFT:RIGHT:TOP:BOTTOM – tiles added from a slice on"""
    rotation_deg: tuple[str, ...] = ()
    """ID:DEGREES – rotation that the stage does not report"""
    hidden_shift_um: tuple[str, ...] = ()
    """ID:DX:DY – translation that the stage does not report, µm"""
    damage: tuple[str, ...] = ()
    """ID:KIND:SEVERITY – motion, blur, dropout, noise, saturation, bad_cut, empty; 0 to 1"""
    missing: Ids = ()
    """slices that are never acquired"""
    missing_tiles: tuple[str, ...] = ()
    """ID:COLUMN:ROW – tiles that are not there"""
    calibration: Ids = ()
    """thick slices"""


def run(p: Params, job: Job) -> None:
    """Plan, then write tile after tile into a folder that appears whole."""
    import json
    import logging

    import numpy as np

    from linumpy.io import atomic
    from linumpy.io.anatomy import read_anatomy
    from linumpy.io.raw_writer import RawWriter
    from linumpy.synth.acquire import render
    from linumpy.synth.reference import reference_volume
    from linumpy.synth.request import Request, plan_request
    from linumpy.synth.truth_file import to_json

    request = Request.from_flags(
        vars(p),
        volume=None if p.volume is None else read_anatomy(p.volume, p.voxel_um),
        like=None if p.truth is None else json.loads(p.truth.read_text(encoding="utf-8")),
    )
    scene, truth = plan_request(request)
    n_tiles = sum(len(one.tile_truths) for one in truth.slices.values())
    with atomic.replacing(p.out) as partial:
        writer = RawWriter(partial / "raw", truth.rig.layout, n_files=truth.rig.n_files)
        done = 0
        for one in render(scene, truth, workers=job.workers):
            for tile in one.tiles:
                writer.write(tile.slice_id, tile.name, tile.pixels, tile.info)
                done += 1
                job.progress(done, n_tiles)
            writer.write_metadata(
                one.slice_id,
                slice_thickness_mm=truth.rig.slice_um / 1000,
                overlap_fraction=truth.rig.overlap,
            )
        atomic.write_json(partial / "truth.json", to_json(truth))
        if request.reference_um is not None:
            anatomy = reference_volume(scene, truth, request.reference_um, workers=job.workers)
            np.save(partial / "truth_volume.npy", anatomy.astype(np.float16))
    logging.getLogger(__name__).info("%s: %d slices, %d tiles", p.out, len(truth.slices), n_tiles)


COMMAND = Command(Params, run)
main = COMMAND.main
