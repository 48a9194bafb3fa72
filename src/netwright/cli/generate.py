"""`netwright generate`."""

from pathlib import Path
from typing import Annotated

import typer

from netwright.cli.app import command_in, interruption_explained
from netwright.cli.help import USE
from netwright.errors import ConfigError, command
from netwright.terminal import Terminal


@command_in(USE)
def generate(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="The folder of a language model.", show_default=False)],
    length: Annotated[int, typer.Option("--length", "-n", min=1, help="Number of tokens: words or characters.")] = 100,
    start: Annotated[str, typer.Option("--start", help="The text to continue. [dim]Default: a new line[/]")] = "",
    temperature: Annotated[
        float, typer.Option("--temperature", help="Above 0. Below 1 likely tokens become likelier.")
    ] = 1.0,
    seed: Annotated[int, typer.Option("--seed", help="The same seed gives the same text.")] = 0,
) -> None:
    """Continue a text with a trained language model, token by token.

    Examples:
        netwright generate models/nas-cell --start "the company said"
        netwright generate runs/pydoc-reinforce-seed0/model --temperature 0.7
    """
    from netwright.models.continuation import continued, joined, split
    from netwright.models.folder import load
    from netwright.models.language import TrainedLanguageModel

    loaded = load(model)
    if not isinstance(loaded, TrainedLanguageModel):
        raise ConfigError(
            f"{model} is no language model that was trained; `{command('train', 'lstm-small')}` trains one, for example"
        )
    with interruption_explained(lambda: "Nothing was printed; a smaller --length is ready sooner"):
        tokens = list(continued(loaded, start, length=length, temperature=temperature, seed=seed))
    text = joined(loaded, [*split(loaded, start), *tokens])
    Terminal(soft_wrap=True).print(text, highlight=False, markup=False)
