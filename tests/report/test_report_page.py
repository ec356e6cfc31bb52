import io
import json
import re
import zipfile

import fake_run
import matplotlib as mpl
import numpy as np
import pytest
from html_outline import Outline

from linumpy.errors import BadValue
from linumpy.report import page
from linumpy.report.sections import SECTIONS

TEN_MB = 10_000_000


@pytest.fixture(scope="module")
def big_page(tmp_path_factory):
    return page.build(fake_run.make(tmp_path_factory.mktemp("big") / "run", 60))


def test_every_section_has_something_to_show(small_page):
    "A finished run leaves no section empty."
    assert [s.anchor for s in small_page.sections] == [s.anchor for s in SECTIONS]
    assert [s.anchor for s in small_page.sections if s.kind == "Nothing"] == []


def test_every_section_but_the_headline_teaches_how_to_read_it():
    assert all(s.title and len(s.caption) > 60 for s in SECTIONS[1:])


def test_the_page_is_well_formed_and_needs_no_network(small_html):
    "No script, no address outside the file."
    outline = Outline(small_html)
    assert not outline.all("script")
    assert not outline.all("link")
    sources = [a["src"] for a in outline.all("img")]
    assert sources
    assert all(s.startswith("data:image/") for s in sources)
    assert not re.search(r"https?://(?!www\.w3\.org)", re.sub(r"base64,[^\"]*", "", small_html))


def test_every_picture_has_a_text_and_every_link_a_target(small_html):
    outline = Outline(small_html)
    assert all(a.get("alt") for a in outline.all("img"))
    ids = {a["id"] for _, a in outline.tags if "id" in a}
    targets = {a["href"] for a in outline.all("a")}
    assert targets <= {f"#{i}" for i in ids}


def test_every_slice_has_a_row_a_picture_and_its_fate_as_a_word(small_page, small_html):
    slices = next(s.context for s in small_page.sections if s.anchor == "slices")
    assert [r.slice_id for r in slices.rows] == ["00", "01", "02", "03", "04", "05"]
    assert [r.fate for r in slices.rows] == ["excluded", "measured", "interpolated"] + [
        "measured"
    ] * 3
    assert all(r.thumbnail for r in slices.rows)
    assert [f.word for f in slices.rows[3].flags] == ["galvo fixed"]
    assert [f.word for f in slices.rows[5].flags] == ["re-homed", "shift uncertain"]
    assert slices.rows[0].reason.startswith("calibration slice")
    assert slices.rows[0].history
    text = " ".join(Outline(small_html).text)
    assert "galvo fixed" in text
    assert "interpolated" in text


def test_what_the_record_says_is_escaped(tmp_path):
    "A note is text, never markup."
    record = tmp_path / "slice_config_final.csv"
    record.write_text("slice_id,use,notes\n00,true,<script>alert(1)</script>\n")
    html = page.to_html(page.build(tmp_path, title="<b>mine</b>"))
    assert "<script>" not in html
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<b>mine</b>" not in html


def test_sixty_slices_stay_under_ten_megabytes(big_page):
    html = page.to_html(big_page)
    assert len(html.encode()) < TEN_MB
    outline = Outline(html)
    rows = [a for a in outline.all("tr") if (a.get("id") or "").startswith("slice-")]
    assert len(rows) == 60
    thumbnails = [a for a in outline.all("img") if a["alt"].startswith("Slice ")]
    assert len(thumbnails) == 59  # 08 was never acquired


def test_the_sum_of_the_fates_is_printed(big_page):
    headline = big_page.sections[0].context
    assert headline.adds_up
    assert headline.balance == (
        "52 measured + 1 interpolated + 1 failed + 2 gap + 4 excluded = 60 "
        "= 59 seen + 1 never acquired"
    )
    assert big_page.verdict == "1 problem needs your attention."


def test_json_sibling_holds_the_same_facts(small_page, tmp_path):
    out = tmp_path / "quality_report.html"
    page.write(small_page, out)
    facts = json.loads((tmp_path / "quality_report.json").read_text())
    assert facts["fates"] == {
        "measured": 4,
        "interpolated": 1,
        "failed": 0,
        "gap": 0,
        "excluded": 1,
    }
    assert facts["sections"]["headline"]["verdict"] == small_page.verdict
    assert [r["slice_id"] for r in facts["sections"]["slices"]["rows"]] == [
        f"{i:02d}" for i in range(6)
    ]
    assert facts["warnings"] == facts["sections"]["warnings"]["items"]
    assert "quality_report.json" in out.read_text()


def test_zip_holds_the_page_and_its_pictures(small_page, tmp_path):
    out = tmp_path / "report.zip"
    page.write(small_page, out)
    with zipfile.ZipFile(io.BytesIO(out.read_bytes())) as archive:
        names = archive.namelist()
        outline = Outline(archive.read("index.html").decode())
    assert {a["src"] for a in outline.all("img")} <= set(names)
    assert "previews/slices/slice_z03.jpg" in names
    assert "report.json" in names


def test_text_says_the_fates_and_the_warnings(small_page, tmp_path):
    out = tmp_path / "report.txt"
    page.write(small_page, out)
    text = out.read_text()
    assert "4 measured + 1 interpolated" in text
    assert "To do: " in text
    assert "03   measured" in text


@pytest.mark.parametrize("format_", ["html", "text", "zip"])
def test_an_empty_folder_gives_a_page(tmp_path, format_):
    folder = tmp_path / "run"
    folder.mkdir()
    found = page.build(folder)
    page.write(found, tmp_path / "report", format_)
    assert found.verdict == "Nothing of a run was found in this folder."
    assert {s.kind for s in found.sections} == {"Headline", "Warnings", "Nothing"}


def test_a_report_over_its_own_json_is_refused(small_page, tmp_path):
    with pytest.raises(BadValue, match=r"report\.json: the facts are written as JSON"):
        page.write(small_page, tmp_path / "report.json")


def test_the_same_run_gives_the_same_bytes_and_leaves_matplotlib_alone(small_run, small_html):
    before = dict(mpl.rcParams)
    assert page.to_html(page.build(small_run)) == small_html
    assert dict(mpl.rcParams) == before


def test_json_has_no_numbers_that_json_lacks(small_page):
    json.dumps(page.to_json(small_page), allow_nan=False)
    assert not np.isnan(small_page.facts.counts["measured"])


def section(found, anchor):
    return next(s.context for s in found.sections if s.anchor == anchor)


def test_slices_out_of_the_volume_are_named_beside_the_quality_not_counted(small_page):
    "The calibration slice's 0.00 is no headline."
    said = section(small_page, "quality").findings
    assert re.fullmatch(
        r"Of 4 measured slices: median 0\.\d\d, lowest 0\.\d\d \(slice 0\d\)\.", said[0]
    )
    assert "(excluded)" in said[1]


def test_a_pair_without_overlap_has_no_correlation(small_page):
    "A dash in the table, a cross in the plot: not 0."
    context = section(small_page, "stacking")
    columns = [c.title for c in context.tables[0].columns]
    at, planes = columns.index("correlation"), columns.index("overlap / planes")
    cells = {row[planes] == "0": row[at] for row in context.tables[0].rows}
    assert cells[True] == "–"
    assert cells[False].startswith("0.")


def test_the_atlas_is_shown_before_it_is_trusted(small_page, tmp_path):
    "Preview, code, scores; without them the page says that it was not requested."
    context = section(small_page, "atlas")
    assert len(context.pictures) == 1
    assert "PIR" in context.findings[0]
    assert "0.42 before, 0.71 after" in context.findings[1]
    assert "Not requested" in section(page.build(tmp_path), "atlas").why


def test_a_warning_says_what_it_is_about(tmp_path):
    "Notes that differ by a number are one; its title is what they say."
    for slice_id, n in (("07", 1), ("08", 3)):
        (tmp_path / f"slice_z{slice_id}_process_metrics.json").write_text(
            json.dumps(
                {
                    "step_name": "process_slice",
                    "overall_status": "warning",
                    "metrics": {},
                    "warnings": [f"{n} tiles keep the stage's position"],
                    "errors": [],
                }
            )
        )
    titles = [w.what for w in section(page.build(tmp_path), "warnings").items]
    assert "Process slice: tiles keep the stage's position (2 times)" in titles


def test_a_slice_that_is_placed_by_hand_is_drawn_and_marked(tmp_path):
    "A band in both plots, a flag in its row, a sentence; without one, no word of it."
    run = fake_run.make(tmp_path / "run", 6)
    assert "by hand" not in page.to_html(page.build(run))
    path = run / "stack" / "stacking_decisions.csv"
    lines = path.read_text().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith("04,"))
    lines[at] = lines[at].replace("automated", "manual")
    assert "manual" in lines[at]
    path.write_text("\n".join(lines) + "\n")
    contexts = {s.anchor: s.context for s in page.build(run).sections}
    for anchor, name in (("registration", "registration"), ("stacking", "corrections")):
        (picture,) = (p for p in contexts[anchor].pictures if name in p.name)
        assert picture.alt.endswith("; by hand: 04.")
        assert b"#7b3fa0" in picture.data
        said = " ".join(contexts[anchor].findings)
        assert "Slice 04 lies on the one before as set by hand (--manual_transforms)." in said
    flags = {r.slice_id: [f.word for f in r.flags] for r in contexts["slices"].rows}
    assert [key for key, words in flags.items() if "set by hand" in words] == ["04"]
