"""Recurrent cells from end to end: searched on a text, shown, drawn, trained to the end, loaded."""

import json
import math
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import netwright as nw
from netwright.architectures.families import architecture_from_json
from netwright.architectures.recurrent import RecurrentCell
from netwright.errors import command
from netwright.models.language import TrainedLanguageModel

Cli = Callable[..., Any]
SMALL = ["--set", "evaluate.hidden_size=8", "--set", "evaluate.epochs=2", "--set", "space.base=3"]


@pytest.fixture
def text(tmp_path: Path) -> Path:
    """A few hundred lines in which every word follows from the one before it."""
    path = tmp_path / "mine.txt"
    path.write_text("".join(f"a b c d e f {'g h' if number % 2 else 'i j'} .\n" for number in range(400)))
    return path


def found(cli: Cli, run: Path) -> dict[str, Any]:
    document = json.loads(cli("show", run, "--json").stdout)
    assert isinstance(document, dict)
    return document


def test_a_search_for_cells(cli: Cli, text: Path, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    search = ["search", "text", "--data", text, "--trials", 10, *SMALL]
    result = cli(*search, "--workers", 2, "-o", two)
    assert result.exit_code == 0, result.stderr
    assert "search's validation perplexity" in result.stdout
    assert "read 3" not in result.stdout.splitlines()[0]
    document = found(cli, two)
    trials = document["trials"]
    measured = [trial for trial in trials if trial["state"] == "done"]
    assert len(measured) >= 8
    for trial in measured:
        perplexity = trial["metrics"]["validation_perplexities"][-1]
        assert trial["reward"] == pytest.approx(80 / perplexity**2)
        assert trial["metrics"]["num_parameters"] == 3 * 8 * 16 + 2 * 12 * 8 + 12
        cell = architecture_from_json(trial["architecture"])
        assert isinstance(cell, RecurrentCell)
        assert cell.base == 3
    best = min(trial["metrics"]["validation_perplexity"] for trial in measured)
    assert document["best"]["metrics"]["validation_perplexity"] == best, "a perplexity is good when it is low"

    report = (two / "report.html").read_text(encoding="utf-8")
    assert "lowest validation perplexity of the search, optimistic" in report
    assert 'class="nw-drawing"' in report
    assert "<summary>Equations</summary><pre>l0" in report

    assert cli(*search, "--workers", 1, "-o", one).exit_code == 0
    same = ("number", "state", "reward", "actions", "architecture")
    assert [[t[name] for name in same] for t in found(cli, one)["trials"]] == [
        [t[name] for name in same] for t in trials
    ]


def test_a_cell_is_trained_to_the_end_and_loaded(cli: Cli, text: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert cli("search", "text", "--data", text, "--trials", 4, *SMALL, "-o", run).exit_code == 0
    train = ("train", run, "--epochs", 3, "--set", "final.init_ranges=[1.0]", "--set", "final.constant_epochs=[1.0]")
    result = cli(*train)
    assert result.exit_code == 0, result.stderr
    assert "tested once" in result.stdout
    export = command("export", run / "model", "--to", "code")
    assert f"next: {command('generate', run / 'model')}\nor:  {export}\n" in result.stderr

    model = nw.load(run / "model")
    assert isinstance(model, TrainedLanguageModel)
    metrics = model.description["metrics"]
    assert len(model.description["grid"]) == 2
    assert metrics["validation_perplexity"] == min(each["validation_perplexity"] for each in model.description["grid"])
    # The test part of the text, by hand: the last tenth, one token after the other.
    whole = text.read_text()
    test = whole[whole.index("\n", len(whole) * 9 // 10 - 1) + 1 :]
    tokens = [word for line in test.splitlines() for word in (*line.split(), "<eos>")]
    assert metrics["num_test_tokens"] == len(tokens)
    assert metrics["test_perplexity"] == pytest.approx(math.exp(float(model.nats(tokens).mean())), rel=1e-4)
    assert "It was there already" in cli(*train).stdout

    assert cli(*shlex.split(export)[1:]).exit_code == 0
    script = [sys.executable, run / "model.py", "-"]
    printed = subprocess.run(script, input=test, capture_output=True, text=True, check=True).stdout
    assert float(printed.split()[1]) == pytest.approx(metrics["test_perplexity"], rel=1e-4)


def test_a_model_of_other_words_is_not_taken_for_this_one(cli: Cli, text: Path, tmp_path: Path) -> None:
    """Every word replaced by another: the same numbers of tokens, and another vocabulary."""
    options = ["--data", text, "--hidden", 8, "--epochs", 1, "--grid", "none", "-o", tmp_path / "model"]
    assert cli("train", "nas-cell", "--task", "text", *options).exit_code == 0
    before = (tmp_path / "model" / "model.json").read_bytes()
    text.write_text(text.read_text().translate(str.maketrans("abcdefghij", "klmnopqrst")))
    refused = cli("train", "nas-cell", "--task", "text", *options)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert f"{tmp_path / 'model'} holds a network that was trained and tested on other data, mine.txt (" in (
        refused.stderr
    )
    assert "(different: data, vocabulary); choose another --out" in refused.stderr
    assert (tmp_path / "model" / "model.json").read_bytes() == before


@pytest.mark.parametrize("name", ["nas-cell", "lstm-small", "rhn"])
def test_published_cells_and_baselines_are_trained_by_name(cli: Cli, text: Path, tmp_path: Path, name: str) -> None:
    options = ["--data", text, "--hidden", 8, "--epochs", 1, "--grid", "none", "-o", tmp_path / "model"]
    result = cli("train", name, "--task", "text", *options)
    assert result.exit_code == 0, result.stderr
    assert f"{name}, " in result.stdout
    assert "8 units" in result.stdout
    assert isinstance(nw.load(tmp_path / "model"), TrainedLanguageModel)


def test_a_cell_like_a_baseline_has_its_size_and_settings(cli: Cli, text: Path, tmp_path: Path) -> None:
    options = ["--data", text, "--set", "evaluate.num_parameters=2000", "--epochs", 1, "--grid", "none"]
    result = cli("train", "nas-cell", "--task", "text", "--like", "lstm-small", *options, "-o", tmp_path / "model")
    assert result.exit_code == 0, result.stderr
    settings = nw.load(tmp_path / "model").description["settings"]
    assert (settings["window"], settings["init_range"], settings["learning_rate"]) == (20, 0.1, 1.0)
    assert 1500 < nw.load(tmp_path / "model").description["metrics"]["num_parameters"] <= 2000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("train", "nas-cnn-15", "--task", "digits", "--size", "25M"), "--size, --hidden and --like are for language"),
        (("train", "nas-cell", "--task", "pydoc", "--like", "lstm-smal"), "did you mean 'lstm-small'?"),
        (("train", "nas-cell", "--task", "pydoc", "--size", "big"), "no number of millions of parameters"),
        (("train", "nas-cell", "--task", "pydoc", "--size", "5M", "--hidden", "3"), "two ways to say one thing"),
        (("train", "nas-cell", "--task", "digits"), "is a network for text, and the task digits is not"),
        (("train", "nas-cnn-15", "--task", "pydoc"), "is a network for images, and the task pydoc is not"),
        (
            ("train", "lstm-small", "--task", "pydoc", "--schedule", "cosine"),
            "--schedule is for tasks with images (a language model has",
        ),
        (
            ("train", "lstm-small", "--task", "pydoc", "--label-smoothing", "0.1"),
            "--label-smoothing is for tasks with images and for translation, and the task pydoc is none",
        ),
        (("train", "nas-cel", "--task", "pydoc"), "did you mean 'nas-cell'?"),
        (("search", "pydoc", "--set", "space.base=1"), "must be a whole number, 2 or more; got 1"),
        (("search", "pydoc", "--max-flops", "5"), "limit the parameters of a cell"),
        (("search", "pydoc", "--set", "evaluate.num_parameters=5000"), "either num_parameters or hidden_size"),
        (("search", "pydoc", "--set", "evaluate.batch_size=9000"), "too few for one batch"),
        (("search", "pydoc", "--estimate"), "--estimate times the training of networks for images"),
    ],
)
def test_a_mistake_is_explained_and_leaves_nothing(
    cli: Cli, arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []
