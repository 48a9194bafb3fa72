"""The training loop: its arithmetic by hand, its learning, its randomness and its failures."""

import copy
import math
import random
from inspect import signature

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from netwright.config import ImageSettings
from netwright.config.children import LATER_SETTINGS
from netwright.errors import ChildError
from netwright.tasks.images.data import ImageSplit
from netwright.training import images
from netwright.training.images import learning_rate_at, measure_accuracy, train_classifier
from netwright.training.pixels import training_view, whiten
from netwright.training.speed import Speed
from oracles.stripes import FLOAT32, fresh, striped_split, train


@pytest.fixture(scope="module")
def split() -> ImageSplit:
    return striped_split()


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


@pytest.mark.parametrize(
    ("progress", "expected"),
    [(0.0, 0.02), (0.049, 0.02), (0.05, 0.2), (0.29, 0.2), (0.3, 0.04), (0.59, 0.04), (0.6, 0.008), (0.8, 0.0016)],
)
def test_published_milestones_and_a_warm_up(progress: float, expected: float) -> None:
    found = learning_rate_at(progress, peak=0.2, schedule="step", milestones=(0.3, 0.6, 0.8), decay=5.0, warm_up=0.05)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.64, 0.2), (0.66, 0.04), (0.79, 0.04), (0.81, 0.008), (0.91, 0.0016)]
)
def test_a_later_start_keeps_the_proportions_of_the_milestones(progress: float, expected: float) -> None:
    """Half of the training is left at 0.3 + 0.35; the others were 3/7 and 5/7 of the way from the first to the end."""
    found = learning_rate_at(progress, peak=0.2, schedule="step", milestones=(0.3, 0.6, 0.8), decay=5.0, decay_at=0.65)
    assert found == pytest.approx(expected)


def test_the_loop_and_the_settings_have_the_same_defaults() -> None:
    ours = {**signature(learning_rate_at).parameters, **signature(train_classifier).parameters}
    settings = ImageSettings()
    # What is chosen from its measurements, how the data is read, and a setting of its `Speed`.
    not_of_the_loop = {"score", "image_size", "deterministic"}
    for name in LATER_SETTINGS["images"].keys() - not_of_the_loop:
        assert ours[name].default == getattr(settings, name), name
    assert Speed().deterministic == settings.deterministic


def test_the_loop_crops_padded_images(split: ImageSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    """In most of the crops of every batch there are zeros of the padding; a pixel of a whitened image is rarely 0."""
    zeros: list[float] = []

    def view(pixels: Tensor, **options: object) -> Tensor:
        cropped = training_view(pixels, **options)  # type: ignore[arg-type]
        zeros.append(float((cropped == 0).flatten(1).any(dim=1).float().mean()))
        return cropped

    monkeypatch.setattr(images, "training_view", view)
    train(split, epochs=1, upsample=None, padding=3, flips=False)
    assert len(zeros) == 10
    assert min(zeros) > 0.5
    zeros.clear()
    train(split, epochs=1, upsample=None, flips=False)
    assert max(zeros) < 0.2


def test_the_settings_of_the_schedule_and_of_the_momentum_arrive(
    split: ImageSplit, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []

    def rate(progress: float, **options: object) -> float:
        seen.append(options)
        return 0.01

    monkeypatch.setattr(images, "learning_rate_at", rate)
    options = {"schedule": "step", "milestones": (0.2,), "decay": 2.0, "warm_up": 0.1}
    plain, nesterov = fresh(), fresh()
    train(split, plain, epochs=1, nesterov=False, **options)
    train(split, nesterov, epochs=1, **options)
    assert {*map(repr, seen)} == {repr({"peak": 0.1, **options})}
    assert not torch.equal(plain.get_parameter("classifier.weight"), nesterov.get_parameter("classifier.weight"))


def test_the_learning_rate_moves_with_every_step(split: ImageSplit, monkeypatch: pytest.MonkeyPatch) -> None:
    """150 images in batches of 40 are four steps an epoch."""
    seen: list[tuple[float, float, str]] = []

    def rate(progress: float, *, peak: float, schedule: str) -> float:
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


# Mini-batches ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("num_images", "batch_size", "sizes"),
    [
        (23, 11, [11, 12]),
        (12, 11, [12]),
        (24, 11, [11, 11, 2]),
        (22, 11, [11, 11]),
        (1, 11, [1]),
        (3, 1, [1, 1, 1]),
        (3, 2, [3]),
    ],
)
def test_only_a_last_batch_of_one_image_joins_the_one_before(
    monkeypatch: pytest.MonkeyPatch, split: ImageSplit, num_images: int, batch_size: int, sizes: list[int]
) -> None:
    """Every image once in each epoch, and the learning rate falls over as many steps as there are."""
    seen: list[Tensor] = []
    progresses: list[float] = []
    view, rate = images.training_view, images.learning_rate_at

    def watched_view(batch: Tensor, **options: object) -> Tensor:
        seen.append(batch)
        return view(batch, **options)  # type: ignore[arg-type]

    def watched_rate(progress: float, **options: object) -> float:
        progresses.append(progress)
        return rate(progress, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(images, "training_view", watched_view)
    monkeypatch.setattr(images, "learning_rate_at", watched_rate)
    few = ImageSplit(
        split.train_images[:num_images], split.train_labels[:num_images], split.validation_images[:3],
        split.validation_labels[:3], 3,
    )  # fmt: skip
    train(few, epochs=2, batch_size=batch_size)
    assert [len(batch) for batch in seen] == sizes * 2
    for epoch in (seen[: len(sizes)], seen[len(sizes) :]):
        pixels = sorted(image.numpy().tobytes() for batch in epoch for image in batch)
        assert pixels == sorted(image.numpy().tobytes() for image in few.train_images)
    assert progresses == pytest.approx([step / (2 * len(sizes)) for step in range(2 * len(sizes))])
