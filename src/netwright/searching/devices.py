"""What a run's children were trained on, in words; importing it does not import torch."""

from netwright.architectures.values import JsonObject


def devices_in_words(about: JsonObject) -> str:
    """Return the devices of a run in their order, from what it stored about itself; empty if it stored none."""
    return ", then ".join(f"{each['name']} in {each['precision']}" for each in about.get("devices", ()))
