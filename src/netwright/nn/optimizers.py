"""SGD and Adam by torch's own functions, for weights that take part in a step or not.

`torch.optim.SGD` and `torch.optim.Adam` import torch's compiler when they are first made, which takes as long as the
import of torch itself: in every worker before its first child, and in every process with a controller. The functions
behind them do not, and give the same bits.
"""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.optim.adam import adam
from torch.optim.sgd import sgd


class Optimizer(ABC):
    """What changes weights by their gradients.

    Between steps `learning_rate` may be changed, and `weights` appended to.
    """

    def __init__(self, weights: Iterable[Tensor], learning_rate: float, weight_decay: float) -> None:
        self.weights, self.learning_rate, self._weight_decay = list(weights), learning_rate, weight_decay
        self.state: defaultdict[Tensor, dict[str, Tensor]] = defaultdict(dict)
        """What is known of each weight, by torch's names; goes on exactly where it is put back."""

    def zero_grad(self) -> None:
        """Forget the gradients of all weights."""
        for weight in self.weights:
            weight.grad = None

    @torch.no_grad()
    def step(self) -> None:
        """Change in place every weight that has a gradient."""
        pairs = [(weight, weight.grad) for weight in self.weights if weight.grad is not None]
        self._change([weight for weight, _ in pairs], [gradient for _, gradient in pairs])

    @abstractmethod
    def _change(self, weights: list[Tensor], gradients: list[Tensor]) -> None: ...


class SGD(Optimizer):
    """Stochastic gradient descent, with Nesterov's momentum where there is any."""

    def __init__(
        self, weights: Iterable[Tensor], *, learning_rate: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        super().__init__(weights, learning_rate, weight_decay)
        self._momentum = momentum

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
            nesterov=self._momentum > 0,
            maximize=False,
        )
        for weight, velocity in zip(weights, velocities, strict=True):
            if velocity is not None:
                self.state[weight]["momentum_buffer"] = velocity


class Adam(Optimizer):
    """Adam (Kingma & Ba 2015) with its authors' decays and epsilon.

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
