"""The results file and the page that is made from it."""

import math

import pytest

from accuracy import page, results
from accuracy.measure import Measure, Target, Trial
from accuracy.rows import Drawn, rows_of
from accuracy.statistics import quantile

TARGET = Target(
    label="largest | error",
    statistic=quantile("error", 1),
    needs=("error",),
    sense="at most",
    bound=0.5,
    unit="px",
)
MEASURE = Measure(
    name="Tiles, placed",
    how="Long\nstory.",
    trial=lambda seed: Trial(seed=seed, drawn={}, found={}),
    targets=(TARGET,),
    quick=1,
    full=1,
    worst_by="error",
)


@pytest.fixture
def result():
    one = Trial(
        seed=7,
        drawn={"overlap": 1 / 3},
        found={"error": (0.123456789, math.nan), "n": (3.0,), "far": (math.inf,)},
        oracle={"error": (0.1,)},
        kinds={"anatomy": "brain"},
    )
    return results.Result(
        drawn=Drawn(trials=(one,), failed={8: "boom"}, not_run={9: "no data"}),
        form="quick",
        seeds=(7, 9),
        command="make accuracy",
        commit="abc",
    )


def test_a_result_survives_the_file(tmp_path, result):
    "Five digits, nan and infinity included."
    path = tmp_path / "results.json"
    results.write(path, {"tiles": result})
    found = results.read(path)["tiles"]
    assert found.drawn.failed == {8: "boom"}
    assert found.drawn.not_run == {9: "no data"}
    values = found.drawn.trials[0].found
    assert values["error"][0] == pytest.approx(0.12346)
    assert math.isnan(values["error"][1])
    assert values["far"] == (math.inf,)
    assert results.rounded(result).drawn.trials[0].drawn == {"overlap": 0.33333}


def test_only_the_lines_of_a_trial_change(tmp_path, result):
    "One line per trial keeps differences readable."
    path = tmp_path / "results.json"
    results.write(path, {"a": result, "b": result})
    lines = path.read_text().splitlines()
    assert sum('"seed": 7' in line for line in lines) == 2


def test_the_page_says_how_and_from_what(tmp_path, result):
    "Section, seeds, command, commit, what was left out, what is missed."
    section = page.Section(MEASURE, result, rows_of(MEASURE, result.drawn))
    text = page.markdown([section], tmp_path)
    assert "## Tiles, placed\n\nLong story." in text
    assert "seeds 7 to 9" in text
    assert "`make accuracy` at commit abc" in text
    assert "NOT RUN: 1 trials" in text
    assert "largest \\| error ≤ 0.5 px" in text
    assert "**0 of 1 targets met.**" in text
    assert "](" not in text


def test_figures_that_are_there_are_shown(tmp_path, result):
    "Links lead to files only."
    (tmp_path / "tiles-placed.png").touch()
    (tmp_path / "tiles-placed-seed-7.png").touch()
    (tmp_path / "other-seed-7.png").touch()
    section = page.Section(MEASURE, result, rows_of(MEASURE, result.drawn))
    text = page.markdown([section], tmp_path)
    assert text.count("](figures/accuracy/") == 2
