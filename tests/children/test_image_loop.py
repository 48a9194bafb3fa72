"""The training loop: its arithmetic by hand, its learning, its randomness and its failures."""

import copy
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.architectures.convolutional import ConvLayer, ConvNet
from netwright.children.building import build
from netwright.children.convolutional import initialise
from netwright.errors import ChildError
from netwright.tasks.images import ImageSplit
from netwright.training import images
from netwright.training.checkpoints import Checkpoint
from netwright.training.images import learning_rate_at, measure_accuracy, train_classifier
from netwright.training.pixels import whiten
from netwright.training.speed import Speed

FLOAT32 = Speed(device="cpu", precision="float32")
SETTINGS = {
    "epochs": 4,
    "batch_size": 16,
    "learning_rate": 0.1,
    "schedule": "cosine",
    "momentum": 0.9,
    "weight_decay": 1e-4,
    "upsample": 10,
    "flips": True,
    "speed": FLOAT32,
}
NETWORK = ConvNet(
    (
        ConvLayer(filter_height=3, filter_width=3, num_filters=8),
        ConvLayer(filter_height=3, filter_width=3, num_filters=8, inputs=(0,), pool=2),
    )
)


def stripes(number: int, seed: int) -> tuple[Tensor, Tensor]:
    """Noise with bright rows (label 0), bright columns (label 1) or neither (label 2): no flip or crop hides it."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(number) % 3
    images = torch.randint(0, 120, (number, 1, 8, 8), generator=generator)
    images[labels == 0, :, ::2] += 120
    images[labels == 1, :, :, ::2] += 120
    return images.to(torch.uint8), labels


@pytest.fixture(scope="module")
def split() -> ImageSplit:
    train, validation = stripes(150, 0), stripes(60, 1)
    return ImageSplit(*train, *validation, num_classes=3)


def fresh(seed: int = 5) -> nn.Module:
    network = build(NETWORK, num_classes=3, in_channels=1)
    initialise(network, seed)
    return network


def train(
    split: ImageSplit, network: nn.Module | None = None, seed: int = 5, **changes: object
) -> dict[str, list[float]]:
    network = fresh() if network is None else network
    return train_classifier(network, split, seed=seed, **{**SETTINGS, **changes})  # type: ignore[arg-type]


# Learning -------------------------------------------------------------------------------------------------------------


def test_a_separable_task_is_learned(split: ImageSplit) -> None:
    metrics = train(split)
    assert len(metrics["validation_accuracies"]) == len(metrics["training_losses"]) == 4
    assert metrics["validation_accuracies"][-1] > 0.9
    assert metrics["training_losses"][-1] < metrics["training_losses"][0] / 2


def test_labels_without_a_pattern_are_not(split: ImageSplit) -> None:
    """The accuracy is one of the validation images: shuffled labels leave it near chance."""
    shuffled = split.train_labels[torch.randperm(150, generator=torch.Generator().manual_seed(0))]
    unlearnable = ImageSplit(split.train_images, shuffled, split.validation_images, split.validation_labels, 3)
    assert train(unlearnable)["validation_accuracies"][-1] < 0.8


def test_bfloat16_learns_too(split: ImageSplit) -> None:
    metrics = train(split, speed=Speed(device="cpu", precision="bfloat16"))
    assert metrics["validation_accuracies"][-1] > 0.9


def test_each_epoch_is_reported_when_it_ends(split: ImageSplit) -> None:
    reported: list[tuple[int, float]] = []
    metrics = train(split, on_epoch=lambda epoch, accuracy: reported.append((epoch, accuracy)))
    assert reported == list(enumerate(metrics["validation_accuracies"]))


def test_the_last_accuracy_is_that_of_the_trained_network(split: ImageSplit) -> None:
    network = fresh()
    metrics = train(split, network, upsample=None, epochs=1)
    network.eval()
    with torch.no_grad():
        predicted = network(whiten(split.validation_images)).argmax(1)
    expected = (predicted == split.validation_labels).double().mean()
    assert metrics["validation_accuracies"] == [pytest.approx(float(expected))]


def test_accuracy_does_not_depend_on_the_batch(split: ImageSplit) -> None:
    network = fresh()
    train(split, network, epochs=1)
    pixels, labels = split.validation_images, split.validation_labels
    accuracies = {
        measure_accuracy(network, pixels, labels, upsample=10, speed=FLOAT32, batch_size=size) for size in (7, 60, 500)
    }
    assert len(accuracies) == 1
    assert not network.training


# Chance ---------------------------------------------------------------------------------------------------------------


def test_the_same_seed_gives_the_same_bits(split: ImageSplit) -> None:
    networks = [fresh(), fresh()]
    first, again = (train(split, network, epochs=2) for network in networks)
    assert first == again
    for (name, one), two in zip(networks[0].state_dict().items(), networks[1].state_dict().values(), strict=True):
        assert torch.equal(one, two), name


@pytest.mark.parametrize("changes", [{}, {"upsample": None, "flips": False}])
def test_another_seed_gives_another_order(split: ImageSplit, changes: dict[str, object]) -> None:
    first, other = (train(split, seed=seed, epochs=1, **changes) for seed in (5, 6))
    assert first["training_losses"] != other["training_losses"]


def test_the_global_generators_neither_decide_nor_move(split: ImageSplit) -> None:
    results = []
    for seed in (0, 1):
        network = fresh()
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        before = (torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[union-attr, index]
        results.append(train(split, network, epochs=1))
        assert torch.equal(torch.random.get_rng_state(), before[0])
        assert random.getstate() == before[1]
        assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[union-attr, index]
    assert results[0] == results[1]


def test_the_images_are_left_as_they_were(split: ImageSplit) -> None:
    before = split.train_images.clone(), split.validation_images.clone()
    train(split, epochs=1)
    assert torch.equal(split.train_images, before[0])
    assert torch.equal(split.validation_images, before[1])


# Arithmetic -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 0.1), (0.9, 0.0), (0.0, 0.1)])
def test_the_steps_are_those_of_nesterov_momentum(split: ImageSplit, momentum: float, weight_decay: float) -> None:
    """Four steps of the whole set: g = gradient + decay * w; v = momentum * v + g; w -= rate * (g + momentum * v)."""
    network = fresh()
    by_hand = copy.deepcopy(network).train()
    losses, velocities = [], {name: torch.zeros_like(w) for name, w in by_hand.named_parameters()}
    pixels = whiten(split.train_images)
    for rate in (0.05, 0.05, 0.005, 0.0005):  # a tenth from 1/2 and from 3/4 of training
        by_hand.zero_grad()
        loss = functional.cross_entropy(by_hand(pixels), split.train_labels)
        loss.backward()
        losses.append(loss.item())
        with torch.no_grad():
            for name, weight in by_hand.named_parameters():
                assert weight.grad is not None
                gradient = weight.grad + weight_decay * weight
                velocities[name] = momentum * velocities[name] + gradient
                weight -= rate * (gradient + momentum * velocities[name])
    metrics = train(
        split,
        network,
        batch_size=len(pixels),
        learning_rate=0.05,
        schedule="step",
        momentum=momentum,
        weight_decay=weight_decay,
        upsample=None,
        flips=False,
    )
    assert metrics["training_losses"] == pytest.approx(losses, rel=1e-4)
    for (name, expected), weight in zip(by_hand.named_parameters(), network.parameters(), strict=True):
        torch.testing.assert_close(
            weight, expected, atol=2e-5, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


def test_every_image_is_seen_once_in_an_epoch(split: ImageSplit) -> None:
    """150 images in batches of 16: nine whole ones and one of six. A loss is the mean over images, not over batches."""
    seen: list[Tensor] = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(3))

        def forward(self, images: Tensor) -> Tensor:
            if self.training:
                seen.append(images.detach().clone())
            return images.flatten(1)[:, :3] * self.scale

    metrics = train(split, Watching(), epochs=2, upsample=None, flips=False, learning_rate=1e-12, weight_decay=0.0)
    assert [len(images) for images in seen] == [*[16] * 9, 6] * 2
    pixels = whiten(split.train_images)
    for epoch in (seen[:10], seen[10:]):
        assert sorted(map(tuple, torch.cat(epoch).flatten(1).tolist())) == sorted(
            map(tuple, pixels.flatten(1).tolist())
        )
    assert not torch.equal(torch.cat(seen[:10]), torch.cat(seen[10:])), "each epoch has its own order"
    expected = float(functional.cross_entropy(pixels.flatten(1)[:, :3], split.train_labels))
    assert metrics["training_losses"] == pytest.approx([expected, expected], rel=1e-5)


@pytest.mark.parametrize(
    ("progress", "step", "cosine"),
    [
        (0.0, 0.2, 0.2),
        (0.25, 0.2, 0.1 * (1 + math.sqrt(0.5))),
        (0.4999, 0.2, None),
        (0.5, 0.02, 0.1),
        (0.7499, 0.02, None),
        (0.75, 0.002, 0.1 * (1 - math.sqrt(0.5))),
        (1.0, 0.002, 0.0),
    ],
)
def test_learning_rates(progress: float, step: float, cosine: float | None) -> None:
    assert learning_rate_at(progress, peak=0.2, schedule="step") == pytest.approx(step)
    assert learning_rate_at(progress, peak=0.2, schedule="constant") == 0.2
    if cosine is not None:
        assert learning_rate_at(progress, peak=0.2, schedule="cosine") == pytest.approx(cosine, abs=1e-12)


def test_the_learning_rate_moves_with_every_step(split: ImageSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    """150 images in batches of 40 are four steps an epoch."""
    seen: list[tuple[float, float, str]] = []

    def rate(progress: float, *, peak: float, schedule: str, decay_at: None) -> float:
        seen.append((progress, peak, schedule))
        return peak

    monkeypatch.setattr(images, "learning_rate_at", rate)
    train(split, epochs=2, batch_size=40)
    assert seen == [(step / 8, 0.1, "cosine") for step in range(8)]


# Failures -------------------------------------------------------------------------------------------------------------


def test_a_learning_rate_that_explodes_is_an_error_of_the_child(split: ImageSplit) -> None:
    with pytest.raises(ChildError, match=r"the training loss is (nan|inf) in epoch \d"):
        train(split, learning_rate=1e30, schedule="constant")


def test_weights_that_are_no_numbers_are_an_error_of_the_child(split: ImageSplit) -> None:
    network = fresh()
    with torch.no_grad():
        network.get_parameter("classifier.bias")[0] = math.nan
    with pytest.raises(ChildError, match="the training loss is nan in epoch 1"):
        train(split, network)


def test_a_loss_that_breaks_later_names_its_epoch(split: ImageSplit) -> None:
    network = fresh()

    def spoil(epoch: int, accuracy: float) -> None:
        if epoch == 1:
            with torch.no_grad():
                network.get_parameter("classifier.bias")[0] = math.nan

    with pytest.raises(ChildError, match="the training loss is nan in epoch 3"):
        train(split, network, on_epoch=spoil)


# What only a final training asks for ----------------------------------------------------------------------------------


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
