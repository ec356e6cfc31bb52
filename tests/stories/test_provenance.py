"""How a result was made travels with it: run.json and the volume's attributes, and they agree."""

import hashlib
import importlib.metadata

import pytest
import zarr

from linumpy.cli import cite, runtime
from linumpy.io import omezarr, provenance
from linumpy.io.diagnostics import read_json
from linumpy.pipeline.linum_reconstruct import COMMAND
from linumpy.pipeline.provenance import OF_NO_VOXEL
from linumpy.scripts import linum_normalize_z_intensity
from tests.packaging.conftest import whole_run_folder

VOLUMES = ("3d_volume.ome.zarr", "3d_volume_ras.ome.zarr")


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    return whole_run_folder(tmp_path_factory) / "out"


def told(out, name):
    return omezarr.open_volume(out / name).attributes["provenance"]


@pytest.mark.story
def test_run_json_says_how_it_was_made(out):
    "Version, commit, command, parameters, libraries, acquisition, digest of the record, subject."
    run = read_json(out / "run.json")
    assert set(provenance.FIELDS) <= set(run)
    assert (run["version"], run["commit"]) == (runtime.version(), cite.commit())
    assert run["libraries"]["numpy"] == importlib.metadata.version("numpy")
    assert run["acquisition"]["instrument"]["header"]["n_extra"] == 8
    assert run["acquisition"]["n_slices"] == len(read_json(out / "acquisition.json")["slice_ids"])
    record = (out / "slice_config_final.csv").read_bytes()
    assert run["record_sha256"] == hashlib.sha256(record).hexdigest()
    assert run["subject"] == "whole_run"


@pytest.mark.story
@pytest.mark.parametrize("name", VOLUMES)
def test_the_volumes_say_the_same(out, name):
    "But for the command as typed and for where files lay; read with zarr alone, too."
    run, found = read_json(out / "run.json"), told(out, name)
    same = set(provenance.FIELDS) - {"command", "parameters"}
    assert {key: found[key] for key in same} == {key: run[key] for key in same}
    assert found["parameters"].items() <= run["parameters"].items()
    assert set(run["parameters"]) - set(found["parameters"]) == set(OF_NO_VOXEL)
    attributes = zarr.open_group(out / name, mode="r").attrs
    assert attributes["linumpy"]["provenance"] == found


@pytest.mark.story
def test_the_command_of_the_volume_makes_it_again(out):
    "Parsed, it gives the parameters of the run; OUT is called OUT."
    import shlex

    run, found = read_json(out / "run.json"), told(out, VOLUMES[0])
    name, *words = shlex.split(found["command"])
    assert (name, words[1]) == (COMMAND.name, "OUT")
    parsed = runtime.plain(COMMAND.parse(words))
    assert {**parsed, "out": run["parameters"]["out"]} == run["parameters"]


@pytest.mark.story
def test_a_command_by_itself_takes_run_json(out, tmp_path):
    "As the workflow does; without it the volume says nothing, and nothing is made up."
    command = linum_normalize_z_intensity.COMMAND
    for given in (out / "run.json", None):
        params = command.params(
            in_zarr=out / "stack" / "stack.ome.zarr",
            out_zarr=tmp_path / f"{given is None}.ome.zarr",
            provenance=given,
        )
        command.run(params, runtime.make_job(command, params))
        found = provenance.of_volume(omezarr.open_volume(params.out_zarr).attributes)
        assert set(found) == (set() if given is None else set(provenance.FIELDS))
