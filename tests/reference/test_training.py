"""Reference networks in the training loop: they learn, all randomness is the seed's, and they go on."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from netwright.reference.all_cnn import AllCnn
from netwright.reference.densenet import DenseNet
from netwright.reference.fractalnet import FractalNet
from netwright.reference.highway import ConvolutionalHighway
from netwright.reference.network_in_network import NetworkInNetwork
from netwright.reference.preact_resnet import PreactivationResNet
from netwright.reference.resnet import ResNet
from netwright.reference.wide_resnet import WideResNet
from netwright.training.checkpoints import Checkpoint
from oracles.stripes import striped_split, train

SMALLEST: dict[str, Callable[[], nn.Module]] = {
    "resnet": lambda: ResNet(8, 3, 1),
    "stochastic depth": lambda: ResNet(14, 3, 1, last_survival=0.5),
    "preact": lambda: PreactivationResNet(11, 3, 1),
    "wide": lambda: WideResNet(10, 2, 3, 1, dropout=0.3),
    "dense": lambda: DenseNet(10, 4, 3, 1),
    "dense-bc": lambda: DenseNet(16, 4, 3, 1, compressed=True),
    "network-in-network": lambda: NetworkInNetwork(3, 1, (8, 8)),
    "all-cnn": lambda: nn.Sequential(nn.Upsample(scale_factor=2), AllCnn(3, 1, (16, 16))),
    "highway": lambda: ConvolutionalHighway(3, 1, (8, 8)),
    "fractalnet-drop-path": lambda: FractalNet(3, 1, (8, 8), drop_path=True, filters=(4, 8, 8, 8, 8)),
}
PUBLISHED = {"upsample": None, "padding": 1, "nesterov": False, "schedule": "step", "warm_up": 0.1, "epochs": 3}


class Stopped(Exception):
    pass


def fresh(name: str) -> nn.Module:
    with torch.random.fork_rng([]):
        torch.manual_seed(3)
        return SMALLEST[name]()


@pytest.mark.parametrize("name", SMALLEST)
def test_a_training_is_determined_by_its_seed_and_goes_on_where_it_stopped(name: str, tmp_path: Path) -> None:
    split, whole, again, stopped = striped_split(), fresh(name), fresh(name), fresh(name)
    losses = train(split, whole, **PUBLISHED)["training_losses"]
    assert losses[-1] < losses[0]
    torch.manual_seed(99)  # the state of the process has no influence
    assert train(split, again, **PUBLISHED)["training_losses"] == losses

    def stop(epoch: int, accuracy: float) -> None:
        raise Stopped

    checkpoint = Checkpoint(tmp_path / "training.safetensors")
    with pytest.raises(Stopped):
        train(split, stopped, checkpoint=checkpoint, on_epoch=stop, **PUBLISHED)
    resumed = fresh(name)
    assert train(split, resumed, checkpoint=checkpoint, **PUBLISHED)["training_losses"] == losses
    for key, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[key], tensor), key
        assert torch.equal(again.state_dict()[key], tensor), key
