"""Options that more than one command takes, or that would make a command's signature hard to read."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class GridName(StrEnum):
    """What `--grid` takes."""

    small = "small"
    none = "none"


class ScheduleName(StrEnum):
    """What `--schedule` takes."""

    constant = "constant"
    step = "step"
    cosine = "cosine"


class RepeatsName(StrEnum):
    """What `--repeats` takes."""

    charged = "charged"
    free = "free"


class ExecutorName(StrEnum):
    """What `--executor` takes."""

    local = "local"
    ray = "ray"


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
StrategyOption = Annotated[
    str | None,
    typer.Option(
        "--strategy",
        help="Who chooses: reinforce, ppo, pqt, thompson, evolution, large-scale-evolution, q-learning, optuna or "
        "random. [dim]Default: the recipe's[/]",
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        help="Children trained at once. [dim]Default: one per core, or one on a GPU; on Ray all that fit[/]",
    ),
]
ExecutorOption = Annotated[
    ExecutorName | None,
    typer.Option("--executor", help="Where children run: processes here, or a Ray cluster. [dim]Default: local[/]"),
]
AddressOption = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="auto|HOST:PORT",
        help="The Ray cluster: the one on this machine, or by its head node. [dim]Default: one is started here[/]",
    ),
]
GpusPerChildOption = Annotated[
    float | None,
    typer.Option("--gpus-per-child", help="On Ray, also a fraction: 0.25. [dim]Default: one where there are GPUs[/]"),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        help="The data set's official files, a table's CSV, your own images (a folder of classes or an .npz) or text.",
    ),
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
TaskOption = Annotated[
    str | None,
    typer.Option("--task", help="The data for a NAME or FILE.json: cifar10, digits, ptb. A run has its own."),
]
CandidatesOption = Annotated[
    int, typer.Option("--top", min=1, help="Choose among so many of the run's best. Validation decides.")
]
GridOption = Annotated[
    GridName,
    typer.Option("--grid", help="small: 16 points around the search's settings; none: those settings alone."),
]
FinalEpochsOption = Annotated[
    int | None,
    typer.Option(
        "--epochs",
        min=1,
        help="Of every training. More are of use to a language model only if its learning rate falls more slowly too: "
        "--set evaluate.constant_epochs=N --set evaluate.decay=D. [dim]Default: 6 times the search's; for text as many "
        "as the search's[/]",
    ),
]
ScheduleOption = Annotated[
    ScheduleName | None, typer.Option("--schedule", help="Of the learning rate. [dim]Default: the search's[/]")
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size", help="Of a language model: the paper's 25M or 54M (tied) or 32M, or any number of parameters, 5M."
    ),
]
HiddenOption = Annotated[int | None, typer.Option("--hidden", min=1, help="Units of its layers instead.")]
LikeOption = Annotated[
    str | None,
    typer.Option("--like", metavar="BASELINE", help="A baseline's settings and number of parameters: lstm-small."),
]
LabelSmoothingOption = Annotated[
    float | None, typer.Option("--label-smoothing", help="Share of a label given to all classes, for example 0.1.")
]
ModelOption = Annotated[
    Path | None, typer.Option("--out", "-o", help="The model's folder. [dim]Default: RUN/model or models/NAME[/]")
]
