"""Replicas whose parameters are in processes of a Ray cluster: bit for bit what they are in one, whoever is killed."""

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from synthetic import measured_quality
from torch import Tensor

from netwright.config import FunctionSettings, ReinforceSettings, ReplicaSettings, RunConfig
from netwright.controller.shards import LocalShards, Shards
from netwright.errors import RunError
from netwright.evaluation.function import UserFunction
from netwright.execution.on_ray import cluster
from netwright.execution.on_ray import parameter_shards as on_ray
from netwright.execution.on_ray.cluster import import_ray, on_node
from netwright.execution.on_ray.parameter_shards import RayShards
from netwright.searching import placement
from netwright.searching.core import Step
from netwright.searching.factory import make_core
from netwright.searching.loop import drive
from netwright.searching.replay import replay
from netwright.searching.store import Store
from netwright.spaces.convolutional import convolutional
from netwright.testing.virtual_clock import VirtualExecutor, log_normal
from oracles.ray_nodes import Nodes
from oracles.ray_runs import num_calls, processes_named, trials, until
from oracles.refusals import Cli

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


def ask(shards: RayShards, index: int, what: Callable[[Any], Any]) -> Any:
    import ray

    return ray.get(shards._processes[index].actor.__ray_call__.remote(what))


def homes(shards: RayShards) -> list[str]:
    """The nodes of its processes."""
    count = range(len(shards._processes))
    return [ask(shards, index, lambda self: import_ray().get_runtime_context().get_node_id()) for index in count]


def wait_for(new: str, old: str) -> None:
    """Nodes take a moment until they have heard of each other: let one ask the other for something."""
    import ray

    there, back = on_node(new), on_node(old)

    def works() -> bool:
        with contextlib.suppress(ray.exceptions.RayError):
            ask_back = ray.remote(lambda: ray.get(ray.remote(lambda: True).options(**back).remote()))
            return bool(ray.get(ask_back.options(**there).remote()))
        return False

    until(works, "the new node does nothing")


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


def test_a_search_equals_that_in_one_process_bit_for_bit_whoever_is_killed(connected: str, nodes: Nodes) -> None:
    """A shard's process between the two gradients of an update, and one with its node after both.

    Their state is asked for after every second gradient or so.
    """
    (head,) = cluster.nodes()
    raylet = nodes.add(num_cpus=1)
    (new,) = (node.identity for node in cluster.nodes() if node.identity != head.identity)
    wait_for(new, head.identity)
    expected = searched(None)
    shards = RayShards(3, learning_rate=RATE, accumulate=2, address=connected)

    def kill(number: int) -> None:
        if number in (20, 25):
            assert sorted(homes(shards)) == sorted([head.identity, new])
            pids = [ask(shards, index, lambda self: os.getpid()) for index in range(2)]
            os.kill(pids[homes(shards).index(new)], signal.SIGKILL)
            if number == 25:
                os.kill(raylet, signal.SIGKILL)

    try:
        killed = searched(shards, kill)
        assert shards.num_replaced >= 2
        assert homes(shards) == [head.identity] * 2
        assert same_runs(expected, killed)
        check_shards(shards, expected)
    finally:
        shards.close()
        nodes.remove(raylet)


def same_runs(one: Store, other: Store) -> bool:
    """Trials, order of learning, metrics, the tensors of the strategy."""
    assert len(one.updates()) >= 29
    assert one.learned() != sorted(one.learned())
    assert replay(CONFIG, other).num_updates == len(other.updates())
    assert [each.proposal for each in one.trials()] == [each.proposal for each in other.trials()]
    return (one.updates(), one.learned(), one.strategy_state()) == (
        other.updates(), other.learned(), other.strategy_state(),
    )  # fmt: skip


def check_shards(shards: RayShards, store: Store) -> None:
    """Together they hold every number of the controller's parameters once, in equal shares; and one version."""
    state = store.strategy_state()
    assert state is not None
    tensors = safetensors.torch.load(state.tensors).items()
    weights = {name.removeprefix("weight/"): value for name, value in tensors if name.startswith("weight/")}
    parts = shards.fetch(15)
    assert max(map(num_numbers, parts)) - min(map(num_numbers, parts)) <= 1
    assert all(part.keys() == weights.keys() for part in parts)
    for name, weight in weights.items():
        held = torch.cat([part[name] for part in parts])
        assert sorted(held.tolist()) == sorted(weight.reshape(-1).tolist())
    with pytest.raises(RunError, match=r"Ray cluster is broken(.|\n)*is at version 15, and version 7 was requested"):
        shards.fetch(7)


def num_numbers(part: Mapping[str, Tensor]) -> int:
    return sum(value.numel() for value in part.values())


def test_gradients_are_kept_until_the_shards_have_told_their_state(
    connected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a caller that never asks for it; what is sent twice counts once."""
    monkeypatch.setattr(on_ray, "MAX_GRADIENTS", 3)
    local = LocalShards(2, learning_rate=RATE)
    with closing(RayShards(2, learning_rate=RATE, address=connected)) as shards:
        for number in range(8):
            gradients = [{"a": torch.full((3,), number + 1.0)}, {"a": torch.full((2,), -1.0)}]
            initials = [{name: torch.zeros_like(value) for name, value in each.items()} for each in gradients]
            for each in (local, shards):
                for sent in {number, max(number - 1, 0)}:
                    each.apply(sent, gradients, [{}, {}] if number else initials)
            if number == 4:
                import_ray().kill(shards._processes[0].actor)
            assert len(shards._gradients) < 3
        for one, other in zip(local.fetch(8), shards.fetch(8), strict=True):
            assert torch.equal(one["a"], other["a"])


def test_shards_that_cannot_start_end_the_search(connected: str) -> None:
    with closing(RayShards(3, learning_rate=RATE, address=connected)) as shards:
        shards._settings["speed"] = 3  # as if the nodes had another netwright
        with pytest.raises(
            RunError, match=r"does not start on the Ray cluster(.|\n)*unexpected keyword argument 'speed'"
        ):
            shards.fetch(0)


def test_ctrl_c_while_processes_are_started_leaves_none(connected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "nodes", lambda: [*cluster.nodes(), *cluster.nodes()])  # so that there are several
    start = RayShards._start_process

    def interrupted(self: RayShards, index: int) -> None:
        if index == 1:
            raise KeyboardInterrupt
        start(self, index)

    monkeypatch.setattr(RayShards, "_start_process", interrupted)
    with pytest.raises(KeyboardInterrupt), closing(RayShards(3, learning_rate=RATE, address=connected)) as shards:
        shards.fetch(0)
    until(lambda: not processes_named("ray::ShardActor"), "a process with shards is left")


def test_the_command_keeps_parameters_on_the_cluster_and_goes_on_when_their_process_is_killed(
    cli: Cli, recipe_file: Path, connected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker, batches end in one order."""
    local, run = tmp_path / "local", tmp_path / "run"
    replicas = ("--replicas", 2, "--batch", 2, "--servers", 3, "--workers", 1, "--set", "strategy.learning_rate=0.05")
    replicas += ("--set", "reuse=false")
    search = ("search", f"{recipe_file}:config", *replicas, "--trials", 16)
    assert cli(*search, "-o", local).exit_code == 0
    (tmp_path / "calls.txt").unlink()
    until(lambda: not processes_named("ray::ShardActor"), "a process of an earlier test is left")
    made: list[RayShards] = []
    num_kept: list[int] = []

    def make(*arguments: Any, **settings: Any) -> RayShards:
        made.append(RayShards(*arguments, **settings))
        return made[-1]

    def kill() -> None:
        until(lambda: num_calls(tmp_path) >= 4, "no four children were begun", 60)
        num_kept.append(len(made[0]._processes))
        os.kill(ask(made[0], 0, lambda self: os.getpid()), signal.SIGKILL)

    thread = threading.Thread(target=kill)
    thread.start()
    monkeypatch.setenv("TEST_SECONDS", "0.1")
    monkeypatch.setattr(placement, "RayShards", make)
    assert cli(*search, "--executor", "ray", "--address", connected, "-o", run).exit_code == 0
    thread.join()
    (shards,) = made
    assert (num_kept, shards.num_replaced) == ([1], 1)
    until(lambda: not processes_named("ray::ShardActor"), "a process with shards is left")
    assert trials(run) == trials(local)
    with Store.read(run) as ours, Store.read(local) as theirs:
        assert ours.updates() == theirs.updates()
        assert ours.strategy_state() == theirs.strategy_state()
    assert cli("replay", run).exit_code == 0
