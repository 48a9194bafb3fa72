"""The report in a real browser: no complaint, no request, charts that are there, a table that sorts."""

import re

import pytest

import netwright as nw
from netwright.report.page import write_report
from oracles.chromium import NAMES, Chromium, installed
from oracles.made_up_runs import make_run

pytestmark = pytest.mark.skipif(
    installed() is None, reason=f"none of {', '.join(NAMES)} is installed; `make test-browser` says how"
)
EVIL = "<script>window.hacked=1</script><img src=x onerror=window.hacked=1>"


@nw.space
def evil():
    chosen = yield nw.Choice(EVIL, (EVIL, "b"))
    return {EVIL: chosen}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    browser = Chromium(tmp_path_factory.mktemp("profile"))
    yield browser
    browser.close()


@pytest.fixture
def page(browser, tmp_path):
    """The report of 64 made-up trials, opened."""
    return opened(browser, write_report(make_run(tmp_path / "run", error=f"{EVIL}\n{EVIL}")))


def opened(browser, file):
    browser.complaints.clear()
    browser.requests.clear()
    browser.prefer("light")
    browser.open(file)
    return browser


def column(page, name):
    """The texts of a column of the table of trials."""
    return page.evaluate(
        f"""(() => {{
            const table = document.querySelector("table.sortable");
            const at = [...table.tHead.rows[0].cells].findIndex(cell => cell.textContent === {name!r});
            return [...table.tBodies[0].rows].filter(row => row.className !== "drawn")
                .map(row => row.cells[at].textContent);
        }})()"""
    )


def click(page, name):
    page.evaluate(
        f"""[...document.querySelectorAll("table.sortable th button")]
            .find(button => button.textContent === {name!r}).click()"""
    )


def test_nothing_complains_and_nothing_is_fetched(page):
    assert page.complaints == []
    assert [url for url in page.requests if not url.startswith(("file:", "data:"))] == []
    assert len(page.requests) == 1


def test_a_complaint_and_a_request_would_be_noticed(page):
    page.evaluate("console.error('a complaint'); fetch('http://127.0.0.1:9/').catch(() => 1)")
    assert any("a complaint" in each for each in page.complaints)
    assert any("Content Security Policy" in each for each in page.complaints)
    assert not [url for url in page.requests if url.startswith("http")]


def test_every_chart_is_drawn_with_all_its_traces(page):
    charts = page.evaluate(
        """(() => {
            const figures = JSON.parse(document.getElementById("figures").textContent);
            return Object.entries(figures).map(([id, figure]) => {
                const place = document.getElementById(id);
                return [figure.title, figure.data.length, place.querySelectorAll("g.trace, g.trace.bars").length,
                        place.querySelector("svg.main-svg")?.getBoundingClientRect().height ?? 0];
            });
        })()"""
    )
    assert len(charts) == 11
    for title, num_traces, num_drawn, height in charts:
        assert num_drawn == num_traces > 0, title
        assert height > 200, title
    # Every measured trial is a point, and every failed one.
    counts = page.evaluate(
        """[...document.querySelectorAll("#chart-0 g.trace")].map(each => each.querySelectorAll("path.point").length)"""
    )
    assert sum(counts) == 64


def test_the_table_sorts_by_numbers_and_by_words(page):
    as_written = column(page, "trial")
    click(page, "validation accuracy")
    rewards = [float(each) for each in column(page, "validation accuracy")]
    assert rewards == sorted(rewards, reverse=True)
    assert len(set(rewards)) > 50
    click(page, "validation accuracy")
    assert [float(each) for each in column(page, "validation accuracy")] == rewards[::-1]
    click(page, "parameters")
    parameters = [each.replace(",", "") for each in column(page, "parameters")]
    counted = [int(each) for each in parameters if each]
    assert counted == sorted(counted, reverse=True)  # 1,033 above 999: numbers, not words
    assert parameters[len(counted) :] == [""] * (64 - len(counted))  # nothing measured, so last
    click(page, "parameters")
    assert [each.replace(",", "") for each in column(page, "parameters")] == [str(n) for n in counted[::-1]] + [""] * (
        64 - len(counted)
    )
    click(page, "architecture")
    assert column(page, "architecture") == page.evaluate(
        f"{column(page, 'architecture')}.sort((a, b) => a.localeCompare(b))"
    )
    assert sorted(column(page, "trial")) == sorted(as_written)
    assert page.evaluate("document.querySelectorAll('th[aria-sort]').length") == 1


def test_a_click_draws_and_another_one_puts_away(page):
    def num_drawn():
        return page.evaluate("document.querySelectorAll('tr.drawn svg.nw-drawing').length")

    assert num_drawn() == 0
    first = "document.querySelector('button[data-drawing]').click()"
    page.evaluate(first)
    assert num_drawn() == 1
    click(page, "validation accuracy")
    assert num_drawn() == 0
    page.evaluate(first)
    page.evaluate(first)
    assert num_drawn() == 0
    assert len(column(page, "trial")) == 64


def luminance(page, expression):
    colour = page.evaluate(expression)
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 765


def test_light_and_dark_follow_the_viewer_without_a_reload(page):
    ground = "getComputedStyle(document.body).backgroundColor"
    axis = "getComputedStyle(document.querySelector('#chart-0 .xtick text')).fill"
    words = "getComputedStyle(document.querySelector('svg.nw-drawing text.nw-ink')).fill"
    assert luminance(page, ground) > 0.9
    assert max(luminance(page, axis), luminance(page, words)) < 0.3
    page.prefer("dark")
    assert luminance(page, ground) < 0.2
    assert min(luminance(page, axis), luminance(page, words)) > 0.7
    assert page.complaints == []


def test_names_from_the_store_are_not_run(browser, tmp_path):
    run = make_run(tmp_path / "run", space=evil(), error=f"{EVIL}\n{EVIL}", recipe=EVIL, num_trials=32)
    page = opened(browser, write_report(run))
    assert page.evaluate("document.querySelector('h1').textContent") == EVIL
    assert page.evaluate("typeof window.hacked") == "undefined"
    assert page.evaluate("document.querySelectorAll('main img').length") == 0
    assert page.complaints == []


def test_the_page_fits_a_narrow_screen(page):
    page.call("Emulation.setDeviceMetricsOverride", width=400, height=800, deviceScaleFactor=1, mobile=False)
    try:
        # Charts follow a window that changes after a moment.
        waiting = "new Promise(done => setTimeout(() => done(document.documentElement.scrollWidth), 50))"
        assert any(page.evaluate(waiting) <= 400 for _ in range(100))
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")
