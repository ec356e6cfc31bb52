"""Both drivers, one truth: the same record and the same voxels, bit for bit."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from linumpy.cli import runtime
from linumpy.io import slice_config
from linumpy.pipeline import registry
from linumpy.synth import Faults, plan, preset
from tests.conftest import write_acquisition
from tests.workflows import engine

pytestmark = [pytest.mark.story, engine.needs_engine]
AXIAL = ("--axial_resolution", "10")
WORK = ("--resolution", "50")


@dataclass(frozen=True)
class Case:
    """An acquisition and the parameters of its reconstruction.

    Parameters
    ----------
    ids : tuple of int
        Slices of the rig.
    faults : mapping
        Fields of `Faults`.
    preproc, reconst : tuple of str
        Flags of each workflow; the local driver takes both.
    edit : mapping
        Cells of slice_config.csv that the user changes before the reconstruction, by slice.
    has_config : bool
        Whether preproc's slice_config.csv is there when the reconstruction starts.
    """

    ids: tuple[int, ...] = (0, 1, 2, 3)
    faults: dict[str, object] = field(default_factory=dict)
    preproc: tuple[str, ...] = ()
    reconst: tuple[str, ...] = ()
    edit: dict[str, dict[str, object]] = field(default_factory=dict)
    has_config: bool = True


CASES = {
    "no gap": Case(),
    "one gap": Case(faults={"missing": (2,)}),
    "a double gap": Case(ids=(0, 1, 2, 3, 4), faults={"missing": (2, 3)}),
    "hard skip": Case(faults={"missing": (2,)}, reconst=("--min_overlap_correlation", "1")),
    "no slice_config": Case(has_config=False),
    "quality and galvo": Case(
        faults={"galvo": {1: (7, 0.8)}},
        preproc=("--detect_galvo",),
        reconst=("--auto_assess_quality",),
    ),
    "ids with holes, three digits": Case(ids=(97, 98, 99, 100, 102)),
    "one slice": Case(ids=(5,), reconst=("--slicing_interval_mm", "0.2")),
    "two slices": Case(ids=(5, 6)),
    "a row edited": Case(edit={"02": {"use": False, "notes": "by hand"}}),
}


@pytest.mark.parametrize("name", CASES)
def test_both_drivers_make_the_same(name, tmp_path, capsys):
    "The bytes of the record, a hash of the voxels of every level, who changed which cell."
    case = CASES[name]
    raw = tmp_path / "raw"
    _write(raw, case)
    local, out = tmp_path / "local", tmp_path / "nextflow"
    flags = (*AXIAL, *WORK, *case.preproc, *case.reconst)
    n_tasks = _run_workflows(raw, out, case)
    given = ("--slice_config", out / "edited.csv") if case.edit else ()
    engine.reconstruct(raw, local, *flags, *given)
    with capsys.disabled():
        print(f" {name}: {n_tasks} tasks executed by the engine", end=" ")  # noqa: T201
    final = "slice_config_final.csv"
    assert (out / "result" / final).read_bytes() == (local / final).read_bytes()
    volume = "3d_volume.ome.zarr"
    assert engine.hash_levels(out / "result" / volume) == engine.hash_levels(local / volume)
    if not case.edit and case.has_config:
        assert _history(out / "result") == _history(local)


def _write(raw: Path, case: Case) -> None:
    chosen = preset("tiny")
    rig = replace(chosen.rig, ids=case.ids)
    scene = chosen.scene()
    write_acquisition(raw, scene, plan(scene, rig, Faults(**case.faults), chosen.seed))


def _run_workflows(raw: Path, out: Path, case: Case) -> int:
    """Run preproc and reconstruction; return how many tasks the engine executed."""
    preproc, result = out / "preproc", out / "result"
    first = engine.run(
        engine.PREPROC, out / "w1", "--input", raw, "--output", preproc, *AXIAL, *case.preproc
    )
    assert first.code == 0, first.said
    given: tuple[object, ...] = ()
    if case.edit:
        rows = slice_config.read(preproc / "slice_config.csv")
        slice_config.write(out / "edited.csv", slice_config.stamp_many(rows, case.edit))
        given = ("--slice_config", out / "edited.csv")
    if not case.has_config:
        (preproc / "slice_config.csv").unlink()
    paths = ("--input", preproc, "--output", result, *given)
    second = engine.run(engine.RECONST, out / "w2", *paths, *WORK, *case.reconst)
    assert second.code == 0, second.said
    assert (result / "quality_report.html").exists()
    return len(first.done) + len(second.done)


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
