"""SGD and Adam against the classes of torch, bit for bit; and that nothing which trains imports torch's compiler."""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from netwright.nn.optimizers import SGD, Adam, Optimizer

SHAPES = ((4, 3), (5,), (2, 3, 3))
MAKERS: dict[str, tuple[Callable[[list[Tensor]], Optimizer], type[torch.optim.Optimizer], dict[str, Any]]] = {
    "plain": (lambda weights: SGD(weights, learning_rate=0.1), torch.optim.SGD, {}),
    "momentum and decay": (
        lambda weights: SGD(weights, learning_rate=0.1, momentum=0.9, weight_decay=0.01),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "momentum without Nesterov's": (
        lambda weights: SGD(weights, learning_rate=0.1, momentum=0.9, nesterov=False, weight_decay=0.01),
        torch.optim.SGD,
        {"momentum": 0.9, "nesterov": False, "weight_decay": 0.01},
    ),
    "Adam": (lambda weights: Adam(weights, learning_rate=0.1), torch.optim.Adam, {}),
    "Adam with decay": (
        lambda weights: Adam(weights, learning_rate=0.1, weight_decay=0.01),
        torch.optim.Adam,
        {"weight_decay": 0.01},
    ),
    "Adam together": (
        lambda weights: Adam(weights, learning_rate=0.1, together=True),
        torch.optim.Adam,
        {"foreach": True},
    ),
}


def gradients(step: int) -> list[Tensor | None]:
    """The last weight takes part in every other step."""
    generator = torch.Generator().manual_seed(step)
    drawn: list[Tensor | None] = [torch.randn(shape, generator=generator) for shape in SHAPES]
    return drawn if step % 2 else [*drawn[:-1], None]


def fresh() -> list[Tensor]:
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(shape, generator=generator).requires_grad_() for shape in SHAPES]


@pytest.mark.parametrize("name", MAKERS)
def test_every_step_is_that_of_torch(name: str) -> None:
    make, theirs, settings = MAKERS[name]
    weights, expected = fresh(), fresh()
    ours, oracle = make(weights), theirs([torch.nn.Parameter(each) for each in expected], lr=0.1, **settings)
    expected = oracle.param_groups[0]["params"]
    for step in range(7):
        ours.learning_rate = oracle.param_groups[0]["lr"] = 0.1 / (1 + step)
        for weight, other, gradient in zip(weights, expected, gradients(step), strict=True):
            weight.grad, other.grad = gradient, None if gradient is None else gradient.clone()
        ours.step()
        oracle.step()
        for weight, other in zip(weights, expected, strict=True):
            assert torch.equal(weight, other)
            known = {key: value for key, value in oracle.state[other].items() if value is not None}
            assert ours.state[weight].keys() == known.keys()
            assert all(torch.equal(ours.state[weight][key], value) for key, value in known.items())
        ours.zero_grad()
        assert all(weight.grad is None for weight in weights)
    assert not torch.equal(weights[0], fresh()[0])


@pytest.mark.parametrize("name", MAKERS)
def test_what_is_known_of_the_weights_goes_on_elsewhere(name: str) -> None:
    make, *_ = MAKERS[name]
    weights, copies = fresh(), fresh()
    first = second = make(weights)
    for step in range(6):
        if step == 3:
            for copy, weight in zip(copies, weights, strict=True):
                copy.data.copy_(weight.data)
            second = make(copies)
            for copy, weight in zip(copies, weights, strict=True):
                second.state[copy] |= {key: value.clone() for key, value in first.state[weight].items()}
        for each in (weights, copies) if step >= 3 else (weights,):
            for weight, gradient in zip(each, gradients(step), strict=True):
                weight.grad = gradient
        first.step()
        if step >= 3:
            second.step()
    assert all(torch.equal(weight, copy) for weight, copy in zip(weights, copies, strict=True))


SEARCHES = """
import sys
from netwright.searching.progress import make_progress
from netwright.recipes import config_of
from netwright.searching.placement import Placement
from netwright.searching.run import run_search

text = ["evaluate.num_train_tokens=2000", "evaluate.num_validation_tokens=1000"]
for recipe, small in (("digits", ["evaluate.num_train=100", "evaluate.num_validation=100"]), ("pydoc", text)):
    settings = ["batch_size=2", "confirm.at_end=false", "evaluate.epochs=1", *small]
    config = config_of(recipe, None).with_settings(settings).changed(num_trials=6)
    with make_progress(live=None, verbose=False) as callback:
        results = run_search(config, None, Placement(workers=None), callback)
    assert all(trial.reward is not None for trial in results.trials)
    assert results.trials[-1].proposal.policy_version > 0, "the controller has learned"
    assert "torch" in sys.modules
    assert "torch._dynamo" not in sys.modules, recipe
"""


def test_neither_children_nor_the_controller_import_the_compiler() -> None:
    """It would cost every worker as much again as the import of torch."""
    done = subprocess.run([sys.executable, "-c", SEARCHES], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
