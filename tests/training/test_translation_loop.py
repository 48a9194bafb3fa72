"""The training of a translator: what it learns, from which mini-batches, by which steps; stopped and resumed."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor

from netwright.children.translation.beam import BeamSettings
from netwright.children.translation.translator import Translator
from netwright.errors import ChildError, DataError
from netwright.evaluation.translation_worker import TranslationData
from netwright.models.translator import TrainedTranslator
from netwright.subwords import END, PAD, START
from netwright.training.checkpoints import Checkpoint
from netwright.training.speed import Speed
from netwright.training.translation import Pairs, learning_rate_at, measure_nats_per_piece
from oracles.toy_language import FLOAT32, fresh, toy_data, train


@pytest.fixture(scope="module")
def data() -> TranslationData:
    return toy_data()


@pytest.fixture(scope="module")
def few(data: TranslationData) -> Pairs:
    """50 pairs: 3 mini-batches, the last one smaller."""
    return data.train.first(50)


def weights_of(model: Translator) -> Tensor:
    return torch.cat([weight.detach().flatten() for weight in model.parameters()])


# What is learnt -------------------------------------------------------------------------------------------------------


def test_a_language_is_learnt_from_its_sentences(data: TranslationData) -> None:
    model = fresh(hidden_size=32)
    history = train(data.train, data.validation, model, epochs=9)
    assert len(history["validation_perplexities"]) == len(history["training_losses"]) == 9
    assert history["validation_perplexities"][-1] < 1.6 < 4 < history["validation_perplexities"][0]
    translate = TrainedTranslator(model, subwords=data.subwords, beam=BeamSettings(), max_length=30, description={})
    sources, expected = data.test()
    unseen = [number for number, source in enumerate(sources) if source not in data.text.train["an"]]
    assert len(unseen) >= 15
    translated = translate([sources[number] for number in unseen])
    right = sum(found == expected[number] for found, number in zip(translated, unseen, strict=True))
    assert right >= 0.75 * len(unseen)


def test_bfloat16_learns_too(data: TranslationData) -> None:
    model, speed = fresh(hidden_size=16), Speed(device="cpu", precision="bfloat16")
    perplexities = train(data.train.first(100), data.validation, model, speed=speed)["validation_perplexities"]
    assert perplexities[-1] < 0.5 * perplexities[0]
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


# The seed, and going on -----------------------------------------------------------------------------------------------


def test_the_seed_determines_the_weights(data: TranslationData, few: Pairs) -> None:
    def trained(seed: int) -> Tensor:
        train(few, data.validation, model := fresh(), seed=seed, dropout=0.2, epochs=2)
        return weights_of(model)

    first = trained(1)
    assert torch.equal(trained(1), first)
    assert not torch.equal(trained(2), first)


class Killed(BaseException):
    pass


@pytest.mark.parametrize("after", [0, 1])
def test_a_training_that_was_killed_goes_on_to_the_same_weights(
    data: TranslationData, few: Pairs, tmp_path: Path, after: int
) -> None:
    whole = fresh()
    reported: list[tuple[int, float]] = []
    history = train(few, data.validation, whole, dropout=0.2, on_epoch=lambda *epoch: reported.append(epoch))
    assert reported == list(enumerate(history["validation_perplexities"]))

    def kill(epoch: int, _perplexity: float) -> None:
        if epoch == after:
            raise Killed

    checkpoint = Checkpoint(tmp_path / "training.safetensors")
    with pytest.raises(Killed):
        train(few, data.validation, fresh(), dropout=0.2, checkpoint=checkpoint, on_epoch=kill)
    reported.clear()
    again = fresh(seed=77)
    resumed = train(
        few, data.validation, again, dropout=0.2, checkpoint=checkpoint, on_epoch=lambda *each: reported.append(each)
    )
    assert [epoch for epoch, _ in reported] == list(range(after + 1, 3))
    assert resumed == history
    assert torch.equal(weights_of(again), weights_of(whole))


# Mini-batches ---------------------------------------------------------------------------------------------------------


def test_every_pair_is_in_one_mini_batch_of_an_epoch_in_another_order_each_time(data: TranslationData) -> None:
    generator = torch.Generator().manual_seed(0)
    epochs = [list(data.train.batches(7, generator)) for _ in range(3)]
    for epoch in (*epochs, list(data.train.batches(7))):
        assert torch.cat(epoch).sort().values.tolist() == list(range(400))
        assert sorted(map(len, epoch), reverse=True) == [7] * 57 + [1]
    assert len({tuple(torch.cat(epoch).tolist()) for epoch in epochs}) == 3
    assert len({frozenset(frozenset(numbers.tolist()) for numbers in epoch) for epoch in epochs}) == 3
    again = list(data.train.batches(7, torch.Generator().manual_seed(0)))
    assert [each.tolist() for each in again] == [each.tolist() for each in epochs[0]]


def test_a_mini_batch_has_sentences_of_similar_lengths(data: TranslationData) -> None:
    """Of 57 mini-batches sorted together, at most as many have two lengths as there are changes of the length."""
    lengths, num_lengths = data.train.target.lengths, len(data.train.target.lengths.unique())
    batches = list(data.train.batches(7, torch.Generator().manual_seed(0)))
    mixed = sum(len(lengths[numbers].unique()) > 1 for numbers in batches)
    assert mixed <= 2 * num_lengths < 0.3 * len(batches)
    sorted_together = data.train.batches(10, torch.Generator().manual_seed(0))
    order = [float(lengths[numbers].float().mean()) for numbers in sorted_together]
    assert order != sorted(order), "the order of the mini-batches is random"
    measured = torch.cat(list(data.train.batches(7)))
    assert (lengths[measured].diff() >= 0).all()


def test_what_is_read_and_what_is_predicted_are_one_piece_apart(data: TranslationData, few: Pairs) -> None:
    numbers = torch.tensor([3, 0, 9])
    source, lengths, read, predicted = few.tensors(numbers, torch.device("cpu"))
    for column, number in enumerate(numbers.tolist()):
        pieces = data.subwords.encode(data.text.train["ki"][number])
        assert read[: len(pieces) + 1, column].tolist() == [START, *pieces]
        assert predicted[: len(pieces) + 1, column].tolist() == [*pieces, END]
        assert set(predicted[len(pieces) + 1 :, column].tolist()) <= {PAD}
        from_source = [*data.subwords.encode(data.text.train["an"][number]), END]
        assert source[: lengths[column], column].tolist() == from_source
        assert set(source[lengths[column] :, column].tolist()) <= {PAD}


def test_pairs_that_are_too_long_on_a_side_are_left_out(data: TranslationData) -> None:
    short = data.train.up_to(4)
    chosen = [
        (source, target)
        for source, target in zip(data.text.train["an"], data.text.train["ki"], strict=True)
        if len(data.subwords.encode(source)) < 4 and len(data.subwords.encode(target)) < 4
    ]
    expected = Pairs.of(data.subwords, *zip(*chosen, strict=True))
    assert 0 < len(short) < len(data.train)
    assert short.source.pieces.tolist() == expected.source.pieces.tolist()
    assert short.target.pieces.tolist() == expected.target.pieces.tolist()
    assert short.num_predicted == sum(len(data.subwords.encode(target)) + 1 for _, target in chosen)


# Arithmetic -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("progress", "rate"),
    [
        (0.01, 0.04), (0.05, 0.2), (0.1, 0.4), (0.3, 0.4), (0.5, 0.4), (0.51, 0.2), (0.625, 0.2), (0.63, 0.1),
        (0.75, 0.1), (0.8, 0.05), (0.875, 0.05), (0.88, 0.025), (1.0, 0.025),
    ],
)  # fmt: skip
def test_the_learning_rate_rises_stays_and_is_halved_four_times(progress: float, rate: float) -> None:
    assert learning_rate_at(progress, peak=0.4, warm_up=0.1, decay_from=0.5) == pytest.approx(rate)


def test_the_learning_rate_without_warm_up_is_the_peak_at_once() -> None:
    assert learning_rate_at(0.001, peak=0.4, warm_up=0.0, decay_from=0.99) == 0.4


@torch.no_grad()
def log_probs(model: Translator, pairs: Pairs, number: int) -> tuple[Tensor, Tensor]:
    """The log-probabilities after every piece of one target [T, V], and its pieces with the end [T]; no padding."""
    alone = torch.tensor([number])
    source, target = pairs.source.padded(alone), pairs.target.padded(alone)
    logits = model(source, pairs.source.lengths[alone], torch.cat([torch.tensor([[START]]), target]))
    return logits[:, 0].double().log_softmax(1), torch.cat([target[:, 0], torch.tensor([END])])


def test_the_measured_nats_are_those_of_every_pair_alone(data: TranslationData, few: Pairs) -> None:
    train(few, data.validation, model := fresh(), epochs=1)
    nats, pieces = 0.0, 0
    for number in range(len(data.validation)):
        log_probs_TV, wanted_T = log_probs(model, data.validation, number)
        nats -= float(log_probs_TV[torch.arange(len(wanted_T)), wanted_T].sum())
        pieces += len(wanted_T)
    for batch_size in (1, 7, 100):
        measured = measure_nats_per_piece(model, data.validation, speed=FLOAT32, batch_size=batch_size)
        assert measured == pytest.approx(nats / pieces, rel=1e-5)


def test_the_perplexity_of_an_epoch_is_that_of_the_validation_pairs_without_dropout(
    data: TranslationData, few: Pairs
) -> None:
    history = train(few, data.validation, model := fresh(), epochs=1, dropout=0.5)
    nats = measure_nats_per_piece(model, data.validation, speed=FLOAT32, batch_size=9)
    assert history["validation_perplexities"] == pytest.approx([math.exp(nats)], rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_loss_is_the_mean_over_pieces_and_smoothed_towards_all_pieces(
    data: TranslationData, few: Pairs, smoothing: float
) -> None:
    """One mini-batch with sentences of several lengths: the padding counts nowhere."""
    untrained = fresh()
    loss, pieces = 0.0, 0
    for number in range(len(few)):
        log_probs_TV, wanted_T = log_probs(untrained, few, number)
        right = log_probs_TV[torch.arange(len(wanted_T)), wanted_T]
        loss -= float(((1 - smoothing) * right + smoothing * log_probs_TV.mean(1)).sum())
        pieces += len(wanted_T)
    history = train(few, data.validation, untrained, epochs=1, batch_size=50, label_smoothing=smoothing)
    assert history["training_losses"] == pytest.approx([loss / pieces], rel=1e-5)


def test_a_gradient_is_clipped_and_adam_steps_at_the_learning_rate(data: TranslationData, few: Pairs) -> None:
    """The first step of Adam is the learning rate along the sign of the gradient, whatever its norm."""
    before = weights_of(model := fresh())
    train(few, data.validation, model, epochs=1, batch_size=50, learning_rate=0.25, warm_up=0.0, decay_from=0.5)
    steps = (weights_of(model) - before).abs()
    assert float(steps.max()) == pytest.approx(0.25 / 16, rel=1e-3), "halved four times at the end of training"


def test_the_learning_rate_falls_over_all_epochs(data: TranslationData, few: Pairs) -> None:
    """Two epochs of one step: the peak, and a 16th of it; Adam's second step is about as long as the rate."""
    model, after = fresh(), []
    train(
        few, data.validation, model, epochs=2, batch_size=50, learning_rate=0.25, warm_up=0.0,
        on_epoch=lambda *_: after.append(weights_of(model)),
    )  # fmt: skip
    assert 0 < float((after[1] - after[0]).abs().max()) < 2 * 0.25 / 16


# Faults ---------------------------------------------------------------------------------------------------------------


def test_a_training_that_diverges_is_stopped(data: TranslationData, few: Pairs) -> None:
    with pytest.raises(ChildError, match=r"loss|no finite perplexity"):
        train(few, data.validation, fresh(), epochs=20, learning_rate=1e4, clip=1e9)


def test_a_loss_that_is_not_finite_is_reported(data: TranslationData, few: Pairs) -> None:
    model = fresh()
    with torch.no_grad():
        model.softmax_bias[END] = torch.nan
    with pytest.raises(ChildError, match="loss"):
        train(few, data.validation, model)


def test_no_pairs_are_an_error(data: TranslationData) -> None:
    nothing = data.train.first(0)
    assert len(nothing) == 0
    with pytest.raises(DataError, match="no pair of sentences to train on"):
        train(nothing, data.validation, fresh())
    with pytest.raises(DataError, match="no pair of sentences to measure on"):
        measure_nats_per_piece(fresh(), nothing, speed=FLOAT32, batch_size=4)
