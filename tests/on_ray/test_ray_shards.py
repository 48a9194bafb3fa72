"""Replicas whose parameters are in processes of a Ray cluster: bit for bit what they are in one, whoever is killed."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import torch
from synthetic import measured_quality
from test_ray_search import num_calls, processes_named, trials, until
from torch import Tensor

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.baseline import MovingAverageBaseline
from netwright.controller.parameters import AdamParameters, Origin
from netwright.core import Step
from netwright.distributed import on_ray
from netwright.distributed.on_ray import RayShards
from netwright.distributed.replay import replay
from netwright.distributed.shards import ShardedParameters, Shards
from netwright.errors import RunError
from netwright.execution.on_ray.cluster import import_ray
from netwright.execution.virtual import VirtualExecutor, log_normal
from netwright.loop import drive, make_core
from netwright.spaces.convolutional import convolutional
from netwright.store import Store
from netwright.training.user_function import UserFunction
from oracles.ray_nodes import Nodes
from oracles.refusals import Cli, Start

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


def homes(shards: RayShards) -> set[str]:
    """The nodes of its processes."""
    return {
        ask(shards, index, lambda self: import_ray().get_runtime_context().get_node_id())
        for index in range(len(shards._kept))
    }


def on_two_nodes(address: str) -> RayShards:
    """Nodes take a moment until they have all heard of a new one."""
    made: list[RayShards] = []

    def spread() -> bool:
        for shards in made:
            shards.close()
        made[:] = [RayShards(3, learning_rate=RATE, address=address)]
        made[0].fetch(0)
        return len(homes(made[0])) == 2

    until(spread, "the processes are not on two nodes")
    return made[0]


def searched(shards: Shards | None, after_update: Callable[[int], None] = lambda number: None) -> Store:
    """The first half in this process, and the second with `shards`."""
    store = Store.in_memory({})

    def look_on(step: Step) -> None:
        for update in step.updates:
            after_update(update.round)

    for num_trials in (30, 60):
        executor = VirtualExecutor(UserFunction(measured_quality), slots=3, seconds=log_normal(1.0, seed=0))
        config = CONFIG.changed(num_trials=num_trials)
        drive(make_core(config, store, None, shards if num_trials == 60 else None), executor, store, look_on)
    return store


def test_a_search_equals_that_in_one_process_bit_for_bit_although_its_shards_are_killed(shards: RayShards) -> None:
    """Killed between the two gradients of an update and after both; a state is taken after every second or so."""

    def kill(number: int) -> None:
        if number in (20, 25):
            os.kill(pids(shards)[0], signal.SIGKILL)

    expected, killed = searched(None), searched(shards, kill)
    assert shards.num_replaced == 2
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
    pid = nodes.add(num_cpus=1)
    shards = on_two_nodes(connected)
    sharded = ShardedParameters(shards, baseline=MovingAverageBaseline(0.5), **settings)
    try:
        for number in range(11):
            if number == 8:
                os.kill(pid, signal.SIGKILL)  # its processes go on until they notice
                until(lambda: bool(shards.fetch(8)) and shards.num_replaced > 0, "nobody misses the node")
            for parameters in (single, sharded):
                parameters.push(gradient(number), [0.5], Origin(0, number, number))
            assert same(sharded.pull().weights, single.pull().weights)
        assert (shards.num_replaced, len(homes(shards))) == (1, 1)
        held = [sum(value.numel() for value in part.values()) for part in shards.fetch(11)]
        assert (sum(held), max(held)) == (18, 6)
        (_, tensors), (_, expected) = sharded.state(), single.state()
        assert same(tensors, expected)
    finally:
        shards.close()
        nodes.remove(pid)


def test_shards_that_cannot_start_and_shards_that_are_broken_end_the_search(connected: str) -> None:
    with closing(RayShards(3, learning_rate=RATE, address=connected)) as shards:
        broken = (
            r"a shard of the parameters on the Ray cluster is broken(.|\n)*at version 0 and was asked for version 7"
        )
        with pytest.raises(RunError, match=broken):
            shards.fetch(7)
    with (
        closing(RayShards(3, learning_rate=-1.0, address=connected)) as shards,
        pytest.raises(RunError, match=r"does not start on the Ray cluster(.|\n)*Invalid learning rate: -1"),
    ):
        shards.fetch(0)


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
