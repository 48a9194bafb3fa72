"""The reference networks for images by name.

network = NETWORKS["resnet-110"](10, 3, (32, 32))
"""

from collections.abc import Callable

from torch import nn

from netwright.reference import densenet, preact_resnet, resnet, wide_resnet

NETWORKS: dict[str, Callable[[int, int, tuple[int, int]], nn.Module]] = {
    **resnet.NETWORKS,
    **preact_resnet.NETWORKS,
    **wide_resnet.NETWORKS,
    **densenet.NETWORKS,
}
"""Name -> function of (num_classes, in_channels, (height, width)) that builds the network with its first weights."""
