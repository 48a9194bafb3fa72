"""Classes of unequal sizes: the note, the weights, and the score that is searched by."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from netwright.config import ImageSettings
from netwright.evaluation.images import ImageEvaluation
from netwright.evaluation.imbalance import notes_on_imbalance
from netwright.tasks.images.data import ImageData, ImageSplit
from netwright.training.classification import balanced_weights
from netwright.trials import Measurement
from oracles.stripes import fresh, striped_split, stripes, train


def labelled(*counts: int) -> ImageData:
    labels = torch.cat([torch.full((count,), label) for label, count in enumerate(counts)])
    images = torch.zeros(len(labels), 1, 2, 2, dtype=torch.uint8)
    return ImageData("made up", images, labels, images[:1], labels[:1], tuple("abcdef"[: len(counts)]))


def test_weights_are_suggested_for_very_unequal_classes() -> None:
    (note,) = notes_on_imbalance(labelled(600, 200, 60, 20, 8), ImageSettings())
    assert note == (
        "the classes are unequal: 600 training images of 'a' and 8 of 'e', so that always naming 'a' has an accuracy "
        "of 0.6757; --set evaluate.class_weights=balanced and --set evaluate.score=balanced-accuracy would count all "
        "classes alike"
    )
    (heeded,) = notes_on_imbalance(labelled(600, 8), ImageSettings(class_weights="balanced", score="balanced-accuracy"))
    assert "--set" not in heeded
    assert notes_on_imbalance(labelled(49, 10), ImageSettings()) == ()
    assert len(notes_on_imbalance(labelled(50, 10), ImageSettings())) == 1


@pytest.mark.parametrize(
    ("score", "name", "expected"),
    [
        ("accuracy", "validation_accuracy", 0.9),
        ("balanced-accuracy", "validation_balanced_accuracy", 0.5),
        ("macro-f1", "validation_macro_f1", 0.4),
    ],
)
def test_the_score_is_the_chosen_measure(score: str, name: str, expected: float) -> None:
    reward = ImageEvaluation(ImageSettings.from_json({"score": score, "last_epochs": 2})).reward
    history = {
        "validation_accuracies": [1.0, 0.9, 0.8],
        "validation_balanced_accuracies": [1.0, 0.2, 0.5],
        "validation_macro_f1s": [1.0, 0.4, 0.3],
    }
    assert reward.score_name == name
    assert reward.score(Measurement(history)) == expected
    assert reward(expected) == expected**3


def unequal() -> ImageSplit:
    """Stripes with 100 rows and 4 of both other classes to train on, and equal classes to validate on."""
    images, labels = stripes(330, 0)
    kept = torch.cat([(labels == label).nonzero()[:count, 0] for label, count in ((0, 100), (1, 4), (2, 4))])
    return replace(striped_split(), train_images=images[kept], train_labels=labels[kept])


def test_with_weights_small_classes_are_found() -> None:
    plain, weighted = (train(unequal(), epochs=8, class_weights=weights) for weights in ("none", "balanced"))
    assert weighted["validation_balanced_accuracies"][-1] > plain["validation_balanced_accuracies"][-1] + 0.1
    assert weighted["validation_balanced_accuracies"][-1] > 0.6


def test_the_weighted_loss_is_torchs() -> None:
    split = unequal()
    network = fresh()
    found = train(split, network, epochs=1, batch_size=len(split.train_labels), learning_rate=1e-12, upsample=None,
                  flips=False, class_weights="balanced")  # fmt: skip
    network = fresh().train()
    pixels = functional.layer_norm(split.train_images.float(), split.train_images.shape[1:], eps=1 / 64)
    weights = balanced_weights(split.train_labels, 3)
    expected = functional.cross_entropy(network(pixels), split.train_labels, weight=weights)
    assert found["training_losses"] == [pytest.approx(float(expected.detach()), rel=1e-4)]


def test_a_majority_vote_is_not_to_be_quoted(cli, tmp_path: Path) -> None:
    """Noise of unequal classes: nothing can be learned but which class is the largest."""
    generator = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [120, 15, 10])
    images = generator.integers(0, 256, (len(labels), 8, 8), dtype=np.uint8)
    np.savez(tmp_path / "noise.npz", images=images, labels=labels, class_names=np.array(["cat", "dog", "owl"]))
    run = tmp_path / "run"
    quick = ("--trials", 2, "--set", "batch_size=2", "--set", "evaluate.epochs=1", "--set", "confirm.at_end=false")
    searched = cli("search", "images", "--data", tmp_path / "noise.npz", "--out", run, "--workers", 1, *quick)
    assert "the classes are unequal: 96 training images of 'cat'" in searched.stderr
    assert "always naming the largest class of the validation images has the accuracy 0.8" in searched.stdout
    confirmed = cli("confirm", run, "--top", 1, "--num-seeds", 1, "--workers", 1)
    assert "not to be quoted, since the first one is no better than always naming the largest class" in confirmed.stdout
    trained = cli("train", run, "--grid", "none", "--epochs", 1, "--workers", 1)
    assert "note: the accuracy is no better than always naming 'cat' (0.8276), so do not quote it" in trained.stdout
    metrics = json.loads((run / "model" / "model.json").read_text())["metrics"]
    assert metrics["note"].startswith("the accuracy is no better than always naming 'cat'")
    assert [each["num_images"] for each in metrics["per_class"]] == [24, 3, 2]
    page = (run / "model" / "model.html").read_text()
    assert "The accuracy is no better than always naming &#39;cat&#39;" in page
    shown = cli("show", run).stdout
    assert f"trained and tested: {run / 'model'}" in shown
    assert "so do not quote it" in shown
    assert f"the run's report, with the test: {run / 'report.html'}" in trained.stdout
    report = (run / "report.html").read_text()
    assert "Trained and tested network" in report
    assert "Trained to the end, trial " in report
    assert "The accuracy is no better than always naming &#39;cat&#39;" in report
