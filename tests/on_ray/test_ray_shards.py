"""Replicas whose parameters are in processes of a Ray cluster: bit for bit what they are in one, whoever is killed."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters, Origin
from netwright.core import Step
from netwright.distributed import on_ray
from netwright.distributed.on_ray import RayShards
from netwright.distributed.replay import replay
from netwright.distributed.shards import Shards, ShardedParameters
from netwright.errors import RunError
from netwright.execution.virtual import VirtualExecutor, log_normal
from netwright.loop import drive, make_core
from netwright.spaces.convolutional import convolutional
from netwright.store import Store
from netwright.training.user_function import UserFunction
from oracles.ray_nodes import Nodes
from oracles.refusals import Cli, Start
from synthetic import measured_quality
from test_ray_search import num_calls, processes_named, trials, until

RATE = 0.02
CONFIG = RunConfig(
    space=convolutional(3),
    evaluate=FunctionSettings(function=measured_quality),
    strategy=ReinforceSettings(learning_rate=RATE, hidden_size=8),
    num_trials=60,
    batch_size=2,
    lag=0,
    replicas=ReplicaSettings(count=2, servers=3, accumulate=2),
)


@pytest.fixture
def shards(connected: str) -> Iterator[RayShards]:
    """As `CONFIG` wants them."""
    made = RayShards(3, learning_rate=RATE, accumulate=2, address=connected)
    yield made
    made.close()


def pids(shards: RayShards) -> list[int]:
    return [ask(shards, index, lambda self: os.getpid()) for index in range(len(shards._kept))]


def ask(shards: RayShards, index: int, what: Callable[[Any], Any]) -> Any:
    import ray

    return ray.get(shards._kept[index].actor.__ray_call__.remote(what))


def searched(shards: Shards | None, after_update: Callable[[int], None] = lambda number: None) -> Store:
    store = Store.in_memory({})
    executor = VirtualExecutor(UserFunction(measured_quality), slots=3, seconds=log_normal(1.0, seed=0))

    def look_on(step: Step) -> None:
        for update in step.updates:
            after_update(update.round)

    drive(make_core(CONFIG, store, None, shards), executor, store, look_on)
    return store


def test_a_search_equals_that_in_one_process_bit_for_bit_although_its_shards_are_killed(shards: RayShards) -> None:
    """Killed at an update's first gradient and at its second; a state is taken after every second gradient or so."""

    def kill(number: int) -> None:
        if number in (3, 8, 9, 20):
            os.kill(pids(shards)[0], signal.SIGKILL)

    expected, killed = searched(None), searched(shards, kill)
    assert shards.num_replaced == 4
    assert expected.updates() == killed.updates()
    assert len(expected.updates()) >= 29
    assert expected.learned() == killed.learned()
    assert expected.learned() != sorted(expected.learned())
    assert [each.proposal for each in expected.trials()] == [each.proposal for each in killed.trials()]
    assert expected.strategy_state() == killed.strategy_state()
    assert replay(CONFIG, killed).num_updates == len(killed.updates())


SHAPES = {"a": (4, 3), "b": (1,), "c": (5,)}
"""18 numbers."""


def gradient(number: int) -> dict[str, Tensor]:
    """`c` is new with the third."""
    generator = torch.Generator().manual_seed(number)
    return {name: torch.randn(SHAPES[name], generator=generator) for name in ("ab" if number < 2 else "abc")}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_shards_on_two_nodes_hold_exactly_the_parameters_after_one_is_killed_with_its_node(
    connected: str, nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Their own state, asked for after every third gradient, is what they start from again."""
    monkeypatch.setattr(on_ray, "MAX_GRADIENTS", 3)
    settings: dict[str, Any] = {"seed": 3, "init_range": 0.08}
    single = AdamParameters(learning_rate=RATE, baseline=MovingAverageBaseline(0.5), **settings)
    shards = RayShards(3, learning_rate=RATE, address=connected)
    sharded = ShardedParameters(shards, baseline=MovingAverageBaseline(0.5), **settings)
    pid = nodes.add(num_cpus=1)
    try:
        for number in range(11):
            if number == 8:
                homes = {ask(shards, index, lambda self: home()) for index in range(2)}
                os.kill(pid, signal.SIGKILL)
            for parameters in (single, sharded):
                parameters.push(gradient(number), [0.5], Origin(0, number, number))
            if number != 8:  # whoever asks at once waits until Ray has noticed
                assert same(sharded.pull().weights, single.pull().weights)
        assert len(homes) == len(shards._kept) == 2
        assert shards.num_replaced == 1
        held = [sum(value.numel() for value in part.values()) for part in shards.fetch(11)]
        assert (sum(held), max(held)) == (18, 6)
        (_, tensors), (_, expected) = sharded.state(), single.state()
        assert same(tensors, expected)
        assert {len(pids(shards)), len({ask(shards, index, lambda self: home()) for index in range(2)})} == {2, 1}
    finally:
        shards.close()
        nodes.remove(pid)


def home() -> str:
    import ray

    return str(ray.get_runtime_context().get_node_id())


def test_shards_that_cannot_start_and_shards_that_are_broken_end_the_search(connected: str) -> None:
    broken = RayShards(3, learning_rate=RATE, address=connected)
    broken.apply(0, [{"a": torch.ones(2)}] * 3, [{}] * 3)  # its first value is nowhere
    with pytest.raises(RunError, match=r"a shard of the parameters on the Ray cluster is broken(.|\n)*KeyError: 'a'"):
        broken.fetch(1)
    broken.close()
    absurd = RayShards(3, learning_rate=-1.0, address=connected)
    with pytest.raises(RunError, match=r"does not start on the Ray cluster(.|\n)*Invalid learning rate: -1"):
        absurd.fetch(0)
    absurd.close()


def test_the_command_keeps_parameters_on_the_cluster_and_goes_on_when_their_process_is_killed(
    start: Start, cli: Cli, recipe_file: Path, address: str, tmp_path: Path
) -> None:
    """With one worker, batches end in one order."""
    recipe, local, run = f"{recipe_file}:config", tmp_path / "local", tmp_path / "run"
    replicas = ("--replicas", 2, "--batch", 2, "--servers", 3, "--workers", 1, "--set", "strategy.learning_rate=0.05")
    assert cli("search", recipe, *replicas, "-o", local).exit_code == 0
    (tmp_path / "calls.txt").unlink()
    command = start(
        "search", recipe, *replicas, "--executor", "ray", "--address", address, "-o", run, TEST_SECONDS="0.2"
    )
    until(lambda: num_calls(tmp_path) >= 5, "no five children were begun", 60)
    (pid,) = processes_named("ray::Keeper")
    os.kill(pid, signal.SIGKILL)
    code, _, err = command.end(60)
    assert code == 0, err
    assert trials(run) == trials(local)
    with Store.read(run) as ours, Store.read(local) as theirs:
        assert ours.updates() == theirs.updates()
        assert ours.strategy_state() == theirs.strategy_state()
    assert cli("replay", run).exit_code == 0
    until(lambda: not processes_named("ray::Keeper"), "a process with shards is left")
    assert cli("resume", run, "--trials", 30).exit_code == 0
    assert len(trials(run)) == 30
