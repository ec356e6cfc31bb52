"""A run that broke off: what is wrong is said in the page, and the rest is shown."""

import shutil

import fake_run
import pytest

from linumpy.report import advice, facts, page
from linumpy.report.contexts import Nothing
from linumpy.report.sections import SECTIONS


@pytest.fixture
def run(small_run, tmp_path):
    shutil.copytree(small_run, tmp_path / "run")
    return tmp_path / "run"


def warned(found) -> dict[str, str]:
    return {item.what: item.why for item in advice.collect(found)}


def section(found, anchor):
    "Build one section alone: drawing them all takes a second."
    return next(s for s in SECTIONS if s.anchor == anchor).build(found)


@pytest.mark.parametrize(
    ("name", "empties"),
    [
        ("run.json", "costs"),
        ("shifts_xy.csv", "path"),
        ("register_pairwise/slice_z03_normalize/pairwise_registration_metrics.json", None),
        ("galvo/slice_z03_galvo.json", None),
        ("stack/stack_diagnostics.json", None),
        ("interpolate_missing_slice/slice_z02_interpolated_diagnostics.json", None),
        ("process_slice/slice_z01_process_metrics.json", None),
        ("acquisition.json", None),
    ],
)
def test_a_truncated_file_is_named_and_the_rest_is_shown(run, name, empties):
    path = run / name
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    found = facts.gather(run)
    assert f"{name} cannot be used" in warned(found)
    assert section(found, "headline").verdict.endswith("your attention.")
    assert len(section(found, "slices").rows) == 6
    if empties:
        assert isinstance(section(found, empties), Nothing)


def test_a_page_is_written_also_when_everything_is_broken(run):
    for path in [*run.rglob("*.json"), *run.rglob("*.csv"), *run.rglob("*.jsonl")]:
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    html = page.to_html(page.build(run))
    assert "run.json cannot be used" in html


@pytest.mark.parametrize(
    "content", [b"[1, 2]", b"null", b"\xff\xfe\x00", b'{"stages": 3, "parameters": [1]}']
)
def test_json_of_another_kind_breaks_nothing(run, content):
    (run / "run.json").write_bytes(content)
    (run / "acquisition.json").write_bytes(content)
    found = facts.gather(run)
    for one in ("headline", "warnings", "costs"):
        section(found, one)


def test_a_broken_row_of_the_record_is_named_with_line_and_column(run):
    path = run / "slice_config_final.csv"
    path.write_text(path.read_text().replace("01,true", "01,flase", 1))
    found = facts.gather(run)
    why = warned(found)["slice_config_final.csv cannot be used"]
    assert "line 3" in why
    assert "use='flase'" in why


def test_without_a_final_record_the_newest_of_the_stages_is_shown(run):
    (run / "slice_config_final.csv").unlink()
    slices = section(facts.gather(run), "slices")
    assert slices.source == "auto_exclude_slices/slice_config.csv"


def test_a_record_that_lacks_a_seen_slice_does_not_add_up(run):
    path = run / "slice_config_final.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if not line.startswith("03,")))
    found = facts.gather(run)
    assert not found.adds_up
    assert "The record does not add up: slice 03 without a row" in warned(found)
    assert "≠" in section(found, "headline").balance


def test_a_broken_chunk_costs_one_thumbnail(run):
    volume = run / "process_slice" / "slice_z03_normalize.ome.zarr" / "0"
    for chunk in (p for p in volume.rglob("*") if p.is_file() and p.name != "zarr.json"):
        chunk.write_bytes(chunk.read_bytes()[:40])
    found = facts.gather(run)
    rows = section(found, "slices").rows
    # the fall-back is the mosaic, which this run does not have
    assert [r.slice_id for r in rows if r.thumbnail is None] == ["03"]
    assert "process_slice/slice_z03_normalize.ome.zarr cannot be used" in warned(found)


def test_a_volume_without_metadata_is_named(run):
    (run / "3d_volume.ome.zarr" / "zarr.json").unlink()
    found = facts.gather(run)
    assert isinstance(section(found, "views"), Nothing)
    assert "3d_volume.ome.zarr cannot be used" in warned(found)


def test_a_truncated_preview_is_left_out(run):
    path = run / "interpolate_missing_slice" / "slice_z02_interpolated_preview.png"
    path.write_bytes(path.read_bytes()[:200])
    (gap,) = section(facts.gather(run), "gaps").items
    assert gap.preview is None


def test_history_with_a_torn_last_line_shows_the_rest(run):
    path = run / "slice_config_final_history.jsonl"
    path.write_bytes(path.read_bytes()[:-30])
    found = facts.gather(run)
    assert "slice_config_final_history.jsonl cannot be used" in warned(found)
    assert section(found, "slices").rows[0].history


def test_a_wrong_axial_sampling_is_said_with_its_factor(tmp_path):
    found = facts.gather(fake_run.make(tmp_path / "run", 12, axial_factor=0.8))
    implied = found.implied_axial
    assert implied is not None
    assert implied.is_off
    assert implied.factor == pytest.approx(0.8, abs=0.03)
    assert any(what.startswith("The axial sampling seems to be off") for what in warned(found))


def test_a_right_axial_sampling_is_not_doubted(tmp_path):
    found = facts.gather(fake_run.make(tmp_path / "run", 12))
    assert found.implied_axial is not None
    assert not found.implied_axial.is_off


def test_galvo_that_was_not_looked_for_is_said(run):
    for path in [run / "slice_config_final.csv", *run.rglob("slice_config.csv")]:
        path.write_text("slice_id,use\n" + "".join(f"0{i},true\n" for i in range(6)))
    found = facts.gather(run)
    assert "Galvo detection was off" in warned(found)
