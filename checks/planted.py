"""Compare a run with the truth that was planted in its acquisition: one row per slice.

Nothing here is imported from the reconstruction: the record is read as plain CSV, the volume with
zarr, positions are measured with scikit-image. A sign error of ours cannot hide in its own mirror.
"""

import csv
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.registration import phase_cross_correlation

Plane = NDArray[np.float32]
TRUE = {"true": True, "false": False, "": False}


@dataclass
class Row:
    """What was planted in one slice and what the run says and shows about it."""

    slice_id: str
    checks: dict[str, tuple[object, object]] = field(default_factory=dict)
    error_voxel: float | None = None
    error_z_voxel: float | None = None
    ncc: float | None = None
    wrong: list[str] = field(default_factory=list)

    def expect(self, name: str, wanted: object, found: object) -> None:
        """Note a wanted and a found value; they must be equal."""
        self.checks[name] = (wanted, found)
        if wanted != found:
            self.wrong.append(f"{name}: wanted {wanted}, found {found}")


@dataclass(frozen=True)
class Reference:
    """The anatomy on a grid: plane k covers depth [k, k + 1) · voxel, first voxel edge at 0."""

    volume: NDArray[np.float32]
    voxel_um: float

    def planes(self, top_um: float, height_um: float) -> Plane:
        """Return the mean of the anatomy between two depths (area-weighted)."""
        edges = np.arange(self.volume.shape[0] + 1) * self.voxel_um
        share = np.clip(
            np.minimum(edges[1:], top_um + height_um) - np.maximum(edges[:-1], top_um), 0, None
        )
        if share.sum() == 0:
            return np.zeros(self.volume.shape[1:], np.float32)
        return np.tensordot(share / share.sum(), self.volume, 1).astype(np.float32)


def compare(truth: dict[str, Any], raw: Path, out: Path, reference: Reference) -> list[Row]:
    """Return one row per slice of the record, planted against found."""
    record = {
        row["slice_id"]: row
        for row in csv.DictReader((out / "slice_config_final.csv").open(encoding="utf-8"))
    }
    expected_ids = sorted(set(truth["slices"]) | {f"{i:02d}" for i in _missing(truth)}, key=int)
    rows = []
    for slice_id in expected_ids:
        row = Row(slice_id)
        rows.append(row)
        if slice_id not in record:
            row.wrong.append("no row in slice_config_final.csv")
            continue
        _flags(row, record, truth)
    _places(rows, record, _frame_zero_mm(truth, raw), truth, out, reference)
    return rows


def _missing(truth: dict[str, Any]) -> list[int]:
    return [int(i) for i in truth["faults"].get("missing", [])]


def _flags(row: Row, record: dict[str, dict[str, str]], truth: dict[str, Any]) -> None:
    faults, mine, number = truth["faults"], record[row.slice_id], int(row.slice_id)
    notes = mine["notes"]
    calibration = number in faults.get("calibration", [])
    damage = faults.get("quality", {}).get(str(number), "good")
    never = number in _missing(truth)
    row.expect("use", not (calibration or never or damage != "good"), TRUE[mine["use"]])
    row.expect("auto_excluded", False, TRUE[mine["auto_excluded"]])
    if calibration:
        row.expect("calibration", True, "calibration_slice" in notes)
    if damage != "good":
        row.expect(damage, True, "low_quality" in notes or "failed" in notes)
    if never:
        row.expect("not_acquired", True, "not_acquired" in notes)
        return
    row.expect("galvo", str(number) in faults.get("galvo", {}), TRUE[mine["galvo_fix"]])
    row.expect("rehomed", row.slice_id in _rehomed(truth), TRUE[mine["rehomed"]])


def _rehomed(truth: dict[str, Any]) -> set[str]:
    """Slices whose transition holds a step that the stage made up."""
    ids = sorted(truth["slices"], key=int)
    errors = [np.array(truth["slices"][i]["reported_error_mm"]) for i in ids]
    pairs = zip(ids[1:], errors, errors[1:], strict=False)
    return {moving for moving, before, after in pairs if np.abs(after - before).max() > 1e-6}


def _frame_zero_mm(truth: dict[str, Any], raw: Path) -> NDArray[np.float64]:
    """Return where in the anatomy (x, y) the volume's frame has its zero.

    That is the lower edge of the first slice's mosaic, from the stage positions of its tiles; what
    the stage adds to its report there is taken off.
    """
    first = min(truth["slices"], key=int)
    rig = truth["rig"]
    signs = np.array([rig.get("stage_sign_x", 1), rig.get("stage_sign_y", 1)])
    edges = []
    for path in raw.rglob("info.txt"):
        if int(path.parent.name.rpartition("_z")[2]) != int(first):
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        info = dict(line.split(": ") for line in lines if ": " in line)
        centre = np.array([float(info["stage_x_pos_mm"]), float(info["stage_y_pos_mm"])])
        edges.append(signs * centre - np.array([float(info["width"]), float(info["height"])]) / 2e3)
    zero: NDArray[np.float64] = np.min(edges, axis=0) - truth["slices"][first]["reported_error_mm"]
    stage_zero = np.array(rig.get("stage_zero_mm", (0.0, 0.0, 0.0)))[:2]
    return zero - signs * stage_zero


def _places(
    rows: list[Row],
    record: dict[str, dict[str, str]],
    zero_mm: NDArray[np.float64],
    truth: dict[str, Any],
    out: Path,
    reference: Reference,
) -> None:
    group = zarr.open_group(out / "3d_volume.ome.zarr", mode="r")
    dataset = group.attrs["ome"]["multiscales"][0]["datasets"][0]
    transforms = {t["type"]: t[t["type"]] for t in dataset["coordinateTransformations"]}
    scale = np.array(transforms["scale"]) * 1000
    edge = np.array(transforms["translation"]) * 1000 - scale / 2
    origin = edge[1:] + zero_mm[::-1] * 1000
    used = [r for r in rows if TRUE[record.get(r.slice_id, {}).get("use", "false")]]
    if not used:
        return
    start, interval = int(used[0].slice_id), truth["rig"]["slice_um"]
    first_id = min(int(i) for i in truth["slices"])
    for row in used:
        depth = (int(row.slice_id) - start) * interval
        index = round(depth / scale[0]) + min(1, round(interval / scale[0]) - 1)
        if index >= group["0"].shape[0]:
            row.wrong.append("the volume ends above this slice")
            continue
        found = np.asarray(group["0"][index], np.float32)
        top = index * scale[0] + (start - first_id) * interval
        _compare_plane(row, found, reference, (top, *origin), scale)


def _compare_plane(
    row: Row,
    found: Plane,
    reference: Reference,
    corner_um: tuple[float, float, float],
    scale_um: NDArray[np.float64],
) -> None:
    """Measure where the plane's content lies against the anatomy at the same physical place."""

    def on_grid(depth_um: float) -> Plane:
        plane = reference.planes(depth_um, scale_um[0])
        for axis in (0, 1):
            plane = _resample(
                plane, axis, reference.voxel_um, corner_um[1 + axis], scale_um[1 + axis],
                found.shape[axis],
            )  # fmt: skip
        return plane

    wanted = on_grid(corner_um[0])
    row.ncc = _ncc(found, wanted)
    shift, _, _ = phase_cross_correlation(
        gaussian_filter(wanted, 1),
        gaussian_filter(found, 1),
        upsample_factor=50,
        normalization=None,
    )
    row.error_voxel = float(np.hypot(*shift))
    steps = np.arange(-3, 4)
    scores = [_ncc(found, on_grid(corner_um[0] + s * scale_um[0] / 2)) for s in steps]
    row.error_z_voxel = float(steps[int(np.argmax(scores))] / 2)
    if row.error_voxel > 1:
        row.wrong.append(f"{row.error_voxel:.2f} voxels from its place")
    if abs(row.error_z_voxel) > 1:
        row.wrong.append(f"{row.error_z_voxel:+.1f} planes from its depth")
    if row.ncc < 0.9:
        row.wrong.append(f"NCC {row.ncc:.3f} < 0.9")


def _resample(
    plane: Plane, axis: int, step_in: float, start_out: float, step_out: float, n_out: int
) -> Plane:
    """Linear interpolation at the voxel centres of the volume; 0 outside the anatomy."""
    at = (start_out + (np.arange(n_out) + 0.5) * step_out) / step_in - 0.5
    moved = np.moveaxis(plane, axis, 0)
    low = np.floor(at).astype(int)
    weight = (at - low)[:, None].astype(np.float32)
    padded = np.pad(moved, ((1, 1), (0, 0)))

    def take(index: NDArray[np.int_]) -> Plane:
        return padded[np.clip(index + 1, 0, len(padded) - 1)]

    return np.moveaxis((1 - weight) * take(low) + weight * take(low + 1), 0, axis)


def _ncc(found: Plane, wanted: Plane) -> float:
    """Normalised correlation over the voxels that hold a measurement or anatomy."""
    mask = (found != 0) | (wanted > 0.02)
    if mask.sum() < 10:
        return 0.0
    a, b = found[mask] - found[mask].mean(), wanted[mask] - wanted[mask].mean()
    return float((a * b).sum() / max(np.sqrt((a * a).sum() * (b * b).sum()), 1e-12))


def check_gaps(rows: list[Row], out: Path) -> None:
    """Expect that a lone missing slice between used ones is filled, or refused with a reason."""
    record = {
        row["slice_id"]: row
        for row in csv.DictReader((out / "slice_config_final.csv").open(encoding="utf-8"))
    }
    used = {r.slice_id for r in rows if TRUE[record.get(r.slice_id, {}).get("use", "false")]}
    for row in rows:
        mine, number = record.get(row.slice_id), int(row.slice_id)
        around = {f"{number - 1:02d}", f"{number + 1:02d}"}
        if mine is None or row.slice_id in used or not around <= used:
            continue
        decided = TRUE[mine["interpolated"]] or (
            TRUE[mine["interpolation_failed"]] and mine["interpolation_fallback_reason"] != ""
        )
        row.expect("gap decided", True, decided)


def table(rows: list[Row]) -> str:
    """Return one line per slice: error in voxels, NCC, each flag wanted and found."""
    lines = [f"{'slice':6}{'xy vox':>8}{'z vox':>7}{'NCC':>7}  flags (wanted/found)"]
    for row in rows:
        flags = " ".join(f"{name}={_short(a)}/{_short(b)}" for name, (a, b) in row.checks.items())
        lines.append(
            f"z{row.slice_id:5}{_number(row.error_voxel, 8)}{_number(row.error_z_voxel, 7)}"
            f"{_number(row.ncc, 7, 3)}  {flags}"
            + (f"   WRONG: {'; '.join(row.wrong)}" if row.wrong else "")
        )
    return "\n".join(lines)


def load_truth(path: Path) -> dict[str, Any]:
    """Read a truth.json."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _short(value: object) -> str:
    return (
        {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
    )


def _number(value: float | None, width: int, digits: int = 2) -> str:
    return " " * (width - 1) + "–" if value is None else f"{value:{width}.{digits}f}"
