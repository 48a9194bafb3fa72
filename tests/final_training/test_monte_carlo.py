"""`netwright train --mc-samples N`: the test with dropout beside the plain one."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

import netwright as nw
from netwright.architectures.recurrent import Lstm
from netwright.architectures.values import fingerprint
from netwright.children.dropout import Dropout
from netwright.seeds import derive_seed
from netwright.tasks.catalog import open_text
from netwright.training.perplexity import MonteCarlo, measure_nats_per_token, perplexity_of
from netwright.training.speed import Speed

Cli = Callable[..., Result]
SMALL = ("--hidden", "6", "--epochs", "1", "--grid", "none", "--set", "evaluate.learning_rate=0.2")


@pytest.fixture
def words(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("the cat sat on the mat\nthe dog saw the cat\n" * 150)
    return tmp_path / "words.txt"


def test_the_mean_of_passes_with_dropout_is_reported_beside_the_plain_test(
    cli: Cli, tmp_path: Path, words: Path
) -> None:
    options = ("train", "lstm-variational-medium", "--task", "text", "--data", words, *SMALL)
    tests = []
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        result = cli(*options, "--mc-samples", "3", "--seed", seed, "-o", tmp_path / name)
        assert result.exit_code == 0, result.stderr
        tests.append(json.loads((tmp_path / name / "model.json").read_text())["metrics"])
    first, again, other = tests
    assert first == again
    assert first["mc_samples"] == 3
    assert first["test_perplexity_monte_carlo"] != other["test_perplexity_monte_carlo"]
    monte_carlo = MonteCarlo(
        Dropout(inputs=0.5, output=0.5, state=0.2, words=0.2, variational=True),
        num_samples=3,
        seed=derive_seed(0, "monte carlo", fingerprint(Lstm())),
    )
    test = open_text("text", words, verify=False).test
    speed = Speed(device="cpu", precision="float32")
    nats = measure_nats_per_token(
        nw.load(tmp_path / "one").network, test, speed=speed, window=35, monte_carlo=monte_carlo
    )
    assert first["test_perplexity_monte_carlo"] == pytest.approx(perplexity_of(nats), rel=1e-6)
    assert f"test perplexity {other['test_perplexity_monte_carlo']:.2f} by Monte-Carlo" in result.stdout
    assert f"test perplexity {other['test_perplexity']:.2f} on" in result.stdout


@pytest.mark.parametrize(
    ("source", "options", "message"),
    [
        ("lstm-small", ("--task", "pydoc"), "--mc-samples 3 averages passes with dropout, and this model is trained"),
        ("nas-cnn-15", ("--task", "digits"), "--mc-samples averages the predictions of a language model, and"),
        ("kn-5", ("--task", "pydoc"), "--mc-samples: kn-5 is an n-gram model"),
        ("rhn", ("--task", "pydoc", "--set", "final.dropouts=[0]"), "--mc-samples 3 averages passes with dropout"),
    ],
)
def test_where_there_is_no_dropout_it_is_refused(
    cli: Cli, tmp_path: Path, source: str, options: tuple[str, ...], message: str
) -> None:
    result = cli("train", source, *options, "--mc-samples", "3", "-o", tmp_path / "model")
    assert result.exit_code != 0
    assert message in result.stderr
    assert not (tmp_path / "model").exists()
