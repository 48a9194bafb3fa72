"""SGD and Adam by torch's own functions, for weights that take part in a step or not.

`torch.optim.SGD` and `torch.optim.Adam` import torch's compiler when they are first made, which takes as long as the
import of torch itself: in every worker before its first child, and in every process with a controller. The functions
behind them do not, and give the same bits.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimizer(Protocol):
    """What changes weights by their gradients."""

    learning_rate: float
    """May be changed between steps."""
    state: defaultdict[Tensor, dict[str, Tensor]]
    """What is known of each weight, by torch's names; goes on exactly where it is put back."""

    def zero_grad(self) -> None:
        """Forget the gradients of all weights."""

    def step(self) -> None:
        """Change in place every weight that has a gradient."""


class SGD:
    """Stochastic gradient descent, with Nesterov's momentum where there is any; implements `Optimizer`."""

    def __init__(
        self, weights: Iterable[Tensor], *, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self.weights, self.learning_rate = list(weights), learning_rate
        self._momentum, self._weight_decay = momentum, weight_decay
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Forget the gradients of all weights."""
        _forget(self.weights)

    @torch.no_grad()
    def step(self) -> None:
        """Change in place every weight that has a gradient."""
        weights, gradients = _with_gradients(self.weights)
        velocities = [self.state[weight].get("momentum_buffer") for weight in weights]
        sgd(
            weights,
            gradients,
            velocities,
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=self.learning_rate,
            dampening=0.0,
            nesterov=self._momentum > 0,
            maximize=False,
        )
        for weight, velocity in zip(weights, velocities, strict=True):
            if velocity is not None:
                self.state[weight]["momentum_buffer"] = velocity


class Adam:
    """Adam (Kingma & Ba 2015) with its authors' decays and epsilon; implements `Optimizer`.

    `together` takes all weights in one call, also on a processor; the bits are the same.
    """

    def __init__(
        self,
        weights: Iterable[Tensor] = (),
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        together: bool | None = None,
    ) -> None:
        self.weights, self.learning_rate = list(weights), learning_rate
        self._weight_decay, self._together = weight_decay, together
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)

    def zero_grad(self) -> None:
        """Forget the gradients of all weights."""
        _forget(self.weights)

    @torch.no_grad()
    def step(self) -> None:
        """Change in place every weight that has a gradient."""
        weights, gradients = _with_gradients(self.weights)
        known = [self.state[weight] for weight in weights]
        for weight, moments in zip(weights, known, strict=True):
            if not moments:
                moments |= {"step": torch.tensor(0.0, dtype=torch.float32)}
                moments |= {name: torch.zeros_like(weight) for name in ("exp_avg", "exp_avg_sq")}
        adam(
            weights,
            gradients,
            [moments["exp_avg"] for moments in known],
            [moments["exp_avg_sq"] for moments in known],
            [],
            [moments["step"] for moments in known],
            foreach=self._together,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=self._weight_decay,
            eps=1e-8,
            maximize=False,
        )


def _forget(weights: Iterable[Tensor]) -> None:
    for weight in weights:
        weight.grad = None


def _with_gradients(weights: Iterable[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
    pairs = [(weight, weight.grad) for weight in weights if weight.grad is not None]
    return [weight for weight, _ in pairs], [gradient for _, gradient in pairs]
