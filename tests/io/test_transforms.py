"""Transforms on disk: ITK's sense against ours, round trips, broken files."""

import math
from pathlib import Path

import pytest

from linumpy.core.filenames import PAIRWISE_METRICS
from linumpy.core.rigid import Rigid2D
from linumpy.errors import BadFile, MissingFile
from linumpy.io import transforms
from linumpy.io.diagnostics import Metrics, write_metrics

SHAPE = (41, 61)


def itk_point(path: Path, x: float, y: float) -> tuple[float, float]:
    """Apply the file as ITK does: R (p − c) + c + t on fixed points, gives moving points."""
    lines = dict(line.split(": ") for line in path.read_text().splitlines() if ": " in line)
    _, _, angle, tx, ty, tz = map(float, lines["Parameters"].split())
    cx, cy, *_ = map(float, lines["FixedParameters"].split())
    assert tz == 0
    x, y = x - cx, y - cy
    cos, sin = math.cos(angle), math.sin(angle)
    return cos * x - sin * y + cx + tx, sin * x + cos * y + cy + ty


@pytest.mark.parametrize(
    "motion",
    [Rigid2D(), Rigid2D(0, 30, -70), Rigid2D(3, 0, 0), Rigid2D(-4.2, -111.1, 55.5)],
)
def test_round_trip(tmp_path: Path, motion):
    "read(write(motion)) is the motion."
    path = tmp_path / "t.tfm"
    transforms.write_transform(path, motion, shape=SHAPE, pixel_um=10)
    again = transforms.read_transform(path, shape=SHAPE, pixel_um=10)
    assert again.rotation_deg == pytest.approx(motion.rotation_deg, abs=1e-9)
    assert (again.dx_um, again.dy_um) == pytest.approx((motion.dx_um, motion.dy_um), abs=1e-9)


def test_the_file_maps_fixed_points_to_moving_points(tmp_path: Path):
    "Content that goes by +3 px in x is found by ITK 3 px to the left."
    path = tmp_path / "t.tfm"
    transforms.write_transform(path, Rigid2D(0, 30, 0), shape=SHAPE, pixel_um=10)
    assert itk_point(path, 33, 20) == pytest.approx((30, 20))


def test_the_rotation_goes_from_x_towards_y(tmp_path: Path):
    "A quarter turn takes content right of the centre to below it; ITK looks back."
    path = tmp_path / "t.tfm"
    transforms.write_transform(path, Rigid2D(90, 0, 0), shape=SHAPE, pixel_um=10)
    assert itk_point(path, 30, 20 + 7) == pytest.approx((30 + 7, 20))


def test_a_foreign_centre_is_converted(tmp_path: Path):
    "Half a turn about (10, 10) takes (30, 20), our centre, to (−10, 0)."
    path = tmp_path / "t.tfm"
    path.write_text(
        "#Insight Transform File V1.0\n#Transform 0\nTransform: Euler2DTransform_double_2_2\n"
        f"Parameters: {math.pi} 0 0\nFixedParameters: 10 10\n"
    )
    motion = transforms.read_transform(path, shape=SHAPE, pixel_um=2)
    assert abs(motion.rotation_deg) == pytest.approx(180)
    assert (motion.dx_um, motion.dy_um) == pytest.approx((-80, -40))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not an ITK text transform"),
        ("Transform: Euler3DTransform_double_3_3\nParameters: 0 0 x 0 0 0\n", "not an ITK"),
        (
            "Transform: AffineTransform_double_2_2\nParameters: 1 0\nFixedParameters: 0 0\n",
            "Affine",
        ),
        (
            "Transform: Euler3DTransform_double_3_3\nParameters: .1 0 0 0 0 0\n"
            "FixedParameters: 0 0 0\n",
            "about x or y",
        ),
        (
            "Transform: Euler3DTransform_double_3_3\nParameters: 0 0 nan 0 0 0\n"
            "FixedParameters: 0 0 0\n",
            "not finite",
        ),
        ("Parameters: 1\nFixedParameters: 1\nParameters: 2\n", "several transforms"),
    ],
)
def test_a_broken_transform_is_refused(tmp_path: Path, text, message):
    "Truncated, foreign and tilted transforms are refused by name."
    path = tmp_path / "t.tfm"
    path.write_text(text)
    with pytest.raises(BadFile, match=rf"t\.tfm.*{message}"):
        transforms.read_transform(path, shape=SHAPE, pixel_um=10)


def test_absent_files(tmp_path: Path):
    "Absent files are named."
    with pytest.raises(MissingFile, match=r"t\.tfm"):
        transforms.read_transform(tmp_path / "t.tfm", shape=SHAPE, pixel_um=10)
    with pytest.raises(MissingFile, match=r"offsets\.txt"):
        transforms.read_offsets(tmp_path / "offsets.txt")


def test_offsets(tmp_path: Path):
    "Two whole numbers, one per line; anything else is refused."
    path = tmp_path / "offsets.txt"
    transforms.write_offsets(path, 24, 4)
    assert path.read_text() == "24\n4\n"
    assert transforms.read_offsets(path) == (24, 4)
    path.write_text("24\n")
    with pytest.raises(BadFile, match="two whole numbers"):
        transforms.read_offsets(path)


def test_read_pairwise(tmp_path: Path):
    "The motion, the confidence and both ids come from the metrics."
    metrics = Metrics("pairwise_registration")
    metrics.info("fixed_volume", "a/slice_z09_normalize.ome.zarr")
    metrics.info("moving_volume", "b9/slice_z100_normalize.ome.zarr")
    for name, value in (
        ("rotation", 1.5),
        ("translation_x_um", 20.0),
        ("translation_y_um", 0.0),
        ("registration_confidence", 0.0),
    ):
        metrics.add(name, value)
    write_metrics(tmp_path / PAIRWISE_METRICS, metrics)
    transforms.write_offsets(tmp_path / "offsets.txt", 20, 0)
    found = transforms.read_pairwise(tmp_path)
    assert found == transforms.PairTransform(Rigid2D(1.5, 20, 0), 0.0, "09", "100", (20, 0))
    del metrics.metrics["rotation"]
    write_metrics(tmp_path / PAIRWISE_METRICS, metrics)
    with pytest.raises(BadFile, match="rotation is absent"):
        transforms.read_pairwise(tmp_path)
