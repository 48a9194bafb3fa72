"""The final training: which images it sees when, that it goes on where it stopped, and the model that it leaves."""

import itertools
import json
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import netwright as nw
from netwright.architectures.convolutional import ConvNet
from netwright.errors import ConfigError, DataError, RunError, StoreError
from netwright.files import locked
from netwright.final_training import images as finals
from netwright.final_training.pipeline import finish, found_in
from netwright.models.folder import read_description
from netwright.searching.placement import Placement
from netwright.searching.results import wilson_interval
from netwright.tasks import catalog
from netwright.training import images as loop
from netwright.training.pixels import whiten
from oracles.numbered_images import (
    CONFIG,
    FINAL,
    NUM_TEST,
    NUM_TRAIN,
    NUM_VALIDATION,
    numbered,
    run,
    small,
    weights,
)

# What it sees ---------------------------------------------------------------------------------------------------------


class Watching:
    """Notes (what for, numbers of the images) for every batch, with the stage that is under way."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage = ""
        self.seen: list[tuple[str, str, list[int]]] = []
        for name in ("training_view", "evaluation_view"):
            monkeypatch.setattr(loop, name, self._watched(name, getattr(loop, name)))

    def _watched(self, name: str, view: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def watched(images: Tensor, **options: object) -> Tensor:
            self.seen.append((self.stage, name, images[:, 0, 0, 0].tolist()))
            return view(images, **options)

        return watched

    def __call__(self, stage: str, ended: int, total: int) -> None:
        self.stage = stage

    def numbers(self, stage: str, name: str) -> list[int]:
        return [number for s, n, numbers in self.seen if (s, n) == (stage, name) for number in numbers]


def test_no_image_leaks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watching = Watching(monkeypatch)
    run(tmp_path / "model", on_progress=watching)
    train, test = set(range(NUM_TRAIN)), list(range(NUM_TRAIN, NUM_TRAIN + NUM_TEST))
    learned, judged = (set(watching.numbers("grid", name)) for name in ("training_view", "evaluation_view"))
    assert len(judged) == NUM_VALIDATION
    assert not learned & judged
    assert learned | judged == train
    assert sorted(watching.numbers("final training", "training_view")) == sorted([*train] * 3)
    assert watching.numbers("final training", "evaluation_view") == test, "once, and nothing else is measured then"
    assert watching.seen[-1][1:] == ("evaluation_view", test), "after everything else"


def test_validation_chooses_and_the_winner_alone_is_tested(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tested: list[tuple[ConvNet, list[int]]] = []
    measure = finals.logits_of

    def watched(network: nn.Module, images: Tensor, **options: object) -> Tensor:
        tested.append((network.architecture, images[:, 0, 0, 0].tolist()))  # type: ignore[arg-type]
        return measure(network, images, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(finals, "logits_of", watched)
    found = {"blind": small(1, size=1), "able": small(12)}
    model = run(tmp_path / "model", FINAL.model_copy(update={"epochs": 8}), found=found)
    by_origin = {
        origin: max(entry["validation_accuracy"] for entry in model["grid"] if entry["origin"] == origin)
        for origin in found
    }
    assert by_origin["able"] > by_origin["blind"]
    assert model["origin"] == "able"
    assert model["metrics"]["validation_accuracy"] == by_origin["able"]
    assert tested == [(small(12), list(range(NUM_TRAIN, NUM_TRAIN + NUM_TEST)))]


def test_a_single_candidate_needs_no_grid(tmp_path: Path) -> None:
    stages: list[str] = []
    model = run(tmp_path / "model", FINAL.without_grid(), on_progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"final training"}
    assert model["metrics"]["validation_accuracy"] is None


# What it leaves -------------------------------------------------------------------------------------------------------


def test_the_model_says_what_it_is(tmp_path: Path) -> None:
    model = run(tmp_path / "model")
    network = nw.load(tmp_path / "model")
    assert network.description == model
    with torch.no_grad():
        predicted = network(numbered().test_images).argmax(dim=1)
    accuracy = float((predicted == numbered().test_labels).double().mean())
    assert model["metrics"]["test_accuracy"] == pytest.approx(accuracy)
    assert model["metrics"]["num_test_images"] == NUM_TEST
    assert model["data"] == "numbered"
    assert model["class_names"] == ["a", "b", "c"]
    assert model["settings"] in [{**model["settings"], **entry["settings"]} for entry in model["grid"]]
    assert len(model["grid"]) == 4
    assert len(model["training_losses"]) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["model"], "nothing unfinished is left"


def test_the_epsilon_of_the_winner_is_that_of_the_model(tmp_path: Path) -> None:
    run(tmp_path / "model", FINAL.model_copy(update={"epsilons": (0.5,)}).without_grid())
    network = nw.load(tmp_path / "model")
    assert {part.eps for part in network.modules() if isinstance(part, nn.BatchNorm2d)} == {0.5}


def test_padded_training_leaves_a_model_that_reads_plain_images(tmp_path: Path) -> None:
    padded = CONFIG.changed(evaluate=CONFIG.evaluate.model_copy(update={"padding": 2, "milestones": (0.4,)}))
    found, final = {"one": small(4)}, FINAL.without_grid()
    model = finish(found, padded, final, tmp_path / "model", Placement())
    assert (model["settings"]["padding"], model["settings"]["milestones"]) == (2, [0.4])
    network = nw.load(tmp_path / "model")
    images = numbered().test_images
    assert torch.equal(network.preprocess(images), whiten(images))
    correct = network(images).argmax(1) == numbered().test_labels
    assert float(correct.float().mean()) == pytest.approx(model["metrics"]["test_accuracy"])
    assert finish(found, padded, final, tmp_path / "model", Placement()) == model
    with pytest.raises(ConfigError, match="trained from other architectures, settings or data"):
        finish(found, CONFIG, final, tmp_path / "model", Placement())


def test_a_model_that_is_there_is_not_tested_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = run(tmp_path / "model")
    watching = Watching(monkeypatch)
    (tmp_path / "model.unfinished").mkdir()  # of a process that was killed after it wrote the model
    assert run(tmp_path / "model") == first
    assert watching.seen == []
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with pytest.raises(ConfigError, match="trained from other architectures, settings or data; choose another --out"):
        run(tmp_path / "model", FINAL.model_copy(update={"seed": 1}))


@pytest.mark.parametrize(
    ("changes", "different"),
    [
        ({"name": "renamed"}, "data"),
        ({"class_names": ("x", "y", "z")}, "class_names"),
        ({"test_labels": numbered().test_labels.flip(0)}, "test_sha256"),
        ({"test_images": numbered().test_images.flip(3)}, "test_sha256"),
    ],
)
def test_a_model_of_other_data_is_not_taken_for_this_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, object], different: str
) -> None:
    """All that is trained on stays the same."""
    first = run(tmp_path / "model", FINAL.without_grid())
    other = replace(numbered(), **changes)
    task = catalog.Task(find=lambda folder, verify: None, load=lambda folder, verify: other)
    monkeypatch.setitem(catalog.TASKS, "numbered", task)
    with pytest.raises(
        ConfigError, match=rf"tested on other data, numbered; now .* \(different: {different}\); choose"
    ):
        run(tmp_path / "model", FINAL.without_grid())
    assert read_description(tmp_path / "model") == first


def test_a_model_from_before_test_data_were_noted_is_still_known(tmp_path: Path) -> None:
    first = run(tmp_path / "model", FINAL.without_grid())
    older = {name: value for name, value in first.items() if name != "test_sha256"}
    (tmp_path / "model" / "model.json").write_text(json.dumps(older))
    assert run(tmp_path / "model", FINAL.without_grid()) == older


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"cannot make the folder .*file/model.unfinished: .*choose another --out"):
        run(tmp_path / "file" / "model")


def test_two_at_once_do_not_mix(tmp_path: Path) -> None:
    (tmp_path / "model.unfinished").mkdir()
    lock = locked(tmp_path / "model.unfinished")
    with pytest.raises(StoreError, match="another process is writing"):
        run(tmp_path / "model")
    lock.release()


def test_the_interval() -> None:
    """Wilson's for 8 of 10, as tables have it; and it stays within 0..1."""
    assert wilson_interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(1.0, 300)[1] == pytest.approx(1.0)
    assert 0.98 < wilson_interval(1.0, 300)[0] < 1.0


# Going on -------------------------------------------------------------------------------------------------------------


class Stopped(KeyboardInterrupt):
    pass


def stop_at(stage: str, ended: int) -> Callable[[str, int, int], None]:
    def on_progress(now: str, done: int, total: int) -> None:
        if (now, done) == (stage, ended):
            raise Stopped

    return on_progress


@pytest.mark.parametrize(("stage", "ended"), [("grid", 2), ("final training", 1), ("final training", 3)])
def test_an_interrupted_training_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str, ended: int
) -> None:
    run(tmp_path / "whole")
    with pytest.raises(Stopped):
        run(tmp_path / "model", on_progress=stop_at(stage, ended))
    assert not (tmp_path / "model").exists()
    watching = Watching(monkeypatch)
    run(tmp_path / "model", on_progress=watching)
    batches = {name: sum((s, n) == (name, "training_view") for s, n, _ in watching.seen) for name in ("grid", stage)}
    left = {"grid": 4 - ended, "final training": 0} if stage == "grid" else {"grid": 0, stage: 3 - ended}
    assert batches["grid"] == left["grid"] * 3 * math.ceil((NUM_TRAIN - NUM_VALIDATION) / 16)
    if stage != "grid":
        assert batches[stage] == left[stage] * math.ceil(NUM_TRAIN / 16)
    assert weights(tmp_path / "model").keys() == weights(tmp_path / "whole").keys()
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "model")[name], tensor), name


def test_the_last_epoch_is_kept_also_where_an_earlier_one_was_better(tmp_path: Path, cli) -> None:
    text = tmp_path / "text"
    text.mkdir()
    for name, seed in (("train", 1), ("valid", 2), ("test", 3)):
        numbers = torch.randint(20, (600,), generator=torch.Generator().manual_seed(seed))
        (text / f"{name}.txt").write_text(" ".join(f"w{number}" for number in numbers.tolist()))
    options = ("--task", "text", "--data", text, "--grid", "none", "--hidden", 40)
    short = (
        "--set",
        "evaluate.optimizer=adam",
        "--set",
        "evaluate.learning_rate=0.02",
        "--set",
        "evaluate.batch_size=4",
    )
    folder = tmp_path / "model"
    result = cli("train", "lstm-small", *options, *short, "--epochs", 8, "-o", folder)
    assert result.exit_code == 0, result.output
    perplexities = read_description(folder)["validation_perplexities"]
    assert min(perplexities) < 0.9 * perplexities[-1], "words at random: to learn them by heart does not help"
    perplexity = math.exp(float(nw.load(folder).nats((text / "valid.txt").read_text().split()).mean()))
    assert perplexity == pytest.approx(perplexities[-1], rel=0.03), "read in one stream here, in ten there"


def test_a_checkpoint_of_other_settings_is_not_taken(tmp_path: Path) -> None:
    final = FINAL.without_grid()
    with pytest.raises(Stopped):
        run(tmp_path / "model", final, on_progress=stop_at("final training", 2))
    run(tmp_path / "model", final.model_copy(update={"label_smoothing": 0.2}))
    run(tmp_path / "whole", final.model_copy(update={"label_smoothing": 0.2}))
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "model")[name], tensor), name


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    final = FINAL.without_grid()
    with pytest.raises(Stopped):
        run(tmp_path / "model", final, on_progress=stop_at("final training", 2))
    (checkpoint,) = (tmp_path / "model.unfinished").glob("*.safetensors")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(DataError, match=f"{checkpoint.name} is no checkpoint of this training .*remove it"):
        run(tmp_path / "model", final)


def test_a_training_that_diverges_says_so(tmp_path: Path) -> None:
    wild = CONFIG.changed(evaluate=CONFIG.evaluate.model_copy(update={"learning_rate": 1e30}))
    with pytest.raises(RunError, match=r"the final training failed: the training loss is .*lower --set evaluate"):
        finish({"one": small(4)}, wild, FINAL.without_grid(), tmp_path / "model", Placement())
    with pytest.raises(RunError, match="every training of the grid failed, the first with not finite"):
        finish({"one": small(4)}, wild, FINAL, tmp_path / "model", Placement())


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
            "The memory was exhausted; every epoch",
        ),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"),
            "or train anew with a smaller --set eval",
        ),
        (ValueError("Expected more\nthan 1"), "Change the settings with --set evaluate.NAME=VALUE, or train another"),
    ],
)
@pytest.mark.parametrize("stage", ["the final training of one", "the test of one after"])
def test_whatever_ends_the_training_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, words: str, stage: str
) -> None:
    """In the second epoch of three, or when the test images are measured; what was done before is not done again."""
    calls = itertools.count(1)

    def failing(*arguments: object, **options: object) -> Tensor:
        if stage.startswith("the test") or next(calls) > math.ceil(NUM_TRAIN / 16):
            raise error
        return view(*arguments, **options)  # type: ignore[arg-type]

    name = "evaluation_view" if stage.startswith("the test") else "training_view"
    view = getattr(loop, name)
    with monkeypatch.context() as patch:
        patch.setattr(loop, name, failing)
        with pytest.raises(RunError) as caught:
            run(tmp_path / "model", FINAL.without_grid())
    first_line = f"{type(error).__name__}: {error}".splitlines()[0]
    assert str(caught.value).startswith(stage)
    assert f" failed: {first_line}\n" in str(caught.value)
    assert words in str(caught.value)
    assert caught.value.__cause__ is error
    assert not (tmp_path / "model").exists()
    progress: list[tuple[str, int, int]] = []
    run(tmp_path / "model", FINAL.without_grid(), on_progress=lambda *now: progress.append(now))
    ended = [now[1] for now in progress if now[0] == "final training"]
    assert ended == ([0] if stage.startswith("the test") else [0, 2, 3])


# The command ----------------------------------------------------------------------------------------------------------

TINY = ("--set", "evaluate.epochs=1", "--set", "space.num_layers=2", "--set", "confirm.at_end=false")


@pytest.mark.slow
def test_a_run_becomes_a_model_through_kill_9(tmp_path: Path, cli, start) -> None:
    assert cli("search", "digits", "--trials", 4, "--workers", 2, "-o", tmp_path / "run", *TINY).exit_code == 0
    arguments = ("train", "run", "--epochs", 1, "--top", 2, "--workers", 2)
    command = start(*arguments)
    grid = tmp_path / "run" / "model.unfinished" / "grid.json"
    deadline = time.monotonic() + 60
    while not grid.exists() or len(json.loads(grid.read_text())) < 3:
        assert time.monotonic() < deadline, command.end()
        time.sleep(0.02)
    command.kill()
    code, out, err = start(*arguments).end(seconds=120)
    assert code == 0, err
    assert "grid=0/32" not in err, "what was measured before is not measured again"
    assert "tested once" in out
    assert "netwright export run/model --to code" in err
    model = json.loads((tmp_path / "run" / "model" / "model.json").read_text())
    assert f"test accuracy {model['metrics']['test_accuracy']:.4f} on digits (scikit-learn)" in out
    assert len(model["grid"]) == 32
    assert {entry["origin"] for entry in model["grid"]} <= set(found_in(tmp_path / "run", 2))
    again = cli("train", tmp_path / "run", "--epochs", 1, "--top", 2)
    assert "It was there already" in again.stdout


def test_top_may_be_a_setting(tmp_path: Path, cli) -> None:
    assert cli("search", "digits", "--trials", 4, "--workers", 1, "-o", tmp_path / "run", *TINY).exit_code == 0
    trained = cli(
        "train", tmp_path / "run", "--epochs", 1, "--grid", "none", "--set", "final.top=3", "--workers", 1
    )  # fmt: skip
    assert trained.exit_code == 0, trained.stderr
    grid = read_description(tmp_path / "run" / "model")["grid"]
    assert [entry["origin"] for entry in grid] == list(found_in(tmp_path / "run", 3))


def test_maps_of_one_pixel_survive_a_last_batch_of_one_image(tmp_path: Path, cli) -> None:
    """1,497 digits are 136 batches of 11 and one image."""
    layer = {"filter_height": 3, "filter_width": 3, "num_filters": 4, "stride_height": 3, "stride_width": 3}
    (tmp_path / "own.json").write_text(json.dumps({"layers": [layer, {**layer, "inputs": [0]}]}))
    options = ("--task", "digits", "--grid", "none", "--epochs", 1, "-o", tmp_path / "model")
    trained = cli("train", tmp_path / "own.json", *options, "--set", "evaluate.batch_size=11")
    assert trained.exit_code == 0, trained.stderr
    refused = cli("train", tmp_path / "own.json", *options[:-1], tmp_path / "other", "--set", "evaluate.batch_size=1")
    assert refused.exit_code == 1
    assert f"the final training of {tmp_path / 'own.json'} failed: ValueError: Expected more than 1" in refused.stderr


def test_a_published_network_is_trained_on_a_task(tmp_path: Path, cli) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"layers": [{"filter_height": 3, "filter_width": 3, "num_filters": 4}]}))
    result = cli("train", own, "--task", "digits", "--grid", "none", "--epochs", 1, "-o", tmp_path / "model")
    assert result.exit_code == 0
    assert nw.load(tmp_path / "model").input_shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("nas-cnn-51", "--task", "digits"), "did you mean 'nas-cnn-15'"),
        (("nas-cnn-15",), "add --task cifar10 or --task ptb"),
        (("nas-cnn-15", "--task", "digit"), "did you mean 'digits'"),
        (("missing.json", "--task", "digits"), "missing.json cannot be used: it is missing"),
        ((".", "--task", "digits"), "holds no run"),
        (("nas-cnn-15", "--task", "digits", "--label-smoothing", "1.5"), "label_smoothing"),
        (("nas-cnn-15", "--task", "digits", "--set", "final.epoch=3"), "did you mean 'final.epochs'"),
    ],
)
def test_a_mistake_is_explained(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments, words: str) -> None:
    monkeypatch.chdir(tmp_path)
    result = cli("train", *arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_run_of_a_users_function_has_nothing_to_train(cli, tmp_path: Path, recipe_file: Path) -> None:
    assert cli("search", f"{recipe_file}:config", "--workers", 1, "-o", tmp_path / "run").exit_code == 0
    result = cli("train", tmp_path / "run")
    assert result.exit_code == 2
    assert "this run calls a function of yours" in result.stderr
