"""The first weights that the reference networks have in common."""

from torch import nn


def sample_he_weights(network: nn.Module) -> None:
    """Sample the weights of all convolutions from N(0, 2 / (kernel area * filters)) and set biases to 0.

    He et al. 2015 (arXiv 1502.01852), equation 14. Linear layers keep torch's U(+-1/sqrt(inputs)), as in the networks'
    published code. All randomness comes from torch's global generator.
    """
    for part in network.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        if isinstance(part, nn.Conv2d | nn.Linear) and part.bias is not None:
            nn.init.zeros_(part.bias)
