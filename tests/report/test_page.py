"""The report as a file: complete, self-contained, escaped, small, and honest about what is optimistic."""

import base64
import gzip
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

import netwright as nw
from netwright.report.page import write_report
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.spaces.programs import Schedule
from netwright.tasks.images.understood import ClassCount, Sizes, Understood
from netwright.trials import StrategyState, TrialState
from oracles.made_up_runs import make_run

EVIL = "</script><script>window.hacked=1</script><img src=x onerror=window.hacked=1>\"'&\u2028"


class Outline(HTMLParser):
    """Elements, their attributes, and the text outside of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text, self.scripts, self._inside = "", [], ""
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        self._inside = tag
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        self._inside = ""

    def handle_data(self, data):
        if self._inside == "script":
            self.scripts[-1] += data
        elif self._inside != "style":
            self.text += data + " "

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def report_of(run, **where) -> tuple[str, Outline]:
    text = write_report(run, **where).read_text(encoding="utf-8")
    return text, Outline(text)


def figures_of(outline: Outline) -> dict[str, dict]:
    return {figure["title"]: figure for figure in json.loads(outline.scripts[0]).values()}


@pytest.fixture
def run(tmp_path):
    return make_run(tmp_path / "run")


def test_every_part_is_there(run):
    _, page = report_of(run)
    titles = set(figures_of(page))
    assert {"Validation accuracy per trial", "filter_height", "filter_width", "inputs", "num_filters"} < titles
    assert {"Policy entropy", "Mean reward of a batch and baseline", "Gradient norm"} < titles
    assert {"Sample diversity", "Training time per network", "Worker utilisation"} < titles
    assert len([a for a in page.all("div") if (a.get("id") or "").startswith("chart-")]) == len(titles)
    for expected in (
        "netwright search made-up",
        "made-up digits",
        "an abacus",
        "torch 2.13.0",
        "seed",
        "workers",
    ):
        assert expected in page.text
    assert "out of memory: 3 GiB wanted" in page.text
    assert "Traceback: line 1" in page.text
    drawn = [a for a in page.all("template") if a["id"].startswith("drawing-")]
    assert len(drawn) == 50
    assert len(page.all("svg")) == 53  # three of them large
    assert len([a for a in page.all("button") if "data-drawing" in a]) == 50


def test_the_charts_say_what_the_store_holds(run):
    with Store.read(run) as store:
        trials = store.trials()
    figures = figures_of(report_of(run)[1])
    reward = {trace["name"]: trace for trace in figures["Validation accuracy per trial"]["data"]}
    done = [trial for trial in trials if trial.state == "done"]
    assert reward["measured"]["x"] == [trial.number for trial in done]
    assert reward["measured"]["y"] == pytest.approx([trial.metrics["validation_accuracy"] for trial in done], rel=1e-4)
    assert reward["failed (no score)"]["x"] == [trial.number for trial in trials if trial.state == "failed"]
    assert reward["best so far (optimistic)"]["y"][-1] == pytest.approx(
        max(t.metrics["validation_accuracy"] for t in done), rel=1e-4
    )
    heights = figures["filter_height"]["data"]
    assert [trace["name"] for trace in heights] == ["1", "3", "5", "7"]
    assert sum(trace["y"][0] for trace in heights) == pytest.approx(1, abs=1e-4)
    assert sum(figures["Training time per network"]["data"][0]["y"]) == len(trials)


def test_confirmed_means_and_maxima_are_labelled(run):
    _, page = report_of(run)
    assert "1. Trial " in page.text
    assert re.search(r"confirmed accuracy 75\.00% ± 7\.07% \(n=2\), 8\d\.\d\d% in the search \(optimistic\)", page.text)
    assert "highest validation accuracy of the search, optimistic" in page.text
    assert "best so far (optimistic)" in page.scripts[0]


def test_without_confirmations_nothing_is_called_confirmed(tmp_path):
    _, page = report_of(make_run(tmp_path / "run", num_confirmed=0))
    assert "not confirmed" in page.text
    assert "confirmed accuracy" not in page.text


def test_the_file_needs_nothing_else(run):
    text, page = report_of(run)
    assert not page.all("link")
    for tag in ("script", "img", "iframe", "a", "form"):
        assert not [attributes for attributes in page.all(tag) if {"src", "href", "action"} & attributes.keys()]
    (policy,) = [a["content"] for a in page.all("meta") if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none';")
    own = text[: text.index(page.scripts[1][:200])] + page.scripts[2]
    assert not re.findall(r"(?:src|href)=|url\(|@import|https?://(?!www\.w3\.org/)", own)
    assert len(page.scripts) == 3
    assert [path.name for path in run.iterdir() if "report" in path.name] == ["report.html"]


def test_the_library_of_charts_is_the_published_one(run):
    """Basic bundle of Plotly 4.1.1, as npm distributes it in plotly.js-basic-dist-min."""
    library = gzip.decompress(base64.b64decode(report_of(run)[1].scripts[1]))
    assert hashlib.sha256(library).hexdigest() == "99784e3abfb07b142a15e521a439e6d9addceadb3f79553fd24c72774f0649ba"
    assert b"Licensed under the MIT license" in library[:300]


def test_what_comes_from_the_store_is_escaped(tmp_path):
    @nw.space
    def evil():
        chosen = yield nw.Choice(f"name {EVIL}", (EVIL, "b"))
        inputs = yield nw.Subset(EVIL, of=0)
        return {EVIL: chosen, "inputs": list(inputs)}

    run = make_run(
        tmp_path / "run", space=evil(), error=f"{EVIL}\n{EVIL}", recipe=EVIL, command=["netwright", EVIL], num_trials=32
    )
    text, page = report_of(run)
    assert len(page.scripts) == 3  # the figures, plotly, ours
    assert not page.all("img")
    own = text.replace(page.scripts[1], "")
    assert "<script>window" not in own
    assert "onerror=window.hacked=1>" not in own
    assert own.count("&lt;/script&gt;&lt;script&gt;window.hacked=1") > 5
    json.loads(page.scripts[0])
    assert "window.hacked=1" in page.text


def test_a_tall_tale_in_the_name_of_an_option_is_escaped_in_the_charts(tmp_path):
    """A space at the top level of a module is found again, so that its names reach the charts."""
    run = make_run(tmp_path / "run", space=found_again(), num_trials=32)
    _, page = report_of(run)
    assert len(page.scripts) == 3
    assert EVIL in figures_of(page)
    assert [trace["name"] for trace in figures_of(page)[EVIL]["data"]] == [EVIL, "b"]


@nw.space
def found_again():
    chosen = yield nw.Choice(EVIL, (EVIL, "b"))
    return {"chosen": chosen}


def test_a_space_that_is_gone_costs_its_section_only(tmp_path):
    @nw.space
    def local():
        return [(yield nw.Choice("width", (1, 2)))]

    run = make_run(tmp_path / "run", space=local(), num_trials=32)
    _, page = report_of(run)
    assert "There are no option frequencies" in page.text
    assert {"Validation accuracy per trial", "Policy entropy"} < set(figures_of(page))
    assert "width" not in figures_of(page)
    assert not page.all("template")


def test_a_space_that_has_changed_costs_its_section_only(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", space=found_again(), num_trials=16)

    def broken():
        raise ZeroDivisionError(f"changed since {yield nw.Choice('another', (1, 2))}")

    monkeypatch.setattr(found_again, "__wrapped__", broken)
    _, page = report_of(run)
    assert "the space cannot be used: ZeroDivisionError: changed since" in page.text
    assert "Validation accuracy per trial" in figures_of(page)


def test_charts_with_too_little_to_show_are_left_out(tmp_path):
    one = figures_of(report_of(make_run(tmp_path / "one", num_trials=1, num_confirmed=0))[1])
    assert one == {}
    few, page = report_of(make_run(tmp_path / "few", num_trials=9, fails=lambda number: False, num_confirmed=0))
    assert set(figures_of(page)) == {
        "Validation accuracy per trial", "Accuracy against parameters", "Training time per network",
    }  # fmt: skip
    for heading in ("Learned preferences", "Failures"):
        assert f"<h2>{heading}" not in few
    assert "<h2>Failures" in report_of(make_run(tmp_path / "many"))[0]


def test_accuracy_is_shown_against_every_cost_that_differs(tmp_path):
    run = make_run(tmp_path / "run", metrics={"multiply_adds": 5})
    figures = figures_of(report_of(run)[1])
    assert "Accuracy against multiply-adds" not in figures  # one number for all
    points, best = figures["Accuracy against parameters"]["data"]
    with Store.read(run) as store:
        done = {trial.number: trial for trial in store.trials() if trial.state == "done"}
    assert set(points["customdata"]) == set(done)
    assert points["x"] == [done[number].metrics["num_parameters"] for number in points["customdata"]]
    # No network with as few parameters is better than one on the line.
    for cost, score in zip(best["x"], best["y"], strict=True):
        within = [y for x, y in zip(points["x"], points["y"], strict=True) if x <= cost]
        assert max(within) == score


def test_the_page_begins_with_a_sentence_and_ends_with_the_next_command(run):
    text, _ = report_of(run)
    body = text[text.index("<h1>") : text.index("</main>")]
    assert re.search(r'<p class="lead">The best of 57 different networks ', body)
    next_part = body[body.index("<h2>Next</h2>") :]
    assert f"<code>netwright train {run}</code>" in next_part
    assert "<h2>" not in next_part[4:]


def test_a_trial_that_never_ended_is_not_listed(tmp_path):
    run = make_run(tmp_path / "run", num_trials=64, num_drawn=24, num_confirmed=0)
    with Store.open(run) as store:
        unfinished = replace(store.trials()[20], number=24, state=TrialState.RUNNING, reward=None, seconds=None)
        store.commit([unfinished], (), StrategyState(), [])
    _, page = report_of(run)
    assert "All 24 trials" in page.text
    assert ">running<" not in report_of(run)[0]


def test_a_users_images_are_shown_with_their_counts(run):
    pictures = "data:image/png;base64,iVBORw0KGgo="
    understood = Understood(
        "pets (00000000)", "a folder for each class", (ClassCount("cat", 60, 15), ClassCount(EVIL, 20, 5)),
        Sizes((9, 9), (9, 9), (9, 9)), 3, (9, 9), ("1 file left out: x",), ("20 images set aside",),
    )  # fmt: skip
    with Store.open(run) as store:
        store.write_document("images", understood.for_pages([[pictures] * 3, [pictures]]))
    text, page = report_of(run)
    assert len(page.all("img")) == 4
    assert "75 images (75.0%): 60 to train and validate, 15 to test" in " ".join(page.text.split())
    assert "1 file left out: x" in page.text
    assert len(page.scripts) == 3
    assert "<script>window" not in text


@pytest.mark.parametrize("num_layers", [5, 15])
def test_100_trials_stay_below_one_and_a_half_megabytes(tmp_path, num_layers):
    run = make_run(tmp_path / "run", num_trials=100, space=convolutional(num_layers), metrics={"multiply_adds": 1})
    assert len(report_of(run)[0].encode()) < 1.5e6


def test_random_search_has_no_controller(tmp_path):
    _, page = report_of(make_run(tmp_path / "run", learns=False))
    assert "Learned preferences" not in page.text
    assert "Sampled options" in page.text
    assert "Policy entropy" not in figures_of(page)


@pytest.mark.parametrize(("num_trials", "num_drawn"), [(64, 0), (64, 1), (64, 20), (1, 1)])
def test_a_run_at_its_beginning(tmp_path, num_trials, num_drawn):
    run = make_run(tmp_path / "run", num_trials=num_trials, num_drawn=num_drawn, num_confirmed=0)
    _, page = report_of(run)
    assert f"of {num_trials} trials measured" in page.text
    assert ("Nothing has been" in page.text) == (num_drawn == 0)


def test_a_run_in_which_everything_failed(tmp_path):
    _, page = report_of(make_run(tmp_path / "run", fails=lambda number: True, num_confirmed=0))
    assert "Nothing has been measured yet" in page.text
    assert "64" in page.text


def test_a_search_that_goes_on_is_read_and_said_to_run(tmp_path):
    run = make_run(tmp_path / "run", num_trials=64, num_drawn=24, num_confirmed=0)
    with Store.open(run):  # another writer
        _, page = report_of(run)
    assert "running" in page.text
    assert "interrupted" in report_of(run)[1].text


@pytest.fixture(scope="module")
def long_run(tmp_path_factory):
    """15,000 trials of the paper's depth, 6 to 24 layers; 1,500 of them different, to be quickly made."""
    space = convolutional().with_parameters(num_layers=Schedule(6, 2, 160))
    return make_run(tmp_path_factory.mktemp("long") / "run", num_trials=15_000, space=space, num_distinct=1500)


@pytest.mark.slow
def test_15_000_trials_stay_below_10_megabytes(long_run):
    text, page = report_of(long_run)
    assert len(text.encode()) < 10e6
    assert "The best 500 of 15,000 trials" in page.text
    assert "trials are shown as points; both lines include all" in page.text
    assert len(page.all("tr")) < 600
    for figure in figures_of(page).values():
        assert all(len(trace["x"]) < 2100 for trace in figure["data"])


def test_networks_of_a_hundred_layers_stay_below_10_megabytes(tmp_path):
    run = make_run(tmp_path / "run", num_trials=60, space=convolutional(100), num_confirmed=0)
    text, page = report_of(run)
    assert len(text.encode()) < 10e6
    drawn = len(page.all("template"))
    assert 1 <= drawn < 50
    assert f"the best {drawn} architectures are drawn" in page.text


def test_curves_of_stopped_and_finished_children_are_shown(tmp_path):
    def evaluate(architecture: int, trial: nw.TrialContext) -> float:
        for epoch in range(1, 4):
            trial.report(epoch, architecture * epoch)
        return float(architecture * 3)

    nw.search(
        numbered(), evaluate, num_trials=40, strategy="random", batch_size=4, rungs=[(1, 0.25)], out=tmp_path / "run"
    )
    text, page = report_of(tmp_path / "run")
    stopped, whole, best = figures_of(page)["Value while training"]["data"]
    with Store.read(tmp_path / "run") as store:
        trials = [trial for trial in store.trials() if trial.state.measured and trial.reused_from is None]
    of_state = {state: {each.number for each in trials if each.state is state} for state in TrialState}
    assert set(stopped["customdata"]) == of_state[TrialState.STOPPED]
    assert {*whole["customdata"], *best["customdata"]} == of_state[TrialState.DONE]
    assert set(stopped["x"]) == {1, None}
    assert whole["x"] == [1, 2, 3, None] * (len(whole["x"]) // 4)
    number = best["customdata"][0]
    assert best["y"][:3] == trials_by_number(trials)[number].metrics["values"]
    tile = re.search(r"<b>(\d+)</b><span>trials stopped early", text)
    with Store.read(tmp_path / "run") as store:
        assert int(tile[1]) == sum(trial.state is TrialState.STOPPED for trial in store.trials())
    assert f"The best of {len({each.fingerprint for each in trials})} different architectures" in page.text


@nw.space
def numbered():
    return (yield nw.Choice("number", tuple(range(100))))


def trials_by_number(trials):
    return {trial.number: trial for trial in trials}
