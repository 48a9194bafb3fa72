"""Translators trained to the end: chosen by validation, tested once, stored; published cells and those of runs."""

import base64
import json
from collections.abc import Callable
from pathlib import Path

import pytest
import sacrebleu

import netwright as nw
from netwright.architectures.published import PUBLISHED
from netwright.architectures.recurrent import Lstm
from netwright.architectures.values import JsonObject, to_json
from netwright.config import FinalTranslationSettings
from netwright.final_training import translation as finals
from netwright.final_training.pipeline import config_for, finish, found_in
from netwright.models.folder import read_architecture, read_description
from netwright.models.translator import TrainedTranslator
from netwright.searching.placement import Placement
from netwright.spaces.recurrent import recurrent_cell
from netwright.subwords import Subwords
from oracles.made_up_runs import make_run
from oracles.refusals import Cli, digest, refused
from oracles.toy_language import OPTIONS, VOCABULARY_SIZE, toy_folder, toy_text

SMALL = ("--epochs", 1, "--grid", "none", *OPTIONS)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return toy_folder(tmp_path / "toy")


@pytest.fixture
def gnmt(cli: Cli, data: Path, tmp_path: Path) -> Callable[..., JsonObject]:
    """Runs `netwright train gnmt` on the toy language and returns the model.json of `tmp_path / name`."""

    def trained(*options: object, name: str = "model", source: object = "gnmt") -> JsonObject:
        result = cli("train", source, "--task", "parallel", "--data", data, *SMALL, *options, "-o", tmp_path / name)
        assert result.exit_code == 0, result.output
        return read_description(tmp_path / name)

    return trained


# Through the API ------------------------------------------------------------------------------------------------------


def finished(data: Path, folder: Path, watch: Callable[..., None] = lambda *_: None, **final: object) -> JsonObject:
    changes = {
        "task": "parallel", "vocabulary_size": VOCABULARY_SIZE, "hidden_size": 8, "epochs": 2, "batch_size": 20,
        "learning_rate": 0.01, "num_train_pairs": 100, "precision": "float32",
    }  # fmt: skip
    config = config_for("multi30k")
    config = config.changed(evaluate=config.evaluate.model_copy(update=changes))
    settings = FinalTranslationSettings.from_json({"init_ranges": [1.0], "warm_ups": [None], **final})
    return finish({"gnmt with lstm": Lstm()}, config, settings, folder, Placement(data=data), watch)


def test_validation_chooses_and_the_test_is_made_once(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tested: list[int] = []
    measure = finals.bleu

    def watched(translations: list[str], references: list[str]) -> tuple[float, str]:
        tested.append(len(references))
        return measure(translations, references)

    monkeypatch.setattr(finals, "bleu", watched)
    stages: list[tuple[str, int, int]] = []
    grid = {"learning_rates": [1.0, 0.001], "warm_ups": [None, 0.2]}
    model = finished(data, tmp_path / "model", lambda *stage: stages.append(stage), **grid)
    assert tested == [1, 30], "the first one checks that sacreBLEU is there"
    settings = [(entry["settings"]["learning_rate"], entry["settings"]["warm_up"]) for entry in model["grid"]]
    assert settings == [(0.01, 0.05), (0.01, 0.2), (1e-5, 0.05), (1e-5, 0.2)]
    best = min(model["grid"], key=lambda entry: entry["validation_perplexity"])
    assert best["settings"]["learning_rate"] == 0.01
    assert model["settings"] == {**model["settings"], **best["settings"]}
    assert model["metrics"]["validation_perplexity"] == best["validation_perplexity"]
    assert [stage for stage, _, _ in stages] == ["grid"] * 5 + ["final training"] * 3

    again = finished(data, tmp_path / "model", **grid)
    assert again == model
    assert tested == [1, 30, 1]


def test_the_grid_is_trained_on_as_many_pairs_as_the_search_and_the_winner_on_all(data: Path, tmp_path: Path) -> None:
    model = finished(data, tmp_path / "model", learning_rates=[1.0, 0.5])
    assert model["metrics"]["num_train_pairs"] == 400
    chosen = model["metrics"]["validation_perplexity"]
    assert model["validation_perplexities"][-1] < 0.9 * chosen


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    stages: list[tuple[str, int]] = []

    def stop(stage: str, ended: int, total: int) -> None:
        if (stage, ended) == ("final training", 1):
            raise KeyboardInterrupt

    grid = [1.0, 0.5]
    whole = finished(data, tmp_path / "whole", learning_rates=grid)
    with pytest.raises(KeyboardInterrupt):
        finished(data, tmp_path / "stopped", stop, learning_rates=grid)
    assert not (tmp_path / "stopped").exists()
    again = finished(data, tmp_path / "stopped", lambda *stage: stages.append(stage[:2]), learning_rates=grid)
    assert again["weights_sha256"] == whole["weights_sha256"]
    assert again["metrics"] == whole["metrics"]
    assert stages[-1] == ("final training", 2)
    assert ("final training", 1) not in stages, "the first epoch is not trained again"
    assert not (tmp_path / "stopped.unfinished").exists()


# By the command -------------------------------------------------------------------------------------------------------


def test_the_model_is_complete_and_translates(gnmt: Callable[..., JsonObject], tmp_path: Path) -> None:
    model = gnmt("--hidden", 32, "--epochs", 8, "--set", "evaluate.init_range=0.5", "--set", "evaluate.beam_size=3")
    assert (model["kind"], model["source"], model["target"]) == ("translation", "an", "ki")
    assert (model["num_encoder_layers"], model["num_decoder_layers"], model["hidden_size"]) == (2, 2, 32)
    assert (model["max_length"], model["cell_bias"]) == (100, False)
    assert model["beam"] == {"size": 3, "length_penalty": 0.2, "coverage_penalty": 0.2}
    assert model["origin"] == "gnmt with lstm"
    assert model["data"].startswith("toy (")
    assert model["settings"]["learning_rate"] == 0.01
    assert model["settings"]["init_range"] == 0.5
    assert len(model["validation_perplexities"]) == len(model["training_losses"]) == 8
    assert len(Subwords.from_bytes(base64.b64decode(model["subwords"]))) == VOCABULARY_SIZE
    metrics = model["metrics"]
    assert metrics.keys() == {
        "test_bleu", "bleu_signature", "test_perplexity", "num_test_pairs", "num_train_pairs", "num_train_pieces",
        "num_parameters", "multiply_adds", "validation_perplexity",
    }  # fmt: skip
    assert (metrics["num_test_pairs"], metrics["num_train_pairs"]) == (30, 400)
    assert metrics["validation_perplexity"] is None, "without a grid nothing is chosen"

    translate = nw.load(tmp_path / "model")
    assert isinstance(translate, TrainedTranslator)
    assert metrics["num_parameters"] == sum(parameter.numel() for parameter in translate.parameters())
    text = toy_text()
    translations = translate(list(text.test["an"]))
    assert metrics["test_bleu"] == sacrebleu.corpus_bleu(translations, [list(text.test["ki"])]).score
    assert metrics["test_bleu"] > 40
    assert f"version:{sacrebleu.__version__}" in metrics["bleu_signature"]
    assert translate(text.test["an"][0]) == translations[0]


def test_a_second_call_finds_the_model_and_prints_it(cli: Cli, data: Path, tmp_path: Path) -> None:
    command = ("train", "gnmt", "--task", "parallel", "--data", data, *SMALL, "--hidden", 4, "-o", tmp_path / "model")
    first, second = cli(*command), cli(*command)
    bleu = read_description(tmp_path / "model")["metrics"]["test_bleu"]
    for result in (first, second):
        assert result.exit_code == 0, result.output
        assert f"test BLEU {bleu:.2f} on toy (" in result.stdout
        assert "from an to ki" in result.stdout
        assert "beam of 5, tested once" in result.stdout
        assert f"next: netwright translate {tmp_path / 'model'}\n" in result.stderr
    assert ("It was there already" in first.stdout, "It was there already" in second.stdout) == (False, True)
    assert "translates; `nw.evaluate`" in refused(cli, "test", tmp_path / "model", "--data", data)
    other = refused(cli, *command, "--seed", 1)
    assert "holds a network that was trained from other architectures, settings or data" in other


def test_the_other_direction(gnmt: Callable[..., JsonObject], tmp_path: Path) -> None:
    options = ("--hidden", 4, "--set", "evaluate.source=ki", "--set", "evaluate.target=an")
    model = gnmt(*options)
    assert (model["source"], model["target"]) == ("ki", "an")
    translations = nw.load(tmp_path / "model")(list(toy_text().test["ki"]))
    assert model["metrics"]["test_bleu"] == sacrebleu.corpus_bleu(translations, [list(toy_text().test["an"])]).score


@pytest.mark.parametrize(
    ("languages", "words"),
    [
        (("ki", "kii"), "toy (.*) is in an and ki; unknown language 'kii'; did you mean 'ki'"),
        (("an", "an"), "evaluate.source and evaluate.target are both an; expected two languages"),
    ],
)
def test_languages_that_the_text_lacks(cli: Cli, data: Path, languages: tuple[str, str], words: str) -> None:
    direction = ("--set", f"evaluate.source={languages[0]}", "--set", f"evaluate.target={languages[1]}")
    message = refused(cli, "train", "gnmt", "--task", "parallel", "--data", data, *SMALL, *direction)
    for part in words.split("(.*)"):
        assert part in message


def test_one_language_needs_the_other(cli: Cli, data: Path) -> None:
    message = refused(cli, "train", "gnmt", "--task", "parallel", "--data", data, "--set", "evaluate.source=an")
    assert "give both source and target, or neither for the task's own direction" in message


def test_the_published_cell_with_as_many_parameters_as_the_lstm(gnmt: Callable[..., JsonObject]) -> None:
    few = ("--set", "evaluate.max_length=4", "--set", "evaluate.beam_size=1")
    lstm = gnmt("--hidden", 9, *few, name="lstm")
    cell = gnmt("--hidden", 9, "--cell", "nas-cell", "--like", "lstm", *few, name="cell")
    assert cell["origin"] == "gnmt with nas-cell"
    same, fewer = lstm["metrics"]["num_parameters"], cell["metrics"]["num_parameters"]
    assert 0.75 * same < fewer <= same
    assert lstm["metrics"]["num_train_pairs"] == cell["metrics"]["num_train_pairs"] < 400
    assert "training pairs have more than 4 pieces: left out" in "".join(cell["data_notes"])


def test_like_counts_with_the_settings_that_are_given(gnmt: Callable[..., JsonObject]) -> None:
    options = ("num_encoder_layers=4", "hidden_size=12", "beam_size=1")
    given = [part for option in options for part in ("--set", f"evaluate.{option}")]
    lstm = gnmt(*given, name="lstm")
    like = gnmt(*given, "--cell", "nas-cell", "--like", "lstm", name="like")
    same, fewer = lstm["metrics"]["num_parameters"], like["metrics"]["num_parameters"]
    assert like["hidden_size"] < 12
    assert 0.75 * same < fewer <= same


def test_any_number_of_parameters(gnmt: Callable[..., JsonObject]) -> None:
    model = gnmt("--size", "0.01M", "--set", "evaluate.beam_size=1")
    assert 8_000 < model["metrics"]["num_parameters"] <= 10_000


def test_label_smoothing_of_the_final_training(gnmt: Callable[..., JsonObject]) -> None:
    plain, smooth = (gnmt("--hidden", 4, *options, name=str(options)) for options in ((), ("--label-smoothing", 0.2)))
    assert (plain["settings"]["label_smoothing"], smooth["settings"]["label_smoothing"]) == (0.0, 0.2)
    assert smooth["training_losses"] != plain["training_losses"]


def test_the_folder_is_named_after_the_cell(
    cli: Cli, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    small = ("--task", "parallel", "--data", data, *SMALL, "--hidden", 3, "--set", "evaluate.beam_size=1")
    (tmp_path / "mine.json").write_text(json.dumps(to_json(PUBLISHED["nas-cell"]())))
    for cell in ((), ("--cell", tmp_path / "mine.json")):
        assert cli("train", "gnmt", *small, *cell).exit_code == 0
    assert {folder.name for folder in (tmp_path / "models").iterdir()} == {"gnmt-lstm", "gnmt-mine"}
    assert read_architecture(tmp_path / "models" / "gnmt-mine" / "architecture.json") == PUBLISHED["nas-cell"]()


def test_an_estimate_trains_nothing(cli: Cli, data: Path, tmp_path: Path) -> None:
    options = ("--task", "parallel", "--data", data, "--hidden", 4, *OPTIONS, "--epochs", 30)
    result = cli("train", "gnmt", "--cell", "nas-cell", *options, "--estimate", "-o", tmp_path / "model")
    assert result.exit_code == 0, result.output
    assert "an epoch here" in result.stdout
    assert list(tmp_path.iterdir()) == [data]


# The cells of a run ---------------------------------------------------------------------------------------------------


def test_the_best_cell_of_a_run_is_carried_to_translation(cli: Cli, data: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", num_trials=4, space=recurrent_cell(2))
    before = digest(run)
    options = ("--task", "parallel", "--data", data, *SMALL, "--hidden", 4)
    result = cli("train", run, *options)
    assert result.exit_code == 0, result.output
    ((origin, best),) = found_in(run, 1).items()
    model = read_description(run / "model-parallel")
    assert (model["kind"], model["origin"], model["hidden_size"]) == ("translation", origin, 4)
    assert read_architecture(run / "model-parallel" / "architecture.json") == best

    assert cli("train", "gnmt", "--cell", run, "--like", "lstm", *options, "-o", tmp_path / "like").exit_code == 0
    like = read_description(tmp_path / "like")
    assert like["origin"] == f"gnmt with {origin}"
    assert like["hidden_size"] > 4, "an LSTM has more matrices"
    assert digest(run) == before
    assert nw.load(tmp_path / "like").description == like


@pytest.mark.slow  # a variant with worker processes
def test_several_cells_of_a_run_compete(cli: Cli, data: Path, tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", num_trials=4, space=recurrent_cell(2))
    options = ("--task", "parallel", "--data", data, *SMALL, "--hidden", 4, "--top", 2, "-o", tmp_path / "both")
    assert cli("train", "gnmt", "--cell", run, *options).exit_code == 0
    origins = {entry["origin"] for entry in read_description(tmp_path / "both")["grid"]}
    assert origins == {f"gnmt with {origin}" for origin in found_in(run, 2)}
