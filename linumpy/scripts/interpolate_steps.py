"""What `linum_interpolate_missing_slice` writes: volume, picture, numbers, fragment, record."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from linumpy.core.slice_id import SliceId
from linumpy.errors import BadFile
from linumpy.io import table
from linumpy.io.diagnostics import Json, Metrics, read_json, to_json, write_metrics
from linumpy.io.omezarr import Level, Volume, create
from linumpy.io.slice_config import Rows
from linumpy.registration.affine import Affine2D
from linumpy.registration.planes import Plane
from linumpy.report.panels import Panel, overlay, to_png
from linumpy.stack import interpolate
from linumpy.stack.interpolate import Method, Neighbours
from linumpy.stack.morph_gates import Gates, Morph, is_trusted

CHUNK_PLANES, CHUNK_PX = 8, 256


def planes_of(
    neighbours: Neighbours, method: Method, morph: Morph | None, gates: Gates
) -> Iterator[Plane]:
    """Yield the planes of the missing slice."""
    if morph is not None:
        return interpolate.morph_planes(neighbours, morph, gates)
    if method == "average":
        return interpolate.average_planes(neighbours)
    return interpolate.weighted_planes(neighbours)


def write_volume(
    path: Path, planes: Iterator[Plane], shape: tuple[int, int, int], like: Volume, made: Json
) -> None:
    """Write planes as a volume on the canvas of ``like``; holds `CHUNK_PLANES` of them."""
    _, rows, columns = shape
    sides = min(CHUNK_PX, rows), min(CHUNK_PX, columns)
    whole = tuple(-(-n // side) * side for n, side in zip((rows, columns), sides, strict=True))
    level = Level(
        shape,
        like.spacing,
        chunks=(CHUNK_PLANES, *sides),
        shards=(CHUNK_PLANES, whole[0], whole[1]),
        origin_mm=like.origin_mm,
    )
    made_of = made if isinstance(made, dict) else {}
    with create(path, [level], attributes={**like.attributes, **made_of}) as new:
        held: list[Plane] = []
        for k, plane in enumerate(planes, 1):
            held.append(plane)
            if len(held) == CHUNK_PLANES or k == shape[0]:
                new.array[k - len(held) : k] = np.stack(held)
                held.clear()


def draw(neighbours: Neighbours, morph: Morph | None, gates: Gates) -> bytes:
    """Return a picture of the boundary planes, how they fit, and the middle of what was made."""
    if morph is None or morph.ref_before is None:
        z = neighbours.last_before
        before, after = neighbours.before.read(z, z + 1)[0], neighbours.after.read(0, 1)[0]
        return to_png([Panel(f"before, plane {z}", before), Panel("after, plane 0", after)])
    before, after = interpolate.reference_planes(neighbours, morph, gates)
    panels = [
        Panel(f"before, plane {morph.ref_before}", before),
        Panel(f"after, plane {morph.ref_after}", after),
        Panel(f"before: red, after: green; NCC {_say(morph.pre_ncc)}", overlay(before, after)),
    ]
    if morph.post_ncc is not None:
        moved = morph.affine.warp(before)
        title = f"registered; NCC {_say(morph.post_ncc)}"
        panels.append(Panel(title, overlay(moved, after)))
    if morph.reason is None:
        middle = interpolate.morph_between(before, after, morph.affine, 0.5, gates.blend_method)
        panels.append(Panel("interpolated, half way", middle))
    return to_png(panels, columns=3)


def explain(
    neighbours: Neighbours, method: Method, morph: Morph | None, gates: Gates
) -> dict[str, Json]:
    """Return the numbers behind the decision (domain.md 2.5); matrices on (x, y), as ITK has them.

    ``affine_matrix`` and ``affine_translation`` map points of after to points of before, pixels,
    about the centre of the plane.
    """
    reason = morph.reason if morph else None
    found: dict[str, object] = {
        "method": method,
        "method_used": None if reason else method,
        "fallback_reason": reason,
        "nz_out": neighbours.n_out,
        "interval_planes": neighbours.interval_planes,
        "interpolation_failed": reason is not None,
    }
    if morph is None:
        return {name: to_json(value) for name, value in found.items()}
    found |= {name: getattr(gates, name) for name in Gates.__slots__}
    found |= {
        "ref_before": morph.ref_before,
        "ref_after": morph.ref_after,
        "search_ncc": morph.search_ncc,
        "pre_reg_ncc": morph.pre_ncc,
        "post_reg_ncc": morph.post_ncc,
        "ncc_improvement": _difference(morph),
        "band_agreement_before": morph.band_pre,
        "band_agreement_after": morph.band_post,
        "is_map_trusted": morph.post_ncc is not None and is_trusted(morph),
        "canvas_shorter_px": morph.shorter_px,
        "fitted_matrix": morph.fitted.matrix[::-1, ::-1],
        "fitted_translation": morph.fitted.translation[::-1],
        "registration_method": "affine, Gauss-Newton",
        "used_identity_transform": morph.is_identity,
        "identity_reason": morph.identity_reason or None,
        "rigid_motion_px": morph.rigid_motion_px,
        "rigid_error_px": morph.rigid_error_px,
        "affine_matrix": morph.affine.matrix[::-1, ::-1],
        "affine_translation": morph.affine.translation[::-1],
        "affine_determinant": morph.affine.determinant,
    }
    if morph.reason is None:
        found |= _explain_planes(neighbours, morph, gates)
    return {name: to_json(value) for name, value in found.items()}


def read_morph(path: Path) -> Morph:
    """Return the morph that `explain` wrote of another contrast.

    Raises
    ------
    MissingFile, BadFile
        If there is no such file, or it holds no morph that was made.
    """
    said: Any = read_json(path)
    if said.get("fallback_reason") is not None:
        raise BadFile(f"{path}: no morph was made ({said['fallback_reason']})")
    try:
        return Morph(
            None,
            ref_before=int(said["ref_before"]),
            ref_after=int(said["ref_after"]),
            search_ncc=said["search_ncc"],
            pre_ncc=said["pre_reg_ncc"],
            post_ncc=said["post_reg_ncc"],
            band_pre=said["band_agreement_before"],
            band_post=said["band_agreement_after"],
            shorter_px=int(said["canvas_shorter_px"]),
            affine=_affine(said["affine_matrix"], said["affine_translation"]),
            fitted=_affine(said["fitted_matrix"], said["fitted_translation"]),
            identity_reason=said["identity_reason"] or "",
            rigid_motion_px=said["rigid_motion_px"],
            rigid_error_px=said["rigid_error_px"],
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(
            f"{path}: holds no morph ({type(error).__name__} {error})",
            hint="interpolate the slice of the first contrast again",
        ) from error


def _affine(matrix: list[list[float]], translation: list[float]) -> Affine2D:
    """Return a map as `explain` wrote it, on (x, y), on (y, x)."""
    return Affine2D(np.array(matrix)[::-1, ::-1].copy(), np.array(translation)[::-1].copy())


def _explain_planes(neighbours: Neighbours, morph: Morph, gates: Gates) -> dict[str, object]:
    shares = [interpolate.depth_share(neighbours, morph, k) for k in range(neighbours.n_out)]
    between = [share for share in shares if 0 < share < 1]
    dropped = interpolate.largest_imaginary_part(neighbours, morph)
    found: dict[str, object] = {
        "alpha": [round(share, 6) for share in shares],
        "n_planes_measured_before": sum(share <= 0 for share in shares),
        "n_planes_measured_after": sum(share >= 1 for share in shares),
        "fractional_power_max_imag": dropped,
        "warning_large_imag_part": dropped > interpolate.LARGE_IMAGINARY,
    }
    if between:
        before, after = interpolate.reference_planes(neighbours, morph, gates)
        top, bottom = (
            interpolate.morph_between(before, after, morph.affine, share, gates.blend_method)
            for share in (between[0], between[-1])
        )
        found["top_boundary_residual_mean"] = float(np.abs(top - before).mean())
        found["bottom_boundary_residual_mean"] = float(np.abs(bottom - after).mean())
    return found


def fragment(slice_id: SliceId, method: Method, reason: str | None) -> bytes:
    """Return the fragment of the record: the columns that this stage stamps."""
    return table.to_bytes(
        {
            "slice_id": [slice_id],
            "interpolated": ["false" if reason else "true"],
            "interpolation_failed": ["true" if reason else "false"],
            "interpolation_method_used": ["" if reason else method],
            "interpolation_fallback_reason": [reason or ""],
        }
    )


def write_summary(path: Path, record: Path, before: Rows, after: Rows) -> None:
    """Write how many slots were filled and why others were not (domain.md 2.8)."""
    changed = {s: row for s, row in after.items() if row != before.get(s)}
    done = [s for s, row in changed.items() if row["interpolated"]]
    failed = [s for s, row in changed.items() if row["interpolation_failed"]]
    metrics = Metrics("slice_interpolation")
    metrics.info("output_slice_config", record)
    metrics.info("n_fragments", len(changed))
    metrics.info("n_interpolated", len(done))
    metrics.info("n_failed", len(failed))
    metrics.info("interpolated_slice_ids", done)
    metrics.info("failed_slice_ids", failed)
    metrics.info("fallback_reasons", _count(after, failed, "interpolation_fallback_reason"))
    metrics.info("method_counts", _count(after, done, "interpolation_method_used"))
    write_metrics(path, metrics)


def _count(rows: Rows, ids: list[SliceId], column: str) -> Mapping[str, int]:
    values = [str(rows[slice_id][column]) for slice_id in ids]
    return {value: values.count(value) for value in sorted(set(values))}


def _difference(morph: Morph) -> float | None:
    if morph.pre_ncc is None or morph.post_ncc is None:
        return None
    return morph.post_ncc - morph.pre_ncc


def _say(ncc: float | None) -> str:
    return "none" if ncc is None else f"{ncc:.2f}"
