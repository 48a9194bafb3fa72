"""An optimiser that was learned (Andrychowicz et al. 2016, Learning to learn by gradient descent by gradient descent).

The task is to minimise random quadratic functions f(x) = |W x - y|^2 of 10 numbers. The optimiser is a small LSTM that
reads the gradient of one coordinate and returns its step; all coordinates share the weights and each has its own state.
It is trained by gradient descent on the sum of log f along its path (the paper sums f, which depends most on the first
steps) and compared, on new functions, with SGD and Adam at the learning rates that gave the lowest f at the last step.
"""

import argparse
from pathlib import Path

import torch
from line_chart import write_line_chart
from torch import Tensor, nn

from netwright.nn.optimizers import SGD, Adam

SIZE = 10  # coordinates of x, and rows of W
FUNCTIONS = 64  # in an epoch of training
UNROLLED = 20  # steps of the optimiser between two updates of its weights
RATES = [10 ** (exponent / 8) for exponent in range(-24, 5)]  # for SGD and Adam: 0.001 to 3.2


class Quadratics:
    """Functions f(x) = |W x - y|^2 with W and y of N(0, 1), sampled independently."""

    def __init__(self, number: int) -> None:
        self.W = torch.randn(number, SIZE, SIZE)
        self.y = torch.randn(number, SIZE)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x [functions, SIZE] -> f [functions] and its gradient at x."""
        error = torch.einsum("fij,fj->fi", self.W, x) - self.y
        return error.square().sum(dim=1), 2 * torch.einsum("fij,fi->fj", self.W, error)


class LearnedOptimiser(nn.Module):
    """Two LSTM layers that read a coordinate's gradient and return its step."""

    def __init__(self, hidden: int = 20) -> None:
        super().__init__()
        self.lower, self.upper = nn.LSTMCell(2, hidden), nn.LSTMCell(hidden, hidden)
        self.output = nn.Linear(hidden, 1)

    def forward(self, gradient: Tensor, states: list[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, list]:
        size = gradient.abs().clamp(min=1e-8)
        values = torch.stack([size.log() / 10, gradient.sign()], dim=-1).reshape(-1, 2)  # gradients of any magnitude
        lower = self.lower(values, states[0])
        upper = self.upper(lower[0], states[1])
        return 0.1 * self.output(upper[0]).reshape(gradient.shape), [lower, upper]


def train(optimiser: LearnedOptimiser, epochs: int, steps: int) -> None:
    """Train by backpropagation through `UNROLLED` steps at a time; gradients of f count as inputs."""
    adam = Adam(optimiser.parameters(), learning_rate=0.005)
    for epoch in range(epochs):
        adam.learning_rate = 0.005 * (1 - epoch / epochs)
        f, x, states = Quadratics(FUNCTIONS), torch.zeros(FUNCTIONS, SIZE), [None, None]
        for start in range(0, steps, UNROLLED):
            loss = torch.zeros(())
            for _ in range(min(UNROLLED, steps - start)):
                step, states = optimiser(f(x)[1].detach(), states)
                x = x + step
                loss = loss + f(x)[0].log().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            x, states = x.detach(), [(h.detach(), c.detach()) for h, c in states]


@torch.no_grad()
def path_of_learned(optimiser: LearnedOptimiser, f: Quadratics, steps: int) -> list[float]:
    """Return the mean of f before the first step and after each."""
    x, states, path = torch.zeros_like(f.y), [None, None], []
    for _ in range(steps + 1):
        value, gradient = f(x)
        path.append(float(value.mean()))
        step, states = optimiser(gradient, states)
        x = x + step
    return path


def path_of(kind: type[SGD | Adam], rate: float, f: Quadratics, steps: int) -> list[float]:
    """Return the same for SGD or Adam."""
    x, path = torch.zeros_like(f.y), []
    rule = kind([x], learning_rate=rate)
    for _ in range(steps + 1):
        value, x.grad = f(x)
        path.append(float(value.mean().nan_to_num(nan=torch.inf)))  # a rate that is too high diverges
        rule.step()
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=200, help="epochs of training; each has functions of its own")
    parser.add_argument("--steps", type=int, default=100, help="steps of an optimiser on a function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("learned_optimiser.svg"), help="the SVG file to write")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    tuning, test = Quadratics(1000), Quadratics(1000)
    paths = {}
    for kind in (SGD, Adam):
        best = min(RATES, key=lambda rate: path_of(kind, rate, tuning, options.steps)[-1])
        paths[f"{kind.__name__}, rate {best:.2g}"] = path_of(kind, best, test, options.steps)
    optimiser = LearnedOptimiser()
    train(optimiser, options.epochs, options.steps)
    paths["learned"] = path_of_learned(optimiser, test, options.steps)
    shown = [options.steps * share // 5 for share in range(6)]
    print("Mean of f after steps".ljust(24), *(f"{step:8}" for step in shown))
    for name, path in paths.items():
        print(name.ljust(24), *(f"{path[step]:8.3f}" for step in shown))
    write_line_chart(options.picture, "Mean of f", "steps", paths, logarithmic=True)
    print(f"picture: {options.picture}")


if __name__ == "__main__":
    main()
