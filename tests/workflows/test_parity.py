"""Both drivers, one truth: the same record and the same voxels, bit for bit."""

import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest

from linumpy.cli import runtime
from linumpy.io import slice_config
from linumpy.pipeline import nextflow, registry
from linumpy.synth import Faults, plan, preset
from tests.conftest import write_acquisition
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine]
AXIAL = ("--axial_resolution", "10")
WORK = ("--resolution", "50")
ATLAS, BY_HAND = "atlas.nii.gz", "by_hand.csv"
FINAL, VOLUME, RAS = "slice_config_final.csv", engine.VOLUME, "3d_volume_ras.ome.zarr"


@dataclass(frozen=True)
class Raw:
    """An acquisition, and how preproc is called; rows that share it share its mosaics."""

    ids: tuple[int, ...] = (0, 1, 2, 3)
    faults: tuple[tuple[str, object], ...] = ()
    preproc: tuple[str, ...] = ()


@dataclass(frozen=True)
class Case:
    """A reconstruction.

    Parameters
    ----------
    raw : Raw
        What it starts from.
    reconst : tuple of str
        Flags of the workflow; the local driver takes them, too.
    edit : mapping
        Cells of slice_config.csv that the user changes before the reconstruction, by slice.
    has_config : bool
        Whether preproc's slice_config.csv is there when the reconstruction starts.
    """

    raw: Raw = Raw()
    reconst: tuple[str, ...] = ()
    edit: dict[str, dict[str, object]] = field(default_factory=dict)
    has_config: bool = True


ONE_GAP = Raw(faults=(("missing", (2,)),))
CASES = {
    "no gap, in atlas axes": Case(reconst=("--atlas", ATLAS, "--input_orientation", "PIR")),
    "no slice_config": Case(has_config=False),
    "a row edited": Case(edit={"02": {"use": False, "notes": "by hand"}}),
    "a slice by hand": Case(reconst=("--manual_transforms", BY_HAND)),
    "one gap": Case(ONE_GAP),
    "hard skip": Case(ONE_GAP, reconst=("--min_overlap_correlation", "1")),
    "a double gap": Case(Raw(ids=(0, 1, 2, 3, 4), faults=(("missing", (2, 3)),))),
    "quality and galvo": Case(
        Raw(faults=(("galvo", {1: (7, 0.8)}),), preproc=("--detect_galvo",)),
        reconst=("--auto_assess_quality",),
    ),
    "ids with holes, three digits": Case(Raw(ids=(97, 98, 99, 100, 102))),
    "one slice": Case(Raw(ids=(5,)), reconst=("--slicing_interval_mm", "0.2")),
    "two slices": Case(Raw(ids=(5, 6))),
}


@dataclass(frozen=True)
class Made:
    """What preproc made of an acquisition."""

    raw: Path
    out: Path
    n_tasks: int


@pytest.fixture(scope="module")
def preproc(tmp_path_factory):
    """Make the mosaics of an acquisition with the workflow; each acquisition once."""
    made: dict[str, Made] = {}

    def make(raw: Raw) -> Made:
        if repr(raw) not in made:
            folder = tmp_path_factory.mktemp("raw")
            made[repr(raw)] = _preproc(folder, raw)
        return made[repr(raw)]

    return make


def _rows() -> list[Any]:
    """One row per case; rows of one acquisition run in one process, which makes it once."""
    return [
        pytest.param(name, id=name, marks=pytest.mark.xdist_group(repr(case.raw)))
        for name, case in CASES.items()
    ]


@pytest.mark.parametrize("name", _rows())
def test_both_drivers_make_the_same(name, preproc, tmp_path, record_property):
    "The bytes of the record, a hash of the voxels of every level, who changed which cell."
    case = CASES[name]
    start = preproc(case.raw)
    write_atlas(tmp_path / ATLAS)
    given = _given(case, start.out, tmp_path)
    (tmp_path / BY_HAND).write_text("slice_id,dx_um,dy_um,rotation_deg\n2,60,-20,1.5\n")
    files = {name: str(tmp_path / name) for name in (ATLAS, BY_HAND)}
    flags = [files.get(flag, flag) for flag in case.reconst]
    paths = ("--input", tmp_path / "preproc", "--output", tmp_path / "result")
    ran = engine.run(engine.RECONST, tmp_path / "w", *paths, *given, *WORK, *flags)
    assert ran.code == 0, ran.said
    record_property("tasks", f"{name}: {start.n_tasks} + {len(ran.done)}")
    local = tmp_path / "local"
    engine.reconstruct(start.raw, local, *AXIAL, *WORK, *case.raw.preproc, *flags, *given)
    result = tmp_path / "result"
    assert (result / FINAL).read_bytes() == (local / FINAL).read_bytes()
    assert engine.hash_levels(result / VOLUME) == engine.hash_levels(local / VOLUME)
    assert (result / RAS).exists() == (local / RAS).exists() == ("--atlas" in flags)
    for key in ("subject", "commit", "acquisition", "record_sha256"):
        assert _provenance(result)[key] == _provenance(local)[key] is not None
    if (local / RAS).exists():
        assert engine.hash_levels(result / RAS) == engine.hash_levels(local / RAS)
    assert (result / "quality_report.html").exists()
    if not case.edit and case.has_config:
        assert _history(result) == _history(local)
        assert _run(result) == _run(local)
        assert start.n_tasks + len(ran.done) == _expected_tasks(case, local)


def _preproc(folder: Path, raw: Raw) -> Made:
    chosen = preset("tiny")
    rig = replace(chosen.rig, ids=raw.ids)
    scene = chosen.scene()
    write_acquisition(folder / "raw", scene, plan(scene, rig, Faults(**dict(raw.faults)), 0))
    paths = ("--input", folder / "raw", "--output", folder / "out")
    ran = engine.run(engine.PREPROC, folder / "w", *paths, *AXIAL, *raw.preproc)
    assert ran.code == 0, ran.said
    return Made(folder / "raw", folder / "out", len(ran.done))


def _given(case: Case, made: Path, folder: Path) -> tuple[object, ...]:
    """Put what preproc made where this case changes it; return the flag for an edited record."""
    out = folder / "preproc"
    shutil.copytree(made, out)
    if case.edit:
        rows = slice_config.read(out / "slice_config.csv")
        slice_config.write(folder / "edited.csv", slice_config.stamp_many(rows, case.edit))
        return ("--slice_config", folder / "edited.csv")
    if not case.has_config:
        (out / "slice_config.csv").unlink()
        (out / "slice_config_history.jsonl").unlink()
    return ()


def write_atlas(path: Path) -> None:
    """Write a body of three half-axes as an atlas: axes to the right, anterior, superior."""
    grid = np.indices((48, 40, 32)) - np.array([24, 20, 16])[:, None, None, None]
    radius = np.sqrt(sum((axis / half) ** 2 for axis, half in zip(grid, (16, 14, 8), strict=True)))
    body = np.clip(2 - 2 * radius, 0, 1) * (1 + 0.3 * np.sin(grid[0] / 3))
    image = nibabel.Nifti1Image(body.astype(np.float32), np.diag([0.05, 0.05, 0.05, 1]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)


def _history(folder: Path) -> list[dict[str, object]]:
    """Return who changed which cell, times and paths aside."""
    commands = registry.commands()
    lines = (folder / "slice_config_final_history.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    for entry in entries:
        entry.pop("time")
        roles = runtime.roles(commands[entry["command"]].params)
        entry["parameters"] = {k: v for k, v in entry["parameters"].items() if k not in roles}
    return entries


def _run(folder: Path) -> dict[str, object]:
    """Return what run.json says of a run, but for what it cost and what only one driver has."""
    told = json.loads((folder / "run.json").read_text())
    # a gap that stays one has no product, so the workflow has no cost of it
    stages = [s for s in told["stages"] if s["stage"] != "interpolate_missing_slice"]
    return {
        "stages": sorted((s["stage"], s["slice"] or "", s["status"]) for s in stages),
        "slicing_interval_mm": told["slicing_interval_mm"],
        "warnings": told["warnings"],
        "libraries": told["libraries"],
        "version": told["version"],
        "commit": told["commit"],
        "subject": told["subject"],
        "acquisition": told["acquisition"],
        "record_sha256": told["record_sha256"],
        "detect_galvo": told["parameters"]["detect_galvo"],
        "resolution": told["parameters"]["resolution"],
    }


def _provenance(folder: Path) -> dict[str, object]:
    """Return what the volume says of its making."""
    attributes = json.loads((folder / VOLUME / "zarr.json").read_text())["attributes"]
    found: dict[str, object] = attributes["linumpy"]["provenance"]
    return found


def _expected_tasks(case: Case, local: Path) -> int:
    """Return the number of tasks that the documentation computes for this acquisition."""
    stages = json.loads((local / "run.json").read_text())["stages"]

    def units(name: str) -> list[int]:
        return [int(s["slice"]) for s in stages if s["stage"] == name]

    n_acquired = len(case.raw.ids) - len(dict(case.raw.faults).get("missing", ()))
    switched_on = {"--auto_assess_quality", "--atlas", "--manual_transforms"} & {*case.reconst}
    return (
        nextflow.PREPROC_TASKS
        + n_acquired
        + nextflow.RECONST_TASKS
        + len(switched_on)
        + len(units("process_slice"))
        + nextflow.n_groups(units("register_pairwise"))
        + nextflow.n_groups(missing + 1 for missing in units("interpolate_missing_slice"))
    )
