"""The augmented loss of Inan et al. 2016 against numpy, finite differences and the loop without it."""

import numpy as np
import pytest
import torch

from netwright.training.text import augmented_loss
from oracles.rhymes import fresh, rhyming_text, train


def softmax(rows: np.ndarray) -> np.ndarray:
    powers = np.exp(rows - rows.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


@pytest.mark.parametrize("temperature", [1.0, 20.0])
def test_it_is_the_divergence_of_the_equations(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    logits, embedding = torch.randn(5, 3, 7, generator=generator), torch.randn(7, 4, generator=generator)
    targets = torch.randint(7, (5, 3), generator=generator)
    table = embedding.double().numpy()
    wanted = softmax(table[targets.numpy()] @ table.T / temperature)
    found = softmax(logits.double().numpy() / temperature)
    divergence = (wanted * np.log(wanted / found)).sum(-1).mean()
    measured = augmented_loss(logits, targets, embedding, temperature=temperature)
    assert measured.item() == pytest.approx(temperature * divergence, rel=1e-4)


def test_its_gradient_is_that_of_finite_differences_and_none_flows_into_the_similarities() -> None:
    generator = torch.Generator().manual_seed(0)
    embedding = torch.randn(7, 4, generator=generator).requires_grad_()
    logits = torch.randn(5, 3, 7, generator=generator, dtype=torch.float64).requires_grad_()
    targets = torch.randint(7, (5, 3), generator=generator)
    assert torch.autograd.gradcheck(lambda x: augmented_loss(x, targets, embedding, temperature=2.0), [logits])
    augmented_loss(logits, targets, embedding, temperature=2.0).backward()
    assert embedding.grad is None


def test_it_is_zero_where_the_predictions_are_the_similarities() -> None:
    embedding, targets = torch.randn(7, 4, generator=torch.Generator().manual_seed(0)), torch.arange(7)[:, None]
    logits = (embedding @ embedding.t())[:, None]
    assert augmented_loss(logits, targets, embedding, temperature=5.0).item() == pytest.approx(0, abs=1e-6)


def test_training_with_it_is_another_training_and_reports_the_plain_loss() -> None:
    text = rhyming_text()
    plain = train(text, fresh(tied=True))
    unweighted = train(text, fresh(tied=True), augmented_weight=0.0, augmented_temperature=5.0)
    augmented = train(text, fresh(tied=True), augmented_weight=0.5)
    assert plain == unweighted
    assert augmented != plain
    one = train(text, fresh(tied=True), epochs=1, learning_rate=1e-9)
    other = train(text, fresh(tied=True), epochs=1, learning_rate=1e-9, augmented_weight=0.5)
    assert other["training_losses"] == pytest.approx(one["training_losses"], rel=1e-5)
