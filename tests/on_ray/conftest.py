"""A cluster of Ray for all tests of a session; they are skipped where Ray is not installed."""

import importlib.util
import os
import secrets
from collections.abc import Iterator
from unittest import mock

import pytest

from oracles.ray_nodes import Nodes


@pytest.fixture(scope="session")
def nodes() -> Iterator[Nodes]:
    """Asks for a token, as Ray's clusters do; it is in the environment of this process and of those that it starts."""
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: make tools")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with mock.patch.dict(os.environ, token):
        os.environ.pop("RAY_ADDRESS", None)
        started = Nodes()
        yield started
        started.close()


@pytest.fixture
def address(nodes: Nodes) -> str:
    return nodes.address


@pytest.fixture(scope="module")
def connected(nodes: Nodes) -> Iterator[str]:
    """The address of the cluster, where this process stays connected to it during all tests of a file."""
    from netwright.execution.on_ray.cluster import connect

    disconnect = connect(nodes.address, 1)
    yield nodes.address
    disconnect()
