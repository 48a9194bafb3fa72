"""The report in a real browser: no complaint, no request, charts that are there, a table that sorts."""

import base64
import io
import json
import re

import pytest
from PIL import Image

import netwright as nw
from netwright.report.data_page import write_data_page
from netwright.report.model_page import write_model_page
from netwright.report.page import write_report
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.tasks.images.understood import ClassCount, Sizes, Understood
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
    browser.wait_for_charts()
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
    assert len(charts) == 12
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
    scores = [float(each.removesuffix("%")) for each in column(page, "validation accuracy") if each]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) > 40
    click(page, "validation accuracy")
    assert [float(each.removesuffix("%")) for each in column(page, "validation accuracy") if each] == scores[::-1]
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


def test_a_last_chart_alone_fills_its_row(page):
    widths = page.evaluate(
        """[...document.querySelectorAll(".charts")].map((grid) => {
            const charts = [...grid.children].map((each) => each.getBoundingClientRect());
            const alone = charts.filter((each) => !charts.some((other) => other !== each && other.top === each.top));
            return alone.map((each) => Math.abs(each.width - grid.getBoundingClientRect().width));
        })"""
    )
    assert sum(map(len, widths)) > 1, "no chart is alone"
    assert max(difference for grid in widths for difference in grid) < 1


def pages(folder):
    """A report with a user's images, the page of a trained network and that of the images: long names everywhere."""
    name = "a_class_with_a_very_long_name_that_no_line_of_a_phone_has_room_for" * 2
    classes = (ClassCount(name, 60, 15), ClassCount("b", 20, 5))
    understood = Understood(
        f"{name} (00000000)", "a folder for each class", classes, Sizes((9, 9), (9, 9), (9, 9)), 3, (9, 9),
        (f"1 file left out: {name}/{name}.png",), (f"20 images of {name} set aside",),
    )  # fmt: skip
    pixel = "data:image/png;base64," + base64.b64encode(png((9, 9))).decode()
    run = make_run(folder / "run", space=convolutional(15), metrics={"largest_class_share": 0.3}, recipe=name)
    with Store.open(run) as store:
        store.write_document("images", understood.for_pages([[pixel] * 8, [pixel] * 8]))
    data = folder / "data.html"
    write_data_page(understood, [[pixel] * 12, [pixel] * 12], data)
    model = folder / "model"
    model.mkdir()
    (model / "model.json").write_text(json.dumps(described(name)))
    errors = [{"png": pixel.partition(",")[2], "index": 1, "class": name, "named": "b", "probability": 0.9, "loss": 2}]
    (model / "worst_errors.json").write_text(json.dumps(errors))
    return {"report": write_report(run), "data": data, "model": write_model_page(model)}


def png(size):
    buffer = io.BytesIO()
    Image.new("RGB", size, "red").save(buffer, "PNG")
    return buffer.getvalue()


def described(name):
    """A model.json of two classes, of which the first has a long name."""
    per_class = [{"name": each, "num_images": 9, "precision": 0.9, "recall": 0.8} for each in (name, "b")]
    metrics = {
        "num_parameters": 1234, "num_train_images": 100, "test_accuracy": 0.9, "num_test_images": 20,
        "test_interval": [0.7, 0.97], "largest_class": name, "largest_class_share": 0.5, "test_balanced_accuracy": 0.9,
        "test_macro_f1": 0.9, "test_calibration_error": 0.1, "temperature": None, "per_class": per_class,
        "test_calibration_error_with_temperature": None, "calibration": [[20, 0.8, 0.9]],
        "confusion_matrix": [[9, 1], [1, 9]],
    }  # fmt: skip
    return {"origin": f"trial 3 of {name}", "data": name, "metrics": metrics, "settings": {name: name}}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_fit_a_phone_and_fetch_nothing(browser, tmp_path, scheme):
    browser.call("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=1, mobile=False)
    try:
        for name, file in pages(tmp_path).items():
            browser.complaints.clear()
            browser.requests.clear()
            browser.prefer(scheme)
            browser.open(file)
            browser.wait_for_charts()
            assert browser.evaluate("document.documentElement.scrollWidth") <= 375, name
            cut = """[...document.querySelectorAll("main *")].filter((each) =>
                each.getBoundingClientRect().right > 376 && !each.closest(".scroll, .drawing, pre, svg, details"))
                .map((each) => each.outerHTML.slice(0, 200))"""
            assert browser.evaluate(cut) == [], name
            assert browser.complaints == [], name
            assert [url for url in browser.requests if not url.startswith(("file:", "data:"))] == [], name
            light = luminance(browser, "getComputedStyle(document.body).backgroundColor")
            assert (light > 0.9) == (scheme == "light"), name
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_a_wide_table_scrolls_in_its_own_box(browser, tmp_path):
    browser.call("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=1, mobile=False)
    try:
        page = opened(browser, pages(tmp_path)["report"])
        table = "document.querySelector('.scroll')"
        assert page.evaluate(f"{table}.scrollWidth > {table}.clientWidth")
        page.evaluate(f"{table}.scrollLeft = 200")
        assert page.evaluate(f"{table}.scrollLeft") == 200
    finally:
        browser.call("Emulation.clearDeviceMetricsOverride")


def test_charts_follow_a_window_that_becomes_narrow(page):
    page.call("Emulation.setDeviceMetricsOverride", width=375, height=800, deviceScaleFactor=1, mobile=False)
    try:
        waiting = "new Promise(done => setTimeout(() => done(document.documentElement.scrollWidth), 50))"
        assert any(page.evaluate(waiting) <= 375 for _ in range(100))
    finally:
        page.call("Emulation.clearDeviceMetricsOverride")
