"""A run folder as the stages leave it, made without running any of them.

It holds every kind of file that the report reads, for any number of slices, with one slice of
each fate as soon as there are six.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from matplotlib.image import imsave

from linumpy.core.shift import Shift
from linumpy.core.slice_id import SliceId
from linumpy.core.spacing import Spacing
from linumpy.io import history, omezarr, slice_config
from linumpy.io import shifts as shifts_io
from linumpy.io.omezarr import Level

RESOLUTION_MM = 0.025
INTERVAL_MM = 0.2
PLANES = round(INTERVAL_MM / RESOLUTION_MM)
SIDE_PX = (150, 190)
N_ALINES, N_EXTRA = 60, 12
MOTION, ROLL, GLITCH, REHOMED = 2, 3, 4, 5


@dataclass(frozen=True)
class Author:
    """A command that stamps the record."""

    name: str
    stamps: tuple[str, ...] = ("*",)
    version: str = "0.1.0"
    parameters: Mapping[str, object] = None  # type: ignore[assignment]

    def __post_init__(self):
        object.__setattr__(self, "parameters", {})


def make(root: Path, n_slices: int, *, seed: int = 7, axial_factor: float = 1.0) -> Path:
    """Write the folder of a finished run of ``n_slices`` slices; returns it."""
    rng = np.random.default_rng(seed)
    root.mkdir(parents=True, exist_ok=True)
    ids = [SliceId(i) for i in range(n_slices)]
    never = ids[8:9] if n_slices > 12 else []
    seen = [i for i in ids if i not in never]
    _scan(root, seen, never)
    _record(root, ids, never, rng)
    _shifts(root, ids, rng)
    _galvo(root, seen, rng)
    _volumes(root, ids, never, rng)
    _pairs(root, ids, rng, axial_factor)
    _stack(root, ids, rng)
    _gap(root, ids[MOTION], rng)
    _atlas(root)
    _stage_metrics(root, seen, rng)
    _run(root, seen)
    return root


def brain(z: float) -> np.ndarray:
    """Return one plane of something like a brain, shape `SIDE_PX`; ``z`` from 0 to 1."""
    y, x = np.mgrid[-1 : 1 : SIDE_PX[0] * 1j, -1 : 1 : SIDE_PX[1] * 1j]
    size = 0.55 + 0.4 * np.sin(np.pi * (0.1 + 0.8 * z))
    r = np.hypot(x / size, y / (0.8 * size))
    tissue = 0.45 + 0.12 * np.cos(7 * r + 5 * z) + 0.1 * np.sin(9 * x + 3 * z) * np.cos(6 * y)
    cortex = 0.18 * (np.abs(r - 0.82) < 0.07)
    return np.where(r < 1, tissue + cortex, 0).astype(np.float32)


def _json(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def _scan(root: Path, seen: list[SliceId], never: list[SliceId]) -> None:
    _json(
        root / "acquisition.json",
        {
            "slice_ids": seen,
            "never_acquired": never,
            "stage_sign": {"x": 1, "y": 1},
            "tile_fov_mm": {"x": 2.4, "y": 2.4},
            "tile_step_mm": {"x": 1.92, "y": 1.92},
            "n_extra": N_EXTRA,
            "lateral_um": {"x": 50.0, "y": 50.0},
            "axial_um": 8.0,
            "slicing_interval_mm": INTERVAL_MM,
            "slices": {},
        },
    )


def _record(root: Path, ids: list[SliceId], never: list[SliceId], rng: np.random.Generator) -> None:
    rows = {i: slice_config.new_row(i, use=i not in never) for i in ids}
    for i in never:
        rows[i]["notes"] = "not_acquired"
    step = _write(root / "generate_slice_config", rows, None, "linum_generate_slice_config.py")
    for i in (i for i in ids if i not in never):
        is_rolled = i.number % 11 == ROLL
        score = rng.uniform(0.82, 0.97) if is_rolled else rng.uniform(0.02, 0.3)
        rows[i] |= {"galvo_confidence": round(float(score), 3), "galvo_fix": is_rolled}
    rows[ids[0]] |= {"use": False, "notes": "calibration_slice"}
    step = _write(root / "galvo", rows, step, "linum_generate_slice_config.py")
    for i in (i for i in ids if i not in never):
        rows[i]["quality_score"] = round(float(rng.uniform(0.52, 0.83)), 3)
    rows[ids[MOTION]] |= {
        "use": False,
        "quality_score": 0.281,
        "notes": "low_quality (jitter 4.1 px, limit 1.5 px)",
    }
    step = _write(root / "assess_slice_quality", rows, step, "linum_assess_slice_quality.py")
    for number in (n for n in (GLITCH, REHOMED) if n < len(ids)):
        rows[ids[number]] |= {"rehomed": True, "rehoming_reliable": number == GLITCH}
    step = _write(root / "detect_rehoming", rows, step, "linum_detect_rehoming.py")
    rows[ids[MOTION]] |= {"interpolated": True, "interpolation_method_used": "zmorph"}
    if len(ids) > 20:
        for number in (30, 31, 32):
            rows[ids[number]] |= {
                "auto_excluded": True,
                "auto_exclude_reason": "noisy cluster (3 consecutive)",
            }
        rows[ids[17]] |= {
            "use": False,
            "interpolation_failed": True,
            "interpolation_fallback_reason": "low_overlap_ncc",
            "notes": "folded while it was cut",
        }
        rows[ids[44]] |= {
            "use": False,
            "notes": "failed: process_slice: z44/tile_x03_y02_z44/image_00000.bin is truncated: "
            "1204224 bytes found, 1474560 expected",
        }
    step = _write(root / "auto_exclude_slices", rows, step, "linum_auto_exclude_slices.py")
    history.write_record(
        root / "slice_config_final.csv", rows, before=step, author=Author("linum_reconstruct.py")
    )


def _write(folder: Path, rows: dict, before: Path | None, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "slice_config.csv"
    history.write_record(path, rows, before=before, author=Author(name))
    return path


def _shifts(root: Path, ids: list[SliceId], rng: np.random.Generator) -> None:
    steps = rng.normal(0, 0.012, (len(ids), 2))
    reported = steps.copy()
    if len(ids) > REHOMED:
        reported[GLITCH] += (0.85, -0.7)
        reported[REHOMED] += (-0.85 - 2.4, 0.7)
    for name, values, reliable in (
        ("shifts_xy.csv", reported, None),
        ("detect_rehoming/shifts_xy_clean.csv", steps, True),
    ):
        shifts_io.write(
            root / name,
            [
                Shift(a, b, x / 0.05, y / 0.05, x, y, reliable)
                for a, b, (x, y) in zip(ids, ids[1:], values[1:].tolist(), strict=False)
            ],
        )


def _galvo(root: Path, seen: list[SliceId], rng: np.random.Generator) -> None:
    n = N_ALINES
    for i in seen:
        start = 27 if i.number % 11 == ROLL else n - N_EXTRA
        profile = 100 + 12 * np.sin(np.arange(n) / 9) + rng.normal(0, 1.2, n)
        profile[start : start + N_EXTRA] *= 0.55
        _json(
            root / "galvo" / f"slice_z{i}_galvo.json",
            {
                "slice_id": i,
                "shift": (n - start - N_EXTRA) % n,
                "confidence": 0.91 if i.number % 11 == ROLL else 0.12,
                "n_extra": N_EXTRA,
                "terms": {"contrast": 1.0, "sharpness": 0.9, "anomaly": 0.55},
                "tiles": ["z03/tile_x02_y01_z03"],
                "profile": profile.round(3).tolist(),
            },
        )


def _volumes(
    root: Path, ids: list[SliceId], never: list[SliceId], rng: np.random.Generator
) -> None:
    spacing = Spacing(*(RESOLUTION_MM,) * 3)
    volume = np.zeros((PLANES * (len(ids) - 1), *SIDE_PX), np.float32)  # 00 is not in it
    for k, i in enumerate(ids):
        planes = np.stack([brain((k + j / PLANES) / len(ids)) for j in range(PLANES)])
        planes *= rng.gamma(12, 1 / 12, planes.shape).astype(np.float32)
        if i in never:
            continue
        if i.number == MOTION:
            planes = planes[:, rng.permuted(np.arange(SIDE_PX[0]).reshape(-1, 5), axis=1).ravel()]
        name = f"process_slice/slice_z{i}_normalize.ome.zarr"
        if i.number == 0:
            name = f"mosaics/mosaic_grid_3d_z{i}.ome.zarr"
        _write_volume(root / name, [planes], spacing)
        if k > 0:
            volume[(k - 1) * PLANES : k * PLANES] = planes
    coarse = volume.reshape(-1, 2, SIDE_PX[0] // 2, 2, SIDE_PX[1] // 2, 2).mean(axis=(1, 3, 5))
    _write_volume(root / "3d_volume.ome.zarr", [volume, coarse], spacing)


def _write_volume(path: Path, arrays: list[np.ndarray], spacing: Spacing) -> None:
    levels = []
    for k, array in enumerate(arrays):
        step = Spacing(*(v * 2**k for v in spacing.zyx_mm))
        origin = tuple(v * (2**k - 1) / 2 for v in spacing.zyx_mm)
        levels.append(Level(array.shape, step, (8, 64, 64), (8, 192, 192), origin))
    with omezarr.create(path, levels) as new:
        for target, array in zip(new.levels, arrays, strict=True):
            target[...] = array


def _metrics(path: Path, step: str, values: dict[str, tuple], **said: list[str]) -> None:
    status = "error" if said.get("errors") else "warning" if said.get("warnings") else "ok"
    _json(
        path,
        {
            "step_name": step,
            "timestamp": "2026-05-04T10:00:00+00:00",
            "overall_status": status,
            "metrics": {
                name: {"value": value, "unit": unit, "description": "", "status": "ok"}
                for name, (value, unit) in values.items()
            },
            "warnings": said.get("warnings", []),
            "errors": said.get("errors", []),
        },
    )


def _pairs(root: Path, ids: list[SliceId], rng: np.random.Generator, factor: float) -> None:
    for fixed, moving in pairwise(ids[1:]):
        is_weak = MOTION in (fixed.number, moving.number)
        folder = root / "register_pairwise" / f"slice_z{moving}_normalize"
        x, y = rng.normal(0, 0.8, 2).round(3).tolist()
        confidence = 0.0 if is_weak else float(rng.uniform(0.55, 0.93))
        if moving.number == 35:
            confidence, x = 0.22, 11.4
        _metrics(
            folder / "pairwise_registration_metrics.json",
            "pairwise_registration",
            {
                "fixed_volume": (f"bring_to_common_space/slice_z{fixed}_normalize.ome.zarr", ""),
                "translation_x": (x, "pixels"),
                "translation_y": (y, "pixels"),
                "rotation": (round(float(rng.normal(0, 0.15)), 4), "degrees"),
                "z_correlation": (0.0 if is_weak else 0.84, ""),
                "registration_confidence": (round(confidence, 3), ""),
            },
            errors=["fixed slice is interpolated"] if is_weak else [],
        )
        depth = round(PLANES / factor + rng.normal(0, 0.3))
        (folder / "offsets.txt").write_text(f"{depth + 2}\n2\n", encoding="ascii")


def _stack(root: Path, ids: list[SliceId], rng: np.random.Generator) -> None:
    rows = [
        "slice_id,fixed_id,transform_loaded,transform_source,manual_override,confidence,"
        "overlap_source,overlap_voxels,blend_overlap_voxels,correlation,reason"
    ]
    for fixed, moving in pairwise(ids[1:]):
        used = MOTION not in (fixed.number, moving.number)
        rows.append(
            f"{moving},{fixed},{str(used).lower()},{'automated' if used else ''},false,"
            f"{0.81 if used else 0:.4f},expected,{rng.integers(4, 6) if used else 0},"
            f"{rng.integers(2, 4) if used else 0},"
            f"{rng.uniform(0.7, 0.95) if used else 0:.4f},{'' if used else 'interpolated'}"
        )
    (root / "stack").mkdir()
    walk = np.cumsum(rng.normal(0, 9, (len(ids), 2)), axis=0).round(2).tolist()
    _json(
        root / "stack" / "stack_diagnostics.json",
        {
            "corrections": {
                i: {"dx_um": x, "dy_um": y, "rotation_deg": round(float(rng.normal(0, 0.2)), 3)}
                for i, (x, y) in zip(ids[1:], walk[1:], strict=True)
            }
        },
    )
    (root / "stack" / "stacking_decisions.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")


def _gap(root: Path, slice_id: SliceId, rng: np.random.Generator) -> None:
    folder = root / "interpolate_missing_slice"
    _json(
        folder / f"slice_z{slice_id}_interpolated_diagnostics.json",
        {
            "method": "zmorph",
            "method_used": "zmorph",
            "fallback_reason": None,
            "pre_reg_ncc": 0.74,
            "post_reg_ncc": 0.86,
            "interpolation_failed": False,
        },
    )
    imsave(
        folder / f"slice_z{slice_id}_interpolated_preview.png",
        np.hstack([brain(z) for z in (0.2, 0.3, 0.4)]),
        cmap="gray",
    )


def _atlas(root: Path) -> None:
    _json(
        root / "3d_volume_ras_transform.json",
        {
            "input_orientation": "PIR",
            "atlas": "/data/atlas.nii.gz",
            "transform": "rigid",
            "mutual_information": 0.71,
            "mutual_information_at_start": 0.42,
        },
    )
    imsave(root / "3d_volume_ras_preview.png", np.vstack([brain(0.3)] * 3), cmap="gray")


def _stage_metrics(root: Path, seen: list[SliceId], rng: np.random.Generator) -> None:
    for i in seen:
        depth = float(rng.normal(31, 3))
        _metrics(
            root / "process_slice" / f"slice_z{i}_process_metrics.json",
            "process_slice",
            {"interface_depth": (round(depth, 2), "px"), "agarose_coverage": (0.41, "")},
            warnings=["agarose_coverage: 0.04 < 0.05 (warning threshold)"] if i == "01" else [],
        )


def _run(root: Path, seen: list[SliceId]) -> None:
    def task(stage: str, slice_id: str | None, seconds: float) -> dict[str, object]:
        return {
            "stage": stage,
            "slice": slice_id,
            "seconds": seconds,
            "peak_bytes": 2.1e8,
            "bytes_written": 3.3e7,
            "status": "done",
        }

    _json(
        root / "run.json",
        {
            "version": "0.1.0",
            "command": "linum_reconstruct.py raw out --axial_resolution 8 --resolution 25 "
            "--auto_assess_quality --detect_galvo",
            "finished": "2026-05-04T10:12:31+00:00",
            "seconds": 512.3,
            "workers": 2,
            "python": "3.11.9",
            "libraries": {"numpy": "2.4.6", "zarr": "3.1.6"},
            "parameters": {
                "axial_resolution": 8.0,
                "resolution": 25.0,
                "detect_galvo": True,
                "auto_assess_min_quality": 0.3,
                "galvo_confidence_threshold": 0.6,
                "auto_excluded": "skip",
                "leave_gap": [],
            },
            "stages": [
                task("estimate_xy_shift", None, 0.4),
                task("generate_slice_config", None, 2.1),
                *(task("create_mosaic_grid", i, 4.2) for i in seen),
                *(task("process_slice", i, 9.7) for i in seen),
                task("detect_rehoming", None, 1.2),
                *(task("register_pairwise", i, 1.6) for i in seen[2:]),
                task("stack", None, 14.0),
                task("normalize_z", None, 6.0),
            ],
            "warnings": [
                {
                    "what": "Atlas alignment was not requested",
                    "why": "No --atlas and no --input_orientation were given.",
                    "do": "Give both to get 3d_volume_ras.ome.zarr.",
                }
            ],
        },
    )
