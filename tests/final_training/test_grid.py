"""The grid: its points, what is kept of them, and which one wins."""

from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import netwright.final_training.grid
from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.architectures.named import ReferenceNetwork
from netwright.children.dropout import Dropout
from netwright.config import FinalSettings, FinalTextSettings, ImageSettings, TextSettings
from netwright.errors import ConfigError, RunError, StoreError
from netwright.evaluation.rewards import AccuracyReward, PerplexityReward
from netwright.final_training.grid import Measured, best_candidate, candidates_of, train_candidates
from netwright.final_training.images import FinalImages
from netwright.final_training.interface import Candidate
from netwright.final_training.text import FinalText
from netwright.recipes import config_of
from netwright.searching.placement import Placement
from netwright.trials import Failure, FailureKind, Job, Measurement, Outcome

SMALL = ConvNet((ConvLayer(filter_height=1, filter_width=1, num_filters=2),))
LARGE = ConvNet((ConvLayer(filter_height=3, filter_width=3, num_filters=4),))
SEARCH = ImageSettings(epochs=5, learning_rate=0.2, weight_decay=0.01, schedule="step")


REWARD = AccuracyReward()


def grid(final: FinalSettings) -> list[Mapping[str, Any]]:
    """The points around the search's settings; data and child are not asked for them."""
    return FinalImages(SEARCH, final, data=None, child=None).grid()  # type: ignore[arg-type]


def outcome(score: float | FailureKind = 0.75, name: str = "validation_accuracies") -> Outcome:
    failure = Failure(score, "broke") if isinstance(score, FailureKind) else None
    return Outcome(0, None if failure else Measurement({name: [score]}), failure, 1.5)


def test_the_first_point_has_the_settings_of_the_search() -> None:
    first = candidates_of({"one": SMALL}, grid(FinalSettings()))[0]
    assert first == Candidate(
        "one",
        SMALL,
        {
            "epochs": 30,
            "schedule": "step",
            "label_smoothing": 0.0,
            "learning_rate": 0.2,
            "weight_decay": 0.01,
            "epsilon": 1e-5,
            "decay_at": None,
        },
    )


def test_every_architecture_has_every_point_once() -> None:
    candidates = candidates_of({"one": SMALL, "two": LARGE}, grid(FinalSettings(epochs=7)))
    assert [each.architecture for each in candidates] == [SMALL] * 16 + [LARGE] * 16
    assert [each.settings for each in candidates[:16]] == [each.settings for each in candidates[16:]]
    varied = {
        tuple(each.settings[name] for name in ("learning_rate", "weight_decay", "epsilon", "decay_at"))
        for each in candidates
    }
    assert varied == {
        (r, w, e, d) for r in (0.2, 0.1) for w in (0.01, 0.05) for e in (1e-5, 1e-3) for d in (None, 0.75)
    }
    assert {each.settings["epochs"] for each in candidates} == {7}


def test_a_network_without_this_epsilon_is_not_trained_for_each_of_its_values() -> None:
    points = grid(FinalSettings())
    candidates = candidates_of({"conv": SMALL, "reference": ReferenceNetwork("resnet-20")}, points)
    assert [candidate.origin for candidate in candidates].count("conv") == 16
    others = [candidate.settings for candidate in candidates if candidate.origin == "reference"]
    assert others == [point for point in points if point["epsilon"] == points[0]["epsilon"]]


def test_a_constant_rate_has_no_start_of_its_decay() -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings(schedule="constant")))
    assert len(candidates) == 8
    assert {each.settings["decay_at"] for each in candidates} == {None}


def test_points_that_are_equal_are_one() -> None:
    without_decay = SEARCH.model_copy(update={"weight_decay": 0.0})
    points = FinalImages(without_decay, FinalSettings(), data=None, child=None).grid()  # type: ignore[arg-type]
    varied = [(p["learning_rate"], p["weight_decay"], p["epsilon"], p["decay_at"]) for p in points]
    assert varied == [(r, 0, e, d) for r in (0.2, 0.1) for e in (1e-5, 1e-3) for d in (None, 0.75)]
    at_once = TextSettings(learning_rate=2.0, init_range=0.2, constant_epochs=0)
    spread = FinalText(at_once, FinalTextSettings(), data=None, child=None).grid()  # type: ignore[arg-type]
    assert [(p["learning_rate"], p["init_range"], p["dropout"]["inputs"], p["constant_epochs"]) for p in spread] == [
        (r, i, d, 0) for r in (2.0, 1.0) for i in (0.2, 0.1) for d in (0.5, 0.35)
    ]


def test_a_warm_up_is_a_factor_that_leaves_older_points_as_they_were() -> None:
    settings = TextSettings(warm_up=0.1)
    plain = FinalText(settings, FinalTextSettings(), data=None, child=None).grid()  # type: ignore[arg-type]
    assert not any("warm_up" in point for point in plain)
    final = FinalTextSettings(warm_ups=(None, 0.1, 0.0, 0.2))
    points = FinalText(settings, final, data=None, child=None).grid()  # type: ignore[arg-type]
    assert [point for point in points if "warm_up" not in point] == plain
    assert [point["warm_up"] for point in points if "warm_up" in point] == [0.0, 0.2] * len(plain)
    assert "warm_ups" not in FinalTextSettings().as_stored_first()
    assert final.without_grid().warm_ups == (None,)


def test_without_dropout_its_factor_makes_no_points() -> None:
    plain = TextSettings(dropout=Dropout())
    points = FinalText(plain, FinalTextSettings(), data=None, child=None).grid()  # type: ignore[arg-type]
    assert len(points) == 8


def test_without_a_grid_the_searchs_settings_remain() -> None:
    (only,) = candidates_of({"one": SMALL}, grid(FinalSettings(label_smoothing=0.1).without_grid()))
    assert only.settings["learning_rate"] == 0.2
    assert only.settings["label_smoothing"] == 0.1


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"learning_rates": []},
        {"decays_at": [1.0]},
        {"label_smoothing": 1},
        {"epsilons": [2]},
        {"epsilons": [1.0]},
    ],
)
def test_settings_that_cannot_be_used_are_named(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FinalSettings.from_json(wrong)


# What is kept ---------------------------------------------------------------------------------------------------------


def test_what_was_measured_is_found_again(tmp_path: Path) -> None:
    first, second, third = candidates_of({"one": SMALL}, grid(FinalSettings()))[:3]
    measured = Measured(tmp_path / "grid.json", {"seed": 0}, REWARD)
    measured.add(first, outcome(0.75))
    measured.add(second, outcome(FailureKind.NOT_FINITE))
    again = Measured(tmp_path / "grid.json", {"seed": 0}, REWARD)
    assert again.of(first) == {"validation_accuracy": 0.75, "seconds": 1.5}
    assert again.of(second) == {"error": "not finite: broke", "seconds": 1.5}
    assert again.of(third) is None


def test_what_was_measured_under_other_circumstances_is_not(tmp_path: Path) -> None:
    candidate = candidates_of({"one": SMALL}, grid(FinalSettings()))[0]
    Measured(tmp_path / "grid.json", {"seed": 0}, REWARD).add(candidate, outcome(0.75))
    assert Measured(tmp_path / "grid.json", {"seed": 1}, REWARD).of(candidate) is None
    longer = candidates_of({"one": SMALL}, grid(FinalSettings(epochs=31)))[0]
    assert Measured(tmp_path / "grid.json", {"seed": 0}, REWARD).of(longer) is None
    renamed = Candidate("another name", SMALL, candidate.settings)
    assert Measured(tmp_path / "grid.json", {"seed": 0}, REWARD).of(renamed) is not None


def test_a_lost_worker_is_forgotten_with_the_process(tmp_path: Path) -> None:
    candidate, other = candidates_of({"one": SMALL}, grid(FinalSettings()))[:2]
    measured = Measured(tmp_path / "grid.json", {}, REWARD)
    measured.add(candidate, outcome(FailureKind.WORKER_LOST))
    measured.add(other, outcome(0.5))
    assert measured.of(candidate) is not None
    assert Measured(tmp_path / "grid.json", {}, REWARD).of(other) is not None
    assert Measured(tmp_path / "grid.json", {}, REWARD).of(candidate) is None


class Losing:
    """Implements `Executor`: the workers with the jobs of these numbers are lost."""

    def __init__(self, lost: set[int]) -> None:
        self._lost, self._jobs, self.numbers = lost, deque[Job](), list[int]()

    def submit(self, job: Job) -> None:
        self._jobs.append(job)

    def wait(self) -> list[Outcome]:
        number = self._jobs.popleft().number
        self.numbers.append(number)
        return [replace(outcome(FailureKind.WORKER_LOST if number in self._lost else 0.5), number=number)]

    def close(self) -> None:
        assert not self._jobs


def test_a_candidate_that_loses_every_worker_ends_the_grid_after_the_others_and_is_trained_by_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings()))[:3]

    def train(executor: Losing) -> list[int]:
        monkeypatch.setattr(
            netwright.final_training.grid, "make_executor", lambda config, evaluate, placement: executor
        )
        measured = Measured(tmp_path / "grid.json", {}, REWARD)
        train_candidates(
            candidates, evaluate=lambda job: Measurement({}), config=config_of("digits"), seed=0, placement=Placement(),
            measured=measured, on_progress=lambda stage, ended, total: None,
        )  # fmt: skip
        return executor.numbers

    losing = Losing({1})
    with pytest.raises(RunError, match="1 of 3 trainings of the grid lost their workers 3 times; the others are kept"):
        train(losing)
    assert losing.numbers == [0, 1, 2, 1, 1]
    assert train(Losing(set())) == [1]


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "grid.json").write_text('{"0123": {"valid')
    with pytest.raises(StoreError, match=r"grid.json is corrupted .*remove it"):
        Measured(tmp_path / "grid.json", {}, REWARD)


# The choice -----------------------------------------------------------------------------------------------------------


def test_the_best_wins_and_the_first_of_equals(tmp_path: Path) -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings()))[:5]
    measured = Measured(tmp_path / "grid.json", {}, REWARD)
    for candidate, accuracy in zip(candidates, (0.5, None, 0.8, 0.8, 0.6), strict=True):
        measured.add(candidate, outcome(accuracy or FailureKind.EXCEPTION))
    assert best_candidate(candidates, measured) == (candidates[2], 0.8)


def test_the_lowest_perplexity_wins(tmp_path: Path) -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings()))[:3]
    measured = Measured(tmp_path / "grid.json", {}, PerplexityReward())
    for candidate, perplexity in zip(candidates, (120.0, 90.0, 100.0), strict=True):
        measured.add(candidate, outcome(perplexity, "validation_perplexities"))
    assert best_candidate(candidates, measured) == (candidates[1], 90.0)


def test_an_accuracy_of_zero_is_one(tmp_path: Path) -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings()))[:2]
    measured = Measured(tmp_path / "grid.json", {}, REWARD)
    measured.add(candidates[0], outcome(FailureKind.EXCEPTION))
    measured.add(candidates[1], outcome(0.0))
    assert best_candidate(candidates, measured) == (candidates[1], 0.0)


def test_a_grid_of_failures_is_an_error(tmp_path: Path) -> None:
    candidates = candidates_of({"one": SMALL}, grid(FinalSettings()))[:2]
    measured = Measured(tmp_path / "grid.json", {}, REWARD)
    for candidate in candidates:
        measured.add(candidate, outcome(FailureKind.OUT_OF_MEMORY))
    with pytest.raises(RunError, match="every training of the grid failed, the first with out of memory: broke"):
        best_candidate(candidates, measured)
