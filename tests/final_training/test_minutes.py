"""A training of so many minutes: how many epochs it has, and that a continued one has as many."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.errors import ConfigError, DataError
from netwright.final_training.images import FinalImages
from netwright.final_training.interface import Candidate
from netwright.final_training.minutes import keep_epochs, lasting

NETWORK = ConvNet((ConvLayer(filter_height=3, filter_width=3, num_filters=4),))
CANDIDATE = Candidate("own", NETWORK, {"epochs": 300, "learning_rate": 0.1})


@dataclass
class Timed:
    """A training whose epochs take some seconds each."""

    seconds: float
    asked: list[Candidate] = field(default_factory=list)

    def epoch_seconds(self, candidate: Candidate) -> float:
        self.asked.append(candidate)
        return self.seconds


def test_as_many_epochs_as_fit(tmp_path: Path) -> None:
    for seconds, epochs in ((90.0, 13), (1200.0, 1), (0.5, 2400)):
        found = lasting(20, [CANDIDATE], Timed(seconds), tmp_path)  # type: ignore[arg-type]
        assert found.settings == {"epochs": epochs, "learning_rate": 0.1}


def test_a_continued_training_keeps_its_epochs_and_another_is_timed(tmp_path: Path) -> None:
    keep_epochs(20, lasting(20, [CANDIDATE], Timed(90), tmp_path), tmp_path)  # type: ignore[arg-type]
    busy = Timed(180)
    assert lasting(20, [CANDIDATE], busy, tmp_path).settings["epochs"] == 13  # type: ignore[arg-type]
    assert not busy.asked
    assert lasting(40, [CANDIDATE], busy, tmp_path).settings["epochs"] == 13, "40 minutes are 13 such epochs"  # type: ignore[arg-type]
    other = Candidate("own", CANDIDATE.architecture, {"epochs": 300, "learning_rate": 0.2})
    assert lasting(20, [other], busy, tmp_path).settings["epochs"] == 6  # type: ignore[arg-type]
    assert len(busy.asked) == 2


def test_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"one epoch takes about 21 minutes here, more than --minutes 20"):
        lasting(20, [CANDIDATE], Timed(1260), tmp_path)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"here there are 2 to choose from; use --grid none and --top 1"):
        lasting(20, [CANDIDATE, CANDIDATE], Timed(90), tmp_path)  # type: ignore[arg-type]
    for damaged in ("{", "[]", '{"minutes": 20}', '{"minutes": 20, "epochs": "many"}'):
        (tmp_path / "minutes.json").write_text(damaged)
        with pytest.raises(DataError, match=r"minutes\.json is damaged"):
            lasting(20, [CANDIDATE], Timed(90), tmp_path)  # type: ignore[arg-type]


def test_the_command(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"layers": [{"filter_height": 3, "filter_width": 3, "num_filters": 4}]}))
    train = ("train", own, "--task", "digits", "-o", tmp_path / "model")
    monkeypatch.setattr(FinalImages, "epoch_seconds", lambda training, candidate: 30.0)
    refused = cli(*train, "--minutes", 0.4)
    assert refused.exit_code == 2
    assert "one epoch takes about 0.5 minutes here" in refused.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["own.json"]
    for options, told in ((("--epochs", 3), "leave one out"), (("--grid", "small"), "here there are 16")):
        refused = cli(*train, "--minutes", 1, *options)
        assert (refused.exit_code, told in refused.stderr) == (2, True), refused.stderr

    done = cli(*train, "--minutes", 1)
    assert done.exit_code == 0, done.stderr
    model = json.loads((tmp_path / "model" / "model.json").read_text())
    assert (model["settings"]["epochs"], len(model["training_losses"]), len(model["grid"])) == (2, 2, 1)
    assert model["plan"]["final_settings"]["minutes"] == 1
    monkeypatch.setattr(FinalImages, "epoch_seconds", lambda training, candidate: 15.0)
    assert "It was there already" in cli(*train, "--minutes", 1).stdout
