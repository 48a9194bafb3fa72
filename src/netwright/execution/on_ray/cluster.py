"""The connection to a Ray cluster, and its nodes; independent of children.

Ray is an optional extra, imported at first use.
"""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType

from netwright.errors import ConfigError, install

SECONDS_TO_ANSWER = 5
LOOPBACK = "127.0.0.2"
"""Not affected by a change of networks. Except on macOS, Ray replaces 127.0.0.1 by the external address."""
COMPARED = ("netwright", "ray", "torch", "numpy")
"""Packages whose versions must be equal on all nodes, as Python's must."""


@dataclass(frozen=True)
class Node:
    """A machine of the cluster."""

    name: str
    identity: str
    cpus: float
    gpus: float
    versions: dict[str, str] = field(default_factory=dict)
    """Of Python and of the packages in `COMPARED`; empty if they are unknown."""


def import_ray() -> ModuleType:
    """Return the package `ray`; raise `ConfigError` if it is not installed."""
    try:
        return import_module("ray")
    except ModuleNotFoundError:
        raise ConfigError(f"Ray is not installed here: {install('ray')}") from None


def connect(address: str | None, num_cpus: int) -> Callable[[], None]:
    """Connect this process to a cluster.

    Args:
        address: "auto" for the cluster that runs on this machine, or HOST:PORT of a head node. None is the value of
            RAY_ADDRESS, or else a new cluster that ends with the connection.
        num_cpus: The processors of a new cluster.

    Returns:
        A function that ends the connection; it does nothing if the process was connected before.

    Raises:
        ConfigError: Ray is not installed, or the cluster cannot be reached.
    """
    ray = import_ray()
    if ray.is_initialized():
        return lambda: None
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    options: dict[str, object] = {"address": address}
    if address == "local":
        options |= {"num_cpus": num_cpus, "include_dashboard": False}
        if sys.platform == "linux":
            options |= {"_node_ip_address": LOOPBACK}
    else:
        _check_answers(address)
    try:
        with _our_sigterm():
            ray.init(**options, log_to_driver=False, logging_level="ERROR")
    except Exception as error:
        _disconnect()
        raise _cannot_connect(address, error) from error
    except BaseException:  # Ctrl-C, while a cluster starts
        _disconnect()
        raise
    return _disconnect


def _disconnect() -> None:
    with _our_sigterm():
        import_ray().shutdown()


@contextmanager
def _our_sigterm() -> Iterator[None]:
    """Restore our handler of SIGTERM, which Ray replaces."""
    ours = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, ours)


def _check_answers(address: str) -> None:
    """Check within seconds that a cluster answers; `ray.init` would take minutes and print warnings."""
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    if address != "auto":
        _check_listens(address)
        command += ["--address", address]
    patience = {"RAY_py_gcs_connect_timeout_s": str(SECONDS_TO_ANSWER)}
    try:
        asked = subprocess.run(
            command,
            env=os.environ | patience,
            capture_output=True,
            text=True,
            timeout=2 * SECONDS_TO_ANSWER,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _cannot_connect(address, "no head node of Ray answers there") from None
    if "AuthenticationError" in asked.stderr:
        if address == "auto":  # Ray then finds the token itself
            return
        raise ConfigError(
            f"the Ray cluster at {address} asks for a token: set RAY_AUTH_MODE=token, and RAY_AUTH_TOKEN or "
            "RAY_AUTH_TOKEN_PATH where the token is not in ~/.ray/auth_token as on the head node"
        )
    if asked.returncode:
        raise _cannot_connect(address, (asked.stderr.strip() or "no answer").splitlines()[-1])


def _check_listens(address: str) -> None:
    host, _, port = address.rpartition(":")
    if "://" in address or not host or not port.isdecimal():
        raise ConfigError(
            f"{address!r} is no address of a Ray cluster; expected auto, or HOST:PORT of its head node as `ray start` "
            "printed it. From outside of a cluster, `ray job submit` starts a search in it"
        )
    try:
        socket.create_connection((host, int(port)), timeout=SECONDS_TO_ANSWER).close()
    except (OSError, OverflowError) as error:
        raise _cannot_connect(address, error) from None


def _cannot_connect(address: str, reason: object) -> ConfigError:
    """Return the error for a failed connection."""
    text = " ".join(str(reason).split()).rstrip(".")
    if "Version mismatch" in text:
        return ConfigError(
            f"the Ray cluster at {address} has another Ray or Python than this process: {text}. Install the same "
            "versions on every node and here"
        )
    where = "on this machine" if address in ("auto", "local") else f"at {address}"
    start = "could not be started" if address == "local" else "cannot be reached"
    return ConfigError(
        f"a Ray cluster {where} {start}: {text}. `ray start --head` starts one, `ray status` shows whether it runs"
    )


def nodes() -> list[Node]:
    """Return the nodes that are alive."""
    return [
        Node(
            name=each["NodeManagerAddress"],
            identity=each["NodeID"],
            cpus=each["Resources"].get("CPU", 0.0),
            gpus=each["Resources"].get("GPU", 0.0),
        )
        for each in import_ray().nodes()
        if each["Alive"]
    ]


def versions_here() -> dict[str, str]:
    """Return the versions of Python and of the packages in `COMPARED`."""
    return _make_versions()(COMPARED)


def _make_versions() -> Callable[[tuple[str, ...]], dict[str, str]]:
    """Return a function that is pickled by value, since it is a local one: a node without netwright can call it."""

    def versions(names: tuple[str, ...]) -> dict[str, str]:
        import platform
        from importlib.metadata import PackageNotFoundError, version

        found = {"python": platform.python_version()}
        for name in names:
            try:
                found[name] = version(name)
            except PackageNotFoundError:
                found[name] = "missing"
        return found

    return versions


def probed_nodes(address: str) -> list[Node]:
    """Return every node of the cluster at `address` with its versions."""
    disconnect = connect(address, 1)
    try:
        return [_probed(each) for each in nodes()]
    finally:
        disconnect()


def _probed(node: Node) -> Node:
    ray = import_ray()
    there = on_node(node.identity)
    try:
        found = ray.get(ray.remote(_make_versions()).options(**there).remote(COMPARED), timeout=60)
    except (ray.exceptions.RayError, TimeoutError):
        found = {}
    return Node(node.name, node.identity, node.cpus, node.gpus, found)


def on_node(identity: str, *, soft: bool = False) -> dict[str, object]:
    """Return the options that place a task or an actor on a node without waiting for a free processor.

    Args:
        identity: Ray's identity of the node.
        soft: Whether another node is used if this one is gone.
    """
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return {"num_cpus": 0, "scheduling_strategy": NodeAffinitySchedulingStrategy(identity, soft=soft)}
