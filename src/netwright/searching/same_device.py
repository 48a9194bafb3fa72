"""On which devices a run's children were trained, and whether a stored run continues on the same one.

The device is the GPU by its name, or the processor. Processors are not told apart, nor what trains children on a Ray
cluster or in a user's function.
"""

import torch

from netwright.architectures.values import JsonObject
from netwright.config import RunConfig
from netwright.errors import ConfigError, command
from netwright.searching.devices import devices_in_words
from netwright.searching.placement import Placement
from netwright.searching.store import Store
from netwright.training.speed import Speed

ACCEPT = "--accept-device"


def description(config: RunConfig, placement: Placement) -> JsonObject:
    """Return what a new run stores about its device, `devices` with one entry; empty where the device is unknown.

    Raises:
        ConfigError: Children are to be trained on a GPU, and this machine has none.
    """
    settings = config.evaluate.model_dump(include={"device", "precision"})
    if not settings or placement.on_cluster:
        return {}
    speed = Speed(**settings)
    if speed.torch_device.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "evaluate.device is cuda, and torch finds no GPU on this machine; `netwright doctor` prints what it finds. "
            "Without a GPU, --set evaluate.device=auto trains on the processor"
        )
    name = torch.cuda.get_device_name() if speed.torch_device.type == "cuda" else "processor"
    return {"devices": [{"name": name, "precision": "bfloat16" if speed.bfloat16 else "float32"}]}


def checked(store: Store, about: JsonObject, config: RunConfig, placement: Placement, *, accept: bool) -> JsonObject:
    """Check that a stored run continues on its device.

    Args:
        store: The run.
        about: What it stored about itself.
        config: Its settings.
        placement: Where its children are trained now.
        accept: Whether to go on although the device is another one.

    Returns:
        The document `about` that the run is to store from now on.

    Raises:
        ConfigError: The device is another one; its arithmetic gives other numbers, which would stand beside the others.
    """
    present = description(config, placement)
    with store.understood():
        before, now = about["devices"][-1:] if "devices" in about else [], present.get("devices", [])
        if not before or not now or before[0]["name"] == now[0]["name"]:
            return about
        told = f"the children of {store.folder} were trained on {devices_in_words({'devices': before})}"
    if not accept:
        assert store.folder is not None
        raise ConfigError(
            f"{told}, and this command would train on {devices_in_words(present)}, whose arithmetic gives slightly "
            f"different scores. Go on where it began, or accept the difference by {ACCEPT}, for example "
            f"{command('resume', store.folder, ACCEPT)}"
        )
    return {**about, "devices": [*about["devices"], *now]}
