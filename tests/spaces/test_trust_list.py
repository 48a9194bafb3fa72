"""The trust list, and that what is executed is what was checked."""

import importlib.util
import json
import marshal
import sys
from pathlib import Path

import cloudpickle
import pytest

from netwright.errors import ConfigError
from netwright.spaces import trust
from netwright.spaces.references import load_file, load_stored_recipe

LARGE = b'{"PATH": "DIGEST", "x": "' + b"x" * trust.MAX_BYTES + b'"}'


@pytest.fixture
def location(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The trust list's file, which does not exist yet."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "netwright" / "trusted.json"


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "my_trusted_file.py"
    path.write_text("value = 1\n")
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    return path


def forget(path: Path) -> None:
    cloudpickle.unregister_pickle_by_value(sys.modules.pop(path.stem))


def test_a_file_is_listed_with_its_last_content(location: Path, tmp_path: Path) -> None:
    path, other = tmp_path / "a.py", tmp_path / "b.py"
    assert not trust.is_listed(path)
    trust.remember(path, b"1")
    trust.remember(other, b"1")
    assert trust.is_listed(path)
    assert trust.is_listed(path, b"1")
    trust.remember(path, b"2")
    assert not trust.is_listed(path, b"1")
    assert trust.is_listed(path, b"2")
    assert trust.is_listed(other, b"1")
    assert list(json.loads(location.read_text())) == [str(other), str(path)]


def test_the_oldest_files_are_dropped(location: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "MAX_FILES", 3)
    for name, content in zip("abcadea", b"1112111", strict=True):
        trust.remember(tmp_path / name, bytes([content]))
    assert [Path(name).name for name in json.loads(location.read_text())] == ["d", "e", "a"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"\xff\xfe", b'{"PATH": 3}', b"[" * 100_000, LARGE],
    ids=["empty", "half", "list", "number", "no text", "no digest", "deep", "large"],
)  # fmt: skip
def test_a_damaged_list_is_empty_and_is_written_anew(location: Path, tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.py"
    trust.remember(path, b"1")
    digest = json.loads(location.read_text())[str(path)]
    location.write_bytes(content.replace(b"PATH", str(path).encode()).replace(b"DIGEST", digest.encode()))
    assert not trust.is_listed(path)
    trust.remember(path, b"1")
    assert trust.is_listed(path, b"1")


@pytest.mark.parametrize("relative", ["", "state", "~/state"])
def test_a_relative_state_folder_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relative: str) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_STATE_HOME", relative)
    trust.remember(tmp_path / "a.py", b"1")
    assert (tmp_path / "home" / ".local" / "state" / "netwright" / "trusted.json").is_file()
    assert [each.name for each in tmp_path.iterdir()] == ["home"]


def test_a_state_folder_that_cannot_be_made_costs_nothing(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert load_file(file).value == 1
    forget(file)
    with pytest.raises(ConfigError, match="--trust-code"):
        load_stored_recipe(f"{file}:f")


def test_the_executed_content_is_the_checked_one_and_not_a_cached_one(location: Path, file: Path) -> None:
    load_file(file)
    forget(file)
    # A .pyc of other code that Python takes for that of this file, by its time and size.
    cached = Path(importlib.util.cache_from_source(str(file)))
    cached.parent.mkdir(exist_ok=True)
    code = compile("value = 2\n", str(file), "exec")
    found = file.stat()
    header = importlib.util.MAGIC_NUMBER + b"\0" * 4 + int(found.st_mtime).to_bytes(4, "little")
    cached.write_bytes(header + found.st_size.to_bytes(4, "little") + marshal.dumps(code))
    module = load_stored_recipe(f"{file}:f")
    assert module is not None
    assert module.value == 1
    forget(file)


def test_what_was_imported_before_a_change_is_not_trusted_after_it(location: Path, file: Path) -> None:
    load_file(file)
    file.write_text("value = 2\n")
    assert load_file(file).value == 1  # the module in this process stays what it is
    forget(file)
    with pytest.raises(ConfigError, match="the run needs the Python file"):
        load_stored_recipe(f"{file}:f")


def test_a_file_that_is_not_listed_is_not_opened(location: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="the run needs the Python file"):
        load_stored_recipe(f"{tmp_path}/not_there.py:f")
    with pytest.raises(ConfigError, match="there is no file"):
        load_stored_recipe(f"{tmp_path}/not_there.py:f", trust_code=True)
    assert load_stored_recipe("digits") is None
