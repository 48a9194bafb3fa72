"""The reference networks for images by name.

network = NETWORKS["all-cnn"](10, 3, (32, 32))
"""

from collections.abc import Callable

from torch import nn

from netwright.reference import all_cnn, fractalnet, highway, inception_v4, network_in_network

NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    **network_in_network.NETWORKS,
    **all_cnn.NETWORKS,
    **highway.NETWORKS,
    **fractalnet.NETWORKS,
    **inception_v4.NETWORKS,
}
"""Name -> function of (num_classes, in_channels, (height, width)) that builds the network with its first weights."""
