"""The training loop on text: its arithmetic by hand, its learning, its randomness, its checkpoints, its failures."""

import copy
import math
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from netwright.architectures.published import nas_cell
from netwright.architectures.recurrent import Lstm, RecurrentArchitecture, RecurrentHighway
from netwright.children.dropout import Dropout
from netwright.errors import ChildError, DataError
from netwright.nn.optimizers import SGD
from netwright.tasks.text.data import TextData
from netwright.training.checkpoints import Checkpoint
from netwright.training.perplexity import measure_nats_per_token
from netwright.training.speed import Speed
from netwright.training.text import Schedule, learning_rate_after, learning_rate_in
from oracles.rhymes import FLOAT32, VOCABULARY, fresh, rhyming_text, train

GAL = Dropout(inputs=0.1, output=0.1, state=0.1, words=0.1, variational=True)
ADAM = {"optimizer": "adam", "learning_rate": 0.01, "loss_over_time": "mean"}


@pytest.fixture(scope="module")
def text() -> TextData:
    return rhyming_text()


# Learning -------------------------------------------------------------------------------------------------------------


ARCHITECTURES = pytest.mark.parametrize(
    "architecture", [nas_cell(), Lstm(), RecurrentHighway(depth=3)], ids=["NAS", "LSTM", "RHN"]
)


@ARCHITECTURES
def test_a_text_with_a_pattern_is_learned(text: TextData, architecture: RecurrentArchitecture) -> None:
    """Guessing has perplexity 11, and knowing the rule 1.8: one token in ten is a random one."""
    metrics = train(text, fresh(architecture), **{**ADAM, "epochs": 16, "constant_epochs": 12})
    assert len(metrics["validation_perplexities"]) == len(metrics["training_losses"]) == 16
    assert metrics["validation_perplexities"][-1] < 5.5, "half of guessing's"
    assert metrics["training_losses"][-1] < metrics["training_losses"][0]


@pytest.mark.parametrize("architecture", [Lstm(), RecurrentHighway(depth=3)], ids=["LSTM", "RHN"])
def test_gradient_descent_learns_too(architecture: RecurrentArchitecture) -> None:
    """A text that only says the alphabet, by the loss and the learning rate of Zaremba et al."""
    alphabet = torch.arange(1500) % 11
    said = TextData("alphabet", alphabet, alphabet[:300], alphabet[:200], VOCABULARY, "character")
    metrics = train(said, fresh(architecture), epochs=6, constant_epochs=4, learning_rate=0.3)
    assert metrics["validation_perplexities"][-1] < 1.5


def test_bfloat16_learns_too(text: TextData) -> None:
    changes = {**ADAM, "epochs": 16, "constant_epochs": 12, "speed": Speed(device="cpu", precision="bfloat16")}
    assert train(text, **changes)["validation_perplexities"][-1] < 3


def test_each_epoch_is_reported_when_it_ends_and_measured_without_dropout(text: TextData) -> None:
    model, reported, nats = fresh(), [], []

    def report(epoch: int, perplexity: float | None) -> None:
        reported.append((epoch, perplexity))
        nats.append(measure_nats_per_token(model, text.validation, speed=FLOAT32))

    metrics = train(text, model, dropout=GAL, on_epoch=report)
    assert reported == list(enumerate(metrics["validation_perplexities"]))
    assert metrics["validation_perplexities"] == pytest.approx([math.exp(value) for value in nats], rel=1e-6)


def test_nothing_is_measured_without_a_validation_text(text: TextData) -> None:
    blind = TextData("", text.train, text.validation[:0], text.test, text.vocabulary, "word")
    assert train(blind)["validation_perplexities"] == []
    assert train(blind)["training_losses"] == train(text)["training_losses"]


# Arithmetic -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss_over_time", ["sum", "mean"])
@pytest.mark.parametrize(("clip", "weight_decay"), [(0.5, 0.0), (1e9, 0.01)])
def test_the_steps_are_those_of_the_definition(
    text: TextData, loss_over_time: str, clip: float, weight_decay: float
) -> None:
    """43 tokens in 4 parts of 10 are windows of 7 and of 2, with 3 tokens left over; two epochs, the second at half
    the rate. The state is carried over, and stands at zero again at the start of an epoch."""
    model = fresh()
    by_hand = copy.deepcopy(model)
    parts = [text.train[start : start + 10].tolist() for start in (0, 10, 20, 30)]
    losses = []
    for rate in (0.4, 0.2):
        states, nats = [by_hand.initial_states(1) for _ in parts], []
        for window in (range(7), range(7, 9)):
            total = torch.zeros(())
            for number, part in enumerate(parts):
                states[number] = tuple(tuple(x.detach() for x in state) for state in states[number])
                for place in window:
                    logits, states[number] = by_hand(torch.tensor([[part[place]]]), states[number])
                    total = total - logits[0, 0].log_softmax(0)[part[place + 1]]
            nats.append(total.item())
            divisor = 4 if loss_over_time == "sum" else 4 * len(window)
            gradients = torch.autograd.grad(total / divisor, list(by_hand.parameters()))
            norm = math.sqrt(sum(float(gradient.square().sum()) for gradient in gradients))
            with torch.no_grad():
                for weight, gradient in zip(by_hand.parameters(), gradients, strict=True):
                    weight -= rate * (gradient * min(1, clip / norm) + weight_decay * weight)
        losses.append(sum(nats) / 36)
    short = TextData("", text.train[:43], text.validation, text.test, text.vocabulary, "word")
    metrics = train(
        short,
        model,
        epochs=2,
        learning_rate=0.4,
        constant_epochs=1,
        loss_over_time=loss_over_time,
        clip=clip,
        weight_decay=weight_decay,
    )
    assert metrics["training_losses"] == pytest.approx(losses, rel=1e-5)
    for (name, expected), weight in zip(by_hand.named_parameters(), model.parameters(), strict=True):
        torch.testing.assert_close(
            weight, expected, atol=1e-5, rtol=1e-4, msg=lambda text, name=name: f"{name}: {text}"
        )


@pytest.mark.parametrize(
    ("epoch", "zaremba_small", "rhn"),
    [(0, 1.0, 0.2), (3, 1.0, 0.2), (4, 0.5, 0.2), (5, 0.25, 0.2), (12, 2.0**-9, 0.2), (20, 2.0**-17, 0.2 / 1.02)],
)
def test_learning_rates(epoch: int, zaremba_small: float, rhn: float) -> None:
    assert learning_rate_in(epoch, peak=1.0, constant_epochs=4, decay=2.0) == pytest.approx(zaremba_small)
    assert learning_rate_in(epoch, peak=0.2, constant_epochs=20, decay=1.02) == pytest.approx(rhn)


def test_a_warm_up_rises_from_window_to_window_and_then_leaves_the_schedule() -> None:
    """Two epochs of four windows, of which six are the warm-up; the second epoch has half the rate."""
    schedule = Schedule(peak=0.8, constant_epochs=1, decay=2.0, warm_up=0.75 * 2 * 4)
    assert schedule.rates(0, 4, []) == pytest.approx([0.8 / 6, 1.6 / 6, 2.4 / 6, 3.2 / 6])
    assert schedule.rates(1, 4, []) == pytest.approx([0.4 * 5 / 6, 0.4, 0.4, 0.4])
    assert Schedule(peak=0.8, constant_epochs=1, decay=2.0).rates(0, 4, []) == [0.8] * 4


def test_the_loop_warms_up_over_a_share_of_the_training(text: TextData, monkeypatch: pytest.MonkeyPatch) -> None:
    rates: list[float] = []
    step = SGD.step

    def watched(self: SGD) -> None:
        rates.append(self.learning_rate)
        step(self)

    monkeypatch.setattr(SGD, "step", watched)
    train(text, epochs=2, learning_rate=0.3, constant_epochs=2, warm_up=0.75)
    num_windows = math.ceil((1500 // 4 - 1) / 7)
    expected = [0.3 * min(1, n / (0.75 * 2 * num_windows)) for n in range(1, 2 * num_windows + 1)]
    assert rates == pytest.approx(expected)


# Chance ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("perplexities", "expected"),
    [([], 1.0), ([9.0], 1.0), ([9.0, 8.0], 1.0), ([9.0, 8.5], 0.5), ([9.0, 9.5, 8.0, 7.5], 0.25)],
)
def test_learning_rates_that_fall_where_nothing_is_gained(perplexities: list[float], expected: float) -> None:
    """Kim et al. 2015: halved where the validation perplexity does not improve by a point."""
    assert learning_rate_after(perplexities, peak=1.0, decay=2.0, least_gain=1.0) == expected


def test_the_loop_lets_the_learning_rate_fall_where_nothing_is_gained(text: TextData) -> None:
    """No epoch gains 1,000 points, so the rate falls in each epoch after the first two, which can be compared."""
    gained, decayed = fresh(), fresh()
    train(text, gained, learning_rate=0.3, least_gain=1000.0, decay=4.0, constant_epochs=9)
    train(text, decayed, learning_rate=0.3, decay=4.0, constant_epochs=2)
    assert all(torch.equal(weight, decayed.state_dict()[name]) for name, weight in gained.state_dict().items())


@pytest.mark.parametrize("dropout", [GAL, Dropout(inputs=0.3, output=0.3)], ids=["variational", "per step"])
def test_the_same_seed_gives_the_same_bits_and_another_gives_other_masks(text: TextData, dropout: Dropout) -> None:
    models = [fresh(), fresh(), fresh()]
    first, again, other = (
        train(text, model, seed, dropout=dropout) for model, seed in zip(models, (5, 5, 6), strict=True)
    )
    assert first == again
    assert first["training_losses"] != other["training_losses"]
    for (name, one), two in zip(models[0].state_dict().items(), models[1].state_dict().values(), strict=True):
        assert torch.equal(one, two), name


def test_dropout_is_new_in_every_window_and_epoch(text: TextData) -> None:
    seen: list[Tensor] = []
    model = fresh()
    model.register_forward_pre_hook(lambda _, arguments: seen.append(arguments[2].output) if model.training else None)
    train(text, model, epochs=2, dropout=Dropout(output=0.5, variational=True))
    assert len(seen) == 2 * math.ceil((1500 // 4 - 1) / 7)
    assert len({tuple(mask.flatten().tolist()) for mask in seen}) == len(seen)


def test_the_global_generators_neither_decide_nor_move(text: TextData) -> None:
    results = []
    for seed in (0, 1):
        model = fresh()
        torch.manual_seed(seed)
        random.seed(seed)
        np.random.seed(seed)
        before = (torch.random.get_rng_state(), random.getstate(), np.random.get_state()[1].tolist())  # type: ignore[union-attr, index]
        results.append(train(text, model, epochs=1, dropout=GAL))
        assert torch.equal(torch.random.get_rng_state(), before[0])
        assert random.getstate() == before[1]
        assert np.random.get_state()[1].tolist() == before[2]  # type: ignore[union-attr, index]
    assert results[0] == results[1]


# Checkpoints ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "changes", [{"learning_rate": 0.3}, ADAM, {**ADAM, "warm_up": 0.6}], ids=["sgd", "adam", "warm-up"]
)
@pytest.mark.parametrize("stopped_after", [1, 2, 3])
def test_a_checkpoint_goes_on_to_the_same_weights(
    text: TextData, tmp_path: Path, changes: dict[str, object], stopped_after: int
) -> None:
    class Stopped(Exception):
        pass

    def stop(epoch: int, perplexity: float | None) -> None:
        if epoch + 1 == stopped_after:
            raise Stopped

    whole, stopped, resumed = (fresh(tied=True, seed=seed) for seed in (5, 5, 6))
    settings = {"dropout": GAL, "weight_decay": 1e-4, **changes}
    expected = train(text, whole, **settings)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    with pytest.raises(Stopped):
        train(text, stopped, checkpoint=checkpoint, on_epoch=stop, **settings)
    epochs: list[int] = []
    metrics = train(
        text, resumed, checkpoint=checkpoint, on_epoch=lambda epoch, perplexity: epochs.append(epoch), **settings
    )
    assert epochs == list(range(stopped_after, 3))
    assert metrics == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name


# The best epoch -------------------------------------------------------------------------------------------------------

JUMPY = {**ADAM, "learning_rate": 0.1, "epochs": 8, "constant_epochs": 9}
"""With these settings and few tokens, validation goes up and down: its best epoch is neither the first nor the last."""


@pytest.fixture
def scarce(text: TextData) -> TextData:
    return TextData("", text.train[:200], text.validation, text.test, text.vocabulary, "character")


def test_the_weights_of_the_best_epoch_are_those_of_a_training_that_ends_there(scarce: TextData) -> None:
    last, best, ended = fresh(), fresh(), fresh()
    metrics = train(scarce, last, **JUMPY)
    assert train(scarce, best, keep="best", **JUMPY) == metrics
    number = int(np.argmin(metrics["validation_perplexities"])) + 1
    assert 1 < number < 8
    train(scarce, ended, **{**JUMPY, "epochs": number})
    for name, tensor in ended.state_dict().items():
        assert torch.equal(best.state_dict()[name], tensor), name
    assert any(not torch.equal(best.state_dict()[name], tensor) for name, tensor in last.state_dict().items())


@pytest.mark.parametrize("stopped_after", [1, 7, 8])
def test_a_stopped_training_still_holds_its_best_epoch(scarce: TextData, tmp_path: Path, stopped_after: int) -> None:
    class Stopped(Exception):
        pass

    def stop(epoch: int, perplexity: float | None) -> None:
        if epoch + 1 == stopped_after:
            raise Stopped

    whole, resumed = fresh(), fresh(seed=6)
    checkpoint = Checkpoint(tmp_path / "checkpoint")
    expected = train(scarce, whole, keep="best", **JUMPY)
    with pytest.raises(Stopped):
        train(scarce, fresh(), keep="best", checkpoint=checkpoint, on_epoch=stop, **JUMPY)
    assert train(scarce, resumed, keep="best", checkpoint=checkpoint, **JUMPY) == expected
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name


def test_without_a_validation_text_the_last_epoch_is_kept(text: TextData) -> None:
    blind = TextData("", text.train, text.validation[:0], text.test, text.vocabulary, "word")
    last, best = fresh(), fresh()
    train(blind, last)
    train(blind, best, keep="best")
    assert all(torch.equal(best.state_dict()[name], tensor) for name, tensor in last.state_dict().items())


# Failures -------------------------------------------------------------------------------------------------------------


def test_weights_that_are_no_numbers_are_noticed_within_an_epoch(text: TextData) -> None:
    model = fresh()
    with torch.no_grad():
        model.softmax_bias[0] = math.nan
    with pytest.raises(ChildError, match="the training loss is nan nats per token in epoch 1, window 20"):
        train(text, model)


def test_a_loss_far_above_guessing_is_noticed(text: TextData) -> None:
    """Twice log 11 is 4.8."""
    with pytest.raises(ChildError, match=r"the training loss is [\d.e+]+ nats per token in epoch 1, window 120"):
        train(text, learning_rate=1e4, window=2, clip=1.0)


def test_a_loss_that_breaks_later_names_its_epoch(text: TextData) -> None:
    model = fresh()

    def spoil(epoch: int, perplexity: float | None) -> None:
        with torch.no_grad():
            model.softmax_bias[0] = math.nan

    with pytest.raises(ChildError, match="the training loss is nan nats per token in epoch 2, window 20"):
        train(text, model, on_epoch=spoil)


def test_an_epoch_of_few_windows_is_looked_at_too(text: TextData) -> None:
    model = fresh()
    with torch.no_grad():
        model.softmax_bias[0] = math.nan
    with pytest.raises(ChildError, match="the training loss is nan nats per token in epoch 1"):
        train(text, model, window=100)


def test_a_text_too_short_for_the_batch_is_refused(text: TextData) -> None:
    with pytest.raises(DataError, match="a text of 1,500 tokens gives 800 parts of 1"):
        train(text, batch_size=800)
