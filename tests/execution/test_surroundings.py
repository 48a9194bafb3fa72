"""What a child changes in its process is restored before the next child."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from netwright.execution.attempts import attempt
from netwright.execution.surroundings import standard_defaults
from netwright.trials import FailureKind, Job, Measurement

OTHER_DEVICE = "meta"


@pytest.fixture(autouse=True)
def torch_is_as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(Path.cwd())
    yield
    torch.set_default_dtype(torch.float32)
    torch.set_default_device(None)
    torch.set_grad_enabled(True)


def found() -> tuple[object, ...]:
    return Path.cwd(), torch.get_default_dtype(), torch.get_default_device(), torch.is_grad_enabled()


def change_all(folder: Path) -> None:
    os.chdir(folder)
    torch.set_default_dtype(torch.float64)
    torch.set_default_device(OTHER_DEVICE)
    torch.set_grad_enabled(False)


@pytest.mark.parametrize("raises", [False, True])
def test_a_child_leaves_directory_and_torch_as_they_were(tmp_path: Path, raises: bool) -> None:
    def evaluate(job: Job) -> Measurement:
        change_all(tmp_path)
        if raises:
            raise LookupError
        return Measurement({})

    before = found()
    outcome = attempt(evaluate, Job(0, None, 0))
    assert (outcome.failure is not None) == raises
    assert found() == before


def test_a_child_finds_what_the_user_had_set(tmp_path: Path) -> None:
    change_all(tmp_path)
    seen = []
    attempt(lambda job: Measurement({"seen": seen.append(found())}), Job(0, None, 0))
    assert seen == [found()] == [(tmp_path, torch.float64, torch.device(OTHER_DEVICE), False)]


def test_a_directory_that_was_removed_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    os.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    assert attempt(lambda job: Measurement({"value": 1.0}), Job(0, None, 0)).failure is None


def test_a_strategy_runs_with_torchs_standard_defaults(tmp_path: Path) -> None:
    change_all(tmp_path)
    before = found()
    with torch.inference_mode(), standard_defaults():
        weight = torch.zeros(2, requires_grad=True)
        assert (weight.dtype, weight.device) == (torch.float32, torch.device("cpu"))
        assert weight.sum().requires_grad
    assert found() == before


class HasNoText(Exception):
    def __str__(self) -> str:
        raise LookupError("no text")


def raising(error: BaseException) -> Callable[[Job], Measurement]:
    def evaluate(job: Job) -> Measurement:
        raise error

    return evaluate


class NoException(BaseException):
    pass


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (StopIteration(), "StopIteration"),
        (ValueError(""), "ValueError"),
        (ValueError("\n"), "ValueError: "),
        (HasNoText(), "HasNoText: <its text cannot be made: LookupError>"),
        (GeneratorExit("enough"), "GeneratorExit: enough"),
        (NoException("odd"), "NoException: odd"),
        (SystemExit(0), "SystemExit: 0"),
    ],
)
def test_whatever_a_child_raises_is_a_failure(error: BaseException, message: str) -> None:
    outcome = attempt(raising(error), Job(0, None, 0))
    assert outcome.failure is not None
    assert (outcome.failure.kind, outcome.failure.message) == (FailureKind.EXCEPTION, message)


def test_ctrl_c_is_a_failure_in_a_worker_alone() -> None:
    outcome = attempt(raising(KeyboardInterrupt()), Job(0, None, 0), in_worker=True)
    assert outcome.failure is not None
    with pytest.raises(KeyboardInterrupt):
        attempt(raising(KeyboardInterrupt()), Job(0, None, 0))
