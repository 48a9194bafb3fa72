"""The page of a comparison: what it says, and that a real browser draws it without complaint or request."""

from pathlib import Path

import pytest

from netwright.compare.comparison import Comparison, Curve
from netwright.compare.page import regrets, write_page
from netwright.compare.plan import make_plan
from netwright.compare.runs import WholeRun
from netwright.config import FunctionSettings, RunConfig
from netwright.evaluation.interface import DatasetInfo
from oracles.chromium import NAMES, Chromium, installed
from oracles.tiny_search import tiny, total

EVIL = "<script>window.hacked=1</script>"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    config = RunConfig(recipe=EVIL, space=tiny(), evaluate=FunctionSettings(function=total))
    plan = make_plan(config, "random,reinforce:learning_rate=0.05", num_seeds=3, trials=40)
    dataset = DatasetInfo(name=EVIL, notes=(EVIL,), best_score=13.0)
    records = [WholeRun(plan, dataset).play(*run) for run in plan.runs]
    return write_page(Comparison.of(plan, records, dataset), tmp_path)


def test_the_page_tells_everything_and_trusts_no_name(file: Path) -> None:
    text = file.read_text().partition("<script")[0]
    for said in (
        "regret",
        "optimum found",
        "better than",
        "40 trials a run, repeats charged",
        "strategy.learning_rate",
    ):
        assert said in text
    assert EVIL not in file.read_text()
    assert "&lt;script&gt;" in text


def test_an_interval_that_reaches_the_best_keeps_its_band_on_a_logarithmic_axis() -> None:
    curve = Curve((1.0, 2.0, 3.0), (None, 0.75, 1.0), (None, 0.5, 1.0), (None, 1.0, 1.0))
    found = regrets(curve, best=1.0, floor=0.01)
    assert (found.mean, found.low, found.high) == ((None, 0.25, None), (None, 0.5, 0.01), (None, 0.01, 0.01))


def test_an_interval_beyond_the_best_score_ends_at_the_floor() -> None:
    accuracy = Curve((1.0,), (0.75,), (0.25,), (1.25,))
    assert regrets(accuracy, best=1.0, floor=0.01).high == (0.01,)
    perplexity = Curve((1.0,), (30.0,), (15.0,), (45.0,))
    found = regrets(perplexity, best=20.0, floor=0.01)
    assert (found.mean, found.low, found.high) == ((10.0,), (0.01,), (25.0,))


@pytest.mark.skipif(
    installed() is None, reason=f"none of {', '.join(NAMES)} is installed; `make test-browser` says how"
)
def test_a_browser_draws_it(file: Path, tmp_path: Path) -> None:
    browser = Chromium(tmp_path / "profile")
    try:
        browser.open(file)
        browser.wait_for_charts()
        assert browser.complaints == []
        assert [each for each in browser.requests if not each.startswith(("file:", "data:", "blob:"))] == []
        traces = browser.evaluate("[...document.querySelectorAll('.chart > div')].map(each => each.data.length)")
        assert traces == [4, 4, 2, 2, 2]  # a line and a band for each strategy; of differences for one
        assert browser.evaluate("window.hacked") is None
        browser.screenshot(tmp_path / "page.png")
    finally:
        browser.close()
