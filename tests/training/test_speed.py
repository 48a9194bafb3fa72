"""Torch's switches for a GPU, with a device that is one by name only."""

import inspect
import os
from collections.abc import Iterator

import pytest
import torch

from netwright.training.images import logits_of, train_classifier
from netwright.training.perplexity import measure_nats_per_token
from netwright.training.speed import Speed, at_its_speed
from netwright.training.text import train_language_model
from netwright.training.translation import measure_nats_per_piece, train_translator

Switches = dict[str, bool]


def switches() -> Switches:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "deterministic": cudnn.deterministic,
        "benchmark": cudnn.benchmark,
        "tf32 in convolutions": cudnn.allow_tf32,
        "tf32 in products": matmul.allow_tf32,
    }


@pytest.fixture
def users(monkeypatch: pytest.MonkeyPatch) -> Iterator[Switches]:
    """The switches as a user may have set them."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32
    cudnn.benchmark = cudnn.allow_tf32 = matmul.allow_tf32 = True
    yield switches()
    cudnn.benchmark, cudnn.allow_tf32, matmul.allow_tf32 = before
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@at_its_speed
def switches_inside(*, speed: Speed) -> Switches:
    return switches()


FREE, TF32_OFF = {"deterministic": False, "benchmark": True}, {"tf32 in convolutions": False, "tf32 in products": False}
FIXED, TF32_AS_BEFORE = (
    {"deterministic": True, "benchmark": False},
    {"tf32 in convolutions": True, "tf32 in products": True},
)


@pytest.mark.parametrize(
    ("speed", "expected"),
    [
        (Speed("cuda", "float32"), FIXED | TF32_OFF),
        (Speed("cuda", "bfloat16"), FIXED | TF32_AS_BEFORE),
        (Speed("cuda", "float32", deterministic=False), FREE | TF32_OFF),
        (Speed("cuda", "bfloat16", deterministic=False), FREE | TF32_AS_BEFORE),
        (Speed("cpu", "float32"), FREE | TF32_AS_BEFORE),
    ],
)
def test_the_switches_hold_in_the_block_alone(users: Switches, speed: Speed, expected: Switches) -> None:
    assert switches_inside(speed=speed) == expected
    assert os.environ.get("CUBLAS_WORKSPACE_CONFIG") == (":4096:8" if expected["deterministic"] else None)
    with pytest.raises(LookupError), speed.backends():
        raise LookupError
    assert switches() == users


def test_a_workspace_that_the_user_chose_is_kept(users: Switches, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    switches_inside(speed=Speed("cuda", "float32"))
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize(
    "function",
    [
        train_classifier,
        logits_of,
        train_language_model,
        measure_nats_per_token,
        train_translator,
        measure_nats_per_piece,
    ],
)
def test_every_training_and_measurement_runs_with_its_switches(
    function: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is called with a speed whose block cannot be entered, before any other argument is looked at."""
    assert callable(function)
    names = [name for name in inspect.signature(function).parameters if name not in ("speed", "options")]

    def refuse(self: Speed) -> object:
        raise LookupError("entered")

    monkeypatch.setattr(Speed, "backends", refuse)
    with pytest.raises(LookupError, match="entered"):
        function(**dict.fromkeys(names), speed=Speed("cpu"))
