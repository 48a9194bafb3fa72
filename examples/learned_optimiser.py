"""An optimiser that was learned (Andrychowicz et al. 2016, Learning to learn by gradient descent by gradient descent).

The task is to minimise random quadratic functions f(x) = |W x - y|^2 of 10 numbers. The optimiser is a small LSTM: it
reads the gradient of one coordinate and returns the step of this coordinate. All coordinates share its weights and each
has a state of its own. It is trained by gradient descent on the sum of log f along its path; the paper sums f, which
depends most on the first steps. On functions that it was not trained on, it is compared with SGD and Adam whose
learning rates were tuned for the lowest f at the last step.
"""

import argparse
from pathlib import Path

import torch
from line_chart import write_line_chart
from torch import Tensor, nn

from netwright.nn.optimizers import SGD, Adam

SIZE = 10  # coordinates of x, and rows of W
UNROLLED = 20  # steps of the optimiser between two updates of its weights
RATES = [10 ** (exponent / 8) for exponent in range(-32, 5)]  # for SGD and Adam: 0.0001 to 3.2


class Quadratics:
    """Functions f(x) = |W x - y|^2 with W and y of N(0, 1), sampled independently."""

    def __init__(self, number: int, generator: torch.Generator) -> None:
        self.W = torch.randn(number, SIZE, SIZE, generator=generator)
        self.y = torch.randn(number, SIZE, generator=generator)

    def error(self, x: Tensor) -> Tensor:
        return torch.einsum("fij,fj->fi", self.W, x) - self.y

    def __call__(self, x: Tensor) -> Tensor:
        """x [functions, SIZE] -> f [functions]."""
        return self.error(x).square().sum(dim=1)

    def gradient(self, x: Tensor) -> Tensor:
        return 2 * torch.einsum("fij,fi->fj", self.W, self.error(x))


class LearnedOptimiser(nn.Module):
    """Two LSTM layers that read a coordinate's gradient and return its step."""

    def __init__(self, hidden: int = 20) -> None:
        super().__init__()
        self.layers = nn.ModuleList([nn.LSTMCell(2, hidden), nn.LSTMCell(hidden, hidden)])
        self.output = nn.Linear(hidden, 1)

    def forward(self, gradient: Tensor, states: list[tuple[Tensor, Tensor] | None]) -> tuple[Tensor, list]:
        size = gradient.abs().clamp(min=1e-8)
        values = torch.stack([size.log() / 10, gradient.sign()], dim=-1).reshape(-1, 2)  # gradients of any magnitude
        after = []
        for layer, state in zip(self.layers, states, strict=True):
            values, cell = layer(values, state)
            after.append((values, cell))
        return 0.1 * self.output(values).reshape(gradient.shape), after


def train(optimiser: LearnedOptimiser, epochs: int, steps: int, functions: int, generator: torch.Generator) -> None:
    """Train by backpropagation through `UNROLLED` steps at a time; gradients of f count as inputs."""
    adam = Adam(optimiser.parameters(), learning_rate=0.005)
    for epoch in range(epochs):
        adam.learning_rate = 0.005 * (1 - epoch / epochs)
        f, x, states = Quadratics(functions, generator), torch.zeros(functions, SIZE), [None, None]
        for start in range(0, steps, UNROLLED):
            loss = torch.zeros(())
            for _ in range(min(UNROLLED, steps - start)):
                step, states = optimiser(f.gradient(x).detach(), states)
                x = x + step
                loss = loss + f(x).log().mean()
            adam.zero_grad()
            loss.backward()
            adam.step()
            x, states = x.detach(), [(h.detach(), c.detach()) for h, c in states]


@torch.no_grad()
def path_of_learned(optimiser: LearnedOptimiser, f: Quadratics, steps: int) -> list[float]:
    """Return the mean of f before the first step and after each."""
    x, states = torch.zeros_like(f.y), [None, None]
    path = [float(f(x).mean())]
    for _ in range(steps):
        step, states = optimiser(f.gradient(x), states)
        x = x + step
        path.append(float(f(x).mean()))
    return path


def path_of(optimizer: type[SGD | Adam], rate: float, f: Quadratics, steps: int) -> list[float]:
    """Return the same for SGD or Adam."""
    x = torch.zeros_like(f.y)
    path, rule = [float(f(x).mean())], optimizer([x], learning_rate=rate)
    for _ in range(steps):
        x.grad = f.gradient(x)
        rule.step()
        path.append(float(f(x).mean()))
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=200, help="epochs of training; each has functions of its own")
    parser.add_argument("--functions", type=int, default=64, help="functions of an epoch")
    parser.add_argument("--steps", type=int, default=100, help="steps of an optimiser on a function")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--picture", type=Path, default=Path("learned_optimiser.svg"), help="the SVG file to write")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    generator = torch.Generator().manual_seed(options.seed)
    tuning, test = Quadratics(1000, generator), Quadratics(1000, generator)
    paths = {}
    for kind in (SGD, Adam):
        finals = {rate: path_of(kind, rate, tuning, options.steps)[-1] for rate in RATES}
        best = min((rate for rate in RATES if finals[rate] < float("inf")), key=finals.__getitem__)
        paths[f"{kind.__name__}, rate {best:.2g}"] = path_of(kind, best, test, options.steps)
    optimiser = LearnedOptimiser()
    train(optimiser, options.epochs, options.steps, options.functions, generator)
    paths["learned"] = path_of_learned(optimiser, test, options.steps)
    shown = [options.steps * share // 5 for share in range(6)]
    print(f"Mean of f on {len(test.y)} new functions after a number of steps:")
    print(" " * 16, *(f"{step:8}" for step in shown))
    for name, path in paths.items():
        print(name.ljust(16), *(f"{path[step]:8.3f}" for step in shown))
    write_line_chart(options.picture, "Mean of f", "steps", paths, logarithmic=True)
    print(f"picture: {options.picture}")


if __name__ == "__main__":
    main()
