"""What is said where a cluster cannot be used, and what `doctor` says of one that can."""

import signal
import socket
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from netwright.cli import doctor as diagnosis
from netwright.errors import install
from netwright.execution.on_ray import cluster
from netwright.execution.on_ray.cluster import Node, versions_here
from oracles.refusals import Cli, Start, one_line, refused


def test_ray_is_not_installed(cli: Cli, recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    message = f"Ray is not installed here: {install('ray')}"
    run = ("search", f"{recipe_file}:config", "--executor", "ray", "-o", tmp_path / "run")
    assert message in refused(cli, *run)
    assert message in refused(cli, "doctor", "--address", "auto")


def test_a_cluster_for_local_workers(cli: Cli, recipe_file: Path) -> None:
    for option in (("--address", "auto"), ("--gpus-per-child", 0.5)):
        message = refused(cli, "search", f"{recipe_file}:config", *option)
        assert "are for children on a Ray cluster; add --executor ray" in message


@pytest.mark.usefixtures("nodes")
@pytest.mark.parametrize("address", ["ray://here:10001", "here", "here:port", ":6379"])
def test_what_is_no_address(cli: Cli, address: str) -> None:
    message = refused(cli, "doctor", "--address", address)
    assert f"'{address}' is no address of a Ray cluster; expected auto, or HOST:PORT of its head node" in message


@pytest.mark.usefixtures("nodes")
def test_nobody_there(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_ANSWER", 1)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        message = refused(cli, "doctor", "--address", f"127.0.0.1:{port}")
        assert (
            f"a Ray cluster at 127.0.0.1:{port} cannot be reached: [Errno 111] Connection refused. `ray start"
            in message
        )
        taken.listen()
        message = refused(cli, "doctor", "--address", f"127.0.0.1:{port}")
        assert f"a Ray cluster at 127.0.0.1:{port} cannot be reached: no head node of Ray answers there" in message


def test_another_version_of_ray(cli: Cli, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "__version__", "2.99.0")
    message = refused(cli, "doctor", "--address", address)
    assert f"the Ray cluster at {address} has another Ray or Python than this process" in message
    assert f"Ray: {version('ray')} " in message
    assert "Ray: 2.99.0 " in message
    assert not ray.is_initialized()


@pytest.mark.usefixtures("nodes")
def test_ctrl_c_while_a_cluster_starts_ends_it_and_gives_its_signals_back(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    ours, num_ended = signal.getsignal(signal.SIGTERM), []

    def init(**options: object) -> None:
        signal.signal(signal.SIGTERM, lambda number, frame: None)  # as Ray does
        raise KeyboardInterrupt

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: num_ended.append(1))
    with pytest.raises(KeyboardInterrupt):
        cluster.connect(None, 1)
    assert num_ended == [1]
    assert signal.getsignal(signal.SIGTERM) is ours


def test_another_token(start: Start, address: str) -> None:
    code, out, err = start("doctor", "--address", address, RAY_AUTH_TOKEN="0" * 64).end()
    assert (code, out) == (2, "")
    assert f"the Ray cluster at {address} asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN" in one_line(
        err
    )


def test_more_gpus_than_there_are(cli: Cli, recipe_file: Path, address: str, tmp_path: Path) -> None:
    cluster = ("--executor", "ray", "--address", address, "--gpus-per-child", 0.5, "-o", tmp_path / "run")
    message = refused(cli, "search", f"{recipe_file}:config", *cluster)
    assert (
        "a child is to have 0.5 GPUs, and no node of the Ray cluster has more than 0; lower --gpus-per-child" in message
    )
    assert not (tmp_path / "run").exists()


def test_less_than_one_place_for_each_replica(cli: Cli, recipe_file: Path, address: str, tmp_path: Path) -> None:
    search = ("search", f"{recipe_file}:config", "--executor", "ray", "--address", address, "--batch", 2)
    message = refused(cli, *search, "--replicas", 3, "-o", tmp_path / "run")
    assert "3 replicas keep 6 children in training, and the Ray cluster has room for 2, less than one" in message
    assert "give --replicas 2, or start more nodes" in message
    assert not (tmp_path / "run").exists()
    import ray

    assert not ray.is_initialized()


def test_doctor_tells_what_a_cluster_is_made_of(cli: Cli, address: str) -> None:
    result = cli("doctor", "--address", address)
    assert result.exit_code == 0
    lines = [one_line(line) for line in result.stdout.splitlines()]
    assert lines[0] == "cluster reachable, nodes: 1, processors: 2, GPUs: 0"
    assert f"ray {version('ray')}" in lines[1]
    assert lines[2:] == ["node 127.0.0.2 processors: 2, GPUs: 0, the same versions as here"]


def test_doctor_names_the_versions_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    other = {**versions_here(), "torch": "1.0", "netwright": "missing"}
    nodes = [Node("a", "1", 2, 1, versions_here()), Node("b", "2", 4, 0.5, other), Node("c", "3", 1, 0, {})]
    monkeypatch.setattr(diagnosis, "probed_nodes", lambda address: nodes)
    (_, total), _, (_, same), (name, differ), (_, silent) = diagnosis.cluster_findings("auto")
    assert total == "reachable, nodes: 3, processors: 7, GPUs: 1.5"
    assert same == "processors: 2, GPUs: 1, the same versions as here"
    assert (name, differ) == ("node b", "processors: 4, GPUs: 0.5, DIFFERENT: netwright missing, torch 1.0")
    assert silent == "processors: 1, GPUs: 0, DOES NOT ANSWER"


@pytest.mark.usefixtures("nodes")
def test_the_address_that_rays_own_tools_set_is_used(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "127.0.0.2:1")
    message = refused(cli, "search", "digits-table", "--executor", "ray", "-o", tmp_path / "run")
    assert "a Ray cluster at 127.0.0.2:1 cannot be reached: [Errno 111] Connection refused" in message
    assert not (tmp_path / "run").exists()
