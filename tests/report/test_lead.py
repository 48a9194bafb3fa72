"""The first sentences of a report: numbers that anyone understands, and nothing that is not so."""

from dataclasses import replace
from pathlib import Path

import pytest

from netwright.report.lead import lead, sentence_on_test
from netwright.report.next_commands import next_commands
from netwright.report.numbers import Form, duration
from netwright.searching.quality import Quality
from netwright.searching.results import Results
from netwright.searching.store import Store
from netwright.searching.trained_model import TrainedModel
from netwright.trials import TrialState
from oracles.made_up_runs import make_run

IMAGES = {"num_validation_images": 500, "largest_class_share": 0.12}


def results_of(folder: Path, **options: object) -> Results:
    with Store.read(make_run(folder, **options)) as store:  # type: ignore[arg-type]
        return Results.of(store)


def with_score(results: Results, score: float, name: str = "validation_accuracy", **evaluate: object) -> Results:
    """The same run with one score for every trial, in another metric and of another kind."""
    trials = tuple(
        replace(each, metrics={**each.metrics, name: score}) if each.state is TrialState.DONE else each
        for each in results.trials
    )
    config = {**results.config, "evaluate": {**results.config["evaluate"], **evaluate}}
    return replace(results, trials=trials, score_name=name, config=config)


def test_images_are_counted_with_an_interval_and_the_largest_class(tmp_path: Path) -> None:
    results = with_score(results_of(tmp_path / "run", num_confirmed=0, metrics=IMAGES), 0.87)
    found = lead(results, None, 31 * 60.0)
    assert found.sentences == (
        "The best of 57 different networks classifies 87.0% of 500 validation images correctly (95% interval 83.8% to "
        "89.7%), after 31 minutes of search.",
        "Always naming the largest class would be correct for 12.0% of the validation images.",
    )
    assert found.details == (
        "The result of the search is optimistic, since it is the best of 57 noisy measurements.",
        "The network has not been trained to the end and tested yet.",
    )
    assert found.warning == ""


def test_a_confirmed_mean_stands_for_the_best(tmp_path: Path) -> None:
    found = lead(results_of(tmp_path / "run", metrics=IMAGES), None, None)
    assert found.sentences[0] == (
        "The best of 57 different networks classifies 75.0% of 500 validation images correctly on average over 2 "
        "trainings with fresh seeds (95% interval 71.0% to 78.6%)."
    )
    assert not any("optimistic" in sentence for sentence in found.details)


def test_a_majority_vote_is_called_so(tmp_path: Path) -> None:
    results = results_of(tmp_path / "run", metrics={**IMAGES, "largest_class_share": 0.74})
    assert lead(results, None, None).warning.startswith("The result of the search is no better than always naming")
    unsure = with_score(replace(results, retrained=()), 0.76)
    assert lead(unsure, None, None).warning.startswith("The interval contains the share of the largest class")


@pytest.mark.parametrize(
    ("task", "kind", "sentence"),
    [
        ("pydoc", "text", "with a perplexity of 32.00, as uncertain about the next word as in a choice among 32 "),
        ("text-characters", "text", "with 5.000 bits per character, as uncertain about the next character as in "),
        ("multi30k", "translation", "with a perplexity of 32.00, as uncertain about the next piece of a word as in a "),
    ],
)  # fmt: skip
def test_texts_are_described_in_words(tmp_path: Path, task: str, kind: str, sentence: str) -> None:
    results = results_of(tmp_path / "run", num_confirmed=0)
    results = with_score(results, 32.0, "validation_perplexity", kind=kind, task=task)
    assert sentence in lead(results, None, None).sentences[0]


def test_a_table_and_a_function_are_not_called_noisy(tmp_path: Path) -> None:
    results = results_of(tmp_path / "run", num_confirmed=0, metrics={"test_accuracy": 0.91})
    table = lead(with_score(results, 0.9, kind="table"), None, 0.2)
    assert table.sentences == (
        "The best of 57 different networks reaches a validation accuracy of 90.0% in the table.",
        "Its test accuracy in the table is 91.0%.",
    )
    assert table.details == ()
    function = lead(with_score(results, 12.5, "value", kind="function"), None, None)
    assert function == lead(with_score(results, 12.5, "value", kind="function"), None, 0.1)
    assert function.sentences == ("The best of 57 different networks reaches a value of 12.5.",)


@pytest.mark.parametrize(
    ("metrics", "sentence"),
    [
        (
            {"test_accuracy": 0.9, "num_test_images": 1234, "test_interval": [0.88, 0.915]},
            "classifies 90.0% of 1,234 test images correctly (95% interval 88.0% to 91.5%).",
        ),
        ({"test_perplexity": 98.7654}, "predicts the test text with a perplexity of 98.77."),
        ({"test_perplexity": 2.5, "test_bits_per_character": 1.32193}, "predicts the test text with 1.322 bits per "),
        ({"test_bleu": 31.04, "test_perplexity": 9.0}, "translates the test sentences with a BLEU of 31.0."),
    ],
)
def test_the_test_of_a_trained_network_is_told(tmp_path: Path, metrics: dict[str, object], sentence: str) -> None:
    model = {"origin": "trial 4 of images", "metrics": metrics}
    told = f"Trained to the end, trial 4 of images {sentence}"
    assert (sentence_on_test(model) or "").startswith(told)
    found = lead(results_of(tmp_path / "run", metrics=IMAGES), model, None)
    assert any(each.startswith(told) for each in found.sentences)
    assert not any("not been trained" in each for each in found.details)


@pytest.mark.parametrize("model", [{}, {"origin": "x"}, {"origin": "x", "metrics": {"test_accuracy": "high"}}])
def test_a_model_that_is_not_understood_is_left_out(model: dict[str, object]) -> None:
    assert sentence_on_test(model) is None


def test_a_search_that_is_not_over_is_said_to_be_so(tmp_path: Path) -> None:
    results = results_of(tmp_path / "run", num_trials=64, num_drawn=24, num_confirmed=0)
    assert lead(results, None, None).sentences[0] == "The search was stopped: 24 of 64 trials have ended."
    assert "so far" in lead(results, None, None).sentences[1]
    running = lead(replace(results, state="running"), None, None)
    assert running.sentences[0] == "The search is still running: 24 of 64 trials have ended."
    nothing = lead(replace(results, trials=()), None, None)
    assert nothing.sentences[1] == "Nothing has been measured yet."


def test_what_comes_next_depends_on_what_was_done(tmp_path: Path) -> None:
    results = results_of(tmp_path / "run", num_confirmed=0)
    run = Path("runs/a")
    assert [each.line for each in next_commands(results, run, None)] == [
        "netwright train runs/a", "netwright confirm runs/a", "netwright draw runs/a",
    ]  # fmt: skip
    stopped = replace(results, state="interrupted")
    assert next_commands(stopped, run, None)[0].line == "netwright resume runs/a"
    model = TrainedModel(run / "model", "trial 3 of a", (), {})
    assert next_commands(results, run, model)[0].line == "netwright predict runs/a/model FOLDER"
    assert "netwright train runs/a" not in [each.line for each in next_commands(results, run, model)]


def test_numbers_are_written_in_their_usual_unit() -> None:
    assert Form(Quality("validation_accuracy"))(0.8714) == "87.1%"
    assert Form(Quality("validation_accuracy"))(0.8714, 2) == "87.14%"
    assert Form(Quality("validation_perplexity", "ptb", False))(1234.56) == "1,234.6"
    assert Form(Quality("validation_perplexity", "ptb-characters", False))(1.23456) == "1.235"
    assert Form(Quality("validation_macro_f1"))(0.87141) == "0.8714"
    durations = (0.42, 42, 100, 31 * 60, 8000, 86_400 * 3, 1e6, 1e9)
    assert [duration(each) for each in durations] == [
        "0.4 seconds", "42 seconds", "100 seconds", "31 minutes", "2.2 hours", "3.0 days", "12 days", "32 years",
    ]  # fmt: skip
