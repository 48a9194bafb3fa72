"""A disk that is full while a network is trained to the end: what is said, and that the same command then completes."""

import contextlib
import errno
import itertools
import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from netwright.errors import RunError
from oracles.numbered_images import run, weights


class _Full:
    """A file on a disk that becomes full while it is written."""

    def __init__(self, path: Path, error: OSError) -> None:
        self.path, self.error = path, error

    def write(self, content: bytes) -> int:
        with self.path.open("wb") as file:
            file.write(content[: len(content) // 2])
        raise self.error


def full_from(monkeypatch: pytest.MonkeyPatch, pattern: str, nth: int) -> None:
    """From the `nth` file of this name on, half of its content is written and the rest refused."""
    write, opened, numbers = Path.write_bytes, Path.open, itertools.count(1)

    def refused(path: Path) -> OSError:
        return OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    def write_bytes(path: Path, content: bytes) -> int:
        if not path.match(pattern) or next(numbers) < nth:
            return write(path, content)
        write(path, content[: len(content) // 2])
        raise refused(path)

    def open_to_write(path: Path, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        file = opened(path, mode, *arguments, **options)
        if mode != "xb" or not path.match(pattern) or next(numbers) < nth:
            return file

        file.close()
        return contextlib.nullcontext(_Full(path, refused(path)))

    monkeypatch.setattr(Path, "write_bytes", write_bytes)
    monkeypatch.setattr(Path, "open", open_to_write)


@pytest.mark.parametrize(
    ("pattern", "nth", "place", "first_progress"),
    [
        ("grid.json*", 3, "model.unfinished", ("grid", 2, 4)),
        ("*.unfinished/*.safetensors*", 2, "model.unfinished", ("final training", 2, 3)),
        ("model.safetensors", 1, "model", None),
    ],
)
def test_a_full_disk_loses_nothing_and_the_same_call_completes(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pattern: str,
    nth: int,
    place: str,
    first_progress: tuple[str, int, int] | None,
) -> None:
    with monkeypatch.context() as patch:
        full_from(patch, pattern, nth)
        with pytest.raises(RunError) as caught:
            run(tmp_path / "model")
    assert str(caught.value) == (
        f"the disk that holds {tmp_path / place} is full or failing (No space left on device); what was trained before "
        "is kept: free some space and run the same command again"
    )
    assert [path.name for path in tmp_path.iterdir()] == ["model.unfinished"]

    progress: list[tuple[str, int, int]] = []
    run(tmp_path / "model", on_progress=lambda *now: progress.append(now))
    beginnings = [("grid", 4, 4), ("final training", 0, 3)]
    assert [now for now in progress if now not in beginnings][:1] == ([first_progress] if first_progress else [])
    run(tmp_path / "whole")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "whole"]
    for name, tensor in weights(tmp_path / "whole").items():
        assert torch.equal(weights(tmp_path / "model")[name], tensor), name


def test_the_command_says_it_and_completes(cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.json"
    own.write_text(json.dumps({"layers": [{"filter_height": 3, "filter_width": 3, "num_filters": 4}]}))
    train = ("train", own, "--task", "digits", "--grid", "none", "--epochs", 3, "-o", tmp_path / "model")
    with monkeypatch.context() as patch:
        full_from(patch, "*.unfinished/*.safetensors*", 2)
        result = cli(*train)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1].startswith(f"Error: the disk that holds {tmp_path}/model.unfinished is full")
    again = cli(*train)
    assert (again.exit_code, "tested once" in again.stdout) == (0, True)
    progress = [line for line in again.stderr.splitlines() if line.startswith("final_training=")]
    assert progress == [f"final_training={ended}/3" for ended in (0, 2, 3)]
