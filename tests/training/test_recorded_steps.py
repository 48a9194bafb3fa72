"""The step that a GPU records, computed on the CPU, equals the loop."""

import gc
import itertools
import random
import weakref
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright.architectures.convolutional import ConvNet
from netwright.children.building import build, initialise
from netwright.spaces.convolutional import convolutional
from netwright.spaces.exploring import sample
from netwright.tasks.images.data import ImageSplit
from netwright.training import images, recorded_steps
from netwright.training.checkpoints import Checkpoint
from netwright.training.images import train_classifier
from netwright.training.recorded_steps import RecordedSteps, View, can_record, pixels_of
from netwright.training.speed import Speed
from oracles.stripes import SETTINGS, fresh, striped_split, stripes, train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")


def split_of(count: int) -> ImageSplit:
    return ImageSplit(*stripes(count, 0), *stripes(12, 1), num_classes=3)


def both(monkeypatch: pytest.MonkeyPatch, split: ImageSplit, make=fresh, **changes: object) -> list[list[torch.Tensor]]:
    """All state after training by the loop, and after training by the recorded step."""
    found = []
    for recorded in (False, True):
        monkeypatch.setattr(images, "can_record", lambda *arguments, recorded=recorded: recorded)
        network = make()
        history = train(split, network, epochs=2, **changes)
        losses = torch.tensor(history["training_losses"], dtype=torch.float64)
        found.append([losses, *(tensor.double() for tensor in network.state_dict().values())])
    return found


def assert_equal(found: list[list[torch.Tensor]]) -> None:
    for by_loop, recorded in zip(*found, strict=True):
        assert torch.linalg.norm(recorded - by_loop) <= 1e-6 * torch.linalg.norm(by_loop)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"flips": False},
        {"upsample": None, "padding": 2},
        {"upsample": None},
        {"upsample": None, "flips": False},
        {"momentum": 0.0, "weight_decay": 0.01},
        {"nesterov": False, "label_smoothing": 0.1, "class_weights": "balanced"},
        {"speed": Speed(device="cpu", precision="bfloat16")},
        {"speed": Speed(device="cpu", precision="float32", channels_last=False)},
        {"schedule": "step", "warm_up": 0.3},
    ],
    ids=lambda changes: ",".join(changes) or "defaults",
)
def test_every_setting_gives_the_weights_of_the_loop(changes: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal(both(monkeypatch, split_of(50), **changes))


@pytest.mark.parametrize(
    "count", [48, 50, 49, 10], ids=["full", "short last batch", "one image left over", "one batch"]
)
def test_any_number_of_images_gives_the_weights_of_the_loop(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert_equal(both(monkeypatch, split_of(count)))


@pytest.mark.parametrize("options", [{}, {"strides": (1, 2)}, {"pool_after": (2,)}], ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_networks_of_the_spaces_get_the_weights_of_the_loop(
    options: dict, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = convolutional(4, num_filters=(4, 6), filter_sizes=(1, 3), **options)
    net = sample(space, random.Random(seed)).architecture

    def make() -> nn.Module:
        return initialised(net)

    assert_equal(both(monkeypatch, split_of(20), make))


def initialised(net: ConvNet) -> nn.Module:
    network = build(net, num_classes=3, in_channels=1)
    initialise(network, 0)
    return network


def test_a_training_that_goes_on_from_a_checkpoint_gives_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "can_record", lambda *arguments: True)
    split, whole, halves = split_of(50), fresh(), fresh()
    settings = SETTINGS | {"epochs": 4, "seed": 5}
    expected = train_classifier(whole, split, **settings)
    checkpoint = Checkpoint(tmp_path / "half")
    half = train_classifier(
        halves, split, checkpoint=checkpoint, is_over=lambda h: len(h["training_losses"]) == 2, **settings
    )
    assert len(half["training_losses"]) == 2
    resumed = fresh(seed=9)
    assert train_classifier(resumed, split, checkpoint=checkpoint, **settings) == expected
    assert all(map(torch.equal, whole.state_dict().values(), resumed.state_dict().values()))


def test_a_step_copies_nothing_from_the_host(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the preparation of an epoch and its end nothing but kernels of the device runs."""
    monkeypatch.setattr(images, "can_record", lambda *arguments: True)
    seen: list[str] = []
    one_step = RecordedSteps._one_step

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            seen.append(str(function))
            return function(*args, **(kwargs or {}))

    def watched(self: RecordedSteps, count: int) -> None:
        with Watch():
            one_step(self, count)

    monkeypatch.setattr(RecordedSteps, "_one_step", watched)
    train(split_of(50), epochs=1)
    assert any("convolution" in name for name in seen)
    waits = ("_local_scalar_dense", "item", "nonzero", "lift_fresh", "_to_copy.device", "randperm", "randint")
    assert not [name for name in seen if any(wait in name for wait in waits)]


def test_only_networks_without_chance_on_a_gpu_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels, view = split_of(50).train_images, View(10, None, True)
    assert can_record(fresh(), pixels, view, CUDA)
    assert not can_record(fresh(), pixels, view, CPU)
    assert not can_record(nn.Sequential(nn.Flatten(), nn.Dropout(), nn.Linear(64, 3)), pixels, view, CUDA)
    monkeypatch.setattr(recorded_steps, "MOST_BYTES", 4 * 50 * 10 * 10)
    assert can_record(fresh(), pixels, view, CUDA)
    assert not can_record(fresh(), pixels, View(10, 1, True), CUDA)
    assert not can_record(fresh(), pixels, View(11, None, True), CUDA)


def test_enlarged_pixels_are_kept_for_the_life_of_the_images() -> None:
    split, view = split_of(12), View(10, 1, True)
    first = pixels_of(split, view, CPU)
    assert first.shape == (12, 12, 12, 1)
    assert pixels_of(split, View(10, 1, False), CPU) is first
    assert pixels_of(split, View(None, None, True), CPU).shape == (12, 8, 8, 1)
    assert pixels_of(split_of(12), view, CPU) is not first
    kept = weakref.ref(pixels_of(split, view, CPU))
    del first, split
    gc.collect()
    assert kept() is None


@pytest.mark.parametrize("error", [RuntimeError("operation not permitted when stream is capturing")])
def test_where_recording_fails_one_warning_says_why_and_nothing_changes(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, the recording has trained some steps before it fails."""
    split = striped_split()
    monkeypatch.setattr(images, "can_record", lambda *arguments: True)
    expected = fresh()
    train(split, expected, epochs=2)
    failures = itertools.count()

    def fails(self: RecordedSteps) -> None:
        next(failures)
        self._one_step(16)
        raise error

    start = RecordedSteps.__init__

    def unrecorded(self: RecordedSteps, *arguments: object, **options: object) -> None:
        start(self, *arguments, **options)  # type: ignore[arg-type]
        self._is_recorded = False

    monkeypatch.setattr(RecordedSteps, "__init__", unrecorded)
    monkeypatch.setattr(RecordedSteps, "_recorded", fails)
    network = fresh()
    with pytest.warns(RuntimeWarning, match="cannot be recorded as a CUDA graph, .* stream is capturing"):
        train(split, network, epochs=2)
    assert next(failures) == 1
    assert all(map(torch.equal, network.state_dict().values(), expected.state_dict().values()))
