"""SGD and Adam by torch's functional implementations, for weights that do not all have a gradient in every step.

Creating the first `torch.optim.SGD` or `torch.optim.Adam` of a process imports torch's compiler, which takes as long as
importing torch itself; every worker and every process with a controller would pay for it. The functional
implementations do not import it and give bit-identical results.

    optimizer = SGD(network.parameters(), learning_rate=0.1, momentum=0.9)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimizer(ABC):
    """Base of the optimisers. Between steps `learning_rate` may be changed and `weights` may be extended.

    Args:
        weights: tensors that `step` changes in place.
        learning_rate: step size.
        weight_decay: multiple of a weight that is added to its gradient.
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.weights, self.learning_rate, self._weight_decay = list(weights), learning_rate, weight_decay
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        """State of each weight under torch's names; restoring it continues a training exactly."""

    def zero_grad(self) -> None:
        """Remove the gradients of all weights."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Update in place every weight that has a gradient."""
        pairs = [(weight, weight.grad) for weight in self.weights if weight.grad is not None]
        self._change([weight for weight, _ in pairs], [gradient for _, gradient in pairs])

    @abstractmethod
    def _change(self, weights: list[Tensor], gradients: list[Tensor]) -> None: ...


class SGD(Optimizer):
    """Stochastic gradient descent with momentum.

    Args:
        weights: tensors that `step` changes in place.
        learning_rate: step size.
        momentum: the share of the last step that is added to the next one.
        nesterov: whether the momentum is Nesterov's.
        weight_decay: multiple of a weight that is added to its gradient.
    """

    def __init__(
        self,
        weights: Iterable[Tensor],
        learning_rate: float,
        *,
        momentum: float = 0.0,
        nesterov: bool = True,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(weights, learning_rate, weight_decay)
        self._momentum, self._nesterov = momentum, nesterov and momentum > 0

    def _change(self, weights: list[Tensor], gradients: list[Tensor]) -> None:
        velocities = [self.state[weight].get("momentum_buffer") for weight in weights]
        sgd(
            weights,
            gradients,
            velocities,
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=self.learning_rate,
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
        )
        for weight, velocity in zip(weights, velocities, strict=True):
            if velocity is not None:
                self.state[weight]["momentum_buffer"] = velocity

    def velocities(self) -> list[Tensor]:
        """Return the velocity of every weight, zeros before the first step; empty without momentum."""
        if not self._momentum:
            return []
        for weight in self.weights:
            if "momentum_buffer" not in self.state[weight]:
                self.state[weight]["momentum_buffer"] = torch.zeros_like(weight)
        return [self.state[weight]["momentum_buffer"] for weight in self.weights]

    @torch.no_grad()
    def fused_step(self, learning_rate: Tensor) -> None:
        """Update all weights, which must have gradients, with a learning rate [] that may be on a GPU."""
        gradients = [_laid_out_as(weight) for weight in self.weights]
        torch._fused_sgd_(
            self.weights,
            gradients,
            self.velocities(),
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=learning_rate,
            dampening=0.0,
            nesterov=self._nesterov,
            maximize=False,
            is_first_step=False,
        )


def _laid_out_as(weight: Tensor) -> Tensor:
    """Return the gradient with the strides of `weight`; along sides of one entry they may differ, which is refused."""
    grad = weight.grad
    assert grad is not None
    return grad if grad.stride() == weight.stride() else grad.as_strided(weight.shape, weight.stride())


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015) with its authors' decays 0.9 and 0.999 and epsilon 1e-8.

    Args:
        weights: tensors that `step` changes in place.
        learning_rate: step size.
        weight_decay: multiple of a weight that is added to its gradient.
        together: whether one call updates all weights (torch's `foreach`); None lets torch decide. The results are
            bit-identical.
    """

    def __init__(
        self,
        weights: Iterable[Tensor] = (),
        *,
        learning_rate: float,
        weight_decay: float = 0.0,
        together: bool | None = None,
    ) -> None:
        super().__init__(weights, learning_rate, weight_decay)
        self._together = together

    def _change(self, weights: list[Tensor], gradients: list[Tensor]) -> None:
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
