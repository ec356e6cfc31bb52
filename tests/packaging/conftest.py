"""A whole run of the driver, every stage of the graph on, made once for all workers of pytest."""

import fcntl
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from linumpy.io.omezarr import open_volume
from linumpy.synth import reference_volume
from tests.conftest import RawAcquisition
from tests.stories import runs

ATLAS_UM = 50.0


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock that other processes of this machine wait for."""
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_once(folder: Path, make: Callable[[Path], None]) -> Path:
    """Return ``folder``, made by the first process that asks; one that failed is made again."""
    with locked(folder.with_name(f"{folder.name}.lock")):
        done = folder / ".made"
        if not done.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            done.touch()
    return folder


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """OUT of a run with a gap that is filled and an atlas that it is laid into."""
    return whole_run_folder(tmp_path_factory) / "out"


def whole_run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with raw/, out/ and anatomy.npy: the truth on the final volume's grid."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    return make_once(base / "whole_run", _reconstruct)


def _reconstruct(folder: Path) -> None:
    made = runs.write_page_acquisition(folder / "raw")
    anatomy = reference_volume(made.scene, made.truth, ATLAS_UM)
    ras = anatomy.transpose(2, 0, 1)[:, ::-1, ::-1]  # cut from the front, rows run down
    image = nibabel.Nifti1Image(ras, np.diag([ATLAS_UM / 1000] * 3 + [1]))
    image.header.set_xyzt_units("mm")
    nibabel.save(image, folder / "atlas.nii.gz")
    atlas = ("--atlas", folder / "atlas.nii.gz", "--input_orientation", "PIR")
    assert runs.reconstruct(folder / "raw", folder / "out", *runs.FLAGS, *atlas) == 0
    np.save(folder / "anatomy.npy", _on_grid_of(folder / "out" / "3d_volume.ome.zarr", made))


def _on_grid_of(path: Path, made: RawAcquisition) -> NDArray[np.float32]:
    """Return the anatomy, from the first used slice's surface down, on the grid of a volume."""
    volume = open_volume(path)
    first = min(made.truth.slices)
    used = int(volume.attributes["slices"][0]["slice_id"])
    x_mm, y_mm = made.truth.slices[first].origin_mm
    edge_y, edge_x = (
        origin - step / 2
        for origin, step in zip(volume.origin_mm[1:], volume.spacing.zyx_mm[1:], strict=True)
    )
    return reference_volume(
        made.scene,
        made.truth,
        volume.spacing.zyx_um[2],
        origin_mm=(made.truth.rig.z_mm(used), y_mm + edge_y, x_mm + edge_x),
        shape=volume.shape,
    )
