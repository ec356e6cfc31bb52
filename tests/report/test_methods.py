"""The methods paragraph: what the run did, in plain English, and nothing that it did not do."""

import json
import re

import fake_run
import pytest

from linumpy.io import slice_config
from linumpy.report import page
from linumpy.report.references import REFERENCES


@pytest.fixture
def run(tmp_path):
    "The folder of a run of six slices: one excluded, one interpolated."
    return fake_run.make(tmp_path / "run", 6)


def change(path, **more):
    found = json.loads(path.read_text())
    found.update(more)
    path.write_text(json.dumps(found))


def parameters(run, **more):
    found = json.loads((run / "run.json").read_text())
    change(run / "run.json", parameters={**found["parameters"], **more})


def rows(run, change_rows):
    path = run / "slice_config_final.csv"
    found = slice_config.read(path)
    change_rows(found)
    slice_config.write(path, found)


def told(run):
    "The paragraphs as one text, and the references."
    built = page.build(run)
    (section,) = (s for s in built.sections if s.anchor == "methods")
    assert built.sections[-1] is section
    return " ".join(section.context.paragraphs), section.context.references


def use_all(found):
    for key in found:
        found[key] = slice_config.new_row(key, use=True)


def test_no_slice_excluded(run):
    rows(run, use_all)
    text, _ = told(run)
    assert "All 6 slices were used; none was excluded or interpolated." in text
    assert "Of 6 slices" not in text


def test_some_excluded_and_one_interpolated(run):
    "Each with its reason; slices of one reason share a sentence."

    def leave_out(found):
        for key in ("04", "05"):
            found[key] |= {"use": False, "notes": "torn", "interpolated": False}

    rows(run, leave_out)
    text, _ = told(run)
    assert "Of 6 slices, 2 were used." in text
    assert "Slice 00 was excluded: calibration slice, thicker than the others" in text
    assert "Slices 04 and 05 were excluded: torn." in text
    assert re.search(
        r"Slice 02 was interpolated from its neighbours by morphing one into the other: low_q", text
    )


def test_a_refused_interpolation_and_a_failure(run):
    def spoil(found):
        found["02"] |= {
            "interpolated": False,
            "interpolation_failed": True,
            "interpolation_fallback_reason": "low_overlap_ncc",
        }
        found["04"] |= {"use": False, "notes": "failed: process_slice: no tissue"}

    rows(run, spoil)
    text, _ = told(run)
    assert "The place of slice 02 was left empty: the neighbours' facing planes do not" in text
    assert "Slice 04 could not be processed: process_slice, no tissue." in text
    assert "interpolated from" not in text


def test_only_one_slice(tmp_path):
    run = fake_run.make(tmp_path / "run", 6)
    rows(run, lambda found: [found.pop(key) for key in list(found)[1:]])
    rows(run, use_all)
    assert "The only slice was used" in told(run)[0]


def test_acquisition_by_the_headers(run):
    "Rates and dates where they were written down, else no word of them."
    text, _ = told(run)
    assert "in 6 slices, cut 200 µm apart." in text
    assert "overlap by 20 %" not in text  # how many tiles there were is not known
    assert "50 × 50 µm laterally and 8 µm in depth" in text
    assert "kHz" not in text
    assert "dated" not in text
    change(
        run / "acquisition.json",
        slices={"00": {"n_tiles": 9}, "01": {"n_tiles": 11}},
        instrument={"header": {"line_rate": 80, "n_repeat": 2}, "dates": ["1 May", "4 May"]},
    )
    text, _ = told(run)
    assert "In all, 20 tiles were acquired, each 2.4 × 2.4 mm, that overlap by 20 %." in text
    assert "The A-line rate was 80 kHz. Each B-scan is the mean of 2 repeats." in text
    assert "dated from 1 May to 4 May." in text


def test_tiles_without_positions(run):
    change(run / "acquisition.json", overlap_fraction=0.2)
    assert "placed by their nominal grid positions" in told(run)[0]


def test_what_was_off_is_not_told(run):
    "Each stage by its switch."
    on = {
        "detect_galvo": "galvanometer",
        "refine_positions": "masked correlation of their overlaps",
        "flat_field": "the illumination that all tiles share",
        "axial_profile": "mean depth profile",
        "attenuation": "local attenuation",
        "detect_rehoming": "Jumps of the stage",
        "auto_assess_quality": "structural similarity",
    }
    parameters(run, **dict.fromkeys(on, True))
    text, _ = told(run)
    assert all(words in text for words in on.values())
    parameters(run, **dict.fromkeys(on, False), strength=0.0)
    text, _ = told(run)
    assert not [words for words in on.values() if words in text]
    assert "steps of brightness" not in text
    assert "corrected for" not in text


@pytest.mark.parametrize(
    ("mode", "words"),
    [("overlap", "where both show the same tissue"), ("percentile", "course of percentile 80")],
)
def test_how_brightness_was_evened(run, mode, words):
    parameters(run, mode=mode, strength=0.5, percentile=80)
    text, _ = told(run)
    assert "Then 50 % of the steps of brightness" in text
    assert words in text


def test_pairs_that_counted(run):
    "As the stack decided; a pair set by hand is told apart."
    text, _ = told(run)
    assert re.search(
        r"Of \d+ pairs of neighbours, \d+ counted \(confidence of at least 0.3\)", text
    )
    assert "by hand" not in text
    path = run / "stack" / "stacking_decisions.csv"
    before = int(re.search(r"neighbours, (\d+) counted", text)[1])
    path.write_text(path.read_text().replace("automated", "manual", 1))
    text, _ = told(run)
    assert re.search(r"How slice \d\d lies on the slice before was set by hand\.", text)
    assert int(re.search(r"neighbours, (\d+) counted", text)[1]) == before - 1


def test_with_and_without_an_atlas(run):
    text, references = told(run)
    assert "by a rigid transform that maximises mutual information" in text
    assert any("Maes" in one for one in references)
    (run / "3d_volume_ras_transform.json").unlink()
    text, references = told(run)
    assert "atlas" not in text
    assert not any("Maes" in one for one in references)


def test_software_by_version_and_commit(run):
    change(run / "run.json", commit="0123456789abcdef", subject="sub-22")
    text, references = told(run)
    assert "linumpy 0.1.0 (commit 0123456789) [1]" in text
    assert references[0] == (
        "The linumpy developers. linumpy, version 0.1.0 (commit 0123456789). Computer software."
    )
    assert text.startswith("The brain (sub-22) was imaged")
    change(run / "run.json", commit="unknown", subject="")
    text, _ = told(run)
    assert "commit" not in text
    assert text.startswith("The brain was imaged")


def test_every_reference_is_cited_by_its_number(run):
    "In the order of the text, none twice, none that is not in the list."
    parameters(run, refine_positions=True, auto_assess_quality=True, initial_alignment="both")
    text, references = told(run)
    numbers = [int(n) for n in re.findall(r"\[(\d+)\]", text)]
    assert list(dict.fromkeys(numbers)) == list(range(1, len(references) + 1))
    assert "{" not in text
    assert len(set(references)) == len(references)


def test_references_name_author_year_and_doi():
    for reference in REFERENCES.values():
        assert re.search(r"(19|20)\d\d\. doi:10\.\d{4,}/\S+$", reference), reference


@pytest.mark.parametrize("absent", ["run.json", "slice_config_final.csv"])
def test_nothing_is_told_of_what_is_not_known(tmp_path, absent):
    "Neither by half."
    run = fake_run.make(tmp_path / "run", 6)
    (run / absent).unlink()
    for path in run.rglob("slice_config*.csv") if absent != "run.json" else ():
        path.unlink()
    (section,) = (s for s in page.build(run).sections if s.anchor == "methods")
    assert section.kind == "Nothing"


def test_the_text_report_has_it_too(run):
    assert "[1] The linumpy developers." in page.to_text(page.build(run))
