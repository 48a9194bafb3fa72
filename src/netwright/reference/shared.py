"""What the reference networks have in common."""

from torch import nn

from netwright.errors import ConfigError


def num_blocks(network: str, depth: int, convolutions: int, others: int) -> int:
    """Return the number of blocks in each of three stages of a network.

    Args:
        network: Its name, for the message.
        depth: Layers with weights.
        convolutions: Those of a block, times three.
        others: Those outside the blocks.

    Raises:
        ConfigError: No number of blocks gives this depth.
    """
    blocks, rest = divmod(depth - others, convolutions)
    if blocks < 1 or rest:
        raise ConfigError(
            f"{network} of depth {depth} does not exist; expected {convolutions} n + {others} layers, such as "
            f"{convolutions * max(blocks, 1) + others}"
        )
    return blocks


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
