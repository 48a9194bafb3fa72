"""Options that more than one command takes, or that would make a command's signature hard to read."""

from pathlib import Path
from typing import Annotated

import typer

RunArgument = Annotated[
    Path, typer.Argument(metavar="RUN", help="A run's folder, as --out named it.", show_default=False)
]
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="The run's folder. [dim]Default: runs/RECIPE-STRATEGY-seedS[/]")
]
TrialsOption = Annotated[
    int | None,
    typer.Option("--trials", min=1, help="How many architectures to try in all. [dim]Default: the recipe's[/]"),
]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="Children trained at once. [dim]Default: one per core, or one on a GPU[/]"),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", help="The data set's official files, or your own images: a folder of classes, or an .npz."),
]
VerifyOption = Annotated[
    bool,
    typer.Option("--verify-data/--no-verify-data", help="Whether data files must have the official checksums."),
]
MaxParametersOption = Annotated[
    int | None,
    typer.Option("--max-parameters", min=1, help="Reject children with more, without training them."),
]
MaxFlopsOption = Annotated[
    int | None,
    typer.Option("--max-flops", min=1, help="The same for the multiply-adds that one image costs."),
]
TensorboardOption = Annotated[
    bool, typer.Option("--tensorboard", help="Write live curves for TensorBoard into RUN/tensorboard.")
]
EstimateOption = Annotated[
    bool, typer.Option("--estimate", help="Say what the search would cost on this machine, and do not search.")
]
