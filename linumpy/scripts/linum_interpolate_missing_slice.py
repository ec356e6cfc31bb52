"""Fill the slot of a single missing slice from its two neighbours, or say why not."""

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from linumpy.cli.command import (
    Command,
    Count,
    Fraction,
    ProductFlag,
    Role,
    SourceFlag,
)
from linumpy.cli.fields import Fragments, SlicingInterval
from linumpy.cli.runtime import Job

if TYPE_CHECKING:
    from linumpy.core.slice_id import SliceId
    from linumpy.io.diagnostics import Json
    from linumpy.stack.interpolate import Neighbours
    from linumpy.stack.morph_gates import Gates, Morph

SourceOrNone = Annotated[Path | None, tyro.conf.Positional, Role(is_source=True)]
ProductOrNone = Annotated[Path | None, tyro.conf.Positional, Role(is_source=False)]
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Params:
    """Fill the slot of a single missing slice from its two neighbours, or say why not.

    Beside OUTPUT: slice_zNN_manifest.csv, slice_zNN_interpolated_diagnostics.json and
    slice_zNN_interpolated_preview.png. When a gate refuses, these are written, the volume is not,
    and the exit code is 0. With --finalise: merge the manifests into the record. Memory: a few
    planes of each neighbour, 8 planes of the output.
    """

    slice_before: SourceOrNone = None
    """the slice cut before the missing one, in common space"""
    slice_after: SourceOrNone = None
    """the slice cut after it"""
    output: ProductOrNone = None
    """slice_zNN_interpolated.ome.zarr"""
    method: Literal["zmorph", "average", "weighted"] = "zmorph"
    """morph by registration; mean of both slices; that mean smoothed along z"""
    blend_method: Literal["gaussian", "linear"] = "gaussian"
    """weights: by depth and by distance to the border of the data, or by depth alone"""
    overlap_search_window: Count = 5
    """planes of each slice among which the boundary planes are chosen"""
    min_overlap_correlation: Fraction = 0.3
    """correlation of the boundary planes below which nothing is made"""
    reference_slab_size: Count = 3
    """planes averaged at each boundary"""
    min_foreground_fraction: Fraction = 0.1
    """share of tissue that a boundary plane needs"""
    min_ncc_improvement: Fraction = 0.05
    """what registration must add to the correlation of a pair that was not aligned"""
    aligned_ncc: Fraction = 0.8
    """correlation from which the planes count as aligned already: no improvement is asked for"""
    slicing_interval_mm: SlicingInterval = None
    slice_id: str | None = None
    """id of the missing slice; default: the one in the name of OUTPUT"""
    placement: SourceFlag = None
    """what the stage wrote of another contrast of these slices: it is morphed as that one was"""
    diagnostics: ProductFlag = None
    """numbers behind the decision; default: beside OUTPUT"""
    manifest_entry: ProductFlag = None
    """the fragment of the record; default: beside OUTPUT"""
    preview: ProductFlag = None
    """picture; default: beside OUTPUT"""
    finalise: bool = False
    """merge fragments into the record instead of interpolating"""
    slice_config_in: SourceFlag = None
    """slice_config.csv to stamp, with --finalise"""
    slice_config_out: ProductFlag = None
    """where the stamped slice_config.csv goes"""
    fragments: Fragments = None


def run(p: Params, job: Job) -> None:
    """Interpolate, or merge what was interpolated into the record."""
    if p.finalise:
        _finalise(p, job)
    else:
        _interpolate(p, job)


def _interpolate(p: Params, job: Job) -> None:
    from functools import partial

    from linumpy.io import atomic
    from linumpy.io.slice_folder import find_interval_mm, open_slices
    from linumpy.scripts import interpolate_steps as steps
    from linumpy.scripts.slice_planes import plane_source
    from linumpy.stack.interpolate import Neighbours, plan_morph

    slice_id, sources, output = _inputs(p)
    volumes = open_slices(sources)
    before, after = volumes.values()
    interval_planes = find_interval_mm(volumes, p.slicing_interval_mm) / before.spacing.z_mm
    read = partial(plane_source, may_be_dark=p.placement is not None)
    neighbours = Neighbours(read(before), read(after), interval_planes)
    gates, morph = _gates(p), None
    if p.placement is not None and p.method == "zmorph":
        morph = steps.read_morph(p.placement)
    elif p.method == "zmorph":
        threshold = before.attributes.get("tissue_threshold")
        morph = plan_morph(neighbours, gates, tissue_threshold=threshold)
    reason = morph.reason if morph else None
    job.progress(1, 3)
    if reason is None:
        made: dict[str, Json] = {
            "kind": "interpolated",
            "slice_id": slice_id,
            "interpolation_method": p.method,
            "interpolated_from": list(sources),
        }
        shape = (neighbours.n_out, *before.shape[1:])
        planes = steps.planes_of(neighbours, p.method, morph, gates)
        steps.write_volume(output, planes, shape, before, made)
    else:
        atomic.remove(output)  # what an earlier run made here must not stay
    job.progress(2, 3)
    _write_beside(p, slice_id, output, neighbours, morph)
    if reason:
        log.warning("z%s: not interpolated (%s); the slot stays a gap", slice_id, reason)
    else:
        log.info("z%s: interpolated by %s", slice_id, p.method)
    job.progress(3, 3)


def _write_beside(
    p: Params,
    slice_id: "SliceId",
    output: Path,
    neighbours: "Neighbours",
    morph: "Morph | None",
) -> None:
    """Write picture, numbers and fragment, also where nothing was made."""
    from linumpy.io import atomic
    from linumpy.scripts import interpolate_steps as steps

    beside = output.parent / f"slice_z{slice_id}"
    gates = _gates(p)
    reason = morph.reason if morph else None
    numbers = steps.explain(neighbours, p.method, morph, gates)
    numbers |= {
        "slice_id": slice_id,
        "slice_before_path": str(p.slice_before),
        "slice_after_path": str(p.slice_after),
        "output_path": None if reason else str(output),
    }
    picture = steps.draw(neighbours, morph, gates)
    atomic.write_bytes(p.preview or Path(f"{beside}_interpolated_preview.png"), picture)
    atomic.write_json(p.diagnostics or Path(f"{beside}_interpolated_diagnostics.json"), numbers)
    entry = p.manifest_entry or Path(f"{beside}_manifest.csv")
    atomic.write_bytes(entry, steps.fragment(slice_id, p.method, reason))


def _inputs(p: Params) -> "tuple[SliceId, dict[SliceId, Path], Path]":
    """Return the missing id, the neighbours' paths by id, and the output."""
    from linumpy.core.slice_id import SliceId
    from linumpy.errors import BadValue
    from linumpy.io.transforms import id_of

    if p.slice_before is None or p.slice_after is None or p.output is None:
        raise BadValue(
            "slice_before, slice_after and output are needed",
            hint="give three paths, or --finalise with --slice_config_in and --slice_config_out",
        )
    before, after = id_of(p.slice_before), id_of(p.slice_after)
    missing = SliceId(p.slice_id) if p.slice_id is not None else id_of(p.output)
    if before is None or after is None or missing is None:
        raise BadValue(
            f"no slice id in {p.slice_before.name}, {p.slice_after.name} or {p.output.name}",
            hint="name volumes like slice_z07_normalize.ome.zarr, or pass --slice_id",
        )
    if (before.number + 1, after.number - 1) != (missing.number, missing.number):
        raise BadValue(
            f"slice {missing} does not lie alone between {before} and {after}",
            hint="only gaps of a single slice are interpolated",
        )
    return missing, {before: p.slice_before, after: p.slice_after}, p.output


def _gates(p: Params) -> "Gates":
    from linumpy.stack.morph_gates import Gates

    return Gates(
        overlap_search_window=p.overlap_search_window,
        reference_slab_size=p.reference_slab_size,
        min_foreground_fraction=p.min_foreground_fraction,
        min_overlap_correlation=p.min_overlap_correlation,
        min_ncc_improvement=p.min_ncc_improvement,
        aligned_ncc=p.aligned_ncc,
        blend_method=p.blend_method,
    )


def _finalise(p: Params, job: Job) -> None:
    """Merge the fragments into the record; without any, the record stays as it is."""
    from linumpy.errors import BadValue
    from linumpy.io import history, slice_config
    from linumpy.scripts import interpolate_steps as steps

    if p.slice_config_in is None or p.slice_config_out is None:
        raise BadValue(
            "--finalise needs --slice_config_in and --slice_config_out",
            hint="give the record to stamp and where the stamped one goes",
        )
    rows = slice_config.read(p.slice_config_in)
    merged = slice_config.merge_fragments(rows, p.fragments if p.fragments is not None else ())
    history.write_record(p.slice_config_out, merged, before=p.slice_config_in, author=job)
    summary = p.slice_config_out.with_name("slice_interpolation_metrics.json")
    steps.write_summary(summary, p.slice_config_out, rows, merged)


COMMAND = Command(
    Params,
    run,
    stamps=(
        "interpolated",
        "interpolation_failed",
        "interpolation_method_used",
        "interpolation_fallback_reason",
    ),
)
main = COMMAND.main
