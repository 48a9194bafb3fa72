"""What only a final training asks of the loop: other schedules, smoothed labels, no validation, checkpoints."""

from pathlib import Path

import pytest
import torch

from netwright.tasks.images.data import ImageSplit
from netwright.training.checkpoints import Checkpoint
from netwright.training.images import learning_rate_at
from netwright.training.pixels import whiten
from oracles.stripes import fresh, striped_split, train


@pytest.fixture(scope="module")
def split() -> ImageSplit:
    return striped_split()


@pytest.mark.parametrize(
    ("schedule", "progress", "rate"),
    [
        ("step", 0.69, 0.2),
        ("step", 0.7, 0.02),
        ("step", 0.84, 0.02),
        ("step", 0.851, 0.002),
        ("cosine", 0.7, 0.2),
        ("cosine", 0.85, 0.1),
        ("cosine", 1.0, 0.0),
        ("constant", 0.9, 0.2),
    ],
)
def test_the_fall_of_the_rate_may_begin_elsewhere(schedule: str, progress: float, rate: float) -> None:
    found = learning_rate_at(progress, peak=0.2, schedule=schedule, decay_at=0.7)  # type: ignore[arg-type]
    assert found == pytest.approx(rate)


def test_smoothed_labels_are_those_of_the_definition(split: ImageSplit) -> None:
    """(1 - s) of the cross-entropy with the label, s of the mean over all classes."""
    network = fresh()
    logits = network.train()(whiten(split.train_images)).log_softmax(dim=1)
    of_label = -logits.gather(1, split.train_labels[:, None]).mean()
    expected = 0.8 * of_label - 0.2 * logits.mean()
    metrics = train(split, fresh(), epochs=1, batch_size=150, upsample=None, flips=False, label_smoothing=0.2)
    assert metrics["training_losses"] == pytest.approx([expected.item()], rel=1e-5)


def test_nothing_is_measured_without_validation_images(split: ImageSplit) -> None:
    blind = ImageSplit(
        split.train_images, split.train_labels, split.train_images[:0], split.train_labels[:0], num_classes=3
    )
    reported: list[object] = []
    metrics = train(blind, epochs=2, on_epoch=lambda epoch, accuracy: reported.append(accuracy))
    assert metrics["validation_accuracies"] == []
    assert metrics["training_losses"] == train(split, epochs=2)["training_losses"]
    assert reported == [None, None]


@pytest.mark.parametrize("stopped_after", [1, 3, 4])
def test_a_checkpoint_goes_on_to_the_same_weights(split: ImageSplit, tmp_path: Path, stopped_after: int) -> None:
    """With augmentation, momentum and channels-last: all of them are state."""

    class Stopped(Exception):
        pass

    def stop(epoch: int, accuracy: float | None) -> None:
        if epoch + 1 == stopped_after:
            raise Stopped

    whole, stopped, resumed = fresh(), fresh(), fresh(seed=6)
    expected = train(split, whole)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(Stopped):
        train(split, stopped, checkpoint=checkpoint, on_epoch=stop)
    epochs: list[int] = []
    metrics = train(split, resumed, checkpoint=checkpoint, on_epoch=lambda epoch, accuracy: epochs.append(epoch))
    assert epochs == list(range(stopped_after, 4))
    assert metrics == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name
