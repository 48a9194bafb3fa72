"""How many workers a search has by default and by its options, on machines with made-up GPUs."""

from collections.abc import Callable

import pytest
import torch
from typer.testing import Result

from netwright.config import RunConfig
from netwright.errors import ConfigError
from netwright.recipes.networks import cifar10
from netwright.searching import placement
from netwright.searching.placement import Placement, chosen_workers, default_workers, gpus_per_child, num_gpus

Machine = Callable[[int], None]


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Makes this machine one with so many GPUs, and 32 cores."""

    def with_gpus(number: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: number > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: number)
        monkeypatch.setattr(placement, "usable_cores", lambda: 32)

    return with_gpus


def on(device: str) -> RunConfig:
    """The paper's search with 64 children in flight."""
    return cifar10().changed(batch_size=32, lag=1).with_settings([f"evaluate.device={device}"])


@pytest.mark.parametrize(
    ("gpus", "device", "expected"), [(0, "auto", 32), (1, "auto", 1), (8, "auto", 8), (8, "cpu", 32), (2, "cuda", 2)]
)
def test_the_default_follows_from_the_device_that_children_use(
    machine: Machine, gpus: int, device: str, expected: int
) -> None:
    machine(gpus)
    assert default_workers(on(device)) == expected
    assert num_gpus(on(device)) == (0 if device == "cpu" else gpus)


def test_no_more_workers_than_children_in_flight(machine: Machine) -> None:
    machine(8)
    assert default_workers(cifar10().changed(batch_size=2, lag=0)) == 2


def test_children_share_gpus(machine: Machine) -> None:
    machine(8)
    assert chosen_workers(on("auto"), None, 3) == 24
    assert chosen_workers(on("auto"), 5, None) == 5
    assert chosen_workers(on("auto"), None, None) is None
    with pytest.raises(ConfigError, match="--workers 5 and --children-per-gpu 3 both say"):
        chosen_workers(on("auto"), 5, 3)
    with pytest.raises(ConfigError, match=r"on Ray give --gpus-per-child 0\.25"):
        chosen_workers(on("auto"), None, 4, on_cluster=True)
    with pytest.raises(ConfigError, match="they are trained on its processor"):
        chosen_workers(on("cpu"), None, 3)


@pytest.mark.parametrize(("device", "given", "expected"), [("cpu", None, 0.0), ("auto", None, None), ("cpu", 0.5, 0.5)])
def test_ray_is_asked_for_gpus_only_where_children_use_them(
    device: str, given: float | None, expected: float | None
) -> None:
    assert gpus_per_child(on(device), Placement(executor="ray", gpus_per_child=given)) == expected


@pytest.mark.parametrize(
    "command",
    [
        ("search", "digits"),
        ("compare", "digits", "--strategies", "random,reinforce", "--trials", "8"),
        ("train", "resnet-20", "--task", "digits"),
    ],
)
def test_without_a_gpu_the_option_is_refused(cli: Callable[..., Result], command: tuple[str, ...]) -> None:
    refused = cli(*command, "--children-per-gpu", 2)
    assert refused.exit_code == 2
    assert "--children-per-gpu is for children on GPUs of this machine" in refused.stderr
