"""`netwright recipes`."""

import json
from collections.abc import Iterator
from typing import Annotated

import typer

from netwright.cli import options
from netwright.cli.app import command_in
from netwright.cli.help import FIND
from netwright.cli.hints import print_next
from netwright.config import RunConfig, flattened
from netwright.config.base import Settings
from netwright.errors import command
from netwright.terminal import Terminal

FIXED = ("recipe", "evaluate.kind", "strategy.name")
"""What the recipe and --strategy determine; --set changes the other settings."""


@command_in(FIND)
def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME",
            help="A recipe, or FILE.py:FUNCTION, whose settings are shown.",
            autocompletion=options.recipe_names,
        ),
    ] = None,
    as_json: options.JsonOption = False,
) -> None:
    """List every recipe with what it searches and what it costs; with NAME, every setting of one recipe.

    The settings are the KEYs of --set KEY=VALUE, each with its value in this recipe and its meaning. Those that begin
    with "final." are for netwright train, the others for netwright search. A source in the meaning, such as "paper",
    is that of the usual value; null stands for nothing.

    Examples:
        netwright recipes
        netwright recipes digits
    """
    if name is not None:
        _print_settings(name, as_json=as_json)
        return
    from netwright.cli.tables import print_table
    from netwright.recipes import RECIPES
    from netwright.spaces.exploring import size_of

    headers = ["recipe", "trials", "architectures", "what it searches", "what it costs"]
    rows = []
    for each, recipe in RECIPES.items():
        what, _, cost = (recipe.__doc__ or "").partition("\n")
        config = recipe()
        last = config.space.at(config.num_trials - 1)
        rows.append([each, f"{config.num_trials:,}", str(size_of(last)), what.strip(), cost.strip()])
    if as_json:
        print(json.dumps([dict(zip(headers, row, strict=True)) for row in rows], indent=1))
    else:
        print_table(Terminal(), headers, rows)
        print_next(command("recipes", "digits"), command("search", "digits"))


def _print_settings(name: str, *, as_json: bool) -> None:
    """Print every setting of a recipe with its value and meaning."""
    from netwright.cli.tables import print_table
    from netwright.recipes import config_of

    rows = list(_settings(config_of(name)))
    if as_json:
        print(json.dumps([{"key": key, "value": value, "meaning": meaning} for key, value, meaning in rows], indent=1))
    else:
        shown = [[key, value if isinstance(value, str) else json.dumps(value), meaning] for key, value, meaning in rows]
        print_table(Terminal(), ["--set KEY", "value", "meaning"], shown)
        print_next(command("search", name))


def _settings(config: RunConfig) -> Iterator[tuple[str, object, str]]:
    """Yield (key, value, meaning) of every setting of a search and, if its networks are trained, of `train`."""
    from netwright.config.meanings import meanings
    from netwright.evaluation.factory import evaluation_of

    groups: list[tuple[str, Settings]] = [("", config)]
    if config.evaluate.trains is not None:
        groups.append(("final.", evaluation_of(config.evaluate).final_settings()))
    for prefix, group in groups:
        meaning = dict(meanings(group))
        for key, value in flattened(group.to_json()):
            if key not in FIXED:
                yield prefix + key, value, meaning.get(key, "").replace("None", "null")  # as --set takes it
