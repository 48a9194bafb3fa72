"""What people read is the score of a network, in its usual unit, and not the reward."""

from pathlib import Path

import pytest

from netwright.searching.quality import Quality
from oracles.refusals import Cli


@pytest.mark.parametrize(
    ("quality", "name", "score", "shown"),
    [
        (Quality("validation_accuracy", "digits"), "validation accuracy", 0.5, 0.5),
        (Quality("validation_perplexity", "ptb", higher_is_better=False), "validation perplexity", 64.0, 64.0),
        (Quality("validation_perplexity", "ptb-characters"), "validation bits per character", 4.0, 2.0),
        (Quality("value"), "value", 3.0, 3.0),
    ],
)
def test_a_score_is_shown_in_its_usual_unit(quality: Quality, name: str, score: float, shown: float) -> None:
    assert (quality.name, quality(score)) == (name, shown)


def test_a_search_for_accuracy_prints_no_reward(cli: Cli, tmp_path: Path) -> None:
    small = ("evaluate.epochs=1", "evaluate.num_train=64", "evaluate.num_validation=64", "space.num_layers=2")
    chosen = [each for setting in (*small, "confirm.at_end=false") for each in ("--set", setting)]
    result = cli(
        "search", "digits", "--trials", 2, "--workers", 1, "--strategy", "random", *chosen, "-o", tmp_path / "r"
    )
    assert result.exit_code == 0, result.output
    assert "reward" not in result.output
    assert "score=accuracy" in result.stderr
    best = float(result.stderr.split("best=")[-1].split()[0])
    row = next(line.split() for line in result.stdout.splitlines() if line.startswith("1 "))
    assert best == pytest.approx(float(row[2]), abs=1e-3)
