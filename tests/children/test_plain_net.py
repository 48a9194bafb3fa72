"""A PlainNet's module against torch's functions, its costs against the module, its chance against its seed."""

import random
from pathlib import Path
from typing import Any

import pytest
import torch
from test_costs import multiply_adds_by_hooks
from torch import Tensor, nn
from torch.nn import functional

import netwright as nw
from netwright.architectures.costs import Costs, ImageShape, costs_of
from netwright.architectures.plain import Convolution, Dense, PlainNet, Pooling
from netwright.children.building import build, initialise, num_parameters
from netwright.errors import ConfigError, DataError
from netwright.models.export_code import export_code
from netwright.models.folder import write_model
from netwright.spaces.exploring import sample
from netwright.spaces.metaqnn import metaqnn
from netwright.training.checkpoints import Checkpoint
from oracles.stripes import striped_split, train

SPACE = metaqnn(6, num_filters=(3, 5), dense_units=(7, 6), image_size=9)
NETWORK = PlainNet(
    (
        Convolution(size=5, num_filters=6),
        Convolution(size=3, num_filters=4),
        Pooling(size=3, stride=2),
        Dense(num_units=12),
        Dense(num_units=10),
    )
)


def random_net(seed: object) -> PlainNet:
    network = sample(SPACE, random.Random(str(seed))).architecture
    assert isinstance(network, PlainNet)
    return network


def module_of(network: PlainNet, seed: int = 0, *, channels: int = 1, size: tuple[int, int] = (8, 8)) -> nn.Module:
    module = build(network, 3, channels, image_size=size)
    initialise(module, seed)
    return module


# What is computed -----------------------------------------------------------------------------------------------------


def computed(network: PlainNet, module: nn.Module, images: Tensor) -> Tensor:
    """The logits without dropout, by functions alone; the weights in the order in which the module has them."""
    weights = list(module.parameters())
    for layer in network.layers:
        if isinstance(layer, Pooling):
            windows = images.unfold(2, layer.size, layer.stride).unfold(3, layer.size, layer.stride)
            images = windows.amax(dim=(4, 5))
            continue
        weight, bias = weights.pop(0), weights.pop(0)
        if isinstance(layer, Convolution):
            images = functional.conv2d(images, weight, bias, padding="same").clamp(min=0)
        else:
            images = (images.flatten(1) @ weight.T + bias).clamp(min=0)
    features = images.flatten(1) if network.ending == "softmax" else images.mean(dim=(2, 3))
    weight, bias = weights
    return features @ weight.T + bias


def test_the_module_computes_what_the_network_says() -> None:
    generator = torch.Generator().manual_seed(0)
    for seed in range(60):
        network = random_net(seed)
        module = module_of(network, seed, channels=2, size=(9, 13)).eval()
        for part in module.parameters():
            part.data += 0.1 * torch.randn(part.shape, generator=generator)  # biases that are not 0
        images = torch.randn(2, 2, 9, 13, generator=generator)
        with torch.no_grad():
            torch.testing.assert_close(module(images.clone()), computed(network, module, images), msg=str(network))


@pytest.mark.parametrize(
    ("num_layers", "expected"), [(0, []), (1, []), (2, [0.5]), (3, [0.5]), (5, [0.25, 0.5]), (6, [1 / 6, 1 / 3, 0.5])]
)
def test_dropout_after_every_two_layers_rises_to_a_half(num_layers: int, expected: list[float]) -> None:
    module = build(PlainNet((Convolution(size=3, num_filters=2),) * num_layers), image_size=(4, 4))
    parts = list(module.layers)
    assert [part.p for part in parts if isinstance(part, nn.Dropout)] == pytest.approx(expected)
    kinds = [type(part).__name__ for part in parts]
    assert kinds[:6] == ["Conv2d", "ReLU", "Conv2d", "ReLU", "Dropout", "Conv2d"][: len(kinds)]


def test_images_that_are_too_small_are_refused() -> None:
    network = PlainNet((Convolution(size=3, num_filters=2), Pooling(size=3, stride=2), Pooling(size=3, stride=2)))
    message = r"layer 2 pools windows of 3 x 3 pixels and reads maps of 2 x 3; a space's image_size is"
    with pytest.raises(ConfigError, match=message):
        build(network, image_size=(6, 7))
    with pytest.raises(ConfigError, match=message):
        costs_of(network, ImageShape(1, 6, 7, 10))


# Costs ----------------------------------------------------------------------------------------------------------------


def test_costs_are_those_of_the_module() -> None:
    rng = random.Random(0)
    for seed in range(200):
        network = random_net(seed)
        images = ImageShape(rng.choice((1, 3)), rng.randint(9, 17), rng.randint(9, 17), rng.randint(2, 12))
        with torch.device("meta"):
            module = build(network, images.num_classes, images.channels, image_size=(images.height, images.width))
        expected = Costs(num_parameters(module), multiply_adds_by_hooks(module, images))
        assert costs_of(network, images) == expected, (network, images)


def test_one_network_by_hand() -> None:
    """8 x 8 stays 8 x 8 twice, and becomes 3 x 3."""
    weights = (5 * 5 * 1 * 6, 3 * 3 * 6 * 4, 4 * 3 * 3 * 12, 12 * 10, 10 * 3)
    assert costs_of(NETWORK, ImageShape(1, 8, 8, 3)) == Costs(
        sum(weights) + 6 + 4 + 12 + 10 + 3, 64 * (weights[0] + weights[1]) + sum(weights[2:])
    )


# Chance ---------------------------------------------------------------------------------------------------------------


def trained(seed: int = 5, **changes: Any) -> list[Tensor]:
    module = module_of(NETWORK)
    train(striped_split(), module, seed, epochs=3, **changes)
    return [part.detach().clone() for part in module.parameters()]


def same(ours: list[Tensor], theirs: list[Tensor]) -> bool:
    return all(map(torch.equal, ours, theirs))


def test_weights_and_dropout_follow_from_the_seed_alone() -> None:
    """Whatever the state of torch's own generator, from which dropout draws."""
    torch.manual_seed(1)
    first = trained()
    torch.manual_seed(2)
    assert same(trained(), first)
    assert not same(trained(seed=6), first)


def test_training_leaves_torchs_own_generator_as_it_was() -> None:
    module = module_of(NETWORK)
    before = torch.get_rng_state()
    train(striped_split(), module, epochs=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_every_epoch_drops_other_units() -> None:
    module, epochs = module_of(NETWORK), list[tuple[Tensor, Tensor]]()
    (first, *_) = (part for part in module.modules() if isinstance(part, nn.Dropout))

    def note(part: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        if part.training:
            epochs.append((inputs[0] != 0, output == 0))

    first.register_forward_hook(note)
    train(striped_split(), module, epochs=2, batch_size=150)
    (alive, dropped), (alive_later, dropped_later) = epochs
    both = alive & alive_later  # elsewhere a 0 says nothing
    assert 0.2 < dropped[both].float().mean() < 0.3
    assert not torch.equal(dropped[both], dropped_later[both])


def test_a_checkpoint_goes_on_with_the_same_dropout(tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(epoch: int, _: object) -> None:
        if epoch == 1:
            raise Stop

    checkpoint = Checkpoint(tmp_path / "checkpoint.pt")
    with pytest.raises(Stop):
        trained(checkpoint=checkpoint, on_epoch=stop)
    assert same(trained(checkpoint=checkpoint), trained())


# A trained network ----------------------------------------------------------------------------------------------------

DESCRIBED = {"input_shape": [1, 8, 8], "upsample": None, "epsilon": 1e-5, "class_names": ["ant", "bee", "cat"]}


def test_its_folder_gives_it_back_and_code_is_refused(tmp_path: Path) -> None:
    module = module_of(NETWORK, seed=4).eval()
    write_model(tmp_path / "model", module, NETWORK, DESCRIBED)
    loaded = nw.load(tmp_path / "model")
    images = torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(loaded(images), module(loaded.preprocess(images)))
    with pytest.raises(
        ConfigError, match=r"holds a PlainNet, and of .* only a ConvNet is spelled out as code; take --to onnx"
    ):
        export_code(tmp_path / "model", tmp_path / "network.py")


def test_a_folder_whose_images_do_not_fit_is_damaged(tmp_path: Path) -> None:
    write_model(tmp_path / "model", module_of(NETWORK), NETWORK, {**DESCRIBED, "input_shape": [1, 2, 2]})
    with pytest.raises(DataError, match=r"architecture.json cannot be used: layer 2 pools windows of 3 x 3"):
        nw.load(tmp_path / "model")
