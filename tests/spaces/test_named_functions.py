"""Functions of users by name, and that a stored name alone executes nothing."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.errors import ConfigError
from netwright.spaces import named_functions
from netwright.spaces.named_functions import is_function_name, named_function, stored_function

SOURCE = """
from pathlib import Path
Path(__file__).with_name("executed.txt").write_text("x")
def make_network(num_classes, in_channels, image_size):
    return num_classes, in_channels, image_size
"""


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of the user, importable."""
    folder = tmp_path / "owns_networks"
    folder.mkdir()
    (folder / "__init__.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(named_functions, "_trusted", set())
    yield "owns_networks:make_network"
    sys.modules.pop("owns_networks", None)


@pytest.fixture
def file(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "my_networks_file.py").write_text(SOURCE)
    yield f"{tmp_path / 'my_networks_file.py'}:make_network"
    sys.modules.pop("my_networks_file", None)


def was_executed(folder: Path) -> bool:
    return any(folder.rglob("executed.txt"))


@pytest.mark.parametrize("kind", ["package", "file"])
def test_what_the_user_names_is_found_again(kind: str, request: pytest.FixtureRequest) -> None:
    name, function = named_function(request.getfixturevalue(kind))
    assert function(10, 3, (32, 32)) == (10, 3, (32, 32))
    sys.modules.pop(name.partition(":")[0], None)
    assert stored_function(name)(2, 1, (8, 8)) == (2, 1, (8, 8))


@pytest.mark.parametrize("kind", ["package", "file"])
def test_a_stored_name_alone_executes_nothing(kind: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    name = request.getfixturevalue(kind)
    with pytest.raises(ConfigError, match="--trust-code"):
        stored_function(name)
    assert not was_executed(tmp_path)
    assert stored_function(name, trust_code=True)(2, 1, (8, 8)) == (2, 1, (8, 8))


def test_another_function_of_a_named_package_is_not_trusted(package: str) -> None:
    named_function(package)
    with pytest.raises(ConfigError, match="--trust-code"):
        stored_function("owns_networks:Path")


def test_mistakes_are_named(package: str, file: str, tmp_path: Path) -> None:
    for name, words in (
        ("owns_networks:make_netwrk", "did you mean 'make_network'"),
        (f"{file}k", "did you mean 'make_network'"),
        ("no_such_package.module:f", "there is no package no_such_package"),
        (f"{tmp_path}/none.py:f", "there is no file"),
    ):
        with pytest.raises(ConfigError, match=words):
            named_function(name)


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a.py:f", True), ("a.b:f", True), ("a:f", True), ("resnet-20", False), ("a b:f", False), ("runs/x", False)],
)
def test_the_form_of_a_name(text: str, expected: bool) -> None:
    assert is_function_name(text) is expected
