import pytest
import torch

from netwright.reference.catalog import NETWORKS


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_network_maps_images_to_one_logit_per_class(name):
    size = (299, 299) if name == "inception-v4" else (32, 32)
    with torch.device("meta"):
        network = NETWORKS[name](10, 3, size).eval()
        assert network(torch.empty(2, 3, *size)).shape == (2, 10)
