"""The reference networks for images by name.

network = NETWORKS["resnet-110"](10, 3, (32, 32))
"""

from collections.abc import Callable

from torch import nn

from netwright.reference import (
    all_cnn,
    densenet,
    fractalnet,
    highway,
    inception_v4,
    network_in_network,
    preact_resnet,
    resnet,
    wide_resnet,
)

NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    **resnet.NETWORKS,
    **preact_resnet.NETWORKS,
    **wide_resnet.NETWORKS,
    **densenet.NETWORKS,
    **network_in_network.NETWORKS,
    **all_cnn.NETWORKS,
    **highway.NETWORKS,
    **fractalnet.NETWORKS,
    **inception_v4.NETWORKS,
}
"""Name -> function of (num_classes, in_channels, (height, width)) that builds the network with its first weights."""
