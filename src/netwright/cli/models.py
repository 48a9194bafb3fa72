"""`netwright models`."""

import json
from typing import Annotated

import typer

from netwright.cli.app import command_in
from netwright.cli.help import FIND
from netwright.cli.hints import print_next
from netwright.errors import command
from netwright.terminal import Terminal


@command_in(FIND)
def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list for other programs.")] = False,
) -> None:
    """List everything that is trained by its name: size, published result, source.

    Networks for images are counted for CIFAR-10, Inception-v4 for ImageNet. Results are the published ones; nothing is
    measured here. A cell without a size has the one that --size, --hidden or --like give it.

    Examples:
        netwright train resnet-20 --task cifar10
        netwright train lstm-small
    """
    from netwright.cli.tables import print_table
    from netwright.recipes.listing import listed_models

    entries = listed_models()
    if as_json:
        print(json.dumps([entry.to_json() for entry in entries], indent=1))
        return
    console = Terminal()
    headers = ["task", "name", "parameters", "multiply-adds", "published test result", "source"]
    rows = [
        [each.task, each.name, _number(each.num_parameters), _number(each.multiply_adds), each.published, each.source]
        for each in entries
    ]
    print_table(console, headers, rows)
    print_next(command("train", "resnet-20", "--task", "cifar10"), command("train", "lstm-small"))


def _number(count: int | None) -> str:
    return "" if count is None else f"{count:,}"
